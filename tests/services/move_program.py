"""Run as a program: rename folders in processes that die at a chosen point, as ``kill -9`` would have it.

Everything is imported once; each line of standard input (endpoint, state folder, source, target, point, parted by
tabs) runs in a fork of its own, and its exit status is answered as a line. No connection exists before a fork. A point
``send:N`` dies just before the N-th transaction is sent, ``wire:N:MICROS`` that long after it was handed to the
network, ``answer:N`` when its answer is in.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path

from etcdtui.core.types import WriteIntent
from etcdtui.services.writing import deleting, moving
from tests.services.writing_support import carry_out, writes_on


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _later(seconds: float) -> None:
    time.sleep(seconds)
    die()


async def main(endpoint: str, state: str, source: bytes, target: bytes, point: str) -> None:
    kind, number, *rest = point.split(":")
    count = 0

    def sent(intent: WriteIntent) -> None:
        nonlocal count
        count += 1
        if count == int(number) and kind == "send":
            die()
        if count == int(number) and kind == "wire":
            threading.Thread(target=_later, args=(int(rest[0]) / 1e6,), daemon=True).start()
        if count == int(number) + 1 and kind == "answer":
            die()

    async with writes_on(endpoint, Path(state)) as writes:
        found = await deleting.preview_prefix(writes, source)
        write = moving.plan_move(writes.guard, found, source, target, journals=Path(state) / "journal")
        writes.guard.hook = sent
        await carry_out(writes, write)


def run(line: str) -> int:
    """One rename in a child of its own; minus the signal that ended it, else its exit code."""
    endpoint, state, source, target, point = line.rstrip("\n").split("\t")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(main(endpoint, state, source.encode(), target.encode(), point))
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    for wanted in sys.stdin:
        print(run(wanted), flush=True)
