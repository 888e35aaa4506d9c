"""From starting the process to the first painted text, and to the keys of a running demo cluster, in a real terminal.

Both are compared with an empty Textual app in the same run, pair by pair: by the clock, and by the processor time the
process had used until then, which other work on the machine disturbs less.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.report import Result
from etcdtui.config.launch import Launch
from etcdtui.demo.binary import find_binary
from etcdtui.demo.cluster import Cluster
from etcdtui.demo.run import prepare

ROUNDS = 21
PAINT_TARGET = 1.5
DATA_TARGET = 2.5
LIMIT = 30.0
SIZE = (40, 120)
KEPT_ENV = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "VIRTUAL_ENV")
MARK = b"READY-MARK"
EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("READY-MARK")
Empty().run()
"""
START = "import sys; from etcdtui.cli import main; sys.exit(main(sys.argv[1:]))"


class Seen(NamedTuple):
    """When a text was in the output: seconds since the start, and processor seconds of the process until then."""

    wall: float
    cpu: float


def time_to(argv: Sequence[str], *marks: bytes) -> list[Seen]:
    """When each mark was in the output of ``argv`` on a new terminal, one after the other.

    The output is only searched, not emulated: an emulator would be the slower the more is painted.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    env = {name: text for name, text in os.environ.items() if name in KEPT_ENV}
    env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
    try:
        seen: list[Seen] = []
        output = b""
        for mark in marks:
            while mark not in output:
                left = LIMIT - (time.perf_counter() - started)
                if left <= 0 or not select.select([master], [], [], left)[0]:
                    raise RuntimeError(f"{mark!r} was not painted within {LIMIT:g} s: {output[-2000:]!r}")
                output += os.read(master, 65536)
            seen.append(Seen(time.perf_counter() - started, cpu_seconds(process.pid)))
        return seen
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads that still run, in seconds."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def no_ui(launch: Launch) -> int:
    """Stands for the UI while the cluster is prepared: here it starts as a process of its own."""
    return 0


def run() -> Iterable[Result]:
    cluster = Cluster(3, binary=find_binary(), names="demo-")
    try:
        asyncio.run(prepare(cluster, lambda: no_ui))
        yield from measure(cluster)
    finally:
        cluster.close()


def measure(cluster: Cluster) -> Iterable[Result]:
    ours = [sys.executable, "-c", START, "--endpoints", ",".join(cluster.endpoints)]
    empty: list[Seen] = []
    paint: list[Seen] = []
    data: list[Seen] = []
    for number in range(ROUNDS + 1):
        bare = time_to([sys.executable, "-c", EMPTY], MARK)
        first, keys = time_to(ours, b"help", b"registry")
        if number:  # the first pair warms caches
            empty.append(bare[0])
            paint.append(first)
            data.append(keys)
    yield from compare("first paint", paint, empty, PAINT_TARGET)
    yield from compare("first keys", data, empty, DATA_TARGET)


def compare(name: str, ours: Sequence[Seen], empty: Sequence[Seen], target: float) -> Iterable[Result]:
    """The ratio of the medians by either clock, with the median of the pairs' ratios."""
    for index, kind in enumerate(("clock", "processor")):
        mine, base = [seen[index] for seen in ours], [seen[index] for seen in empty]
        pairs = statistics.median(one / other for one, other in zip(mine, base, strict=True))
        detail = (
            f"{quartiles(mine)} against {quartiles(base)} of an empty app; {len(mine)} pairs, their median {pairs:.2f}x"
        )
        yield Result(f"{name}, {kind}", statistics.median(mine) / statistics.median(base), target, detail)


def quartiles(seconds: Sequence[float]) -> str:
    low, median, high = (value * 1000 for value in statistics.quantiles(seconds, n=4))
    return f"{median:.0f} [{low:.0f}-{high:.0f}] ms"
