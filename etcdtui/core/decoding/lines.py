"""Lines of a value made only when asked for: text split at line feeds, and a hex dump."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import overload

_BREAK = re.compile("\n")
HEX_ROW = 16
"""Bytes of a line of a hex dump, where there is room."""
HALF = 8
HEX_DIGITS = 8
"""Digits of an offset."""


class _Lazy(Sequence[str]):
    """A sequence of strings that computes each one."""

    def line(self, index: int) -> str:
        raise IndexError(index)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self.line(i) for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        return self.line(at)


class TextLines(_Lazy):
    """The lines of ``text`` without their line feeds; a final line feed starts no further line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._ends = [match.start() for match in _BREAK.finditer(text)]
        if not text.endswith("\n"):
            self._ends.append(len(text))

    def __len__(self) -> int:
        return len(self._ends)

    def line(self, index: int) -> str:
        return self.text[self._ends[index - 1] + 1 if index else 0 : self._ends[index]]


class HexLines(_Lazy):
    """``00000010  68 65 6c 6c 6f ...  hello...``: offset in ``digits``, ``row`` bytes, printable ASCII."""

    def __init__(self, data: bytes, row: int = HEX_ROW, digits: int = HEX_DIGITS) -> None:
        self.data = data
        self.row = row
        self.digits = digits

    def __len__(self) -> int:
        return max(1, -(-len(self.data) // self.row))

    @property
    def width(self) -> int:
        """Characters of a whole line."""
        return self.digits + 2 + 3 * self.row + (1 if self.row > HALF else 0) + 1 + self.row

    def fitting(self, width: int) -> HexLines:
        """The same bytes in lines of at most so many characters: fewer bytes a line, then a shorter offset."""
        short = max(4, len(f"{len(self.data):x}"))
        for row in (HEX_ROW, HALF, HALF // 2):
            for digits in (HEX_DIGITS, min(short, HEX_DIGITS)):
                made = HexLines(self.data, row, digits)
                if made.width <= width:
                    return made
        return made

    def line(self, index: int) -> str:
        part = self.data[index * self.row : (index + 1) * self.row]
        halves = [part[at : at + HALF].hex(" ") for at in range(0, self.row, HALF)]
        cells = "  ".join(f"{half:<{3 * min(HALF, self.row) - 1}}" for half in halves)
        text = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in part)
        return f"{index * self.row:0{self.digits}x}  {cells}  {text}"
