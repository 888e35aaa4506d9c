"""What is below a prefix, level by level: listed in bounded pieces, checked again cheaply, detailed where visible.

A listing is an async iterator of pages, all read at one revision. The first page can be used while the rest comes;
closing the iterator cancels what is in flight. A compaction on the way starts the level again and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from etcdtui.client.key_lists import KeyLists, KeyRange
from etcdtui.core import gaps, ranges
from etcdtui.core.errors import Compacted, EtcdError
from etcdtui.core.flow import Flow
from etcdtui.core.gaps import Check, Kind, Region
from etcdtui.core.listing import END_LIMIT, LEAF, UNKNOWN, Child, Delta, Span, Survey
from etcdtui.core.tasks import awaited
from etcdtui.core.types import KeyValue, RangeResult
from etcdtui.core.value import record
from etcdtui.services.reads.reading import Reads, Want

AT_ONCE = 4
"""Transactions of one listing in flight."""
PAGE_KEYS = 2_500
"""Keys one transaction is expected to return at most; decoding more would hold up the screen."""
END_AT_ONCE = 2
"""Transactions in flight then: the last spans are mostly empty, and what is before them should not wait for that."""
SPREAD_FROM = 50_000
"""Keys below a level from which its first walk is spread over several requests."""
END_OPS = 120
"""Spans asked for at once while the end of a listing is looked for: most are empty."""
STREAM_FROM = 5_000
"""Keys not seen yet from which the rest of a flat level is streamed, where the server does that."""
STREAM_KEYS_A_ROW = 8
"""A level is flat when its first rows have no more keys than this on average; else folders are better jumped over."""
STREAMS = 8
"""Streams of one listing; each was given up because it led through what is known already."""
RESTARTS = 3
REFRESH_AT_ONCE = 120
DETAIL_BATCH = 8
DETAIL_BYTES = 4 * 1024 * 1024
"""Values read for the details of visible rows in one pass; rows beyond it show their size when looked at."""


@record()
class Page:
    """News of one listing. ``rows`` are groups of neighbours, ``hole`` the first key not listed yet.

    ``total`` counts all keys of the level, UNKNOWN until it is walked: then rows are missing all over it. ``restarted``
    drops what came before.
    """

    rows: tuple[list[Child], ...]
    counts: tuple[tuple[bytes, int], ...]
    total: int
    keys_seen: int
    revision: int
    hole: bytes | None
    done: bool
    restarted: bool = False


class Listing:
    """One listing of the children of ``prefix``. ``from_end`` may be switched while it runs: the end comes first."""

    def __init__(
        self,
        reads: Reads,
        prefix: bytes,
        separators: Sequence[bytes],
        *,
        within: tuple[bytes, bytes] = ranges.ALL,
        known_count: int = UNKNOWN,
        revision: int = 0,
        page_keys: int = PAGE_KEYS,
    ) -> None:
        self._reads = reads
        self._prefix = prefix
        self._separators = separators
        self._within = within
        self._known_count = known_count
        self._asked_revision = revision
        self._page_keys = page_keys
        self.from_end = False
        self.revision = revision
        self.survey = self._new_survey()
        self._running: dict[asyncio.Task[KeyLists], list[Span]] = {}
        self._newest: set[asyncio.Task[KeyLists]] = set()
        """Those that were sent before the revision was known; the first to come tells it."""
        self._flow: Flow | None = None
        self._streams_left = STREAMS
        self._rows_seen = 0

    def _new_survey(self) -> Survey:
        return Survey(
            self._prefix,
            self._separators,
            within=self._within,
            known_count=self._known_count,
            small=self._reads.small_store,
        )

    def begin(self) -> None:
        """Send the first requests before ``pages`` are asked for; if they never are, ``drop`` it."""
        self._start()

    async def pages(self) -> AsyncGenerator[Page, None]:
        """Pages until the level is complete. Raises what a read raises; a compacted revision restarts the level."""
        restarts = 0
        if not self.survey.pending:
            yield self._page([])
        try:
            while self.survey.pending or self._running:
                try:
                    if self._worth_a_stream():
                        async with aclosing(self._streamed()) as streamed:
                            async for page in streamed:
                                yield page
                        continue
                    self._start()
                    done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                    deltas = self._digest(min(done, key=lambda task: self._running[task][0].start))
                except Compacted:
                    restarts += 1
                    if self._asked_revision or restarts > RESTARTS:
                        raise
                    await self.drop()
                    self.revision = 0
                    self.survey = self._new_survey()
                    yield self._page([], restarted=True)
                    continue
                page = self._page(deltas)
                if deltas or page.total >= 0:
                    yield page
        finally:
            await self.drop()

    def _worth_a_stream(self) -> bool:
        if self._running or self.survey.total < 0 or self.from_end or not self._streams_left or not self._reads.streams:
            return False  # nothing is counted in a stream: what was not walked yet is asked for in ranges
        seen = self.survey.keys_seen
        return self.survey.total - seen >= STREAM_FROM and self._rows_seen * STREAM_KEYS_A_ROW >= seen

    async def _streamed(self) -> AsyncGenerator[Page, None]:
        """Pages from one stream of all that is left, until it ends, fails or is not worth while any more."""
        self._streams_left -= 1
        self._flow = flow = Flow(self.survey)
        try:
            async with aclosing(self._reads.stream(flow.start, flow.end, self.revision)) as chunks:
                async for keys in chunks:
                    for first in range(0, len(keys), self._page_keys):
                        yield self._page(self._counted_rows(flow.feed(keys[first : first + self._page_keys])))
                        if flow.too_deep:
                            self._streams_left = 0
                        if flow.too_deep or flow.astray or self.from_end or flow.hole is None:
                            return
            yield self._page(self._counted_rows(flow.finish()))
        except Compacted:
            raise
        except EtcdError:
            self._streams_left = 0  # not supported, or cut: counted ranges say what is wrong, if anything is
        finally:
            flow.give_back()
            self._flow = None

    def _counted_rows(self, deltas: list[Delta]) -> list[Delta]:
        self._rows_seen += sum(len(delta.rows) for delta in deltas)
        return deltas

    def _start(self) -> None:
        """Fill the free slots, once everything was walked."""
        if self.from_end and self.revision and self._end_known():
            self.from_end = False
        if self._newest:
            return
        if not self.revision:
            self._first_walk()
            return
        most = END_AT_ONCE if self.from_end else AT_ONCE
        while self.survey.pending and (free := most - len(self._running)) > 0:
            if self.from_end:
                spans = self.survey.take(END_OPS, END_OPS * END_LIMIT, from_end=True)
            else:
                share = -(-len(self.survey.pending) // free)
                spans = self.survey.take(max(8, min(self._reads.max_ops, share)), self._page_keys)
            self._send(spans)

    def _first_walk(self) -> None:
        """Ask for everything, which the server has to walk: in several requests that it answers side by side."""
        spans = self.survey.take(len(self.survey.pending), 10_000)
        large = not 0 <= self._known_count <= SPREAD_FROM
        for group in self._reads.side_by_side(spans) if large else [spans]:
            self._newest.add(self._send(group))

    def _send(self, spans: list[Span]) -> asyncio.Task[KeyLists]:
        wanted = [KeyRange(span.start, span.end, span.limit) for span in spans]
        task = awaited(self._reads.keys(wanted, self.revision), "listing")
        self._running[task] = spans
        return task

    def _end_known(self) -> bool:
        running = max((spans[-1].start for spans in self._running.values()), default=b"")
        return self.survey.end_known and running <= self.survey.greatest

    def _digest(self, task: asyncio.Task[KeyLists]) -> list[Delta]:
        spans = self._running.pop(task)
        try:
            answer = task.result()
        except BaseException:
            self.survey.give_back(spans)
            raise
        newest = task in self._newest
        self._newest.discard(task)
        if newest and self.revision and answer.revision != self.revision:
            self._reads.others_write()
            self.survey.give_back(spans)
            return []
        self.revision = self.revision or answer.revision
        deltas = []
        for span, found in zip(spans, answer.lists, strict=True):
            delta = self.survey.answer(span, found.keys, found.count)
            if delta.rows or delta.counts:
                deltas.append(delta)
        return self._counted_rows(deltas)

    def _page(self, deltas: list[Delta], *, restarted: bool = False) -> Page:
        running = list(self._running.values())
        flowing = self._flow.hole if self._flow is not None else None
        holes = [self.survey.hole, flowing, *(spans[0].start for spans in running if spans)]
        hole = min((hole for hole in holes if hole is not None), default=None)
        return Page(
            rows=tuple(delta.rows for delta in deltas if delta.rows),
            counts=tuple(pair for delta in deltas for pair in delta.counts),
            total=self.survey.total,
            keys_seen=self.survey.keys_seen,
            revision=self.revision,
            hole=hole,
            done=hole is None,
            restarted=restarted,
        )

    async def drop(self) -> None:
        """Cancel what is in flight."""
        running, self._running = self._running, {}
        self._newest.clear()
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)


async def children(
    reads: Reads,
    prefix: bytes,
    separators: Sequence[bytes] = (b"/",),
    *,
    within: tuple[bytes, bytes] = ranges.ALL,
    known_count: int = UNKNOWN,
    revision: int = 0,
) -> list[Child]:
    """The whole level at once, sorted, with exact counts."""
    listing = Listing(reads, prefix, separators, within=within, known_count=known_count, revision=revision)
    found: dict[bytes, Child] = {}
    async for page in listing.pages():
        if page.restarted:
            found.clear()
        for rows in page.rows:
            found.update((row.name, row) for row in rows)
        for name, count in page.counts:
            found[name] = Child(name, count, found[name].sample)
    return [found[name] for name in sorted(found)]


@record()
class Refresh:
    """What a check of shown rows found; ``relist`` when so much is new that listing again is cheaper."""

    regions: tuple[Region, ...]
    revision: int
    relist: bool = False


async def refresh(
    reads: Reads,
    prefix: bytes,
    separators: Sequence[bytes],
    rows: Sequence[Child],
    start: bytes,
    end: bytes,
) -> Refresh:
    """Check that ``[start, end)`` still shows exactly ``rows``: one known key a folder and the gaps between them."""
    checks = gaps.plan(prefix, rows, start, end)
    results = await reads.many([Want(check.start, check.end, check.limit) for check in checks])
    revision = results[0].header.revision if results and results[0].header else 0
    regions: list[Region] = []
    doubtful: list[Check] = []
    for check, result in zip(checks, results, strict=True):
        if check.kind is Kind.SAMPLE:
            if not result.kvs:
                doubtful.append(check)
            continue
        if result.count > len(result.kvs):
            return Refresh((), revision, relist=True)
        regions.append(_region(check, result, prefix, separators))
    regions += await _folders(reads, prefix, doubtful, (start, end), revision)
    return Refresh(tuple(await _counted(reads, prefix, regions, (start, end), revision)), revision)


def _inside(path: bytes, area: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """The folder's range as far as it may be read."""
    whole = ranges.prefix_range(path)
    return ranges.intersect(whole, area) or whole


async def _counted(
    reads: Reads, prefix: bytes, regions: list[Region], area: tuple[bytes, bytes], revision: int
) -> list[Region]:
    """The same with the folders counted that were not there before; a refresh finds few of them."""
    new = [row.name for region in regions for row in region.rows if row.count == UNKNOWN][: reads.max_ops]
    if not new:
        return regions
    results = await reads.many([Want(*_inside(prefix + name, area), count_only=True) for name in new], revision)
    counts = {name: result.count for name, result in zip(new, results, strict=True) if result.count}
    return [
        replace(region, rows=tuple(Child(r.name, counts.get(r.name, r.count), r.sample) for r in region.rows))
        for region in regions
    ]


def _region(check: Check, result: RangeResult, prefix: bytes, separators: Sequence[bytes]) -> Region:
    found = gaps.rows_of(prefix, separators, [kv.key for kv in result.kvs])
    leaves = {row.name for row in found if row.count == LEAF}
    size = len(prefix)
    seen = tuple((kv.key[size:], kv.mod_revision, kv.version) for kv in result.kvs if kv.key[size:] in leaves)
    return Region(check.start, check.end, found, seen)


async def _folders(
    reads: Reads, prefix: bytes, doubtful: Sequence[Check], area: tuple[bytes, bytes], revision: int
) -> list[Region]:
    """Folders whose known key is gone: still there by another key, or gone."""
    if not doubtful:
        return []
    spans = [ranges.prefix_range(prefix + check.name) for check in doubtful]
    results = await reads.many([Want(*_inside(start, area), 1) for start, _ in spans], revision)
    return [
        Region(start, end, (Child(check.name, result.count, result.kvs[0].key),) if result.kvs else ())
        for check, (start, end), result in zip(doubtful, spans, results, strict=True)
    ]


@record()
class Detail:
    """What a row shows beside its name, from a full read (keys-only answers of etcd 3.7 carry no lease)."""

    size: int
    version: int
    mod_revision: int
    lease: int


def detail_of(kv: KeyValue) -> Detail:
    return Detail(len(kv.value), kv.version, kv.mod_revision, kv.lease)


async def details(
    reads: Reads, keys: Sequence[bytes], *, revision: int = 0, budget: int = DETAIL_BYTES
) -> AsyncGenerator[dict[bytes, Detail], None]:
    """Details of visible leaves, a few keys at a time, until ``budget`` bytes of values were read."""
    spent = 0
    batch = DETAIL_BATCH
    at = 0
    while at < len(keys) and spent < budget:
        part = keys[at : at + batch]
        at += len(part)
        found: dict[bytes, Detail] = {}
        read = 0
        for result in await reads.many([Want(key, values=True) for key in part], revision):
            for kv in result.kvs:
                found[kv.key] = detail_of(kv)
                read += len(kv.value)
        spent += read
        batch = max(1, min(64, len(part) * 64 * 1024 // max(1, read)))
        yield found


async def value_of(reads: Reads, key: bytes, *, revision: int = 0) -> KeyValue | None:
    """The key with its value, ``None`` when it does not exist (any more, or at that revision)."""
    result = await reads.one(Want(key, values=True), revision)
    return result.kvs[0] if result.kvs else None
