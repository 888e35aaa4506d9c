"""The key tree on screen: name, keys or size, version; marks for what changed, has a lease, is masked or marked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text
from textual.message import Message

from etcdtui.core import ranges
from etcdtui.core.keypath import SELF_LABEL
from etcdtui.core.keytree import KeyTree, Level, Row, State
from etcdtui.core.listing import LEAF
from etcdtui.core.units import format_count, format_size
from etcdtui.services.tree.details import Details
from etcdtui.services.tree.marks import Marks
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.toned import Toned

if TYPE_CHECKING:  # only named here: imported when they are first used
    from etcdtui.services.cluster.access import Rights
    from etcdtui.services.tree.filtering import Filtered

FILTERED_FOUND = 5_000
"""Rows of a filter among which one is looked for again."""
INDENT = 2
MARKERS = 3
SIZE_WIDTH = 9
VERSION_WIDTH = 5
NARROW = 48
"""Below this width the columns stand closer."""
NAME_LEAST = 12
CHILDREN_SHOWN = 5
"""Rows of a folder that come into view when it is opened at the bottom."""


def column_widths(width: int) -> tuple[int, int]:
    """Cells of the size and of the version in rows of ``width`` cells."""
    return SIZE_WIDTH, VERSION_WIDTH - (1 if width < NARROW else 0)


RIGHTS_TONES = {"write": "good", "read": "accent", "part": "warn", "none": "dim"}


class KeyTreeView(LineView):
    """Rows of a ``KeyTree``. The screen changes the model and calls ``model_changed``."""

    class Opened(Message):
        """A folder was opened; the level below it may have to be read, or checked."""

        def __init__(self, level: Level) -> None:
            super().__init__()
            self.level = level

    class PlaceChosen(Message):
        """A row of a filter was chosen: it is wanted in the tree."""

        def __init__(self, path: bytes) -> None:
            super().__init__()
            self.path = path

    class LeafChosen(Message):
        """Enter on a key."""

        def __init__(self, key: bytes) -> None:
            super().__init__()
            self.key = key

    class EndWanted(Message):
        """The end of the tree was asked for while a level is still loading."""

    def __init__(
        self,
        tree: KeyTree,
        details: Details,
        marks: Marks,
        masked: Callable[[bytes], bool],
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.model = tree
        self.details = details
        self.marks = marks
        self.masked = masked
        self.rights: Rights | None = None
        """Whose rights colour the names; ``None``: they have the colours of what they are."""
        self.filtered: Filtered | None = None
        self._lost: tuple[Hashable, int] | None = None
        self._here: Hashable | None = None
        self._opened: tuple[int, Level, int] | None = None
        self._version = -1

    # --- the model ---------------------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        return self.model.size if self.filtered is None else len(self.filtered.rows)

    def row_at(self, index: int) -> Row:
        return self.model.row(index) if self.filtered is None else self.filtered.rows[index]

    @property
    def current(self) -> Row | None:
        """The row under the cursor, as it was painted: rows that came since then are taken in first."""
        self._catch_up()
        return self.row_at(self.cursor) if 0 <= self.cursor < self.row_count else None

    def row_key(self, index: int) -> Hashable | None:
        row = self.row_at(index)
        return None if row.is_note else row.identity

    def index_of(self, key: Hashable) -> int | None:
        if self.filtered is None:
            return self.model.index_of(key)
        return next((i for i, row in enumerate(self.filtered.rows[:FILTERED_FOUND]) if row.identity == key), None)

    def _catch_up(self) -> None:
        """The cursor is a number: it must not mean another row because rows came that are not painted yet."""
        if self.filtered is None and self._version != self.model.root.version:
            self.model_changed()

    def move_cursor(self, rows: int) -> None:
        self._catch_up()
        super().move_cursor(rows)

    def model_changed(self) -> None:
        """As everywhere; and a row that is away only while its level is read again gets the cursor back."""
        self._version = self.model.root.version
        was, self._lost = self._lost, None
        identity = was[0] if was is not None and was[1] == self.cursor else self._here
        super().model_changed()
        self._show_children()
        self._here = self.row_key(self.cursor) if self.row_count else None
        if identity is None or identity == self._here:
            return
        found = self.index_of(identity)
        if found is not None:
            self.cursor = found
        elif any(level.state is State.LOADING for level in self.model.root.walk()):
            self._lost = (identity, self.cursor)

    def watch_cursor(self, old: int, new: int) -> None:
        super().watch_cursor(old, new)
        self._here = self.row_key(new) if new < self.row_count else None

    def details_changed(self, keys: Collection[bytes]) -> None:
        """More is known about these keys, or less."""
        for index in self.visible_rows():
            if self.row_at(index).path in keys:
                self.row_changed(index)

    def repaint(self) -> None:
        """Paint the visible rows again; the model has the same rows."""
        for index in self.visible_rows():
            self.row_changed(index)

    def visible_leaves(self) -> list[bytes]:
        """Keys on the screen whose details are not known yet."""
        rows = (self.row_at(index) for index in self.visible_rows())
        return [row.path for row in rows if row.index >= 0 and row.count == LEAF and row.path not in self.details]

    def shown_leases(self) -> list[int]:
        """The leases of the keys on the screen, as far as they are known, once for each key."""
        rows = (self.row_at(index) for index in self.visible_rows())
        found = (self.details.get(row.path) for row in rows if row.index >= 0 and not row.is_folder)
        return [detail.lease for detail in found if detail is not None and detail.lease]

    # --- painting ----------------------------------------------------------------------------------------

    def render_row(self, index: int, width: int) -> Text:
        row = self.row_at(index)
        if row.is_note:
            return self._note(row, width)
        indent = " " * (INDENT * row.depth)
        left = Text.assemble(self._markers(row), indent, self._arrow(row))
        wide = width >= NAME_LEAST + MARKERS + SIZE_WIDTH + VERSION_WIDTH
        columns = self._columns(row, width) if wide else Text()
        room = width - left.cell_len - columns.cell_len - 1
        name = self._label(row, max(NAME_LEAST, room))
        name.truncate(max(1, room), overflow="ellipsis")
        name.pad_right(max(0, room - name.cell_len))
        return Text.assemble(left, name, columns, no_wrap=True, end="")

    def _label(self, row: Row, limit: int) -> Text:
        if self.filtered is not None:
            path = row.path if len(row.path) <= limit else "…".encode() + row.path[-max(1, limit - 1) :]
            return safe(path, limit=limit + 8)
        root = row.level.roots.get(row.name)
        if root is not None:
            return safe(root.label, self.tone("key") if root.readable else self.tone("dim"), limit=limit + 8)
        if not row.name:
            return Text(SELF_LABEL, self.tone("dim"))
        return safe(row.name, self._name_tone(row), limit=limit + 8)

    def _name_tone(self, row: Row) -> str | Style:
        if self.rights is None:
            return self.tone("key") if row.is_folder else ""
        word = self.rights.word(ranges.prefix_range(row.path) if row.is_folder else (row.path, b""))
        return self.tone(RIGHTS_TONES[word])

    def _markers(self, row: Row) -> Text:
        path = row.path
        detail = self.details.get(path)
        text = Text()
        text.append("+" if path in self.marks else " ", self.tone("mark"))
        text.append("*" if row.name in row.level.changed else " ", self.tone("warn"))
        text.append("L" if detail is not None and detail.lease and not row.is_folder else " ", self.tone("accent"))
        return text

    def _arrow(self, row: Row) -> Text:
        if not row.is_folder:
            return Text("  ")
        return Text("▾ " if row.name in row.level.opened else "▸ ", self.tone("dim"))

    def titles(self) -> Text:
        """What stands over the columns, as wide as the rows are now."""
        width = self._line_width
        size, version = column_widths(width)
        left = Text(" " * (MARKERS + INDENT) + "NAME")
        if width < NAME_LEAST + MARKERS + SIZE_WIDTH + VERSION_WIDTH:
            return left
        right = f"{'KEYS/SIZE':>{size}}{'V':>{version}} "
        left.pad_right(max(0, width - left.cell_len - len(right)))
        return left.append(right)

    def _columns(self, row: Row, width: int) -> Text:
        style = self.tone("dim")
        wide, narrow = column_widths(width)
        if row.is_folder:
            about = f"~{format_count(row.guess)}" if row.guess else "…"
            return Text(f"{format_count(row.count) if row.count >= 0 else about:>{wide}}{'':{narrow}}", style)
        detail = self.details.get(row.path)
        if detail is None:
            size, version = "", ""
        else:
            most = 10 ** (narrow - 2) - 1  # with its plus and a blank before it
            size, version = format_size(detail.size), str(detail.version) if detail.version <= most else f"{most}+"
        if self.masked(row.path):
            size = "(masked)"
        return Text(f"{size:>{wide}}{version:>{narrow}}", style)

    def _note(self, row: Row, width: int) -> Text:
        tone = "bad" if row.level.state is State.FAILED else "dim"
        indent = " " * (MARKERS + INDENT * row.depth + 2)
        line = Text.assemble(indent, safe(row.level.note, self.tone(tone), limit=max(10, width)), no_wrap=True, end="")
        line.truncate(width, overflow="ellipsis")
        return line

    # --- keys --------------------------------------------------------------------------------------------

    def action_choose(self) -> None:
        row = self.current
        if row is None:
            return
        if self.filtered is not None:
            self.post_message(self.PlaceChosen(row.path))
        elif not row.is_folder:
            self.post_message(self.LeafChosen(row.path))
        elif row.name in row.level.opened:
            self.close_row(row)
        else:
            self.open_row(row)

    def action_cursor_right(self) -> None:
        row = self.current
        if row is None or not row.is_folder or self.filtered is not None:
            return
        if row.name not in row.level.opened:
            self.open_row(row)
        elif row.level.opened[row.name].size:
            self.cursor += 1

    def action_cursor_left(self) -> None:
        row = self.current
        if row is None or self.filtered is not None:
            return
        if row.is_folder and row.name in row.level.opened:
            self.close_row(row)
            return
        above = row.level.parent
        if above is not None:
            name = next(name for name, level in above.opened.items() if level is row.level)
            self.cursor = self.model.number(above, above.find(name))

    def action_bottom(self) -> None:
        super().action_bottom()
        loading = [level for level in self.model.root.walk() if level.state is State.LOADING]
        if loading and self.current is not None:
            self.post_message(self.EndWanted())

    def open_row(self, row: Row) -> None:
        """Show what is below a folder; asks for it when it is not known."""
        root = row.level.roots.get(row.name)
        if root is not None and not root.readable:
            return
        level = row.level.open(row.index)
        self.post_message(self.Opened(level))
        self.show_below(level, CHILDREN_SHOWN)
        self.model_changed()

    def show_below(self, level: Level, most: int = 0) -> None:
        """Bring what is listed below the folder under the cursor into view once it is there: ``most`` rows, 0: all
        that fit."""
        self._opened = (self.cursor, level, most)

    def _show_children(self) -> None:
        """A folder just opened at the bottom of the screen shows its first children, as soon as they are there."""
        if self._opened is None:
            return
        cursor, level, most = self._opened
        if cursor != self.cursor or level.state is State.FAILED:
            self._opened = None
            return
        height = self.scrollable_content_region.height
        if level.state is State.READY:
            self._opened = None
        below = min(level.size, most or height, max(0, height - 1))
        if cursor + below >= self.scroll_offset.y + height > 0:
            self.scroll_to(y=cursor + below - height + 1, animate=False, force=True)

    def close_row(self, row: Row) -> None:
        row.level.close(row.name)
        self.model_changed()

    def toggle_mark(self) -> None:
        """Mark or unmark the row and go on to the next."""
        row = self.current
        if row is None or row.is_note:
            return
        self.marks.toggle(row.path)
        self.row_changed(self.cursor)
        self.cursor += 1

    def mark_rows(self, rows: Iterable[Row]) -> None:
        self.marks.add(row.path for row in rows if not row.is_note)
        self.repaint()

    def clear_marks(self) -> None:
        self.marks.clear()
        self.repaint()


class TreeTitles(Toned):
    """The line over the tree; its columns keep to the tree's, whether or not that has a scroll bar."""

    DEFAULT_CSS = "TreeTitles { height: 1; width: 1fr; }"

    def __init__(self, below: KeyTreeView) -> None:
        super().__init__()
        self.below = below

    def on_mount(self) -> None:
        self.watch(self.below, "show_vertical_scrollbar", self._again, init=False)

    def _again(self) -> None:
        self.refresh()

    def render(self) -> Text:
        line = self.below.titles()
        line.no_wrap, line.end = True, ""
        line.stylize(self.tone("dim"))
        line.stylize("bold")
        return line
