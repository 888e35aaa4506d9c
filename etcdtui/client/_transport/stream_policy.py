"""What to do when a long-lived stream breaks: pure decisions shared by watch and keep-alive."""

from __future__ import annotations

import random
from collections.abc import Collection
from enum import Enum

from etcdtui.core import errors

BACKOFF_FIRST = 0.001
BACKOFF_FACTOR = 1.5
BACKOFF_CAP = 0.1

NO_LEADER_PATIENCE = 3.5
"""Seconds of trouble before "no leader" from every endpoint is believed: an election takes less."""


class Verdict(Enum):
    """What to do with the watchers of a stream that failed."""

    RETRY = "retry"
    FRESH_TOKEN = "fresh token"  # noqa: S105  a name, not a secret
    ISOLATE = "isolate"
    FAIL = "fail"


_PASSING_CODES = frozenset({"INTERNAL", "CANCELLED", "UNAVAILABLE"})
_FINAL_ON_ALL = (errors.TlsError, errors.LearnerRefused)


def verdict(error: errors.EtcdError) -> Verdict:
    """Whether the watchers of a broken stream resume elsewhere, need a new login, must be told apart, or end."""
    if isinstance(error, errors.Unauthenticated):
        return Verdict.FRESH_TOKEN
    if isinstance(error, errors.MessageTooLarge):
        return Verdict.ISOLATE
    if isinstance(error, errors.ClosedError):
        return Verdict.FAIL
    if error.retryable or isinstance(error, errors.TlsError) or error.code in _PASSING_CODES:
        return Verdict.RETRY
    return Verdict.FAIL


class Trouble:
    """What each endpoint said since a stream last worked."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._failures = 0
        self._said: dict[str, errors.EtcdError] = {}

    def cleared(self) -> None:
        self._since = None
        self._failures = 0
        self._said.clear()

    def failed(self, error: errors.EtcdError, now: float, *, worked: bool) -> None:
        """Note a failure; a stream that ``worked`` and then lost its leader has waited three elections already."""
        if self._since is None:
            self._since = now - (NO_LEADER_PATIENCE if worked and isinstance(error, errors.NoLeader) else 0.0)
        self._failures += 1
        self._said[error.endpoint] = error

    def avoid(self, endpoints: Collection[str]) -> tuple[str, ...]:
        """Endpoints that failed since the stream last worked; only the last one when that is all of them."""
        failing = tuple(self._said)
        return failing if set(endpoints) - set(failing) else failing[-1:]

    def hopeless(self, endpoints: Collection[str], now: float) -> errors.EtcdError | None:
        """The error to end with, once every endpoint that answers had its turn and there is nothing to wait for.

        Endpoints that merely do not answer are waited for without limit: servers come back.
        """
        had_their_turn = set(endpoints) <= set(self._said) or self._failures > len(endpoints)
        if self._since is None or not had_their_turn:
            return None
        said = list(self._said.values())
        leaderless = next((error for error in said if isinstance(error, errors.NoLeader)), None)
        if leaderless is not None:
            return leaderless if now - self._since >= NO_LEADER_PATIENCE else None
        if all(isinstance(error, _FINAL_ON_ALL) for error in said):
            return said[-1]
        return None


class Backoff:
    """Growing pauses, capped, with jitter; starts over when told that something worked."""

    def __init__(self, first: float = BACKOFF_FIRST, cap: float = BACKOFF_CAP) -> None:
        self._first = first
        self._cap = cap
        self._pause = first

    def reset(self) -> None:
        self._pause = self._first

    def next(self) -> float:
        """Seconds to wait now: between half the pause and all of it."""
        pause = self._pause
        self._pause = min(pause * BACKOFF_FACTOR, self._cap)
        return pause * random.uniform(0.5, 1.0)
