"""A lock, in the layout of Go's library and ``etcdctl lock``: they queue behind each other."""

from __future__ import annotations

from types import TracebackType

from etcdtui.client.concurrency.queue import Contender, wait_for_turn
from etcdtui.client.txn import Compare, Op
from etcdtui.core import errors
from etcdtui.core.types import RangeResult


class Mutex(Contender):
    """``async with Mutex(session, name):`` or ``lock``, ``try_lock`` and ``unlock``.

    The lock protects nothing outside etcd by itself, and a holder can lose it without noticing: put ``is_owner()``
    into every transaction that it is to protect. Locking twice with one session is one lock.
    """

    async def __aenter__(self) -> Mutex:
        await self.lock()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.unlock()
        except errors.EtcdError:
            if error is None:
                raise

    @property
    def held(self) -> bool:
        """Whether it was locked and not unlocked since; the lease may be gone all the same."""
        return self.revision > 0

    def is_owner(self) -> Compare:
        """The condition that the lock is still this one's, for a transaction; before locking it never holds."""
        return self._still_first()

    async def lock(self, timeout: float | None = None) -> None:
        """Wait for the lock; giving up, for whatever reason, takes the own place in the line back.

        ``SessionExpired`` as soon as the session's lease is lost; ``DeadlineExceeded`` after ``timeout`` seconds
        (``None`` or 0: no limit).
        """
        key = self._own_key()
        await self._in_time(key, lambda: self._wait(key), timeout, "the lock was not free")

    async def _wait(self, key: bytes) -> None:
        revision, held = await self._enqueue(key)
        if not held:
            await wait_for_turn(self.session, self.prefix, key, revision)
        self.key, self.revision = key, revision

    async def try_lock(self, timeout: float | None = None) -> None:
        """Lock now or raise ``Locked``, leaving nothing behind; ``timeout`` is for the answer, as in ``kv.txn``."""
        key = self._own_key()
        await self._in_time(key, lambda: self._take_now(key, timeout), None, "")

    async def _take_now(self, key: bytes, timeout: float | None) -> None:
        revision, held = await self._enqueue(key, timeout)
        if not held:
            raise errors.Locked()
        self.key, self.revision = key, revision

    async def unlock(self, timeout: float | None = None) -> None:
        """Give the lock back; ``NotOwner`` when it was not held or was lost meanwhile. ``timeout`` as in ``kv.txn``."""
        if not self.held:
            raise errors.NotOwner("the lock is not held")
        compare, key = self.is_owner(), self.key
        self.session.keys.discard(key)
        done = await self.session.client.kv.txn([compare], [Op.delete(key)], timeout=timeout)
        self.key, self.revision, self.header = b"", 0, done.header
        if not done.succeeded:
            raise errors.NotOwner("the lock was lost before it was unlocked")

    async def _enqueue(self, key: bytes, timeout: float | None = None) -> tuple[int, bool]:
        """The own key's creation revision, and whether it is the first in the line."""
        first = Op.get(self.prefix, prefix=True, sort_target="create", sort_order="ascend", limit=1)
        try:
            done = await self.session.client.kv.txn(
                [Compare.create_revision(key, "=", 0)],
                [Op.put(key, b"", lease=self.session.lease_id), first],
                [Op.get(key), first],
                timeout=timeout,
            )
        except errors.LeaseNotFound:
            raise self.session.expired() from None
        self.header = done.header
        mine, owner = done.responses
        if done.succeeded:
            revision = done.header.revision if done.header else 0
        else:
            revision = mine.kvs[0].create_revision if isinstance(mine, RangeResult) else 0
        ahead = owner.kvs[0].create_revision if isinstance(owner, RangeResult) and owner.kvs else revision
        return revision, ahead == revision
