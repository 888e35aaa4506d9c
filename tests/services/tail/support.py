"""A feed on a server, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from etcdtui.client import Client, ClientOptions
from etcdtui.services.tail.entries import Entry, Gap, Seen
from etcdtui.services.tail.feed import RING_EVENTS, WatchFeed
from etcdtui.services.tail.source import WatchSpec
from tests.support import Server


class Listening:
    """Everything that a feed told, beyond what its ring keeps."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def came(self, news: Sequence[Entry]) -> None:
        self.entries.extend(news)

    @property
    def seen(self) -> list[Seen]:
        return [entry for entry in self.entries if isinstance(entry, Seen)]

    @property
    def gaps(self) -> list[Gap]:
        return [entry for entry in self.entries if isinstance(entry, Gap)]

    @property
    def revisions(self) -> list[int]:
        return [entry.revision for entry in self.seen]


@asynccontextmanager
async def feeding(
    client: Client, spec: WatchSpec, ring_events: int = RING_EVENTS
) -> AsyncIterator[tuple[WatchFeed, Listening]]:
    feed, heard = WatchFeed(client, spec, ring_events=ring_events), Listening()
    feed.listeners.append(heard)
    task = asyncio.create_task(feed.run())
    try:
        yield feed, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def tailing(
    server: Server, spec: WatchSpec, ring_events: int = RING_EVENTS
) -> AsyncIterator[tuple[Client, WatchFeed, Listening]]:
    client = await Client.open(ClientOptions(endpoints=tuple(server.endpoints)))
    try:
        async with feeding(client, spec, ring_events) as (feed, heard):
            yield client, feed, heard
    finally:
        await client.aclose()
