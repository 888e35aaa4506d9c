"""Another client that writes: ``python -m bench.puts HOST:PORT COUNT`` puts 100 times a second, prints its p99."""

from __future__ import annotations

import asyncio
import sys
import time

from etcdtui.client import Client, ClientOptions


async def p99(endpoint: str, count: int) -> float:
    """Seconds within which 99 of 100 puts were answered."""
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
    return sorted(took)[int(len(took) * 0.99)]


if __name__ == "__main__":
    print(asyncio.run(p99(sys.argv[1], int(sys.argv[2]))))
