"""Expiry or deletion: a deleted key whose lease is gone as well has probably expired, and only the lease can tell."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from etcdtui.client import Client
from etcdtui.core.errors import EtcdError
from etcdtui.core.tasks import background
from etcdtui.services.tail.before import look_up
from etcdtui.services.tail.entries import EXPIRED, Seen

AT_ONCE = 4
"""Leases asked for at the same time."""
WAITING = 1_000
"""Leases waiting to be asked for."""
REMEMBERED = 1_000
PATIENCE = 2.0
"""Seconds an answer may take."""


class Expiry:
    """Turns ``DEL`` into ``DEL~``. ``ask`` puts deletions on the list, the tasks of ``start`` work it off."""

    def __init__(self, client: Client, tell: Callable[[], None]) -> None:
        self._client = client
        self._tell = tell
        self._gone: dict[int, None] = {}
        self._asked: dict[int, list[Seen]] = {}
        self._leases: deque[int] = deque()
        self._blind: list[Seen] = []
        self._wake = asyncio.Event()

    def start(self) -> list[asyncio.Task[None]]:
        return [background(self._work(), "tail leases") for _ in range(AT_ONCE)]

    def ask(self, entries: Sequence[Seen]) -> None:
        """Find out about deletions; of those that wait too many stay what they are."""
        for entry in entries:
            lease = entry.before.lease if entry.before is not None else 0
            if lease in self._gone:
                entry.op = EXPIRED
            elif lease in self._asked:
                entry.unsettled = True
                self._asked[lease].append(entry)
            elif lease and len(self._leases) < WAITING:
                entry.unsettled = True
                self._asked[lease] = [entry]
                self._leases.append(lease)
            elif entry.open and len(self._blind) < WAITING:
                entry.unsettled = True
                self._blind.append(entry)
        if self._leases or self._blind:
            self._wake.set()

    async def _work(self) -> None:
        while True:
            if self._blind:
                blind, self._blind = self._blind, []
                try:
                    await look_up(self._client, blind)
                finally:
                    for entry in blind:
                        entry.unsettled = False
                self.ask(blind)
            elif self._leases:
                await self._settle(self._leases.popleft())
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _settle(self, lease: int) -> None:
        gone = False
        try:
            gone = (await self._client.lease.time_to_live(lease, timeout=PATIENCE)).ttl < 0
        except EtcdError:
            pass  # nobody knows: it stays a deletion
        finally:
            for entry in self._asked.pop(lease, ()):
                entry.unsettled = False
                entry.op = EXPIRED if gone else entry.op
        if gone:
            while len(self._gone) >= REMEMBERED:
                del self._gone[next(iter(self._gone))]
            self._gone[lease] = None
        self._tell()
