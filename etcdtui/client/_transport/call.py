"""The one place where RPCs are sent: write gate, deadline, token, choice of endpoint, retry, error mapping."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Container
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

from etcdtui.client._transport.attempts import Attempts, final_error
from etcdtui.client._transport.balancer import Slot
from etcdtui.client._transport.border import Border
from etcdtui.client._transport.connection import Connection, Metadata
from etcdtui.client._transport.failures import failure_of
from etcdtui.client._transport.pool import Pool
from etcdtui.client._transport.retry import Action, decide
from etcdtui.client._transport.streams import Stream
from etcdtui.client._transport.token import Renew, TokenSource
from etcdtui.client._wire import methods
from etcdtui.client._wire.grpc_errors import Failure
from etcdtui.client._wire.methods import Effect, Kind, Method
from etcdtui.client.observing import CallReport, Observer
from etcdtui.client.options import ClientOptions
from etcdtui.core import errors as e
from etcdtui.core.safe_text import safe_text
from etcdtui.core.types import WriteGate
from etcdtui.pb import rpc_pb2

__all__ = ["Caller"]

Req = TypeVar("Req")
Resp = TypeVar("Resp")

DIAL_TIMEOUT = 10.0
"""Seconds to look at a member's certificate where neither the call nor the options set a limit."""
MIN_SHARE = 1.0
"""Seconds an attempt gets at least, if the deadline allows."""
LOG = logging.getLogger("etcdtui.client")
_LEADER: tuple[str, str] = ("hasleader", "true")


class _Failed(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class Caller:
    """Sends requests. Every failure comes out as a class of ``core.errors``; times are seconds, 0 means no limit."""

    def __init__(
        self,
        options: ClientOptions,
        gate: WriteGate | None = None,
        observer: Observer | None = None,
        renew: Renew | None = None,
    ) -> None:
        self.options = options
        self._observer = observer
        self.revision = 0
        self.tokens = TokenSource(options.username, options.password, options.token, self._authenticate, renew=renew)
        self.pool = Pool(options, self._probe_metadata)
        self._border = Border(gate)
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._plain: tuple[str | None, Metadata | None, Metadata] = (None, None, (_LEADER,))

    @property
    def endpoints(self) -> tuple[str, ...]:
        return self.pool.endpoints

    @property
    def closed(self) -> bool:
        return self._closed

    async def unary(
        self,
        method: Method[Req, Resp],
        request: Req,
        *,
        timeout: float | None = None,
        endpoint: str | None = None,
        require_leader: bool = False,
    ) -> Resp:
        """One answer. Without ``endpoint`` any member may give it and reads are repeated on others; with it only that
        member is asked, once. ``timeout`` ``None`` is the command timeout."""
        if self._closed:
            raise e.ClosedError()
        if method.kind is not Kind.UNARY:
            raise ValueError(f"{method.name} is a stream")
        self._border.request(method, request, endpoint)
        limit = self.options.command_timeout if timeout is None else timeout
        if self._loop.time() >= self.tokens.renew_at:
            self.tokens.renew_soon()
        if endpoint is not None:
            return await self._addressed(method, request, endpoint, limit, require_leader)
        slot = self.pool.quick()
        failure: Failure | None = None
        started = self._loop.time()
        if slot is not None:
            try:
                share = self._share(method.effect, limit)
                return await self._attempt(slot.item, method, request, share, self._metadata(require_leader))
            except _Failed as failed:
                failure = failed.failure
        return await self._persist(method, request, started, limit, require_leader, slot, failure)

    async def open_stream(
        self,
        method: Method[Req, Resp],
        *,
        request: Req | None = None,
        endpoint: str | None = None,
        avoid: Container[str] = (),
        require_leader: bool = False,
        fresh_token: bool = False,
        timeout: float | None = None,
    ) -> Stream[Req, Resp]:
        """Opens a stream on a connected member: bidirectional ones without ``request``, server streams with it.

        ``timeout`` bounds the opening (``None``: the command timeout); the stream itself has no deadline.
        """
        if self._closed:
            raise e.ClosedError()
        self._border.stream(method, request, endpoint)
        limit = self.options.command_timeout if timeout is None else timeout
        until = self._loop.time() + limit if limit else None
        await self._in_time(self.tokens.for_stream(fresh=fresh_token), until)
        slot: Slot[Connection] | None = None
        if endpoint is not None:
            connection = self.pool.find(endpoint)
            await self._in_time(connection.open(limit or self.options.dial_timeout or DIAL_TIMEOUT), until)
        else:
            slot = self.pool.quick(avoid) or await self._acquire(avoid, until)
            connection = slot.item
        if self._closed:
            raise e.ClosedError()
        start = connection.call_for(method)
        metadata = self._metadata(require_leader)
        call = start(metadata=metadata) if request is None else start(request, metadata=metadata)
        check = partial(self._border.request, method, endpoint=endpoint)
        started = self._loop.time()

        def ended(code: str, error: e.EtcdError | None, sent: int, received: int) -> None:
            took = self._loop.time() - started
            self._observe(CallReport(method.name, connection.name, took, code, error, True, sent, received))

        opened: Stream[Req, Resp] = Stream(
            call, connection, check, lambda: self._closed, lambda: self._lost(slot), ended
        )
        opened.sent = int(request is not None)
        return opened

    def set_endpoints(self, endpoints: tuple[str, ...]) -> None:
        """Replaces the endpoints; calls in flight on those left out finish."""
        self.pool.set_endpoints(endpoints)

    async def login(self, timeout: float) -> None:
        """Fetches the first token, if there are credentials."""
        if not self.tokens.can_login:
            return
        await self._in_time(self.tokens.refresh(None), self._loop.time() + timeout if timeout else None)

    def refuse_new(self) -> None:
        """From now on nothing new is sent: ``ClosedError``."""
        self._closed = True

    async def aclose(self) -> None:
        """Ends all calls and streams now; they raise ``ClosedError``. Safe to repeat."""
        self.refuse_new()
        await self.tokens.aclose()
        await self.pool.aclose()

    def name_of(self, member_id: int) -> str:
        """The endpoint at which a member was met; empty when it was not."""
        return self.pool.name_of(member_id)

    def renewing(self, lease_id: int) -> AbstractContextManager[None]:
        """Asks the write gate once for all renewals of a lease inside of the block."""
        if self._closed:
            raise e.ClosedError()
        return self._border.renewing(lease_id)

    def _metadata(self, require_leader: bool) -> Metadata | None:
        token = self.tokens.current
        if token != self._plain[0]:
            pair: Metadata = (("token", token),) if token else ()
            self._plain = (token, pair or None, (*pair, _LEADER))
        return self._plain[2] if require_leader else self._plain[1]

    def _probe_metadata(self) -> Metadata | None:
        return self._metadata(False)

    async def _attempt(
        self, connection: Connection, method: Method[Req, Resp], request: Req, limit: float, metadata: Metadata | None
    ) -> Resp:
        try:
            call = connection.send(method, request, limit, metadata)
        except Exception as error:  # noqa: BLE001 - failure_of re-raises what is not gRPC's
            raise _Failed(failure_of(error, connection.name)) from None
        read = method.effect is Effect.READ
        connection.pending[call] = read
        self.pool.watch_silence()
        started = self._loop.time()
        try:
            response: Any = await call
        except asyncio.CancelledError:
            self._note(method, connection, started, None, cancelled=True)
            raise self._interrupted(call, connection, read) from None
        except Exception as error:  # noqa: BLE001 - failure_of re-raises what is not gRPC's
            failure = failure_of(error, connection.name)
            if failure.from_server:
                connection.answers += 1
            self._note(method, connection, started, failure.error)
            raise _Failed(failure) from None
        finally:
            connection.ended(call)
        connection.answers += 1
        if response is None:  # how grpc.aio hands over what it could not decode
            garbled = e.ServerError("the answer cannot be decoded", endpoint=connection.name, applied="maybe")
            self._note(method, connection, started, garbled)
            raise _Failed(Failure(garbled, from_server=True))
        self._note(method, connection, started, None)
        header = response.header
        if header.revision > self.revision:
            self.revision = header.revision
        cluster_id = header.cluster_id
        if cluster_id != self.pool.cluster_id:
            try:
                self.pool.check_cluster(cluster_id, connection.name)
            except e.ClusterMismatch as error:
                if not read:
                    error.applied = "maybe"
                raise
        return response  # type: ignore[no-any-return]  # gRPC's stubs leave the message type open

    def _note(
        self,
        method: Method[Any, Any],
        connection: Connection,
        started: float,
        error: e.EtcdError | None,
        *,
        cancelled: bool = False,
    ) -> None:
        """One attempt is over: for the log, and for whoever observes."""
        if self._observer is None and not LOG.isEnabledFor(logging.DEBUG):
            return
        took = self._loop.time() - started
        code = "CANCELLED" if cancelled else "OK" if error is None else error.code or "UNKNOWN"
        self._observe(
            CallReport(method.name, connection.name, took, code, error, received=int(error is None and not cancelled))
        )

    def _observe(self, report: CallReport) -> None:
        if LOG.isEnabledFor(logging.DEBUG):
            words = safe_text(str(report.error or report.code), limit=300).text
            LOG.debug("%s %s %.1f ms %s", report.method, report.endpoint, report.seconds * 1000, words)
        if self._observer is None:
            return
        try:
            self._observer(report)
        except Exception as error:  # noqa: BLE001 - a fault of the observer's must not become one of the call
            self._loop.call_exception_handler({"message": "the observer of calls failed", "exception": error})

    def _attempts(self, effect: Effect, until: float | None) -> Attempts:
        return Attempts(self.options, self.pool, self.tokens, effect, until)

    def _share(self, effect: Effect, left: float) -> float:
        """What one attempt may take of the time left: half for a read that could also be asked elsewhere."""
        if effect is Effect.WRITE or left <= MIN_SHARE or len(self.pool.balancer.slots) < 2:
            return left
        return max(MIN_SHARE, left / 2)

    def _interrupted(self, call: Any, connection: Connection, read: bool) -> BaseException:
        """What a cancelled call means: the caller's wish, the client's end, or a move away from a member that is silent
        or was taken out of use."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return asyncio.CancelledError()
        if self._closed:
            return e.ClosedError(endpoint=connection.name, applied="no" if read else "maybe")
        why = "the member stopped answering" if call in connection.evicted else "the endpoint was taken out of use"
        return _Failed(Failure(e.Unavailable(why, endpoint=connection.name, code="UNAVAILABLE", applied="maybe")))

    async def _addressed(
        self, method: Method[Req, Resp], request: Req, endpoint: str, limit: float, require_leader: bool
    ) -> Resp:
        connection = self.pool.find(endpoint)
        until = self._loop.time() + limit if limit else None
        logins = 0
        await connection.open(limit or self.options.dial_timeout or DIAL_TIMEOUT)
        while True:
            token = self.tokens.current
            left = 0.0 if until is None else max(0.001, until - self._loop.time())
            try:
                response = await self._attempt(connection, method, request, left, self._metadata(require_leader))
            except _Failed as failed:
                failure = failed.failure
            else:
                connection.greeted = True
                return response
            step = decide(failure, method.effect, can_login=self.tokens.can_login, logins=logins, retry_writes=False)
            if step is not Action.LOGIN:
                raise final_error(await self.pool.explain(connection, failure.error, until), method.effect, False)
            logins += 1
            await self._in_time(self.tokens.refresh(token), until)

    async def _persist(
        self,
        method: Method[Req, Resp],
        request: Req,
        started: float,
        limit: float,
        require_leader: bool,
        slot: Slot[Connection] | None,
        failure: Failure | None,
        anonymous: bool = False,
    ) -> Resp:
        """The slow path: everything after the first quick attempt."""
        until = started + limit if limit else None
        run = self._attempts(method.effect, until)
        token = self.tokens.current
        while True:
            if failure is not None:
                await run.after(failure, slot, token)
            try:
                slot = self.pool.quick(run.avoid) or await self.pool.acquire(run.avoid, until)
            except e.EtcdError as error:
                slot, failure = None, Failure(error, unsent=True)
                continue
            token = None if anonymous else self.tokens.current
            left = self._share(method.effect, run.left())
            try:
                metadata = None if anonymous else self._metadata(require_leader)
                return await self._attempt(slot.item, method, request, left, metadata)
            except _Failed as failed:
                failure = failed.failure

    async def _acquire(self, avoid: Container[str], until: float | None) -> Slot[Connection]:
        """A connected endpoint for a stream, waiting for one until the loop's time is ``until``."""
        run = self._attempts(Effect.READ, until)
        while True:
            try:
                return self.pool.quick(avoid) or await self.pool.acquire(avoid, run.until)
            except e.EtcdError as error:
                await run.after(Failure(error, unsent=True), None, None)

    async def _in_time(self, work: Awaitable[None], until: float | None) -> None:
        try:
            async with asyncio.timeout_at(until):
                await work
        except TimeoutError:
            raise e.DeadlineExceeded("the login or the connection took too long; " + self.pool.why().message) from None

    def _lost(self, slot: Slot[Connection] | None) -> None:
        if slot is not None and not self._closed:
            self.pool.lost(slot)

    async def _authenticate(self, username: str, password: str) -> str:
        request = rpc_pb2.AuthenticateRequest(name=username, password=password)
        limit = self.options.command_timeout or self.options.dial_timeout
        now = self._loop.time()
        answer = await self._persist(methods.AUTHENTICATE, request, now, limit, False, None, None, anonymous=True)
        return answer.token
