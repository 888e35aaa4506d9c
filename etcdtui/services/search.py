"""Search over all keys, and on request all values, below a prefix: streamed hits, progress, a price told before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum

from etcdtui.core import ranges
from etcdtui.core.search import Finder, finder
from etcdtui.services.reading import Reads, Want
from etcdtui.services.scan import Throttle, scan

MAX_HITS = 10_000
CHUNK = 1_000
"""Keys looked at before other work of the program gets its turn."""
PREVIEW_BEFORE = 20
PREVIEW = 120
KEYS_PER_SECOND = 250_000
BYTES_PER_SECOND = 16 * 1024 * 1024
SAMPLE_KEYS = 64


class How(Enum):
    SUBSTRING = "substring"
    GLOB = "glob"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for below ``prefix``; lower-case patterns ignore the case of letters."""

    pattern: str
    how: How = How.SUBSTRING
    prefix: bytes = b""
    values: bool = False
    within: tuple[bytes, bytes] = ranges.ALL

    @property
    def ignore_case(self) -> bool:
        return self.how is not How.REGEX and self.pattern == self.pattern.lower()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a search will read: ``keys`` exact, ``value_bytes`` estimated from a few keys (0 without values)."""

    keys: int
    value_bytes: int
    revision: int


@dataclass(frozen=True, slots=True)
class Hit:
    """``in_value`` tells where; ``preview`` is a piece of the value around the match, ``span`` the match in it."""

    key: bytes
    in_value: bool
    span: tuple[int, int]
    preview: bytes = b""


@dataclass(frozen=True, slots=True)
class Progress:
    """New hits since the last one; ``full`` when the search ended because the list holds no more."""

    hits: tuple[Hit, ...]
    seen: int
    total: int
    bytes_read: int
    done: bool = False
    full: bool = False


async def cost(reads: Reads, query: Query) -> Cost:
    """One count, and for values the size of the first few."""
    area = ranges.intersect(ranges.prefix_range(query.prefix), query.within)
    if area is None:
        return Cost(0, 0, 0)
    result = await reads.one(Want(*area, limit=SAMPLE_KEYS if query.values else 1, values=query.values))
    size = sum(len(kv.value) for kv in result.kvs) * result.count // max(1, len(result.kvs)) if query.values else 0
    return Cost(result.count, size, result.header.revision if result.header else 0)


async def search(reads: Reads, query: Query, *, max_hits: int = MAX_HITS) -> AsyncGenerator[Progress, None]:
    """Hits as they are found, in key order. Raises ``FilterError`` for a pattern that cannot be understood."""
    find = finder(query.how.value, query.pattern, ignore_case=query.ignore_case)
    throttle = Throttle(BYTES_PER_SECOND if query.values else KEYS_PER_SECOND)
    seen = found = bytes_read = 0
    total = 0
    async for batch in scan(reads, query.prefix, within=query.within, values=query.values, throttle=throttle):
        total = batch.total
        for first in range(0, len(batch.kvs), CHUNK):
            part = batch.kvs[first : first + CHUNK]
            hits = [hit for kv in part if (hit := _hit(find, kv.key, kv.value, query)) is not None]
            hits = hits[: max_hits - found]
            seen += len(part)
            found += len(hits)
            bytes_read += sum(len(kv.value) for kv in part)
            if found >= max_hits:
                yield Progress(tuple(hits), seen, total, bytes_read, done=True, full=True)
                return
            if hits or first == 0:
                yield Progress(tuple(hits), seen, total, bytes_read)
            await asyncio.sleep(0)
    yield Progress((), seen, total, bytes_read, done=True)


def _hit(find: Finder, key: bytes, value: bytes, query: Query) -> Hit | None:
    span = find(key)
    if span is not None:
        return Hit(key, False, span)
    if not query.values or query.how is How.GLOB:
        return None
    span = find(value)
    if span is None:
        return None
    start = max(0, span[0] - PREVIEW_BEFORE)
    return Hit(key, True, (span[0] - start, min(span[1] - start, PREVIEW)), value[start : start + PREVIEW])
