"""A bounded list of events that counts what it dropped and keeps a mark for every gap."""

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
class Gap:
    """A place where events are missing, or may be; ``lost`` is how many when that is known."""

    reason: str
    lost: int | None = None


@record()
class Slice(Generic[T]):
    """``items`` start at sequence number ``start``; ``missed`` were asked for and are no longer held."""

    start: int
    items: tuple[T | Gap, ...]
    missed: int


class Ring(Generic[T]):
    """The newest entries, within a number of entries and a number of bytes; the newest one always stays.

    Entries have sequence numbers that never repeat, so a reader that kept one can see what it missed.
    """

    def __init__(
        self, size_of: Callable[[T], int], *, max_items: int = DEFAULT_ITEMS, max_bytes: int = DEFAULT_BYTES
    ) -> None:
        self._size_of = size_of
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._entries: deque[tuple[int, T | Gap]] = deque()
        self.bytes = 0
        self.dropped = 0
        self.first = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T | Gap]:
        return (item for _, item in self._entries)

    @property
    def next(self) -> int:
        """The sequence number that the next entry will get."""
        return self.first + len(self._entries)

    def append(self, item: T) -> int:
        """Add one event; its sequence number."""
        return self._add(item, self._size_of(item))

    def mark_gap(self, reason: str, lost: int | None = None) -> int:
        """Add a gap; its sequence number."""
        return self._add(Gap(reason, lost), len(reason))

    def get(self, sequence: int) -> T | Gap | None:
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

    def _add(self, item: T | Gap, size: int) -> int:
        sequence = self.next
        self._entries.append((size, item))
        self.bytes += size
        while len(self._entries) > 1 and (len(self._entries) > self._max_items or self.bytes > self._max_bytes):
            gone_size, gone = self._entries.popleft()
            self.bytes -= gone_size
            self.first += 1
            self.dropped += not isinstance(gone, Gap)
        return sequence
