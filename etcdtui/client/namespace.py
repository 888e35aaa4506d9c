"""Keys below a prefix, seen without it: nothing asked through a namespace leaves it.

Requests and answers are translated on their way, so the same services work inside. Lease IDs, revisions and counts are
the store's own; keys of a lease outside of the namespace are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, Generic, TypeVar

from etcdtui.client._transport.calls import Calls, ForwardedCalls, StreamCall
from etcdtui.client._wire import methods
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client._wire.methods import Method
from etcdtui.core.ranges import below
from etcdtui.pb import rpc_pb2

Req = TypeVar("Req")
Resp = TypeVar("Resp")

_UNTOUCHED: frozenset[Method[Any, Any]] = frozenset(
    {
        methods.COMPACT,
        methods.LEASE_GRANT,
        methods.LEASE_REVOKE,
        methods.LEASE_KEEP_ALIVE,
        methods.LEASE_LEASES,
    }
)


class Translation:
    """Into the namespace and out of it again; messages are changed in place."""

    def __init__(self, prefix: KeyLike) -> None:
        self.prefix = to_bytes(prefix, "the prefix")
        if not self.prefix:
            raise ValueError("a namespace needs a prefix")
        self._cut = len(self.prefix)
        self._enter: dict[Method[Any, Any], Callable[[Any], None]] = {
            methods.RANGE: self._enter_range,
            methods.RANGE_STREAM: self._enter_range,
            methods.PUT: self._enter_put,
            methods.DELETE_RANGE: self._enter_range,
            methods.TXN: self._enter_txn,
            methods.TXN_READ: self._enter_txn,
            methods.WATCH: self._enter_watch,
        }
        self._leave: dict[Method[Any, Any], Callable[[Any], None]] = {
            methods.RANGE: self._leave_range,
            methods.RANGE_STREAM: lambda message: self._leave_range(message.range_response),
            methods.PUT: self._leave_put,
            methods.DELETE_RANGE: self._leave_delete,
            methods.TXN: self._leave_txn,
            methods.TXN_READ: self._leave_txn,
            methods.WATCH: self._leave_watch,
            methods.LEASE_TIME_TO_LIVE: self._leave_lease,
        }

    def entered(self, method: Method[Req, Resp], request: Req) -> Req:
        """The request as the store is asked, the original untouched; what cannot be confined is a ``ValueError``."""
        if method in _UNTOUCHED or method is methods.LEASE_TIME_TO_LIVE:
            return request
        enter = self._enter.get(method)
        if enter is None:
            raise ValueError(f"{method.name} cannot be confined to a namespace")
        copy: Any = type(request)()
        copy.CopyFrom(request)
        enter(copy)
        return copy  # type: ignore[no-any-return]  # protobuf's classes share no typed base with CopyFrom

    def left(self, method: Method[Req, Resp], response: Resp) -> Resp:
        leave = self._leave.get(method)
        if leave is not None:
            leave(response)
        return response

    def _enter_range(self, message: Any) -> None:
        message.key, message.range_end = below(self.prefix, message.key, message.range_end)

    def _enter_put(self, message: rpc_pb2.PutRequest) -> None:
        message.key = self.prefix + message.key

    def _enter_txn(self, message: rpc_pb2.TxnRequest) -> None:
        for compare in message.compare:
            self._enter_range(compare)
        for op in (*message.success, *message.failure):
            kind = op.WhichOneof("request")
            if kind == "request_range":
                self._enter_range(op.request_range)
            elif kind == "request_put":
                self._enter_put(op.request_put)
            elif kind == "request_delete_range":
                self._enter_range(op.request_delete_range)
            elif kind == "request_txn":
                self._enter_txn(op.request_txn)

    def _enter_watch(self, message: rpc_pb2.WatchRequest) -> None:
        if message.HasField("create_request"):
            self._enter_range(message.create_request)

    def _strip(self, kv: Any) -> None:
        kv.key = kv.key[self._cut :]

    def _leave_range(self, message: rpc_pb2.RangeResponse) -> None:
        for kv in message.kvs:
            self._strip(kv)

    def _leave_put(self, message: rpc_pb2.PutResponse) -> None:
        if message.HasField("prev_kv"):
            self._strip(message.prev_kv)

    def _leave_delete(self, message: rpc_pb2.DeleteRangeResponse) -> None:
        for kv in message.prev_kvs:
            self._strip(kv)

    def _leave_txn(self, message: rpc_pb2.TxnResponse) -> None:
        for op in message.responses:
            kind = op.WhichOneof("response")
            if kind == "response_range":
                self._leave_range(op.response_range)
            elif kind == "response_put":
                self._leave_put(op.response_put)
            elif kind == "response_delete_range":
                self._leave_delete(op.response_delete_range)
            elif kind == "response_txn":
                self._leave_txn(op.response_txn)

    def _leave_watch(self, message: rpc_pb2.WatchResponse) -> None:
        for event in message.events:
            self._strip(event.kv)
            if event.HasField("prev_kv"):
                self._strip(event.prev_kv)

    def _leave_lease(self, message: rpc_pb2.LeaseTimeToLiveResponse) -> None:
        inside = [key[self._cut :] for key in message.keys if key.startswith(self.prefix)]
        del message.keys[:]
        message.keys.extend(inside)


class NamespacedStream(Generic[Req, Resp]):
    """A stream whose messages are translated both ways."""

    def __init__(self, inner: StreamCall[Req, Resp], method: Method[Req, Resp], translation: Translation) -> None:
        self._inner = inner
        self._method = method
        self._translation = translation

    @property
    def endpoint(self) -> str:
        return self._inner.endpoint

    @property
    def hasty(self) -> bool:
        return self._inner.hasty

    async def read(self) -> Resp | None:
        message = await self._inner.read()
        return None if message is None else self._translation.left(self._method, message)

    async def write(self, request: Req) -> None:
        await self._inner.write(self._translation.entered(self._method, request))

    async def done_writing(self) -> None:
        await self._inner.done_writing()

    def cancel(self) -> None:
        self._inner.cancel()


class NamespacedCalls(ForwardedCalls):
    """Sends requests through another sender, confined to a prefix."""

    def __init__(self, inner: Calls, prefix: KeyLike) -> None:
        super().__init__(inner)
        self._translation = Translation(prefix)

    async def unary(
        self,
        method: Method[Req, Resp],
        request: Req,
        *,
        timeout: float | None = None,
        endpoint: str | None = None,
        require_leader: bool = False,
    ) -> Resp:
        answer = await self._inner.unary(
            method,
            self._translation.entered(method, request),
            timeout=timeout,
            endpoint=endpoint,
            require_leader=require_leader,
        )
        return self._translation.left(method, answer)

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
    ) -> StreamCall[Req, Resp]:
        stream = await super().open_stream(
            method,
            request=None if request is None else self._translation.entered(method, request),
            endpoint=endpoint,
            avoid=avoid,
            require_leader=require_leader,
            fresh_token=fresh_token,
            timeout=timeout,
        )
        return NamespacedStream(stream, method, self._translation)
