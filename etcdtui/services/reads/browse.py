"""What is below a prefix, level by level: listed in bounded pieces, checked again cheaply, detailed where visible.

A listing is an async iterator of pages, all read at one revision. The first page can be used while the rest comes;
closing the iterator cancels what is in flight. A compaction on the way starts the level again and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from etcdtui.client.key_lists import KeyLists, KeyRange
from etcdtui.core import gaps, ranges
from etcdtui.core.chart import Chart, Part
from etcdtui.core.errors import Compacted, EtcdError
from etcdtui.core.flow import Flow
from etcdtui.core.gaps import Check, Kind, Region
from etcdtui.core.listing import END_LIMIT, LEAF, UNKNOWN, WALK, Child, Delta, Span, Survey
from etcdtui.core.tasks import awaited
from etcdtui.core.types import KeyValue, RangeResult
from etcdtui.core.units import format_count
from etcdtui.core.value import record
from etcdtui.services.reads.reading import ASK_FROM, Reads, Want

AT_ONCE = 4
"""Transactions of one listing in flight."""
PAGE_KEYS = 2_500
"""Keys one transaction is expected to return at most; decoding more would hold up the screen."""
END_AT_ONCE = 2
"""Transactions in flight then: the last spans are mostly empty, and what is before them should not wait for that."""
END_OPS = 120
"""Spans asked for at once while the end of a listing is looked for: most are empty."""
STREAM_FROM = 5_000
"""Keys not seen yet from which the rest of a flat level is streamed, where the server does that."""
STREAM_KEYS_A_ROW = 8
"""A level is flat when its first rows have no more keys than this on average; else folders are better jumped over."""
STREAMS = 8
"""Streams of one listing; each was given up because it led through what is known already."""
RESTARTS = 3
SECONDS_A_KEY = 4e-7
"""About how long a server walks for one key of many."""
NEW_KEYS = 500
"""Keys that may be in a folder that was not there a moment ago."""
OTHER_NAMES = 64
"""Names tried for a large folder whose known key is gone."""
DETAIL_BATCH = 8
DETAIL_BYTES = 4 * 1024 * 1024
"""Values read for the details of visible rows in one pass; rows beyond it show their size when looked at."""


@record()
class Page:
    """News of one listing. ``rows`` are groups of neighbours, ``hole`` the first key not listed yet.

    ``total`` counts all keys of the level, UNKNOWN until it is walked. ``restarted`` drops what came before.

    Where a level is large, folders are shown by what is known before it was looked: ``named`` are such rows, to be put
    among the others, ``gone`` those of them that are not there, ``guesses`` about how many keys each has until
    ``counts`` tells. It is ``charted`` then: ``share`` is how much of the level was counted, from 0 to 1, and ``where``
    which member is asked when that is not any. ``price`` says why reading stopped before it began, and what going on
    would cost.
    """

    rows: tuple[list[Child], ...]
    counts: tuple[tuple[bytes, int], ...]
    total: int
    keys_seen: int
    revision: int
    hole: bytes | None
    done: bool
    restarted: bool = False
    named: tuple[Child, ...] = ()
    gone: tuple[bytes, ...] = ()
    guesses: tuple[tuple[bytes, int], ...] = ()
    charted: bool = False
    share: float = 1.0
    where: str = ""
    price: str = ""


class Listing:
    """One listing of the children of ``prefix``. ``from_end`` may be switched while it runs: the end comes first.

    ``known_count`` is how many keys the level has, where somebody counted them.
    Without ``allowed`` nothing is walked blindly that may be very much: a page with its ``price`` ends the listing.
    """

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
        allowed: bool = False,
    ) -> None:
        self._reads = reads
        self._prefix = prefix
        self._separators = separators
        self._within = within
        self._known_count = known_count
        self._asked_revision = revision
        self._page_keys = page_keys
        self._allowed = allowed
        self.from_end = False
        self.revision = revision
        self.survey = self._new_survey(None)
        self._opening: asyncio.Task[int] | None = None
        self._running: dict[asyncio.Task[KeyLists], list[Span]] = {}
        self._flow: Flow | None = None
        self._streams_left = STREAMS
        self._rows_seen = 0
        self._named: tuple[Child, ...] = ()
        self._met: list[Part] = []
        self._shown: set[bytes] = set()
        """Rows that were shown by their names and not found yet."""

    @property
    def _plain(self) -> bool:
        """Whether all of the level may be walked in one request."""
        return self._reads.small_store or 0 <= self._known_count <= WALK

    def _new_survey(self, chart: Chart | None) -> Survey:
        return Survey(
            self._prefix,
            self._separators,
            within=self._within,
            known_count=self._known_count,
            small=self._reads.small_store,
            chart=chart,
            wary=True,
        )

    def begin(self) -> None:
        """Send the first requests before ``pages`` are asked for; if they never are, ``drop`` it."""
        if self._plain:
            self._start()
        elif self._opening is None:
            self._reads.learn()
            self._opening = awaited(self._pinned(), "revision of a listing")

    async def _pinned(self) -> int:
        """The revision all of it is read at: learnt from a single key, while names are on their way."""
        return self._asked_revision or await self._reads.revision(max(self._prefix, self._within[0]))

    async def pages(self) -> AsyncGenerator[Page, None]:
        """Pages until the level is complete. Raises what a read raises; a compacted revision restarts the level."""
        restarts = 0
        if not self.survey.open and not self._running:
            yield self._page([])
        self._reads.listings.append(self)
        try:
            while self.survey.open or self._running:
                try:
                    async with aclosing(self._opened()) as named:
                        async for page in named:
                            yield page
                            if page.price:
                                return
                    async with aclosing(self._read()) as pages:
                        async for page in pages:
                            yield page
                    self._remember()
                except Compacted:
                    restarts += 1
                    if self._asked_revision or restarts > RESTARTS:
                        raise
                    await self.drop()
                    self.revision = 0
                    self.survey = self._new_survey(None)
                    self._shown.clear()
                    self._met.clear()
                    yield self._page([], restarted=True)
        finally:
            self._reads.listings.remove(self)
            await self.drop()

    async def _opened(self) -> AsyncGenerator[Page, None]:
        """What can be shown before anything was asked; then all is ready to be."""
        if self._plain:
            return
        self.begin()
        assert self._opening is not None
        posts = self._reads.client.posts
        for first in (True, False):
            if first and posts.learnt:
                continue
            chart = await self._reads.chart(first=first)
            self.survey = self._new_survey(chart)
            self._named = tuple(child for child in self.survey.folders if child.name not in self._shown)
            self._shown |= {child.name for child in self._named}
            if self._named:
                yield self._page([])
        self.revision = await self._opening
        self._opening = None
        if price := self._price():
            yield replace(self._page([]), price=price)

    def _remember(self) -> None:
        """All of it was counted: where its keys lie is known better than before."""
        area = ranges.intersect(ranges.prefix_range(self._prefix), self._within)
        if area is not None and area[1] and not self._plain and not self._asked_revision and not self.survey.open:
            self._reads.client.posts.refine(*area, sorted(self._met))
        self._met.clear()

    def _price(self) -> str:
        """What a walk through what nothing is known of would cost; empty when that is not done."""
        reads = self._reads
        if self._plain or not self.survey.blind or reads.most_keys < ASK_FROM:
            return ""
        if self._allowed:
            reads.step_aside()
            return ""
        follower = reads.follower
        held = "all writes" if follower is None else f"what goes through {follower.name}, a follower,"
        return (
            f"no name here is known, and up to {format_count(reads.most_keys)} keys may be: one request may hold up"
            f" {held} for {max(1.0, reads.most_keys * SECONDS_A_KEY):.0f} s"
        )

    async def _read(self) -> AsyncGenerator[Page, None]:
        while self.survey.open or self._running:
            if self._worth_a_stream():
                async with aclosing(self._streamed()) as streamed:
                    async for page in streamed:
                        yield page
                continue
            self._start()
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            deltas: list[Delta] = []
            for task in sorted(done, key=lambda task: self._running[task][0].start):
                deltas += self._digest(task)
            page = self._page(deltas)
            if deltas or page.total >= 0 or self.survey.layout is not None:
                yield page

    def _worth_a_stream(self) -> bool:
        if self.survey.layout is not None and self.survey.open_sweeps:
            return False
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
                        part = keys[first : first + self._page_keys]
                        self._met.append((part[0], len(part)))
                        yield self._page(self._counted_rows(flow.feed(part)))
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
        """Fill the free slots, once the revision is known."""
        if self.from_end and self.revision and self._end_known():
            self.from_end = False
        if not self.revision and self._running:
            return
        most = (END_AT_ONCE if self.from_end else AT_ONCE) if self.revision else 1
        if self._reads.listings and self._reads.listings[-1] is not self:
            most = 1  # something was opened since, which is looked at now
        walk = self._reads.walk
        while self.survey.open and (free := most - len(self._running)) > 0:
            if self.from_end:
                spans = self.survey.take(END_OPS, END_OPS * END_LIMIT, from_end=True, walk=walk)
            elif self.survey.layout is not None or not self.revision:
                spans = self.survey.take(self._reads.max_ops, self._page_keys, walk=walk)
            else:
                share = -(-len(self.survey.pending) // free)
                spans = self.survey.take(max(8, min(self._reads.max_ops, share)), self._page_keys, walk=walk)
            if self._running and self.survey.layout is not None and _few(spans, self._reads):
                self.survey.give_back(spans)
                return
            self._send(spans)

    def _send(self, spans: list[Span]) -> None:
        wanted = [KeyRange(span.start, span.end, span.limit) for span in spans]
        guess = sum(span.guess for span in spans)
        task = awaited(self._reads.keys(wanted, self.revision, guess=guess), "listing")
        self._running[task] = spans

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
        self.revision = self.revision or answer.revision
        deltas = []
        for span, found in zip(spans, answer.lists, strict=True):
            delta = self.survey.answer(span, found.keys, found.count)
            if found.keys:
                self._met.append((found.keys[0], found.count if span.sum is not None else len(found.keys)))
            if delta:
                deltas.append(delta)
                self._met += [(row.sample, 0.0) for row in delta.rows if row.count != LEAF]
        return self._counted_rows(deltas)

    def _page(self, deltas: list[Delta], *, restarted: bool = False) -> Page:
        looked = [span.start for spans in self._running.values() for span in spans if span.stretch is None]
        looked += [
            span.start
            for spans in self._running.values()
            for span in spans
            if span.stretch is not None and not span.stretch.folder
        ]
        flowing = self._flow.hole if self._flow is not None else None
        hole = min((hole for hole in (self.survey.hole, flowing, *looked) if hole is not None), default=None)
        named, self._named = self._named, ()
        done = not self.survey.open and not self._running and flowing is None and not restarted
        gone = {name for delta in deltas for name in delta.gone}
        if self._shown:
            self._shown -= gone
            self._shown -= {row.name for delta in deltas for row in delta.rows}
            gone |= self._shown if done or restarted else set()
        where = self._reads.aside
        return Page(
            rows=tuple(delta.rows for delta in deltas if delta.rows),
            counts=tuple(pair for delta in deltas for pair in delta.counts),
            total=self.survey.total,
            keys_seen=self.survey.keys_seen,
            revision=self.revision,
            hole=hole,
            done=done,
            restarted=restarted,
            named=named,
            gone=tuple(gone),
            guesses=tuple(self.survey.guesses.items()),
            charted=self.survey.layout is not None,
            share=self.survey.share,
            where=f"{where.name}, a follower" if where is not None and self.survey.layout is not None else "",
        )

    async def drop(self) -> None:
        """Cancel what is in flight."""
        running: list[asyncio.Task[Any]] = [*self._running]
        self._running = {}
        if self._opening is not None:
            running.append(self._opening)
            self._opening = None
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)


def _few(spans: Sequence[Span], reads: Reads) -> bool:
    """Whether these are too few for a request of their own: what is under way will bring others to go with them."""
    return len(spans) * 2 < reads.max_ops and sum(span.guess for span in spans) * 2 < reads.walk


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
    results = await reads.many([Want(check.start, check.end, check.limit, guess=check.guess) for check in checks])
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
    folders = await _folders(reads, prefix, doubtful, (start, end), {row.name: row.count for row in rows}, revision)
    if folders is None:
        return Refresh((), revision, relist=True)
    regions += folders
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
    wants = [Want(*_inside(prefix + name, area), count_only=True, guess=NEW_KEYS) for name in new]
    results = await reads.many(wants, revision)
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
    reads: Reads,
    prefix: bytes,
    doubtful: Sequence[Check],
    area: tuple[bytes, bytes],
    counts: Mapping[bytes, int],
    revision: int,
) -> list[Region] | None:
    """Folders whose known key is gone: still there by another key, or gone. ``None`` where only a long walk tells."""
    regions = []
    few = [check for check in doubtful if counts[check.name] <= WALK]
    wants = [Want(*_inside(prefix + check.name, area), 1, guess=max(1, counts[check.name])) for check in few]
    for check, result in zip(few, await reads.many(wants, revision) if wants else (), strict=True):
        start, end = ranges.prefix_range(prefix + check.name)
        rows = (Child(check.name, result.count, result.kvs[0].key),) if result.kvs else ()
        regions.append(Region(start, end, rows))
    for check in doubtful:
        if counts[check.name] > WALK:
            sample = await _another_key(reads, prefix + check.name, revision)
            if not sample:
                return None
            start, end = ranges.prefix_range(prefix + check.name)
            regions.append(Region(start, end, (Child(check.name, UNKNOWN, sample),)))
    return regions


async def _another_key(reads: Reads, folder: bytes, revision: int) -> bytes:
    """A key of a large folder that is there, by one of the names known; empty when none of those is."""
    chart = await reads.chart()
    first, last = chart.within(*ranges.prefix_range(folder))
    names = chart.names[first:last][:: max(1, (last - first) // OTHER_NAMES)][:OTHER_NAMES]
    found = await reads.many([Want(name) for name in names], revision) if names else []
    return next((result.kvs[0].key for result in found if result.kvs), b"")


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
