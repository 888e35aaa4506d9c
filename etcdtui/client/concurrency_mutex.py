"""A lock, in the layout of Go's library and ``etcdctl lock``: they queue behind each other."""

from __future__ import annotations

import asyncio
from types import TracebackType

from etcdtui.client.concurrency_queue import CLEANUP_TIMEOUT, own_key, wait_for_turn
from etcdtui.client.concurrency_session import Session
from etcdtui.client.convert import KeyLike, to_bytes
from etcdtui.client.txn import Compare, Op
from etcdtui.core import errors
from etcdtui.core.types import RangeResult, ResponseHeader


class Mutex:
    """``async with Mutex(session, name):`` or ``lock``, ``try_lock`` and ``unlock``.

    The lock protects nothing outside etcd by itself, and a holder can lose it without noticing: put ``is_owner()``
    into every transaction that it is to protect. Locking twice with one session is one lock.
    """

    def __init__(self, session: Session, name: KeyLike) -> None:
        self.session = session
        self.prefix = to_bytes(name, "the name") + b"/"
        self.key = b""
        self.revision = 0
        self.header: ResponseHeader | None = None

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
        return Compare.create_revision(self.key or self.prefix, "=", self.revision or -1)

    async def lock(self, timeout: float | None = None) -> None:
        """Wait for the lock; giving up, for whatever reason, takes the own place in the line back.

        ``SessionExpired`` as soon as the session's lease is lost; ``DeadlineExceeded`` after ``timeout`` seconds
        (``None`` or 0: no limit).
        """
        key = self._own_key()
        ours = key in self.session.keys
        try:
            async with asyncio.timeout(timeout or None):
                revision, held = await self._enqueue(key)
                if not held:
                    await wait_for_turn(self.session, self.prefix, key, revision)
        except TimeoutError:
            await self._withdraw(key, ours)
            raise errors.DeadlineExceeded(f"the lock was not free within {timeout:g} s") from None
        except BaseException:
            await self._withdraw(key, ours)
            raise
        self._took(key, revision)

    async def try_lock(self) -> None:
        """Lock now or raise ``Locked``, leaving nothing behind."""
        key = self._own_key()
        ours = key in self.session.keys
        try:
            revision, held = await self._enqueue(key)
        except BaseException:
            await self._withdraw(key, ours)
            raise
        if not held:
            await self.session.client.kv.delete(key)
            raise errors.Locked()
        self._took(key, revision)

    async def unlock(self) -> None:
        """Give the lock back; ``NotOwner`` when it was not held or was lost meanwhile."""
        if not self.held:
            raise errors.NotOwner("the lock is not held")
        compare, key = self.is_owner(), self.key
        self.session.keys.discard(key)
        done = await self.session.client.kv.txn([compare], [Op.delete(key)])
        self.key, self.revision, self.header = b"", 0, done.header
        if not done.succeeded:
            raise errors.NotOwner("the lock was lost before it was unlocked")

    def _own_key(self) -> bytes:
        if not self.session.alive:
            raise self.session.expired()
        return own_key(self.prefix, self.session.lease_id)

    def _took(self, key: bytes, revision: int) -> None:
        self.key, self.revision = key, revision
        self.session.keys.add(key)

    async def _enqueue(self, key: bytes) -> tuple[int, bool]:
        """The own key's creation revision, and whether it is the first in the line."""
        first = Op.get(self.prefix, prefix=True, sort_target="create", sort_order="ascend", limit=1)
        try:
            done = await self.session.client.kv.txn(
                [Compare.create_revision(key, "=", 0)],
                [Op.put(key, b"", lease=self.session.lease_id), first],
                [Op.get(key), first],
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

    async def _withdraw(self, key: bytes, ours: bool) -> None:
        """Leave the line, unless the key is that of a lock which this session holds."""
        if ours:
            return
        try:
            await self.session.client.kv.delete(key, timeout=CLEANUP_TIMEOUT)
        except errors.EtcdError:
            pass  # the lease takes the key with it
