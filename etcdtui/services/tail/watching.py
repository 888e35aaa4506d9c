"""A watch as a tail: events into a bounded ring, every interruption into a visible gap.

The client resumes a watch by itself without gap or double. What ends it for good (compaction, a reader that was too
slow, a refusal) is written into the ring, and where going on makes sense the feed goes on by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import field
from enum import Enum

from etcdtui.client import Client
from etcdtui.core.errors import (
    ClosedError,
    Compacted,
    EtcdError,
    NoLeader,
    PermissionDenied,
    Unauthenticated,
    WatchOverflow,
)
from etcdtui.core.ring import Ring
from etcdtui.core.types import Event, EventType, KeyValue
from etcdtui.core.value import record

RING_EVENTS = 10_000
RING_BYTES = 64 * 1024 * 1024
RATE_WINDOW = 10.0
RETRY_FIRST = 0.5
RETRY_MOST = 8.0
LEASE_CHECKS = 4
"""Leases asked for at the same time to tell an expiry from a deletion."""
LEASES_REMEMBERED = 1_000


class FeedState(Enum):
    CREATING = "creating.."
    LIVE = "live"
    RETRYING = "retrying"
    ENDED = "ended"


@record()
class WatchSpec:
    """What is watched: a range, from ``start_revision`` (0 is now)."""

    key: bytes
    range_end: bytes = b""
    start_revision: int = 0

    @property
    def is_prefix(self) -> bool:
        return self.range_end != b""


@record()
class Seen:
    """One event and when it was seen (Unix seconds); ``group`` is how many events its batch held at its revision."""

    event: Event
    seen: float
    group: int = 1

    @property
    def revision(self) -> int:
        return self.event.kv.mod_revision


@record()
class MarkLine:
    """A line that a person put into the tail."""

    text: str
    seen: float


Entry = Seen | MarkLine


def entry_size(entry: Entry) -> int:
    """Bytes an entry keeps alive, roughly."""
    if isinstance(entry, MarkLine):
        return 64 + len(entry.text)
    kv, prev = entry.event.kv, entry.event.prev_kv
    return 256 + len(kv.key) + len(kv.value) + (len(prev.value) if prev else 0)


@record(frozen=False)
class WatchFeed:
    """One watch. ``run`` until cancelled; ``changed`` is called (often) when there is something new to paint."""

    client: Client
    spec: WatchSpec
    changed: Callable[[], None] = lambda: None
    now: Callable[[], float] = time.time
    state: FeedState = FeedState.CREATING
    words: str = ""
    ring: Ring[Entry] = field(default_factory=lambda: Ring(entry_size, max_items=RING_EVENTS, max_bytes=RING_BYTES))
    events: int = 0
    revision: int = 0
    error: EtcdError | None = None
    marks: int = 0
    _next: int = 0
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _gone_leases: dict[int, bool] = field(default_factory=dict)
    _to_check: asyncio.Queue[int] = field(default_factory=lambda: asyncio.Queue(LEASES_REMEMBERED))

    async def run(self) -> None:
        """Tail for ever; returns when the watch can not go on, with ``error`` set."""
        self._next = self.spec.start_revision
        pause = RETRY_FIRST
        async with asyncio.TaskGroup() as group:
            checks = [group.create_task(self._check_leases()) for _ in range(LEASE_CHECKS)]
            try:
                while True:
                    error = await self._tail_once()
                    if self.state is FeedState.LIVE:
                        pause = RETRY_FIRST
                    if not self._goes_on(error):
                        self._become(FeedState.ENDED, f"{error.title}: {error.message}", error)
                        return
                    if not isinstance(error, (Compacted, WatchOverflow)):
                        self._become(FeedState.RETRYING, f"{error.title}; lost at rev {self.revision}, retrying", error)
                        await asyncio.sleep(pause)
                        pause = min(pause * 2, RETRY_MOST)
            finally:
                for check in checks:
                    check.cancel()

    def mark(self, text: str) -> None:
        """Put a line into the tail."""
        self.marks += 1
        self.ring.append(MarkLine(f"mark {self.marks}" + (f": {text}" if text else ""), self.now()))
        self.changed()

    def rate(self) -> float:
        """Events a second over the last seconds."""
        self._forget_old(self.now())
        return sum(count for _, count in self._recent) / RATE_WINDOW

    def op(self, seen: Seen) -> str:
        """``NEW``, ``PUT``, ``DEL``, or ``DEL~`` when the lease of the deleted key is gone too: probably an expiry."""
        event = seen.event
        if event.type is EventType.PUT:
            return "NEW" if event.is_create else "PUT"
        before = event.prev_kv
        return "DEL~" if before and before.lease and self._gone_leases.get(before.lease) else "DEL"

    async def _tail_once(self) -> EtcdError:
        watcher = self.client.watch(
            self.spec.key,
            range_end=self.spec.range_end or None,
            start_revision=self._next,
            prev_kv=True,
            created_notify=True,
            require_leader=True,
        )
        try:
            async with watcher as batches:
                async for batch in batches:
                    if batch.created:
                        self._become(FeedState.LIVE, "", None)
                    self.revision = max(self.revision, batch.revision)
                    if batch.events:
                        self._take(batch.events)
        except EtcdError as error:
            # Everything received was delivered before the error, so nothing between here and there is lost.
            self._next = watcher.next_revision or self._next
            return self._after(error)
        return ClosedError("the watch was closed")

    def _take(self, events: Sequence[Event]) -> None:
        now = self.now()
        groups: dict[int, int] = {}
        for event in events:
            groups[event.kv.mod_revision] = groups.get(event.kv.mod_revision, 0) + 1
        for event in events:
            self.ring.append(Seen(event, now, groups[event.kv.mod_revision]))
            self._suspect(event.prev_kv if event.type is EventType.DELETE else None)
        self.events += len(events)
        self._next = events[-1].kv.mod_revision + 1
        self._recent.append((now, len(events)))
        self._forget_old(now)
        self.changed()

    def _after(self, error: EtcdError) -> EtcdError:
        """Say in the tail what is missing, and from where to go on."""
        if isinstance(error, Compacted):
            missed = max(0, error.compact_revision - self._next) if self._next else 0
            self._next = error.compact_revision
            what = f"{missed} revisions missed" if missed else "events may be missing"
            self.ring.mark_gap(f"compacted below {error.compact_revision}: {what}", missed or None)
        elif isinstance(error, WatchOverflow):
            self._next = error.next_revision or self._next
            self.ring.mark_gap("too many events at once: resumed, nothing missed", 0)
        self.changed()
        return error

    @staticmethod
    def _goes_on(error: EtcdError) -> bool:
        if isinstance(error, (PermissionDenied, Unauthenticated, ClosedError)):
            return False
        return isinstance(error, (Compacted, WatchOverflow, NoLeader)) or error.retryable

    def _become(self, state: FeedState, words: str, error: EtcdError | None) -> None:
        self.state, self.words, self.error = state, words, error
        self.changed()

    def _forget_old(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - RATE_WINDOW:
            self._recent.popleft()

    # -- expiry or deletion ------------------------------------------------------------------------------------

    def _suspect(self, before: KeyValue | None) -> None:
        if before is None or not before.lease or before.lease in self._gone_leases or self._to_check.full():
            return
        while len(self._gone_leases) >= LEASES_REMEMBERED:
            del self._gone_leases[next(iter(self._gone_leases))]
        self._gone_leases[before.lease] = False
        self._to_check.put_nowait(before.lease)

    async def _check_leases(self) -> None:
        while True:
            lease = await self._to_check.get()
            try:
                answer = await self.client.lease.time_to_live(lease)
            except EtcdError:
                self._gone_leases.pop(lease, None)
                continue
            if answer.ttl < 0:
                self._gone_leases[lease] = True
                self.changed()
            else:
                self._gone_leases.pop(lease, None)
