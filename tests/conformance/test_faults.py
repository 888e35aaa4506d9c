"""Members die, freeze and restart under load: nothing is lost, nothing comes twice, reads go on.

``ETCDTUI_RESTARTS`` says through how many restarts the watch goes, ``ETCDTUI_GETS`` how many reads are made while one
member is dead and one frozen.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from etcdtui.client import Client, ClientOptions, Compare, Op, connect, errors
from etcdtui.client.watch import Watcher
from etcdtui.core.types import Event, EventType
from etcdtui.demo.cluster import Member
from tests.client.load import Load, Reader
from tests.conformance.support import rev
from tests.support import Server, eventually

pytestmark = pytest.mark.matrix

RESTARTS = int(os.environ.get("ETCDTUI_RESTARTS", "8"))
GETS = int(os.environ.get("ETCDTUI_GETS", "10000"))
WORKERS = 50
WRITERS = 5
TURMOILS = 6
PAUSE = 0.002


def _keeps_acknowledged_writes(server: Server) -> bool:
    """etcd 3.5.0 to 3.5.2 can lose applied writes when killed."""
    return not (3, 5, 0) <= server.version < (3, 5, 3)


async def _end(server: Server, member: Member) -> None:
    await (member.kill() if _keeps_acknowledged_writes(server) else member.stop())


async def _reads(client: Client, count: int) -> list[float]:
    """So many reads by fifty tasks; how long each took, in order."""
    seconds: list[float] = []

    async def worker() -> None:
        for _ in range(count // WORKERS):
            began = time.perf_counter()
            found = await client.kv.get("k", serializable=True)
            seconds.append(time.perf_counter() - began)
            assert found.kvs[0].value == b"v"

    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    return sorted(seconds)


def _p99(seconds: list[float]) -> float:
    return seconds[int(len(seconds) * 0.99) - 1]


async def test_reads_with_one_member_dead_and_one_frozen(
    cluster3: Server, record_property: Callable[[str, object], None]
) -> None:
    async with connect(ClientOptions(endpoints=cluster3.endpoints)) as client:
        await client.kv.put("k", "v")
        healthy = await _reads(client, GETS // 5)
        await cluster3.members[0].kill()
        cluster3.members[1].pause()
        seconds = await _reads(client, GETS)
    p99 = _p99(seconds)
    record_property("p99_ms", round(p99 * 1000, 1))
    print(f"{len(seconds)} reads: p50 {seconds[len(seconds) // 2] * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")
    assert len(seconds) == GETS // WORKERS * WORKERS
    slow = max(0.5, 4 * _p99(healthy))  # a busy machine is slow without any fault
    stuck = sum(1 for s in seconds if s > slow)
    assert stuck <= WORKERS, "only what was under way when the member froze may wait for the attempt's limit"
    assert p99 < slow
    assert seconds[-1] < 4 * slow


async def _collect(watcher: Watcher, into: list[Event]) -> None:
    async for batch in watcher:
        into.extend(batch.events)


async def test_a_watch_over_restarts_has_no_gap_and_no_double(cluster3: Server) -> None:
    async with (
        connect(ClientOptions(endpoints=cluster3.endpoints, command_timeout=15)) as client,
        client.watch("", prefix=True) as watcher,
    ):
        reader, load = Reader(watcher), Load(client)
        async with load.running():
            for number in range(RESTARTS):
                await load.more()
                member = cluster3.members[number % 3]
                await (_end(cluster3, member) if number % 2 else member.stop())
                await member.start()
        await reader.caught_up(client)
        assert load.acknowledged <= set(reader.revisions)


@dataclass(frozen=True)
class Attempt:
    """One compare-and-swap: what it wanted to write over which revision, and what the client said of it."""

    value: bytes
    over: int
    began: float
    ended: float
    revision: int = 0
    fate: str = "no"


@dataclass(frozen=True)
class Read:
    """One linearizable read: the revision of the register's last change that it saw."""

    began: float
    ended: float
    mod_revision: int


class Register:
    """A counter that several tasks raise by compare-and-swap, and everything that was said about it."""

    KEY = "register"

    def __init__(self, client: Client) -> None:
        self.attempts: list[Attempt] = []
        self.reads: list[Read] = []
        self.stop = False
        self._client = client
        self._numbers = itertools.count()

    async def worker(self) -> None:
        while not self.stop:
            try:
                await self._swap()
            except errors.EtcdError as error:
                assert error.applied == "no", "a read is never applied"
            await asyncio.sleep(PAUSE)

    async def _swap(self) -> None:
        began = time.monotonic()
        kv = (await self._client.kv.get(self.KEY, timeout=3.0)).kvs[0]
        self.reads.append(Read(began, time.monotonic(), kv.mod_revision))
        value = b"%d:%d" % (int(kv.value.split(b":")[0]) + 1, next(self._numbers))
        began = time.monotonic()
        revision, fate = 0, "no"
        try:
            done = await self._client.kv.txn(
                [Compare.mod_revision(self.KEY, "=", kv.mod_revision)], [Op.put(self.KEY, value)], timeout=3.0
            )
        except errors.EtcdError as error:
            fate = error.applied
        else:
            if done.succeeded:
                revision, fate = rev(done), "yes"
        self.attempts.append(Attempt(value, kv.mod_revision, began, time.monotonic(), revision, fate))


def _judge(register: Register, history: list[Event]) -> None:
    """Check what the client said against what etcd's own revisions say."""
    assert all(event.type is EventType.PUT for event in history)
    numbers = [int(event.kv.value.split(b":")[0]) for event in history]
    assert numbers == list(range(len(numbers))), "an update was lost or overwritten"
    assert [event.kv.version for event in history] == list(range(1, len(history) + 1))
    stored = {event.kv.value: event.kv.mod_revision for event in history}
    assert len(stored) == len(history), "a write was applied twice"
    before = {event.kv.value: prior.kv.mod_revision for prior, event in itertools.pairwise(history)}
    for attempt in register.attempts:
        if attempt.fate == "yes":
            assert stored.get(attempt.value) == attempt.revision, f"an acknowledged write is not there: {attempt}"
        if attempt.fate == "no":
            assert attempt.value not in stored, f"said to be not applied, but it is there: {attempt}"
        if attempt.value in stored:
            assert before[attempt.value] == attempt.over, f"it overwrote what it had not seen: {attempt}"
    finished = [(a.ended, a.revision) for a in register.attempts if a.fate == "yes"]
    finished += [(read.ended, read.mod_revision) for read in register.reads]
    finished.sort()
    newest, position = 0, 0
    for read in sorted(register.reads, key=lambda r: r.began):
        while position < len(finished) and finished[position][0] < read.began:
            newest = max(newest, finished[position][1])
            position += 1
        assert read.mod_revision >= newest, f"a read went back in time: {read}, {newest} was known"


async def test_compare_and_swap_under_turmoil_loses_and_doubles_nothing(cluster3: Server) -> None:
    dice = random.Random(7)
    async with connect(ClientOptions(endpoints=cluster3.endpoints, command_timeout=15)) as client:
        start = rev(await client.kv.put(Register.KEY, "0:start"))
        register = Register(client)
        workers = [asyncio.create_task(register.worker()) for _ in range(WRITERS)]
        for number in range(TURMOILS):
            await _progress(register)
            leader = await cluster3.leader()
            member = leader if number % 2 == 0 else dice.choice([m for m in cluster3.members if m is not leader])
            if number % 3 == 2:
                member.pause()
                await asyncio.wait(workers, timeout=1.5)
                member.resume()
                await member.wait_healthy()
            else:
                await _end(cluster3, member)
                await member.start()
        await _progress(register)
        register.stop = True
        await asyncio.gather(*workers)
        now = rev(await client.kv.get(Register.KEY))
        history: list[Event] = []
        async with client.watch(Register.KEY, start_revision=start) as watcher:
            reading = asyncio.create_task(_collect(watcher, history))
            final = (await client.kv.get(Register.KEY)).kvs[0]
            await eventually(lambda: bool(history) and history[-1].kv.mod_revision == final.mod_revision, 10)
        await reading
    assert now >= final.mod_revision
    fates = [attempt.fate for attempt in register.attempts]
    assert fates.count("yes") > 50
    _judge(register, history)
    print(f"{len(history)} versions; {len(fates)} attempts, {fates.count('maybe')} of unknown fate")


async def _progress(register: Register) -> None:
    """Wait until some more swaps succeeded."""
    known = sum(a.fate == "yes" for a in register.attempts)
    await eventually(lambda: sum(a.fate == "yes" for a in register.attempts) > known + 10, 20)
