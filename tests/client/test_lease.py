"""Leases against a real server; numbers in the docstrings are those of the conformance list."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from etcdtui.client._lease.keepalive import ANSWERS_KEPT
from etcdtui.core.types import WriteIntent
from tests.client.test_watch import enable_auth
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.server import Server
from tests.support.timing import Stopwatch

pytestmark = pytest.mark.matrix


async def test_short_ttls_are_raised_and_long_ones_refused(client: Client) -> None:
    """86, 87"""
    least = (await client.lease.grant(1)).ttl  # one and a half election timeouts
    assert 1 <= least <= 2
    assert [(await client.lease.grant(ttl)).ttl for ttl in (0, -5)] == [least, least]
    with pytest.raises(errors.LeaseTtlTooLarge):
        await client.lease.grant(9_000_000_001)
    assert (await client.lease.grant(9_000_000_000)).ttl == 9_000_000_000


async def test_a_chosen_id_is_taken_once(client: Client) -> None:
    """88"""
    assert (await client.lease.grant(60, id=4711)).id == 4711
    with pytest.raises(errors.LeaseExists):
        await client.lease.grant(60, id=4711)


async def test_what_hangs_on_a_lease_goes_with_it(client: Client) -> None:
    """90, 91"""
    lease = await client.lease.grant(60)
    await client.kv.put("l/a", "v", lease=lease.id)
    await client.kv.put("l/b", "v", lease=lease.id)
    left = await client.lease.time_to_live(lease.id, keys=True)
    assert set(left.keys) == {b"l/a", b"l/b"}
    assert 55 < left.ttl <= 60 == left.granted_ttl
    assert lease.id in await client.lease.leases()
    await client.lease.revoke(lease.id)
    assert (await client.kv.get("l/", prefix=True)).kvs == ()
    assert (await client.lease.time_to_live(lease.id)).ttl == -1
    with pytest.raises(errors.LeaseNotFound):
        await client.lease.revoke(lease.id)


async def test_a_lease_that_is_not_renewed_expires(client: Client) -> None:
    """92"""
    lease = await client.lease.grant(2)
    await client.kv.put("l", "v", lease=lease.id)
    began = Stopwatch()
    async with client.watch("l") as watcher:
        await asyncio.wait_for(anext(watcher), 10.0)
    assert began.seconds() > 1.5 and began.fair() < 5.0


async def test_renewals_come_at_a_third_of_the_ttl(client: Client) -> None:
    """93"""
    lease = await client.lease.grant(3)
    times: list[float] = []
    async with client.lease.keep_alive(lease.id) as renewals:
        async for ttl in renewals:
            assert ttl == 3
            times.append(time.monotonic())
            if len(times) == 6:
                break
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(0.7 < gap < 1.6 for gap in gaps), gaps
    assert (await client.lease.time_to_live(lease.id)).ttl > 0


async def test_an_unknown_lease_ends_at_once(client: Client) -> None:
    """94, 97"""
    with pytest.raises(errors.LeaseNotFound):
        await client.lease.keep_alive_once(4712)
    began = Stopwatch()
    with pytest.raises(errors.LeaseNotFound):
        async with client.lease.keep_alive(4712) as renewals:
            await anext(renewals)
    assert began.fair() < 1.0
    lease = await client.lease.grant(30)
    assert await client.lease.keep_alive_once(lease.id) == 30


async def test_a_revoked_lease_ends_its_listeners_and_no_other(client: Client) -> None:
    gone, stays = await client.lease.grant(3), await client.lease.grant(3)
    async with (
        client.lease.keep_alive(gone.id) as first,
        client.lease.keep_alive(gone.id) as second,
        client.lease.keep_alive(stays.id) as other,
    ):
        await asyncio.gather(anext(first), anext(second), anext(other))
        await client.lease.revoke(gone.id)
        for listener in (first, second):
            with pytest.raises(errors.LeaseNotFound):
                while True:
                    await asyncio.wait_for(anext(listener), 5.0)
        assert await asyncio.wait_for(anext(other), 5.0) == 3


async def test_a_listener_that_does_not_read_is_renewed_and_bounded(client: Client) -> None:
    """100"""
    lease = await client.lease.grant(2)
    async with client.lease.keep_alive(lease.id) as lazy, client.lease.keep_alive(lease.id) as eager:
        for _ in range(5):
            await asyncio.wait_for(anext(eager), 5.0)
        for _ in range(5 * ANSWERS_KEPT):
            lazy.renewed(2)
        assert len(lazy._inbox) == ANSWERS_KEPT
    assert (await client.lease.time_to_live(lease.id)).ttl >= 0


async def test_leaving_ends_the_renewals_without_revoking(client: Client) -> None:
    lease = await client.lease.grant(60)
    async with client.lease.keep_alive(lease.id) as renewals:
        await anext(renewals)
    with pytest.raises(StopAsyncIteration):
        await anext(renewals)
    await eventually(lambda: not any("keep-alive" in task.get_name() for task in asyncio.all_tasks()))
    assert (await client.lease.time_to_live(lease.id)).ttl > 0


async def test_closing_the_client_ends_keep_alives(etcd: Server) -> None:
    before = asyncio.all_tasks()
    client = await Client.open(ClientOptions(endpoints=etcd.endpoints))
    lease = await client.lease.grant(60)
    async with client.lease.keep_alive(lease.id) as renewals:
        await anext(renewals)
        reading = asyncio.create_task(anext(renewals))
        await asyncio.sleep(0)
        await client.aclose()
        with pytest.raises(errors.ClosedError):
            await asyncio.wait_for(reading, 2.0)
    await eventually(lambda: asyncio.all_tasks() <= before, what="all tasks ended")


async def test_every_lease_write_passes_the_gate(etcd: Server) -> None:
    asked: list[WriteIntent] = []
    async with connect(ClientOptions(endpoints=etcd.endpoints), write_gate=asked.append) as client:
        lease = await client.lease.grant(60, id=77)
        await client.lease.keep_alive_once(lease.id)
        async with client.lease.keep_alive(lease.id) as renewals:
            await anext(renewals)
        await client.lease.time_to_live(lease.id)
        await client.lease.revoke(lease.id)
    assert [(i.method, i.lease) for i in asked] == [
        ("Lease/LeaseGrant", 77),
        ("Lease/LeaseKeepAlive", 77),
        ("Lease/LeaseKeepAlive", 77),
        ("Lease/LeaseRevoke", 77),
    ]


@pytest.mark.server(">=3.5.28")
async def test_a_refused_lease_ends_alone(etcd_server: ServerFactory) -> None:
    """Renewing needs write permission on the attached keys; the refusal ends the server's whole stream."""
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=server.endpoints)) as admin:
        foreign, own = await admin.lease.grant(3), await admin.lease.grant(3)
        await admin.kv.put("foreign", "v", lease=foreign.id)
        await admin.kv.put("a", "v", lease=own.id)
    await enable_auth(server)
    options = ClientOptions(endpoints=server.endpoints, username="u", password="u")
    async with (
        connect(options) as client,
        client.lease.keep_alive(own.id) as allowed,
        client.lease.keep_alive(foreign.id) as refused,
    ):
        with pytest.raises(errors.PermissionDenied):
            await asyncio.wait_for(anext(refused), 5.0)
        for _ in range(4):
            assert await asyncio.wait_for(anext(allowed), 5.0) == 3
