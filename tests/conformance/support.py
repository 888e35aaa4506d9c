"""Small helpers of the conformance tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from etcdtui.client import Client, Op
from etcdtui.client.watch import Watcher
from etcdtui.core.types import Event, ResponseHeader

T = TypeVar("T")
TXN_OPS = 128


def rev(answer: object) -> int:
    """The store revision an answer carries."""
    header = getattr(answer, "header", None)
    assert isinstance(header, ResponseHeader)
    return header.revision


async def events(watcher: Watcher, count: int, timeout: float = 10.0) -> list[Event]:
    """The next ``count`` events; fails when more come with them or fewer in time."""
    got: list[Event] = []
    async with asyncio.timeout(timeout):
        while len(got) < count:
            got += (await anext(watcher)).events
    assert len(got) == count, f"{len(got)} events came instead of {count}"
    return got


async def fill(client: Client, keys: Sequence[str], value: str = "v") -> None:
    """Put many keys, 128 a transaction."""
    for first in range(0, len(keys), TXN_OPS):
        await client.kv.txn(success=[Op.put(key, value) for key in keys[first : first + TXN_OPS]])


async def within(seconds: float, work: Awaitable[T]) -> T:
    """The result of ``work``, which must come within ``seconds``."""
    return await asyncio.wait_for(work, seconds)
