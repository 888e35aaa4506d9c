"""Sizes, counts, rates, durations and TTLs as people write and read them. Pure ASCII."""

from __future__ import annotations

import re
from decimal import Decimal

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}


def format_size(size: int) -> str:
    """``312 B``, ``1.2 KB``, ``31 MB``: powers of 1024, one decimal below a hundred of a unit."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KB", "MB", "GB", "TB"):
        amount /= 1024
        # 1023.5 would print as 1024 of this unit.
        if amount < 1023.5 or unit == "TB":
            break
    return f"{amount:.1f} {unit}" if amount < 99.95 else f"{amount:.0f} {unit}"


def parse_size(text: str) -> int:
    """Bytes of ``10k``, ``512KiB``, ``1.5 MB``, ``64``: powers of 1024. Raises ``ValueError`` with a sentence."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size; write it like 512, 10k, 512KiB or 1.5MB.")
    return int(Decimal(match[1]) * 1024 ** _POWERS[match[2].lower()])


def format_count(count: int) -> str:
    """``41,000``."""
    return f"{count:,}"


def counted(count: int, noun: str) -> str:
    """``1 user``, ``41,000 users``."""
    return f"{format_count(count)} {noun}{'' if count == 1 else 's'}"


def format_rate(per_second: float, unit: str = "") -> str:
    """``0.3/s``, ``12/s``, ``1,200/s``; with the unit ``B`` a size: ``1.2 KB/s``."""
    if unit == "B":
        return f"{format_size(int(per_second))}/s"
    number = f"{per_second:.1f}" if 0 < per_second < 9.95 else f"{per_second:,.0f}"
    return f"{number}{' ' + unit if unit else ''}/s"


def format_ttl(seconds: float) -> str:
    """The two greatest units that matter: ``42s``, ``5m10s``, ``2h``, ``3d4h``; below zero ``gone``."""
    if seconds < 0:
        return "gone"
    left = int(seconds)
    parts: list[str] = []
    for name, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, left = divmod(left, length)
        if amount:
            parts.append(f"{amount}{name}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return "".join(parts) or "0s"


def format_latency(seconds: float) -> str:
    """``0.3 ms``, ``12 ms``, ``1.4 s``."""
    if seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def parse_duration(text: str) -> float:
    """Seconds of a duration as Go writes it: ``2s``, ``1m30s``, ``100ms``, ``1.5h``, ``0``.

    Raises ``ValueError`` with a sentence. Negative durations are refused: nothing here has a use for one.
    """
    compact = text.strip()
    if compact == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(compact))
    if not parts or "".join(part[0] for part in parts) != compact:
        raise ValueError(f"{text!r} is not a duration; write it like 2s, 1m30s, 100ms or 1.5h.")
    return float(sum((Decimal(part[1]) * _SECONDS[part[2]] for part in parts), Decimal(0)))


def format_duration(seconds: float) -> str:
    """A duration as Go writes it, exact to the microsecond: ``1m30s``, ``2s``, ``100ms``, ``1h0m5s``."""
    micros = round(seconds * 1_000_000)
    if micros < 1_000:
        return f"{micros}us" if micros else "0s"
    if micros < 1_000_000:
        return f"{_plain(micros, 1_000)}ms"
    hours, rest = divmod(micros, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    head = f"{hours}h" if hours else ""
    return head + (f"{minutes}m" if minutes or hours else "") + f"{_plain(rest, 1_000_000)}s"


def _plain(amount: int, unit: int) -> str:
    text = f"{Decimal(amount) / unit:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
