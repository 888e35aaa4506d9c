"""The churn view: events a second by prefix, the busiest keys, and the last minute of each as a graph."""

from __future__ import annotations

from collections.abc import Hashable

from rich.text import Text

from etcdtui.core.units import format_count, format_rate
from etcdtui.services.tail.churn import SECONDS, Busy, Churn, sparkline
from etcdtui.ui import limits
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView

NUMBERS = 9 + 9 + 1
"""Cells of the two numbers of a row."""
SHORTEST_GRAPH = 20


class ChurnView(LineView):
    """Rows: everything, the prefixes, the keys. ``look`` once a second."""

    DEFAULT_CSS = """
    ChurnView { height: 1fr; display: none; }
    """

    def __init__(self) -> None:
        super().__init__(id="churn")
        self.churn: Churn | None = None
        self._rows: list[Busy | str] = []

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def row_key(self, index: int) -> Hashable | None:
        row = self._rows[index] if index < len(self._rows) else None
        return (row.folder, row.name) if isinstance(row, Busy) else row

    @property
    def current(self) -> Busy | None:
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        return row if isinstance(row, Busy) and row.name else None

    def show_churn(self, churn: Churn | None) -> None:
        self.churn = churn
        self._rows = []

    def look(self, now: float) -> None:
        """Count again."""
        if self.churn is None:
            return
        rows: list[Busy | str] = [self.churn.all(now), "by prefix", *self.churn.folders(now)]
        rows += ["by key", *self.churn.keys(now)]
        if rows != self._rows:
            self._rows = rows
            self.model_changed()

    def render_row(self, index: int, width: int) -> Text:
        row = self._rows[index]
        graph_width = min(SECONDS, max(SHORTEST_GRAPH, width // 3))
        name_width = max(10, width - graph_width - NUMBERS - 2)
        if isinstance(row, str):
            head = f" {row.upper():<{name_width}} {'10 S':>9}{'MINUTE':>9} {f'LAST {graph_width} S':<{graph_width}}"
            return Text(head, self.tone("head"), no_wrap=True, end="")
        name = safe(row.name, self.tone("key"), limit=limits.LINE) if row.name else Text("all of this watch")
        name.truncate(name_width, overflow="ellipsis", pad=True)
        line = Text.assemble(
            " ",
            name,
            (f" {format_rate(row.rate):>9}", self.tone("number") if row.recent else self.tone("muted")),
            f"{format_count(row.minute):>9} ",
            (sparkline(row.graph, graph_width), self.tone("accent")),
            no_wrap=True,
            end="",
        )
        line.truncate(width, overflow="ellipsis")
        return line
