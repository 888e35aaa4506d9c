"""The Keys screen on a million keys: opening, expanding and scrolling 10,000 rows; stalls and memory of the program.

Takes the same server as ``bench_keys``. The screen runs without a terminal, so painting to one is not counted.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from textual.app import App
from textual.geometry import Size
from textual.pilot import Pilot

from bench.bench_keys import FLAT, Pulse, rigged
from bench.report import Result
from etcdtui.config.schema import ENVIRONMENTS, Profile
from etcdtui.core.keytree import Level, State
from etcdtui.core.listing import LEAF, Child
from etcdtui.services.session import Session
from etcdtui.ui.collector import calm_collector, leave_out_what_is_loaded
from etcdtui.ui.screens.keys import KeysScreen

STALL = 0.05
MEMORY = 250.0
SCROLLED = 10_000
PAGE = 30


class Stage(App[None]):
    """Nothing but the screen."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.keys = KeysScreen(session)

    def on_mount(self) -> None:
        self.push_screen(self.keys)


def memory() -> float:
    """Resident memory of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def loaded(screen: KeysScreen, prefix: bytes) -> Level:
    """Wait until the level of a prefix is complete."""
    while True:
        for level in screen.model.root.walk():
            if level.prefix == prefix and level.state is State.READY:
                return level
        await asyncio.sleep(0.02)


async def walk(screen: KeysScreen, pilot: Pilot[None]) -> list[Result]:
    results = []
    async with Pulse() as opening:
        await loaded(screen, b"")
    results.append(stall("stall while the root opens", opening))
    async with Pulse() as expanding:
        screen.go_to(FLAT)
        started = time.perf_counter()
        await loaded(screen, FLAT)
        took = time.perf_counter() - started
    results.append(stall("stall while 300,000 rows load", expanding, f"loaded in {took:.1f} s"))
    async with Pulse() as scrolling:
        for _ in range(SCROLLED // PAGE):
            screen.view.action_page_down()
            await pilot.pause()
    results.append(stall("stall while 10,000 rows scroll by", scrolling))
    used = memory()
    results.append(Result("memory of the program (of 250 MiB)", used / MEMORY, 1, f"{used:.0f} MiB"))
    return results


def stall(name: str, pulse: Pulse, more: str = "") -> Result:
    detail = f"worst {pulse.worst * 1000:.0f} ms, p95 {pulse.p95 * 1000:.0f} ms {more}"
    return Result(f"{name} (of 50 ms)", pulse.worst / STALL, 1, detail)


def long_list() -> Result:
    """T12: a million rows, in pages, beside the names themselves."""
    names = [b"sha256-%016x" % number for number in range(1_000_000)]
    level = Level(b"/flat/", (b"/",))
    worst = 0.0
    for first in range(0, len(names), 5_000):
        rows = [Child(name, LEAF, name) for name in names[first : first + 5_000]]
        started = time.perf_counter()
        level.insert(rows)
        worst = max(worst, time.perf_counter() - started)
    beside = (sys.getsizeof(level.names) + sys.getsizeof(level.counts)) / 1_000_000
    return Result(
        "T12 a page into a million rows (of 100 ms)", worst / 0.1, 1, f"{worst * 1000:.1f} ms, {beside:.0f} B a row"
    )


async def measure() -> list[Result]:
    async with rigged() as rig:
        profile = Profile(name="bench", env=ENVIRONMENTS["dev"], read_only=True, endpoints=(rig.endpoint,))
        session = await Session.open(profile)
        try:
            stage = Stage(session)
            calm_collector()
            leave_out_what_is_loaded()
            async with stage.run_test(size=Size(120, 40)) as pilot:
                return [*(await walk(stage.keys, pilot)), long_list()]
        finally:
            await session.aclose()


def run() -> Iterable[Result]:
    return asyncio.run(measure())
