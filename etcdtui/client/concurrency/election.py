"""Leader election, in the layout of Go's library and ``etcdctl elect``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from etcdtui.client._transport.stream_policy import Backoff
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client.concurrency.queue import CLEANUP_TIMEOUT, Contender, first_created, wait_for_turn
from etcdtui.client.concurrency.session import Session
from etcdtui.client.shape import EtcdClient
from etcdtui.client.txn import Compare, Op
from etcdtui.core import errors
from etcdtui.core.types import EventType, KeyValue, RangeResult

OBSERVE_FIRST_PAUSE = 0.05
OBSERVE_PAUSE_CAP = 2.0


class Election(Contender):
    """One candidate. ``key`` and ``revision`` identify its term while it leads."""

    @classmethod
    def resume(cls, session: Session, prefix: KeyLike, key: KeyLike, revision: int) -> Election:
        """Take up a leadership whose key and revision were stored; ``prefix`` is used as given, with its ``/``."""
        election = cls(session, b"")
        election.prefix, election.key, election.revision = to_bytes(prefix), to_bytes(key), revision
        return election

    @property
    def _client(self) -> EtcdClient:
        return self.session.client

    def is_leader(self) -> Compare:
        """The condition that this candidate still leads, for a transaction; before it leads it never holds."""
        return self._still_first()

    async def campaign(self, value: KeyLike, timeout: float | None = None) -> None:
        """Wait until elected with ``value``; giving up, for whatever reason, withdraws the candidacy.

        ``SessionExpired`` as soon as the session's lease is lost; ``DeadlineExceeded`` after ``timeout`` seconds
        (``None`` or 0: no limit).
        """
        key = self._own_key()
        proposal = to_bytes(value, "the value")
        await self._in_time(key, lambda: self._win(key, proposal), timeout, "not elected")

    async def _win(self, key: bytes, value: bytes) -> None:
        await self._stand(key, value)
        await wait_for_turn(self.session, self.prefix, self.key, self.revision)

    async def _stand(self, key: bytes, value: bytes) -> None:
        try:
            done = await self._client.kv.txn(
                [Compare.create_revision(key, "=", 0)],
                [Op.put(key, value, lease=self.session.lease_id)],
                [Op.get(key)],
            )
        except errors.LeaseNotFound:
            raise self.session.expired() from None
        self.key, self.header = key, done.header
        self.revision = done.header.revision if done.header else 0
        mine = done.responses[0]
        if not done.succeeded and isinstance(mine, RangeResult):
            self.revision = mine.kvs[0].create_revision
            if mine.kvs[0].value != value:
                await self.proclaim(value)

    async def proclaim(self, value: KeyLike, timeout: float | None = None) -> None:
        """Change the value without a new election; ``NotOwner`` when this candidate does not lead.

        ``timeout`` as in ``kv.txn``.
        """
        if not self.revision:
            raise errors.NotOwner("election: not leader")
        put = Op.put(self.key, to_bytes(value, "the value"), lease=self.session.lease_id)
        done = await self._client.kv.txn([self.is_leader()], [put], timeout=timeout)
        self.header = done.header
        if not done.succeeded:
            self.key, self.revision = b"", 0
            raise errors.NotOwner("election: not leader")

    async def resign(self, timeout: float | None = CLEANUP_TIMEOUT) -> None:
        """Give the leadership back; nothing happens when this candidate does not lead."""
        if self.revision:
            done = await self._client.kv.txn([self.is_leader()], [Op.delete(self.key)], timeout=timeout)
            self.header = done.header
        self.session.keys.discard(self.key)
        self.key, self.revision = b"", 0

    async def leader(self, timeout: float | None = None) -> KeyValue:
        """The key of the leader, its value the proposal; ``NoElectionLeader`` when nobody leads."""
        leader, _ = await first_created(self._client, self.prefix, timeout)
        if leader is None:
            raise errors.NoElectionLeader()
        return leader

    async def observe(self) -> AsyncIterator[KeyValue]:
        """Every leader and every new proposal from now on, without end; it may skip leaders of short terms.

        Lost connections, compactions and elections in between are waited out.
        """
        last = (b"", 0)
        pause = Backoff(OBSERVE_FIRST_PAUSE, OBSERVE_PAUSE_CAP)
        while True:
            try:
                leader, revision = await first_created(self._client, self.prefix)
                pause.reset()
                if leader is None:
                    await self._wait_candidate(revision)
                    continue
                if (leader.key, leader.mod_revision) != last:
                    last = (leader.key, leader.mod_revision)
                    yield leader
                async with self._client.watch(leader.key, start_revision=revision + 1) as watcher:
                    async for batch in watcher:
                        for event in batch.events:
                            if event.type is EventType.PUT:
                                last = (event.kv.key, event.kv.mod_revision)
                                yield event.kv
                        if any(event.type is EventType.DELETE for event in batch.events):
                            break
            except errors.EtcdError as error:
                if not (error.retryable or isinstance(error, (errors.Compacted, errors.WatchCancelled))):
                    raise
                await asyncio.sleep(pause.next())

    async def _wait_candidate(self, revision: int) -> None:
        watch = self._client.watch(self.prefix, prefix=True, start_revision=revision + 1, no_delete=True)
        async with watch as watcher:
            async for batch in watcher:
                if batch.events:
                    return
