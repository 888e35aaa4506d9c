"""A session: a lease kept alive in the background, to which locks and leaderships hang."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import TracebackType

from etcdtui.client._transport.stream_policy import Backoff
from etcdtui.client.shape import EtcdClient
from etcdtui.core import errors
from etcdtui.core.tasks import background

DEFAULT_TTL = 60
WITHDRAW_PAUSE = 0.1
WITHDRAW_PAUSE_CAP = 2.0


class Session:
    """``async with Session(client, ttl=10) as session`` or ``session = await Session(client)`` and ``close()``.

    ``ttl`` in seconds (0 and less take the default of 60); ``lease_id`` adopts an existing lease, whose existence shows
    with its first renewal. ``done`` is set when the lease is lost or the session ended; ``cause`` then says why
    (``None`` after ``close`` and ``orphan``).
    """

    def __init__(self, client: EtcdClient, ttl: int = DEFAULT_TTL, *, lease_id: int = 0) -> None:
        self.client = client
        self.ttl = ttl if ttl > 0 else DEFAULT_TTL
        self.lease_id = lease_id
        self.done = asyncio.Event()
        self.cause: errors.EtcdError | None = None
        self.keys: set[bytes] = set()  # in use by recipes of this session: no other attempt of theirs may delete them
        self._renewals: asyncio.Task[None] | None = None
        self._withdrawals: dict[bytes, asyncio.Task[None]] = {}

    def __await__(self) -> Generator[object, None, Session]:
        return self.start().__await__()

    async def __aenter__(self) -> Session:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except errors.EtcdError:
            if error is None:
                raise

    async def start(self, timeout: float | None = None) -> Session:
        """Grant the lease (unless one is adopted) and begin to renew it; ``timeout`` as in ``lease.grant``."""
        if self._renewals is not None:
            return self
        if self.lease_id == 0:
            granted = await self.client.lease.grant(self.ttl, timeout=timeout)
            self.lease_id, self.ttl = granted.id, granted.ttl
        renewals = await self.client.lease.keep_alive(self.lease_id).__aenter__()

        async def renew() -> None:
            try:
                async for _ in renewals:
                    pass
            except errors.EtcdError as error:
                self.cause = error
            finally:
                renewals.close()
                self.done.set()

        self._renewals = background(renew(), f"etcd session {self.lease_id:x}")
        return self

    @property
    def alive(self) -> bool:
        return self._renewals is not None and not self.done.is_set()

    def expired(self) -> errors.SessionExpired:
        """The error for work that depended on this session."""
        why = f"lease {self.lease_id:x}: {self.cause.message}" if self.cause is not None else f"lease {self.lease_id:x}"
        return errors.SessionExpired(why)

    def withdraw(self, key: bytes) -> asyncio.Task[None]:
        """Take back a key that a given-up attempt may have put, however long the cluster is silent.

        While it stood, others would wait for a holder that does not exist, for as long as the session lives.
        """
        task = self._withdrawals.get(key)
        if task is None:
            task = self._withdrawals[key] = background(self._delete(key), f"etcd withdrawal {self.lease_id:x}")
            task.add_done_callback(lambda _: self._withdrawals.pop(key, None))
        return task

    async def withdrawn(self, key: bytes) -> None:
        """Wait until an earlier attempt's key is gone, so that its end does not take this one's."""
        if key in self._withdrawals:
            await asyncio.wait({self._withdrawals[key]})

    async def _delete(self, key: bytes) -> None:
        pause = Backoff(WITHDRAW_PAUSE, WITHDRAW_PAUSE_CAP)
        while self.alive:
            try:
                await self.client.kv.delete(key)
            except errors.EtcdError as error:
                if not error.retryable:
                    return  # the lease takes the key with it
                await asyncio.sleep(pause.next())
            else:
                return

    async def orphan(self) -> None:
        """Stop renewing without revoking: the lease lives on until its TTL has passed."""
        task, self._renewals = self._renewals, None
        ending = [*self._withdrawals.values(), *([task] if task is not None else ())]
        for one in ending:
            one.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self.done.set()

    async def close(self, timeout: float | None = None) -> None:
        """Stop renewing and revoke the lease, which deletes its keys. Safe to repeat.

        Takes ``timeout`` seconds at most; ``None`` is the TTL, after which the lease is gone anyway.
        """
        running = self._renewals is not None
        await self.orphan()
        if not running or isinstance(self.cause, (errors.LeaseNotFound, errors.ClosedError)):
            return
        try:
            await self.client.lease.revoke(self.lease_id, timeout=float(self.ttl) if timeout is None else timeout)
        except errors.LeaseNotFound:
            pass
