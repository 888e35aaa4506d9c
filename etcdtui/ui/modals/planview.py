"""The lines of a plan on screen: ours and the server's pieces, all through the one safe door."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.cells import cell_len
from rich.text import Text
from textual import events

from etcdtui.core.plan import PlanLine
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView

PIECE_LIMIT = 2000
FOLDED = frozenset({"warn", "head"})
"""Tones of sentences: they are told whole, on as many rows as they need; the others stay one row a line."""
TONE_OF = {"plain": "", "add": "added", "remove": "removed", "warn": "warn", "dim": "dim", "head": "accent"}


class PlanView(LineView):
    """Scrolls when the plan is longer than its room; never taller than its lines."""

    DEFAULT_CSS = "PlanView { height: auto; min-height: 1; max-height: 18; }"

    def __init__(self, lines: Sequence[PlanLine] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines_shown = tuple(lines)
        self.show_cursor = False
        self._rows: Sequence[tuple[int, int, int]] | None = None
        self._rows_width = 0

    @property
    def row_count(self) -> int:
        return len(self._folded())

    @property
    def content_width(self) -> int:
        return max((self.render_row(i, 0).cell_len for i in range(min(self.row_count, 500))), default=0)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        if width and width != self._rows_width:
            self._rows, self._rows_width = None, width
        return max(1, self.row_count)

    def show_lines(self, lines: Sequence[PlanLine]) -> None:
        self.lines_shown = tuple(lines)
        self._rows = None
        self.model_changed()
        self.refresh(layout=True)

    def on_resize(self, event: events.Resize) -> None:
        if self.size.width and self.size.width != self._rows_width:
            self._rows, self._rows_width = None, self.size.width

    def render_row(self, index: int, width: int) -> Text:
        at, start, end = self._folded()[index]
        text = self._text(self.lines_shown[at])
        if end:
            text = text[start:end]
            text.no_wrap, text.end = True, ""
        return text

    def _folded(self) -> Sequence[tuple[int, int, int]]:
        """For each row its line, and the part of it: from, to; 0, 0 is the whole of it."""
        if self._rows is None:
            self._rows = [row for at in range(len(self.lines_shown)) for row in self._rows_of(at)]
        return self._rows

    def _rows_of(self, at: int) -> list[tuple[int, int, int]]:
        shown = self.lines_shown[at]
        if shown.tone not in FOLDED or not self._rows_width:
            return [(at, 0, 0)]
        words = self._text(shown).plain
        places = [0, *breaks(words, self._rows_width), len(words)]
        return [(at, start, end) for start, end in pairwise(places)]

    def _text(self, shown: PlanLine) -> Text:
        name = TONE_OF[shown.tone]
        style = self.tone(name) if name else ""
        text = Text(no_wrap=True, end="")
        for part in shown.parts:
            text.append_text(safe(part, style, limit=PIECE_LIMIT))
        return text


def breaks(words: str, width: int) -> list[int]:
    """Where to break a sentence so that no row is wider than ``width`` cells, after a space where there is one."""
    places, start, space, used = [], 0, 0, 0
    for at, character in enumerate(words):
        cells = cell_len(character)
        if used + cells > width and at > start:
            start = space if space > start else at
            places.append(start)
            used = cell_len(words[start:at])
        used += cells
        if character == " ":
            space = at + 1
    return places
