"""Byte algebra of etcd's key ranges.

A range is ``(key, end)``: an empty ``end`` is the single key, ``b"\\0"`` is everything from ``key`` on,
otherwise it is the half-open interval ``[key, end)``. The smallest key is ``b"\\0"``; the empty key never exists.
"""

from __future__ import annotations

ALL = (b"\0", b"\0")
FROM_KEY = b"\0"


def prefix_end(prefix: bytes) -> bytes:
    """The exclusive end of all keys that start with ``prefix``; ``b"\\0"`` (no upper bound) when none exists."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else FROM_KEY


def prefix_range(prefix: bytes) -> tuple[bytes, bytes]:
    """The range of all keys that start with ``prefix``; the empty prefix is the whole store."""
    return (prefix, prefix_end(prefix)) if prefix else ALL


def below(prefix: bytes, key: bytes, end: bytes = b"") -> tuple[bytes, bytes]:
    """A range of names without ``prefix`` as the range of the whole names; nothing beyond the prefix is in it."""
    if not end:
        return prefix + key, b""
    return prefix + key, prefix_end(prefix) if end == FROM_KEY else prefix + end


def cut(prefix: bytes, key: bytes, end: bytes = b"") -> tuple[bytes, bytes] | None:
    """What of a range of whole names lies below ``prefix``, without it; ``None`` when nothing does."""
    part = intersect((key, end), prefix_range(prefix))
    if part is None:
        return None
    low, high = part[0][len(prefix) :], part[1]
    if end == b"":
        return (low, b"") if low else None
    return low or b"\0", FROM_KEY if high in (FROM_KEY, prefix_end(prefix)) else high[len(prefix) :]


def next_key(key: bytes) -> bytes:
    """The smallest key greater than ``key``."""
    return key + b"\0"


def bounds(key: bytes, end: bytes) -> tuple[bytes, bytes | None]:
    """A range as a plain half-open interval; an upper bound of ``None`` means unbounded."""
    if end == b"":
        return key, next_key(key)
    return key, None if end == FROM_KEY else end


def is_empty(key: bytes, end: bytes) -> bool:
    low, high = bounds(key, end)
    return high is not None and high <= low


def contains(outer: tuple[bytes, bytes], inner: tuple[bytes, bytes]) -> bool:
    """Whether every key of ``inner`` lies in ``outer``."""
    low, high = bounds(*outer)
    inner_low, inner_high = bounds(*inner)
    if inner_high is not None and inner_high <= inner_low:
        return True
    if inner_low < low:
        return False
    return high is None or (inner_high is not None and inner_high <= high)


def holds(range_: tuple[bytes, bytes], key: bytes) -> bool:
    """Whether ``key`` lies in ``range_``."""
    low, high = bounds(*range_)
    return low <= key and (high is None or key < high)


def intersect(a: tuple[bytes, bytes], b: tuple[bytes, bytes]) -> tuple[bytes, bytes] | None:
    """The common part of two ranges in the same convention, or ``None``."""
    a_low, a_high = bounds(*a)
    b_low, b_high = bounds(*b)
    low = max(a_low, b_low)
    high = b_high if a_high is None else a_high if b_high is None else min(a_high, b_high)
    if high is None:
        return low, FROM_KEY
    return (low, high) if low < high else None


def merge(ranges: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The union as the fewest sorted ranges; touching intervals are joined, single keys stay single."""
    spans = sorted((bounds(*r) for r in ranges if not is_empty(*r)), key=lambda s: s[0])
    merged: list[tuple[bytes, bytes | None]] = []
    for low, high in spans:
        if merged and (merged[-1][1] is None or low <= merged[-1][1]):
            last_low, last_high = merged[-1]
            if last_high is not None:
                merged[-1] = (last_low, None if high is None else max(last_high, high))
        else:
            merged.append((low, high))
    return [(low, FROM_KEY if high is None else b"" if high == next_key(low) else high) for low, high in merged]
