"""The Keys screen on a million keys: opening, expanding and scrolling 10,000 rows; stalls and memory of the program.

Takes the same server as ``bench_keys``. The screen runs without a terminal, so painting to one is not counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

from textual.app import App
from textual.geometry import Size
from textual.pilot import Pilot

from bench.bench_keys import FAR, FLAT, Cost, Pulse, Rig, rigged
from bench.delay import DelayProxy
from bench.report import Result
from etcdtui.config.schema import ENVIRONMENTS, Profile
from etcdtui.core.keytree import Level, State
from etcdtui.core.listing import LEAF, Child
from etcdtui.services.session.session import Session
from etcdtui.ui.collector import calm_collector, leave_out_what_is_loaded
from etcdtui.ui.flows.host import FlowHost
from etcdtui.ui.screens.keys.screen import KeysScreen

STALL = 0.05
MEMORY = 250.0
SCROLLED = 10_000
PAGE = 30


class Stage(App[None]):
    """Nothing but the screen."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.keys = KeysScreen(session, FlowHost())

    def on_mount(self) -> None:
        self.push_screen(self.keys)


def memory() -> float:
    """Resident memory of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def loaded(screen: KeysScreen, prefix: bytes) -> Level:
    """Wait until the level of a prefix is complete."""
    while True:
        for level in screen.browser.tree.root.walk():
            if level.prefix == prefix and level.state is State.READY:
                return level
        await asyncio.sleep(0.02)


async def walk(rig: Rig, screen: KeysScreen, pilot: Pilot[None], where: str) -> list[Result]:
    results = []
    cost = Cost(rig)
    async with Pulse() as opening:
        started = time.perf_counter()
        await loaded(screen, b"")
        took = time.perf_counter() - started
    results += stalls(f"the root opens{where}", opening, f"in {took:.1f} s; {cost}")
    cost = Cost(rig)
    async with Pulse() as expanding:
        screen.go_to(FLAT)
        started = time.perf_counter()
        await loaded(screen, FLAT)
        took = time.perf_counter() - started
    results += stalls(f"300,000 rows load{where}", expanding, f"in {took:.1f} s; {cost}")
    cost = Cost(rig)
    async with Pulse() as scrolling:
        for _ in range(SCROLLED // PAGE):
            screen.view.action_page_down()
            await pilot.pause()
    results += stalls(f"10,000 rows scroll by{where}", scrolling, str(cost))
    return results


def stalls(while_: str, pulse: Pulse, more: str) -> list[Result]:
    """The longest the loop was held, by the clock and by the processor time it used meanwhile."""
    worst, work = pulse.worst, max(pulse.work)
    clock = f"{worst * 1000:.0f} ms, p95 {pulse.p95 * 1000:.0f} ms; {more}"
    return [
        Result(f"loop held while {while_}, of 50 ms", worst / STALL, 1, clock),
        Result(f"... by its own work while {while_}", work / STALL, 1, f"{work * 1000:.0f} ms of processor time"),
    ]


def long_list() -> Result:
    """T12: a million rows, in pages, beside the names themselves."""
    names = [b"sha256-%016x" % number for number in range(1_000_000)]
    level = Level(b"/flat/", (b"/",))
    worst, before = 0.0, memory()
    for first in range(0, len(names), 5_000):
        rows = [Child(name, LEAF, name) for name in names[first : first + 5_000]]
        started = time.perf_counter()
        level.insert(rows)
        worst = max(worst, time.perf_counter() - started)
    row = (memory() - before) * 1.048576
    return Result(
        "T12 a page into a million rows (of 100 ms)",
        worst / 0.1,
        1,
        f"{worst * 1000:.1f} ms, {row:.0f} B a row in all",
    )


async def shown(rig: Rig, endpoint: str, where: str) -> list[Result]:
    """The screen on an endpoint from its opening on, and what the program holds at the end."""
    profile = Profile(name="bench", env=ENVIRONMENTS["dev"], read_only=True, endpoints=(endpoint,))
    session = await Session.open(profile)
    try:
        stage = Stage(session)
        calm_collector()
        leave_out_what_is_loaded()
        async with stage.run_test(size=Size(120, 40)) as pilot:
            results = await walk(rig, stage.keys, pilot, where)
            used = memory()
    finally:
        await session.aclose()
    return [*results, Result(f"memory of the program{where}, of 250 MiB", used / MEMORY, 1, f"{used:.0f} MiB")]


async def measure() -> list[Result]:
    async with rigged() as rig, DelayProxy(rig.endpoint, FAR) as far:
        results = await shown(rig, rig.endpoint, "")
        results += await shown(rig, far.endpoint, ", 50 ms away")
    return [*results, long_list()]


def run() -> Iterable[Result]:
    return asyncio.run(measure())
