"""Every key's name below a prefix, in order, at one revision: what a search over names reads."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import AsyncGenerator
from contextlib import aclosing

from etcdtui.client.key_lists import KeyLists, KeyRange
from etcdtui.core import ranges
from etcdtui.core.errors import Compacted, EtcdError
from etcdtui.core.listing import UNKNOWN, Span, Survey
from etcdtui.core.tasks import awaited
from etcdtui.core.value import record
from etcdtui.services.reads.reading import Reads, Want
from etcdtui.services.reads.throttle import Throttle

AT_ONCE = 4
"""Requests in flight."""
KEYS_AT_ONCE = 10_000
"""Keys one request is expected to return at most: about a hundredth of a second for the server."""

LEAST_OPS = 8
"""Pieces one request has at least; what is left of many is shared out, as a server walks requests side by side."""
UNSURE = 4
"""The part of what they may return that pieces of unknown size are expected to return: most are empty or short."""


@record()
class Names:
    """Some names, all behind those of the batch before.

    ``total`` is the number of keys of the whole scan, about, until all were counted; UNKNOWN where a server streams
    them, which counts none.
    """

    keys: list[bytes]
    total: int
    revision: int


@record(frozen=False, eq=False)
class _Piece:
    """Names that wait until everything before them has arrived."""

    start: bytes
    keys: list[bytes]

    def __lt__(self, other: _Piece) -> bool:
        return self.start < other.start


async def scan_keys(
    reads: Reads,
    prefix: bytes,
    *,
    within: tuple[bytes, bytes] = ranges.ALL,
    revision: int = 0,
    throttle: Throttle | None = None,
    after: bytes = b"",
) -> AsyncGenerator[Names, None]:
    """Batches in key order until all is read; closing the iterator cancels what is in flight."""
    area = ranges.intersect(ranges.prefix_range(prefix), within)
    if area is not None and after:
        area = ranges.intersect(area, (ranges.next_key(after), ranges.FROM_KEY))
    if area is not None and reads.streams and not reads.small_store:
        start, end = area
        first = await reads.one(Want(start, limit=1), revision)  # a single key: its answer tells the revision
        revision = revision or (first.header.revision if first.header else 0)
        try:
            async with aclosing(reads.stream(start, end, revision)) as parts:
                async for keys in parts:
                    if keys:
                        after = keys[-1]
                        yield Names(keys, UNKNOWN, revision)
                    if throttle is not None:
                        await throttle.spend(len(keys))
            return
        except Compacted:
            raise
        except EtcdError:
            pass  # not supported, or cut: counted ranges go on behind the last name
    async with aclosing(_counted(reads, prefix, within, revision, throttle, after)) as batches:
        async for batch in batches:
            yield batch


async def _counted(
    reads: Reads,
    prefix: bytes,
    within: tuple[bytes, bytes],
    revision: int,
    throttle: Throttle | None,
    after: bytes,
) -> AsyncGenerator[Names, None]:
    """Those behind ``after`` in small counted ranges, several requests in flight."""
    survey = await reads.names_survey(prefix, within, after=after)
    ready: list[_Piece] = []
    running: dict[asyncio.Task[KeyLists], list[Span]] = {}
    pinned = revision
    if not pinned and not reads.small_store:
        pinned = await reads.revision(max(prefix, within[0]))
    try:
        while survey.open or running:
            while survey.open and (free := (AT_ONCE if pinned else 1) - len(running)) > 0:
                share = -(-len(survey.pending) // free)
                size = reads.max_ops if survey.layout is not None else min(reads.max_ops, max(LEAST_OPS, share))
                spans = survey.take(size, KEYS_AT_ONCE, unsure=UNSURE, walk=reads.walk)
                wanted = [KeyRange(span.start, span.end, span.limit) for span in spans]
                request = reads.keys(wanted, pinned, guess=sum(span.guess for span in spans))
                running[awaited(request, "scan of names")] = spans
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            read = 0
            for task in done:
                spans, answer = running.pop(task), task.result()
                pinned = pinned or answer.revision
                for span, found in zip(spans, answer.lists, strict=True):
                    survey.answer(span, found.keys, found.count)
                    if found.keys:
                        insort(ready, _Piece(span.start, found.keys))
                        read += len(found.keys)
            for keys in _complete(ready, survey, running):
                yield Names(keys, about(survey), pinned)
            if throttle is not None:
                await throttle.spend(read)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def about(survey: Survey) -> int:
    """How many keys there are, about, until that is counted."""
    return round(survey.layout.keys) if survey.total == UNKNOWN and survey.layout is not None else survey.total


def _complete(
    ready: list[_Piece], survey: Survey, running: dict[asyncio.Task[KeyLists], list[Span]]
) -> list[list[bytes]]:
    """Take out what nothing is missing before."""
    holes = [min(span.start for span in spans) for spans in running.values()]
    if survey.hole is not None:
        holes.append(survey.hole)
    hole = min(holes, default=None)
    stop = next((i for i, piece in enumerate(ready) if hole is not None and piece.start >= hole), len(ready))
    out = [piece.keys for piece in ready[:stop]]
    del ready[:stop]
    return out
