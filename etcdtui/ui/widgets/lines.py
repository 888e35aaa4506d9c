"""LineView: the base of every list, tree, viewer and tail; paints only the lines that can be seen.

A subclass gives ``row_count`` and ``render_row(index, width)``; everything it returns must come through
``ui.text.safe``. Nothing here costs more for a million rows than for ten.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from etcdtui.ui.bindings import LIST, bindings_for
from etcdtui.ui.widgets.strips import FreedLines, FreedStrip
from etcdtui.ui.widgets.toned import Retoning, Toned

STRIPS_KEPT = 512
"""Painted lines kept for reuse; several screens full."""

CURSOR = "line--cursor"
CURSOR_BLURRED = "line--cursor-blurred"
STATES = ("", CURSOR, CURSOR_BLURRED)

SEARCH_ROWS = 20_000
"""Rows the default ``index_of`` looks through before it gives up; a larger model overrides it."""


_NOT_DIM = Style(dim=False)


class _Painted:
    """A row as it was painted: from which text, on which style, and in which round of the model it was last right."""

    __slots__ = ("base", "round", "strip", "text")

    def __init__(self, in_round: int, text: Text, base: Style, strip: Strip) -> None:
        self.round = in_round
        self.text = text
        self.base = base
        self.strip = strip


def _same(one: Text, other: Text) -> bool:
    """Whether two texts look the same; Rich's own comparison leaves out the style of the whole."""
    return one == other and one.style == other.style


def _as_it_is(style: Style) -> Style:
    return style


@lru_cache(maxsize=256)
def _weight(style: Style) -> Style:
    """What of a style stays in the cursor's row, which has one ink on one paper: lines, slant, weight, reverse."""
    return style.without_color + _NOT_DIM


class LineView(Toned, FreedLines, ScrollView, can_focus=True):
    """Rows, a cursor and scrolling over a model that stays with the subclass.

    After the model changed, call ``model_changed()``; after one row changed, ``row_changed(index)``.
    Posts ``Moved`` when the cursor rests on another row and ``Chosen`` on enter or a click on the cursor's row.
    """

    ALLOW_SELECT = False
    is_led: ClassVar[bool] = False
    """Whether a field that has the focus moves its cursor, which then looks as with the focus."""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(LIST)]
    COMPONENT_CLASSES = {CURSOR, CURSOR_BLURRED}
    DEFAULT_CSS = """
    LineView {
        height: 1fr; width: 1fr;
        overflow-x: auto; overflow-y: auto;
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
        & > .line--cursor { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
        & > .line--cursor-blurred {
            background: $block-cursor-blurred-background; color: $block-cursor-blurred-foreground;
        }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    show_cursor: reactive[bool] = reactive(True)

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, view: LineView, index: int) -> None:
            super().__init__()
            self.view = view
            self.index = index

        @property
        def control(self) -> LineView:
            return self.view

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, LineView.Moved) and message.view is self.view

    class Chosen(Message):
        """Enter, or a click, on a row."""

        def __init__(self, view: LineView, index: int) -> None:
            super().__init__()
            self.view = view
            self.index = index

        @property
        def control(self) -> LineView:
            return self.view

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painted: dict[tuple[int, int, str], _Painted] = {}
        self._round = 0
        self._blank: Strip | None = None
        self._plain: bool | None = None
        self._tones: dict[str, Style] = {}
        self._bases: dict[str, Style] = {}
        self._cursor_identity: Hashable | None = None

    # --- what a subclass gives ---------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        """How many rows there are now."""
        return 0

    def render_row(self, index: int, width: int) -> Text:
        """Row ``index`` as safe text; longer than ``width`` cells only where ``content_width`` says so."""
        return Text()

    @property
    def content_width(self) -> int:
        """Cells of the widest row where rows may be scrolled sideways; 0 where they never are."""
        return 0

    def row_key(self, index: int) -> Hashable | None:
        """What makes this row the same row after the model changed; None keeps the cursor by position."""
        return None

    def index_of(self, key: Hashable) -> int | None:
        """Where the row of that identity is now; override it for a model that knows faster than by looking."""
        return next((i for i in range(min(self.row_count, SEARCH_ROWS)) if self.row_key(i) == key), None)

    # --- what a subclass or screen calls -----------------------------------------------------------------

    def tone(self, name: str) -> Style:
        """The theme's style for one of ``TONES``, kept until the theme changes."""
        style = self._tones.get(name)
        if style is None:
            style = self._tones[name] = super().tone(name)
        return style

    def model_changed(self) -> None:
        """Repaint after any change of the model; the cursor stays on its row, at its height on the screen."""
        before = self.cursor
        after = before
        if self._cursor_identity is not None:
            found = self.index_of(self._cursor_identity)
            after = before if found is None else found
        after = max(0, min(after, self.row_count - 1))
        self._round += 1
        self._bases.clear()
        self._measure()
        if after != before:
            self.cursor = after
            if self.is_mounted:
                self.scroll_to(y=max(0, self.scroll_offset.y + after - before), animate=False, force=True)
        self._cursor_identity = self.row_key(after) if self.row_count else None
        self.refresh()
        self._show_row(self.cursor)

    def row_changed(self, index: int) -> None:
        """Repaint one row."""
        for state in STATES:
            if (kept := self._painted.get((index, self._line_width, state))) is not None:
                kept.round = -1
        if self._on_screen(index):
            self.refresh_line(index)

    def page_rows(self) -> int:
        """Rows that fit on the screen."""
        return max(1, self.scrollable_content_region.height)

    def visible_rows(self) -> range:
        """The rows that can be seen now."""
        top = self.scroll_offset.y
        return range(top, min(self.row_count, top + self.page_rows()))

    # --- painting ----------------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a region, each as it was painted before where its text is still the same."""
        if not self._is_plain():
            return super().render_lines(crop)
        start, end = crop.column_span
        strips = [self.render_line(y) for y in crop.line_range]
        return [strip if strip.cell_length == end and not start else strip.crop(start, end) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """One line as it goes to the screen; what draws borders round it filters it again, which changes nothing."""
        left, top = self.scroll_offset
        index, width = y + top, self._line_width
        if index >= self.row_count:
            if self._blank is None or self._blank.cell_length != width:
                self._blank = self.strip(Text(), width)
            return self._blank
        strip = self._painted_row(index, width, self._state(index))
        return strip if left == 0 and strip.cell_length == width else self._window(strip, left, width)

    def strip(self, text: Text, width: int, state: str = "") -> Strip:
        """A text on the base style as a line of at least that many cells, with nothing in it to be obeyed."""
        base = self.base_style(state)
        over = _weight if state == CURSOR else _as_it_is
        own = None if text.spans or not isinstance(text.style, Style) else text.style  # Rich leaves it out then
        segments = [
            Segment(part, base if (look := style or own) is None else base + over(look))
            for part, style, _ in text.render(self.app.console)
            if part != "\n"
        ]
        if (missing := width - text.cell_len) > 0:
            segments.append(Segment(" " * missing, base))
        background = self.background_colors[1]
        for line_filter in self.get_line_filters():
            segments = line_filter.apply(segments, background)
        return FreedStrip(segments, max(width, text.cell_len))

    def _painted_row(self, index: int, width: int, state: str) -> Strip:
        """A row, kept until the model changes; kept beyond that when its text turns out to be the same."""
        key = (index, width, state)
        kept = self._painted.get(key)
        if kept is not None and kept.round == self._round:
            return kept.strip
        text = self.render_row(index, width)
        base = self.base_style(state)
        if kept is not None and _same(kept.text, text) and kept.base == base:
            kept.round = self._round
            return kept.strip
        if len(self._painted) >= STRIPS_KEPT:
            self._painted.clear()
        strip = self.strip(text, width, state)
        self._painted[key] = _Painted(self._round, text, base, strip)
        return strip

    def _window(self, strip: Strip, left: int, width: int) -> Strip:
        """The part of a wider line that is in sight."""
        part = strip.crop(left, left + width) if strip.cell_length > left else None
        cells = part.cell_length if part is not None else 0
        if part is not None and cells == width:
            return part
        blank = self.strip(Text(), width - cells)
        return blank if part is None else Strip.join([part, blank])

    def _state(self, index: int) -> str:
        if not self.show_cursor or index != self.cursor:
            return ""
        return CURSOR if self.has_focus or self.is_led else CURSOR_BLURRED

    def _is_plain(self) -> bool:
        """Whether nothing is laid round or over the lines."""
        if self._plain is None:
            styles = self.styles
            plain = not any(styles.gutter) and self.opacity == 1.0 and styles.text_opacity == 1.0
            self._plain = plain and not styles.tint.a and not any(edge for edge, _ in styles.outline)
        return self._plain

    @property
    def _line_width(self) -> int:
        return self.scrollable_content_region.width or self.size.width

    def base_style(self, state: str = "") -> Style:
        """The style below a row's own; working it out walks all widgets around, so it is kept like the lines are."""
        style = self._bases.get(state)
        if style is None:
            style = self.rich_style + self.get_component_rich_style(state) if state else self.rich_style
            self._bases[state] = style
        return style

    def notify_style_update(self) -> None:
        self._forget()
        self._tones.clear()
        super().notify_style_update()

    def retone(self, colours: Retoning) -> None:
        self._forget()
        self._tones.clear()
        super().retone(colours)

    def _forget(self) -> None:
        self._painted.clear()
        self._bases.clear()
        self._blank = None
        self._plain = None

    def on_mount(self) -> None:
        self._measure()
        if self._cursor_identity is None and self.row_count:
            self._cursor_identity = self.row_key(self.cursor)

    def on_resize(self, event: events.Resize) -> None:
        self._forget()
        self._measure()
        self._show_row(self.cursor)

    def on_focus(self) -> None:
        self.refresh_line(self.cursor)

    def on_blur(self) -> None:
        self.refresh_line(self.cursor)

    def _measure(self) -> None:
        """Tell how large all rows are. More rows of what is scrolled already only move the thumb of the scrollbar."""
        size = Size(self.content_width or self.scrollable_content_region.width, self.row_count)
        rows = self.scrollable_content_region.height
        is_scrolled = self.show_vertical_scrollbar and min(self.virtual_size.height, size.height) > rows > 0
        if is_scrolled and size.width == self.virtual_size.width and not self.styles.is_auto_height:
            self.set_reactive(ScrollView.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
        else:
            self.virtual_size = size

    def _on_screen(self, index: int) -> bool:
        return 0 <= index - self.scroll_offset.y < self.size.height

    # --- the cursor --------------------------------------------------------------------------------------

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, self.row_count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self._cursor_identity = self.row_key(new) if new < self.row_count else None
        if not self.is_mounted:
            return
        for index in (old, new):
            if self._on_screen(index):
                self.refresh_line(index)
        self._show_row(new)
        self.post_message(self.Moved(self, new))

    def _show_row(self, index: int) -> None:
        height = self.scrollable_content_region.height
        if not height or not self.show_cursor:
            return
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False, force=True)

    def move_cursor(self, rows: int) -> None:
        """Move by ``rows``; without a cursor to show, scroll."""
        if self.show_cursor:
            self.cursor += rows
        else:
            self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def action_cursor_up(self) -> None:
        self.move_cursor(-1)

    def action_cursor_down(self) -> None:
        self.move_cursor(1)

    def action_cursor_left(self) -> None:
        self.scroll_to(x=max(0, self.scroll_offset.x - 8), animate=False, force=True)

    def action_cursor_right(self) -> None:
        self.scroll_to(x=self.scroll_offset.x + 8, animate=False, force=True)

    def action_top(self) -> None:
        self.move_cursor(-self.row_count)

    def action_bottom(self) -> None:
        self.move_cursor(self.row_count)

    def action_half_up(self) -> None:
        self.move_cursor(-max(1, self.page_rows() // 2))

    def action_half_down(self) -> None:
        self.move_cursor(max(1, self.page_rows() // 2))

    def action_page_up(self) -> None:
        self.move_cursor(-self.page_rows())

    def action_page_down(self) -> None:
        self.move_cursor(self.page_rows())

    def action_choose(self) -> None:
        if self.row_count:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = offset.y + self.scroll_offset.y
        if index >= self.row_count:
            return
        if index == self.cursor and self.show_cursor:
            self.action_choose()
        self.cursor = index

    def refresh_line(self, y: int) -> None:
        """Repaint the line of row ``y`` if it is on the screen."""
        if self._on_screen(y):
            self.refresh(Region(0, y - self.scroll_offset.y, self.size.width, 1))
