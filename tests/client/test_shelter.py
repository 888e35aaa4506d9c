"""Read-only transactions that are given up: no server may end because of it (etcd 3.4.0-22 and 3.5.0-6 would)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from etcdtui.client import Client, ClientOptions, Op, connect, errors
from etcdtui.client._transport import shelter
from etcdtui.client._transport.shelter import breaks_off_badly
from tests.support.poll import eventually
from tests.support.server import Server

pytestmark = pytest.mark.matrix

KEYS = 10_000
LONG = [Op.get("k/", prefix=True, limit=1, min_mod_revision=2**60) for _ in range(60)]
"""Looks at all keys sixty times, which takes about a second."""


@pytest.fixture
async def client(etcd: Server) -> AsyncIterator[Client]:
    """A client of a member with many keys."""
    async with connect(ClientOptions(endpoints=etcd.endpoints)) as opened:
        for first in range(0, KEYS, 100):
            await opened.kv.txn(success=[Op.put(f"k/{n:06}", b"v" * 100) for n in range(first, first + 100)])
        yield opened


def sheltering(client: Client) -> bool:
    return any(slot.item.shelter.busy for slot in client.caller.pool.balancer.slots)


@pytest.mark.parametrize(
    ("version", "badly"),
    [
        *(("3.4.0", True), ("3.4.22", True), ("3.4.23", False), ("3.5.0-rc.1", True), ("3.5.6", True)),
        *(("3.5.7", False), ("3.6.0", False), ("3.3.9", False), ("", False), ("3.5", False), ("a.b.c", False)),
    ],
)
def test_which_versions_break_off_badly(version: str, badly: bool) -> None:
    assert breaks_off_badly(version) is badly


async def test_giving_up_reads_ends_no_server(client: Client, etcd: Server) -> None:
    loop = asyncio.get_running_loop()
    for timeout in (0.05, 0.1, 0.15):
        began = loop.time()
        with pytest.raises(errors.DeadlineExceeded) as caught:
            await client.kv.txn(success=LONG, timeout=timeout)
        assert caught.value.applied == "no"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(timeout):
                await client.kv.txn(success=LONG)
        assert loop.time() - began < timeout + 2.0, "the caller waited with the call"
    await eventually(lambda: not sheltering(client), timeout=30)
    assert etcd.members[0].running
    assert (await client.kv.txn(success=[Op.get("k/000001")], timeout=0)).responses


async def test_a_client_that_closes_ends_no_server(
    client: Client, etcd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelter, "CLOSE_GRACE", 30.0)  # a machine under load needs longer
    async with connect(ClientOptions(endpoints=etcd.endpoints)) as other:
        await other.kv.get("k")
        async with other.watch("k") as watcher:
            waiting = asyncio.create_task(anext(watcher))
            reading = asyncio.create_task(other.kv.txn(success=LONG * 2, timeout=0))
            await eventually(lambda: other.caller.pool.balancer.slots[0].item.pending)
            closing = asyncio.create_task(other.aclose())
            for task in (reading, waiting):
                with pytest.raises(errors.ClosedError):
                    await asyncio.wait_for(task, 0.5)
            await closing
    assert not sheltering(other)
    assert (await client.kv.get("k/000001")).kvs
    assert etcd.members[0].running


@pytest.mark.server(">=3.5,<3.5.7")
async def test_only_so_many_are_left_to_run(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelter, "MOST_LEFT", 2)
    both = (client.kv.txn(success=LONG * 2, timeout=0.05) for _ in range(2))
    assert [type(end) for end in await asyncio.gather(*both, return_exceptions=True)] == [errors.DeadlineExceeded] * 2
    assert (await client.kv.get("k/000001", timeout=10)).kvs, "single ranges need no shelter"
    with pytest.raises(errors.DeadlineExceeded, match="2 transactions that were given up still run"):
        await client.kv.txn(success=[Op.get("k/000001")], timeout=0.2)
    assert (await client.kv.txn(success=[Op.get("k/000001")], timeout=30)).responses, "it waits for its turn"
