"""Which endpoint gets the next call: pure logic, the clock is handed in.

Round robin over the endpoints that answer; one miss takes an endpoint out, a background probe brings it back.
Members without a leader and learners serve only when nobody better is there.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import field
from enum import IntEnum
from typing import Generic, TypeVar

from etcdtui.core.value import record

FIRST_PENALTY, MAX_PENALTY = 0.5, 5.0
"""Seconds an endpoint rests after its first failure in a row, and at most."""
DESPERATE_REST = 0.1
"""Seconds between two looks at an endpoint while none is usable; gRPC itself paces the real connection attempts."""
LEADERLESS_REST = 1.0
"""Seconds until a member that knew no leader is asked again."""

T = TypeVar("T")


class Tier(IntEnum):
    """Best first. NEW was never reached, BAD failed last time."""

    GOOD = 0
    LEADERLESS = 1
    LEARNER = 2
    NEW = 3
    BAD = 4


@record(frozen=False, eq=False)
class Slot(Generic[T]):
    """One endpoint's standing."""

    name: str
    item: T
    tier: Tier = Tier.NEW
    failures: int = 0
    check_at: float = 0.0
    failed_at: float = float("-inf")


@record(frozen=False)
class Balancer(Generic[T]):
    """``pick`` gives the next usable slot or ``None``; ``due`` those that a probe should look at again."""

    slots: tuple[Slot[T], ...] = ()
    _best: tuple[Slot[T], ...] = field(default=(), repr=False)
    _turn: int = 0

    def replace(self, slots: tuple[Slot[T], ...]) -> None:
        self.slots = slots
        self._rank()

    def pick(self, avoid: Container[str] = ()) -> Slot[T] | None:
        """The next slot of the best tier, one not in ``avoid`` if there is any; ``None`` when none answers."""
        best = self._best
        if avoid:
            usable = [slot for slot in self.slots if slot.tier < Tier.NEW and slot.name not in avoid]
            if usable:
                top = min(slot.tier for slot in usable)
                best = tuple(slot for slot in usable if slot.tier == top)
        if not best:
            return None
        self._turn += 1
        return best[self._turn % len(best)]

    def answered(self, slot: Slot[T], tier: Tier, now: float) -> None:
        """A probe of ``slot`` came back with ``tier``."""
        slot.failures = 0
        slot.check_at = now + LEADERLESS_REST if tier is Tier.LEADERLESS else now + MAX_PENALTY
        if slot.tier is not tier:
            slot.tier = tier
            self._rank()

    def failed(self, slot: Slot[T], now: float) -> None:
        """``slot`` did not answer: it rests, longer with each failure in a row."""
        slot.failures += 1
        slot.failed_at = now
        slot.check_at = now + min(MAX_PENALTY, FIRST_PENALTY * 2 ** min(slot.failures - 1, 8))
        if slot.tier is not Tier.BAD:
            slot.tier = Tier.BAD
            self._rank()

    def stale(self, slot: Slot[T]) -> None:
        """The connection of ``slot`` is gone: ask before the next use."""
        if slot.tier is not Tier.BAD:
            slot.tier = Tier.NEW
            slot.check_at = 0.0
            self._rank()

    def due(self, now: float) -> tuple[Slot[T], ...]:
        """Slots not in full use whose rest is over; when nobody is usable the rest is ``DESPERATE_REST``."""
        if self._best:
            return tuple(slot for slot in self.slots if slot.tier is not Tier.GOOD and slot.check_at <= now)
        return tuple(slot for slot in self.slots if slot.failed_at + DESPERATE_REST <= now)

    @property
    def all_good(self) -> bool:
        return len(self._best) == len(self.slots) and bool(self._best) and self._best[0].tier is Tier.GOOD

    def _rank(self) -> None:
        usable = [slot for slot in self.slots if slot.tier < Tier.NEW]
        top = min((slot.tier for slot in usable), default=Tier.BAD)
        self._best = tuple(slot for slot in usable if slot.tier == top)
