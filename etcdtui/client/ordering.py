"""Reads that never go back in time: serializable answers come from one member and may be older than the last one."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from etcdtui.client._transport.calls import Calls, ForwardedCalls
from etcdtui.client._transport.deadline import Deadline
from etcdtui.client._transport.stream_policy import Backoff
from etcdtui.client._wire import methods
from etcdtui.client._wire.methods import Method
from etcdtui.core import errors

TRIES_PER_ENDPOINT = 5
FIRST_PAUSE = 0.005
PAUSE_CAP = 0.2

Req = TypeVar("Req")
Resp = TypeVar("Resp")
_GUARDED: frozenset[Method[Any, Any]] = frozenset({methods.RANGE, methods.TXN_READ})


class OrderedCalls(ForwardedCalls):
    """Sends through another sender and remembers the newest revision any answer of the store carried.

    A read answered at an older one is asked again, which brings another member; ``StaleRead`` when five rounds over the
    endpoints brought nothing newer.
    """

    def __init__(self, inner: Calls) -> None:
        super().__init__(inner)
        self.revision = 0

    async def unary(
        self,
        method: Method[Req, Resp],
        request: Req,
        *,
        timeout: float | None = None,
        endpoint: str | None = None,
        require_leader: bool = False,
    ) -> Resp:
        deadline = Deadline(self.options.command_timeout if timeout is None else timeout)
        pause = Backoff(FIRST_PAUSE, PAUSE_CAP)
        known = self.revision
        seen, last = 0, ""
        for _ in range(TRIES_PER_ENDPOINT * len(self.endpoints)):
            answer: Any = await self._inner.unary(
                method, request, timeout=deadline.left(last=last), endpoint=endpoint, require_leader=require_leader
            )
            seen = answer.header.revision
            if method not in _GUARDED or seen >= known:
                self.revision = max(self.revision, seen)
                return answer  # type: ignore[no-any-return]  # the header is not part of the generic type
            last = f"an answer of revision {seen}, older than {known}, which was read before"
            await asyncio.sleep(pause.next())
        raise errors.StaleRead(f"revision {known} was read before, the newest answer now was of revision {seen}")
