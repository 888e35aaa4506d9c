"""Watching, on one member."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from etcdtui.client import Client, ClientOptions, Op, connect, errors
from etcdtui.client._transport.calls import StreamCall
from etcdtui.client._wire import methods
from etcdtui.core.types import EventType
from etcdtui.pb import rpc_pb2
from tests.conformance.support import events, fill, rev, within
from tests.conftest import ServerFactory
from tests.support import Server, eventually, requires_server
from tests.support.timing import Stopwatch

pytestmark = pytest.mark.matrix

ALWAYS_ANSWERS_PROGRESS = "<3.5.13"
ANSWERS_PROGRESS_WHEN_ALL_SYNCED = ">=3.5.13"
WatchCall = StreamCall[rpc_pb2.WatchRequest, rpc_pb2.WatchResponse]


async def test_058_from_now(client: Client) -> None:
    await client.kv.put("k", "old")
    async with client.watch("k") as watcher:
        revision = rev(await client.kv.put("k", "new"))
        batch = await within(5, anext(watcher))
    assert [(e.type, e.kv.value, e.kv.mod_revision) for e in batch.events] == [(EventType.PUT, b"new", revision)]
    assert batch.revision == revision


async def test_059_from_a_revision_all_in_order(client: Client) -> None:
    first = rev(await client.kv.put("k/0", "v"))
    for number in range(1, 50):
        await client.kv.put(f"k/{number % 7}", str(number))
    async with client.watch("k/", prefix=True, start_revision=first) as watcher:
        got = await events(watcher, 50)
        await client.kv.put("k/live", "v")
        got += await events(watcher, 1)
    assert [e.kv.mod_revision for e in got] == list(range(first, first + 51))


async def test_061_one_transaction_one_batch(client: Client) -> None:
    async with client.watch("k", prefix=True) as watcher:
        done = await client.kv.txn(success=[Op.put(key, "v") for key in ("k1", "k2", "k3", "other")])
        batch = await within(5, anext(watcher))
    assert [(e.kv.key, e.kv.mod_revision) for e in batch.events] == [(k, rev(done)) for k in (b"k1", b"k2", b"k3")]


async def test_062_a_revoked_lease_deletes_at_one_revision(client: Client) -> None:
    lease = await client.lease.grant(60)
    for key in ("k1", "k2", "k3"):
        await client.kv.put(key, "v", lease=lease.id)
    async with client.watch("k", prefix=True, prev_kv=True) as watcher:
        await client.lease.revoke(lease.id)
        batch = await within(5, anext(watcher))
    assert len(batch.events) == 3
    assert {e.type for e in batch.events} == {EventType.DELETE}
    assert {e.kv.mod_revision for e in batch.events} == {batch.revision}
    assert {e.prev_kv.lease for e in batch.events if e.prev_kv} == {lease.id}
    for event in batch.events:
        assert (event.kv.create_revision, event.kv.version, event.kv.value, event.kv.lease) == (0, 0, b"", 0)


async def test_previous_pairs_and_filters(client: Client) -> None:
    async with (
        client.watch("k", prev_kv=True) as full,
        client.watch("k", no_put=True) as deletes,
        client.watch("k", no_delete=True) as puts,
    ):
        await client.kv.put("k", "1")
        await client.kv.put("k", "2")
        await client.kv.delete("k")
        first, second, third = await events(full, 3)
        assert first.is_create
        assert first.prev_kv is None
        assert not second.is_create
        assert second.prev_kv is not None
        assert second.prev_kv.value == b"1"
        assert third.prev_kv is not None
        assert third.prev_kv.value == b"2"
        assert [e.type for e in await events(deletes, 1)] == [EventType.DELETE]
        assert [e.kv.value for e in await events(puts, 2)] == [b"1", b"2"]


async def test_063_many_creates_at_once(client: Client) -> None:
    async with contextlib.AsyncExitStack() as stack:
        watchers = [client.watch(f"k/{n}") for n in range(60)]
        await within(10, asyncio.gather(*(stack.enter_async_context(w) for w in watchers)))
        await asyncio.gather(*(client.kv.put(f"k/{n}", str(n)) for n in range(60)))
        got = await asyncio.gather(*(events(w, 1) for w in watchers))
    assert [[e.kv.value for e in found] for found in got] == [[str(n).encode()] for n in range(60)]


async def test_created_notice_on_demand(client: Client) -> None:
    async with client.watch("k", created_notify=True) as watcher:
        notice = await within(5, anext(watcher))
        assert (notice.created, notice.events) == (True, ())
        await client.kv.put("k", "v")
        assert not (await within(5, anext(watcher))).created


async def _open(client: Client) -> WatchCall:
    return await client.caller.open_stream(methods.WATCH)


def _create(key: bytes, **fields: object) -> rpc_pb2.WatchRequest:
    return rpc_pb2.WatchRequest(create_request=rpc_pb2.WatchCreateRequest(key=key, **fields))  # type: ignore[arg-type]  # fields of the message


def _cancel(watch_id: int) -> rpc_pb2.WatchRequest:
    return rpc_pb2.WatchRequest(cancel_request=rpc_pb2.WatchCancelRequest(watch_id=watch_id))


async def _answer(stream: WatchCall, timeout: float = 5.0) -> rpc_pb2.WatchResponse:
    answer = await within(timeout, stream.read())
    assert answer is not None
    return answer


async def test_065_a_left_watch_is_over_and_the_rest_goes_on(client: Client) -> None:
    async with client.watch("k") as staying:
        async with client.watch("k") as leaving:
            await client.kv.put("k", "1")
            await events(leaving, 1)
        await client.kv.put("k", "2")
        assert [e.kv.value for e in await events(staying, 2)] == [b"1", b"2"]
        with pytest.raises(StopAsyncIteration):
            await within(1, anext(leaving))


async def test_065_ids_on_the_wire(client: Client) -> None:
    stream = await _open(client)
    try:
        await stream.write(_create(b"k", watch_id=5))
        created = await _answer(stream)
        assert (created.created, created.watch_id) == (True, 5)
        await stream.write(_cancel(99))
        await stream.write(_cancel(5))
        ended = await _answer(stream)
        assert (ended.canceled, ended.watch_id, ended.cancel_reason) == (True, 5, "")
        await stream.write(_create(b"k", watch_id=5))
        assert (await _answer(stream)).created
        await client.kv.put("k", "v")
        assert len((await _answer(stream)).events) == 1
    finally:
        stream.cancel()


async def _compacted_at_a_delete(client: Client) -> int:
    await client.kv.put("k", "v")
    deleted = rev(await client.kv.delete("k"))
    await client.kv.put("other", "v")
    await client.kv.compact(deleted, physical=True)
    return deleted


@requires_server(">=3.5.16")
async def test_067_the_delete_at_the_compact_revision_is_seen(client: Client) -> None:
    deleted = await _compacted_at_a_delete(client)
    async with client.watch("k", start_revision=deleted) as watcher:
        found = (await events(watcher, 1))[0]
    assert (found.type, found.kv.mod_revision) == (EventType.DELETE, deleted)


@requires_server("<3.5.16")
async def test_067_older_servers_forget_the_delete_at_the_compact_revision(client: Client) -> None:
    deleted = await _compacted_at_a_delete(client)
    async with client.watch("k", start_revision=deleted) as watcher:
        again = rev(await client.kv.put("k", "w"))
        found = (await events(watcher, 1))[0]
    assert (found.type, found.kv.mod_revision) == (EventType.PUT, again)


async def test_compaction_ends_a_watch_with_the_revision_to_go_on_from(client: Client) -> None:
    first = rev(await client.kv.put("k", "1"))
    await client.kv.put("k", "2")
    compacted = rev(await client.kv.put("k", "3"))
    await client.kv.compact(compacted)
    async with client.watch("k", start_revision=first) as watcher, client.watch("k") as other:
        with pytest.raises(errors.Compacted) as caught:
            await within(5, anext(watcher))
        assert caught.value.compact_revision == compacted
        with pytest.raises(errors.Compacted):
            await within(1, anext(watcher))
        async with client.watch("k", start_revision=caught.value.compact_revision) as again:
            assert (await events(again, 1))[0].kv.value == b"3"
        await client.kv.put("k", "4")
        assert (await events(other, 1))[0].kv.value == b"4"
        assert await other.progress(2.0) > compacted, "the compacted id must not block progress"


async def test_069_requested_progress(client: Client) -> None:
    async with client.watch("k") as watcher:
        revision = rev(await client.kv.put("k", "v"))
        await events(watcher, 1)
        began = Stopwatch()
        assert await watcher.progress(2.0) >= revision
        assert began.fair() < 1.0
        notice = await within(1, anext(watcher))
        assert notice.progress
        assert notice.revision >= revision


async def test_070_progress_beside_a_watcher_of_the_future(client: Client) -> None:
    now = rev(await client.kv.put("k", "v"))
    async with client.watch("k", start_revision=now + 1000) as future, client.watch("k") as present:
        assert await present.progress(5.0) >= now
        revision = rev(await client.kv.put("k", "w"))
        assert [e.kv.mod_revision for e in await events(present, 1)] == [revision]
        waiting = asyncio.create_task(future.progress(1.5))
        done, _ = await asyncio.wait([waiting], timeout=3.0)
        assert done, "asking for progress must not hang"
        assert waiting.exception() is None or isinstance(waiting.exception(), errors.DeadlineExceeded)


async def test_071_progress_without_watchers(client: Client) -> None:
    async with client.watch("k") as watcher:
        pass
    with pytest.raises(errors.WatchCancelled):
        await within(1, watcher.progress(5.0))
    stream = await _open(client)
    try:
        await stream.write(rpc_pb2.WatchRequest(progress_request=rpc_pb2.WatchProgressRequest()))
        await stream.write(_create(b"k"))
        answer = await _answer(stream)
        if not answer.created:  # older servers answer the request, newer ones keep silent
            assert answer.watch_id == -1
            answer = await _answer(stream)
        assert answer.created
    finally:
        stream.cancel()


async def _six_large(client: Client) -> int:
    first = rev(await client.kv.put("big", bytes(700 * 1024)))
    for number in range(1, 6):
        await client.kv.put("big", bytes([number]) * (700 * 1024))
    return first


async def test_073_074_large_answers_come_whole(etcd: Server, client: Client) -> None:
    first = await _six_large(client)
    limited = ClientOptions(endpoints=etcd.endpoints, max_recv_bytes=4 * 1024 * 1024)  # it asks for fragments
    async with connect(limited) as small:
        for reader in (client, small):
            async with reader.watch("big", start_revision=first) as watcher:
                batch = await within(10, anext(watcher))
            assert [e.kv.value[:1] for e in batch.events] == [bytes([n]) for n in range(6)]
    stream = await _open(client)
    try:
        await stream.write(_create(b"big", start_revision=first, fragment=True))
        parts: list[rpc_pb2.WatchResponse] = []
        while not parts or parts[-1].fragment or not parts[-1].events:
            parts.append(await _answer(stream, 10))
        assert sum(len(part.events) for part in parts) == 6
        assert not parts[-1].fragment
        await stream.write(_create(b"big", start_revision=first))
        whole: list[rpc_pb2.WatchResponse] = []
        while sum(len(part.events) for part in whole) < 6:
            whole.append(await _answer(stream, 10))
        assert not any(part.fragment for part in whole)
        assert max(part.ByteSize() for part in whole) > 4 * 1024 * 1024
    finally:
        stream.cancel()


async def test_many_small_events_of_one_write_come_quickly(client: Client) -> None:
    """A server takes seconds to cut such an answer into fragments (and 3.4 far longer to look up previous pairs)."""
    keys = [f"k/{n:05d}" for n in range(40_000)]
    await fill(client, keys)
    async with client.watch("k/", prefix=True) as watcher:
        await client.kv.delete("k/", prefix=True)
        began = Stopwatch()
        batch = await within(30, anext(watcher))
        assert began.fair() < 2.5
    assert len(batch.events) == 40_000


async def test_078_many_watchers_after_a_restart(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=server.endpoints)) as client, contextlib.AsyncExitStack() as stack:
        watchers = [client.watch(f"k/{n}") for n in range(200)]
        await asyncio.gather(*(stack.enter_async_context(w) for w in watchers))
        await server.members[0].kill()
        await server.members[0].start()
        await client.kv.put("go", "v", timeout=10)
        began = Stopwatch()
        await asyncio.gather(*(client.kv.put(f"k/{n}", "v") for n in range(200)))
        await asyncio.gather(*(events(w, 1) for w in watchers))
        assert began.fair() < 5.0


async def _streams(server: Server) -> int:
    for line in (await server.members[0].metrics()).splitlines():
        if line.startswith("etcd_debugging_mvcc_watch_stream_total "):
            return int(float(line.split()[1]))
    raise AssertionError("no such metric")


async def test_079_require_leader_has_a_stream_of_its_own(etcd: Server, client: Client) -> None:
    async def gone() -> bool:
        return await _streams(etcd) == 0

    await eventually(gone)
    async with client.watch("k"), client.watch("k") as plain:
        assert await _streams(etcd) == 1
        async with client.watch("k", require_leader=True) as strict:
            assert await _streams(etcd) == 2
            await client.kv.put("k", "v")
            await asyncio.gather(events(plain, 1), events(strict, 1))


async def test_081_a_slow_reader_is_bounded_and_alone(client: Client) -> None:
    async with client.watch("k", buffer_events=50) as slow, client.watch("k") as quick:
        revisions = [rev(await client.kv.put("k", str(n))) for n in range(200)]
        await events(quick, 200)
        seen = 0
        with pytest.raises(errors.WatchOverflow) as caught:
            async for batch in slow:
                seen += len(batch.events)
        assert 0 < seen <= 52
        assert caught.value.next_revision == revisions[seen]
        async with client.watch("k", start_revision=caught.value.next_revision) as again:
            rest = await events(again, 200 - seen)
        assert [e.kv.mod_revision for e in rest] == revisions[seen:]


async def test_083_closing_the_client_ends_all(etcd: Server) -> None:
    before = asyncio.all_tasks()
    client = await Client.open(ClientOptions(endpoints=etcd.endpoints))
    lease = await client.lease.grant(60)
    watchers = [await client.watch(f"k{n}").__aenter__() for n in range(10)]
    renewals = await client.lease.keep_alive(lease.id).__aenter__()
    await anext(renewals)
    waiting = [asyncio.ensure_future(anext(watcher)) for watcher in watchers]
    renewing = asyncio.ensure_future(_drain(renewals))
    await asyncio.wait(waiting, timeout=0.05)
    began = Stopwatch()
    await client.aclose()
    ends = await within(2, asyncio.gather(*waiting, renewing, return_exceptions=True))
    assert began.fair() < 2.0
    assert {type(end) for end in ends} == {errors.ClosedError}
    with pytest.raises(errors.ClosedError):
        await client.kv.get("k")
    await eventually(lambda: asyncio.all_tasks() <= before)


async def _drain(renewals) -> None:  # type: ignore[no-untyped-def]  # any iterator
    async for _ in renewals:
        pass


async def test_085_periodic_progress(etcd_server: ServerFactory, etcd: Server) -> None:
    name = (
        "--watch-progress-notify-interval"
        if etcd.version >= (3, 6, 0)
        else ("--experimental-watch-progress-notify-interval")
    )
    server = await etcd_server(flags=[f"{name}=1s"])
    async with (
        connect(ClientOptions(endpoints=server.endpoints)) as client,
        client.watch("k", progress_notify=True) as watcher,
        client.watch("k") as quiet,
    ):
        first = await within(5, anext(watcher))
        written = rev(await client.kv.put("other", "v"))
        second = await within(5, anext(watcher))
        third = await within(5, anext(watcher))
        await client.kv.put("k", "v")
        assert (await within(5, anext(quiet))).events, "progress is only told to those who asked"
    assert all(batch.progress and not batch.events for batch in (first, second, third))
    assert first.revision <= second.revision <= third.revision
    assert third.revision >= written
