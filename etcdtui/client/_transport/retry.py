"""What to do after a failed attempt, and how long to pause: pure decisions, no clock and no network."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import Enum

from etcdtui.client._wire.grpc_errors import Failure
from etcdtui.client._wire.methods import Effect
from etcdtui.core import errors as e
from etcdtui.core.value import record

MAX_PAUSE = 1.0
"""Seconds; no pause between attempts is longer."""
MAX_LOGINS = 3
"""Fresh tokens one call may ask for before the refusal is final."""


class Action(Enum):
    RAISE = "give the error to the caller"
    ROTATE = "try another endpoint"
    LOGIN = "get a fresh token, then try again"


_PASSING = (e.Unavailable, e.NoLeader, e.DeadlineExceeded, e.LearnerRefused, e.Throttled)
_UNAPPLIED_PASSING = (e.NoLeader, e.LearnerRefused, e.Throttled, e.NotCapable, e.LeaderChanged)


def decide(failure: Failure, effect: Effect, *, can_login: bool, logins: int, retry_writes: bool) -> Action:
    """The step after ``failure``. Time and number of attempts are the caller's concern."""
    error = failure.error
    if isinstance(error, e.Unauthenticated):
        return Action.LOGIN if can_login and logins < MAX_LOGINS else Action.RAISE
    if isinstance(error, (e.TlsError, e.NotEtcd, e.NoElectionLeader)) or not isinstance(error, _PASSING):
        return Action.RAISE
    if effect is Effect.READ or failure.unsent or isinstance(error, _UNAPPLIED_PASSING):
        return Action.ROTATE
    return Action.ROTATE if retry_writes else Action.RAISE


@record(frozen=False)
class Backoff:
    """Pauses of one call: none until every endpoint had its turn, then doubling with full jitter."""

    endpoints: int
    wait: float
    jitter: float
    rand: Callable[[], float] = random.random
    failed: int = 0

    def next_pause(self) -> float:
        """Seconds to wait before the next attempt; call it once after each failed one."""
        self.failed += 1
        if self.failed < self.endpoints or self.wait <= 0:
            return 0.0 if self.wait > 0 else MIN_PAUSE
        step = min(self.failed - self.endpoints, 16)
        span = min(MAX_PAUSE, self.wait * 2**step)
        spread = 1.0 + self.jitter * (2.0 * self.rand() - 1.0)
        return float(max(MIN_PAUSE, span * self.rand() * spread))


MIN_PAUSE = 0.005
"""Seconds; keeps a call on a dead cluster from spinning when the jitter draws nothing."""
