"""Another cluster behind a known profile is not taken for it: READ-ONLY until a person accepts it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from etcdtui.config.choose import choose
from etcdtui.config.clusters import ClusterMemory, memory_key
from etcdtui.config.schema import Config, Profile
from etcdtui.services.cluster.health import State
from etcdtui.services.session.session import Overrides
from etcdtui.services.writing.guard import UnlockKind
from tests.conftest import ServerFactory
from tests.services.test_session import opened, profile_of, until
from tests.support import Server, TcpProxy


async def test_another_cluster_behind_the_profile_opens_read_only_until_it_is_accepted(
    etcd: Server, cluster3: Server, tmp_path: Path
) -> None:
    memory = Overrides(clusters=ClusterMemory(tmp_path / "state"))
    known = profile_of(etcd, where="/etc/etcdtui.yaml:3")
    async with opened(known, memory) as session:
        assert session.stranger is None and session.guard.state_word == "WRITES ON"
        first = session.client.cluster_id
    other = replace(known, endpoints=cluster3.endpoints, where="/etc/etcdtui.yaml:9")
    for _ in range(2):  # looking at it accepts nothing
        async with opened(other, memory) as session:
            stranger = session.stranger
            assert stranger is not None and stranger.whole
            assert (stranger.known.cluster_id, stranger.cluster_id) == (first, session.client.cluster_id)
            assert set(stranger.members) == {member.name for member in cluster3.members}
            assert session.guard.state_word == "READ-ONLY" and not session.guard.unlock("here")
            assert session.guard.unlock_requirement().kind is UnlockKind.NEVER
    async with opened(other, memory) as session:
        assert not session.accept_cluster()
        assert session.guard.state_word == "WRITES ON" and session.stranger is None
    async with opened(other, memory) as session:
        assert session.stranger is None and session.guard.state_word == "WRITES ON"
    async with opened(known, memory) as session:
        assert session.stranger is not None
    assert (tmp_path / "state" / "clusters.json").stat().st_mode & 0o077 == 0


async def test_endpoints_of_flags_are_remembered_as_a_set(etcd: Server, tmp_path: Path) -> None:
    flags = {"endpoints": "10.0.0.1:1,10.0.0.2:1"}
    one = choose(Config(), "", flags, {}).profile
    two = choose(Config(), "", {"endpoints": "10.0.0.2:1,10.0.0.1:1"}, {}).profile
    assert one is not None and two is not None and memory_key(one) == memory_key(two)
    named = Profile(name="prod", endpoints=("10.9.9.9:1",), where="/f.yaml:4")
    over = choose(Config(profiles=(named,)), "prod", flags, {}).profile
    assert over is not None and memory_key(over) == memory_key(one) != memory_key(named)
    memory = Overrides(clusters=ClusterMemory(tmp_path))
    (tmp_path / "clusters.json").write_text('{"x": 1, "y": {"id": "zz"}}')  # damaged: as if it was not there
    async with opened(profile_of(etcd), memory) as session:
        assert session.stranger is None


async def test_two_clusters_in_one_profile_are_told_endpoint_by_endpoint(etcd: Server, cluster3: Server) -> None:
    both = (etcd.endpoint, cluster3.endpoint)
    async with opened(profile_of(etcd, endpoints=both)) as session:
        health = await until(session, lambda health: health.mismatch, within=5.0)
        assert session.stranger is not None and not session.stranger.whole
        assert {one for one, _ in session.stranger.leads} == set(both)
        assert len({found for _, found in session.stranger.leads}) == 2
        assert all(f"{found:x}" in health.words for _, found in session.stranger.leads)
        assert all(one in health.words for one in both) and "DOWN" not in health.words
        assert health.why_no_writes and not session.guard.writable and not session.accept_cluster()


async def test_a_tunnel_that_leads_elsewhere_while_it_runs_is_asked_about_and_coming_back_is_trusted(
    etcd: Server, etcd_server: ServerFactory, tmp_path: Path
) -> None:
    other = await etcd_server()
    memory = ClusterMemory(tmp_path)
    async with TcpProxy(etcd.endpoint) as proxy:
        profile = profile_of(etcd, endpoints=(proxy.endpoint,))
        async with opened(profile, Overrides(clusters=memory)) as session:
            first = session.client.cluster_id
            proxy.lead_to(other.endpoint)
            await proxy.cut()
            health = await until(session, lambda health: health.mismatch, within=8.0)
            assert health.state is State.LOST and f"{first:x}" in health.words
            assert session.stranger is not None and session.stranger.whole
            assert not session.guard.unlock()
            proxy.lead_to(etcd.endpoint)
            await proxy.cut()
            await until(session, lambda health: health.state is State.CONNECTED, within=8.0)
            assert not session.guard.distrusted
            assert session.guard.unlock()
            proxy.lead_to(other.endpoint)
            await proxy.cut()
            await until(session, lambda health: health.mismatch, within=8.0)
            assert session.accept_cluster()  # it has to be opened again
        async with opened(profile, Overrides(clusters=memory)) as session:
            assert session.stranger is None and session.client.cluster_id != first
