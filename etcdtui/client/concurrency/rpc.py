"""etcd's own lock and election services: the recipes run inside the server.

A lock or campaign blocks until it is won: ``timeout`` bounds it (seconds; ``None`` is the command timeout, 0 no limit).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.server_streams import messages
from etcdtui.client._wire import convert, methods
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client._wire.ranges import lease_id
from etcdtui.core import errors
from etcdtui.core.types import KeyValue
from etcdtui.core.value import Value
from etcdtui.pb import election_pb2, lock_pb2


class LeaderKey(Value):
    """A leadership as the server names it; it is needed back to proclaim and to resign."""

    name: bytes
    key: bytes
    revision: int
    lease: int

    @property
    def message(self) -> election_pb2.LeaderKey:
        return election_pb2.LeaderKey(name=self.name, key=self.key, rev=self.revision, lease=self.lease)


class LockService:
    """``lease`` 0 lets the server make one of 60 s that nobody renews; its ID is the last part of the key, in hex."""

    def __init__(self, caller: Calls) -> None:
        self._caller = caller

    async def lock(self, name: KeyLike, lease: int = 0, *, timeout: float | None = None) -> bytes:
        """Wait for the lock; returns the key that unlocks it."""
        wanted = to_bytes(name, "the name")
        request = lock_pb2.LockRequest(name=wanted, lease=lease_id(lease))
        return (await self._caller.unary(methods.LOCK, request, timeout=timeout)).key

    async def unlock(self, key: KeyLike, *, timeout: float | None = None) -> None:
        wanted = to_bytes(key)
        await self._caller.unary(methods.UNLOCK, lock_pb2.UnlockRequest(key=wanted), timeout=timeout)


class ElectionService:
    """Refused by learners; its errors come as texts, typed here."""

    def __init__(self, caller: Calls) -> None:
        self._caller = caller

    async def campaign(self, name: KeyLike, lease: int, value: KeyLike, *, timeout: float | None = None) -> LeaderKey:
        """Wait until elected."""
        wanted = to_bytes(name, "the name")
        request = election_pb2.CampaignRequest(name=wanted, lease=lease_id(lease), value=to_bytes(value, "the value"))
        got = (await self._caller.unary(methods.CAMPAIGN, request, timeout=timeout)).leader
        return LeaderKey(got.name, got.key, got.rev, got.lease)

    async def proclaim(self, leader: LeaderKey, value: KeyLike, *, timeout: float | None = None) -> None:
        """Change the value of a leadership; ``NotOwner`` when it is over."""
        request = election_pb2.ProclaimRequest(leader=leader.message, value=to_bytes(value, "the value"))
        try:
            await self._caller.unary(methods.PROCLAIM, request, timeout=timeout)
        except errors.NotLeader as error:
            raise errors.NotOwner(error.message, endpoint=error.endpoint, code=error.code) from None

    async def resign(self, leader: LeaderKey, *, timeout: float | None = None) -> None:
        request = election_pb2.ResignRequest(leader=leader.message)
        await self._caller.unary(methods.RESIGN, request, timeout=timeout)

    async def leader(self, name: KeyLike, *, timeout: float | None = None) -> KeyValue:
        """The leader's key, its value the proposal; ``NoElectionLeader`` when nobody leads."""
        request = election_pb2.LeaderRequest(name=to_bytes(name, "the name"))
        answer = await self._caller.unary(methods.LEADER, request, timeout=timeout)
        return convert.key_value(answer.kv)

    async def observe(self, name: KeyLike, *, timeout: float | None = None) -> AsyncIterator[KeyValue]:
        """Leaders and proposals as one server sees them, until its stream ends; ``timeout`` is for all of it."""
        request = election_pb2.LeaderRequest(name=to_bytes(name, "the name"))
        async with aclosing(messages(self._caller, methods.OBSERVE, request, timeout=timeout)) as answers:
            async for answer in answers:
                yield convert.key_value(answer.kv)
