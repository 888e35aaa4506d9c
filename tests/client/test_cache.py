"""A range in memory that follows the store, held against the store through etcdctl's own way in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from etcdtui.client import Cache, Client, ClientOptions, EventType, Op, Permission, WatchBatch, connect, errors
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.proxy import TcpProxy
from tests.support.server import Server


async def read(client: Client) -> dict[bytes, tuple[bytes, int]]:
    return {kv.key: (kv.value, kv.mod_revision) for kv in (await client.kv.get("c/", prefix=True)).kvs}


def held(cache: Cache) -> dict[bytes, tuple[bytes, int]]:
    return {kv.key: (kv.value, kv.mod_revision) for kv in cache.items()}


@pytest.mark.matrix
async def test_a_cache_is_loaded_and_follows(client: Client, etcd: Server) -> None:
    await etcd.put("c/a", "1")
    await etcd.put("d", "outside")
    async with Cache(client, "c/", prefix=True, page_size=1) as cache:
        found = cache.get("c/a")
        assert found is not None and found.value == b"1" and len(cache) == 1 and "c/b" not in cache
        changes = cache.changes()
        await etcd.put("c/b", "2")
        await etcd.put("c/a", "3")
        await etcd.delete("c/a")
        revision = await etcd.put("c/aa", "4")
        await cache.reached(revision, timeout=5)
        assert held(cache) == await read(client)
        assert [kv.key for kv in cache.items()] == [b"c/aa", b"c/b"]
        assert [kv.key for kv in cache.items("c/a")] == [b"c/aa"] and cache.items("x") == []
        told: list[tuple[EventType, bytes, bytes | None]] = []
        while len(told) < 4:
            batch = await asyncio.wait_for(anext(changes), 5)
            told += [(e.type, e.kv.key, e.prev_kv.value if e.prev_kv else None) for e in batch.events]
        put, delete = EventType.PUT, EventType.DELETE
        assert told == [(put, b"c/b", None), (put, b"c/a", b"1"), (delete, b"c/a", b"3"), (put, b"c/aa", None)]
    with pytest.raises(errors.ClosedError):
        cache.get("c/b")
    with pytest.raises(StopAsyncIteration):
        await anext(changes)


@pytest.mark.matrix
async def test_a_cache_is_as_new_as_the_store_when_asked(client: Client, etcd: Server) -> None:
    """Also where nothing of the range was written: ``current`` waits for the revision, not for an event."""
    async with Cache(client, "c/", prefix=True) as cache:
        written = await etcd.put("elsewhere", "1")
        assert await cache.current(timeout=5) >= written
        draw = random.Random(1)
        for number in range(60):
            if draw.random() < 0.3:
                await etcd.delete(f"c/{draw.randrange(5)}")
            else:
                await etcd.put(f"c/{draw.randrange(5)}", str(number))
            if number % 10 == 9:
                await cache.current(timeout=5)
                assert held(cache) == await read(client)


async def test_a_cache_sleeps_through_a_compaction_and_tells_what_differs(
    client: Client, etcd: Server, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]
) -> None:
    writer, link = client, await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(link.endpoint,))) as client:
        await writer.kv.put("c/gone", "1")
        await writer.kv.put("c/stays", "1")
        async with Cache(client, "c/", prefix=True) as cache:
            changes = cache.changes()
            await cache.current(timeout=5)
            await link.refuse()
            await writer.kv.delete("c/gone")
            await writer.kv.put("c/new", "2")
            done = await writer.kv.put("c/stays", "3")
            assert done.header is not None
            await writer.kv.compact(done.header.revision)
            await link.heal()
            await cache.current(timeout=20)
            assert held(cache) == await read(writer)
            told: dict[bytes, EventType] = {}
            while len(told) < 3:
                batch = await asyncio.wait_for(anext(changes), 5)
                told |= {event.kv.key: event.type for event in batch.events}
            assert told == {b"c/gone": EventType.DELETE, b"c/new": EventType.PUT, b"c/stays": EventType.PUT}


async def test_a_cache_that_cannot_go_on_says_so_instead_of_growing_old(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=server.endpoints)) as admin:
        await admin.auth.user_add("root", "p")
        await admin.auth.user_grant_role("root", "root")
        await admin.auth.role_add("r")
        await admin.auth.role_grant_permission("r", Permission("read", "c/", "c0"))
        await admin.auth.user_add("u", "p")
        await admin.auth.user_grant_role("u", "r")
        await admin.auth.enable()
    options = ClientOptions(endpoints=server.endpoints, username="u", password="p")
    root = ClientOptions(endpoints=server.endpoints, username="root", password="p")
    async with connect(options) as client, connect(root) as admin, Cache(client, "c/", prefix=True) as cache:
        changes = cache.changes()
        await admin.auth.user_revoke_role("u", "r")
        await server.members[0].restart()
        with pytest.raises(errors.PermissionDenied):
            await asyncio.wait_for(anext(changes), 20)
        with pytest.raises(errors.PermissionDenied):
            cache.get("c/a")
        with pytest.raises(errors.PermissionDenied):
            await cache.reached(10**9)


async def test_a_slow_reader_of_changes_is_told_and_the_cache_goes_on(client: Client) -> None:
    async with Cache(client, "c/", prefix=True) as cache:
        slow = cache.changes(buffer_events=1)
        for number in range(4):
            await client.kv.put("c/k", str(number))
            await cache.current(timeout=5)
        got: list[WatchBatch] = []
        with pytest.raises(errors.WatchOverflow):
            while True:
                got.append(await anext(slow))
        found = cache.get("c/k")
        assert found is not None and found.value == b"3"


async def test_a_cache_waits_for_no_revision_that_does_not_come(client: Client) -> None:
    async with Cache(client, "c/", prefix=True) as cache:
        with pytest.raises(errors.DeadlineExceeded, match="not at 99999"):
            await cache.reached(99_999, timeout=0.2)


async def test_a_cache_inside_of_a_namespace(client: Client) -> None:
    team = client.namespaced("team/")
    await client.kv.put("team/c/a", "1")
    async with Cache(team, "c/", prefix=True) as cache:
        await client.kv.txn(success=[Op.put("team/c/b", "2"), Op.put("c/outside", "3")])
        await cache.current(timeout=5)
        assert [kv.key for kv in cache.items()] == [b"c/a", b"c/b"]


async def test_every_task_of_a_cache_ends_with_it(client: Client) -> None:
    async with Cache(client, "c/", prefix=True) as cache:
        waiting = asyncio.create_task(cache.reached(10**9))
        await eventually(lambda: bool(cache._waiting))
    with pytest.raises(errors.ClosedError):
        await waiting
