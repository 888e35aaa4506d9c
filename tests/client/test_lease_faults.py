"""Keep-alives through real faults: a dead server, a lost leader, a frozen member."""

from __future__ import annotations

import asyncio

from etcdtui.client import ClientOptions, connect
from etcdtui.client._lease.clock import InFlight, LeaseClock, stall_limit
from tests.support.server import Server


async def test_a_lease_survives_a_change_of_leader(cluster3: Server) -> None:
    """99"""
    async with connect(ClientOptions(endpoints=cluster3.endpoints)) as client:
        lease = await client.lease.grant(6)
        await client.kv.put("l", "v", lease=lease.id)
        async with client.lease.keep_alive(lease.id) as renewals:
            await anext(renewals)
            await (await cluster3.leader()).kill()
            for _ in range(3):
                assert await asyncio.wait_for(anext(renewals), 6.0) == 6
        assert len((await client.kv.get("l")).kvs) == 1


async def test_a_frozen_member_does_not_cost_the_lease(cluster3: Server) -> None:
    """Another endpoint is tried long before the connection counts as dead."""
    leader = await cluster3.leader()
    follower = next(m for m in cluster3.members if m is not leader)
    endpoints = (follower.endpoint, leader.endpoint)
    async with connect(ClientOptions(endpoints=endpoints)) as client:
        lease = await client.lease.grant(6)
        async with client.lease.keep_alive(lease.id) as renewals:
            await anext(renewals)
            follower.pause()
            try:
                for _ in range(3):
                    assert await asyncio.wait_for(anext(renewals), 6.0) == 6
            finally:
                follower.resume()


def test_the_deadline_counts_from_the_sending() -> None:
    clock = LeaseClock(100.0, 5.0)
    assert (clock.due, clock.deadline) == (100.0, 105.0)
    clock.sent()
    clock.answered(9, sent_at=100.0, now=104.0)
    assert clock.deadline == 109.0
    assert 106.7 <= clock.due <= 107.0
    clock.sent()
    clock.lost_in_flight(108.0)
    assert clock.due == 108.0


def test_answers_come_in_the_order_of_the_requests() -> None:
    flight = InFlight()
    for lease, now in ((1, 10.0), (2, 11.0), (3, 12.0)):
        flight.sent(lease, now)
    assert flight.head == 1
    assert flight.answered(2, 20.0) == 11.0
    assert flight.head == 3
    assert flight.stalled(14.0, 1.5)
    assert not flight.stalled(13.0, 1.5)
    assert (stall_limit(2), stall_limit(9), stall_limit(600)) == (1.0, 3.0, 5.0)
