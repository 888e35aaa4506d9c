"""Another client that writes 100 times a second: ``python -m bench.puts HOST:PORT COUNT`` prints its p99 and worst."""

from __future__ import annotations

import asyncio
import sys
import time

from etcdtui.client import Client, ClientOptions


async def latencies(endpoint: str, count: int) -> list[float]:
    """Seconds until each put was answered, sorted."""
    client = await Client.open(ClientOptions(endpoints=(endpoint,)))
    took = []
    try:
        await client.kv.put(b"/zz-bench", b"x")
        for _ in range(count):
            started = time.perf_counter()
            await client.kv.put(b"/zz-bench", b"x")
            took.append(time.perf_counter() - started)
            await asyncio.sleep(0.01)
    finally:
        await client.aclose()
    return sorted(took)


if __name__ == "__main__":
    found = asyncio.run(latencies(sys.argv[1], int(sys.argv[2])))
    print(found[int(len(found) * 0.99)], found[-1])
