"""Members, learners, endpoints that follow them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from tests.conformance.support import events, within
from tests.conftest import ServerFactory
from tests.support import Server, eventually
from tests.support.timing import Stopwatch

pytestmark = pytest.mark.matrix


async def test_147_the_only_member_stays(client: Client) -> None:
    member = (await client.cluster.members())[0]
    with pytest.raises(errors.Membership, match="not enough started members") as caught:
        await client.cluster.remove(member.id)
    assert (caught.value.code, caught.value.applied) == ("UNKNOWN", "no")
    with pytest.raises(errors.MemberNotFound, match="member not found"):
        await client.cluster.remove(77)
    with pytest.raises(errors.Membership, match="can only promote a learner member"):
        await client.cluster.promote(member.id)


async def test_peer_urls_are_checked_before_they_are_sent(nowhere: Client) -> None:
    for bad in ([], ["127.0.0.1:2380"], ["ftp://a:1"], ["http://a"], ["http://a:1/x"], "http://a:1"):
        with pytest.raises(ValueError, match="peer"):
            await nowhere.cluster.add(bad)


async def test_145_146_116_the_life_of_a_learner(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    learner = server.cluster.add_member(state="existing")
    voter = server.members[0].endpoint
    async with connect(ClientOptions(endpoints=(voter,))) as client:
        await client.kv.put("k", "v")
        added = (await client.cluster.add([learner.peer_url], learner=True)).member
        assert added is not None
        listed = next(m for m in await client.cluster.members() if m.id == added.id)
        assert (listed.name, listed.client_urls, listed.is_learner) == ("", (), True)
        with pytest.raises(errors.Membership, match="too many learner members"):
            await client.cluster.add(["http://127.0.0.1:1"], learner=True)
        with pytest.raises(errors.LearnerNotReady, match="in sync with leader") as early:
            await client.cluster.promote(added.id)
        assert early.value.retryable
        await learner.start()
        await _ask_a_learner(server, learner.endpoint, tmp_path)
        await _around_a_learner(learner.endpoint, voter)
        assert await client.sync() == (voter,)

        async def promoted() -> bool:
            try:
                await client.cluster.promote(added.id)
            except errors.LearnerNotReady:
                return False
            return True

        await eventually(promoted, 20)
        with pytest.raises(errors.Membership, match="can only promote a learner member") as again:
            await client.cluster.promote(added.id)
        assert not isinstance(again.value, errors.LearnerNotReady)
        assert len(await client.sync()) == 2


async def _ask_a_learner(server: Server, endpoint: str, folder: Path) -> None:
    """What a learner serves by itself, and what it refuses."""
    async with connect(ClientOptions(endpoints=(endpoint,), command_timeout=5)) as alone:
        assert (await alone.maintenance.status(endpoint)).is_learner

        async def arrived() -> bool:
            return (await alone.kv.get("k", serializable=True)).count == 1

        await eventually(arrived, 10)
        if server.version >= (3, 5, 0):
            assert (await alone.maintenance.save_snapshot(folder / "learner.db", endpoint)).size
        else:
            with pytest.raises(errors.LearnerRefused):
                await alone.maintenance.save_snapshot(folder / "learner.db", endpoint)
        refused = (
            alone.kv.get("k"),
            alone.kv.put("k", "w"),
            alone.cluster.members(),
            alone.maintenance.alarms(),
            alone.maintenance.hash_kv(endpoint),
            alone.lease.grant(60),
            alone.lease.leases(),
        )
        code = "FAILED_PRECONDITION" if server.version >= (3, 6, 0) else "UNAVAILABLE"
        for answer in await asyncio.gather(*refused, return_exceptions=True):
            assert isinstance(answer, errors.LearnerRefused), answer
            assert (answer.code, answer.applied) == (code, "no")
        async with alone.watch("k") as watcher:
            with pytest.raises(errors.LearnerRefused):
                await within(10, anext(watcher))


async def _around_a_learner(learner: str, voter: str) -> None:
    """With a voter beside it nothing is refused, streams included."""
    async with connect(ClientOptions(endpoints=(learner, voter))) as mixed:
        lease = await mixed.lease.grant(60)
        async with mixed.watch("k") as watcher, mixed.lease.keep_alive(lease.id) as renewals:
            for number in range(6):
                await mixed.kv.put("k", str(number), lease=lease.id)
            await events(watcher, 6)
            assert await within(5, anext(renewals)) == 60
            assert await mixed.lease.keep_alive_once(lease.id) == 60
        assert await mixed.sync() == (voter,)
        await mixed.kv.get("k")


async def test_149_a_member_is_not_added_to_a_cluster_that_just_started(etcd_server: ServerFactory) -> None:
    server = await etcd_server(size=3)
    async with connect(ClientOptions(endpoints=server.endpoints, command_timeout=10)) as client:
        began = Stopwatch()
        with pytest.raises(errors.UnhealthyCluster, match="unhealthy cluster") as caught:
            await client.cluster.add(["http://127.0.0.1:1"])
        assert (caught.value.code, caught.value.applied, caught.value.retryable) == ("UNAVAILABLE", "no", True)
        assert began.fair() < 3

        async def added() -> bool:
            try:
                await client.cluster.add(["http://127.0.0.1:1"])
            except errors.UnhealthyCluster:
                return False
            return True

        await eventually(added, 15)
        names = sorted(m.name for m in await client.cluster.members())
        assert names == ["", "m1", "m2", "m3"]


async def test_116_what_cannot_be_reached_is_not_adopted(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=["--advertise-client-urls=http://127.0.0.1:1"])
    async with connect(ClientOptions(endpoints=server.endpoints)) as client:
        assert await client.sync() == server.endpoints
        await client.kv.put("k", "v")


async def test_116_synchronising_by_itself(cluster3: Server) -> None:
    options = ClientOptions(endpoints=cluster3.endpoints[:1], auto_sync_interval=0.1)
    async with connect(options) as client:
        await eventually(lambda: len(client.endpoints) == 3, 10)
        assert client.endpoints[0] == cluster3.endpoints[0], "the seed stays"


async def test_114_endpoints_of_two_clusters(etcd: Server, etcd_server: ServerFactory) -> None:
    other = await etcd_server()
    async with connect(ClientOptions(endpoints=(etcd.endpoint, other.endpoint))) as client:
        with pytest.raises(errors.ClusterMismatch) as caught:
            for _ in range(4):
                await client.kv.get("k")
        assert caught.value.endpoint in (etcd.endpoint, other.endpoint)
    async with connect(ClientOptions(endpoints=(etcd.endpoint,))) as client:
        await client.kv.get("k")
        client.set_endpoints(other.endpoint)
        with pytest.raises(errors.ClusterMismatch):
            await client.kv.put("k", "v")
        assert await other.get("k") is None
