"""Writes whose fate the client cannot know, on real servers behind a proxy that loses their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from etcdtui.client import Client, ClientOptions, Compare, Op, connect, errors
from tests.support.poll import eventually
from tests.support.proxy import TcpProxy
from tests.support.server import Server

ProxyFactory = Callable[[str], Awaitable[TcpProxy]]


async def lose_the_answer(client: Client, proxy: TcpProxy, server: Server) -> None:
    """Freeze the server, wait until the write is on its way, cut the connection, let the server go on."""
    connection = client.caller.pool.find(proxy.endpoint)
    await eventually(lambda: connection.pending)
    await proxy.cut()
    server.members[0].resume()


def create_once() -> tuple[list[Compare], list[Op]]:
    return [Compare.version("k", "=", 0)], [Op.put("k", "v")]


async def test_a_guarded_write_that_is_repeated_makes_exactly_one_version(
    etcd: Server, tcp_proxy: ProxyFactory
) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    options = ClientOptions(endpoints=(proxy.endpoint,), retry_writes=True, command_timeout=15)
    async with connect(options) as client:
        for _ in range(5):
            await client.kv.delete("k")
            etcd.members[0].pause()
            writing = asyncio.create_task(client.kv.txn(*create_once()))
            await lose_the_answer(client, proxy, etcd)
            await writing
            found = await client.kv.get("k")
            assert [(kv.value, kv.version) for kv in found.kvs] == [(b"v", 1)]


async def test_without_the_option_its_fate_is_left_to_the_caller(etcd: Server, tcp_proxy: ProxyFactory) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(proxy.endpoint,), command_timeout=15)) as client:
        await client.kv.get("k")
        etcd.members[0].pause()
        writing = asyncio.create_task(client.kv.put("k", "v"))
        await lose_the_answer(client, proxy, etcd)
        with pytest.raises(errors.Unavailable) as caught:
            await writing
        assert (caught.value.applied, caught.value.endpoint) == ("maybe", proxy.endpoint)
        assert (await client.kv.get("k")).count in (0, 1)
