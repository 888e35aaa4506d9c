"""One watch as a tail: events with what they were, gaps, marks, how far it is and how it stands.

A feed goes on until it is cancelled. Whatever ends its source (no leader, a refused permission, a reader too slow) is
tried again, after a pause that is told; what is missing after that is a gap in the ring. It holds still on request
without losing anything: the server's history is its buffer, and only a compaction can take from that.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum

from etcdtui.client import Client
from etcdtui.core import ranges
from etcdtui.core.errors import (
    AuthFailed,
    ClosedError,
    ClusterMismatch,
    EtcdError,
    NoLeader,
    PermissionDenied,
    Unauthenticated,
    WatchOverflow,
)
from etcdtui.core.ring import Ring
from etcdtui.core.tasks import background
from etcdtui.core.types import Event, EventType
from etcdtui.services.cluster.versions import version_order
from etcdtui.services.reads.roots import start_of
from etcdtui.services.session.session import Session
from etcdtui.services.tail import entries
from etcdtui.services.tail.before import Before, look_up
from etcdtui.services.tail.entries import DEL, NEW, PUT, Entry, Gap, GapKind, Mark, Seen
from etcdtui.services.tail.expiry import Expiry
from etcdtui.services.tail.log import Listener
from etcdtui.services.tail.source import Source, WatchSpec
from etcdtui.services.tail.spill import Spill

RING_EVENTS = 10_000
RING_BYTES = 32 * 1024 * 1024
RATE_WINDOW = 10.0
BEAT = 0.8
"""Seconds between two looks at the member that sends the events: whether it answers, has a leader, and is ahead."""
BEAT_TIMEOUT = 0.8
RETRY_FIRST = 0.5
RETRY_MOST = 8.0
REFUSED_RETRY = 15.0
"""Seconds until a refused watch is asked for again: somebody may have granted it."""
BEHIND = 1000
"""Revisions from which on a tail is said to catch up."""
REFUSALS = (PermissionDenied, Unauthenticated, AuthFailed)
TRUE_PROGRESS: dict[tuple[int, ...], int] = {(3, 4): 25, (3, 5): 8}
"""From which patch release on a server's word about its progress is true; later minor releases always tell it so."""


class FeedState(Enum):
    CREATING = "creating.."
    LIVE = "live"
    LOST = "lost"
    REFUSED = "refused"
    HELD = "held"
    ENDED = "ended"


class WatchFeed:
    """One watch. ``run`` until cancelled; it returns only when the client is closed.

    ``ring`` is what is kept, ``spill`` what it let go and is on disk; ``listeners`` are told everything. ``changed``,
    whoever sets it, is called, often, when there is something new to show.
    """

    def __init__(
        self,
        client: Client,
        spec: WatchSpec,
        *,
        name: str = "",
        now: Callable[[], float] = time.time,
        ring_events: int = RING_EVENTS,
        ring_bytes: int = RING_BYTES,
        spill: Spill | None = None,
    ) -> None:
        self.spec = spec
        self.name = name
        self.state = FeedState.CREATING
        self.error: EtcdError | None = None
        self.allowed = ""
        """What a refused user may watch instead, in words."""
        self.spill = spill
        self.ring: Ring[Entry] = Ring(
            entries.entry_size,
            max_items=ring_events,
            max_bytes=ring_bytes,
            let_go=spill.add if spill is not None else None,
        )
        self.listeners: list[Listener] = []
        self.changed: Callable[[], None] = _nobody
        self.events = 0
        self.losses = 0
        self.marks = 0
        self.retries = 0
        self.retry_at = 0.0
        self.silent = False
        """The member that sends the events does not answer at the moment."""
        self.leaderless = False
        self.paused_at: int | None = None
        """The ring's number of the first entry that came while paused."""
        self.began = 0
        """The first revision that is watched; 0 while that is not known."""
        self._client = client
        self.now = now
        self._source: Source | None = None
        self._next = spec.start_revision
        self._head = 0
        self._lost: tuple[float, EtcdError] | None = None
        self._wake = asyncio.Event()
        self._going = asyncio.Event()
        self._going.set()
        self._recent: deque[tuple[float, int]] = deque()
        self._since = 0.0
        self._versions: dict[str, str] = {}
        self._paused_bytes = 0
        self._before = Before()
        self._expiry = Expiry(client, self._tell)

    # --- how it stands -------------------------------------------------------------------------------------------

    @property
    def complete(self) -> int:
        """Everything up to this revision is in the ring or was; 0 before the start is known."""
        return self._source.complete if self._source is not None else max(0, self._next - 1)

    @property
    def head(self) -> int:
        """The newest revision that the store is known to have."""
        return max(self._head, self._source.head if self._source is not None else 0, self.complete)

    @property
    def lag(self) -> int | None:
        """Revisions of the store not looked through yet; ``None`` when the server cannot say.

        A server that does not tell its progress truly leaves open whether what it has more concerns this range.
        """
        behind = self.head - self.complete
        whole = self.spec.key == b"\0" and self.spec.range_end == b"\0"
        if behind > 0 and not whole and not self.knows_progress and self.state is FeedState.LIVE:
            return None
        return behind

    @property
    def first(self) -> int:
        """The number of the oldest entry that can be had."""
        return self.spill.first if self.spill is not None else self.ring.first

    @property
    def next(self) -> int:
        """The number that the next entry will get."""
        return self.ring.next

    def get(self, sequence: int) -> Entry | None:
        """The entry of that number, ``None`` when it is no longer, or not yet, there."""
        if sequence < self.ring.first:
            return self.spill.get(sequence) if self.spill is not None else None
        return self.ring.get(sequence)

    @property
    def dropped(self) -> int:
        """Entries that came and cannot be had any more."""
        return self.first if self.spill is not None else self.ring.dropped

    @property
    def knows_progress(self) -> bool:
        return self._source is not None and self._source.trusts_progress

    @property
    def watchers(self) -> int:
        """Watchers on the server at the moment: more than one while one would not keep up."""
        stretches = self._source.stretches if self._source is not None else None
        return len(stretches.line) if stretches is not None else 0

    @property
    def is_well(self) -> bool:
        """Whether news would come now."""
        return self.state is FeedState.LIVE and not self.silent and not self.leaderless

    @property
    def catching_up(self) -> bool:
        return self.state is FeedState.LIVE and (self.lag or 0) >= BEHIND

    def rate(self) -> float:
        """Events a second over the last seconds, or since the first of them."""
        now = self.now()
        self._forget_old(now)
        over = min(RATE_WINDOW, max(1.0, now - self._since)) if self._since else RATE_WINDOW
        return sum(count for _, count in self._recent) / over

    def retry_in(self) -> float:
        """Seconds until it is tried again; 0 while it is being tried."""
        source = self._source
        watcher = source.watcher if source is not None else None
        at = watcher.link.retry_at if watcher is not None and not watcher.link.up else self.retry_at
        return max(0.0, at - asyncio.get_running_loop().time())

    def attempt(self) -> int:
        """Which attempt is the next."""
        source = self._source
        watcher = source.watcher if source is not None else None
        return self.retries + (watcher.link.attempt if watcher is not None and not watcher.link.up else 0) + 1

    # --- what a person does --------------------------------------------------------------------------------------

    def mark(self, text: str) -> None:
        """Put a line into the tail."""
        self.marks += 1
        self._keep([Mark(self.marks, text, self.now())])

    def pause(self) -> None:
        """Nothing is dropped from here on: when the ring is full of news the feed holds still."""
        if self.paused_at is None:
            self._keep([Gap(GapKind.PAUSED, f"paused after rev {self.complete}: nothing missed", 0, seen=self.now())])
            self.paused_at, self._paused_bytes = self.ring.next, self.ring.added

    def go_on(self) -> None:
        """After ``pause`` or ``hold``."""
        self.paused_at = None
        self._going.set()

    def hold(self) -> None:
        """Stop reading until ``go_on``; what happens meanwhile is read afterwards."""
        self._going.clear()
        if self._source is not None:
            self._source.stop()

    async def skip_ahead(self) -> None:
        """Be up to date at once: what lies between is a gap. Raises ``EtcdError`` when nobody says where now is."""
        answer = await self._client.kv.get(self.spec.key, count_only=True)
        if answer.header is None:
            return
        first, last = self.complete + 1, answer.header.revision
        if last < first or not self.began:
            return
        self._next = last + 1
        if self._source is not None:
            self._source.stop()
            self._source.next_revision = last + 1
        self.gap(entries.skipped(first, last, self.now()))

    async def look_up(self, entries: Sequence[Seen]) -> None:
        """Read what is still open about ``entries``: what their keys held before."""
        await look_up(self._client, entries)
        self._tell()

    def ask(self) -> None:
        """Have the server say now how far it is."""
        if self._source is not None:
            self._source.ask_progress()

    def retry_now(self) -> None:
        """End the pause before the next attempt."""
        self._wake.set()

    # --- running -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        tasks = [background(self._beat(), "tail beat"), *self._expiry.start()]
        pause = RETRY_FIRST
        try:
            while True:
                if not self._going.is_set():
                    self._become(FeedState.HELD, None)
                    await self._going.wait()
                    self._become(FeedState.CREATING, None)
                source = self._source = Source(self._client, self.spec, self._next, self, self.now, self._lost)
                self._lost = None
                error = await source.run()
                was_live = self.state is FeedState.LIVE
                self._next, self._head = source.next_revision, self.head
                if was_live:
                    pause, self.retries = RETRY_FIRST, 0
                if error is None or isinstance(error, WatchOverflow):
                    continue
                self._source = None
                if isinstance(error, (ClosedError, ClusterMismatch)):
                    self._become(FeedState.ENDED, error)
                    return
                self._lost = source.lost or (asyncio.get_running_loop().time(), error)
                refused = isinstance(error, REFUSALS)
                if refused:
                    self.allowed = await self._what_is_allowed()
                self._become(FeedState.REFUSED if refused else FeedState.LOST, error)
                await self._rest(REFUSED_RETRY if refused else pause)
                pause = min(pause * 2, RETRY_MOST)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.spill is not None:
                self.spill.close()

    async def _rest(self, seconds: float) -> None:
        self.retry_at = asyncio.get_running_loop().time() + seconds
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self.retries += 1

    async def _what_is_allowed(self) -> str:
        """Ranges within the wanted one, or all, that this user may read."""
        try:
            async with asyncio.timeout(BEAT):
                start = await start_of(self._client, self._client.options.username or "")
        except (EtcdError, TimeoutError):
            return ""
        readable = [root for root in start.roots if root.readable]
        wanted = self.spec.key, self.spec.range_end
        inside = [root for root in readable if ranges.intersect(root.within, wanted)]
        return ", ".join(root.label for root in (inside or readable)[:3])

    async def _beat(self) -> None:
        """Once in a while: does the member answer, has it a leader, and is the store ahead of what came."""
        while True:
            await asyncio.sleep(BEAT)
            source = self._source
            watcher = source.watcher if source is not None else None
            if source is None or watcher is None or not watcher.link.up:
                self._tell()
                continue
            await self._look(source, watcher.link.endpoint)
            if self.head > source.complete:
                source.ask_progress()
            source.settle()
            self._tell()

    async def _look(self, source: Source, endpoint: str) -> None:
        try:
            status = await self._client.maintenance.status(endpoint, timeout=BEAT_TIMEOUT)
        except REFUSALS:  # it answers, and tells this user no more
            self.silent = self.leaderless = False
            return
        except EtcdError:
            self.silent = True
            return
        self.silent, self.leaderless = False, not status.leader
        if status.header is not None:
            self._head = max(self._head, status.header.revision)
        source.trusts_progress = tells_progress(status.version)

    # --- a source's sink -----------------------------------------------------------------------------------------

    def take(self, events: Sequence[Event]) -> int:
        now = self.now()
        news: list[Seen] = []
        deletions: list[Seen] = []
        group: list[Seen] = []
        revisions = last = 0
        before_of = self._before.of
        for event in events:
            kv = event.kv
            before, known = before_of(event)
            if event.type is EventType.DELETE:
                entry = Seen(event, now, DEL, before, not known)
                deletions.append(entry)
            else:
                entry = Seen(event, now, NEW if kv.version == 1 else PUT, before, not known)
            news.append(entry)
            if kv.mod_revision == last:
                group.append(entry)
                continue
            if len(group) > 1:
                _number(group)
            group, last = [entry], kv.mod_revision
            revisions += 1
        if len(group) > 1:
            _number(group)
        if deletions:
            self._expiry.ask(deletions)
        if not self._since:
            self._since = now
        self.events += len(events)
        self._recent.append((now, len(events)))
        self._forget_old(now)
        self._keep(news)
        return revisions

    def gap(self, gap: Gap) -> None:
        if gap.is_loss:
            self.losses += 1
            self._before.clear()
        self._keep([gap])

    def linked(self, up: bool, error: EtcdError | None) -> None:
        if up:
            self.silent = self.leaderless = False
            self.allowed = ""
            if not self.began and self._source is not None:
                self.began = self._source.next_revision
        self._become(FeedState.LIVE if up else FeedState.LOST, error)

    # ----------------------------------------------------------------------------------------------------------

    def _keep(self, news: Sequence[Entry]) -> None:
        ring = self.ring
        for entry in news:
            ring.append(entry)
        for listener in self.listeners:
            listener.came(news)
        if self.paused_at is not None and self._news_fill_half():
            self.hold()
        self._tell()

    def _news_fill_half(self) -> bool:
        """Whether what came since the pause takes half of the ring: some room stays for what is on its way."""
        ring, since = self.ring, self.paused_at or 0
        return (ring.next - since) * 2 >= ring.max_items or (ring.added - self._paused_bytes) * 2 >= ring.max_bytes

    def _tell(self) -> None:
        self.changed()

    def _become(self, state: FeedState, error: EtcdError | None) -> None:
        self.state, self.error = state, error
        if state is not FeedState.LIVE:
            self.silent = self.leaderless = False
            self.leaderless = isinstance(error, NoLeader)
        self._tell()

    def _forget_old(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - RATE_WINDOW:
            self._recent.popleft()


def _nobody() -> None:
    """Until somebody wants to know of changes."""


def tells_progress(version: str) -> bool:
    """Whether a server of this version is to be believed about its progress."""
    order = version_order(version)
    return len(order) >= 3 and order[2] >= TRUE_PROGRESS.get(order[:2], 0) and order >= (3, 4)


def _number(group: list[Seen]) -> None:
    for place, entry in enumerate(group):
        entry.group, entry.place = len(group), place


def feed_of(session: Session, spec: WatchSpec, *, name: str = "", spill: Spill | None = None) -> WatchFeed:
    """A watch on the cluster of an opened profile; what it sees, the session tells to whoever else shows it."""
    feed = WatchFeed(session.client, spec, name=name, spill=spill)
    feed.listeners.append(_Told(session))
    return feed


class _Told:
    """Hands events on to a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def came(self, entries: Sequence[Entry]) -> None:
        events = [entry.event for entry in entries if isinstance(entry, Seen)]
        for hear in self._session.seen if events else ():
            hear(events)
