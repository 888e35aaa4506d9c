"""The demo's inhabitants, in a process of their own: fill the cluster, then keep it alive at a bounded rate.

``python -m etcdtui.demo.writer HOST:PORT,HOST:PORT MARK``: the file MARK appears once the sample data is there.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from etcdtui.client import Client, ClientOptions, Op
from etcdtui.core.errors import EtcdError
from etcdtui.demo.accounts import add_accounts
from etcdtui.demo.presence import ELECTION, LOCK, Presence, everybody, first_of
from etcdtui.demo.sample import VERSIONED_KEY, Pair, at_rest, releases

MAX_OPS = 128
"""etcd's default limit of operations in a transaction."""
MAX_BATCH = 256 * 1024
"""Bytes of keys and values in a batch of more than one pair; etcd's default limit of a request is 1.5 MiB."""
SEED_TASKS = 4
CONNECT_ATTEMPTS = 300
CONNECT_PAUSE = 0.1

TICK = 1.0
RENEW_EVERY = 4
COUNT_EVERY = 2
HAND_OVER_EVERY = 20
ELECT_EVERY = 45


def batches(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Pairs in lots that fit into one transaction each."""
    lot: list[Pair] = []
    size = 0
    for key, value in pairs:
        more = len(key) + len(value)
        if lot and (len(lot) == MAX_OPS or size + more > MAX_BATCH):
            yield lot
            lot, size = [], 0
        lot.append((key, value))
        size += more
    if lot:
        yield lot


async def fill(client: Client, pairs: Iterable[Pair]) -> None:
    """Write all pairs, a few transactions at a time."""
    lots = batches(pairs)

    async def work() -> None:
        for lot in lots:
            await client.kv.txn(success=[Op.put(key, value) for key, value in lot])

    await asyncio.gather(*(work() for _ in range(SEED_TASKS)))


async def seed(client: Client, pairs: Iterable[Pair]) -> list[Presence]:
    """Write ``pairs``, the key with a history, and let everybody in who lives here."""
    await fill(client, pairs)
    for value in releases():
        await client.kv.put(VERSIONED_KEY, value)
    inhabitants = everybody()
    for presence in inhabitants:
        await presence.enter(client)
    return inhabitants


class Life:
    """What happens in the demo while somebody watches; ``tick`` is one second of it."""

    def __init__(self, client: Client, inhabitants: list[Presence]) -> None:
        self._client = client
        self._inhabitants = inhabitants
        self._requests = 0
        self._accounts = False

    async def tick(self, number: int) -> None:
        if not self._accounts:
            await add_accounts(self._client)
            self._accounts = True
        if number % COUNT_EVERY == 0:
            await self._count(number)
        if number % RENEW_EVERY == 0:
            for presence in self._inhabitants:
                if presence.folder != b"/sessions/":
                    await presence.renew(self._client)
        if number % HAND_OVER_EVERY == 0:
            await self._hand_over(LOCK)
        if number % ELECT_EVERY == 0:
            await self._hand_over(ELECTION)

    async def _count(self, number: int) -> None:
        self._requests += 17 + number * 7 % 23
        latency = {"p50_ms": 3 + number % 5, "p99_ms": 40 + number * 13 % 60}
        await self._client.kv.txn(
            success=[
                Op.put(b"/stats/requests", b"%d" % self._requests),
                Op.put(b"/stats/latency.json", json.dumps(latency).encode()),
            ]
        )

    async def _hand_over(self, folder: bytes) -> None:
        """The holder of a lock or election steps back behind the others."""
        first = await first_of(self._client, folder)
        for presence in self._inhabitants:
            if presence.key == first:
                await presence.step_back(self._client)


async def connect(endpoints: tuple[str, ...]) -> Client:
    """A client of a cluster that may still be starting."""
    for attempt in range(CONNECT_ATTEMPTS):
        client: Client | None = None
        try:
            client = await Client.open(ClientOptions(endpoints=endpoints))
            await client.kv.get(b"/", count_only=True)
        except EtcdError:
            if client is not None:
                await client.aclose()
            if attempt == CONNECT_ATTEMPTS - 1:
                raise
            await asyncio.sleep(CONNECT_PAUSE)
        else:
            return client
    raise AssertionError("not reached")


async def run(endpoints: tuple[str, ...], filled: Callable[[], None]) -> None:
    """Fill the cluster, say so by ``filled``, then live until killed; a cluster out of order is waited for."""
    client = await connect(endpoints)
    life = Life(client, await seed(client, at_rest()))
    filled()
    for number in itertools.count(1):
        try:
            await life.tick(number)
        except EtcdError as failure:
            print(f"tick {number}: {failure}", file=sys.stderr, flush=True)
        await asyncio.sleep(TICK)


if __name__ == "__main__":
    asyncio.run(run(tuple(sys.argv[1].split(",")), Path(sys.argv[2]).touch))
