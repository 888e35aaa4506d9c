"""Members keep their ports and data, and say why they do not start."""

from __future__ import annotations

import socket

import pytest

from etcdtui.demo.cluster import HOST, Cluster, ClusterError, Member, PortTaken
from tests.support import Server, wait_until
from tests.support.processes import alive


async def test_restart_keeps_ports_and_data() -> None:
    async with Cluster() as cluster:
        server = Server(cluster)
        await server.put("k", "v")
        before = (server.endpoint, server.members[0].pid)
        await server.members[0].restart()
        assert await server.get("k") == b"v"
        assert server.endpoint == before[0]
        assert server.members[0].pid != before[1]


async def test_close_leaves_no_process_and_no_folder() -> None:
    cluster = await Cluster(3).start()
    pids = {m.pid for m in cluster.members}
    cluster.close()
    wait_until(lambda: not alive(pids))
    assert not cluster.folder.exists()


async def test_a_bad_flag_is_an_error_with_the_words_of_etcd() -> None:
    cluster = Cluster(flags=["--no-such-flag"])
    with pytest.raises(ClusterError, match="no-such-flag"):
        await cluster.start()
    assert not cluster.folder.exists()


def take(member: Member) -> socket.socket:
    """Listen on the client port of a member that does not run."""
    return socket.create_server((HOST, member.client_port))


async def test_other_ports_are_chosen_when_one_was_taken() -> None:
    cluster = Cluster()
    first = cluster.endpoints
    with take(cluster.members[0]):
        await cluster.start()
    try:
        assert cluster.endpoints != first
        assert await cluster.members[0].healthy()
    finally:
        cluster.close()


async def test_a_member_whose_port_stays_taken_says_so() -> None:
    async with Cluster() as cluster:
        member = cluster.members[0]
        await member.stop()
        with take(member), pytest.raises(PortTaken):
            await member.start()
