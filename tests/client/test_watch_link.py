"""What a watcher tells of its connection, and lanes: streams that are not shared."""

from __future__ import annotations

import asyncio

from etcdtui.client import ClientOptions, connect
from tests.conftest import ServerFactory
from tests.support import Server
from tests.support.poll import eventually


async def test_a_broken_stream_is_told_in_order_and_so_is_its_return(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with (
        connect(ClientOptions(endpoints=server.endpoints)) as client,
        client.watch("w/", prefix=True, link_notify=True) as watcher,
    ):
        assert watcher.link.up and watcher.link.endpoint == server.endpoint
        first = await server.put("w/1", "1")
        batches = [await anext(watcher), await anext(watcher)]
        await server.members[0].kill()
        batches.append(await asyncio.wait_for(anext(watcher), 10.0))
        await eventually(lambda: watcher.link.attempt >= 2, 10.0, what="it is tried again and again")
        down = watcher.link
        assert not down.up and down.error is not None and down.retry_at > 0
        await server.members[0].start()
        batches.append(await asyncio.wait_for(anext(watcher), 10.0))
        await server.put("w/2", "2")
        batches.append(await asyncio.wait_for(anext(watcher), 10.0))
        assert watcher.link.up and watcher.link.attempt == 0
    assert [(b.created, len(b.events), b.lost is not None) for b in batches] == [
        (True, 0, False),
        (False, 1, False),
        (False, 0, True),
        (True, 0, False),
        (False, 1, False),
    ]
    assert batches[2].revision == first


async def test_watchers_of_a_lane_have_a_stream_of_their_own(etcd: Server) -> None:
    async with connect(ClientOptions(endpoints=etcd.endpoints)) as client:
        watchers = [client.watch(key, lane=lane) for key, lane in (("a", ""), ("b", ""), ("c", "x"), ("d", "x"))]
        for watcher in watchers:
            await watcher.__aenter__()
        assert len(client._watches.endpoints_in_use()) == 2
        for watcher in watchers[2:]:
            watcher.close()
        await eventually(lambda: len(client._watches.endpoints_in_use()) == 1)
        await etcd.put("b", "1")
        assert len((await asyncio.wait_for(anext(watchers[1]), 5.0)).events) == 1
        for watcher in watchers[:2]:
            watcher.close()
