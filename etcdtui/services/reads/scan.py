"""Every key below a prefix, in key order, at one revision, at a bounded and even cost for the server.

Large ranges are cut into counted pieces, several in flight; the pieces are handed on in order of their keys.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable

from etcdtui.core import ranges
from etcdtui.core.listing import PIECE, UNKNOWN, Span, Survey
from etcdtui.core.tasks import awaited
from etcdtui.core.types import KeyValue, RangeResult
from etcdtui.core.value import record
from etcdtui.services.reads.reading import Reads, Want

AT_ONCE = 3
KEYS_AT_ONCE = 5_000
"""Keys asked for by one transaction of a scan."""
VALUES_AT_ONCE = 100
"""Keys asked for with their values until their size is known."""
VALUE_BYTES = 2 * 1024 * 1024
"""Bytes of values one transaction should return."""


@record()
class Batch:
    """Some keys, all behind those of the batch before; ``total`` is the number of keys of the whole scan."""

    kvs: tuple[KeyValue, ...]
    total: int
    revision: int


class Throttle:
    """Lets at most ``per_second`` units pass on average; 0 is no limit."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._pause = pause
        self._free_at = clock()

    async def spend(self, units: float) -> None:
        """Wait until what was spent before is paid off, then owe ``units``."""
        if self._per_second <= 0:
            return
        now = self._clock()
        if self._free_at > now:
            await self._pause(self._free_at - now)
        self._free_at = max(now, self._free_at) + units / self._per_second


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
    start = ranges.next_key(after) if after else b""
    survey = Survey(prefix, (), within=within, small=reads.small_store, start=start, rows=False)
    order = _Order()
    running: deque[tuple[list[Span], asyncio.Task[list[RangeResult]]]] = deque()
    keys_at_once = VALUES_AT_ONCE if values else KEYS_AT_ONCE
    pinned = revision
    total = UNKNOWN
    if values and survey.pending:
        total, pinned = await _count(reads, survey, revision)
    try:
        while survey.pending or running:
            while survey.pending and len(running) < (AT_ONCE if pinned else 1):
                spans = survey.take(reads.max_ops if pinned else len(survey.pending), keys_at_once)
                if pinned:  # the first, which counts everything, is asked whole
                    spans = _cut(survey, spans, keys_at_once)
                wants = [Want(span.start, span.end, min(span.limit, keys_at_once), values=values) for span in spans]
                running.append((spans, awaited(reads.many(wants, pinned), "scan")))
            spans, task = running[0]
            results = await task
            running.popleft()
            pinned = pinned or (results[0].header.revision if results and results[0].header else 0)
            read = 0
            for span, result in zip(spans, results, strict=True):
                survey.answer(span, [kv.key for kv in result.kvs], result.count)
                order.add(span.start, result.kvs)
                read += sum(len(kv.value) for kv in result.kvs) if values else len(result.kvs)
            got = sum(len(result.kvs) for result in results)
            if values and got:
                keys_at_once = max(1, min(PIECE, VALUE_BYTES * got // max(1, read)))
            holes = [survey.hole] if survey.hole is not None else []
            holes += [min(span.start for span in waiting) for waiting, _ in running]
            for kvs in order.take(min(holes, default=None)):
                yield Batch(kvs, survey.total if total == UNKNOWN else total, pinned)
            if throttle is not None:
                await throttle.spend(read)
    finally:
        for _, task in running:
            task.cancel()
        if running:
            await asyncio.gather(*(task for _, task in running), return_exceptions=True)


async def _count(reads: Reads, survey: Survey, revision: int) -> tuple[int, int]:
    """How many keys there are and at which revision, before values are read a few at a time."""
    wants = [Want(span.start, span.end, count_only=True) for span in survey.pending]
    results = await reads.many(wants, revision)
    header = results[0].header
    return sum(result.count for result in results), revision or (header.revision if header else 0)


def _cut(survey: Survey, spans: list[Span], keys_at_once: int) -> list[Span]:
    """With values, no more spans than their keys fit one answer; the others go back."""
    kept: list[Span] = []
    cost = 0
    for span in spans:
        price = min(span.limit, keys_at_once)
        if kept and cost + price > keys_at_once * 2:
            break
        cost += price
        kept.append(span)
    survey.give_back(spans[len(kept) :])
    return kept
