"""Leases, on one member with etcd's default election time: the smallest TTL is then 2 s."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from etcdtui.core.types import EventType
from etcdtui.demo.binary import Binary
from tests.conformance.support import events, rev, within
from tests.conftest import ServerFactory
from tests.support import Server, eventually, running_server

pytestmark = pytest.mark.matrix

DEFAULT_TIMING = ["--heartbeat-interval=100", "--election-timeout=1000"]


@pytest.fixture(scope="module")
def slow_etcd(etcd_binary: Binary) -> Iterator[Server]:
    with running_server(1, binary=etcd_binary, flags=DEFAULT_TIMING) as server:
        yield server


@pytest.fixture
async def leases(slow_etcd: Server) -> AsyncIterator[Client]:
    slow_etcd.clear()
    async with connect(ClientOptions(endpoints=slow_etcd.endpoints)) as client:
        yield client


async def test_086_small_ttls_are_raised(leases: Client) -> None:
    for ttl in (0, -5, 1):
        assert (await leases.lease.grant(ttl)).ttl == 2


async def test_087_the_largest_ttl(leases: Client) -> None:
    assert (await leases.lease.grant(9_000_000_000)).ttl == 9_000_000_000
    with pytest.raises(errors.LeaseTtlTooLarge, match="too large lease TTL") as caught:
        await leases.lease.grant(9_000_000_001)
    assert (caught.value.code, caught.value.applied) == ("OUT_OF_RANGE", "no")


async def test_088_a_chosen_id(leases: Client) -> None:
    assert (await leases.lease.grant(60, id=4711)).id == 4711
    with pytest.raises(errors.LeaseExists, match="lease already exists") as caught:
        await leases.lease.grant(60, id=4711)
    assert caught.value.code == "FAILED_PRECONDITION"
    assert (await leases.lease.grant(60, id=-7)).id == -7
    assert (await leases.lease.grant(60)).id > 0


async def test_090_098_time_to_live_and_list(leases: Client) -> None:
    lease = await leases.lease.grant(60)
    other = await leases.lease.grant(90)
    for key in ("a", "b"):
        await leases.kv.put(key, "v", lease=lease.id)
    left = await leases.lease.time_to_live(lease.id, keys=True)
    assert sorted(left.keys) == [b"a", b"b"]
    assert left.granted_ttl == 60
    assert 55 <= left.ttl <= 60
    assert (await leases.lease.time_to_live(lease.id)).keys == ()
    for unknown in (12345, 0):
        gone = await leases.lease.time_to_live(unknown)
        assert (gone.ttl, gone.granted_ttl) == (-1, 0)
    assert set(await leases.lease.leases()) == {lease.id, other.id}


async def test_091_revoke(leases: Client) -> None:
    with pytest.raises(errors.LeaseNotFound, match="requested lease not found") as caught:
        await leases.lease.revoke(12345)
    assert caught.value.code == "NOT_FOUND"
    lease = await leases.lease.grant(60)
    before = rev(await leases.kv.get("a"))
    await leases.lease.revoke(lease.id)
    assert rev(await leases.kv.get("a")) == before
    lease = await leases.lease.grant(60)
    for key in ("a", "b", "c"):
        last = await leases.kv.put(key, "v", lease=lease.id)
    await leases.lease.revoke(lease.id)
    gone = await leases.kv.get("", prefix=True)
    assert (gone.count, rev(gone)) == (0, rev(last) + 1)


async def test_097_keep_alive_once(leases: Client) -> None:
    lease = await leases.lease.grant(30)
    assert await leases.lease.keep_alive_once(lease.id) == 30
    with pytest.raises(errors.LeaseNotFound):
        await leases.lease.keep_alive_once(12345)


async def test_094_keep_alive_of_what_is_not_there(leases: Client) -> None:
    async with leases.lease.keep_alive(12345) as renewals:
        with pytest.raises(errors.LeaseNotFound):
            await within(5, anext(renewals))
    lease = await leases.lease.grant(60)
    async with leases.lease.keep_alive(lease.id) as renewals, leases.lease.keep_alive(lease.id) as shared:
        assert await within(5, anext(renewals)) == 60
        await leases.lease.revoke(lease.id)
        await leases.lease.grant(60)
    short = await leases.lease.grant(2)
    async with leases.lease.keep_alive(short.id) as renewals:
        await within(5, anext(renewals))
        await leases.lease.revoke(short.id)
        with pytest.raises(errors.LeaseNotFound):
            async with asyncio.timeout(5):
                async for _ in renewals:
                    pass
    assert shared.lease_id == lease.id


async def _expires(client: Client) -> float:
    """How long a key with a TTL of 2 s lives."""
    lease = await client.lease.grant(2)
    async with client.watch("short") as watcher:
        began = time.monotonic()
        await client.kv.put("short", "v", lease=lease.id)
        _, gone = await events(watcher, 2)
        assert gone.type is EventType.DELETE
        return time.monotonic() - began


async def _renewed(client: Client, *, ttl: int, seconds: float) -> int:
    """How many renewals come in ``seconds``."""
    lease = await client.lease.grant(ttl)
    await client.kv.put("kept", "v", lease=lease.id)
    count = 0
    async with client.lease.keep_alive(lease.id) as renewals:
        try:
            async with asyncio.timeout(seconds):
                async for left in renewals:
                    assert left == ttl
                    count += 1
        except TimeoutError:
            pass
    assert (await client.kv.get("kept")).kvs[0].lease == lease.id
    return count


async def _unread(client: Client, *, ttl: int, until: asyncio.Event) -> None:
    """Renewals go on although nobody reads them, and few are kept."""
    lease = await client.lease.grant(ttl)
    async with client.lease.keep_alive(lease.id) as renewals:
        await until.wait()
        assert (await client.lease.time_to_live(lease.id)).ttl >= 0
        assert await anext(renewals) == ttl


async def test_092_093_100_time_passes(leases: Client) -> None:
    over = asyncio.Event()
    unread = asyncio.create_task(_unread(leases, ttl=2, until=over))
    lived, renewals = await asyncio.gather(_expires(leases), _renewed(leases, ttl=3, seconds=7.5))
    over.set()
    await unread
    assert 1.9 <= lived <= 4.0
    assert 7 <= renewals <= 10, "about one a second"


async def test_095_a_server_that_stays_away(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=DEFAULT_TIMING)
    async with connect(ClientOptions(endpoints=server.endpoints)) as client:
        lease = await client.lease.grant(2)
        async with client.lease.keep_alive(lease.id) as renewals:
            await anext(renewals)
            last = time.monotonic()
            await server.members[0].kill()
            with pytest.raises(errors.KeepAliveLost, match="last failure"):
                async with asyncio.timeout(10):
                    async for _ in renewals:
                        last = time.monotonic()
            assert 1.0 <= time.monotonic() - last <= 4.0


async def test_keep_alive_survives_a_restart(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=server.endpoints)) as client:
        lease = await client.lease.grant(6)
        async with client.lease.keep_alive(lease.id) as renewals:
            assert await anext(renewals) == 6
            await server.members[0].restart()

            async def renewed() -> bool:
                return (await client.lease.time_to_live(lease.id, timeout=10)).ttl >= 4

            await eventually(renewed, 10)
            assert await within(5, anext(renewals)) == 6
