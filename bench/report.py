"""What a measurement says: a ratio inside one run, its target, and the numbers it is made of."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """``ratio`` is good when it is at most ``target`` (or at least, with ``at_least``)."""

    name: str
    ratio: float
    target: float
    detail: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        word = "met" if self.met else "MISSED"
        return f"{self.name:<44} {self.ratio:6.2f}x  {sign} {self.target:g}x  {word:<7} {self.detail}"


def milliseconds(seconds: Sequence[float]) -> str:
    """Median and extremes, for the detail."""
    median, low, high = (value * 1000 for value in (statistics.median(seconds), min(seconds), max(seconds)))
    return f"{median:.0f} [{low:.0f}-{high:.0f}] ms"
