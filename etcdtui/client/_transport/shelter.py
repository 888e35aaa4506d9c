"""Read-only transactions on servers that end when one is broken off: the caller may leave, the call goes on.

etcd 3.4 before 3.4.23 and 3.5 before 3.5.7 panic when a transaction of reads is cancelled or meets its deadline while
they work on it. To such a server it is sent without a deadline and never cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from etcdtui.client._wire.versions import before
from etcdtui.core import errors as e
from etcdtui.core.tasks import background

MOST_LEFT = 16
"""Transactions whose callers have left that may still run on one server; with more it gets no new ones."""
CLOSE_GRACE = 2.0
"""Seconds that closing waits for those that still run."""


_MENDED = {(3, 4): 23, (3, 5): 7}


def breaks_off_badly(version: str) -> bool:
    """Whether a server of this version ends when a read-only transaction is broken off; single ranges are safe."""
    return before(version, _MENDED)


class Shelter:
    """The sheltered calls of one connection, with what their callers wait for."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[None], asyncio.Future[Any]] = {}

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def admit(self, endpoint: str) -> None:
        """Raises ``Throttled`` while too many run whose callers have left."""
        if sum(answer.done() for answer in self._running.values()) >= MOST_LEFT:
            why = f"{MOST_LEFT} transactions that were given up still run, and breaking them off would end this server"
            raise e.Throttled(why, endpoint=endpoint, applied="no")

    def take(self, call: Awaitable[Any], timeout: float, endpoint: str) -> asyncio.Future[Any]:
        """The answer to ``call``. It can be cancelled and times out after ``timeout`` seconds (0: never), alone."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        task = background(_finish(call, answer), "etcd sheltered transaction")
        self._running[task] = answer
        task.add_done_callback(self._running.pop)
        if timeout:
            timer = loop.call_later(timeout, _expire, answer, endpoint)
            answer.add_done_callback(lambda _: timer.cancel())
        return answer

    async def drain(self) -> None:
        """Waits until all have ended, for ``CLOSE_GRACE`` at most."""
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_GRACE)

    async def gone(self) -> None:
        """Waits for the end of what the channel's closing broke off."""
        await asyncio.gather(*self._running, return_exceptions=True)


async def _finish(call: Awaitable[Any], answer: asyncio.Future[Any]) -> None:
    try:
        result = await call
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except Exception as error:  # noqa: BLE001 - handed to the caller, if there still is one
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(result)


def _expire(answer: asyncio.Future[Any], endpoint: str) -> None:
    if not answer.done():
        error = e.DeadlineExceeded("no answer in time", endpoint=endpoint, code="DEADLINE_EXCEEDED", applied="maybe")
        answer.set_exception(error)
