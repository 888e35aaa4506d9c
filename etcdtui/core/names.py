"""A long sorted list of names in little more memory than their bytes.

A list of three million short names takes three times their bytes, for every name is an object. Here a thousand
neighbours are one object and are taken apart when one of them is asked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import eq
from typing import overload

BLOCK = 1_024
"""Names in one object; fewer stay as they are."""


class _Packed:
    """Names one behind the other, and where each ends."""

    __slots__ = ("_ends", "_text")

    def __init__(self, names: Sequence[bytes]) -> None:
        self._text = b"".join(names)
        self._ends = array("I", accumulate(map(len, names)))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> bytes:
        return self._text[self._ends[index - 1] if index else 0 : self._ends[index]]

    def unpacked(self) -> list[bytes]:
        text, start, found = self._text, 0, []
        for end in self._ends:
            found.append(text[start:end])
            start = end
        return found


class Names(Sequence[bytes]):
    """A list of names that can be read, cut out and put in like one."""

    def __init__(self, names: Sequence[bytes] = ()) -> None:
        self._blocks: list[list[bytes] | _Packed] = []
        self._starts: list[int] = [0]
        self._length = 0
        self[0:0] = names

    def __len__(self) -> int:
        return self._length

    def _place(self, index: int) -> tuple[int, int]:
        """Which block a name is in, and where in it."""
        block = bisect_right(self._starts, index) - 1
        return block, index - self._starts[block]

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            found = self._between(start, max(start, stop)) if step > 0 else self._between(0, self._length)[index]
            return found[::step] if step > 1 else found
        at = index + self._length if index < 0 else index
        if not 0 <= at < self._length:
            raise IndexError(index)
        block, inside = self._place(at)
        return self._blocks[block][inside]

    def _between(self, start: int, stop: int) -> list[bytes]:
        found: list[bytes] = []
        if start >= stop:
            return found
        block, inside = self._place(start)
        while len(found) < stop - start:
            found += _names_of(self._blocks[block])[inside : inside + stop - start - len(found)]
            block, inside = block + 1, 0
        return found

    def __setitem__(self, index: slice, names: Sequence[bytes]) -> None:
        start, stop, step = index.indices(self._length)
        if step != 1:
            raise ValueError("only neighbours are put in")
        stop = max(start, stop)
        first, inside = self._place(start) if start < self._length else (max(0, len(self._blocks) - 1), -1)
        last = self._place(stop - 1)[0] if stop > start else first
        if inside < 0:
            inside = self._length - self._starts[first] if self._blocks else 0
        if first and isinstance(before := self._blocks[first - 1], list):  # so that few are not full
            first, inside = first - 1, inside + len(before)
        touched: list[bytes] = []
        for block in self._blocks[first : last + 1]:
            touched += _names_of(block)
        touched[inside : inside + stop - start] = names
        self._blocks[first : last + 1] = _blocks_of(touched)
        lengths = map(len, self._blocks[first:])
        self._starts[first:] = [*accumulate(lengths, initial=self._starts[first])]
        self._length = self._starts.pop() if self._blocks else 0
        self._starts = self._starts or [0]

    def __delitem__(self, index: int) -> None:
        at = index + self._length if index < 0 else index
        if not 0 <= at < self._length:
            raise IndexError(index)
        self[at : at + 1] = ()

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            yield from _names_of(block)

    def clear(self) -> None:
        self[:] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(other) == len(self) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Names({[*self]!r})"


def _names_of(block: list[bytes] | _Packed) -> list[bytes]:
    return block if isinstance(block, list) else block.unpacked()


def _blocks_of(names: list[bytes]) -> list[list[bytes] | _Packed]:
    """Full ones packed; what is left over stays a list, so that adding to it is cheap."""
    found: list[list[bytes] | _Packed] = []
    for first in range(0, len(names), BLOCK):
        part = names[first : first + BLOCK]
        found.append(_Packed(part) if len(part) == BLOCK else part)
    return found
