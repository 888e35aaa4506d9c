"""Signals at random moments of the program's life, and whether its terminal is as it was before."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.poll import wait_until
from tests.support.pty import PtyApp

PROGRAM = Path(sys.executable).with_name("etcdtui")
DEADLY = (
    *(signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM),
    *(signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL, signal.SIGALRM),
)
KEYS = ("j", "2", "1", "?", "esc", "f", "esc", "o", "esc", "pagedown")
SWITCHED = {b"\x1b[?1049h": b"\x1b[?1049l", b"\x1b[?25l": b"\x1b[?25h", b"\x1b[?2004h": b"\x1b[?2004l"}
ENDED = 4.0
"""Seconds until everything has ended: two, and what a busy machine needs on top."""


def faults(endpoint: str, env: Mapping[str, str], count: int, *, seed: int, within: float) -> Iterator[str]:
    """Start the program ``count`` times, each time send it a signal ``within`` so many seconds; what was wrong."""
    chance = random.Random(seed)
    for _ in range(count):
        number, delay = chance.choice(DEADLY), chance.uniform(0, within)
        with PtyApp.start([PROGRAM, "--endpoints", endpoint], env=env) as app:
            began = time.monotonic()
            while (left := delay - (time.monotonic() - began)) > 0:
                app.read(min(left, 0.1))
                if chance.random() < 0.3 and app.running:
                    app.keys(chance.choice(KEYS))
            app.signal(number)
            try:
                wait_until(lambda one=app: not one.running and not one.read(0.05), timeout=ENDED)
                wait_until(lambda one=app: one.terminal_modes() == one.modes_before, timeout=1)
            except AssertionError as error:
                yield f"signal {number} after {delay:.2f} s: {error}"
                continue
            app.read(0.1)
            for on, off in SWITCHED.items():
                if app.raw.rfind(on) > app.raw.rfind(off):
                    yield f"signal {number} after {delay:.2f} s: {on!r} was not undone"
