"""A copy of a prefix in another cluster."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from etcdtui.client import Client, ClientOptions, Mirror, Op, Syncer, connect, errors
from tests.conftest import ServerFactory
from tests.support.server import Server

Content = dict[bytes, bytes]


async def content(client: Client, prefix: str) -> Content:
    cut = len(prefix)
    return {kv.key[cut:]: kv.value for kv in (await client.kv.get(prefix, prefix=True)).kvs}


@pytest.fixture
async def other(etcd_server: ServerFactory) -> AsyncIterator[Client]:
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=server.endpoints)) as client:
        yield client


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_base_and_its_updates_miss_nothing(client: Client, etcd: Server) -> None:
    for number in range(7):
        await etcd.put(f"m/{number}", "1")
    syncer = Syncer(client, "m/", prefix=True)
    with pytest.raises(ValueError):
        syncer.updates()
    keys: list[bytes] = []
    async for page in syncer.base(2):
        keys += [kv.key for kv in page.kvs]
        await etcd.put("m/0", "meanwhile")
    assert len(keys) == 7
    async with syncer.updates() as watcher:
        batch = await asyncio.wait_for(anext(watcher), 5)
        assert batch.events[0].kv.value == b"meanwhile"
        assert batch.events[0].kv.mod_revision == syncer.revision + 1


@pytest.mark.matrix
async def test_a_mirror_copies_and_follows(client: Client, other: Client) -> None:
    await client.kv.put("a/1", "x")
    await other.kv.put("b/stray", "old")
    mirror = Mirror(client, other, "a/", dest_prefix="b/", prune=True)
    running = asyncio.create_task(mirror.run())
    try:
        draw = random.Random(2)
        for number in range(40):
            keys = draw.sample(range(8), 3)
            await client.kv.txn(success=[Op.put(f"a/{keys[0]}", str(number)), Op.delete(f"a/{keys[1]}")])
        done = await client.kv.put("a/last", "1")
        assert done.header is not None
        await mirror.reached(done.header.revision, timeout=10)
        assert await content(other, "b/") == await content(client, "a/")
    finally:
        await ended(running)


async def test_all_of_one_source_revision_is_written_at_once(client: Client, other: Client) -> None:
    mirror = Mirror(client, other, "a/")
    running = asyncio.create_task(mirror.run())
    try:
        begun = await client.kv.put("a/0", "0")
        assert begun.header is not None
        await mirror.reached(begun.header.revision, timeout=10)
        async with other.watch("a/", prefix=True) as watcher:
            await client.kv.txn(success=[Op.put(f"a/{number}", "1") for number in range(5)])
            batch = await asyncio.wait_for(anext(watcher), 5)
        assert len({event.kv.mod_revision for event in batch.events}) == 1 and len(batch.events) == 5
    finally:
        await ended(running)


async def test_a_mirror_waits_for_a_destination_that_is_away(client: Client, etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    options = ClientOptions(endpoints=server.endpoints, command_timeout=1.0)
    async with connect(options) as destination:
        mirror = Mirror(client, destination, "a/")
        running = asyncio.create_task(mirror.run())
        try:
            first = await client.kv.put("a/1", "1")
            assert first.header is not None
            await mirror.reached(first.header.revision, timeout=10)
            await server.members[0].stop()
            second = await client.kv.put("a/2", "2")
            with pytest.raises(errors.DeadlineExceeded):
                await mirror.reached(second.header.revision if second.header else 0, timeout=0.3)
            await server.members[0].start()
            await mirror.reached(second.header.revision if second.header else 0, timeout=20)
            assert await content(destination, "a/") == await content(client, "a/")
        finally:
            await ended(running)


async def test_a_mirror_that_slept_through_a_compaction_begins_again_or_says_so(client: Client, other: Client) -> None:
    old = await client.kv.put("a/gone", "1")
    await client.kv.delete("a/gone")
    new = await client.kv.put("a/new", "2")
    assert old.header is not None and new.header is not None
    await other.kv.put("a/gone", "1")
    await client.kv.compact(new.header.revision)
    with pytest.raises(errors.Compacted):
        await Mirror(client, other, "a/", revision=old.header.revision).run()
    mirror = Mirror(client, other, "a/", revision=old.header.revision, prune=True)
    running = asyncio.create_task(mirror.run())
    try:
        await mirror.reached(new.header.revision, timeout=10)
        assert await content(other, "a/") == {b"new": b"2"}
    finally:
        await ended(running)


async def test_a_copy_into_itself_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="would lie in"):
        Mirror(client, client, "a/", dest_prefix="a/b/")
