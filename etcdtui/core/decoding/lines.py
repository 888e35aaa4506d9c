"""Lines of a value made only when asked for: text split at line feeds, and a hex dump."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import overload

_BREAK = re.compile("\n")
HEX_ROW = 16


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
    """``00000010  68 65 6c 6c 6f ...  hello...``: offset, sixteen bytes, printable ASCII."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __len__(self) -> int:
        return max(1, -(-len(self.data) // HEX_ROW))

    def line(self, index: int) -> str:
        row = self.data[index * HEX_ROW : (index + 1) * HEX_ROW]
        cells = f"{row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}"
        return f"{index * HEX_ROW:08x}  {cells}  " + "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in row)
