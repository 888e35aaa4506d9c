"""Watch events a second at the receiver's full speed, against a bare stub loop, for 1, 10 and 100 events a message.

"counted" asks each batch for its length, as the stub loop does, which is what the target is about; "all fields" reads
every field of every event on both sides and has no target. The sender is ``bench.firehose``. Both sides connect anew,
in random order, and are timed from the first event on.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from bench.bench_client import UNBOUNDED, Stubs
from bench.report import Result
from etcdtui.client import Client, ClientOptions, connect
from etcdtui.pb import rpc_pb2 as pb

__all__ = ["run"]

EVENTS = {1: 12_000, 10: 60_000, 100: 300_000}
ROUNDS = int(os.environ.get("ETCDTUI_BENCH_ROUNDS", "11"))
PATIENCE = 60.0
"""Seconds after which one side is given up: the sender or the receiver is stuck."""

Side = Callable[[str, int, bool], Awaitable[float]]


def _touch(events: Iterable[Any]) -> None:
    """Read all fields; wire messages and ours have the same names for them."""
    for event in events:
        kv = event.kv
        _ = (event.type, kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease)


async def _bare(endpoint: str, per_message: int, touched: bool) -> float:
    stubs = Stubs(endpoint)
    try:
        stream = stubs.watch()
        create = pb.WatchCreateRequest(key=b"%d" % per_message, start_revision=2)
        await stream.write(pb.WatchRequest(create_request=create))
        await stream.read()
        left, began = EVENTS[per_message], time.perf_counter()
        while left > 0:
            response = await stream.read()
            if touched:
                _touch(response.events)
            left -= len(response.events)
        took = time.perf_counter() - began
        stream.cancel()
        return took
    finally:
        await stubs.channel.close()


async def _ours(endpoint: str, per_message: int, touched: bool) -> float:
    async with connect(ClientOptions(endpoints=(endpoint,))) as client:
        return await _drain(client, per_message, touched)


async def _drain(client: Client, per_message: int, touched: bool) -> float:
    key = b"%d" % per_message
    watch = client.watch(key, start_revision=2, created_notify=True, buffer_events=UNBOUNDED, buffer_bytes=UNBOUNDED)
    async with watch as watcher:
        await anext(watcher)
        left, began = EVENTS[per_message], time.perf_counter()
        async for batch in watcher:
            if touched:
                _touch(batch.events)
            left -= len(batch.events)
            if left <= 0:
                break
        return time.perf_counter() - began


async def _compare(endpoint: str, per_message: int, touched: bool) -> Result:
    took: dict[Side, list[float]] = {_bare: [], _ours: []}
    for number in range(ROUNDS + 1):
        for side in random.sample((_bare, _ours), 2):
            async with asyncio.timeout(PATIENCE):
                seconds = await side(endpoint, per_message, touched)
            if number:
                took[side].append(seconds)
    low, high = statistics.median(took[_bare]), statistics.median(took[_ours])
    rates = [f"{EVENTS[per_message] / seconds / 1000:.0f}k/s" for seconds in (high, low)]
    detail = f"{rates[0]} against {rates[1]}, load {os.getloadavg()[0]:.1f}"
    what = "all fields" if touched else "counted"
    target = 0.0 if touched else 0.85
    return Result(f"watch x{per_message}, {what} / stub loop", low / high, target, detail, True)


def run() -> Iterable[Result]:
    argv = [sys.executable, "-m", "bench.firehose", str(max(EVENTS.values()) + 1000)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            endpoint = f"127.0.0.1:{int(server.stdout.readline())}"
            for touched in (False, True):
                for per_message in EVENTS:
                    yield asyncio.run(_compare(endpoint, per_message, touched))
        finally:
            server.kill()
