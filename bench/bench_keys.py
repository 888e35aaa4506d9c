"""Listing, refreshing, searching and showing a million keys, against etcdctl and one-shot reads in the same run.

A server of its own is filled first (about half a minute). ``ETCDTUI_BENCH_KEYS=HOST:PORT:PID`` takes one that
``python -m bench.keyspace`` filled. Every pair is interleaved; medians are compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.bench_first_paint import START, time_to
from bench.delay import DelayProxy
from bench.keyspace import load
from bench.report import Result, milliseconds
from etcdtui.client import Client, ClientOptions, SortOrder, SortTarget
from etcdtui.client.key_lists import KeyRange
from etcdtui.core import ranges
from etcdtui.demo.binary import find_binary
from etcdtui.demo.cluster import Cluster
from etcdtui.services.reads import browse, census, history
from etcdtui.services.reads.browse import Listing
from etcdtui.services.reads.reading import Reads
from etcdtui.services.reads.search import Query, search

ROUNDS = 5
PUTS = 300
FAR = 0.025
"""Seconds one way of the far network."""
FLAT = b"/registry/imagecaches/"
SEPARATORS = (b"/",)


@dataclass(slots=True)
class Rig:
    """The filled server: where it is, its process, the etcdctl beside it, and an open client."""

    endpoint: str
    pid: int
    etcdctl: Path
    client: Client

    def cpu(self) -> float:
        """Seconds of CPU the server has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Anonymous memory of the server in MiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))

    async def ctl(self, *args: str, endpoint: str = "") -> float:
        """Seconds one etcdctl takes."""
        argv = [str(self.etcdctl), "--endpoints", endpoint or self.endpoint, "--command-timeout", "120s", *args]
        started = time.perf_counter()
        done = await asyncio.create_subprocess_exec(
            *argv, stdout=subprocess.DEVNULL, env=os.environ | {"ETCDCTL_API": "3"}
        )
        assert await done.wait() == 0
        return time.perf_counter() - started


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


@contextlib.asynccontextmanager
async def opened(endpoint: str) -> AsyncIterator[Client]:
    client = await Client.open(ClientOptions(endpoints=(endpoint,), command_timeout=60.0))
    try:
        await client.kv.get(b"x")
        yield client
    finally:
        await client.aclose()


async def listing(rig: Rig, far: DelayProxy) -> AsyncIterator[Result]:
    """T1, T2: children of the root and of /registry/ against etcdctl listing everything."""
    async with opened(far.endpoint) as distant:
        for prefix, name in ((b"", "root"), (b"/registry/", "/registry/")):
            ours, theirs, ours_far, theirs_far, cpu_ours, cpu_theirs = ([] for _ in range(6))
            text = prefix.decode()
            for _ in range(ROUNDS):
                before = rig.cpu()
                ours.append(await timed(partial(browse.children, Reads(rig.client), prefix, SEPARATORS)))
                middle = rig.cpu()
                theirs.append(await rig.ctl("get", text, "--prefix", "--keys-only"))
                cpu_ours.append(middle - before)
                cpu_theirs.append(rig.cpu() - middle)
                ours_far.append(await timed(partial(browse.children, Reads(distant), prefix, SEPARATORS)))
                theirs_far.append(await rig.ctl("get", text, "--prefix", "--keys-only", endpoint=far.endpoint))
            cpu = f"server CPU {statistics.median(cpu_ours):.2f} s vs {statistics.median(cpu_theirs):.2f} s"
            yield faster(f"T1 children of {name}", theirs, ours, 10, cpu)
            yield faster(f"T2 the same, 50 ms away, {name}", theirs_far, ours_far, 7)


def faster(name: str, theirs: list[float], ours: list[float], target: float, more: str = "") -> Result:
    ratio = statistics.median(theirs) / statistics.median(ours)
    return Result(name, ratio, target, f"{milliseconds(ours)} vs {milliseconds(theirs)} {more}", at_least=True)


def share(name: str, ours: list[float], theirs: list[float], target: float, more: str = "") -> Result:
    ratio = statistics.median(ours) / statistics.median(theirs)
    return Result(name, ratio, target, f"{milliseconds(ours)} vs {milliseconds(theirs)} {more}")


async def first_screen(client: Client) -> None:
    async for page in Listing(Reads(client), FLAT, SEPARATORS).pages():
        assert sum(map(len, page.rows)) >= 60
        return


async def last_screen(client: Client, last: bytes) -> float:
    """Seconds from the End key on the first screen to the last key."""
    listing_ = Listing(Reads(client), FLAT, SEPARATORS)
    listing_.from_end = True
    pressed = 0.0
    async with contextlib.aclosing(listing_.pages()) as pages:
        async for page in pages:
            pressed = pressed or time.perf_counter()
            if any(rows[-1].name == last for rows in page.rows):
                break
    return time.perf_counter() - pressed


class Cost:
    """What a piece of work costs the server: seconds of CPU and MiB it keeps."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._cpu, self._memory = rig.cpu(), rig.memory()

    def __str__(self) -> str:
        cpu, memory = self._rig.cpu() - self._cpu, self._rig.memory() - self._memory
        return f"server: {cpu:.2f} s CPU, {memory:+.0f} MiB"


async def flat(rig: Rig, far: DelayProxy) -> AsyncIterator[Result]:
    """T4: first and last screen of 300,000 flat children."""
    options = {"sort_target": SortTarget.KEY, "sort_order": SortOrder.DESCEND}
    last = (await rig.client.kv.get(FLAT, prefix=True, limit=1, keys_only=True, **options)).kvs[0].key[len(FLAT) :]  # type: ignore[arg-type]
    async with opened(far.endpoint) as distant:
        for client, where in ((rig.client, ""), (distant, ", 50 ms away")):
            first, everything, end, descending, costs = ([] for _ in range(5))
            for _ in range(ROUNDS):
                cost = Cost(rig)
                first.append(await timed(partial(first_screen, client)))
                costs.append(str(cost))
                everything.append(await timed(partial(all_names, client, FLAT)))
                end.append(await last_screen(client, last))
                backwards = partial(client.kv.get, FLAT, prefix=True, limit=60, keys_only=True, **options)  # type: ignore[arg-type]
                descending.append(await timed(backwards))
            yield share(f"T4 first screen of 300,000 flat keys{where}", first, everything, 0.12, costs[-1])
            yield share(f"T4 End key{where}", end, descending, 0.2)


async def all_names(client: Client, prefix: bytes) -> None:
    """One request for everything, as a plain client would; without an object a key, so that we do not win by that."""
    await client.kv.keys([KeyRange(*ranges.prefix_range(prefix), 0)], timeout=60.0)


async def refreshing(rig: Rig, far: DelayProxy) -> AsyncIterator[Result]:
    """T5, T6: checking a shown level again, and what others' writes feel of it."""
    async with opened(far.endpoint) as distant:
        for client, where in ((rig.client, ""), (distant, ", 50 ms away")):
            reads = Reads(client)
            for prefix, name in ((b"", "root"), (b"/registry/", "/registry/")):
                rows = await browse.children(reads, prefix, SEPARATORS)
                area = ranges.prefix_range(prefix)
                again, anew = [], []
                cost = Cost(rig)
                await browse.refresh(reads, prefix, SEPARATORS, rows, *area)
                paid = str(cost)
                for _ in range(ROUNDS):
                    refresh = partial(browse.refresh, reads, prefix, SEPARATORS, rows, *area)
                    again.append(await timed(refresh))
                    anew.append(await timed(partial(browse.children, reads, prefix, SEPARATORS)))
                target = 0.2 if where else 0.05  # one round trip of three or four is all that can be saved there
                yield share(f"T5 refresh of {name}{where}", again, anew, target, paid)
        memory = rig.memory()
        rows = await browse.children(Reads(rig.client), b"", SEPARATORS)
        grown = rig.memory() - memory
        idle: list[float] = []
        busy: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            idle.append(await latencies(rig, None))
            for client, pause, how in (
                (rig.client, 1.0, "every second"),
                (rig.client, 0.0, "without a pause"),
                (distant, 0.0, "without a pause, 50 ms away"),
            ):
                refresh = partial(browse.refresh, Reads(client), b"", SEPARATORS, rows, *ranges.ALL)
                busy.setdefault(how, []).append(await latencies(rig, refresh, pause))
        for how, late in busy.items():
            yield share(f"T6 put p99, a level refreshed {how}", late, idle, 2)
        yield Result("T6 server memory for a listing, of 10 MiB", grown / 10, 1, f"{grown:+.0f} MiB")


async def starting(rig: Rig, far: DelayProxy) -> AsyncIterator[Result]:
    """T3: from the start of the process to the keys on a terminal."""
    for endpoint, where, target in ((rig.endpoint, "", 8), (far.endpoint, ", 50 ms away", 5)):
        argv = [sys.executable, "-c", START, "--endpoints", endpoint]
        painted, theirs = [], []
        for _ in range(ROUNDS):
            painted.append((await asyncio.to_thread(time_to, argv, b"registry"))[-1].wall)
            theirs.append(await rig.ctl("get", "", "--prefix", "--keys-only", endpoint=endpoint))
        yield faster(f"T3 start to the keys painted{where}", theirs, painted, target)


async def views(rig: Rig) -> AsyncIterator[Result]:
    """What the server pays for other views, against one etcdctl that lists all names."""
    before = rig.cpu()
    await rig.ctl("get", "", "--prefix", "--keys-only")
    listed = rig.cpu() - before

    async def drained(pages: AsyncIterator[object]) -> None:
        async for _ in pages:
            pass

    reads = Reads(rig.client)
    secrets = b"/registry/secrets/"
    for name, view, target in (
        ("census of the root", census.count(reads, b"", SEPARATORS), 0.25),
        ("census with values of 50,000 secrets", census.measure(reads, secrets, SEPARATORS, bytes_per_second=0), 0.5),
        ("history of 500 versions of a key", history.versions(reads, b"/zz-bench"), 0.25),
    ):
        cost, before = Cost(rig), rig.cpu()
        await drained(view)
        yield Result(f"server CPU, {name} / listing all", (rig.cpu() - before) / listed, target, str(cost))


async def latencies(rig: Rig, reader: Callable[[], Awaitable[object]] | None, pause: float = 0.0) -> float:
    """p99 of another process's hundred puts a second while ``reader`` runs again and again, ``pause`` between."""
    stop = asyncio.Event()

    async def read() -> None:
        while not stop.is_set():
            assert reader is not None
            await reader()
            await asyncio.sleep(pause)

    task = asyncio.create_task(read()) if reader is not None else None
    argv = [sys.executable, "-m", "bench.puts", rig.endpoint, str(PUTS)]
    writer = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    out, _ = await writer.communicate()
    stop.set()
    if task is not None:
        await task
    return float(out.split()[0])


async def searching(rig: Rig, far: DelayProxy) -> AsyncIterator[Result]:
    """T7: a search over all keys, its first hit, and how long the event loop was held meanwhile."""
    async with opened(far.endpoint) as distant:
        for client, where in ((rig.client, ""), (distant, ", 50 ms away")):
            first, total, one_shot, held, costs, theirs = ([] for _ in range(6))
            for _ in range(3):
                cost = Cost(rig)
                async with Pulse() as pulse:
                    started = time.perf_counter()
                    hit = 0.0
                    async for progress in search(Reads(client), Query("system", prefix=b"")):
                        if progress.hits and not hit:
                            hit = time.perf_counter() - started
                    total.append(time.perf_counter() - started)
                first.append(hit)
                held.append(pulse.p95)
                costs.append(str(cost))
                cost = Cost(rig)
                one_shot.append(await timed(partial(all_names, client, b"")))
                theirs.append(str(cost))
            yield share(f"T7 first hits of a search over all keys{where}", first, one_shot, 0.1)
            yield share(f"T7 the whole search{where}", total, one_shot, 1.5, f"{costs[-1]}; one shot {theirs[-1]}")
            worst = statistics.median(held)
            yield Result(f"T7 event loop held, p95 (of 50 ms){where}", worst / 0.05, 1, f"{worst * 1000:.0f} ms")


class Pulse:
    """How late the event loop is: a beat every 5 ms, its delays kept; and the loop's processor time between two beats.

    The latter is what the program itself does at a stretch, whatever else the machine is busy with.
    """

    def __init__(self) -> None:
        self.late: list[float] = []
        self.work: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Pulse:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, used = loop.time() + 0.005, time.thread_time()
            await asyncio.sleep(0.005)
            self.late.append(loop.time() - due)
            self.work.append(time.thread_time() - used)

    @property
    def p95(self) -> float:
        return sorted(self.late)[int(len(self.late) * 0.95)]

    @property
    def worst(self) -> float:
        return max(self.late)


@contextlib.asynccontextmanager
async def rigged() -> AsyncIterator[Rig]:
    binary = find_binary()
    assert binary.etcdctl is not None
    if given := os.environ.get("ETCDTUI_BENCH_KEYS", ""):
        endpoint, _, pid = given.rpartition(":")
        async with opened(endpoint) as client:
            yield Rig(endpoint, int(pid), binary.etcdctl, client)
        return
    flags = ["--unsafe-no-fsync", "--quota-backend-bytes=8000000000"]
    async with Cluster(1, binary=binary, flags=flags) as cluster:
        member = cluster.members[0]
        await asyncio.to_thread(load, member.endpoint)
        async with opened(member.endpoint) as client:
            yield Rig(member.endpoint, member.pid, binary.etcdctl, client)


async def measure() -> list[Result]:
    """All of it; ``ETCDTUI_BENCH_PARTS=listing,flat`` only those parts."""
    results: list[Result] = []
    async with rigged() as rig, DelayProxy(rig.endpoint, FAR) as far:
        parts = {
            "listing": listing(rig, far),
            "flat": flat(rig, far),
            "starting": starting(rig, far),
            "refreshing": refreshing(rig, far),
            "searching": searching(rig, far),
            "views": views(rig),
        }
        wanted = os.environ.get("ETCDTUI_BENCH_PARTS") or ",".join(parts)
        for part in wanted.split(","):
            results += [result async for result in parts[part]]
    return results


def run() -> Iterable[Result]:
    return asyncio.run(measure())
