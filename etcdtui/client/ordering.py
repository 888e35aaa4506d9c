"""Reads that never go back in time: serializable answers come from one member and may be older than the last one."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import Any, TypeVar

from etcdtui.client import methods
from etcdtui.client.calls import Calls, StreamCall
from etcdtui.client.methods import Method
from etcdtui.client.options import ClientOptions
from etcdtui.client.stream_policy import Backoff
from etcdtui.client.token import TokenSource
from etcdtui.core import errors
from etcdtui.core.types import WriteIntent

TRIES_PER_ENDPOINT = 5
FIRST_PAUSE = 0.005
PAUSE_CAP = 0.2

Req = TypeVar("Req")
Resp = TypeVar("Resp")
_GUARDED: frozenset[Method[Any, Any]] = frozenset({methods.RANGE, methods.TXN_READ})


class OrderedCalls:
    """Sends through another sender and remembers the newest revision any answer of the store carried.

    A read answered at an older one is asked again, which brings another member; ``StaleRead`` when five rounds over the
    endpoints brought nothing newer.
    """

    def __init__(self, inner: Calls) -> None:
        self._inner = inner
        self.revision = 0

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

    def admit(self, method: Method[Req, Resp], intent: WriteIntent | None) -> None:
        self._inner.admit(method, intent)

    async def unary(
        self,
        method: Method[Req, Resp],
        request: Req,
        *,
        timeout: float | None = None,
        endpoint: str | None = None,
        require_leader: bool = False,
        intent: WriteIntent | None = None,
    ) -> Resp:
        pause = Backoff(FIRST_PAUSE, PAUSE_CAP)
        known = self.revision
        seen = 0
        for _ in range(TRIES_PER_ENDPOINT * len(self.endpoints)):
            answer: Any = await self._inner.unary(
                method, request, timeout=timeout, endpoint=endpoint, require_leader=require_leader, intent=intent
            )
            seen = answer.header.revision
            if method not in _GUARDED or seen >= known:
                self.revision = max(self.revision, seen)
                return answer  # type: ignore[no-any-return]  # the header is not part of the generic type
            await asyncio.sleep(pause.next())
        raise errors.StaleRead(f"revision {known} was read before, the newest answer now was of revision {seen}")

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
        intent: WriteIntent | None = None,
    ) -> StreamCall[Req, Resp]:
        return await self._inner.open_stream(
            method,
            request=request,
            endpoint=endpoint,
            avoid=avoid,
            require_leader=require_leader,
            fresh_token=fresh_token,
            timeout=timeout,
            intent=intent,
        )
