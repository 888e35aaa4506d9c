"""How long something took, less what the machine took away meanwhile: for limits that hold on a busy machine too.

A thread that sleeps in short steps notes how much later than asked it wakes. Where others use the processors, it wakes
late by about what the program under test, its server and their answers lose as well.
"""

from __future__ import annotations

import threading
import time

STEP = 0.02
FREE = 0.01
"""Seconds late that are no sign of a busy machine: the interpreter's own switching."""
SHARE = 3
"""The program, its server and the way between them: each of them waits about as long as the thread did."""

_late = 0.0


def _watch() -> None:
    global _late
    while True:
        before = time.monotonic()
        time.sleep(STEP)
        _late += max(0.0, time.monotonic() - before - STEP - FREE)


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._started, self._late = time.monotonic(), _late

    def seconds(self) -> float:
        """Seconds by the clock: for lower limits."""
        return time.monotonic() - self._started

    def fair(self) -> float:
        """Seconds less what the machine was busy with others: for upper limits."""
        return self.seconds() - SHARE * (_late - self._late)


threading.Thread(target=_watch, name="stopwatch", daemon=True).start()
