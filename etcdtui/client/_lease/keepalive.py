"""Keeping leases alive: few shared streams renew all leases of a client at a third of their TTL.

A lease's listeners share its renewals. They end with ``LeaseNotFound`` when the server says the lease is gone, with
``KeepAliveLost`` when its TTL passed since the last acknowledged renewal was sent, with the refusal when renewing it is
not permitted. A refused lease ends the server's stream; it is told apart, the others go on.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from types import TracebackType

from etcdtui.client._lease.stream import KeepAliveLane
from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.inbox import Inbox
from etcdtui.core import errors
from etcdtui.core.tasks import background

LEASES_PER_STREAM = 500
"""A server answers one stream's renewals strictly one after the other."""

ANSWERS_KEPT = 16
"""Answers kept for a listener that does not read; older ones are dropped."""


class KeepAlive:
    """An async context manager and an async iterator of the TTL (seconds) of each renewal.

    Renewals go on whether or not the answers are read: only the newest are kept. Leaving ends the renewals, unless
    another listener has the same lease; the lease itself is not revoked.
    """

    def __init__(self, hub: KeepAliveHub, lease_id: int) -> None:
        self.lease_id = lease_id
        self._hub = hub
        self._inbox: Inbox[int] = Inbox(ANSWERS_KEPT)
        self._entered = False

    async def __aenter__(self) -> KeepAlive:
        if self._entered:
            raise RuntimeError("a keep-alive is entered once; call keep_alive() again")
        self._entered = True
        self._hub.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> KeepAlive:
        return self

    async def __anext__(self) -> int:
        if not self._entered:
            raise RuntimeError("use it as: async with client.lease.keep_alive(id) as renewals")
        return await self._inbox.take()

    def close(self) -> None:
        """Stop listening now; a waiting reader is released."""
        self.end(None, discard=True)
        self._hub.remove(self)

    def renewed(self, ttl: int) -> None:
        self._inbox.put(ttl)

    def end(self, cause: errors.EtcdError | None, *, discard: bool = False) -> None:
        self._inbox.finish(cause, discard=discard)


class KeepAliveHub:
    """All keep-alives of one client."""

    def __init__(self, caller: Calls) -> None:
        self._caller = caller
        self._lanes: dict[KeepAliveLane, asyncio.Task[None]] = {}
        self._admitted: dict[KeepAlive, ExitStack] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def add(self, listener: KeepAlive) -> None:
        renewing = ExitStack()
        renewing.enter_context(self._caller.renewing(listener.lease_id))
        self._admitted[listener] = renewing
        lane = next((lane for lane in self._lanes if listener.lease_id in lane.renewals), None)
        if lane is None:
            lane = next((lane for lane in self._lanes if len(lane.renewals) < LEASES_PER_STREAM), None)
        if lane is None:
            lane = KeepAliveLane(self._caller)
            lane.add(listener)
            task = background(self._keep(lane), "etcd keep-alive")
            self._lanes[lane] = task
        else:
            lane.add(listener)

    def remove(self, listener: KeepAlive) -> None:
        for lane in list(self._lanes):
            lane.remove(listener)
            if not lane.renewals:
                self._end(lane)
        if (renewing := self._admitted.pop(listener, None)) is not None:
            renewing.close()

    async def _keep(self, lane: KeepAliveLane) -> None:
        try:
            await lane.run()
        finally:
            lane.end_all(errors.KeepAliveLost("the keep-alive stream ended unexpectedly"))
            self._lanes.pop(lane, None)

    def _end(self, lane: KeepAliveLane) -> None:
        task = self._lanes.pop(lane)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.cancel()

    async def aclose(self) -> None:
        """End all keep-alives with ``ClosedError``; leases are not revoked."""
        for lane in list(self._lanes):
            lane.end_all(errors.ClosedError())
            self._end(lane)
        await asyncio.gather(*self._ending, return_exceptions=True)
