"""The value viewer: any view of a decoded value, of any size, drawn line by line as it is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from etcdtui.core.decoding.lines import HexLines
from etcdtui.core.decoding.result import Decoded, View
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.folding import LONG_LINE, Folding, Measured, measure
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.syntax import tones

INLINE_SIZE = 32 * 1024
"""Bytes of a value up to which a view is made at once; a larger one is made in a thread."""
MAX_HIGHLIGHTS = 200
"""Search hits coloured on one row."""
FIELD_VIEWS = ("JSON", "YAML")
"""Views with a cursor while they have the focus: enter edits the field on its line."""
UNFOLDED = ("hex", "hex inside")
"""Views whose lines are short by nature."""


class ValueViewer(LineView):
    """Shows ``Decoded`` values; give it one with ``show``. All text is made safe row by row, when it is drawn.

    Posts ``Shown`` when another view is on the screen.
    """

    wrap: reactive[bool] = reactive(True, repaint=False)

    class Shown(Message):
        """The view of that name is drawn now."""

        def __init__(self, viewer: ValueViewer, name: str) -> None:
            super().__init__()
            self.viewer = viewer
            self.name = name

        @property
        def control(self) -> ValueViewer:
            return self.viewer

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.show_cursor = False
        self._views: tuple[View, ...] = ()
        self._current = 0
        self._bytes = 0
        self._generation = 0
        self._measured: Measured = measure([])
        self._folding = Folding(self._measured, 0)
        self._syntax = ""
        self._needle = ""
        self._hit: tuple[int, int] | None = None

    # --- what a screen calls -----------------------------------------------------------------------------

    def show(self, decoded: Decoded, size: int, *, view: str = "", keep_place: bool = False) -> None:
        """Show the view named ``view`` (else the first) of a value of ``size`` bytes.

        ``keep_place`` leaves the scroll position alone, as for a value that changed under the reader.
        """
        self._views = decoded.views
        self._bytes = size
        names = [v.name for v in decoded.views]
        self._current = names.index(view) if view in names else 0
        self._prepare(keep_place)

    def show_lines(self, lines: Sequence[str], *, syntax: str = "") -> None:
        """Show plain lines that are there already, such as a notice instead of a value."""
        self._views = (View("", lambda: lines, syntax),)
        self._current = self._bytes = 0
        self._prepare(False)

    @property
    def view_name(self) -> str:
        return self._views[self._current].name if self._views else ""

    @property
    def cursor_line(self) -> int:
        """The line of the view that the cursor is on, -1 in a view that has none."""
        if not self.show_cursor or not len(self._folding):
            return -1
        return self._folding.locate(min(self.cursor, len(self._folding) - 1))[0]

    def lines(self) -> Sequence[str]:
        """The lines of the view, as far as it is prepared."""
        return self._measured.lines

    def _show_cursor(self, focused: bool) -> None:
        """A cursor where enter means a field; it begins in sight."""
        shown = focused and self.view_name in FIELD_VIEWS and len(self._folding) > 1
        if shown and not self.show_cursor and self.cursor not in self.visible_rows():
            self.cursor = self.scroll_offset.y
        self.show_cursor = shown

    def on_focus(self) -> None:
        self._show_cursor(True)

    def on_blur(self) -> None:
        self._show_cursor(False)

    @property
    def view_names(self) -> tuple[str, ...]:
        return tuple(view.name for view in self._views)

    def next_view(self, step: int = 1) -> None:
        """The next way to see the value, round and round."""
        if len(self._views) > 1:
            self._current = (self._current + step) % len(self._views)
            self._prepare(False)

    def find(self, text: str) -> bool:
        """Search for ``text`` (smart case) from the first visible row on; whether it is there. Empty text stops it."""
        self._needle = text
        self._hit = None
        self.model_changed()
        return bool(text) and self.find_next()

    def find_next(self, step: int = 1) -> bool:
        """Go to the next hit (or the previous, with a negative step), round the end; whether there is one."""
        if not self._needle or not len(self._folding):
            return False
        hit = self._search_forward() if step > 0 else self._search_backward()
        if hit is None:
            return False
        self._hit = hit
        row = self._folding.row_of(*hit)
        if row not in self.visible_rows():
            self.scroll_to(y=max(0, row - self.page_rows() // 3), animate=False, force=True)
        if self.show_cursor:
            self.cursor = row
        if not self._folding.width:
            self._scroll_across(hit[1])
        self.model_changed()
        return True

    # --- LineView ----------------------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        return len(self._folding)

    @property
    def content_width(self) -> int:
        return 0 if self._folding.width else self._measured.widest

    def render_row(self, index: int, width: int) -> Text:
        line, start, end = self._folding.locate(index)
        return self._row(line, start, end)

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        if self._folding.width or index >= self.row_count or self._measured.lengths[index] <= LONG_LINE:
            return super().render_line(y)
        # A long unfolded line: draw only what is in the window, one character of it a column.
        width = self.scrollable_content_region.width
        left = self.scroll_offset.x
        text = self._row(index, left, left + width)
        return self.strip(text, width).crop(0, width)

    def on_resize(self, event: events.Resize) -> None:
        self._refold()

    def watch_wrap(self) -> None:
        self._refold()
        self.model_changed()

    # --- drawing -----------------------------------------------------------------------------------------

    def _row(self, line: int, start: int, end: int) -> Text:
        part = self._measured.lines[line][start:end]
        text = safe(part)
        if self._syntax and start == 0:
            for first, last, tone in tones(text.plain, self._syntax):
                text.stylize_before(self.tone(tone), first, last)
        if self._needle:
            self._highlight(text, line, start, part)
        return text

    def _highlight(self, text: Text, line: int, start: int, part: str) -> None:
        haystack, needle = self._cases(text.plain)
        at = haystack.find(needle)
        for _ in range(MAX_HIGHLIGHTS):
            if at < 0:
                break
            current = self._hit == (line, start + at) and text.plain == part
            text.stylize(self.tone("mark" if current else "hit"), at, at + len(needle))
            at = haystack.find(needle, at + len(needle))

    # --- searching ---------------------------------------------------------------------------------------

    def _cases(self, text: str) -> tuple[str, str]:
        if self._needle != self._needle.lower():
            return text, self._needle
        lowered = text.lower()
        # A few letters change their length in lower case; then positions would not fit.
        return (lowered if len(lowered) == len(text) else text), self._needle

    def _start(self) -> tuple[int, int]:
        if self._hit is not None:
            return self._hit
        line, start, _ = self._folding.locate(min(self.scroll_offset.y, len(self._folding) - 1))
        return line, start - 1

    def _search_forward(self) -> tuple[int, int] | None:
        line, offset = self._start()
        lines = self._measured.lines
        for step in range(len(lines) + 1):
            index = (line + step) % len(lines)
            haystack, needle = self._cases(lines[index])
            at = haystack.find(needle, offset + 1 if step == 0 else 0)
            if at >= 0:
                return index, at
        return None

    def _search_backward(self) -> tuple[int, int] | None:
        line, offset = self._start()
        lines = self._measured.lines
        for step in range(len(lines) + 1):
            index = (line - step) % len(lines)
            haystack, needle = self._cases(lines[index])
            at = haystack.rfind(needle, 0, max(0, offset + len(needle) - 1) if step == 0 else len(haystack))
            if at >= 0:
                return index, at
        return None

    def _scroll_across(self, column: int) -> None:
        left = self.scroll_offset.x
        width = self.scrollable_content_region.width
        if not left <= column < left + width:
            self.virtual_size = Size(max(self.content_width, column + width), self.row_count)
            self.scroll_to(x=max(0, column - width // 3), animate=False, force=True)

    # --- preparing a view --------------------------------------------------------------------------------

    def _prepare(self, keep_place: bool) -> None:
        self._generation += 1
        view = self._views[self._current] if self._views else View("", list)
        if self._bytes <= INLINE_SIZE or not self.is_mounted:
            self._adopt(view, _make(view), keep_place)
        else:
            if not keep_place:
                self._clear()
            work = partial(self._prepare_in_thread, view, self._generation, keep_place)
            spawn(self, work, "viewer", exclusive=True)

    async def _prepare_in_thread(self, view: View, generation: int, keep_place: bool) -> None:
        measured = await asyncio.to_thread(_make, view)
        if generation == self._generation:
            self._adopt(view, measured, keep_place)

    def _clear(self) -> None:
        """Nothing, until the view is prepared: what was shown before belongs to another value or view."""
        self._measured = measure([])
        self._hit = None
        self._refold()
        self.model_changed()

    def _adopt(self, view: View, measured: Measured, keep_place: bool) -> None:
        self._measured = measured
        self._syntax = view.syntax
        self._hit = None
        self._refold()
        if self.is_mounted:
            if not keep_place:
                self.scroll_to(x=0, y=0, animate=False, force=True)
                self.cursor = 0
            self._show_cursor(self.has_focus)
            self.model_changed()
            self.post_message(self.Shown(self, view.name))

    def _refold(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        lines = self._measured.lines
        if isinstance(lines, HexLines) and width and (fitting := lines.fitting(width)).width != lines.width:
            self._measured = measure(fitting)
        folded = self.wrap and self.view_name not in UNFOLDED
        self._folding = Folding(self._measured, max(1, width) if folded else 0)


def _make(view: View) -> Measured:
    return measure(view.lines())
