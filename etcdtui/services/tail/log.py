"""What the screen needs of a tail, wherever its entries come from: a watch that runs, or a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from etcdtui.services.tail.entries import Entry, Seen
from etcdtui.services.tail.source import WatchSpec


class Listener(Protocol):
    """Who wants every entry: a recording, a trigger, a screen that marks what changed. Nothing here may wait."""

    def came(self, news: Sequence[Entry]) -> None: ...


class Log(Protocol):
    """Entries by sequence number: from ``first`` up to before ``next`` they can be had; both only grow."""

    @property
    def spec(self) -> WatchSpec: ...

    @property
    def first(self) -> int: ...

    @property
    def next(self) -> int: ...

    def get(self, sequence: int) -> Entry | None:
        """``None`` for one that is no longer, or not yet, there."""

    async def look_up(self, entries: Sequence[Seen]) -> None:
        """Find out what is still open about ``entries``."""


def kept(log: Log) -> Iterator[Entry]:
    """Everything that can be had, oldest first."""
    for sequence in range(log.first, log.next):
        entry = log.get(sequence)
        if entry is not None:
            yield entry
