"""Stores of any size: the first names, what others' puts feel, and what a verified listing costs the server.

Each store is a server of its own, filled in order with small values: 10^5 keys, 10^6 whose pages were reused, and 10^6.
``ETCDTUI_BENCH_MILLIONS=10000000`` takes that size instead of the last (ten minutes to fill). ``ETCDTUI_BENCH_STORES``
takes servers that ``python -m bench.keyspace HOST:PORT COUNT --written`` filled: ``HOST:PORT:PID,...``, smallest first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from bench.bench_keys import FAR, FLAT, SEPARATORS, Rig, opened
from bench.delay import DelayProxy
from bench.keyspace import load_written
from bench.report import Result, milliseconds
from etcdtui.client import Client
from etcdtui.client.key_lists import KeyLists, KeyRange
from etcdtui.core import ranges
from etcdtui.core.listing import WALK
from etcdtui.demo.binary import find_binary
from etcdtui.demo.cluster import Cluster
from etcdtui.services.reads import browse, census
from etcdtui.services.reads.browse import Listing
from etcdtui.services.reads.reading import Reads
from etcdtui.services.reads.search import Query, search

ROUNDS = 5
PUTS = 400
WORST, P99 = 0.050, 0.010
"""Seconds that others' puts may take at worst, and 99 of 100 of them (or twice what they take idle)."""
LEAST, MOST = 100_000, 1_000_000


class Walking(Reads):
    """Knows how many keys a server walked for its answers, and for the one that took most."""

    walked = worst = 0

    async def keys(self, wanted: Sequence[KeyRange], revision: int = 0, *, guess: int = 0) -> KeyLists:
        answer = await super().keys(wanted, revision, guess=guess)
        walk = sum(one.count for one in answer.lists)
        self.walked, self.worst = self.walked + walk, max(self.worst, walk)
        return answer


@dataclass(slots=True)
class Store:
    """A filled server; ``keys`` is what etcdctl counts."""

    rig: Rig
    far: str
    keys: int
    name: str


async def reads_of(client: Client) -> Walking:
    """As a session has them: it knows the size of the database."""
    status = await client.maintenance.status()
    return Walking(client, most_keys=lambda: status.db_size_in_use // 40, version=lambda: status.version)


async def first_names(endpoint: str, prefix: bytes) -> float:
    """Seconds from an open connection to the first names of a level, in a program that knows nothing yet."""
    async with opened(endpoint) as client:
        started = time.perf_counter()
        reads = await reads_of(client)
        async with contextlib.aclosing(Listing(reads, prefix, SEPARATORS).pages()) as pages:
            async for page in pages:
                if page.named or any(page.rows):
                    break
        return time.perf_counter() - started


async def naming(stores: list[Store]) -> AsyncIterator[Result]:
    """1: the first names at the largest size against those at the smallest, near and far."""
    small, large = stores[0], stores[-1]
    for prefix in (b"", b"/registry/"):
        for near in (True, False):
            few: list[float] = []
            many: list[float] = []
            for _ in range(ROUNDS):
                few.append(await first_names(small.rig.endpoint if near else small.far, prefix))
                many.append(await first_names(large.rig.endpoint if near else large.far, prefix))
            ratio = statistics.median(many) / statistics.median(few)
            where = f"{prefix.decode() or 'root'}{'' if near else ', 50 ms away'}"
            yield Result(
                f"first names of {where}, {large.name}", ratio, 1.5, f"{milliseconds(many)} vs {milliseconds(few)}"
            )
            if near:
                started = time.perf_counter()
                with contextlib.suppress(AssertionError):  # it gives up after two minutes: that long at least
                    await large.rig.ctl("get", prefix.decode(), "--prefix", "--keys-only")
                theirs = time.perf_counter() - started
                target = 100.0 if large.keys > 5 * MOST else 10.0
                yield Result(
                    f"first names of {where} against etcdctl", theirs / statistics.median(many), target,
                    f"{theirs:.1f} s", at_least=True,
                )  # fmt: skip


async def listing(store: Store) -> AsyncIterator[Result]:
    """3: a complete listing, its walks and its counts."""
    async with opened(store.rig.endpoint) as client:
        reads = await reads_of(client)
        cpu, started = store.rig.cpu(), time.perf_counter()
        rows = {row.name: row.count for row in await browse.children(reads, b"/registry/", SEPARATORS)}
        took, cpu = time.perf_counter() - started, store.rig.cpu() - cpu
    detail = f"{took:.1f} s, server CPU {cpu:.1f} s, {reads.requests} requests, counted {sum(rows.values())}"
    yield Result(f"keys walked for a verified listing, {store.name}", reads.walked / store.keys, 1.3, detail)
    yield Result(f"keys of the longest walk, of {WALK}, {store.name}", reads.worst / WALK, 1)
    yield Result(f"keys counted against etcdctl, {store.name}", abs(sum(rows.values()) - store.keys), 0)


async def drained(pages: AsyncIterator[object]) -> None:
    async for _ in pages:
        pass


async def flat(reads: Reads, *, from_end: bool) -> None:
    """The first screens of the flat folder, or its End."""
    listing_ = Listing(reads, FLAT, SEPARATORS)
    listing_.from_end = from_end
    rows = 0
    async with contextlib.aclosing(listing_.pages()) as pages:
        async for page in pages:
            rows += sum(map(len, page.rows))
            if (from_end and listing_.survey.end_known) or (not from_end and rows > 20_000):
                return


async def disturbing(store: Store) -> AsyncIterator[Result]:
    """2: another client's puts while this one works."""
    async with opened(store.rig.endpoint) as client:
        reads = await reads_of(client)
        rows = await browse.children(reads, b"/registry/", SEPARATORS)
        area = ranges.prefix_range(b"/registry/")
        works: dict[str, Callable[[], Awaitable[object]]] = {
            "opening": partial(browse.children, reads, b"", SEPARATORS),
            "scrolling": partial(flat, reads, from_end=False),
            "going to the end": partial(flat, reads, from_end=True),
            "searching": lambda: drained(search(reads, Query("nothing like it", prefix=b""))),
            "counting": lambda: drained(census.count(reads, b"", SEPARATORS)),
            "refreshing": partial(browse.refresh, reads, b"/registry/", SEPARATORS, rows, *area),
        }
        for name, work in works.items():
            before, _ = await puts(store.rig, None)
            p99, worst = await puts(store.rig, work)
            after, _ = await puts(store.rig, None)
            idle = (before + after) / 2
            detail = f"{p99 * 1000:.1f} ms, worst {worst * 1000:.0f} ms; idle {idle * 1000:.1f} ms"
            yield Result(f"put p99 while {name}, {store.name}", p99 / max(P99, 2 * idle), 1, detail)
            yield Result(f"worst put while {name}, of 50 ms", worst / WORST, 1)


async def puts(rig: Rig, work: Callable[[], Awaitable[object]] | None) -> tuple[float, float]:
    """p99 and worst of another process's puts while ``work`` is done again and again."""

    async def again() -> None:
        assert work is not None
        while True:
            await work()
            await asyncio.sleep(0)

    argv = [sys.executable, "-m", "bench.puts", rig.endpoint, str(PUTS)]
    writer = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    task = asyncio.create_task(again()) if work is not None else None
    out, _ = await writer.communicate()
    if task is not None:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    p99, worst = map(float, out.split())
    return p99, worst


@contextlib.asynccontextmanager
async def stores() -> AsyncIterator[list[Store]]:
    binary = find_binary()
    assert binary.etcdctl is not None
    async with contextlib.AsyncExitStack() as stack:
        places: list[tuple[str, int, str]] = []
        if given := os.environ.get("ETCDTUI_BENCH_STORES", ""):
            for one in given.split(","):
                where, _, number = one.rpartition(":")
                places.append((where, int(number), ""))
        else:
            sizes = [(LEAST, False), (MOST, True), (int(os.environ.get("ETCDTUI_BENCH_MILLIONS") or MOST), False)]
            flags = ["--unsafe-no-fsync", "--quota-backend-bytes=8000000000"]
            for keys, is_mixed in sizes:
                cluster = await stack.enter_async_context(Cluster(1, binary=binary, flags=flags))
                member = cluster.members[0]
                await asyncio.to_thread(load_written, member.endpoint, keys, mixed=is_mixed)
                places.append((member.endpoint, member.pid, ", mixed" if is_mixed else ""))
        found = []
        for place, pid, more in places:
            client = await stack.enter_async_context(opened(place))
            far = await stack.enter_async_context(DelayProxy(place, FAR))
            counted = await client.kv.get(b"/registry/", prefix=True, count_only=True, timeout=300)
            rig = Rig(place, pid, binary.etcdctl, client)
            found.append(Store(rig, far.endpoint, counted.count, f"{counted.count:,} keys{more}"))
        yield found


async def measure() -> list[Result]:
    """All of it; ``ETCDTUI_BENCH_PARTS=naming,listing,disturbing`` only those parts."""
    results: list[Result] = []
    wanted = (os.environ.get("ETCDTUI_BENCH_PARTS") or "naming,listing,disturbing").split(",")
    async with stores() as found:
        if "naming" in wanted:
            results += [result async for result in naming(found)]
        for store in found[1:] or found:
            if "listing" in wanted:
                results += [result async for result in listing(store)]
            if "disturbing" in wanted:
                results += [result async for result in disturbing(store)]
    return results


def run() -> Iterable[Result]:
    return asyncio.run(measure())
