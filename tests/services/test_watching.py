"""The tail: every event once, expiry told from deletion, gaps drawn, refusals said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from etcdtui.client import Client, ClientOptions
from etcdtui.core.ring import Gap
from etcdtui.core.types import Event, EventType, KeyValue
from etcdtui.services.tail.watching import FeedState, Seen, WatchFeed, WatchSpec
from etcdtui.services.values import changes
from tests.conftest import ServerFactory
from tests.support import Server, eventually


@asynccontextmanager
async def tailing(server: Server, spec: WatchSpec) -> AsyncIterator[tuple[Client, WatchFeed]]:
    client = await Client.open(ClientOptions(endpoints=tuple(server.endpoints)))
    feed = WatchFeed(client, spec)
    task = asyncio.create_task(feed.run())
    try:
        yield client, feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


def seen(feed: WatchFeed) -> list[Seen]:
    return [entry for entry in feed.ring if isinstance(entry, Seen)]


async def test_events_come_once_in_order_and_are_named(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/a/", b"/a0")) as (client, feed):
        await eventually(lambda: feed.state is FeedState.LIVE)
        await client.kv.put("/a/x", "1")
        await client.kv.put("/a/x", "2")
        await client.kv.put("/b", "outside")
        await client.kv.delete("/a/x")
        await eventually(lambda: feed.events == 3)
        assert [feed.op(entry) for entry in seen(feed)] == ["NEW", "PUT", "DEL"]
        assert changes.summary(seen(feed)[1].event) == "1 -> 2"
        assert changes.summary(seen(feed)[2].event) == 'was "2"'
        feed.mark("deploy")
        assert feed.marks == 1 and len(feed.ring) == 4


async def test_an_expired_key_is_told_from_a_deleted_one(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/l/", b"/l0")) as (client, feed):
        await eventually(lambda: feed.state is FeedState.LIVE)
        gone, alive = await client.lease.grant(100), await client.lease.grant(100)
        await client.kv.put("/l/gone", "1", lease=gone.id)
        await client.kv.put("/l/alive", "1", lease=alive.id)
        await client.lease.revoke(gone.id)
        await client.kv.delete("/l/alive")
        await eventually(lambda: feed.events == 4)

        def told() -> bool:
            ops = {entry.event.kv.key: feed.op(entry) for entry in seen(feed)[2:]}
            return ops == {b"/l/gone": "DEL~", b"/l/alive": "DEL"}

        await eventually(told)


async def test_a_compacted_start_is_drawn_as_a_gap_and_the_tail_goes_on(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/other")) as (client, _):
        first = (await client.kv.put("/c", "0")).header
        for number in range(1, 5):
            await client.kv.put("/c", str(number))
        assert first is not None
        await client.kv.compact(first.revision + 3)
        async with tailing(etcd, WatchSpec(b"/c", b"", first.revision)) as (_, feed):
            await eventually(lambda: feed.events >= 2 and feed.state is FeedState.LIVE)
            entries = list(feed.ring)
            assert isinstance(entries[0], Gap) and "compacted below" in entries[0].reason
            assert [entry.event.kv.value for entry in seen(feed)] == [b"3", b"4"]


async def test_a_refused_watch_ends_and_says_why(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    for words in (("user", "add", "root:r"), ("role", "add", "root"), ("user", "grant-role", "root", "root")):
        server.etcdctl(*words)
    server.etcdctl("user", "add", "bob:b")
    server.etcdctl("auth", "enable")
    client = await Client.open(ClientOptions(endpoints=(server.endpoint,), username="bob", password="b"))
    try:
        feed = WatchFeed(client, WatchSpec(b"/x"))
        async with asyncio.timeout(10):
            await feed.run()
        assert feed.state is FeedState.ENDED
        assert "permission denied" in feed.words
    finally:
        await client.aclose()


async def test_a_restart_under_the_tail_loses_nothing(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with tailing(server, WatchSpec(b"/r/", b"/r0")) as (client, feed):
        await eventually(lambda: feed.state is FeedState.LIVE)
        await client.kv.put("/r/1", "1")
        await eventually(lambda: feed.events == 1)
        await server.members[0].kill()
        await server.members[0].restart()
        await client.kv.put("/r/2", "1")
        await eventually(lambda: feed.events == 2, timeout=15)
        assert [entry.event.kv.key for entry in seen(feed)] == [b"/r/1", b"/r/2"]


def event(before: bytes | None, after: bytes) -> Event:
    old = KeyValue(b"k", before, 1, 1, 1, 0) if before is not None else None
    return Event(EventType.PUT, KeyValue(b"k", after, 1, 2, 2, 0), old)


def test_a_masked_field_is_never_in_the_summary_or_the_difference() -> None:
    hidden = frozenset({"password"})
    changed = event(b'{"password": "old-secret", "a": 1}', b'{"password": "new-secret", "a": 1}')
    nested = event(b"{}", b'{"db": {"password": "new-secret"}}')
    for watched in (changed, nested):
        text = changes.summary(watched, hidden)
        lines = b"".join(
            part if isinstance(part, bytes) else part.encode()
            for shown in changes.details(watched, hidden)
            for part in shown.parts
        )
        assert "secret" not in text and b"secret" not in lines
    assert changes.summary(changed, hidden) == "password ******** -> ********"


def test_one_changed_field_is_named_with_both_values() -> None:
    assert changes.summary(event(b'{"pool": {"max": 16}}', b'{"pool": {"max": 32}}')) == "pool.max 16 -> 32"
    assert changes.summary(event(b'{"a": 1, "b": 1}', b'{"a": 2, "b": 2}')).startswith("2 fields changed: ")
