"""Who the health monitor asks beyond the profile's endpoints, and what it says of those it cannot reach."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from etcdtui.client import Client, ClientOptions
from etcdtui.demo.cluster import free_ports
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.cluster.health import STATUS_DEADLINE, HealthMonitor
from etcdtui.services.cluster.view import Quorum, view_of
from tests.conftest import ServerFactory
from tests.support import Server, TcpProxy, eventually


@asynccontextmanager
async def watching(*endpoints: str, **options: object) -> AsyncIterator[tuple[Client, HealthMonitor]]:
    async with await Client.open(ClientOptions(endpoints, **options)) as client:  # type: ignore[arg-type]
        yield client, HealthMonitor(client)


@pytest.mark.matrix
async def test_a_learner_is_listed_at_once_and_asked_at_its_own_url(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with watching(server.endpoint) as (client, monitor):
        await monitor.poll()
        joining = server.cluster.add_member(state="existing")

        async def add() -> bool:  # refused while the cluster is a moment old
            await client.cluster.add([joining.peer_url], learner=True)
            return True

        await add()
        monitor.poll_soon()
        listed = view_of(await monitor.poll())
        assert [row.state for row in listed.rows] == ["ok", "not started"]
        joining.launch()

        async def told() -> bool:
            row = view_of(await monitor.poll()).rows[-1]
            monitor.poll_soon()
            return row.status is not None and row.role == "learner" and row.lag is not None

        await eventually(told, timeout=60)
        assert monitor.health.members_up == monitor.health.members_total == 2
        await joining.kill()
        await eventually(lambda: _state(monitor), timeout=10)


async def _state(monitor: HealthMonitor) -> bool:
    return view_of(await monitor.poll()).rows[-1].state == "DOWN"


async def test_a_learner_out_of_reach_is_not_down(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    joining = server.cluster.add_member(state="existing")
    elsewhere = {joining.client_url: server.endpoint}  # this very member answers there
    async with watching(server.endpoint, endpoint_map=elsewhere) as (client, monitor):
        await monitor.poll()
        await client.cluster.add([joining.peer_url], learner=True)
        joining.launch()

        async def listed() -> bool:
            monitor.poll_soon()
            return bool(view_of(await monitor.poll()).rows[-1].member.client_urls)

        await eventually(listed, timeout=60)
        monitor.poll_soon()
        row = view_of(await monitor.poll()).rows[-1]
        assert row.state == "not reached" and row.problem is not None
        assert row.problem.message == "another member answers there"
        assert monitor.health.members_up == monitor.health.members_total == 1


async def test_behind_a_tunnel_with_one_port_nothing_is_said_to_be_down(cluster3: Server) -> None:
    async with TcpProxy(cluster3.endpoint) as tunnel, watching(tunnel.endpoint) as (_, monitor):
        seen = view_of(await monitor.poll())
        assert sorted(row.state for row in seen.rows) == ["no endpoint", "no endpoint", "ok"]
        assert seen.quorum.words() == "QUORUM 2 of 3 needed, 1 up, 2 not seen from here"
        tunnel.black_hole()
        dead = view_of(await monitor.poll())
        assert monitor.health.state is State.LOST
        assert "NO QUORUM" not in dead.quorum.words() and "not known" in dead.quorum.words()
        await tunnel.heal()


@pytest.mark.matrix
async def test_a_grpc_proxy_is_called_one(cluster3: Server) -> None:
    port = free_ports(1)[0]
    proxy = await asyncio.create_subprocess_exec(
        str(cluster3.cluster.binary.etcd), "grpc-proxy", "start", f"--endpoints={','.join(cluster3.endpoints)}",
        f"--listen-addr=127.0.0.1:{port}", f"--advertise-client-url=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with watching(f"127.0.0.1:{port}") as (_, monitor):

            async def answers() -> bool:
                return (await monitor.poll()).state is State.CONNECTED

            await eventually(answers, timeout=20)
            seen = view_of(monitor.health)
            assert "grpc-proxy" in monitor.health.proxy
            assert [row.name for row in seen.rows] == [f"behind 127.0.0.1:{port}"]
            assert "not known" in seen.quorum.words()
    finally:
        proxy.kill()
        await proxy.wait()


async def test_an_endpoint_where_now_this_and_now_that_member_answers_is_no_member(cluster3: Server) -> None:
    async with TcpProxy(cluster3.endpoint) as balancer, watching(balancer.endpoint) as (_, monitor):
        await monitor.poll()
        assert not monitor.health.proxy
        for member in (cluster3.members[1], cluster3.members[2]):
            assert not monitor.health.proxy  # one change is a member that was replaced
            before = monitor.health.endpoints[0].member_id
            balancer.lead_to(member.endpoint)
            await balancer.cut()

            async def changed(before: int = before) -> bool:
                status = (await monitor.poll()).endpoints[0].status
                return status is not None and status.member_id != before

            await eventually(changed, timeout=30)
        assert "several members answer" in monitor.health.proxy


def test_a_quorum_is_called_lost_only_by_somebody_who_knows_no_leader() -> None:
    assert Quorum(3, 1).lost and "NO QUORUM" in Quorum(3, 1).words()
    assert not Quorum(3, 1, leader=True).lost and "holds" in Quorum(3, 1, leader=True).words()
    assert not Quorum(3, 0).lost and "nobody answers" in Quorum(3, 0).words()


async def test_two_frozen_members_of_three_cost_a_look_no_more_than_their_limit(cluster3: Server) -> None:
    async with watching(*cluster3.endpoints) as (_, monitor):
        await monitor.poll()
        cluster3.members[0].pause()
        cluster3.members[1].pause()
        for _ in range(2):
            began = time.monotonic()
            health = await monitor.poll()
            assert time.monotonic() - began < STATUS_DEADLINE + 1.5
        assert health.members_up == 1 and monitor.pause <= 1.5
