"""What a service needs of the thing that sends its requests: the caller itself, or a wrapper around one."""

from __future__ import annotations

from collections.abc import Container
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from etcdtui.client._transport.token import TokenSource
from etcdtui.client._wire.methods import Method
from etcdtui.client.options import ClientOptions

Req = TypeVar("Req")
Resp = TypeVar("Resp")


Sent = TypeVar("Sent", contravariant=True)
Got = TypeVar("Got", covariant=True)


class StreamCall(Protocol[Sent, Got]):
    """The public face of ``streams.Stream``."""

    @property
    def endpoint(self) -> str: ...

    @property
    def hasty(self) -> bool: ...

    async def read(self) -> Got | None: ...

    async def write(self, request: Sent) -> None: ...

    async def done_writing(self) -> None: ...

    def cancel(self) -> None: ...


class Calls(Protocol):
    """The public face of ``call.Caller`` that services use."""

    @property
    def options(self) -> ClientOptions: ...

    @property
    def tokens(self) -> TokenSource: ...

    @property
    def endpoints(self) -> tuple[str, ...]: ...

    @property
    def closed(self) -> bool: ...

    def name_of(self, member_id: int) -> str: ...

    def renewing(self, lease_id: int) -> AbstractContextManager[None]: ...

    async def unary(
        self,
        method: Method[Req, Resp],
        request: Req,
        *,
        timeout: float | None = None,
        endpoint: str | None = None,
        require_leader: bool = False,
    ) -> Resp: ...

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
    ) -> StreamCall[Req, Resp]: ...


class Sender(Calls, Protocol):
    """What a client owns and ends: a caller of members, or a file that answers in their place."""

    @property
    def revision(self) -> int: ...

    def set_endpoints(self, endpoints: tuple[str, ...]) -> None: ...

    async def login(self, timeout: float) -> None: ...

    def refuse_new(self) -> None: ...

    async def aclose(self) -> None: ...


class ForwardedCalls:
    """Sends through another sender, unchanged: the base of wrappers, which change what they are there for."""

    def __init__(self, inner: Calls) -> None:
        self._inner = inner

    @property
    def options(self) -> ClientOptions:
        return self._inner.options

    @property
    def tokens(self) -> TokenSource:
        return self._inner.tokens

    @property
    def endpoints(self) -> tuple[str, ...]:
        return self._inner.endpoints

    @property
    def closed(self) -> bool:
        return self._inner.closed

    def name_of(self, member_id: int) -> str:
        return self._inner.name_of(member_id)

    def renewing(self, lease_id: int) -> AbstractContextManager[None]:
        return self._inner.renewing(lease_id)

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
        return await self._inner.open_stream(
            method,
            request=request,
            endpoint=endpoint,
            avoid=avoid,
            require_leader=require_leader,
            fresh_token=fresh_token,
            timeout=timeout,
        )
