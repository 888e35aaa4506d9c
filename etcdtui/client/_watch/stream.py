"""One watch stream: many watchers, one reader, one writer; broken, it is opened elsewhere and everybody resumes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from etcdtui.client._transport.calls import Calls, StreamCall
from etcdtui.client._transport.stream_policy import Backoff, Trouble, Verdict, verdict
from etcdtui.client._watch.buffer import BatchBuffer
from etcdtui.client._watch.events import header_of
from etcdtui.client._watch.state import NO_WATCHER, Cursor, Ledger, cancel_error
from etcdtui.client._wire.methods import WATCH
from etcdtui.core import errors
from etcdtui.core.tasks import background
from etcdtui.core.types import WatchBatch
from etcdtui.core.value import Value
from etcdtui.pb import rpc_pb2

ANSWER_TIMEOUT = 6.0
"""Seconds a server may take to answer a create before the stream is opened elsewhere."""

SETTLED = 0.3
"""Seconds without an event after which an old server's word about progress is believed; it looks after watchers that
begin in the past every 0.1 s."""

STEADY_AFTER = 1.0
"""Seconds a stream must have lived before its next failure is retried without a growing pause."""

WatchStreamCall = StreamCall[rpc_pb2.WatchRequest, rpc_pb2.WatchResponse]


class Link(Value):
    """How a watcher is connected: ``up`` at ``endpoint``, or not, for ``error``.

    ``attempt`` counts the openings tried since it last worked; unless the one under way succeeds, the next begins at
    ``retry_at`` (loop time).
    """

    up: bool = False
    endpoint: str = ""
    error: errors.EtcdError | None = None
    attempt: int = 0
    retry_at: float = 0.0


class Subscription:
    """One watcher as its stream sees it."""

    def __init__(self, cursor: Cursor, buffer: BatchBuffer) -> None:
        self.cursor = cursor
        self.buffer = buffer
        self.stream: WatchStream | None = None
        self.registered = asyncio.Event()
        self.login_retried = False
        self.progress_waiters: set[asyncio.Future[int]] = set()
        self.up = False
        self._announced = False

    def created(self, response: rpc_pb2.WatchResponse) -> None:
        self.login_retried = False
        self.registered.set()
        self.up = True
        spec = self.cursor.spec
        if spec.link_notify or (spec.created_notify and not self._announced):
            header = header_of(response)
            self.buffer.offer(WatchBatch(header.revision, (), True, False, header))
        self._announced = True

    def lost(self, error: errors.EtcdError) -> None:
        """The stream broke; told once, however often it cannot be opened again."""
        if self.up and self.cursor.spec.link_notify:
            self.buffer.offer(WatchBatch(self.cursor.next - 1, lost=error))
        self.up = False

    def deliver(self, response: rpc_pb2.WatchResponse) -> bool:
        """Hand a response's events over; ``False`` when the buffer overflowed and the watch is over."""
        before = self.cursor.next
        batch = self.cursor.accept(response)
        if batch is None or self.buffer.offer(batch):
            return True
        self.end(errors.WatchOverflow("its buffer was full", next_revision=before))
        return False

    def progress(self, response: rpc_pb2.WatchResponse, *, own: bool) -> bool:
        """The server is at a revision with nothing left to send; ``False`` as in ``deliver``.

        An answer meant for the whole stream does not move the resume point: servers to 3.4.24 and 3.5.7 overstate it.
        """
        header = header_of(response)
        before = self.cursor.next
        if own:
            self.cursor.progressed(header.revision)
        asked = bool(self.progress_waiters)
        for waiter in self.progress_waiters:
            if not waiter.done():
                waiter.set_result(header.revision)
        if not asked and not self.cursor.spec.progress_notify:
            return True
        if self.buffer.offer(WatchBatch(header.revision, (), False, True, header)):
            return True
        self.end(errors.WatchOverflow("its buffer was full", next_revision=before))
        return False

    def end(self, cause: errors.EtcdError | None, *, discard: bool = False) -> None:
        self.buffer.finish(cause, discard=discard)
        self.registered.set()
        for waiter in self.progress_waiters:
            if not waiter.done():
                waiter.set_exception(cause or errors.WatchCancelled("the watch was closed"))


class StreamOwner(Protocol):
    """What a stream asks of the hub that keeps it."""

    def relogin(self, subscription: Subscription, refused_by: WatchStream) -> None: ...

    def isolate(self, subscription: Subscription) -> None: ...

    def emptied(self, stream: WatchStream) -> None: ...


class WatchStream:
    """Keeps one stream alive for its watchers until the last one left.

    ``fresh_token`` logs in anew before the first opening; ``replaces`` is the stream whose token was refused: it gets
    no new watchers once this one is accepted.
    """

    def __init__(
        self,
        caller: Calls,
        owner: StreamOwner,
        *,
        require_leader: bool,
        lane: str = "",
        fresh_token: bool = False,
        replaces: WatchStream | None = None,
    ) -> None:
        self.require_leader = require_leader
        self.lane = lane
        self.stale = False
        self.replacement: WatchStream | None = None
        self.subscriptions: dict[Subscription, None] = {}
        self._caller = caller
        self._owner = owner
        self._fresh_token = fresh_token
        self._replaces = replaces
        self._relogged = fresh_token
        self._ledger: Ledger[Subscription] = Ledger()
        self._stream: WatchStreamCall | None = None
        self._outbox: deque[rpc_pb2.WatchRequest] = deque()
        self._wake = asyncio.Event()
        self._trouble = Trouble()
        self._backoff = Backoff()
        self._worked = False
        self._stalled = False
        self._doubted: set[Subscription] = set()
        self._watchdog: asyncio.TimerHandle | None = None
        self._error: errors.EtcdError | None = None
        self._attempt = 0
        self._retry_at = 0.0

    @property
    def endpoint(self) -> str:
        """Where the stream is open; empty between two openings."""
        return self._stream.endpoint if self._stream is not None else ""

    def link(self, up: bool) -> Link:
        """How a watcher of this stream is connected."""
        return Link(True, self.endpoint) if up else Link(False, "", self._error, self._attempt, self._retry_at)

    @property
    def hasty(self) -> bool:
        """Whether the server answers requests for progress at once, and too early."""
        return self._stream is not None and self._stream.hasty

    # ------------------------------------------------------------------ watchers come and go

    def attach(self, subscription: Subscription) -> None:
        subscription.stream = self
        subscription.registered.clear()
        subscription.up = False
        self.subscriptions[subscription] = None
        if self._stream is not None:
            self._create(subscription)

    def detach(self, subscription: Subscription) -> None:
        """Take a watcher off and cancel it on the server; the last one ends the stream."""
        if subscription not in self.subscriptions:
            return
        del self.subscriptions[subscription]
        subscription.stream = None
        watch_id = self._ledger.leave(subscription)
        if watch_id is not None:
            self._cancel(watch_id)
        if not self.subscriptions:
            self._owner.emptied(self)

    def request_progress(self) -> None:
        """Ask where the server is; it may never answer. One request serves all who ask before it is sent."""
        if self._stream is not None and not (self._outbox and self._outbox[-1].HasField("progress_request")):
            self._ledger.progress_asked()
            self._send(rpc_pb2.WatchRequest(progress_request=rpc_pb2.WatchProgressRequest()))

    def _create(self, subscription: Subscription) -> None:
        watch_id = self._ledger.asked(subscription)
        self._send(subscription.cursor.create_request(watch_id))
        self._watch_for_answer()

    def _cancel(self, watch_id: int) -> None:
        self._send(rpc_pb2.WatchRequest(cancel_request=rpc_pb2.WatchCancelRequest(watch_id=watch_id)))

    def _send(self, request: rpc_pb2.WatchRequest) -> None:
        self._outbox.append(request)
        self._wake.set()

    # ------------------------------------------------------------------ the life of the stream

    async def run(self) -> None:
        """Serve until the last watcher left or all of them had to be ended."""
        while self.subscriptions:
            started = asyncio.get_running_loop().time()
            self._worked = False
            self._attempt += 1
            self._retry_at = started + self._caller.options.command_timeout
            try:
                await self._serve()
            except errors.EtcdError as error:
                self._error = error
                for subscription in self.subscriptions:
                    subscription.lost(error)
                await self._recover(error, asyncio.get_running_loop().time() - started)

    async def _serve(self) -> None:
        stream = await self._caller.open_stream(
            WATCH,
            avoid=self._trouble.avoid(self._caller.endpoints),
            require_leader=self.require_leader,
            fresh_token=self._fresh_token,
        )
        self._fresh_token = False
        self._stalled = False
        self._ledger = Ledger()
        self._outbox.clear()
        self._stream = stream
        for subscription in self.subscriptions:
            self._create(subscription)
        writer = background(self._write(stream), "etcd watch writer")
        try:
            await self._read(stream)
        except errors.EtcdError as error:
            raise self._failure(error, stream) from None
        finally:
            self._stream = None
            self._stop_watchdog()
            stream.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        raise self._failure(None, stream)

    async def _write(self, stream: WatchStreamCall) -> None:
        try:
            while True:
                while self._outbox:
                    await stream.write(self._outbox.popleft())
                self._wake.clear()
                await self._wake.wait()
        except errors.EtcdError:
            return  # the reader meets the same failure and deals with it

    async def _read(self, stream: WatchStreamCall) -> None:
        live, late = self._ledger.live, self._ledger.late
        while (response := await stream.read()) is not None:
            if response.events:
                subscription = live.get(response.watch_id)
                if late:
                    self._ledger.heard(response.watch_id)
                if subscription is not None and not subscription.deliver(response):
                    self.detach(subscription)
            elif response.created:
                self._on_created(response, stream.endpoint)
            elif response.canceled:
                self._on_cancelled(response, stream.endpoint)
            else:
                self._on_progress(response)

    def _on_created(self, response: rpc_pb2.WatchResponse, endpoint: str) -> None:
        subscription = self._ledger.answered(response)
        self._watch_for_answer()
        if response.canceled:
            if subscription is not None:
                self._refused(subscription, cancel_error(response, endpoint=endpoint))
            return
        if not self._worked:
            self._worked = True
            self._attempt = 0
            self._relogged = False
            self._trouble.cleared()
            if self._replaces is not None:
                self._replaces.stale = True
                self._replaces = None
        if subscription is None:
            self._cancel(response.watch_id)
        else:
            subscription.created(response)

    def _refused(self, subscription: Subscription, error: errors.EtcdError) -> None:
        # Servers up to 3.4.21 and 3.5.5 call an expired token "permission denied" too.
        login = isinstance(error, (errors.Unauthenticated, errors.PermissionDenied))
        if login and not subscription.login_retried:
            subscription.login_retried = True
            self._owner.relogin(subscription, self)
            return
        subscription.end(error)
        self.detach(subscription)

    def _on_cancelled(self, response: rpc_pb2.WatchResponse, endpoint: str) -> None:
        subscription = self._ledger.ended(response.watch_id)
        if subscription is None:
            return
        error = cancel_error(response, endpoint=endpoint)
        if isinstance(error, errors.Compacted):
            self._cancel(response.watch_id)  # the server keeps the id, and answers no progress request until it is gone
            cursor = subscription.cursor
            if cursor.step_back and error.compact_revision <= cursor.next:
                cursor.step_back = False
                self._create(subscription)
                return
        subscription.end(error)
        self.detach(subscription)

    def _on_progress(self, response: rpc_pb2.WatchResponse) -> None:
        ledger = self._ledger
        own = response.watch_id != NO_WATCHER
        if own:
            ledger.heard(response.watch_id)
            told = [ledger.live[response.watch_id]] if response.watch_id in ledger.live else []
        else:
            told = ledger.told()
        hasty = not own and self.hasty
        for subscription in told:
            if hasty:
                self._doubt(subscription, response)
            elif not subscription.progress(response, own=own):
                self.detach(subscription)

    def _doubt(self, subscription: Subscription, response: rpc_pb2.WatchResponse) -> None:
        """Believe an answer of an old server once no event has come for a while: it does not wait for them itself."""
        if subscription not in self._doubted:
            self._doubted.add(subscription)
            ledger, known = self._ledger, subscription.cursor.next
            asyncio.get_running_loop().call_later(SETTLED, self._settle, subscription, response, ledger, known)

    def _settle(
        self,
        subscription: Subscription,
        response: rpc_pb2.WatchResponse,
        ledger: Ledger[Subscription],
        known: int,
    ) -> None:
        self._doubted.discard(subscription)
        if ledger is not self._ledger or subscription not in self.subscriptions:
            return
        if known != subscription.cursor.next <= response.header.revision:
            self._doubt(subscription, response)
        elif not subscription.progress(response, own=False):
            self.detach(subscription)

    # ------------------------------------------------------------------ failures

    async def _recover(self, error: errors.EtcdError, lived: float) -> None:
        now = asyncio.get_running_loop().time()
        self._trouble.failed(error, now, worked=self._worked)
        advice = verdict(error)
        if advice is Verdict.FRESH_TOKEN and not self._relogged:
            self._relogged = self._fresh_token = True
            return
        if advice is Verdict.ISOLATE and len(self.subscriptions) > 1:
            for subscription in list(self.subscriptions):
                self._owner.isolate(subscription)
            return
        final = self._trouble.hopeless(self._caller.endpoints, now) if advice is Verdict.RETRY else error
        if final is not None:
            self.end_all(final)
            return
        if self._worked and lived >= STEADY_AFTER:
            self._backoff.reset()
        pause = self._backoff.next()
        self._retry_at = now + pause
        await asyncio.sleep(pause)

    def end_all(self, cause: errors.EtcdError) -> None:
        for subscription in list(self.subscriptions):
            subscription.end(cause)
            self.detach(subscription)

    def _watch_for_answer(self) -> None:
        self._stop_watchdog()
        if self._ledger.unanswered and self._stream is not None:
            self._watchdog = asyncio.get_running_loop().call_later(ANSWER_TIMEOUT, self._stall)

    def _stop_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None

    def _stall(self) -> None:
        if self._stream is not None:
            self._stalled = True
            self._stream.cancel()

    def _failure(self, error: errors.EtcdError | None, stream: WatchStreamCall) -> errors.EtcdError:
        """Why the stream really ended: our own cancelling looks like a closed client, a server's end like nothing."""
        if self._stalled:
            text = f"the server did not answer a new watch within {ANSWER_TIMEOUT:g} s"
            return errors.Unavailable(text, endpoint=stream.endpoint)
        if error is None or (isinstance(error, errors.ClosedError) and not self._caller.closed):
            return errors.Unavailable("the watch stream ended", endpoint=stream.endpoint)
        return error
