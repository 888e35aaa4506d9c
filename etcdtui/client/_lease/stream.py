"""One keep-alive stream and the leases on it: sends what is due, gives up what is late, moves when it breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from etcdtui.client._lease.clock import InFlight, LeaseClock, stall_limit
from etcdtui.client._transport.calls import Calls, StreamCall
from etcdtui.client._transport.stream_policy import Backoff, Trouble, Verdict, verdict
from etcdtui.client._wire.methods import LEASE_KEEP_ALIVE
from etcdtui.core import errors
from etcdtui.core.tasks import background
from etcdtui.pb import rpc_pb2

FIRST_ANSWER = 5.0
"""Seconds a lease of unknown TTL waits for its first answer."""

TICK_LEAST = 0.02
TICK_MOST = 1.0
BACKOFF_FIRST = 0.02
BACKOFF_CAP = 0.5
PROBE_TIMEOUT = 2.0

KeepAliveCall = StreamCall[rpc_pb2.LeaseKeepAliveRequest, rpc_pb2.LeaseKeepAliveResponse]


class Listener(Protocol):
    """Somebody who wants a lease renewed and hears of it."""

    @property
    def lease_id(self) -> int: ...

    def renewed(self, ttl: int) -> None: ...

    def end(self, cause: errors.EtcdError | None) -> None: ...


class Renewal:
    """One lease on its stream."""

    def __init__(self, lease_id: int, now: float) -> None:
        self.lease_id = lease_id
        self.clock = LeaseClock(now, FIRST_ANSWER)
        self.listeners: list[Listener] = []

    def end(self, cause: errors.EtcdError) -> None:
        for listener in self.listeners:
            listener.end(cause)


class KeepAliveLane:
    """One shared stream and the leases on it."""

    def __init__(self, caller: Calls) -> None:
        self.renewals: dict[int, Renewal] = {}
        self._caller = caller
        self._stream: KeepAliveCall | None = None
        self._in_flight = InFlight()
        self._outbox: deque[int] = deque()
        self._wake_writer = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._trouble = Trouble()
        self._backoff = Backoff(BACKOFF_FIRST, BACKOFF_CAP)
        self._fresh_token = False
        self._relogged = False
        self._stalled = False
        self._last_error: errors.EtcdError | None = None

    def add(self, listener: Listener) -> None:
        now = asyncio.get_running_loop().time()
        renewal = self.renewals.get(listener.lease_id)
        if renewal is None:
            renewal = self.renewals[listener.lease_id] = Renewal(listener.lease_id, now)
        renewal.listeners.append(listener)
        self._tick()

    def remove(self, listener: Listener) -> None:
        renewal = self.renewals.get(listener.lease_id)
        if renewal is None or listener not in renewal.listeners:
            return
        renewal.listeners.remove(listener)
        if not renewal.listeners:
            del self.renewals[listener.lease_id]

    def end_all(self, cause: errors.EtcdError) -> None:
        for lease_id in list(self.renewals):
            self._end(lease_id, cause)

    def _end(self, lease_id: int, cause: errors.EtcdError) -> None:
        renewal = self.renewals.pop(lease_id, None)
        if renewal is not None:
            renewal.end(cause)

    async def run(self) -> None:
        """Renew until no lease is left."""
        try:
            while self.renewals:
                try:
                    await self._serve()
                except errors.EtcdError as error:
                    await self._recover(error)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    # ------------------------------------------------------------------ the stream

    async def _serve(self) -> None:
        stream = await self._caller.open_stream(
            LEASE_KEEP_ALIVE,
            avoid=self._trouble.avoid(self._caller.endpoints),
            require_leader=True,
            fresh_token=self._fresh_token,
        )
        self._fresh_token = self._stalled = False
        self._in_flight = InFlight()
        self._outbox.clear()
        self._stream = stream
        writer = background(self._write(stream), "etcd keep-alive writer")
        self._tick()
        try:
            while self.renewals and (response := await stream.read()) is not None:
                self._on_answer(response)
        except errors.EtcdError as error:
            raise self._failure(error, stream) from None
        finally:
            self._stream = None
            stream.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        if self.renewals:
            raise self._failure(None, stream)

    async def _write(self, stream: KeepAliveCall) -> None:
        try:
            while True:
                while self._outbox:
                    lease_id = self._outbox.popleft()
                    if lease_id in self.renewals:
                        await stream.write(rpc_pb2.LeaseKeepAliveRequest(ID=lease_id))
                    else:
                        self._in_flight.dropped(lease_id)
                self._wake_writer.clear()
                await self._wake_writer.wait()
        except errors.EtcdError:
            return  # the reader meets the same failure and deals with it

    def _on_answer(self, response: rpc_pb2.LeaseKeepAliveResponse) -> None:
        now = asyncio.get_running_loop().time()
        sent_at = self._in_flight.answered(response.ID, now)
        self._trouble.cleared()
        self._backoff.reset()
        self._relogged = False
        self._last_error = None
        renewal = self.renewals.get(response.ID)
        if renewal is None:
            return
        if response.TTL <= 0:
            self._end(response.ID, errors.LeaseNotFound())
            return
        renewal.clock.answered(response.TTL, sent_at, now)
        for listener in renewal.listeners:
            listener.renewed(response.TTL)
        self._tick()

    # ------------------------------------------------------------------ time

    def _tick(self) -> None:
        """Give up what is past its deadline, send what is due, notice silence; then set the next alarm."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for lease_id in [r.lease_id for r in self.renewals.values() if r.clock.deadline <= now]:
            self._end(lease_id, self._lost())
        if not self.renewals and self._stream is not None:
            self._stream.cancel()
        elif self._stream is not None:
            self._send_due(self._stream, now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.renewals:
            nearest = min(
                r.clock.deadline if r.clock.in_flight else min(r.clock.due, r.clock.deadline)
                for r in self.renewals.values()
            )
            self._timer = loop.call_later(min(max(nearest - now, TICK_LEAST), TICK_MOST), self._tick)

    def _send_due(self, stream: KeepAliveCall, now: float) -> None:
        for renewal in self.renewals.values():
            clock = renewal.clock
            if clock.due <= now and not clock.in_flight:
                clock.sent()
                self._in_flight.sent(renewal.lease_id, now)
                self._outbox.append(renewal.lease_id)
        if self._outbox:
            self._wake_writer.set()
        shortest = min((r.clock.ttl for r in self.renewals.values()), default=0)
        if self._in_flight.stalled(now, stall_limit(shortest)) and not self._stalled:
            self._stalled = True
            stream.cancel()

    def _lost(self) -> errors.KeepAliveLost:
        why = f"; the last failure was: {self._last_error.message}" if self._last_error is not None else ""
        return errors.KeepAliveLost(f"no renewal was acknowledged within its TTL{why}")

    # ------------------------------------------------------------------ failures

    async def _recover(self, error: errors.EtcdError) -> None:
        now = asyncio.get_running_loop().time()
        self._last_error = error
        self._trouble.failed(error, now, worked=False)
        suspect = self._in_flight.head
        self._in_flight = InFlight()
        for renewal in self.renewals.values():
            renewal.clock.lost_in_flight(now)
        advice = verdict(error)
        if isinstance(error, (errors.ClosedError, errors.AuthFailed, errors.ConfigError)):
            self.end_all(error)
            return
        if advice is Verdict.FRESH_TOKEN and not self._relogged:
            self._relogged = self._fresh_token = True
            return
        if advice is not Verdict.RETRY and suspect is not None:
            await self._probe(suspect)
        await asyncio.sleep(self._backoff.next())

    async def _probe(self, lease_id: int) -> None:
        """Renew one suspected lease on a stream of its own, and end it alone if it is refused again."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await renew_once(self._caller, lease_id)
        except TimeoutError:
            return
        except errors.EtcdError as error:
            if isinstance(error, errors.LeaseNotFound) or verdict(error) is not Verdict.RETRY:
                self._end(lease_id, error)

    def _failure(self, error: errors.EtcdError | None, stream: KeepAliveCall) -> errors.EtcdError:
        """Why the stream really ended: our own cancelling looks like a closed client, a server's end like nothing."""
        if self._stalled:
            return errors.Unavailable("the server did not answer a lease renewal", endpoint=stream.endpoint)
        if error is None or (isinstance(error, errors.ClosedError) and not self._caller.closed):
            return errors.Unavailable("the keep-alive stream ended", endpoint=stream.endpoint)
        return error


async def renew_once(caller: Calls, lease_id: int, *, avoid: tuple[str, ...] = (), fresh_token: bool = False) -> int:
    """One renewal on a stream of its own; returns the TTL, ``LeaseNotFound`` when the lease is gone."""
    stream = await caller.open_stream(LEASE_KEEP_ALIVE, avoid=avoid, require_leader=True, fresh_token=fresh_token)
    try:
        await stream.write(rpc_pb2.LeaseKeepAliveRequest(ID=lease_id))
        await stream.done_writing()
        response = await stream.read()
    finally:
        stream.cancel()
    if response is None:
        raise errors.Unavailable("the server ended the keep-alive stream", endpoint=stream.endpoint)
    if response.TTL <= 0:
        raise errors.LeaseNotFound(endpoint=stream.endpoint)
    return response.TTL
