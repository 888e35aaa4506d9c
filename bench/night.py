"""A long night in one program: ``python -m bench.night [OPENINGS] [SWITCHES] [MINUTES]``, by default 200, 100 and 60.

Every dialog and screen is opened and closed OPENINGS times, then profiles are switched SWITCHES times, then a tail of
200 changes a second runs for MINUTES. After the first ten of each, and at the end, it tells memory, descriptors,
threads and the closed screens that are still alive. Exits with 1 where something grew.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from weakref import WeakSet

from textual.pilot import Pilot
from textual.screen import Screen

from etcdtui.services.session.session import Session
from etcdtui.ui.app import EtcdtuiApp
from tests.support import Server, running_server
from tests.ui.openings import OPENINGS, open_and_close
from tests.ui.test_nothing_stays_behind import collect, held, program, screens, switch

MOST_GROWTH = 15 * 2**20
PAGE = 4096
WARM = 10
RATE = 200


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Stage:
    """Compares what the process holds after the first ten rounds with the end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: WeakSet[Any] = WeakSet()

    async def begin(self) -> None:
        await collect()
        self.memory, self.held = resident(), held()

    async def end(self, app: EtcdtuiApp) -> bool:
        for _ in range(20):  # what was cancelled last may still be on its way out
            await collect()
            if not (alive := set(self.seen) - screens(app) - {app.session}):
                break
            await asyncio.sleep(0.5)
        grown, now = resident() - self.memory, held()
        steady = now.sockets <= self.held.sockets and now.threads <= self.held.threads
        steady = steady and now.descriptors <= self.held.descriptors
        good = grown <= MOST_GROWTH and not alive and steady
        print(
            f"{self.name}: {self.memory / 2**20:.0f} MiB after {WARM}, {grown / 2**20:+.1f} MiB since; "
            f"{len(alive)} closed ones alive; {self.held} -> {now}; {'steady' if good else 'GREW'}",
            flush=True,
        )
        return good


async def openings(app: EtcdtuiApp, pilot: Pilot[int], rounds: int) -> bool:
    stage = Stage(f"{rounds} openings of each of {len(OPENINGS)} screens")
    for number in range(rounds):
        if number == min(WARM, rounds - 1):
            await stage.begin()
        for name in OPENINGS:
            stage.seen.add(await open_and_close(app, pilot, name))
    return await stage.end(app)


async def switches(app: EtcdtuiApp, pilot: Pilot[int], rounds: int) -> bool:
    stage = Stage(f"{rounds} switches of the profile")
    for number in range(rounds):
        if number == min(WARM, rounds - 1):
            await stage.begin()
        for key in "2345789":
            await pilot.press(key)
        kept: set[Screen[Any]] = set(app.deck.values())
        stage.seen.update(kept)
        session: Session | None = app.session
        stage.seen.add(session)
        del kept, session
        await switch(app, pilot, "one" if number % 2 else "two")
    return await stage.end(app)


async def tail(app: EtcdtuiApp, pilot: Pilot[int], endpoint: str, minutes: float) -> bool:
    stage = Stage(f"{minutes:g} minutes of tail at {RATE} changes a second")
    await pilot.press("2", "n", *"/pour/", "enter")
    writer = subprocess.Popen([sys.executable, "-m", "tests.support.pour", endpoint, str(RATE), "/pour/"])
    try:
        warm = min(600.0, minutes * 60 / 3)  # the ring of the tail is full by then
        await asyncio.sleep(warm)
        await stage.begin()
        await asyncio.sleep(minutes * 60 - warm)
        return await stage.end(app)
    finally:
        writer.kill()
        writer.wait()


async def night(server: Server, folder: Path, rounds: int, changes: int, minutes: float) -> bool:
    async with program(server, folder) as (app, pilot):
        good = [await openings(app, pilot, rounds)]
        good.append(await switches(app, pilot, changes))
        good.append(await tail(app, pilot, server.endpoint, minutes))
    return all(good)


def main(rounds: int, changes: int, minutes: float) -> int:
    started = time.monotonic()
    with running_server(1) as server, tempfile.TemporaryDirectory() as folder:
        good = asyncio.run(night(server, Path(folder), rounds, changes, minutes))
    print(f"{time.monotonic() - started:.0f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    given = [*sys.argv[1:], *("200", "100", "60")[len(sys.argv) - 1 :]]
    sys.exit(main(int(given[0]), int(given[1]), float(given[2])))
