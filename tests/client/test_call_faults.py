"""Real faults under load: dead, frozen and lost members, no leader, a client closed under its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from etcdtui.client import Client, ClientOptions, Compare, Op, connect, errors
from etcdtui.core.types import RangeResult
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.proxy import TcpProxy
from tests.support.server import Server
from tests.support.timing import Stopwatch


async def test_linearizable_reads_survive_a_frozen_leader(cluster3: Server) -> None:
    async with connect(ClientOptions(endpoints=cluster3.endpoints, command_timeout=15)) as client:
        await client.kv.put("k", "v")
        (await cluster3.leader()).pause()
        results = await asyncio.gather(*(client.kv.get("k") for _ in range(60)))
    assert all(r.kvs[0].value == b"v" for r in results)


async def test_a_read_only_txn_survives_the_kill_of_the_leader(cluster3: Server) -> None:
    async with connect(ClientOptions(endpoints=cluster3.endpoints, command_timeout=15)) as client:
        await client.kv.put("k", "v")
        await (await cluster3.leader()).kill()
        for _ in range(20):
            result = await client.kv.txn([Compare.version("k", ">", 0)], [Op.get("k")])
            assert isinstance(result.responses[0], RangeResult)
            assert result.responses[0].kvs[0].value == b"v"


async def test_writes_go_round_a_member_that_was_frozen_before_the_connect(cluster3: Server) -> None:
    """What cannot be connected is provably unsent, so writes go elsewhere and none ends as "maybe"."""
    leader = await cluster3.leader()
    frozen = next(member for member in cluster3.members if member is not leader)
    frozen.pause()
    async with connect(ClientOptions(endpoints=cluster3.endpoints, command_timeout=15)) as client:
        for number in range(30):
            await client.kv.put("k", str(number))
        assert (await client.kv.get("k")).kvs[0].version == 30


async def test_nothing_listens_ends_at_the_deadline_and_says_why(unused_endpoint: str) -> None:
    async with connect(ClientOptions(endpoints=(unused_endpoint,))) as client:
        began = Stopwatch()
        with pytest.raises(errors.DeadlineExceeded, match=r"(?i)refused") as caught:
            await client.kv.put("k", "v", timeout=0.7)
        assert caught.value.applied == "no"
        assert began.seconds() > 0.6 and began.fair() < 1.2


async def test_the_default_deadline_is_the_command_timeout(unused_endpoint: str) -> None:
    async with connect(ClientOptions(endpoints=(unused_endpoint,), command_timeout=0.4)) as client:
        began = Stopwatch()
        with pytest.raises(errors.DeadlineExceeded):
            await client.kv.get("k")
        assert began.fair() < 1.0


async def test_the_number_of_attempts_is_limited(unused_endpoint: str) -> None:
    options = ClientOptions(endpoints=(unused_endpoint,), command_timeout=0, max_unary_retries=3)
    async with connect(options) as client:
        with pytest.raises(errors.Unavailable, match=r"(?i)refused"):
            await client.kv.get("k")


async def test_no_quorum_put_ends_as_maybe_and_reads_stay(cluster3: Server) -> None:
    async with connect(ClientOptions(endpoints=(cluster3.endpoints[0],))) as client:
        await client.kv.put("k", "v")
        await cluster3.members[1].kill()
        await cluster3.members[2].kill()
        with pytest.raises(errors.DeadlineExceeded) as caught:
            await client.kv.put("k", "w", timeout=1.0)
        assert caught.value.applied == "maybe"
        with pytest.raises(errors.EtcdError) as caught_read:
            await client.kv.get("k", timeout=0.5)
        assert caught_read.value.applied == "no"
        assert (await client.kv.get("k", serializable=True)).kvs
        status = await eventually_leaderless(client, cluster3.endpoints[0])
        assert status == 0


async def eventually_leaderless(client: Client, endpoint: str) -> int:
    async def leader() -> bool:
        return (await client.maintenance.status(endpoint)).leader == 0

    await eventually(leader, timeout=10)
    return 0


def _reached(counts: list[int], goal: int) -> bool:
    return min(counts) >= goal


async def test_a_restart_under_load_loses_no_read(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=(server.endpoint,), command_timeout=15)) as client:
        await client.kv.put("k", "v")
        stop = False
        counts = [0] * 10

        async def reader(number: int) -> None:
            while not stop:
                assert (await client.kv.get("k")).kvs
                counts[number] += 1

        readers = [asyncio.create_task(reader(number)) for number in range(10)]
        for _ in range(3):
            goal = max(counts) + 1
            await eventually(partial(_reached, counts, goal), timeout=10)
            await server.members[0].kill()
            server.members[0].launch()
            await server.members[0].wait_healthy()
        stop = True
        await asyncio.gather(*readers)


async def test_a_black_hole_does_not_eat_the_deadline(
    cluster3: Server, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]
) -> None:
    proxy = await tcp_proxy(cluster3.endpoints[0])
    async with connect(ClientOptions(endpoints=(proxy.endpoint, cluster3.endpoints[1]))) as client:
        await client.kv.put("k", "v")
        await asyncio.gather(*(client.kv.get("k") for _ in range(10)))
        proxy.black_hole()
        began = Stopwatch()
        await asyncio.gather(*(client.kv.get("k") for _ in range(50)))
        assert began.fair() < 2.5


async def test_closing_ends_calls_in_flight_with_closed_error(
    etcd: Server, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]
) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    client = await Client.open(ClientOptions(endpoints=(proxy.endpoint,)))
    await client.kv.put("k", "v")
    proxy.black_hole()
    reads = [asyncio.create_task(client.kv.get("k", timeout=30)) for _ in range(5)]
    writes = [asyncio.create_task(client.kv.put("k", "w", timeout=30)) for _ in range(5)]
    await eventually(lambda: len(client.caller.pool.find(proxy.endpoint).pending) == 10)
    began = Stopwatch()
    await client.aclose()
    results = await asyncio.gather(*reads, *writes, return_exceptions=True)
    assert began.fair() < 1.0
    assert all(isinstance(r, errors.ClosedError) for r in results), results
    assert {r.applied for r in results if isinstance(r, errors.ClosedError)} == {"no", "maybe"}
    with pytest.raises(errors.ClosedError):
        await client.kv.get("k")
    await client.aclose()


async def test_a_cancelled_caller_returns_at_once(unused_endpoint: str) -> None:
    async with connect(ClientOptions(endpoints=(unused_endpoint,))) as client:
        task = asyncio.create_task(client.kv.get("k", timeout=0))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.shield(task)
        began = Stopwatch()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert began.fair() < 0.2


async def test_no_task_is_left_after_closing(cluster3: Server) -> None:
    before = asyncio.all_tasks()
    async with connect(ClientOptions(endpoints=cluster3.endpoints)) as client:
        await client.kv.put("k", "v")
    await eventually(lambda: asyncio.all_tasks() == before)


async def test_endpoints_of_two_clusters_are_found_before_a_write(etcd: Server, cluster3: Server) -> None:
    async with connect(ClientOptions(endpoints=(etcd.endpoint, cluster3.endpoints[0]))) as client:
        with pytest.raises(errors.ClusterMismatch) as caught:
            await client.kv.put("k", "v")
        assert caught.value.applied == "no"
        assert await etcd.get("k") is None
        assert await cluster3.get("k") is None
        client.set_endpoints(*(name for name in client.endpoints if name != caught.value.endpoint))
        await client.kv.put("k", "v")


async def test_set_endpoints_moves_the_client(cluster3: Server) -> None:
    async with connect(ClientOptions(endpoints=(cluster3.endpoints[0],))) as client:
        await client.kv.put("k", "v")
        client.set_endpoints(cluster3.endpoints[1], cluster3.endpoints[2])
        await cluster3.members[0].kill()
        assert client.endpoints == cluster3.endpoints[1:]
        assert (await client.kv.get("k", timeout=10)).kvs
        with pytest.raises(errors.ConfigError):
            client.set_endpoints()
        with pytest.raises(errors.ConfigError):
            client.set_endpoints("nowhere")
        assert client.endpoints == cluster3.endpoints[1:]


async def test_the_write_gate_stops_writes_and_lets_reads_pass(etcd: Server) -> None:
    seen: list[str] = []

    def gate(intent: object) -> None:
        seen.append(str(intent))
        raise errors.WriteRefused("read-only")

    async with connect(ClientOptions(endpoints=(etcd.endpoint,)), write_gate=gate) as client:
        assert (await client.kv.get("k")).kvs == ()
        await client.kv.txn([], [Op.get("k"), Op.txn([], [Op.get("k")])])
        for write in (
            lambda: client.kv.put("k", "v"),
            lambda: client.kv.delete("k"),
            lambda: client.kv.txn([], [Op.get("k")], [Op.txn([], [Op.put("k", "v")])]),
            lambda: client.kv.compact(1),
            lambda: client.maintenance.defragment(etcd.endpoint),
            lambda: client.auth.role_add("r"),
            lambda: client.cluster.remove(1),
            lambda: client.lease.grant(10),
        ):
            with pytest.raises(errors.WriteRefused):
                await write()
    assert len(seen) == 8
    assert await etcd.get("k") is None
