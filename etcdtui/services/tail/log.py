"""What the screen needs of a tail, wherever its entries come from: a watch that runs, or a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from etcdtui.services.tail.entries import Entry, Seen
from etcdtui.services.tail.source import WatchSpec


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
