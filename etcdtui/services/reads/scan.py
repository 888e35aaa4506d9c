"""Every key below a prefix, in key order, at one revision, at a bounded and even cost for the server.

Large ranges are cut into counted pieces, several in flight; the pieces are handed on in order of their keys.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

from etcdtui.core import ranges
from etcdtui.core.listing import PIECE, Span
from etcdtui.core.tasks import awaited
from etcdtui.core.types import KeyValue, RangeResult
from etcdtui.core.value import record
from etcdtui.services.reads.reading import Reads, Want
from etcdtui.services.reads.scan_keys import about, scan_keys
from etcdtui.services.reads.throttle import Throttle

AT_ONCE = 3
KEYS_AT_ONCE = 5_000
"""Keys asked for by one transaction of a scan."""
VALUES_AT_ONCE = 100
"""Keys asked for with their values until their size is known."""
VALUE_BYTES = 2 * 1024 * 1024
"""Bytes of values one transaction should return."""


@record()
class Batch:
    """Some keys, all behind those of the batch before; ``total`` is the number of keys of the whole scan, about, until
    all were counted, UNKNOWN where nothing tells."""

    kvs: tuple[KeyValue, ...]
    total: int
    revision: int


class _Order:
    """Hands answers on in the order of their spans while later ones may arrive earlier."""

    def __init__(self) -> None:
        self._ready: list[tuple[bytes, tuple[KeyValue, ...]]] = []

    def add(self, start: bytes, kvs: tuple[KeyValue, ...]) -> None:
        if kvs:
            self._ready.append((start, kvs))

    def take(self, hole: bytes | None) -> list[tuple[KeyValue, ...]]:
        self._ready.sort(key=lambda pair: pair[0])
        split = next((i for i, (start, _) in enumerate(self._ready) if hole is not None and start >= hole), None)
        out = self._ready if split is None else self._ready[:split]
        self._ready = [] if split is None else self._ready[split:]
        return [kvs for _, kvs in out]


async def scan(
    reads: Reads,
    prefix: bytes,
    *,
    within: tuple[bytes, bytes] = ranges.ALL,
    values: bool = False,
    revision: int = 0,
    throttle: Throttle | None = None,
    after: bytes = b"",
) -> AsyncGenerator[Batch, None]:
    """Batches in key order until all is read. ``throttle`` counts keys, or bytes of values when they are read."""
    batches = (_values if values else _keys)(reads, prefix, within, revision, throttle, after)
    async with aclosing(batches):
        async for batch in batches:
            yield batch


async def _keys(
    reads: Reads,
    prefix: bytes,
    within: tuple[bytes, bytes],
    revision: int,
    throttle: Throttle | None,
    after: bytes,
) -> AsyncGenerator[Batch, None]:
    survey = await reads.names_survey(prefix, within, after=after)
    order = _Order()
    running: deque[tuple[list[Span], asyncio.Task[list[RangeResult]]]] = deque()
    pinned = revision
    if not pinned and not reads.small_store:
        pinned = await reads.revision(max(prefix, within[0]))
    try:
        while survey.open or running:
            while survey.open and len(running) < (AT_ONCE if pinned else 1):
                spans = survey.take(reads.max_ops, KEYS_AT_ONCE, walk=reads.walk)
                wants = [
                    Want(span.start, span.end, min(span.limit, KEYS_AT_ONCE), guess=max(1, span.guess))
                    for span in spans
                ]
                running.append((spans, awaited(reads.many(wants, pinned), "scan")))
            spans, task = running[0]
            results = await task
            running.popleft()
            pinned = pinned or (results[0].header.revision if results and results[0].header else 0)
            for span, result in zip(spans, results, strict=True):
                survey.answer(span, [kv.key for kv in result.kvs], result.count)
                order.add(span.start, result.kvs)
            holes = [survey.hole] if survey.hole is not None else []
            holes += [min(span.start for span in waiting) for waiting, _ in running]
            for kvs in order.take(min(holes, default=None)):
                yield Batch(kvs, about(survey), pinned)
            if throttle is not None:
                await throttle.spend(sum(len(result.kvs) for result in results))
    finally:
        for _, task in running:
            task.cancel()
        if running:
            await asyncio.gather(*(task for _, task in running), return_exceptions=True)


async def _values(
    reads: Reads,
    prefix: bytes,
    within: tuple[bytes, bytes],
    revision: int,
    throttle: Throttle | None,
    after: bytes,
) -> AsyncGenerator[Batch, None]:
    """Names first, so that a range of values is just those keys: to know where it ends spares walking beyond."""
    at_once = VALUES_AT_ONCE
    async with aclosing(scan_keys(reads, prefix, within=within, revision=revision, after=after)) as names:
        async for batch in names:
            keys, first = batch.keys, 0
            while first < len(keys):
                part = keys[first : first + at_once * AT_ONCE]
                first += len(part)
                wants = [
                    Want(few[0], ranges.next_key(few[-1]), values=True, guess=len(few))
                    for few in (part[at : at + at_once] for at in range(0, len(part), at_once))
                ]
                reading = [awaited(reads.many([want], batch.revision), "scan of values") for want in wants]
                read = 0
                try:
                    for task in reading:
                        for result in await task:
                            read += sum(len(kv.value) for kv in result.kvs)
                            yield Batch(result.kvs, batch.total, batch.revision)
                finally:
                    for task in reading:
                        task.cancel()
                    await asyncio.gather(*reading, return_exceptions=True)
                at_once = max(1, min(PIECE, VALUE_BYTES * len(part) // max(1, read)))
                if throttle is not None:
                    await throttle.spend(read)
