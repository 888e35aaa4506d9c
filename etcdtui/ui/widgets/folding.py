"""Where the lines of a value lie on the screen: one row a line, or long lines folded, computed without drawing them.

Most lines fold by counting characters, so the row of any place is known from the lengths alone. A line with
characters that get spelled out is folded exactly while there are few of those, and else so early that nothing is cut.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from rich.cells import cell_len

from etcdtui.core.safe_text import safe_text
from etcdtui.core.value import record

LONG_LINE = 2000
"""Characters beyond which a line is never drawn as a whole."""
_REPLACED_CELLS = 10
"""Cells that one character can take at most once it is spelled out, as ``<U+E0041>`` is."""
MAX_EXACT = 50_000
"""Characters of spelled-out lines that are folded exactly."""
_LATIN = r"\x00-\x7f\u00a1-\u00ac\u00ae-\u02af\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u2500-\u259f"
_EAST_ASIAN = r"\u3001-\u3029\u3030-\u312f\u3131-\u3163\u31a0-\u9fff\uac00-\ud7a3\uff01-\uff5e"
_NARROW = re.compile(f"[{_LATIN}]*")
_WIDE = re.compile(f"[{_LATIN}{_EAST_ASIAN}]*")


@record()
class Measured:
    """Lines with their lengths in characters and the greatest number of cells a character of each can take."""

    lines: Sequence[str]
    lengths: array[int]
    cells: bytes

    @property
    def widest(self) -> int:
        """Cells that the widest line takes at most."""
        pairs = zip(self.lengths, self.cells, strict=True)
        return max((length * (1 if length > LONG_LINE else cells) for length, cells in pairs), default=0)


def measure(lines: Sequence[str]) -> Measured:
    """Look at every line once; for large values in a thread."""
    lengths = array("q")
    cells = bytearray()
    for line in lines:
        lengths.append(len(line))
        cells.append(_cells(line))
    return Measured(lines, lengths, bytes(cells))


def _cells(line: str) -> int:
    # Control characters of ASCII are drawn as one picture each.
    if line.isascii() or _NARROW.fullmatch(line):
        return 1
    return 2 if _WIDE.fullmatch(line) else _REPLACED_CELLS


@lru_cache(maxsize=4096)
def _drawn_cells(char: str) -> int:
    return cell_len(safe_text(char).text)


def _breaks(line: str, width: int) -> list[int]:
    """Where each row of one line starts."""
    starts = [0]
    used = 0
    for at, char in enumerate(line):
        cells = _drawn_cells(char)
        if used + cells > width and at > starts[-1]:
            starts.append(at)
            used = 0
        used += cells
    return starts


class Folding:
    """Rows of measured lines at a width in cells; width 0 folds nothing."""

    def __init__(self, measured: Measured, width: int) -> None:
        self.measured = measured
        self.width = width
        self._exact: dict[int, list[int]] = {}
        self._ends: array[int] | None = None
        if width:
            self._fold_exactly()
            self._ends = array("q", accumulate(self._rows(line) for line in range(len(measured.lengths))))

    def _fold_exactly(self) -> None:
        left = MAX_EXACT
        for line, cells in enumerate(self.measured.cells):
            if cells == _REPLACED_CELLS:
                left -= self.measured.lengths[line]
                if left < 0:
                    return
                self._exact[line] = _breaks(self.measured.lines[line], self.width)

    def _rows(self, line: int) -> int:
        if line in self._exact:
            return len(self._exact[line])
        return max(1, -(-self.measured.lengths[line] // self._step(line)))

    def _step(self, line: int) -> int:
        return max(1, self.width // self.measured.cells[line])

    def __len__(self) -> int:
        if self._ends is None:
            return len(self.measured.lengths)
        return self._ends[-1] if self._ends else 0

    def locate(self, row: int) -> tuple[int, int, int]:
        """The line of a row, and the half-open span of its characters there."""
        if self._ends is None:
            return row, 0, self.measured.lengths[row]
        line = bisect_right(self._ends, row)
        at = row - (self._ends[line - 1] if line else 0)
        length = self.measured.lengths[line]
        starts = self._exact.get(line)
        if starts is not None:
            return line, starts[at], starts[at + 1] if at + 1 < len(starts) else length
        step = self._step(line)
        return line, at * step, min((at + 1) * step, length)

    def row_of(self, line: int, offset: int) -> int:
        """The row that shows character ``offset`` of ``line``."""
        if self._ends is None:
            return line
        first = self._ends[line - 1] if line else 0
        starts = self._exact.get(line)
        at = bisect_right(starts, offset) - 1 if starts is not None else offset // self._step(line)
        return min(first + at, self._ends[line] - 1)
