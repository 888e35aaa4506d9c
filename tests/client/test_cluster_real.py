"""Membership and the synchronisation of endpoints."""

from __future__ import annotations

import asyncio

import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from etcdtui.client._transport.balancer import Tier
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.server import Server


async def test_members_are_listed_with_and_without_a_quorum(cluster3: Server) -> None:
    async with connect(ClientOptions(endpoints=(cluster3.endpoints[0],))) as client:
        members = await client.cluster.members()
        assert len(members) == 3
        assert members.header is not None
        assert all(member.name and member.client_urls for member in members)
        await cluster3.members[1].kill()
        await cluster3.members[2].kill()
        assert len(await client.cluster.members(linearizable=False)) == 3


async def test_bad_peer_urls_are_refused_before_they_are_sent(etcd: Server) -> None:
    async with connect(ClientOptions(endpoints=(etcd.endpoint,))) as client:
        for bad in (
            [],
            ["127.0.0.1:2380"],
            ["ftp://a:1"],
            ["http://a"],
            ["http://a:1/x"],
            ["http://a:0"],
            "http://a:1",
        ):
            with pytest.raises(ValueError, match=r"peer"):
                await client.cluster.add(bad)
        with pytest.raises(ValueError, match="member ID"):
            await client.cluster.remove(0)
        assert len(await client.cluster.members()) == 1


async def test_refusals_of_membership_changes(etcd: Server) -> None:
    async with connect(ClientOptions(endpoints=(etcd.endpoint,))) as client:
        member = (await client.cluster.members())[0]
        with pytest.raises(errors.Membership):
            await client.cluster.remove(member.id)
        with pytest.raises(errors.MemberNotFound):
            await client.cluster.remove(77)
        with pytest.raises(errors.Membership, match="can only promote a learner"):
            await client.cluster.promote(member.id)


async def test_a_learner_is_added_refuses_work_and_stays_out_of_rotation(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    learner = server.cluster.add_member(state="existing")
    async with connect(ClientOptions(endpoints=(server.members[0].endpoint,))) as client:
        added = await client.cluster.add([learner.peer_url], learner=True)
        assert added.member is not None
        assert added.member.is_learner
        assert added.member.name == ""
        with pytest.raises(errors.Membership, match="too many learner"):
            await client.cluster.add(["http://127.0.0.1:1"], learner=True)
        with pytest.raises(errors.LearnerNotReady):
            await client.cluster.promote(added.member.id)
        await learner.start()
        await client.kv.put("k", "v")
        assert learner.endpoint not in await client.sync()
        only = ClientOptions(endpoints=(learner.endpoint,))
        async with connect(only) as alone:
            with pytest.raises(errors.LearnerRefused):
                await alone.kv.get("k")

            async def arrived() -> bool:
                return bool((await alone.kv.get("k", serializable=True)).kvs)

            await eventually(arrived)
        both = ClientOptions(endpoints=(learner.endpoint, server.members[0].endpoint))
        async with connect(both) as mixed:
            for _ in range(6):
                await mixed.kv.put("k", "w")
            assert len(await mixed.sync()) == 1

        async def promoted() -> bool:
            assert added.member is not None
            try:
                await client.cluster.promote(added.member.id)
            except errors.LearnerNotReady:
                return False
            return True

        await eventually(promoted, timeout=20)
        assert len(await client.sync()) == 2


async def test_sync_adopts_members_and_keeps_the_seeds(cluster3: Server) -> None:
    async with connect(ClientOptions(endpoints=(cluster3.endpoints[0],))) as client:
        await cluster3.members[2].kill()
        assert set(await client.sync()) == {cluster3.endpoints[0], f"http://{cluster3.endpoints[1]}"}
        assert client.endpoints[0] == cluster3.endpoints[0]
        await cluster3.members[2].start()

        async def all_in_use() -> bool:
            return len(await client.sync()) == 3

        await eventually(all_in_use)
        await cluster3.members[1].kill()
        assert len(await client.sync()) == 3


async def test_sync_runs_by_itself(cluster3: Server) -> None:
    options = ClientOptions(endpoints=(cluster3.endpoints[0],), auto_sync_interval=0.05)
    async with connect(options) as client:
        assert client.endpoints == (cluster3.endpoints[0],)
        await eventually(lambda: len(client.endpoints) == 3)


async def test_old_clusters_are_refused_only_if_asked(etcd: Server, unused_endpoint: str) -> None:
    async with connect(ClientOptions(endpoints=(etcd.endpoint,), reject_old_cluster=True)) as client:
        await client.kv.put("k", "v")
    with pytest.raises(errors.Unavailable):
        async with connect(ClientOptions(endpoints=(etcd.endpoint, unused_endpoint), reject_old_cluster=True)):
            pass


@pytest.mark.matrix
async def test_a_watch_and_a_keep_alive_leave_a_learner_for_a_voter(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    learner = server.cluster.add_member(state="existing")
    voter = server.endpoint
    async with connect(ClientOptions(endpoints=(voter,))) as admin:
        await admin.cluster.add([learner.peer_url], learner=True)
        await learner.start()
        lease = await admin.lease.grant(30)
        async with connect(ClientOptions(endpoints=(learner.endpoint,))) as client:
            await eventually(lambda: _refuses(client))
            client.set_endpoints(learner.endpoint, voter)
            balancer = client.caller.pool.balancer
            balancer.answered(balancer.slots[0], Tier.GOOD, asyncio.get_running_loop().time())
            async with client.watch("k", start_revision=1) as watcher, client.lease.keep_alive(lease.id) as renewals:
                await admin.kv.put("k", "v")
                assert (await asyncio.wait_for(anext(watcher), 10)).events[0].kv.value == b"v"
                assert await asyncio.wait_for(anext(renewals), 10) == 30
                assert client._watches.endpoints_in_use() == (voter,)


async def _refuses(client: Client) -> bool:
    try:
        await client.kv.get("k", timeout=1)
    except errors.LearnerRefused:
        return True
    except errors.EtcdError:
        pass
    return False
