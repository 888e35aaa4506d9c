"""LineTable: rows of any type in columns that drop out when it gets narrow, with sort, filter and marks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import ClassVar, Generic, Literal, TypeVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from etcdtui.core.value import record
from etcdtui.ui.bindings import TABLE, bindings_for
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.toned import Toned

RowT = TypeVar("RowT")
Sortable = int | float | str | bytes | tuple[int | float | str | bytes, ...]

GAP = 2
"""Blanks between columns."""
MARKS_WIDTH = 2
NO_MATCH = "Nothing matches the filter; esc clears it."
MARKING = frozenset({"mark", "mark_all", "clear_marks"})
SORTING = frozenset({"sort_next", "sort_reverse"})
MEASURED_ROWS = 500
"""Rows looked at to find how wide a column has to be."""


@record()
class Column(Generic[RowT]):
    """One column. ``cell`` gives safe text. ``priority`` 0 always stays; the largest drops out first.

    The width fits the cells between ``least`` and ``most``; the ``grow`` column takes what is left over, and a
    ``firm`` one shrinks last.
    """

    name: str
    title: str
    cell: Callable[[RowT], Text]
    sort: Callable[[RowT], Sortable] | None = None
    priority: int = 0
    align: Literal["left", "right"] = "left"
    least: int = 4
    most: int = 40
    grow: bool = False
    firm: bool = False


def fit_columns(columns: Sequence[Column[RowT]], wanted: Sequence[int], width: int) -> list[tuple[Column[RowT], int]]:
    """Which columns fit into ``width`` cells and how wide each is: low priorities go first, then wide ones shrink."""
    kept = list(zip(columns, wanted, strict=True))

    def total() -> int:
        return MARKS_WIDTH + sum(size for _, size in kept) + GAP * max(0, len(kept) - 1)

    while total() > width:
        droppable = [pair for pair in kept if pair[0].priority > 0]
        if not droppable:
            break
        shrunk = next((i for i, (c, size) in enumerate(kept) if c.grow and size > c.least), None)
        if shrunk is not None and total() - width <= kept[shrunk][1] - kept[shrunk][0].least:
            break
        kept.remove(max(reversed(droppable), key=lambda pair: pair[0].priority))
    spare = width - total()
    growing = next((i for i, (column, _) in enumerate(kept) if column.grow), None)
    if growing is not None and (spare > 0 or (spare < 0 and not kept[growing][0].firm)):
        column, size = kept[growing]
        kept[growing] = (column, max(column.least, size + spare))
    while total() > width and any(size > column.least for column, size in kept):
        loose = [i for i, (column, size) in enumerate(kept) if size > column.least]
        widest = max([i for i in loose if not kept[i][0].firm] or loose, key=lambda i: kept[i][1])
        kept[widest] = (kept[widest][0], kept[widest][1] - 1)
    return kept


def place(text: Text, width: int, align: Literal["left", "right"]) -> Text:
    """A cell of exactly ``width`` cells, cut with an ellipsis."""
    cell = text.copy()
    cell.no_wrap = True
    cell.truncate(width, overflow="ellipsis")
    blanks = " " * (width - cell.cell_len)
    return Text.assemble(blanks, cell) if align == "right" else Text.assemble(cell, blanks)


class LineTable(Vertical, Generic[RowT]):
    """A header and rows. The screen calls ``set_rows``; rows keep their identity through ``row_key``.

    Posts ``RowMoved`` and ``RowChosen``; with ``marks`` the keys of screens.md for marking work. The focus is on
    ``lines``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(TABLE)]
    DEFAULT_CSS = """
    LineTable { height: 1fr; width: 1fr; }
    """

    class RowMoved(Message):
        """The cursor is on another row; ask your table for ``current``."""

        def __init__(self, table: Widget) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> Widget:
            return self.table

    class RowChosen(RowMoved):
        """Enter on the current row."""

    class MarksChanged(RowMoved):
        """``table.marked`` is another set."""

    def __init__(
        self,
        columns: Sequence[Column[RowT]],
        row_key: Callable[[RowT], Hashable],
        *,
        empty: Text | None = None,
        marks: bool = True,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.key_of = row_key
        self.empty = empty or Text("nothing here")
        self.can_mark = marks
        self.rows: list[RowT] = []
        self.all_rows: list[RowT] = []
        self.marked: set[Hashable] = set()
        self.sorted_by: str | None = None
        self.reverse = False
        self.wanted: Callable[[RowT], bool] | None = None
        self.known: Callable[[RowT], bool] | None = None
        """Whether a row can be sorted yet: others stand last in either order. None: all can."""
        self.lines = TableLines(self)
        self.header = TableHeader(self)
        self._wanted_widths = [column.least for column in self.columns]
        self._positions: dict[Hashable, int] = {}

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.lines

    # --- rows --------------------------------------------------------------------------------------------

    @property
    def current(self) -> RowT | None:
        """The row under the cursor."""
        index = self.lines.cursor
        return self.rows[index] if 0 <= index < len(self.rows) else None

    @property
    def selection(self) -> list[RowT]:
        """The marked rows that are shown, else the current one."""
        marked = [row for row in self.rows if self.key_of(row) in self.marked]
        return marked or ([self.current] if self.current is not None else [])

    def set_rows(self, rows: Sequence[RowT]) -> None:
        """Show these rows; cursor and marks stay with those that are still there."""
        self.all_rows = list(rows)
        self.marked &= {self.key_of(row) for row in self.all_rows}
        self._arrange()

    def update_rows(self, rows: Mapping[Hashable, RowT]) -> None:
        """Newer rows in the places of those that are shown; order and filter are applied with the next ``set_rows``."""
        for key, row in rows.items():
            if (at := self._positions.get(key)) is not None:
                self.rows[at] = row
                self.lines.row_changed(at)

    def set_filter(self, wanted: Callable[[RowT], bool] | None) -> None:
        """Show only rows that are ``wanted``; None shows all."""
        self.wanted = wanted
        self._arrange()

    def set_empty(self, text: Text) -> None:
        """What is said in place of rows."""
        self.empty = text
        self.lines.model_changed()

    def sort_by(self, name: str | None, *, reverse: bool = False) -> None:
        """Sort by a column's name; None keeps the order the rows came in."""
        self.sorted_by, self.reverse = name, reverse
        self._arrange()
        self.header.refresh()

    def position(self, key: Hashable) -> int | None:
        return self._positions.get(key)

    def go_to(self, key: Hashable) -> bool:
        """Put the cursor on that row; False when it is not shown."""
        found = self.position(key)
        if found is not None:
            self.lines.cursor = found
        return found is not None

    def _arrange(self) -> None:
        rows = self.all_rows if self.wanted is None else [row for row in self.all_rows if self.wanted(row)]
        by = next((column for column in self.columns if column.name == self.sorted_by), None)
        if by is not None and by.sort is not None:
            known = rows if self.known is None else [row for row in rows if self.known(row)]
            others = [] if self.known is None else [row for row in rows if not self.known(row)]
            rows = [*sorted(known, key=by.sort, reverse=self.reverse), *others]
        elif self.reverse:
            rows = rows[::-1]
        self.rows = list(rows)
        self._positions = {self.key_of(row): index for index, row in enumerate(self.rows)}
        sample = self.rows[:MEASURED_ROWS]
        self._wanted_widths = [
            min(
                max(column.most, column.least),
                max(
                    [
                        column.least,
                        len(column.title) + bool(column.sort),
                        *(column.cell(row).cell_len for row in sample),
                    ]
                ),
            )
            for column in self.columns
        ]
        self.lines.show_cursor = bool(self.rows)
        self.lines.model_changed()
        self.header.refresh()

    def layout_columns(self, width: int) -> list[tuple[Column[RowT], int]]:
        """The columns shown in ``width`` cells and their widths."""
        return fit_columns(self.columns, self._wanted_widths, width)

    # --- keys --------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this table cannot do is neither bound nor offered: marks, or an order."""
        if action in MARKING:
            return self.can_mark
        if action in SORTING:
            return any(column.sort for column in self.columns)
        return super().check_action(action, parameters)

    def action_mark(self) -> None:
        row = self.current
        if row is None or not self.can_mark:
            return
        self.marked ^= {self.key_of(row)}
        self.lines.row_changed(self.lines.cursor)
        self.lines.move_cursor(1)
        self.post_message(self.MarksChanged(self))

    def action_mark_all(self) -> None:
        if self.can_mark:
            self._mark({self.key_of(row) for row in self.rows})

    def action_clear_marks(self) -> None:
        self._mark(set())

    def _mark(self, marked: set[Hashable]) -> None:
        self.marked = marked
        self.lines.model_changed()
        self.post_message(self.MarksChanged(self))

    def action_sort_next(self) -> None:
        names = [None, *(column.name for column in self.columns if column.sort)]
        self.sort_by(names[(names.index(self.sorted_by) + 1) % len(names)])

    def action_sort_reverse(self) -> None:
        self.sort_by(self.sorted_by, reverse=not self.reverse)

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        event.stop()
        self.post_message(self.RowMoved(self))

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        if self.rows:
            self.post_message(self.RowChosen(self))


class TableHeader(Toned, Generic[RowT]):
    """The column titles; the one sorted by is marked with ``▲`` or ``▼``."""

    DEFAULT_CSS = "TableHeader { height: 1; width: 1fr; }"

    def __init__(self, table: LineTable[RowT]) -> None:
        super().__init__()
        self.table = table

    def on_resize(self, event: events.Resize) -> None:
        self.refresh()

    def render(self) -> Text:
        width = max(1, self.table.lines.scrollable_content_region.width or self.size.width)
        line = Text(" " * MARKS_WIDTH, no_wrap=True, end="")
        for number, (column, size) in enumerate(self.table.layout_columns(width)):
            title = column.title
            if column.name == self.table.sorted_by:
                title = f"{title[: max(1, size - 1)]}{'▼' if self.table.reverse else '▲'}"
            line.append(" " * GAP if number else "")
            line.append(place(Text(title), size, column.align))
        line.stylize(self.tone("head"))
        return line


class TableLines(LineView, Generic[RowT]):
    """The rows of a ``LineTable``."""

    def __init__(self, table: LineTable[RowT]) -> None:
        super().__init__()
        self.table = table

    @property
    def row_count(self) -> int:
        return len(self.table.rows) or 1

    def row_key(self, index: int) -> Hashable | None:
        return self.table.key_of(self.table.rows[index]) if index < len(self.table.rows) else None

    def index_of(self, key: Hashable) -> int | None:
        return self.table.position(key)

    def render_row(self, index: int, width: int) -> Text:
        if not self.table.rows:
            empty = Text(NO_MATCH) if self.table.all_rows else self.table.empty
            text = Text.assemble(" " * MARKS_WIDTH, empty, no_wrap=True)
            text.truncate(width, overflow="ellipsis")
            return text
        row = self.table.rows[index]
        marked = self.table.key_of(row) in self.table.marked
        line = Text("* " if marked else "  ", style=self.tone("mark") if marked else "", no_wrap=True, end="")
        for number, (column, size) in enumerate(self.table.layout_columns(width)):
            line.append(" " * GAP if number else "")
            line.append_text(place(column.cell(row), size, column.align))
        return line
