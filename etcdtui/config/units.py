"""Durations and sizes as people write them."""

from __future__ import annotations

import re

DURATION_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
SIZE_UNITS = {
    "": 1, "B": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3,
    "KB": 1000, "MB": 1000**2, "GB": 1000**3,
}  # fmt: skip
MAX_DURATION = 10 * 365 * 86400.0
MAX_SIZE = 2**53
PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(ns|us|µs|μs|ms|s|m|h)")
SIZE = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})\Z")


def parse_duration(text: str) -> float:
    """Seconds of a Go duration (``1m30s``, ``500ms``, ``0``). Raises ``ValueError`` with a sentence."""
    if text == "0":
        return 0.0
    total, at = 0.0, 0
    while match := PART.match(text, at):
        total += float(match[1]) * DURATION_UNITS[match[2]]
        at = match.end()
    if at == 0 or at != len(text):
        raise ValueError("a duration is a number with its unit, such as 500ms, 5s or 1m30s")
    if total > MAX_DURATION:
        raise ValueError("the duration is longer than ten years")
    return total


def parse_size(text: str) -> int:
    """Bytes of ``512KiB``, ``4MiB``, ``1.5GB`` or a plain number. Raises ``ValueError`` with a sentence."""
    match = SIZE.match(text)
    factor = SIZE_UNITS.get(match[2].upper()) if match else None
    if match is None or factor is None:
        raise ValueError("a size is a number, alone or with KiB, MiB or GiB")
    size = int(float(match[1]) * factor)
    if size > MAX_SIZE:
        raise ValueError("the size is too large")
    return size


def format_duration(seconds: float) -> str:
    """The shortest Go duration of a number of seconds."""
    if seconds == 0:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    parts, rest = [], seconds
    for unit, size in (("h", 3600), ("m", 60)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{int(count)}{unit}")
    if rest:
        parts.append(f"{rest:g}s")
    return "".join(parts)
