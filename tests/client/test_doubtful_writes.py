"""Writes that were applied while their answer was lost, on a real server behind a proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

import pytest

from etcdtui.client import Client, ClientOptions, Compare, Op, connect, errors
from tests.support.poll import eventually
from tests.support.proxy import TcpProxy
from tests.support.server import Server

pytestmark = pytest.mark.matrix
ProxyFactory = Callable[[str], Awaitable[TcpProxy]]
T = TypeVar("T")

DELAY = 1.0
"""Seconds a request, and then its answer, waits in the proxy: the time to see the write applied and to cut."""


async def losing_the_answer(client: Client, proxy: TcpProxy, etcd: Server, write: Coroutine[object, object, T]) -> T:
    """What ``write`` to the key ``k`` comes to when the connection breaks between its being applied and its answer."""
    await client.kv.delete("k")
    proxy.delay = DELAY
    writing = asyncio.create_task(write)
    await eventually(lambda: etcd.get("k"))
    proxy.delay = 0.0
    await proxy.cut()
    return await writing


async def version(client: Client) -> int:
    found = await client.kv.get("k")
    return found.kvs[0].version


async def test_a_repeated_write_that_guards_itself_makes_exactly_one_version(
    etcd: Server, tcp_proxy: ProxyFactory
) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(proxy.endpoint,), retry_writes=True, command_timeout=15)) as client:
        write = client.kv.txn([Compare.version("k", "=", 0)], [Op.put("k", "v")])
        second = await losing_the_answer(client, proxy, etcd, write)
        assert not second.succeeded
        assert await version(client) == 1
        await losing_the_answer(client, proxy, etcd, client.kv.put("k", "v"))
        assert await version(client) == 2


async def test_without_the_option_its_fate_is_left_to_the_caller(etcd: Server, tcp_proxy: ProxyFactory) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(proxy.endpoint,), command_timeout=15)) as client:
        with pytest.raises(errors.Unavailable) as caught:
            await losing_the_answer(client, proxy, etcd, client.kv.put("k", "v"))
        assert (caught.value.applied, caught.value.endpoint) == ("maybe", proxy.endpoint)
        assert await version(client) == 1
