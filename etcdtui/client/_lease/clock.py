"""When a lease is renewed and when it is given up: pure logic, the clock is handed in."""

from __future__ import annotations

import random
from collections import deque

RENEW_FRACTION = 3
JITTER = 0.1
"""A renewal comes up to this part of its interval early, so that many leases do not march in step."""

STALL_LEAST = 1.0
STALL_MOST = 5.0


class LeaseClock:
    """One lease: its next renewal and its deadline, counted from the sending of the last acknowledged renewal.

    ``first_answer`` is how many seconds a lease of unknown TTL waits for its first answer.
    """

    __slots__ = ("deadline", "due", "in_flight", "ttl")

    def __init__(self, now: float, first_answer: float) -> None:
        self.ttl = 0
        self.due = now
        self.deadline = now + first_answer
        self.in_flight = False

    def sent(self) -> None:
        self.in_flight = True

    def answered(self, ttl: int, sent_at: float, now: float) -> None:
        """Renewed for ``ttl`` seconds by a request sent at ``sent_at``."""
        interval = ttl / RENEW_FRACTION
        self.ttl = ttl
        self.in_flight = False
        self.due = now + interval * random.uniform(1 - JITTER, 1)
        self.deadline = sent_at + ttl

    def lost_in_flight(self, now: float) -> None:
        """The stream broke: a renewal without an answer is due again."""
        if self.in_flight:
            self.in_flight = False
            self.due = now


class InFlight:
    """Renewals sent and not answered yet: one stream answers strictly in the order it was asked."""

    def __init__(self) -> None:
        self._sent: deque[tuple[int, float]] = deque()

    def sent(self, lease_id: int, now: float) -> None:
        self._sent.append((lease_id, now))

    def answered(self, lease_id: int, now: float) -> float:
        """When the request now answered was sent; whatever was skipped will not be answered any more."""
        while self._sent:
            sent_id, sent_at = self._sent.popleft()
            if sent_id == lease_id:
                return sent_at
        return now

    def dropped(self, lease_id: int) -> None:
        """Its first request was not sent after all."""
        for place, (sent_id, _) in enumerate(self._sent):
            if sent_id == lease_id:
                del self._sent[place]
                return

    @property
    def head(self) -> int | None:
        """The lease whose renewal a failure of the stream was about."""
        return self._sent[0][0] if self._sent else None

    def stalled(self, now: float, limit: float) -> bool:
        return bool(self._sent) and now - self._sent[0][1] > limit


def stall_limit(shortest_ttl: int) -> float:
    """Seconds a renewal may stay unanswered before another endpoint is tried."""
    return min(max(shortest_ttl / RENEW_FRACTION, STALL_LEAST), STALL_MOST)
