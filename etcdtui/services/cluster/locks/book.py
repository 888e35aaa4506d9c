"""Locks of one cluster as they are now: read where the profile's patterns look and where leases lead, then followed."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from etcdtui.client import Client
from etcdtui.core import ranges
from etcdtui.core.errors import Compacted, EtcdError, PermissionDenied
from etcdtui.core.tasks import awaited
from etcdtui.core.types import Event, EventType, KeyValue
from etcdtui.core.units import format_count
from etcdtui.core.value import record
from etcdtui.services.cluster.leases import LeaseBook, LeaseRow
from etcdtui.services.cluster.locks.recognise import (
    KUBE_NODES,
    Contender,
    Lock,
    LockKind,
    is_contender,
    is_telling,
    recognise,
)

Range = tuple[bytes, bytes]

MAX_KEYS = 20_000
"""Keys read of one place; more are not looked at, which is said."""
PAGE = 1_000
VALUE_KEPT = 4_096
"""Bytes kept of a value: enough for an owner's name, and for a Kubernetes Lease."""
PLACES = 64
"""Places off the patterns that are followed, each with a watcher."""
HANDOVERS_KEPT = 200
ENDED_KEPT = 2_000
RETRY_FIRST, RETRY_MOST = 0.5, 5.0
LOOK_EVERY, LOOK_SELDOM = 5.0, 30.0
"""Seconds between two looks at all leases for locks that no pattern names; seldom where there are many leases."""
MANY_LEASES = 2_000


@record()
class Handover:
    """Somebody else holds it: seen by us at ``seen`` (seconds since 1970), at ``revision`` where that is known."""

    lock: Lock
    before: Contender | None
    after: Contender | None
    revision: int
    seen: float


def areas_of(patterns: Sequence[str]) -> list[Range]:
    """The ranges in which the patterns can match: from their letters before the first star."""
    found: list[Range] = []
    for pattern in patterns:
        literal = re.split(r"[*?]", pattern, maxsplit=1)[0].encode("utf-8", "surrogateescape")
        if literal == pattern.encode("utf-8", "surrogateescape"):
            found += [(literal, b""), ranges.prefix_range(literal + b"/")]
        else:
            found.append(ranges.prefix_range(literal))
    return [part for area in ranges.merge(found) for part in _without_nodes(area)]


def _without_nodes(area: Range) -> Iterator[Range]:
    """Heartbeats of Kubernetes nodes are no locks, and are written all the time."""
    key, end = area
    stop = ranges.prefix_end(KUBE_NODES)
    if not ranges.contains(area, (KUBE_NODES, stop)):
        yield area
        return
    if key < KUBE_NODES:
        yield key, KUBE_NODES
    if end == ranges.FROM_KEY or stop < end:
        yield stop, end


class LockBook:
    """``follow`` reads and keeps reading; ``refresh`` makes ``locks`` and ``handovers`` of what has come.

    ``readable`` gives the ranges that the user may read, ``stale`` whether reads have to do without a leader.
    ``problem`` is why what is shown may be old, ``as_of`` since when; ``cut`` names places with more keys than are
    looked at, ``denied`` those that may not be read.
    """

    def __init__(
        self,
        client: Client,
        leases: LeaseBook,
        patterns: Sequence[str],
        readable: Callable[[], Awaitable[Sequence[Range]]],
        stale: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.leases = leases
        self.patterns = tuple(patterns)
        self.locks: tuple[Lock, ...] = ()
        self.handovers: deque[Handover] = deque(maxlen=HANDOVERS_KEPT)
        self.problem: EtcdError | None = None
        self.as_of = 0.0
        self.revision = 0
        self.cut: dict[Range, int] = {}
        self.denied: set[Range] = set()
        self.unfollowed = 0
        self.read_once = False
        """Whether every place of the patterns was read."""
        self.looked = False
        """Whether all leases were looked at for more."""
        self._client = client
        self._readable = readable
        self._stale = stale
        self._now = now
        self._areas: dict[Range, dict[bytes, KeyValue]] = {}
        self._tasks: dict[Range, asyncio.Task[None]] = {}
        self._pending: set[Range] = set()
        self._holders: dict[tuple[str, bytes], Contender | None] = {}
        self._ended: dict[bytes, int] = {}
        self._dirty = True

    # -- reading ---------------------------------------------------------------------------------------------------

    async def follow(self, told: Callable[[], None]) -> None:
        """Read every place and follow it until cancelled; ``told`` is called whenever there is something new."""
        try:
            reach = await self._readable()
            for area in areas_of(self.patterns):
                for part in (ranges.intersect(area, one) for one in reach):
                    if part is not None:
                        self._begin(part, told)
            self.read_once = not self._pending
            told()
            while True:
                try:
                    await self._look_elsewhere(reach, told)
                except EtcdError as error:
                    self._failed(error, told)
                await asyncio.sleep(LOOK_SELDOM if len(self.leases.rows) > MANY_LEASES else LOOK_EVERY)
        finally:
            tasks = list(self._tasks.values())
            self._tasks.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, area: Range, told: Callable[[], None]) -> None:
        if area not in self._tasks:
            self._pending.add(area)
            self._tasks[area] = awaited(self._keep(area, told), "etcd locks")

    async def _keep(self, area: Range, told: Callable[[], None]) -> None:
        """One place: read it, apply its events, and begin anew when it was compacted away or broke."""
        pause = RETRY_FIRST
        while True:
            try:
                revision = await self._read(area)
                self._pending.discard(area)
                self.read_once = self.read_once or not self._pending
                self._fresh(told)
                pause = RETRY_FIRST
                if not self._stale():
                    await self._apply_events(area, revision + 1, told)
            except Compacted:
                continue
            except PermissionDenied:
                self.denied.add(area)
                self._pending.discard(area)
                self.read_once = self.read_once or not self._pending
                told()
                return
            except EtcdError as error:
                self._failed(error, told)
            await asyncio.sleep(pause)
            pause = min(RETRY_MOST, pause * 2)

    async def _read(self, area: Range) -> int:
        found: dict[bytes, KeyValue] = {}
        revision = count = 0
        pages = self._client.kv.pages(area[0], range_end=area[1] or None, page_size=PAGE, serializable=self._stale())
        async with aclosing(pages):
            async for page in pages:
                revision = revision or (page.header.revision if page.header is not None else 0)
                count = count or page.count
                found.update((kv.key, _small(kv)) for kv in page.kvs)
                if len(found) >= MAX_KEYS:
                    break
        if len(found) >= MAX_KEYS and count > len(found):
            self.cut[area] = count
        else:
            self.cut.pop(area, None)
        self._areas[area] = found
        self.revision = max(self.revision, revision)
        self._dirty = True
        return revision

    async def _apply_events(self, area: Range, start: int, told: Callable[[], None]) -> None:
        held = self._areas[area]
        watcher = self._client.watch(
            area[0], range_end=area[1] or None, start_revision=start, require_leader=True, lane="locks"
        )
        async with watcher:
            async for batch in watcher:
                if batch.events:
                    for event in batch.events:
                        self._take(held, event)
                    self.revision = max(self.revision, batch.revision)
                    self._dirty = True
                    self._fresh(told)

    def _take(self, held: dict[bytes, KeyValue], event: Event) -> None:
        key = event.kv.key
        if event.type is EventType.DELETE:
            held.pop(key, None)
            self._ended[key] = event.kv.mod_revision
            while len(self._ended) > ENDED_KEPT:
                del self._ended[next(iter(self._ended))]
        elif key in held or len(held) < MAX_KEYS:
            held[key] = _small(event.kv)

    def _fresh(self, told: Callable[[], None]) -> None:
        self.problem, self.as_of = None, self._now()
        told()

    def _failed(self, error: EtcdError, told: Callable[[], None]) -> None:
        self.problem = error
        told()

    async def _look_elsewhere(self, reach: Sequence[Range], told: Callable[[], None]) -> None:
        """Leases lead to locks that no pattern names: their places are followed too."""
        ids = await self.leases.list_ids(reach)

        def seen(rows: Sequence[LeaseRow]) -> None:
            for row in rows:
                for key in row.keys or ():
                    if is_telling(key, row.id):
                        self._found(_place_of(key, row.id), told)

        seen([self.leases.rows[one] for one in ids if self.leases.rows[one].keys is not None])
        await self.leases.walk(seen=seen)
        self.looked = True
        told()

    def _found(self, place: Range, told: Callable[[], None]) -> None:
        if any(ranges.contains(area, place) for area in (*self._areas, *self._tasks)):
            return
        if len(self._tasks) >= PLACES:
            self.unfollowed += 1
            return
        self._begin(place, told)

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def dirty(self) -> bool:
        """Whether ``refresh`` would find something new."""
        return self._dirty

    def refresh(self) -> None:
        """Recognise the locks among what was read, and who holds one now that did not before."""
        self._dirty = False
        known: dict[bytes, KeyValue] = {}
        for held in self._areas.values():
            known.update(held)
        self.locks = recognise(known.values(), self.patterns)
        holders = {lock.id: lock.holder for lock in self.locks}
        for lock in self.locks:
            before, after = self._holders.get(lock.id, lock.holder), lock.holder
            if before != after and not _same_holder(lock, before, after):
                self.handovers.append(Handover(lock, before, after, self._revision(before, after), self._now()))
        self._holders = holders

    def _revision(self, before: Contender | None, after: Contender | None) -> int:
        if before is not None and (ended := self._ended.get(before.key)):
            return ended
        return after.mod_revision if after is not None else 0

    def handovers_of(self, lock: Lock) -> list[Handover]:
        """Oldest first, as seen since the screen was opened."""
        return [one for one in self.handovers if one.lock.id == lock.id]

    def notes(self) -> list[str]:
        """What the list may lack, in sentences."""
        words = [
            f"{_name(area)} has {format_count(count)} keys; the first {format_count(MAX_KEYS)} were looked at"
            for area, count in self.cut.items()
        ]
        if self.denied:
            words.append(f"may not be read by you: {', '.join(_name(area) for area in sorted(self.denied))}")
        if self.unfollowed:
            words.append(f"{self.unfollowed} more places with locks are not followed: name them in the profile's locks")
        return words


def _small(kv: KeyValue) -> KeyValue:
    return replace(kv, value=kv.value[:VALUE_KEPT]) if len(kv.value) > VALUE_KEPT else kv


def _name(area: Range) -> str:
    return area[0].decode("utf-8", "backslashreplace")


def _place_of(key: bytes, lease: int) -> Range:
    """Where to look for the whole queue of a contender; the key itself for a leader's."""
    head, _, _ = key.rpartition(b"/")
    if is_contender(key, lease):
        return ranges.prefix_range(head + b"/")
    if head.endswith((b"/read", b"/write")):
        return ranges.prefix_range(head.rpartition(b"/")[0] + b"/")
    return key, b""


def _same_holder(lock: Lock, before: Contender | None, after: Contender | None) -> bool:
    """Whether it is the same owner with other words: a renewal, a new proclamation."""
    if before is None or after is None:
        return before is after
    if lock.kind is LockKind.KUBE:
        return _kube_holder(before) == _kube_holder(after)
    if lock.single:
        return (before.create_revision, before.value) == (after.create_revision, after.value)
    return before.key == after.key and before.create_revision == after.create_revision


def _kube_holder(one: Contender) -> str:
    found = recognise([KeyValue(one.key, one.value, one.create_revision, one.mod_revision, one.version, 0)], ["**"])
    return found[0].kube.holder if found and found[0].kube else ""
