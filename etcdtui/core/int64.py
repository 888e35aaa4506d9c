"""Whole numbers as etcd has them, read from files that anybody may have written."""

from __future__ import annotations

LARGEST = 2**63 - 1
LAST_SECOND = 253_402_300_799
"""The end of the year 9999, in Unix seconds."""


def int64(value: object, base: int = 10) -> int:
    """A number, or its text in ``base``, of at most 64 bits with sign; raises ``ValueError`` for anything else."""
    if isinstance(value, str):
        number = int(value, base)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise ValueError("not a whole number")
    if abs(number) > LARGEST:
        raise ValueError("more than 64 bits")
    return number


def is_int64(number: int) -> bool:
    """Whether a number fits into 64 bits with sign."""
    return -LARGEST - 1 <= number <= LARGEST


def seconds(value: object) -> float:
    """A time of day since 1970 that a calendar has; raises ``ValueError`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LAST_SECOND:
        raise ValueError("not a time")
    return float(value)
