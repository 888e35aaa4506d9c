"""Watching a healthy server; numbers in the docstrings are those of the conformance list."""

from __future__ import annotations

import asyncio

import pytest

from etcdtui.client import Client, ClientOptions, Op, connect, errors
from etcdtui.client.watch import Watcher
from etcdtui.core.types import Event, EventType, PermissionType, WatchBatch
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.server import Server
from tests.support.timing import Stopwatch

pytestmark = pytest.mark.matrix
SOON = 5.0


async def take(watcher: Watcher) -> WatchBatch:
    return await asyncio.wait_for(anext(watcher), SOON)


async def take_events(watcher: Watcher, count: int) -> list[Event]:
    events: list[Event] = []
    while len(events) < count:
        events.extend((await take(watcher)).events)
    return events


async def revision_of(client: Client) -> int:
    header = (await client.kv.get("any")).header
    assert header is not None
    return header.revision


async def test_watch_from_now_sees_the_next_put_and_nothing_older(client: Client) -> None:
    """58"""
    await client.kv.put("k", "old")
    async with client.watch("k") as watcher:
        put = await client.kv.put("k", "new")
        batch = await take(watcher)
        assert put.header is not None
        assert [(e.type, e.kv.value, e.kv.mod_revision) for e in batch.events] == [
            (EventType.PUT, b"new", put.header.revision)
        ]
        assert batch.revision == put.header.revision


async def test_history_from_a_revision_comes_in_order(client: Client) -> None:
    """59"""
    first = await revision_of(client) + 1
    for number in range(20):
        await client.kv.put("h", str(number))
    async with client.watch("h", start_revision=first) as watcher:
        events = await take_events(watcher, 20)
    assert [e.kv.value for e in events] == [str(n).encode() for n in range(20)]
    assert [e.kv.mod_revision for e in events] == list(range(first, first + 20))


async def test_a_transaction_is_one_batch(client: Client) -> None:
    """61"""
    async with client.watch("t/", prefix=True) as watcher:
        await client.kv.txn(success=[Op.put(f"t/{n}", "v") for n in range(3)])
        batch = await take(watcher)
    assert [e.kv.key for e in batch.events] == [b"t/0", b"t/1", b"t/2"]
    assert len({e.kv.mod_revision for e in batch.events}) == 1


async def test_a_revoked_lease_deletes_its_keys_at_one_revision(client: Client) -> None:
    """62"""
    lease = await client.lease.grant(60)
    for name in "abc":
        await client.kv.put(f"l/{name}", name, lease=lease.id)
    async with client.watch("l/", prefix=True, prev_kv=True) as watcher:
        await client.lease.revoke(lease.id)
        events = await take_events(watcher, 3)
    assert {e.type for e in events} == {EventType.DELETE}
    assert len({e.kv.mod_revision for e in events}) == 1
    assert [e.prev_kv.lease for e in events if e.prev_kv] == [lease.id] * 3


async def test_sixty_watchers_at_once_each_get_their_own_events(client: Client) -> None:
    """63"""
    watchers = [client.watch(f"many/{n}") for n in range(60)]
    await asyncio.gather(*(w.__aenter__() for w in watchers))
    await asyncio.gather(*(client.kv.put(f"many/{n}", str(n)) for n in range(60)))
    batches = await asyncio.gather(*(take(w) for w in watchers))
    assert [b.events[0].kv.value for b in batches] == [str(n).encode() for n in range(60)]
    for watcher in watchers:
        watcher.close()


async def test_closing_one_watcher_leaves_the_others_and_its_stream(client: Client) -> None:
    """65"""
    async with client.watch("c/", prefix=True) as stays:
        async with client.watch("c/", prefix=True) as goes:
            await client.kv.put("c/1", "v")
            await take(goes)
        with pytest.raises(StopAsyncIteration):
            await anext(goes)
        await client.kv.put("c/2", "v")
        assert [e.kv.key for e in await take_events(stays, 2)] == [b"c/1", b"c/2"]


async def test_filters(client: Client) -> None:
    async with (
        client.watch("f", no_put=True) as deletes,
        client.watch("f", no_delete=True) as puts,
        client.watch("f", no_put=True, no_delete=True) as nothing,
    ):
        await client.kv.put("f", "v")
        await client.kv.delete("f")
        assert (await take(deletes)).events[0].type is EventType.DELETE
        assert (await take(puts)).events[0].type is EventType.PUT
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(nothing), 0.2)


async def test_created_notice_comes_first_and_once(client: Client) -> None:
    async with client.watch("n", created_notify=True) as watcher:
        await client.kv.put("n", "v")
        created, events = await take(watcher), await take(watcher)
    assert created.created and not created.events
    assert events.events and not events.created


async def test_progress_when_all_is_seen(client: Client) -> None:
    """69"""
    async with client.watch("p") as watcher:
        put = await client.kv.put("p", "v")
        await take(watcher)
        began = Stopwatch()
        revision = await watcher.progress(SOON)
        assert began.fair() < 1.0
        assert put.header is not None
        assert revision >= put.header.revision
        assert (await take(watcher)).progress


async def test_progress_is_answered_though_a_neighbour_waits_for_the_future(client: Client) -> None:
    """70: from 3.5.8 on the server keeps silent, so the watcher moves to a stream of its own."""
    future = await revision_of(client) + 1000
    async with client.watch("p/", prefix=True) as watcher, client.watch("p/", prefix=True, start_revision=future):
        await client.kv.put("p/1", "v")
        assert await watcher.progress(SOON) > 0
        await client.kv.put("p/2", "v")
        assert [e.kv.key for e in await take_events(watcher, 2)] == [b"p/1", b"p/2"]


async def test_progress_of_a_future_watcher_gives_up_in_time(client: Client) -> None:
    """70: old servers answer, newer ones never do."""
    future = await revision_of(client) + 1000
    async with client.watch("p", start_revision=future) as watcher:
        began = Stopwatch()
        try:
            await watcher.progress(0.5)
        except errors.DeadlineExceeded:
            pass
        assert began.fair() < 1.5


async def test_six_large_events_come_as_one_batch(client: Client) -> None:
    """73, 74: 4.2 MB, sent by the server in fragments."""
    first = await revision_of(client) + 1
    for number in range(6):
        await client.kv.put(f"big/{number}", bytes(700 * 1024))
    async with client.watch("big/", prefix=True, start_revision=first) as watcher:
        batch = await take(watcher)
    assert [len(e.kv.value) for e in batch.events] == [700 * 1024] * 6


async def test_a_slow_reader_gets_what_was_buffered_then_a_typed_end(client: Client) -> None:
    """81"""
    async with (
        client.watch("s/", prefix=True, buffer_events=10) as slow,
        client.watch("s/", prefix=True) as fast,
    ):
        for number in range(50):
            await client.kv.put(f"s/{number}", "v")
        assert len(await take_events(fast, 50)) == 50
        seen: list[int] = []
        with pytest.raises(errors.WatchOverflow) as overflow:
            async for batch in slow:
                seen += [e.kv.mod_revision for e in batch.events]
    assert 10 <= len(seen) < 50
    assert overflow.value.next_revision == seen[-1] + 1
    async with client.watch("s/", prefix=True, start_revision=overflow.value.next_revision) as again:
        assert len(await take_events(again, 50 - len(seen))) == 50 - len(seen)


async def test_bytes_are_bounded_too(client: Client) -> None:
    """81"""
    async with client.watch("s", buffer_bytes=100_000) as slow:
        for _ in range(8):
            await client.kv.put("s", bytes(50_000))
        with pytest.raises(errors.WatchOverflow):
            for _ in range(8):
                await take(slow)


async def test_time_limits_on_reading_lose_nothing(client: Client) -> None:
    async with client.watch("w/", prefix=True) as watcher:
        seen: list[bytes] = []

        async def write() -> None:
            for number in range(200):
                await client.kv.put(f"w/{number}", "v")

        writing = asyncio.create_task(write())
        while len(seen) < 200:
            try:
                batch = await asyncio.wait_for(anext(watcher), 0.001)
            except TimeoutError:
                continue
            seen += [e.kv.key for e in batch.events]
        await writing
    assert seen == [f"w/{n}".encode() for n in range(200)]


async def test_compacted_history_is_a_typed_end_and_progress_still_works(client: Client) -> None:
    first = await revision_of(client) + 1
    for _ in range(5):
        await client.kv.put("k", "v")
    await client.kv.compact(first + 3)
    async with client.watch("other") as neighbour:
        async with client.watch("k", start_revision=first) as watcher:
            with pytest.raises(errors.Compacted) as compacted:
                await take(watcher)
            assert compacted.value.compact_revision == first + 3
        assert await neighbour.progress(SOON) > 0


async def test_an_empty_range_is_refused_and_harms_no_other(client: Client) -> None:
    async with client.watch("k") as neighbour, client.watch("b", range_end="a") as watcher:
        with pytest.raises(errors.WatchCancelled, match="empty"):
            await take(watcher)
        await client.kv.put("k", "v")
        assert len((await take(neighbour)).events) == 1


async def test_closing_the_client_ends_all_iterators(etcd: Server) -> None:
    """83"""
    before = asyncio.all_tasks()
    client = await Client.open(ClientOptions(endpoints=etcd.endpoints))

    async def read(number: int) -> None:
        async with client.watch(f"k/{number}", require_leader=number % 2 == 0) as watcher:
            async for _ in watcher:
                pass

    readers = [asyncio.create_task(read(n)) for n in range(10)]
    await asyncio.sleep(0)
    await eventually(lambda: len(asyncio.all_tasks()) > len(before) + 10)
    began = Stopwatch()
    await client.aclose()
    ends = await asyncio.wait_for(asyncio.gather(*readers, return_exceptions=True), SOON)
    assert began.fair() < 1.0
    assert {type(end) for end in ends} == {errors.ClosedError}
    await eventually(lambda: asyncio.all_tasks() == before, what="all tasks ended")


async def test_closing_a_watcher_releases_its_reader_quietly(client: Client) -> None:
    async with client.watch("k") as watcher:
        reader = asyncio.create_task(take_all(watcher))
        await asyncio.sleep(0)
        watcher.close()
        assert await asyncio.wait_for(reader, SOON) == []


async def take_all(watcher: Watcher) -> list[WatchBatch]:
    return [batch async for batch in watcher]


async def test_a_message_above_the_limit_ends_only_its_watch(etcd: Server) -> None:
    options = ClientOptions(endpoints=etcd.endpoints, max_request_bytes=100_000, max_recv_bytes=100_000)
    async with connect(options) as client, client.watch("small") as small, client.watch("large") as large:
        await etcd.put("large", bytes(200_000))
        with pytest.raises(errors.MessageTooLarge):
            await take(large)
        await etcd.put("small", "v")
        assert len((await take(small)).events) == 1


async def test_mistakes_are_found_before_anything_is_sent(client: Client) -> None:
    with pytest.raises(ValueError, match="exclude"):
        client.watch("k", prefix=True, from_key=True)
    with pytest.raises(errors.EmptyKey):
        client.watch("")
    with pytest.raises(ValueError, match="start_revision"):
        client.watch("k", start_revision=-1)
    with pytest.raises(RuntimeError, match="async with"):
        await anext(client.watch("k"))


async def test_periodic_progress(etcd_server: ServerFactory) -> None:
    """85"""
    probe = await etcd_server()
    name = "watch-progress-notify-interval"
    flag = f"--{name}=200ms" if probe.version >= (3, 6, 0) else f"--experimental-{name}=200ms"
    server = await etcd_server(flags=[flag])
    async with (
        connect(ClientOptions(endpoints=server.endpoints)) as client,
        client.watch("k", progress_notify=True) as told,
        client.watch("k") as untold,
    ):
        await client.kv.put("other", "v")
        batch = await take(told)
        while batch.revision < 2:
            batch = await take(told)
        assert batch.progress and not batch.events
        await eventually(lambda: untold.next_revision == 3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(untold), 0.1)


async def enable_auth(server: Server) -> None:
    await server.call("auth/user/add", name="root", password="r")
    await server.call("auth/role/add", name="root")
    await server.call("auth/user/grant", user="root", role="root")
    await server.call("auth/user/add", name="u", password="u")
    await server.call("auth/role/add", name="r")
    permission = {"permType": PermissionType.READWRITE.name, "key": "YQ==", "range_end": "Yg=="}  # [a, b)
    await server.call("auth/role/grant", name="r", perm=permission)
    await server.call("auth/user/grant", user="u", role="r")
    await server.call("auth/enable")


async def test_a_watch_outlives_its_token_and_a_new_one_gets_a_new_token(etcd_server: ServerFactory) -> None:
    """123: the same password set again makes the server forget the user's tokens."""
    server = await etcd_server()
    await enable_auth(server)
    options = ClientOptions(endpoints=server.endpoints, username="u", password="u")
    async with connect(options) as client, client.watch("a", prefix=True) as old:
        async with client.watch("b") as refused:
            with pytest.raises(errors.PermissionDenied):
                await take(refused)
        async with connect(ClientOptions(endpoints=server.endpoints, username="root", password="r")) as root:
            await root.auth.user_change_password("u", "u")
        async with client.watch("a", prefix=True, start_revision=2) as new:
            await client.kv.put("a", "v")
            assert len((await take(new)).events) == 1
            assert len((await take(old)).events) == 1
