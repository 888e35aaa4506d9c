"""A snapshot of a million revisions: opening it, its first level, and the memory of both, beside ``etcdutl``.

A server of its own is filled and saved first (about a minute); ``ETCDTUI_BENCH_SNAPSHOT=FILE`` takes a file. An opening
is a process of its own, in turns with ``etcdutl snapshot restore`` and ``snapshot status`` of the same file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.keyspace import load
from bench.report import Result, milliseconds
from etcdtui.client.offline.opening import open_file
from etcdtui.client.offline.verify import verify
from etcdtui.demo.binary import find_binary
from etcdtui.demo.cluster import Cluster
from etcdtui.services.reads import browse
from etcdtui.services.reads.reading import Reads

ROUNDS = 3
MEMORY = 350.0
"""MiB of its own, for a million keys; what is mapped of the file is the kernel's to take back."""
SECOND = 1.0


def own_memory() -> float:
    """The largest private memory of this process in MiB: what is mapped of files does not count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


async def _opened(path: Path) -> dict[str, float]:
    """Seconds to open, to the first level and to one of the past, and memory."""
    most = 0.0

    def watch(done: int, total: int) -> None:
        nonlocal most
        most = max(most, own_memory())

    began = time.perf_counter()
    async with await open_file(path, watch) as client:
        opened = time.perf_counter()
        await browse.children(Reads(client), b"", (b"/",))
        first = time.perf_counter()
        await client.kv.get(b"\0", from_key=True, count_only=True, revision=client.revision // 2)
        past = time.perf_counter()
    most = max(most, own_memory())
    return {"open": opened - began, "first": first - opened, "past": past - first, "memory": most}


def _in_a_process(path: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-m", __name__, str(path)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _utl(etcdutl: Path, *words: str) -> float:
    began = time.perf_counter()
    subprocess.run([etcdutl, "snapshot", *words], capture_output=True, check=True)
    return time.perf_counter() - began


@contextlib.contextmanager
def _file(folder: Path) -> Iterator[Path]:
    if given := os.environ.get("ETCDTUI_BENCH_SNAPSHOT"):
        yield Path(given)
        return
    path = folder / "million.db"
    binary = find_binary()
    cluster = Cluster(1, binary=binary, flags=("--quota-backend-bytes=6000000000",))
    asyncio.run(cluster.start())
    try:
        load(cluster.endpoints[0])
        ctl = [str(binary.etcdctl), "--endpoints", cluster.endpoints[0], "--command-timeout", "300s"]
        subprocess.run([*ctl, "snapshot", "save", str(path)], check=True, capture_output=True, env={"ETCDCTL_API": "3"})
    finally:
        cluster.close()
    yield path


def run() -> Iterable[Result]:
    etcdutl = find_binary().etcd.with_name("etcdutl")
    with tempfile.TemporaryDirectory() as folder, _file(Path(folder)) as path:
        ours: list[dict[str, float]] = []
        restores, checks, statuses = [], [], []
        for number in range(ROUNDS):
            ours.append(_in_a_process(path))
            restores.append(_utl(etcdutl, "restore", str(path), "--data-dir", f"{folder}/restored-{number}"))
            began = time.perf_counter()
            verify(path)
            checks.append(time.perf_counter() - began)
            statuses.append(_utl(etcdutl, "status", str(path)))
        opens, firsts, pasts = ([one[name] for one in ours] for name in ("open", "first", "past"))
        memory = max(one["memory"] for one in ours)
        restore = statistics.median(restores)
        size = f"{path.stat().st_size / 1e6:.0f} MB"
        yield Result(
            "open a snapshot, against its restore",
            statistics.median(opens) / restore,
            2.0,
            f"{milliseconds(opens)} vs {milliseconds(restores)}, {size}",
        )
        yield Result("its first level, of a second", statistics.median(firsts) / SECOND, 1.0, milliseconds(firsts))
        yield Result("the keys of a past revision, against its restore", statistics.median(pasts) / restore, 1.0,
                     milliseconds(pasts))  # fmt: skip
        yield Result(f"its own memory, of {MEMORY:.0f} MiB", memory / MEMORY, 1.0, f"{memory:.0f} MiB")
        yield Result(
            "verify a snapshot, against etcdutl's status",
            statistics.median(checks) / statistics.median(statuses),
            5.0,
            f"{milliseconds(checks)} vs {milliseconds(statuses)}",
        )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_opened(Path(sys.argv[1])))))
