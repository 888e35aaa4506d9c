"""From starting the process to the first painted text, and to the keys of a running demo cluster, in a real terminal.

Both are compared with an empty Textual app in the same run, pair by pair.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Iterable, Sequence

from bench.report import Result, milliseconds
from etcdtui.config.launch import Launch
from etcdtui.demo.binary import find_binary
from etcdtui.demo.cluster import Cluster
from etcdtui.demo.run import prepare
from tests.support.pty import PtyApp

ROUNDS = 12
PAINT_TARGET = 1.5
DATA_TARGET = 2.5
LIMIT = 30.0
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


def time_to(argv: Sequence[str], *marks: bytes) -> list[float]:
    """Seconds from the start of the process until each mark was in its output."""
    seen: list[float] = []
    started = time.perf_counter()
    with PtyApp.start(argv, env={"COLORTERM": "truecolor"}) as app:
        for mark in marks:
            while mark not in app.raw:
                if time.perf_counter() - started > LIMIT:
                    raise RuntimeError(f"{mark!r} was not painted within {LIMIT:g} s:\n{app.text()}")
                app.read(0.01)
            seen.append(time.perf_counter() - started)
    return seen


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
    empty: list[float] = []
    paint: list[float] = []
    data: list[float] = []
    for number in range(ROUNDS + 1):
        bare = time_to([sys.executable, "-c", EMPTY], MARK)
        first, keys = time_to(ours, b"help", b"registry")
        if number:  # the first pair warms caches
            empty.append(bare[0])
            paint.append(first)
            data.append(keys)
    base = statistics.median(empty)
    detail = f"{{}} against {milliseconds(empty)} of an empty app"
    yield Result("first paint", statistics.median(paint) / base, PAINT_TARGET, detail.format(milliseconds(paint)))
    yield Result("first keys", statistics.median(data) / base, DATA_TARGET, detail.format(milliseconds(data)))
