"""A copy of a range in memory that follows the store: reads without a request.

What it holds is true of one revision, ``Cache.revision``, and never goes back; the store may be ahead. ``current``
waits until it is as new as the store was when it was called, which makes the reads after it linearizable; ``reached``
waits for a revision one knows, such as that of one's own write.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Coroutine, Iterable
from contextlib import aclosing
from types import TracebackType

from etcdtui.client._transport.deadline import Deadline
from etcdtui.client._transport.stream_policy import Backoff
from etcdtui.client._watch.buffer import BUFFER_BYTES, BUFFER_EVENTS, BatchBuffer
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client._wire.ranges import key_range
from etcdtui.client.kv import DEFAULT_PAGE
from etcdtui.client.mirror import Syncer
from etcdtui.client.shape import EtcdClient
from etcdtui.client.watch import Watcher
from etcdtui.core import errors
from etcdtui.core.ranges import bounds, prefix_range
from etcdtui.core.tasks import awaited, background
from etcdtui.core.types import Event, EventType, KeyValue, WatchBatch

PROGRESS_ASKED = 1.0
"""Seconds one question for progress may take before the next is put."""
READS = 5
"""How often the range is read when compactions come in between."""
FIRST_PAUSE = 0.05
PAUSE_CAP = 2.0


class CacheChanges:
    """An async iterator of ``WatchBatch``: every change of a cache since this was made, each with its ``prev_kv``.

    After a compaction that the cache slept through, what differs comes as one batch. Ends with the cache: quietly when
    that was closed, else with what ended it; ``WatchOverflow`` for a reader that lets too much pile up.
    """

    def __init__(self, cache: Cache, buffer: BatchBuffer) -> None:
        self._cache = cache
        self._buffer = buffer

    def __aiter__(self) -> CacheChanges:
        return self

    def __anext__(self) -> Coroutine[object, object, WatchBatch]:
        return self._buffer.take()

    def close(self) -> None:
        """No more changes; a waiting reader is released."""
        self._cache._forget(self._buffer)
        self._buffer.finish(None, discard=True)


class Cache:
    """``async with Cache(client, "/config/", prefix=True) as cache``: loaded when the block begins.

    All of the range is held in memory. Lost connections and compactions are waited out; when the range cannot be
    followed any more (no permission, a closed client) every method raises why. ``timeout`` is for each page of
    ``page_size`` keys that is read.
    """

    def __init__(
        self,
        client: EtcdClient,
        key: KeyLike,
        *,
        range_end: KeyLike | None = None,
        prefix: bool = False,
        from_key: bool = False,
        page_size: int = DEFAULT_PAGE,
        timeout: float | None = None,
    ) -> None:
        self.key, self.range_end = key_range(key, range_end, prefix, from_key)
        self.revision = 0
        self.error: errors.EtcdError | None = None
        self._client = client
        self._page_size = page_size
        self._timeout = timeout
        self._pairs: dict[bytes, KeyValue] = {}
        self._order: list[bytes] = []
        self._watcher: Watcher | None = None
        self._following: asyncio.Task[None] | None = None
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._readers: list[BatchBuffer] = []

    async def __aenter__(self) -> Cache:
        if self._following is not None:
            raise RuntimeError("a cache is entered once")
        await self._load()
        self._following = background(self._follow(), "etcd cache")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop following; what waits is released. Safe to repeat."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self.error is None:
            self._end(errors.ClosedError("the cache is closed"), quietly=True)

    # ------------------------------------------------------------------ reading

    def get(self, key: KeyLike) -> KeyValue | None:
        """The pair as of ``revision``, ``None`` when there is none."""
        self._check()
        return self._pairs.get(to_bytes(key))

    def items(self, prefix: KeyLike = "") -> list[KeyValue]:
        """All pairs, or those whose key starts with ``prefix``, by key."""
        self._check()
        start, end = bounds(*prefix_range(to_bytes(prefix)))
        first = bisect_left(self._order, start)
        last = len(self._order) if end is None else bisect_left(self._order, end)
        return [self._pairs[key] for key in self._order[first:last]]

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, key: KeyLike) -> bool:
        return self.get(key) is not None

    async def current(self, timeout: float | None = None) -> int:
        """Wait until the cache is as new as the store is now; the revision it has reached then.

        ``timeout`` in seconds for all of it; ``None`` bounds only the question to the store, by the command timeout.
        Servers before 3.4.25 and 3.5.8 tell progress too early: there it may miss what was written in the last moment.
        """
        self._check()
        deadline = Deadline(timeout or 0.0)
        asked = await self._client.kv.get(self.key, count_only=True, timeout=timeout)
        left = deadline.left(last="the store's answer, not yet its changes")
        await self.reached(asked.header.revision if asked.header else 0, left)
        return self.revision

    async def reached(self, revision: int, timeout: float | None = None) -> None:
        """Wait until everything up to ``revision`` is in the cache; ``timeout`` ``None`` or 0: as long as it takes."""
        self._check()
        if self.revision >= revision:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = revision
        asking = awaited(self._ask(), "etcd cache progress")
        try:
            async with asyncio.timeout(timeout or None):
                await waiter
        except TimeoutError:
            raise errors.DeadlineExceeded(f"the cache is at revision {self.revision}, not at {revision}") from None
        finally:
            self._waiting.pop(waiter, None)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    def changes(self, *, buffer_events: int = BUFFER_EVENTS, buffer_bytes: int = BUFFER_BYTES) -> CacheChanges:
        """Every change from now on, to iterate over; what the cache holds now is before the first of them."""
        self._check()
        buffer = BatchBuffer(buffer_events, buffer_bytes)
        self._readers.append(buffer)
        return CacheChanges(self, buffer)

    # ------------------------------------------------------------------ following

    def _check(self) -> None:
        if self.error is not None:
            raise self.error
        if self._following is None:
            raise RuntimeError("use the cache as: async with Cache(client, ...) as cache")

    def _forget(self, buffer: BatchBuffer) -> None:
        if buffer in self._readers:
            self._readers.remove(buffer)

    async def _load(self) -> None:
        """Read the range anew; what differs from before is told as changes."""
        fresh, revision = await self._read()
        old, self._pairs = self._pairs, fresh
        self._order = sorted(fresh)
        self._tell(revision, _differences(old, fresh, revision) if self._following is not None else ())

    async def _read(self) -> tuple[dict[bytes, KeyValue], int]:
        for tries_left in reversed(range(READS)):
            syncer = Syncer(self._client, self.key, range_end=self.range_end or None)
            found: dict[bytes, KeyValue] = {}
            try:
                async with aclosing(syncer.base(self._page_size, timeout=self._timeout)) as pages:
                    async for page in pages:
                        found.update((kv.key, kv) for kv in page.kvs)
            except errors.Compacted:
                if not tries_left:
                    raise
            else:
                break
        return found, syncer.revision

    async def _follow(self) -> None:
        try:
            self._end(await self._until_it_ends())
        except Exception as error:
            self._end(errors.WatchCancelled(f"the cache cannot go on: {error!r}"))
            raise

    async def _until_it_ends(self) -> errors.EtcdError:
        pause = Backoff(FIRST_PAUSE, PAUSE_CAP)
        stale = False
        while True:
            try:
                if stale:
                    await self._load()
                    stale = False
                syncer = Syncer(self._client, self.key, range_end=self.range_end or None, revision=self.revision)
                async with syncer.updates(progress_notify=True) as watcher:
                    self._watcher = watcher
                    async for batch in watcher:
                        pause.reset()
                        self._take(batch)
                return errors.ClosedError("the watch of the cache was closed")
            except errors.Compacted:
                stale = True
            except errors.WatchOverflow:
                pass  # what was received is in; it goes on behind that
            except errors.EtcdError as error:
                if not error.retryable:
                    return error
                await asyncio.sleep(pause.next())
            finally:
                self._watcher = None

    def _take(self, batch: WatchBatch) -> None:
        changes: list[Event] = []
        for event in batch.events:
            key = event.kv.key
            before = self._pairs.get(key)
            if event.type is EventType.PUT:
                if before is None:
                    insort(self._order, key)
                self._pairs[key] = event.kv
            elif before is not None:
                del self._pairs[key]
                del self._order[bisect_left(self._order, key)]
            changes.append(Event(event.type, event.kv, before))
        self._tell(batch.revision, changes)

    def _tell(self, revision: int, changes: Iterable[Event]) -> None:
        self.revision = max(self.revision, revision)
        for waiter, wanted in self._waiting.items():
            if wanted <= self.revision and not waiter.done():
                waiter.set_result(None)
        told = tuple(changes)
        if not told:
            return
        batch = WatchBatch(self.revision, told)
        for buffer in tuple(self._readers):
            if not buffer.offer(batch):
                self._forget(buffer)
                buffer.finish(errors.WatchOverflow("the reader of a cache's changes was too slow"))

    def _end(self, error: errors.EtcdError, *, quietly: bool = False) -> None:
        self.error = error
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(error)
        for buffer in self._readers:
            buffer.finish(None if quietly else error)
        self._readers.clear()

    async def _ask(self) -> None:
        """Ask for progress as long as somebody waits: the answer comes as a batch, behind all events before it."""
        while True:
            watcher = self._watcher
            try:
                if watcher is not None:
                    await watcher.progress(PROGRESS_ASKED)
            except errors.EtcdError:
                pass
            await asyncio.sleep(FIRST_PAUSE)


def _differences(old: dict[bytes, KeyValue], new: dict[bytes, KeyValue], revision: int) -> list[Event]:
    """What changed between two readings; a deletion is told as of the later one."""
    absent = sorted(old.keys() - new.keys())
    gone = [Event(EventType.DELETE, KeyValue(key, b"", 0, revision, 0, 0), old[key]) for key in absent]
    changed = [
        Event(EventType.PUT, kv, old.get(key))
        for key, kv in sorted(new.items())
        if key not in old or old[key].mod_revision != kv.mod_revision
    ]
    return gone + changed
