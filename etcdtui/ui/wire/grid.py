"""The screen as it should be: rows of cells, taken from what Textual wants to have painted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual.strip import Strip

from etcdtui.ui.wire.cells import BLANK, TAIL, Clusters, cells_of
from etcdtui.ui.wire.inks import PLAIN, Inks


class Row(NamedTuple):
    """One line of the screen: a character and an ink for each column, both as long as the screen is wide."""

    text: str
    inks: str


class Grid:
    """Rows that are painted over piece by piece. What lies outside of the screen is dropped."""

    def __init__(self, clusters: Clusters, inks: Inks) -> None:
        self.clusters = clusters
        self.inks = inks
        self.width = 0
        self.rows: list[Row] = []

    @property
    def full(self) -> bool:
        """Whether no more inks or clusters can be told apart: time for ``clear``, and to paint all again."""
        return self.inks.full or self.clusters.full

    def resize(self, width: int, height: int) -> None:
        """A screen of that size, blank where nothing is known of it yet; of the same size nothing changes."""
        if (width, height) != (self.width, len(self.rows)):
            self.width = width
            self.rows = [Row(BLANK * width, PLAIN * width)] * height

    def clear(self) -> None:
        """Blank, and all inks and clusters forgotten."""
        self.clusters.clear()
        self.inks.clear()
        self.rows = [Row(BLANK * self.width, PLAIN * self.width)] * len(self.rows)

    def paint(self, x: int, y: int, strips: Iterable[Strip], *, end: int | None = None) -> None:
        """Lay strips, one beside the other, over row ``y`` from column ``x`` on, up to column ``end``."""
        if not 0 <= y < len(self.rows) or x >= self.width:
            return
        texts: list[str] = []
        inks: list[str] = []
        ink_of, clusters = self.inks.of, self.clusters
        for strip in strips:
            for text, style, control in strip:
                if not control:
                    cells = text if text.isascii() else cells_of(text, clusters)
                    texts.append(cells)
                    inks.append(ink_of(style) * len(cells))
        text, ink = "".join(texts), "".join(inks)
        stop = min(self.width, x + len(text), self.width if end is None else end)
        if x == 0 and stop == self.width == len(text):
            self.rows[y] = Row(text, ink)
        elif stop > x:
            self.rows[y] = _laid_over(self.rows[y], x, stop, text, ink)


def _laid_over(row: Row, x: int, stop: int, text: str, ink: str) -> Row:
    """The row with columns ``x`` to ``stop`` replaced; of a wide character that is cut in two nothing stays."""
    left, middle, right = row.text[:x], text[: stop - x], row.text[stop:]
    if len(text) > len(middle) and text[len(middle)] == TAIL:
        middle = middle[:-1] + BLANK
    if right.startswith(TAIL):
        right = BLANK + right[1:]
    if row.text[x] == TAIL:
        left = left[:-1] + BLANK
    return Row(left + middle + right, row.inks[:x] + ink[: stop - x] + row.inks[stop:])
