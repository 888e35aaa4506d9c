"""Run as a program: rename a folder and die at a chosen point, as ``kill -9`` would have it.

Arguments: endpoint, state folder, source, target, point. A point ``send:N`` dies just before the N-th transaction is
sent, ``wire:N:MICROS`` that long after it was handed to the network, ``answer:N`` when its answer is in.
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
from etcdtui.services import deleting, moving
from tests.services.writing_support import writes_on


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
        plan = moving.plan_move(writes.guard, found, source, target)
        writes.guard.hook = sent
        await moving.run_move(writes, plan, journals=Path(state) / "journal")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3].encode(), sys.argv[4].encode(), sys.argv[5]))
