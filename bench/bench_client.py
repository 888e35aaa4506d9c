"""The client against bare gRPC stubs and against etcdctl: latency, concurrency, watch throughput, memory, faults.

Stubs and client take turns on one server and in one event loop. The events are a history that is replayed: the same
revisions are sent each time. ``ETCDTUI_BENCH_EVENTS`` is the size of that history (default 500,000), which is replayed
until five million events have passed when memory is looked at.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import subprocess
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio

from bench.report import Result, milliseconds
from etcdtui.client import Client, ClientOptions, connect
from etcdtui.demo.binary import find_binary, wheel_folder
from etcdtui.demo.cluster import Cluster
from etcdtui.pb import rpc_pb2 as pb

__all__ = ["run"]

CALLS = 4000
WARM_UP = 500
CONCURRENT = 1000
BURSTS = 15
EVENTS = int(os.environ.get("ETCDTUI_BENCH_EVENTS", "500000"))
PUTS_PER_TXN = 64
IN_FLIGHT = 16
REPLAYS = 5
MEMORY_EVENTS = 5_000_000
FAULT_READS = 10_000
UNBOUNDED = 2**31 - 1
PREFIX, PREFIX_END = b"event/", b"event0"
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]

Call = Callable[[], Awaitable[object]]


class Stubs:
    """Nothing but gRPC."""

    def __init__(self, endpoint: str) -> None:
        self.channel = grpc.aio.insecure_channel(endpoint, options=OPTIONS)
        self._range: Any = self._unary("KV/Range", pb.RangeRequest, pb.RangeResponse)
        self._put: Any = self._unary("KV/Put", pb.PutRequest, pb.PutResponse)
        self.txn: Any = self._unary("KV/Txn", pb.TxnRequest, pb.TxnResponse)
        self.watch: Any = self.channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            request_serializer=pb.WatchRequest.SerializeToString,
            response_deserializer=pb.WatchResponse.FromString,
        )

    def _unary(self, name: str, request: Any, response: Any) -> Any:
        return self.channel.unary_unary(
            f"/etcdserverpb.{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )

    async def get(self) -> object:
        return await self._range(pb.RangeRequest(key=b"k"), timeout=5.0)

    async def put(self) -> object:
        return await self._put(pb.PutRequest(key=b"k", value=b"v"), timeout=5.0)


async def _latency(name: str, bare: Call, ours: Call) -> Result:
    took: dict[Call, list[float]] = {bare: [], ours: []}
    for number in range(WARM_UP + CALLS):
        for call in (bare, ours) if number % 2 else (ours, bare):
            began = time.perf_counter()
            await call()
            if number >= WARM_UP:
                took[call].append(time.perf_counter() - began)
    low, high = statistics.median(took[bare]), statistics.median(took[ours])
    return Result(f"{name} / bare stub, median", high / low, 1.25, f"{high * 1e6:.0f} against {low * 1e6:.0f} us")


async def _burst(bare: Call, ours: Call) -> Result:
    took: dict[Call, list[float]] = {bare: [], ours: []}
    for number in range(BURSTS + 2):
        for call in (bare, ours):
            began = time.perf_counter()
            await asyncio.gather(*(call() for _ in range(CONCURRENT)))
            if number >= 2:
                took[call].append(time.perf_counter() - began)
    low, high = statistics.median(took[bare]), statistics.median(took[ours])
    detail = f"{milliseconds(took[ours])} against {milliseconds(took[bare])}"
    return Result(f"{CONCURRENT} concurrent Gets / bare stub", high / low, 1.25, detail)


async def _fill(stubs: Stubs) -> int:
    """Write the history; returns its first revision."""
    first = 0
    running: deque[Any] = deque()
    for start in range(0, EVENTS, PUTS_PER_TXN):
        request = pb.TxnRequest()
        for number in range(start, min(start + PUTS_PER_TXN, EVENTS)):
            put = request.success.add().request_put
            put.key, put.value = b"event/%05d" % (number % 20_000), b"%064d" % number
        if len(running) >= IN_FLIGHT:
            revision = (await running.popleft()).header.revision
            first = min(first or revision, revision)
        running.append(stubs.txn(request, timeout=60))
    while running:
        first = min(first or UNBOUNDED, (await running.popleft()).header.revision)
    return first


async def _replay_bare(stubs: Stubs, first: int) -> None:
    create = pb.WatchCreateRequest(key=PREFIX, range_end=PREFIX_END, start_revision=first)
    stream = stubs.watch()
    await stream.write(pb.WatchRequest(create_request=create))
    left = EVENTS
    while left > 0:
        left -= len((await stream.read()).events)
    stream.cancel()


async def _replay_ours(client: Client, first: int) -> None:
    left = EVENTS
    watch = client.watch(PREFIX, prefix=True, start_revision=first, buffer_events=UNBOUNDED, buffer_bytes=UNBOUNDED)
    async with watch as watcher:
        async for batch in watcher:
            left -= len(batch.events)
            if left <= 0:
                return


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


async def _replay_etcdctl(endpoint: str, first: int) -> float:
    """Seconds until etcdctl wrote its last byte to /dev/null, found by watching its counter of written bytes."""
    folder = find_binary().etcdctl or Path(str(wheel_folder())) / "etcdctl"
    argv = [str(folder), "watch", "--prefix", PREFIX.decode(), f"--rev={first}", f"--endpoints={endpoint}"]
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, env={**os.environ, "ETCDCTL_API": "3"}) as process:
        written, last = 0, began
        while not written or time.perf_counter() - last < 0.7:
            await asyncio.sleep(0.005)
            now = _written(process.pid)
            if now > max(written, 10_000):
                written, last = now, time.perf_counter()
        process.kill()
    return last - began


async def _timed(work: Awaitable[None]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def _throughput(stubs: Stubs, client: Client, endpoint: str, first: int) -> list[Result]:
    bare, ours, ctl = [], [], []
    await _replay_bare(stubs, first)
    for _ in range(REPLAYS):
        bare.append(await _timed(_replay_bare(stubs, first)))
        ours.append(await _timed(_replay_ours(client, first)))
        ctl.append(await _replay_etcdctl(endpoint, first))
    low, high, other = (statistics.median(took) for took in (bare, ours, ctl))

    def rate(seconds: float) -> str:
        return f"{EVENTS / seconds / 1000:.0f}k/s"

    return [
        Result("watch events / decode-only stub loop", low / high, 0.85, f"{rate(high)} against {rate(low)}", True),
        Result("watch events / etcdctl to /dev/null", other / high, 0.0, f"{rate(high)} against {rate(other)}", True),
    ]


def _resident() -> float:
    """Resident memory of this process in MiB."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def _memory(client: Client, first: int) -> Result:
    sizes = []
    for _ in range(max(2, MEMORY_EVENTS // EVENTS)):
        await _replay_ours(client, first)
        sizes.append(_resident())
    early = max(sizes[: max(1, len(sizes) // 5)])
    detail = f"{sizes[-1]:.0f} MiB after {len(sizes) * EVENTS / 1e6:.1f} M events, {early:.0f} MiB near the start"
    return Result("memory after many events / near the start", sizes[-1] / early, 1.1, detail)


async def _faults() -> Result:
    """10,000 reads with one of three members dead and one frozen; the frozen one leaves no quorum to ask."""
    seconds: list[float] = []
    failed = 0
    async with Cluster(3) as cluster, connect(ClientOptions(endpoints=cluster.endpoints)) as client:
        await client.kv.put("k", "v")
        await asyncio.gather(*(client.kv.get("k", serializable=True) for _ in range(30)))
        await cluster.members[0].kill()
        cluster.members[1].pause()

        async def worker() -> None:
            nonlocal failed
            for _ in range(FAULT_READS // 50):
                began = time.perf_counter()
                found = await client.kv.get("k", serializable=True)
                seconds.append(time.perf_counter() - began)
                failed += found.kvs[0].value != b"v"

        await asyncio.gather(*(worker() for _ in range(50)))
    seconds.sort()
    p50, p99, worst = (seconds[int(len(seconds) * part) - 1] * 1000 for part in (0.5, 0.99, 1.0))
    detail = f"{len(seconds)} reads, p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.0f} ms"
    return Result("failed reads: one member dead, one frozen", float(failed), 0.0, detail)


@asynccontextmanager
async def _rig() -> AsyncIterator[tuple[str, Stubs, Client]]:
    async with Cluster(1) as cluster, connect(ClientOptions(endpoints=cluster.endpoints)) as client:
        stubs = Stubs(cluster.endpoints[0])
        try:
            await client.kv.put("k", "v")
            yield cluster.endpoints[0], stubs, client
        finally:
            await stubs.channel.close()


async def measure() -> list[Result]:
    async with _rig() as (endpoint, stubs, client):

        async def get() -> object:
            return await client.kv.get(b"k")

        async def put() -> object:
            return await client.kv.put(b"k", b"v")

        results = [
            await _latency("Get", stubs.get, get),
            await _latency("Put", stubs.put, put),
            await _burst(stubs.get, get),
        ]
        first = await _fill(stubs)
        results += await _throughput(stubs, client, endpoint, first)
        results.append(await _memory(client, first))
    results.append(await _faults())
    return results


def run() -> Iterable[Result]:
    return asyncio.run(measure())
