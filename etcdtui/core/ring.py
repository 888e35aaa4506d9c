"""A bounded list of entries that counts what it dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, TypeVar

from etcdtui.core.value import record

T = TypeVar("T")

DEFAULT_ITEMS = 20_000
DEFAULT_BYTES = 32 * 1024 * 1024


@record()
class Slice(Generic[T]):
    """``items`` start at sequence number ``start``; ``missed`` were asked for and are no longer held."""

    start: int
    items: tuple[T, ...]
    missed: int


class Ring(Generic[T]):
    """The newest entries, within a number of entries and a number of bytes; the newest one always stays.

    Entries have sequence numbers that never repeat, so a reader that kept one can see what it missed. ``dropped``
    counts those that had to go, ``added`` the bytes of all that ever came. ``let_go`` gets each dropped entry.
    """

    def __init__(
        self,
        size_of: Callable[[T], int],
        *,
        max_items: int = DEFAULT_ITEMS,
        max_bytes: int = DEFAULT_BYTES,
        let_go: Callable[[T], None] | None = None,
    ) -> None:
        self.max_items = max_items
        self.max_bytes = max_bytes
        self.bytes = 0
        self.added = 0
        self.dropped = 0
        self.first = 0
        self.let_go = let_go
        self._size_of = size_of
        self._entries: deque[tuple[int, T]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return (item for _, item in self._entries)

    @property
    def next(self) -> int:
        """The sequence number that the next entry will get."""
        return self.first + len(self._entries)

    def append(self, item: T) -> int:
        """Add one entry; its sequence number."""
        sequence = self.next
        size = self._size_of(item)
        entries = self._entries
        entries.append((size, item))
        self.bytes += size
        self.added += size
        while len(entries) > 1 and (len(entries) > self.max_items or self.bytes > self.max_bytes):
            gone_size, gone = entries.popleft()
            self.bytes -= gone_size
            self.first += 1
            self.dropped += 1
            if self.let_go is not None:
                self.let_go(gone)
        return sequence

    def get(self, sequence: int) -> T | None:
        """The entry of that number, ``None`` when it was dropped or never was."""
        at = sequence - self.first
        return self._entries[at][1] if 0 <= at < len(self._entries) else None

    def since(self, sequence: int, limit: int | None = None) -> Slice[T]:
        """Entries from ``sequence`` on, at most ``limit``."""
        start = max(sequence, self.first)
        at = start - self.first
        stop = None if limit is None else at + limit
        return Slice(start, tuple(item for _, item in islice(self._entries, at, stop)), max(0, self.first - sequence))

    def clear(self) -> None:
        """Forget all entries; not counted as dropped, and numbers go on."""
        self.first = self.next
        self._entries.clear()
        self.bytes = 0
