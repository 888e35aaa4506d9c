"""What happens between the attempts of one call: token, rotation, pause, and the error when no more are made."""

from __future__ import annotations

import asyncio

from etcdtui.client._transport.balancer import Slot
from etcdtui.client._transport.connection import Connection
from etcdtui.client._transport.pool import Pool
from etcdtui.client._transport.retry import Action, Backoff, decide
from etcdtui.client._transport.token import TokenSource
from etcdtui.client._wire.grpc_errors import Failure
from etcdtui.client._wire.methods import Effect
from etcdtui.client.options import ClientOptions
from etcdtui.core import errors as e

CLOCK_SLACK = 0.05
"""Seconds by which a server may notice our deadline before we do."""


class Attempts:
    """The state of one call that did not succeed at once; ``until`` is loop time, ``None`` for no deadline."""

    def __init__(
        self, options: ClientOptions, pool: Pool, tokens: TokenSource, effect: Effect, until: float | None
    ) -> None:
        self.until = until
        self.avoid: set[str] = set()
        self._options, self._pool, self._tokens = options, pool, tokens
        self._effect = effect
        self._loop = asyncio.get_running_loop()
        self._attempts_left = max(1, options.max_unary_retries)
        self._backoff = Backoff(len(pool.endpoints), options.backoff_wait_between, options.backoff_jitter_fraction)
        self._logins = 0
        self._learners = 0
        self._maybe = False
        self._cause: e.EtcdError | None = None

    def left(self) -> float:
        """Seconds until the deadline, 0 for none."""
        return 0.0 if self.until is None else max(0.001, self.until - self._loop.time())

    async def after(self, failure: Failure, slot: Slot[Connection] | None, token: str | None) -> None:
        """Prepares the next attempt, or raises the final error."""
        error = failure.error
        step = decide(
            failure,
            self._effect,
            can_login=self._tokens.can_login,
            logins=self._logins,
            retry_writes=self._options.retry_writes,
        )
        self._attempts_left -= 1
        self._maybe = self._maybe or (error.applied == "maybe" and not failure.unsent)
        self._learners += isinstance(error, e.LearnerRefused)
        final = final_error(error, self._effect, self._maybe)
        if not isinstance(error, e.DeadlineExceeded):
            self._cause = error
        elif self._cause is not None:
            # The last attempt was cut by our own deadline; what the servers said before it tells more.
            final = timed_out(self._cause, final.applied)
        if step is Action.RAISE or self._attempts_left <= 0 or self._learners >= len(self._pool.endpoints):
            over = self.until is not None and self._loop.time() >= self.until - CLOCK_SLACK
            raise timed_out(final) if over and isinstance(error, e.Unavailable) and not failure.unsent else final
        if step is Action.LOGIN:
            self._logins += 1
            try:
                async with asyncio.timeout_at(self.until):
                    await self._tokens.refresh(token)
            except TimeoutError:
                raise timed_out(final) from None
            return
        if slot is not None:
            if not failure.from_server and not isinstance(error, e.Throttled):  # which says that it is there
                self._pool.lost(slot)
            self.avoid.add(slot.name)
            if self.avoid.issuperset(self._pool.endpoints):
                self.avoid.clear()
        await self._pause(final)

    async def _pause(self, last: e.EtcdError) -> None:
        pause = self._backoff.next_pause()
        left = None if self.until is None else self.until - self._loop.time()
        if left is not None and left <= pause:
            if left > 0:
                await asyncio.sleep(left)
            raise timed_out(last)
        if pause:
            await asyncio.sleep(pause)
        if self._pool.closed:
            raise e.ClosedError()


def final_error(error: e.EtcdError, effect: Effect, maybe: bool) -> e.EtcdError:
    """``error`` with the fate of the request: reads change nothing, an earlier doubtful attempt keeps its doubt."""
    error.applied = "no" if effect is Effect.READ else "maybe" if maybe else error.applied
    return error


def timed_out(last: e.EtcdError, applied: e.Applied | None = None) -> e.EtcdError:
    """The deadline error that tells what was seen last, its ``__cause__``; ``applied`` where that is not the fate of
    ``last``."""
    if isinstance(last, e.DeadlineExceeded):
        return last
    late = e.DeadlineExceeded(
        f"last seen: {last.message}", endpoint=last.endpoint, code="DEADLINE_EXCEEDED", applied=applied or last.applied
    )
    late.__cause__ = last
    return late
