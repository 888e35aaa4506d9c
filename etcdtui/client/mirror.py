"""A range as it is and every change after that, and a copy of it kept in another place.

``Syncer`` gives the two halves, ``Mirror`` writes them down elsewhere, as ``etcdctl make-mirror`` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing

from etcdtui.client._transport.stream_policy import Backoff
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client._wire.ranges import key_range, whole
from etcdtui.client.kv import DEFAULT_PAGE
from etcdtui.client.shape import EtcdClient
from etcdtui.client.txn import Op
from etcdtui.client.watch import Watcher
from etcdtui.core import errors
from etcdtui.core.types import Event, EventType, KeyValue, RangeResult, WatchBatch

MAX_OPS = 128
"""Writes in one transaction; a server's own default limit."""
MAX_BYTES = 1024 * 1024
"""Bytes in one transaction, well below a server's default limit of 1.5 MiB."""
FIRST_PAUSE = 0.1
PAUSE_CAP = 5.0


class Syncer:
    """A range at one revision (``base``), then every change since (``updates``): together they miss nothing.

    ``revision`` 0 is the newest when ``base`` begins; it is known after the first page.
    """

    def __init__(
        self,
        client: EtcdClient,
        key: KeyLike,
        *,
        range_end: KeyLike | None = None,
        prefix: bool = False,
        from_key: bool = False,
        revision: int = 0,
    ) -> None:
        self.key, self.range_end = key_range(key, range_end, prefix, from_key)
        self.revision = whole("revision", revision)
        self._client = client

    async def base(
        self, page_size: int = DEFAULT_PAGE, *, timeout: float | None = None
    ) -> AsyncGenerator[RangeResult, None]:
        """The range in pages, all at ``revision``; ``timeout`` is for each page. ``Compacted`` as in ``kv.pages``."""
        pages = self._client.kv.pages(
            self.key,
            range_end=self.range_end or None,
            page_size=page_size,
            revision=self.revision,
            timeout=timeout,
        )
        async with aclosing(pages):
            async for page in pages:
                if not self.revision and page.header is not None:
                    self.revision = page.header.revision
                yield page

    def updates(self, *, prev_kv: bool = False, progress_notify: bool = False) -> Watcher:
        """A watch of everything after ``revision``."""
        if not self.revision:
            raise ValueError("the base has not been read, and no revision was given")
        return self._client.watch(
            self.key,
            range_end=self.range_end or None,
            start_revision=self.revision + 1,
            prev_kv=prev_kv,
            progress_notify=progress_notify,
        )


class Mirror:
    """Copies what starts with ``prefix`` to another cluster (or elsewhere in the same one), and keeps it so.

    ``dest_prefix`` takes the place of ``prefix`` (default: the same). All of one source revision is written in one
    transaction, if it fits into one. Leases, revisions and versions are not copied. With ``prune`` keys of the
    destination that the source does not have are deleted, at the start and after a compaction that the mirror slept
    through; without it such a compaction ends ``run`` with ``Compacted``. ``revision`` above 0 goes on from there
    without copying anything first. Nobody else should write below ``dest_prefix``.
    """

    def __init__(
        self,
        source: EtcdClient,
        destination: EtcdClient,
        prefix: KeyLike = "",
        *,
        dest_prefix: KeyLike | None = None,
        revision: int = 0,
        prune: bool = False,
    ) -> None:
        self.prefix = to_bytes(prefix)
        self.dest_prefix = self.prefix if dest_prefix is None else to_bytes(dest_prefix)
        self.revision = whole("revision", revision)
        self.copied = 0
        if source is destination and self.dest_prefix.startswith(self.prefix):
            raise ValueError("the copy would lie in what is copied")
        self._source, self._destination = source, destination
        self._prune = prune
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Copies, then follows, without end; what ends it is raised.

        Failures that may pass are waited out: everything that is written can be written twice. ``revision`` is up to
        where all stands in the destination, ``copied`` how many keys were written or deleted.
        """
        pause = Backoff(FIRST_PAUSE, PAUSE_CAP)
        while True:
            try:
                if not self.revision:
                    await self._copy()
                    pause.reset()
                await self._follow()
            except errors.Compacted:
                if not self._prune:
                    raise
                self.revision = 0
            except errors.WatchOverflow:
                pass  # what was received is written; it goes on behind that
            except errors.EtcdError as error:
                if not error.retryable:
                    raise
                await asyncio.sleep(pause.next())

    async def reached(self, revision: int, timeout: float | None = None) -> None:
        """Wait until all up to a revision of the source stands in the destination, for a ``run`` in another task.

        ``timeout`` in seconds, ``None`` or 0: no limit.
        """
        try:
            async with asyncio.timeout(timeout or None):
                while self.revision < revision:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise errors.DeadlineExceeded(f"the mirror is at revision {self.revision}, not at {revision}") from None

    async def _copy(self) -> None:
        syncer = Syncer(self._source, self.prefix, prefix=True)
        kept: set[bytes] = set()
        async with aclosing(syncer.base()) as pages:
            async for page in pages:
                puts = [(self._renamed(kv.key), kv) for kv in page.kvs]
                if self._prune:
                    kept.update(key for key, _ in puts)
                await self._write([Op.put(key, kv.value) for key, kv in puts], _sizes(kv for _, kv in puts))
        if self._prune:
            await self._delete_others(kept)
        self._at(syncer.revision)

    async def _delete_others(self, kept: set[bytes]) -> None:
        pages = self._destination.kv.pages(self.dest_prefix, prefix=True, keys_only=True)
        async with aclosing(pages):
            async for page in pages:
                extra = [kv for kv in page.kvs if kv.key not in kept]
                await self._write([Op.delete(kv.key) for kv in extra], _sizes(extra))

    async def _follow(self) -> None:
        syncer = Syncer(self._source, self.prefix, prefix=True, revision=self.revision)
        async with syncer.updates(progress_notify=True) as watcher:
            async for batch in watcher:
                for part in _by_revision(batch):
                    ops = [self._op(event.type, event.kv) for event in part]
                    await self._write(ops, _sizes(event.kv for event in part))
                    self._at(part[-1].kv.mod_revision)
                self._at(batch.revision)

    def _op(self, kind: EventType, kv: KeyValue) -> Op:
        key = self._renamed(kv.key)
        return Op.put(key, kv.value) if kind is EventType.PUT else Op.delete(key)

    def _renamed(self, key: bytes) -> bytes:
        return self.dest_prefix + key[len(self.prefix) :]

    def _at(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        self._moved.set()

    async def _write(self, ops: Sequence[Op], sizes: Sequence[int]) -> None:
        for part in _parts(ops, sizes):
            pause = Backoff(FIRST_PAUSE, PAUSE_CAP)
            while True:
                try:
                    await self._destination.kv.txn(success=part)
                except errors.EtcdError as error:
                    if not error.retryable:
                        raise
                    await asyncio.sleep(pause.next())
                else:
                    self.copied += len(part)
                    break


def _sizes(pairs: Iterable[KeyValue]) -> list[int]:
    return [len(kv.key) + len(kv.value) for kv in pairs]


def _parts(ops: Sequence[Op], sizes: Sequence[int]) -> Iterator[list[Op]]:
    """As few transactions as the limits allow."""
    part: list[Op] = []
    size = 0
    for op, weight in zip(ops, sizes, strict=True):
        if part and (len(part) == MAX_OPS or size + weight > MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(op)
        size += weight
    if part:
        yield part


def _by_revision(batch: WatchBatch) -> Iterator[list[Event]]:
    part: list[Event] = []
    for event in batch.events:
        if part and part[-1].kv.mod_revision != event.kv.mod_revision:
            yield part
            part = []
        part.append(event)
    if part:
        yield part
