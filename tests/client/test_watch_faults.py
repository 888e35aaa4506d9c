"""Watching through real faults: restarts, frozen and dying members, a cluster without a leader."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from tests.client.load import Load, Reader
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.proxy import TcpProxy
from tests.support.server import Server
from tests.support.timing import Stopwatch

RESTARTS = 20


@pytest.mark.matrix
async def test_twenty_restarts_under_load_leave_no_gap_and_no_double(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    keeps_all = not (3, 5, 0) <= server.version < (3, 5, 3)  # those lose acknowledged writes when killed
    async with (
        connect(ClientOptions(endpoints=server.endpoints)) as client,
        client.watch("w/", prefix=True) as watcher,
    ):
        reader, load = Reader(watcher), Load(client)
        async with load.running():
            for number in range(RESTARTS):
                await load.more(10)
                member = server.members[0]
                await (member.kill() if number % 2 and keeps_all else member.stop())
                await member.start()
        await reader.caught_up(client)
        assert load.acknowledged <= set(reader.revisions)


async def test_many_watchers_are_all_there_again_after_a_restart(etcd_server: ServerFactory) -> None:
    """78"""
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=server.endpoints)) as client:
        watchers = [client.watch(f"k/{n}") for n in range(200)]
        await asyncio.gather(*(w.__aenter__() for w in watchers))
        await server.members[0].kill()
        await server.members[0].start()
        began = Stopwatch()
        await asyncio.gather(*(server.put(f"k/{n}", "v") for n in range(200)))
        batches = await asyncio.wait_for(asyncio.gather(*(anext(w) for w in watchers)), 10.0)
        assert began.fair() < 5.0
        assert [len(b.events) for b in batches] == [1] * 200


async def test_watch_leaves_a_member_that_shuts_down(cluster3: Server) -> None:
    """84: a shut down member ends its streams within 7 s."""
    async with (
        connect(ClientOptions(endpoints=cluster3.endpoints)) as client,
        client.watch("w/", prefix=True) as watcher,
    ):
        reader, load = Reader(watcher), Load(client)
        async with load.running():
            await eventually(lambda: len(reader.revisions) > 10)
            serving = client._watches.endpoints_in_use()[0]
            member = next(m for m in cluster3.members if m.endpoint == serving)
            stopping = asyncio.create_task(member.stop())
            await eventually(lambda: serving not in client._watches.endpoints_in_use(), 8.5, what="the watch moved")
            await stopping
            known = len(reader.revisions)
            await eventually(lambda: len(reader.revisions) > known + 10)
        await reader.caught_up(client)


async def test_a_frozen_member_is_noticed_and_left(cluster3: Server) -> None:
    async with (
        connect(ClientOptions(endpoints=cluster3.endpoints)) as client,
        client.watch("idle") as idle,
    ):
        serving = client._watches.endpoints_in_use()[0]
        member = next(m for m in cluster3.members if m.endpoint == serving)
        other = next(m for m in cluster3.members if m.endpoint != serving)
        began = Stopwatch()
        member.pause()
        try:
            reading = asyncio.create_task(anext(idle))
            await eventually(lambda: serving not in client._watches.endpoints_in_use(), 20.0, what="the watch moved")
            assert began.fair() < 18.0
            await eventually(lambda: client._watches.endpoints_in_use(), 5.0)
            await eventually(lambda: _put(cluster3, other.endpoint), 10.0)
            assert len((await asyncio.wait_for(reading, 5.0)).events) == 1
        finally:
            member.resume()


async def _put(server: Server, endpoint: str) -> bool:
    async with connect(ClientOptions(endpoints=(endpoint,))) as client:
        try:
            await client.kv.put("idle", "v", timeout=3.0)
        except errors.EtcdError:
            return False
    return True


@pytest.mark.matrix
async def test_a_watch_from_now_begun_on_a_frozen_member_misses_nothing(cluster3: Server) -> None:
    """It began with next_revision 0, and what others wrote until the member went on was lost without a word."""
    frozen = cluster3.members[0]
    async with (
        connect(ClientOptions(endpoints=(frozen.endpoint,), command_timeout=30)) as client,
        connect(ClientOptions(endpoints=cluster3.endpoints[1:], command_timeout=30)) as others,
    ):
        await client.kv.get("k")
        frozen.pause()
        try:
            began = Stopwatch()
            late = client.watch("k", timeout=1.0)
            with pytest.raises(errors.DeadlineExceeded):
                await late.__aenter__()
            assert began.fair() < 10.0
            watcher = client.watch("k", timeout=30.0)
            entering = asyncio.create_task(watcher.__aenter__())
            await others.kv.put("k", "before")
            assert not entering.done()
        finally:
            frozen.resume()
        with closing(await entering):
            begun = watcher.next_revision
            written = [(await others.kv.put("k", str(n))).header for n in range(3)]
            revisions = [header.revision for header in written if header is not None]
            assert 0 < begun <= revisions[0]
            got: list[int] = []
            while not got or got[-1] < revisions[-1]:
                got += [event.kv.mod_revision for event in (await asyncio.wait_for(anext(watcher), 10)).events]
            assert got == revisions


async def test_a_watch_from_now_begun_over_a_stalled_link_waits_for_it(
    etcd: Server, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]
) -> None:
    link = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(link.endpoint,))) as client:
        await client.kv.get("k")
        link.black_hole()
        watcher = client.watch("k", timeout=30.0)
        entering = asyncio.create_task(watcher.__aenter__())
        await etcd.put("k", "before")
        assert not entering.done()
        await link.heal()
        with closing(await entering):
            begun = watcher.next_revision
            written = await etcd.put("k", "after")
            assert 0 < begun <= written
            assert (await asyncio.wait_for(anext(watcher), 10)).revision == written


async def test_a_watch_from_now_without_a_leader_says_so_or_gives_up(cluster3: Server) -> None:
    await asyncio.gather(*(m.kill() for m in cluster3.members[1:]))
    async with connect(ClientOptions(endpoints=cluster3.endpoints[:1])) as client:
        await eventually(lambda: _leaderless(client), 10.0)
        strict, patient = client.watch("k", require_leader=True, timeout=2.0), client.watch("k", timeout=2.0)
        async with strict:
            with pytest.raises(errors.NoLeader):
                await anext(strict)
        with pytest.raises(errors.DeadlineExceeded, match="no leader"):
            await patient.__aenter__()


async def _leaderless(client: Client) -> bool:
    return (await client.maintenance.status(client.endpoints[0])).leader == 0


async def test_quorum_lost_ends_only_the_watch_that_requires_a_leader(cluster3: Server) -> None:
    """80, and both kinds are separate streams (79)."""
    await cluster3.put("k", "v")
    async with (
        connect(ClientOptions(endpoints=cluster3.endpoints)) as client,
        client.watch("k", require_leader=True) as strict,
        client.watch("k") as patient,
    ):
        assert len(client._watches.endpoints_in_use()) == 2
        await asyncio.gather(*(m.kill() for m in cluster3.members[1:]))
        began = Stopwatch()
        with pytest.raises(errors.NoLeader):
            await asyncio.wait_for(anext(strict), 15.0)
        assert began.fair() < 6.5
        reading = asyncio.create_task(anext(patient))
        await asyncio.gather(*(m.start() for m in cluster3.members[1:]))
        await cluster3.put("k", "again")
        assert len((await asyncio.wait_for(reading, 15.0)).events) == 1


async def test_a_watch_that_requires_a_leader_survives_an_election(cluster3: Server) -> None:
    async with (
        connect(ClientOptions(endpoints=cluster3.endpoints)) as client,
        client.watch("w/", prefix=True, require_leader=True) as watcher,
    ):
        reader = Reader(watcher)
        await client.kv.put("w/1", "v")
        await (await cluster3.leader()).kill()
        await eventually(lambda: _written(client), 15.0)
        await reader.caught_up(client)


async def _written(client: Client) -> bool:
    try:
        await client.kv.put("w/2", "v", timeout=2.0)
    except errors.EtcdError:
        return False
    return True
