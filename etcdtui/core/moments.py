"""Numbers that count since 1970, and the times in words that they are: exact both ways, to the nanosecond."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

UNITS: Mapping[str, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""How many of a unit are a second."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = 946_684_800, 4_102_444_800
"""Seconds of the years 2000 to 2099, the only ones a guess is worth something."""
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")


def unit_of(number: int) -> str:
    """The unit in which a number is a time of this century, empty when it is none."""
    return next((unit for unit, many in UNITS.items() if FIRST <= number // many < LAST), "")


def in_words(number: int, unit: str) -> str:
    """RFC 3339 in UTC, as exact as the number; raises ``ValueError`` outside years 1 to 9999."""
    seconds, rest = divmod(number, UNITS[unit])
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{number} {unit} since 1970 is no time that can be written.") from None
    digits = len(str(UNITS[unit])) - 1
    fraction = f".{rest:0{digits}d}".rstrip("0") if rest else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def from_words(text: str, unit: str) -> int:
    """The number that an RFC 3339 time is; raises ``ValueError`` with a sentence, also where digits would be lost."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError("Write a time like 2026-11-28T06:30:00Z, or with +02:00 in place of Z.")
    day, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace('Z', '+00:00')}")
    except ValueError:
        raise ValueError(f"There is no such time: {text.strip()}.") from None
    nanos = int((fraction or "").ljust(9, "0"))
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    number, lost = divmod((seconds * 10**9 + nanos) * UNITS[unit], 10**9)
    if lost:
        raise ValueError(f"The value counts {unit}: the time has more digits than that.")
    return number
