"""Who takes the space: keys by prefix from counts alone, and on request bytes and versions by reading values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import field

from etcdtui.core import ranges
from etcdtui.core.listing import LEAF, Child, child_of
from etcdtui.core.value import record
from etcdtui.services.reads.browse import Listing
from etcdtui.services.reads.reading import Reads
from etcdtui.services.reads.scan import scan
from etcdtui.services.reads.throttle import Throttle

CHUNK = 1_000
MAX_ROWS = 20_000
"""Children counted one by one; ``beyond`` says how many keys further ones hold."""


@record(frozen=False)
class Entry:
    """One child. ``size`` sums keys and values in bytes, ``versions`` all puts since creation: churn."""

    name: bytes
    keys: int = 0
    folder: bool = True
    size: int = 0
    versions: int = 0
    largest: int = 0
    largest_key: bytes = b""


@record(frozen=False)
class Census:
    """A count so far. ``measured`` of ``keys`` were read for their size; ``done`` when nothing is missing.

    Until then counts of large folders are about what is expected; ``share`` of all was counted. ``price`` says why
    nothing is counted unasked.
    """

    prefix: bytes
    entries: dict[bytes, Entry] = field(default_factory=dict)
    keys: int = 0
    measured: int = 0
    size: int = 0
    revision: int = 0
    done: bool = False
    share: float = 0.0
    price: str = ""

    @property
    def beyond(self) -> int:
        """Keys, counted so far, in children that have no entry because there are too many."""
        if len(self.entries) < MAX_ROWS:
            return 0
        return max(0, (self.measured or self.keys) - sum(entry.keys for entry in self.entries.values()))


async def count(
    reads: Reads,
    prefix: bytes,
    separators: Sequence[bytes],
    *,
    within: tuple[bytes, bytes] = ranges.ALL,
    allowed: bool = False,
) -> AsyncGenerator[Census, None]:
    """Keys by child, from the index alone; partial results while it runs."""
    listing = Listing(reads, prefix, separators, within=within, allowed=allowed)
    census = Census(prefix)
    async for page in listing.pages():
        if page.restarted:
            census = Census(prefix)
        for row in page.named:
            _add(census, row)
        for name in page.gone:
            census.entries.pop(name, None)
        for rows in page.rows:
            for row in rows:
                _add(census, row)
        for name, number in page.guesses:
            if name in census.entries:
                census.entries[name].keys = number
        for name, number in page.counts:
            if name in census.entries:
                census.entries[name].keys = number
        known = sum(entry.keys for entry in census.entries.values())
        census.keys = page.total if page.total >= 0 else known
        census.share = page.share
        census.revision = page.revision
        census.done = page.done
        census.price = page.price
        yield census


def _add(census: Census, row: Child) -> None:
    if len(census.entries) >= MAX_ROWS and row.name not in census.entries:
        return
    census.entries[row.name] = Entry(row.name, 1 if row.count == LEAF else max(0, row.count), row.count != LEAF)


async def measure(
    reads: Reads,
    prefix: bytes,
    separators: Sequence[bytes],
    *,
    within: tuple[bytes, bytes] = ranges.ALL,
    bytes_per_second: float,
) -> AsyncGenerator[Census, None]:
    """Keys, bytes, largest values and versions by child, reading every value; 0 bytes a second is no limit."""
    census = Census(prefix)
    throttle = Throttle(bytes_per_second)
    async for batch in scan(reads, prefix, within=within, values=True, throttle=throttle):
        for first in range(0, len(batch.kvs), CHUNK):
            for kv in batch.kvs[first : first + CHUNK]:
                name, folder = child_of(kv.key[len(prefix) :], tuple(separators))
                if name not in census.entries and len(census.entries) >= MAX_ROWS:
                    continue
                entry = census.entries.setdefault(name, Entry(name, 0, folder))
                size = len(kv.key) + len(kv.value)
                entry.keys += 1
                entry.size += size
                entry.versions += kv.version
                census.size += size
                if len(kv.value) >= entry.largest:
                    entry.largest, entry.largest_key = len(kv.value), kv.key
            await asyncio.sleep(0)
        census.measured += len(batch.kvs)
        census.keys = max(batch.total, census.measured)
        census.revision = batch.revision
        yield census
    census.done = True
    yield census
