"""Recipes over keys and leases: sessions, locks, elections, transactional memory, and the server's own services.

``Session``, ``Mutex`` and ``Election`` follow the key layout of Go's library and etcdctl, so that all of them queue
behind each other. ``client.concurrency`` has them bound to the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from etcdtui.client._transport.calls import Calls
from etcdtui.client._wire.convert import KeyLike
from etcdtui.client.concurrency.election import Election
from etcdtui.client.concurrency.mutex import Mutex
from etcdtui.client.concurrency.rpc import ElectionService, LeaderKey, LockService
from etcdtui.client.concurrency.session import DEFAULT_TTL, Session
from etcdtui.client.concurrency.stm import Isolation, Stm, transact
from etcdtui.client.shape import EtcdClient

__all__ = [
    "Concurrency",
    "Election",
    "ElectionService",
    "Isolation",
    "LeaderKey",
    "LockService",
    "Mutex",
    "Session",
    "Stm",
    "transact",
]

T = TypeVar("T")


class Concurrency:
    """``client.concurrency``: ``Mutex`` and ``Election`` take a session, ``locks`` and ``elections`` are the server's
    own services."""

    Mutex = Mutex
    Election = Election

    def __init__(self, client: EtcdClient, caller: Calls) -> None:
        self._client = client
        self.locks = LockService(caller)
        self.elections = ElectionService(caller)

    def session(self, ttl: int = DEFAULT_TTL, *, lease_id: int = 0) -> Session:
        """A session to be used as ``async with client.concurrency.session(ttl=10) as session``."""
        return Session(self._client, ttl, lease_id=lease_id)

    Session = session

    async def transact(
        self,
        function: Callable[[Stm], Awaitable[T]],
        *,
        isolation: Isolation | str = Isolation.SERIALIZABLE_SNAPSHOT,
        prefetch: Iterable[KeyLike] = (),
        timeout: float | None = None,
    ) -> T:
        """Run ``function`` transactionally; see ``transact``."""
        return await transact(self._client, function, isolation=isolation, prefetch=prefetch, timeout=timeout)
