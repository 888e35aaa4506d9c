"""The changes of a range as one stream: in order, whole revisions, each once; what interrupts it is a value too.

``Source`` keeps the watchers that ``stretches`` asks for, on a stream (lane) of their own, and hands over what is
complete. It is told nothing of rings, files or screens: a ``Sink`` takes what comes.
"""

from __future__ import annotations

import asyncio
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Protocol

from etcdtui.client import Client
from etcdtui.client.watch import Watcher
from etcdtui.core.errors import Compacted, EtcdError
from etcdtui.core.tasks import awaited
from etcdtui.core.types import Event, WatchBatch
from etcdtui.core.value import record
from etcdtui.services.tail import entries
from etcdtui.services.tail.entries import Gap
from etcdtui.services.tail.stretches import ROUND_REVISIONS, TOP_UP, Change, Stretch, Stretches

SLICE_SECONDS = 0.008
"""How long one task may hand over events before others, the screen among them, get their turn."""
RESUMED_AFTER = 0.5
"""Seconds without a refusal after which a watch that was taken up again has missed nothing."""

SAMPLED = 16
"""Events looked at to tell how large those of a round are."""

_LANES = itertools.count(1)


@record()
class WatchSpec:
    """What is watched: a range, from ``start_revision`` (0 is now)."""

    key: bytes
    range_end: bytes = b""
    start_revision: int = 0

    @property
    def is_prefix(self) -> bool:
        return self.range_end != b""


class Sink(Protocol):
    """Who takes the stream. Nothing here may wait."""

    def take(self, events: Sequence[Event]) -> int:
        """Events of whole revisions, all later than those before; of how many revisions."""

    def gap(self, gap: Gap) -> None:
        """Something between the events before and those to come."""

    def linked(self, up: bool, error: EtcdError | None) -> None:
        """The watch is established; or it is lost, for ``error``, and being taken up again."""


class Source:
    """One watch, from ``start`` (0: now) on. ``run`` once; it ends with the error that ends the watch.

    Afterwards ``next_revision`` is where to go on. ``stop`` ends it early, without an error. ``lost`` tells when
    (loop time) and why an earlier source of the same watch ended.
    """

    def __init__(
        self,
        client: Client,
        spec: WatchSpec,
        start: int,
        sink: Sink,
        now: Callable[[], float],
        lost: tuple[float, EtcdError] | None = None,
    ) -> None:
        self.next_revision = start
        self.head = 0
        self.trusts_progress = False
        """Whether the server is known to tell its progress truly: those before 3.4.25 and 3.5.8 tell too much."""
        self.stretches: Stretches | None = None
        self._client = client
        self._spec = spec
        self._sink = sink
        self._now = now
        self._lane = f"tail {next(_LANES)}"
        self._watchers: dict[Stretch, Watcher] = {}
        self._held: dict[Stretch, list[Sequence[Event] | Gap]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[EtcdError | None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lost = lost
        self._resumed: tuple[float, float, EtcdError] | None = None
        self._was_up = False
        self._turn = 0.0

    @property
    def complete(self) -> int:
        """Everything up to this revision was handed over; 0 before the start is known."""
        return self.next_revision - 1 if self.next_revision else 0

    @property
    def lost(self) -> tuple[float, EtcdError] | None:
        """When (loop time) and why the connection was lost, while it is."""
        return self._lost

    @property
    def watcher(self) -> Watcher | None:
        """The newest watcher, for what it tells of its connection."""
        line = self.stretches.line if self.stretches is not None else ()
        return next((self._watchers[s] for s in reversed(line) if s in self._watchers), None)

    async def run(self) -> EtcdError | None:
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        self.stretches = Stretches(self.next_revision, loop.time())
        self._begin(self.stretches.line[0])
        try:
            return await self._over
        finally:
            if self._timer is not None:
                self._timer.cancel()
            for watcher in list(self._watchers.values()):
                watcher.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._watchers.clear()
            self._held.clear()
            self.stretches = None

    def stop(self) -> None:
        """End ``run``; what was not handed over comes again when somebody goes on from ``next_revision``."""
        self._end(None)

    def ask_progress(self) -> None:
        """Have the server say how far it is; ``complete`` moves when it does."""
        watcher = self.watcher
        if watcher is not None and watcher.link.up:
            watcher.ask_progress()

    def settle(self) -> None:
        """Draw the line about a watch that was taken up again, once nothing can contradict it any more."""
        if self._resumed is not None and asyncio.get_running_loop().time() - self._resumed[0] >= RESUMED_AFTER:
            self._tell_resumed()

    # --- watchers ----------------------------------------------------------------------------------------------

    def _end(self, error: EtcdError | None) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(error)

    def _begin(self, stretch: Stretch) -> None:
        self._held.setdefault(stretch, [])
        task = awaited(self._follow(stretch), "etcd tail")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None and self._over is not None and not self._over.done():
            self._over.set_exception(fault)

    async def _follow(self, stretch: Stretch) -> None:
        """Read one watcher until its stretch is finished."""
        try:
            while not stretch.finished:
                watcher = self._client.watch(
                    self._spec.key,
                    range_end=self._spec.range_end or None,
                    start_revision=max(0, stretch.done + 1),
                    prev_kv=not stretch.bare,
                    progress_notify=True,
                    link_notify=True,
                    require_leader=True,
                    lane=self._lane,
                )
                async with watcher:
                    self._watchers[stretch] = watcher
                    if stretch.done < 0:
                        stretch.start = watcher.next_revision
                        stretch.done = stretch.start - 1
                        self.next_revision = stretch.start
                    try:
                        await self._read(stretch, watcher)
                    except Compacted as error:
                        self._compacted(stretch, error.compact_revision)
        except EtcdError as error:
            self._end(error)
        finally:
            self._watchers.pop(stretch, None)

    async def _read(self, stretch: Stretch, watcher: Watcher) -> None:
        clock = asyncio.get_running_loop().time
        async for batch in watcher:
            if stretch.finished:
                return
            if batch.events:
                if self._took(stretch, batch):
                    await asyncio.sleep(0)  # watchers begin and end now, before the events are worked on:
                    await asyncio.sleep(0)  # the server's next round is soon
                self._hand_over()
            elif batch.progress:
                if self.trusts_progress:
                    self._progressed(stretch, batch.revision)
            elif batch.created:
                self._linked(batch)
            elif batch.lost is not None:
                self._broke(batch.lost)
            if clock() - self._turn > SLICE_SECONDS:
                await asyncio.sleep(0)
                self._turn = clock()

    def _apply(self, change: Change) -> None:
        for stretch in change.begin:
            self._begin(stretch)
        for stretch in change.end:
            watcher = self._watchers.get(stretch)
            if watcher is not None:
                watcher.close()

    # --- what comes --------------------------------------------------------------------------------------------

    def _took(self, stretch: Stretch, batch: WatchBatch) -> bool:
        """Keep what the stretch is for; whether watchers begin or end by this."""
        assert self.stretches is not None
        loop = asyncio.get_running_loop()
        events: Sequence[Event] = batch.events
        first, last = stretch.done + 1, batch.revision
        head = batch.header.revision if batch.header is not None else last
        count, size = len(events), 0
        if count >= ROUND_REVISIONS:
            count, size = len({event.kv.mod_revision for event in events}), _size(events)
        change = self.stretches.took(stretch, first, last, count, head, size, loop.time())
        if change.until and last > change.until:
            events = events[: bisect_right(events, change.until, key=_revision)]
        if first > 1 and events and events[0].kv.mod_revision < first:
            events = events[bisect_left(events, first, key=_revision) :]
        if events:
            self._held[stretch].append(events)
        if not change.begin and not change.end:
            return False
        self._apply(change)
        if change.end and not change.until:
            self._top_up_later(loop)
        return True

    def _progressed(self, stretch: Stretch, revision: int) -> None:
        assert self.stretches is not None
        self._apply(self.stretches.progressed(stretch, revision, asyncio.get_running_loop().time()))
        self._hand_over()

    def _compacted(self, stretch: Stretch, compact_revision: int) -> None:
        assert self.stretches is not None
        first, last, _ = self.stretches.compacted(stretch, compact_revision)
        self._resumed = None
        if last >= first:
            self._held[stretch].append(entries.compacted(first, last + 1, self._now()))
        self._hand_over()

    def _hand_over(self) -> None:
        """Everything that is complete, in order."""
        stretches = self.stretches
        assert stretches is not None
        while True:
            held = self._held[stretches.line[0]]
            for part in held:
                if self._over is None or self._over.done():  # a sink that stops the source gets no more
                    return
                if isinstance(part, Gap):
                    self._sink.gap(part)
                    self.next_revision = part.last + 1
                    continue
                if self._resumed is not None:
                    self._tell_resumed()
                self.next_revision = part[-1].kv.mod_revision + 1
                stretches.passed(self._sink.take(part), asyncio.get_running_loop().time())
            held.clear()
            finished = stretches.advance()
            if finished is None:
                break
            self._held.pop(finished, None)
        self.next_revision = max(self.next_revision, stretches.complete + 1)
        self.head = max(self.head, stretches.head)

    def _top_up_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(TOP_UP, self._top_up)

    def _top_up(self) -> None:
        if self.stretches is not None and self._over is not None and not self._over.done():
            self._apply(self.stretches.top_up(asyncio.get_running_loop().time()))

    # --- the connection ----------------------------------------------------------------------------------------

    def _linked(self, batch: WatchBatch) -> None:
        if self._lost is not None:
            since, error = self._lost
            self._lost = None
            self._resumed = (asyncio.get_running_loop().time(), since, error)
            self.ask_progress()
        if batch.header is not None and self.stretches is not None:
            self.stretches.saw_head(batch.header.revision, asyncio.get_running_loop().time())
        if not self._was_up:
            self._was_up = True
            self._sink.linked(True, None)

    def _broke(self, error: EtcdError) -> None:
        if self._lost is None:
            self._lost = (asyncio.get_running_loop().time(), error)
        self._was_up = False
        self._sink.linked(False, error)

    def _tell_resumed(self) -> None:
        assert self._resumed is not None
        at, since, error = self._resumed
        self._resumed = None
        self._sink.gap(entries.reconnected(self.complete, at - since, error.title, self._now()))


def _revision(event: Event) -> int:
    return event.kv.mod_revision


def _size(events: Sequence[Event]) -> int:
    """Bytes of many events, from a few of them."""
    step = max(1, len(events) // SAMPLED)
    sample = events[::step]
    return step * sum(
        len(e.kv.key) + len(e.kv.value) + (len(e.prev_kv.value) if e.prev_kv is not None else 0) for e in sample
    )
