"""What holds while two of three members are dead: everything is tried at once on one such cluster, then judged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from etcdtui.client import Client, ClientOptions, Compare, Op, connect, errors
from etcdtui.client._wire import methods
from etcdtui.demo.binary import Binary
from etcdtui.pb import rpc_pb2
from tests.conformance.support import events, within
from tests.support import Server, eventually, running_server
from tests.support.timing import Stopwatch

pytestmark = pytest.mark.matrix

SERVER_TIMEOUT = 6.0
"""Seconds after which a server gives a request up: 5, and two elections of half a second."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, and after how many seconds."""

    value: Any
    seconds: float
    fair: float

    @property
    def error(self) -> errors.EtcdError:
        assert isinstance(self.value, errors.EtcdError), f"it did not fail: {self.value!r}"
        return self.value


async def _outcome(work: Awaitable[object]) -> Outcome:
    began = Stopwatch()
    try:
        value = await work
    except errors.EtcdError as error:
        value = error
    return Outcome(value, began.seconds(), began.fair())


class LostQuorum:
    """The cluster's last days, as seen by clients of the one member left and of all three."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.found: dict[str, Outcome] = {}

    async def live_through(self) -> None:
        await self.server.put("k", "v")
        async with connect(ClientOptions(endpoints=self.server.endpoints)) as everywhere:
            lease = (await everywhere.lease.grant(600)).id
            ids = {m.name: m.id for m in await everywhere.cluster.members()}
            async with everywhere.watch("k", require_leader=True) as strict, everywhere.watch("k") as patient:
                survivor = await self._lose()
                dead = next(m for m in self.server.members if not m.running)
                await self._try_all(survivor, lease, ids[dead.name], anext(strict))
                found = asyncio.create_task(events(patient, 1, 30))
                await asyncio.gather(*(m.start() for m in self.server.members if not m.running))
                self.found["retried put"] = await self._retried
                await everywhere.kv.put("k", "again", timeout=15)
                self.found["plain watch"] = await _outcome(found)
                self.found["versions"] = await _outcome(everywhere.kv.get("opted in"))
                await self._options.aclose()

    async def _lose(self) -> str:
        """Kill the leader and one more, and wait until the third knows of no leader."""
        leader = await self.server.leader()
        await leader.kill()
        rest = [m for m in self.server.members if m is not leader]
        await rest[0].kill()
        survivor = rest[1].endpoint
        async with connect(ClientOptions(endpoints=(survivor,))) as client:

            async def leaderless() -> bool:
                return (await client.maintenance.status(survivor)).leader == 0

            await eventually(leaderless, 15)
        return survivor

    async def _try_all(self, survivor: str, lease: int, dead: int, strict: Awaitable[object]) -> None:
        once = ClientOptions(endpoints=(survivor,), max_unary_retries=1, command_timeout=20)
        self._options = await Client.open(ClientOptions(endpoints=self.server.endpoints, retry_writes=True))
        self._retried = asyncio.create_task(_outcome(self._options.kv.put("opted in", "v", timeout=40)))
        async with connect(once) as client:
            tries: dict[str, Awaitable[object]] = {
                "get": client.kv.get("k"),
                "serializable get": client.kv.get("k", serializable=True),
                "txn without operations": client.kv.txn([Compare.version("k", ">", 0)]),
                "leases": client.lease.leases(),
                "time to live": client.lease.time_to_live(lease),
                "status": client.maintenance.status(survivor),
                "remove": client.cluster.remove(dead, timeout=5.0),
                "put": client.kv.put("k", "w", timeout=40),
                "strict watch": asyncio.wait_for(strict, 20),
                "require leader": self._refused(client),
                "members here": client.cluster.members(linearizable=False),
            }
            found = await asyncio.gather(*(_outcome(work) for work in tries.values()))
        self.found.update(zip(tries, found, strict=True))

    @staticmethod
    async def _refused(client: Client) -> object:
        return await client.caller.unary(methods.RANGE, rpc_pb2.RangeRequest(key=b"k"), require_leader=True)


@pytest.fixture(scope="module")
def lost(etcd_binary: Binary) -> Iterator[LostQuorum]:
    with running_server(3, binary=etcd_binary) as server:
        story = LostQuorum(server)
        asyncio.run(story.live_through())
        yield story


def test_038_linearizable_reads_fail_and_serializable_ones_do_not(lost: LostQuorum) -> None:
    got = lost.found["get"]
    assert isinstance(got.error, errors.Unavailable)
    assert "request timed out" in got.error.message
    assert (got.error.applied, got.error.retryable) == ("no", True)
    assert got.seconds > SERVER_TIMEOUT - 1.5 and got.fair < SERVER_TIMEOUT + 3
    local = lost.found["serializable get"]
    assert local.value.kvs[0].value == b"v"
    assert local.fair < 1.5


def test_052_a_transaction_without_operations_says_nothing_of_health(lost: LostQuorum) -> None:
    assert lost.found["txn without operations"].value.succeeded
    assert lost.found["txn without operations"].fair < 1.5


def test_080_the_watch_that_requires_a_leader_ends(lost: LostQuorum) -> None:
    ended = lost.found["strict watch"]
    assert isinstance(ended.error, errors.NoLeader)
    assert ended.fair < 6.5


def test_080_the_plain_watch_waits_and_goes_on(lost: LostQuorum) -> None:
    assert [e.kv.value for e in lost.found["plain watch"].value] == [b"again"]


def test_098_leases_are_listed(lost: LostQuorum) -> None:
    assert len(lost.found["leases"].value) == 1
    assert lost.found["leases"].fair < 1.5


def test_time_to_live_needs_the_leader(lost: LostQuorum) -> None:
    assert isinstance(lost.found["time to live"].error, (errors.NoLeader, errors.Unavailable, errors.DeadlineExceeded))
    assert lost.found["time to live"].error.applied == "no"


def test_103_a_put_may_have_been_applied(lost: LostQuorum) -> None:
    put = lost.found["put"]
    assert isinstance(put.error, errors.DeadlineExceeded)
    assert put.error.applied == "maybe"
    assert put.error.code in ("DEADLINE_EXCEEDED", "UNKNOWN")  # UNKNOWN on 3.4.23 and 3.5.1
    assert "may have been applied" in str(put.error)
    assert put.seconds > SERVER_TIMEOUT - 1.5 and put.fair < SERVER_TIMEOUT + 3


def test_103_a_put_that_opted_in_succeeds_once(lost: LostQuorum) -> None:
    assert not isinstance(lost.found["retried put"].value, errors.EtcdError), lost.found["retried put"].value
    assert lost.found["versions"].value.kvs[0].version == 1


def test_136_status_says_that_there_is_no_leader(lost: LostQuorum) -> None:
    status = lost.found["status"].value
    assert (status.leader, status.is_leader) == (0, False)
    assert any("no leader" in text for text in status.errors)


def test_148_a_membership_change_returns_at_its_deadline(lost: LostQuorum) -> None:
    removed = lost.found["remove"]
    assert isinstance(removed.error, errors.DeadlineExceeded)
    assert removed.error.applied == "maybe"
    assert removed.seconds > 4.8 and removed.fair < 6.0


def test_require_leader_is_refused_at_once(lost: LostQuorum) -> None:
    refused = lost.found["require leader"]
    assert isinstance(refused.error, errors.NoLeader)
    assert refused.error.applied == "no"
    assert refused.fair < 1.5


def test_one_members_view_of_the_members(lost: LostQuorum) -> None:
    assert len(lost.found["members here"].value) == 3


async def test_105_a_read_only_transaction_survives_the_kill_of_the_leader(cluster3: Server, client3: Client) -> None:
    await client3.kv.put("k", "v")
    killing = asyncio.create_task((await cluster3.leader()).kill())
    for _ in range(15):
        done = await client3.kv.txn([Compare.version("k", ">", 0)], [Op.get("k")])
        assert done.succeeded
    await killing
    done = await client3.kv.txn([Compare.version("k", ">", 0)], [Op.get("k")])
    assert done.succeeded


async def test_099_a_lease_survives_the_change_of_the_leader(cluster3: Server, client3: Client) -> None:
    lease = await client3.lease.grant(3)
    await client3.kv.put("k", "v", lease=lease.id)
    ids = {m.name: m.id for m in await client3.cluster.members()}
    async with client3.lease.keep_alive(lease.id) as renewals:
        await within(5, anext(renewals))
        began = Stopwatch()
        for _ in range(2):
            leader = await cluster3.leader()
            target = next(m for m in cluster3.members if m is not leader)
            await client3.maintenance.move_leader(ids[target.name])
        async with asyncio.timeout(15):
            async for _ in renewals:
                if began.seconds() > 4:
                    break
    assert (await client3.kv.get("k")).kvs[0].lease == lease.id


async def test_084_a_watch_leaves_a_member_that_shuts_down(cluster3: Server) -> None:
    async with connect(ClientOptions(endpoints=cluster3.endpoints[:2])) as client:
        watcher = client.watch("k")
        async with watcher, connect(ClientOptions(endpoints=cluster3.endpoints[2:])) as writer:
            await writer.kv.put("k", "1", timeout=10)
            await events(watcher, 1)
            serving = await _with_streams(cluster3)
            assert len(serving) == 1
            stopping = asyncio.create_task(serving[0].stop())
            began = Stopwatch()
            other = next(m for m in cluster3.members[:2] if m is not serving[0])
            await eventually(lambda: _streams_of(other), 9, what="the watch moved")
            assert began.fair() < 8.5
            await writer.kv.put("k", "2", timeout=10)
            await events(watcher, 1)
            await stopping


async def _streams_of(member: Any) -> bool:
    lines = (await member.metrics()).splitlines()
    return any(line.startswith("etcd_debugging_mvcc_watch_stream_total ") and line.split()[1] != "0" for line in lines)


async def _with_streams(server: Server) -> list[Any]:
    return [m for m in server.members if await _streams_of(m)]
