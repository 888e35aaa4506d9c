"""Another client that writes steadily: ``python -m tests.support.pour HOST:PORT RATE PREFIX``, until it is killed.

``RATE`` puts a second go to fifty keys below ``PREFIX``, each with another small JSON value.
"""

from __future__ import annotations

import asyncio
import sys
import time

from etcdtui.client import Client, ClientOptions, errors

IN_FLIGHT = 200
PAUSE = 0.005


async def pour(endpoint: str, rate: float, prefix: str) -> None:
    client = await Client.open(ClientOptions(endpoints=(endpoint,)))
    room = asyncio.Semaphore(IN_FLIGHT)

    async def put(number: int) -> None:
        async with room:
            try:
                await client.kv.put(f"{prefix}k{number % 50:03}".encode(), f'{{"n": {number}, "on": true}}'.encode())
            except errors.EtcdError:
                pass  # the server ends with the test

    started, sent = time.monotonic(), 0
    async with asyncio.TaskGroup() as group:
        while True:
            while sent < (time.monotonic() - started) * rate:
                sent += 1
                group.create_task(put(sent))
            await asyncio.sleep(PAUSE)


if __name__ == "__main__":
    asyncio.run(pour(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
