"""A tail that is left open: ``python -m bench.soak [MINUTES] [RATE]``, by default 60 minutes of 1,000 changes a second.

Meanwhile a member is killed every minute (it is back after ten seconds), and history is compacted every five. The
screen saves its watch to a file, and so does ``--watch`` without a screen. The only client that writes is here, so each
revision is one change: every revision has to be once in each file, with what was acknowledged for it, or inside a gap
that says so. Exits with 1 where that does not hold.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etcdtui.client import Client, ClientOptions, errors
from etcdtui.demo.cluster import Cluster
from tests.support.pty import PtyApp

PREFIX = "/soak/"
KILL_EVERY, AWAY, COMPACT_EVERY = 60.0, 10.0, 300.0
IN_FLIGHT = 400
KEYS = 500
CATCH_UP = 60.0
PROGRAM = Path(sys.executable).with_name("etcdtui")


class Writer:
    """Puts at a rate; ``acknowledged`` has the number that was written at each revision."""

    def __init__(self, client: Client, rate: float) -> None:
        self.client, self.rate = client, rate
        self.acknowledged: dict[int, int] = {}
        self.last = 0

    async def run(self) -> None:
        room, sent, started = asyncio.Semaphore(IN_FLIGHT), 0, time.monotonic()
        async with asyncio.TaskGroup() as group:
            while True:
                due = int((time.monotonic() - started) * self.rate)
                for number in range(sent, min(due, sent + IN_FLIGHT)):
                    await room.acquire()
                    group.create_task(self._put(number, room))
                    sent = number + 1
                await asyncio.sleep(0.01)

    async def _put(self, number: int, room: asyncio.Semaphore) -> None:
        try:
            done = await self.client.kv.put(f"{PREFIX}{number % KEYS:04}", str(number))
            if done.header is not None:
                self.acknowledged[done.header.revision] = number
                self.last = max(self.last, done.header.revision)
        except errors.EtcdError:
            pass  # it may have been written: then it is a revision like the others
        finally:
            room.release()


async def kill_members(cluster: Cluster) -> None:
    number = 0
    while True:
        await asyncio.sleep(KILL_EVERY)
        member = cluster.members[number % len(cluster.members)]
        number += 1
        await member.kill()
        await asyncio.sleep(AWAY)
        await member.restart()


async def compact(writer: Writer) -> None:
    while True:
        await asyncio.sleep(COMPACT_EVERY)
        try:
            await writer.client.kv.compact(writer.last)
        except errors.EtcdError as error:
            print(f"compaction: {error}", flush=True)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def check(name: str, path: Path, acknowledged: dict[int, int], last: int) -> list[str]:
    """What is wrong with a file, as sentences; it tells its figures."""
    wrong: list[str] = []
    seen: dict[int, str] = {}
    gaps: list[tuple[int, int]] = []
    reconnected = 0
    for record in lines(path):
        if "gap" in record and record["missed"] == 0:
            reconnected += 1
        elif "gap" in record:
            gaps.append((record["first"], record["last"]))
        elif "rev" in record:
            if record["rev"] in seen:
                wrong.append(f"{name}: revision {record['rev']} stands twice")
            seen[record["rev"]] = record["value"]
    first = min(seen, default=0)
    hidden = {rev for low, high in gaps if low for rev in range(max(low, first), min(high, last) + 1)}
    missing = [rev for rev in range(first, last + 1) if rev not in seen and rev not in hidden]
    if missing or not seen:
        wrong.append(f"{name}: {len(missing)} revisions are neither there nor in a gap, the first is {missing[:1]}")
    other = [rev for rev, number in acknowledged.items() if rev in seen and seen[rev] != str(number)]
    if other:
        wrong.append(f"{name}: {len(other)} revisions hold something else than was written, such as {other[0]}")
    print(
        f"{name}: {len(seen):,} of revisions {first:,} to {last:,}, {len(gaps)} gaps over {len(hidden):,} "
        f"revisions, {reconnected} reconnections that missed nothing, {len(acknowledged):,} acknowledged",
        flush=True,
    )
    return wrong


def resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


async def wait_for(path: Path, revision: int) -> None:
    """Until the file has the last revision, or too long."""
    deadline = time.monotonic() + CATCH_UP
    while time.monotonic() < deadline:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 20_000))
            if f'"rev":{revision},'.encode() in file.read().replace(b" ", b""):
                return
        await asyncio.sleep(0.5)


async def soak(minutes: float, rate: float, folder: Path) -> int:
    async with Cluster(3) as cluster:
        where, headless = ",".join(cluster.endpoints), folder / "headless.jsonl"
        saved = folder / "screen.jsonl"
        environment = {"XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
        with (
            PtyApp.start([PROGRAM, "--endpoints", where, "--screen", "watch"], env=environment) as app,
            headless.open("wb") as out,
        ):
            app.wait_for("2 Watch", "No watch yet")
            app.keys("n")
            app.wait_for("a prefix as /app/")
            app.keys(PREFIX, "enter")
            app.wait_for("follow ON", timeout=20)
            app.keys("ctrl+s")
            app.wait_for("save the watch to")
            app.keys("ctrl+u", str(saved), "enter")
            tail = subprocess.Popen(
                [PROGRAM, "--endpoints", where, "--watch", PREFIX, "-w", "json"],
                stdout=out,
                env=os.environ | environment,
            )
            await asyncio.to_thread(app.wait_for, "saving", timeout=20)
            await asyncio.sleep(5)
            async with await Client.open(ClientOptions(endpoints=cluster.endpoints)) as client:
                writer, stopped = Writer(client, rate), asyncio.Event()

                async def keep_reading() -> None:
                    while not stopped.is_set():
                        await asyncio.to_thread(app.read, 0.2)

                work = [writer.run(), kill_members(cluster), compact(writer)]
                running = [asyncio.create_task(one) for one in work]
                reading = asyncio.create_task(keep_reading())
                memory: list[str] = []
                for _ in range(5):
                    await asyncio.sleep(minutes * 12)
                    memory.append(f"{resident(app.pid):.0f}/{resident(tail.pid):.0f}")
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                for member in cluster.members:
                    if not member.running:
                        await member.restart()
                end = await client.kv.put(f"{PREFIX}end", "end")
                last = end.header.revision if end.header is not None else 0
                await asyncio.gather(wait_for(headless, last), wait_for(saved, last))
                stopped.set()
                await reading
            tail.send_signal(signal.SIGINT)
            tail.wait(10)
            app.signal(signal.SIGTERM)
            app.wait(10)
        print(f"memory of screen and --watch in MiB, five times: {', '.join(memory)}", flush=True)
        wrong = [
            *check("the screen's file", saved, writer.acknowledged, last),
            *check("--watch", headless, writer.acknowledged, last),
        ]
    print("\n".join(wrong) or "nothing is missing, nothing stands twice", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    given = [*sys.argv[1:], *("60", "1000")[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as made:
        sys.exit(asyncio.run(soak(float(given[0]), float(given[1]), Path(made))))
