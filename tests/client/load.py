"""Writes that go on whatever happens, and a watch that has to bring all of them, in order and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from etcdtui.client import Client, errors
from etcdtui.client.watch import Watcher
from tests.support.poll import eventually

PAUSE = 0.002


class Load:
    """Writers below ``w/``; what was acknowledged is known by its revision."""

    def __init__(self, client: Client) -> None:
        self.acknowledged: set[int] = set()
        self._client = client

    @asynccontextmanager
    async def running(self, count: int = 3) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._write(number)) for number in range(count)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def more(self, count: int = 20) -> None:
        """Wait until so many more writes were acknowledged."""
        known = len(self.acknowledged)
        await eventually(lambda: len(self.acknowledged) > known + count, 20.0)

    async def _write(self, number: int) -> None:
        while True:
            try:
                put = await self._client.kv.put(f"w/{number}", "v", timeout=2.0)
            except errors.EtcdError:
                continue
            finally:
                await asyncio.sleep(PAUSE)
            assert put.header is not None
            self.acknowledged.add(put.header.revision)


class Reader:
    """Collects the revisions a watcher of all that is written brings."""

    def __init__(self, watcher: Watcher) -> None:
        self.revisions: list[int] = []
        self.first = watcher.next_revision
        self._task = asyncio.create_task(self._read(watcher))

    async def _read(self, watcher: Watcher) -> None:
        async for batch in watcher:
            self.revisions += [event.kv.mod_revision for event in batch.events]

    async def caught_up(self, client: Client) -> None:
        """Wait for the newest revision; none may be missing and none have come twice."""
        header = (await client.kv.get("any")).header
        assert header is not None
        last = header.revision
        await eventually(lambda: bool(self.revisions) and self.revisions[-1] >= last, 20.0, what="the watch caught up")
        assert self.revisions == list(range(self.first, last + 1)), "a revision is missing or came twice"
