"""Makes one history on a cluster of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from etcdtui.client import Client, ClientOptions, connect
from etcdtui.demo.binary import Binary, Version
from etcdtui.demo.cluster import Cluster
from tests.robustness.faults import ALL, WITHOUT_KILLS, Nemesis
from tests.robustness.history import History
from tests.robustness.traffic import KEYS, Notes, Onlooker, Talker
from tests.support.poll import eventually
from tests.support.server import Server

CALLS_A_SECOND = 120
SNAPSHOT_COUNT = 500
"""Raft entries between snapshots: so few that a member that was down gets one."""
CATCH_UP = 30.0
LAST_PUT = 30.0
PATIENCE = 60.0


def flags(binary: Binary) -> list[str]:
    notify = "watch-progress-notify-interval=100ms"
    found = [f"--snapshot-count={SNAPSHOT_COUNT}"]
    if binary.version >= (3, 6, 0):
        return [*found, f"--{notify}", "--snapshot-catchup-entries=100"]
    return [*found, f"--experimental-{notify}"] if binary.version >= (3, 5, 0) else found


def tells_progress(version: Version) -> bool:
    """Whether an answer about progress waits for the events before it: from 3.4.25 and 3.5.8 on."""
    return version >= (3, 5, 8) or (3, 4, 25) <= version < (3, 5, 0)


def faults_for(binary: Binary) -> tuple[str, ...]:
    return WITHOUT_KILLS if (3, 5, 0) <= binary.version < (3, 5, 3) else ALL


class Run:
    """``history`` and ``counts`` (of calls by kind and outcome) are there after ``make``."""

    def __init__(self, cluster: Cluster, seed: int, calls_a_second: float = CALLS_A_SECOND) -> None:
        self.cluster = cluster
        self.notes = Notes(seed, progress=tells_progress(cluster.binary.version))
        self.log: list[str] = []
        self._pace = calls_a_second
        self._stack = AsyncExitStack()
        self._clients = 0

    @property
    def counts(self) -> Counter[str]:
        return self.notes.counts

    async def more(self, count: int) -> None:
        """Wait until so many more calls were answered."""
        enough = self._answered() + count
        await eventually(lambda: self._answered() >= enough, PATIENCE, what=f"{count} more calls were answered")

    def _answered(self) -> int:
        return sum(number for what, number in self.notes.counts.items() if what.endswith(" done done"))

    async def make(self, trouble: Callable[[Nemesis], Awaitable[None]]) -> History:
        """Traffic while ``trouble`` lasts; then the cluster heals, and everybody who watches comes to the end."""
        notes, endpoints = self.notes, self.cluster.endpoints
        each = [(endpoint,) for endpoint in endpoints]
        async with self._stack:
            admin = await self._client(endpoints)
            nemesis = Nemesis(self.cluster, admin, random.Random(notes.random.random()))
            stop = asyncio.Event()
            until: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            talkers = [await self._talker(e) for e in (*each, endpoints, endpoints, endpoints)]
            watchers = [await self._onlooker(e) for e in (*each, endpoints)]
            short = [await self._onlooker(e) for e in (*each, endpoints)]
            cached = [await self._onlooker(e) for e in (each[0], endpoints)] if notes.progress else []
            reader, compactor = await self._talker(endpoints), await self._talker(endpoints)
            async with asyncio.TaskGroup() as group:
                for place, watcher in enumerate(watchers):
                    group.create_task(self._to_the_end(watcher, until, previous=place % 2 == 1))
                async with asyncio.TaskGroup() as busy:
                    for talker in talkers:
                        busy.create_task(talker.run(stop, len(talkers) / self._pace))
                    for onlooker in short:
                        busy.create_task(onlooker.some(stop))
                        busy.create_task(onlooker.some(stop))
                    for onlooker in cached:
                        busy.create_task(onlooker.cached(stop))
                    busy.create_task(reader.read_in_order(stop))
                    busy.create_task(compactor.compact(stop))
                    try:
                        await trouble(nemesis)
                    finally:
                        stop.set()
                await nemesis.heal()
                until.set_result(await self._last_put(talkers[-1]))
            self.log = nemesis.log
            final = await asyncio.to_thread(self._as_etcdctl_reads)
        return History(
            self.cluster.binary.version,
            tuple(notes.calls),
            tuple(notes.watches),
            final,
            tuple(nemesis.log),
            tuple(notes.complaints),
        )

    async def _client(self, endpoints: Sequence[str]) -> Client:
        self._clients += 1
        options = ClientOptions(endpoints=tuple(endpoints), command_timeout=2.0)
        return await self._stack.enter_async_context(connect(options))

    async def _talker(self, endpoints: Sequence[str]) -> Talker:
        client = await self._client(endpoints)
        return Talker(self.notes, self._clients, client)

    async def _onlooker(self, endpoints: Sequence[str]) -> Onlooker:
        client = await self._client(endpoints)
        return Onlooker(self.notes, self._clients, client)

    async def _to_the_end(self, watcher: Onlooker, until: asyncio.Future[int], previous: bool) -> None:
        watching = asyncio.create_task(watcher.everything(until, previous))
        try:
            await asyncio.wait({asyncio.ensure_future(asyncio.shield(until))})
            async with asyncio.timeout(CATCH_UP):
                await watching
        except TimeoutError:
            self.notes.complaints.append(f"a watch on {watcher.client.endpoints} did not come to {until.result()}")
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _last_put(self, talker: Talker) -> int:
        deadline = time.monotonic() + LAST_PUT
        while time.monotonic() < deadline:
            done = await talker.put(KEYS[0])
            if done is not None:
                revision: int = done.header.revision
                return revision
        raise AssertionError("the healed cluster took no write")

    def _as_etcdctl_reads(self) -> dict[str, str]:
        told = json.loads(Server(self.cluster).etcdctl("get", "", "--prefix", "-w", "json"))
        pairs = ((kv["key"], kv.get("value", "")) for kv in told.get("kvs", []))
        return {base64.b64decode(key).decode(): base64.b64decode(value).decode() for key, value in pairs}


async def history(binary: Binary, seed: int, seconds: float) -> tuple[History, Run]:
    """One history of random faults on a new cluster."""
    async with Cluster(3, binary=binary, flags=flags(binary)) as cluster:
        run = Run(cluster, seed)

        async def trouble(nemesis: Nemesis) -> None:
            await nemesis.run(faults_for(binary), time.monotonic() + seconds)

        return await run.make(trouble), run
