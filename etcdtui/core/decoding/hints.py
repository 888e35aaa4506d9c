"""Guesses about text that has no proven type. They are shown as hints and never choose a view."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from etcdtui.core import moments
from etcdtui.core.decoding.result import View
from etcdtui.core.decoding.scalars import epoch
from etcdtui.core.decoding.text_view import text_view

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VERSION = re.compile(r"v?\d{1,5}\.\d{1,5}(?:\.\d{1,5}){0,2}(?:[-+][0-9A-Za-z.-]+)?")
_HEX = re.compile(r"(?:0x)?(?:[0-9a-fA-F]{2}){8,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_UNITS = (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9))
MAX_HINTED = 64 * 1024
WEAK_KINDS = frozenset({"text", "integer", "number", "empty", "whitespace", "binary", "protobuf?", "8 bytes"})
"""Kinds that prove nothing about what base64 holds."""


def number_hints(text: str) -> tuple[str, ...]:
    """``1`` may be a truth or a number; a number of this century's seconds may be a time."""
    if not text.isdecimal() or not text.isascii() or len(text) > 20:
        return ()
    for unit, per_second in _UNITS:
        when = epoch(int(text) // per_second)
        if when and len(text) > 8:
            return (f"epoch {unit} = {when}",)
    return ()


def number_views(text: str) -> tuple[View, ...]:
    """A number as the time that it may be."""
    unit = moments.unit_of(int(text)) if text.isdecimal() and text.isascii() and len(text) <= 20 else ""
    return (text_view(f"{moments.in_words(int(text), unit)}  ({unit} since 1970)", "time"),) if unit else ()


def time_views(text: str) -> tuple[View, ...]:
    """A time as the numbers that it is since 1970, as far as they are whole."""
    rows: list[str] = []
    for unit in moments.UNITS:
        try:
            rows.append(f"{moments.from_words(text, unit)}  ({unit} since 1970)")
        except ValueError:
            continue
    return (text_view("\n".join(rows), "number"),) if rows else ()


def byte_views(value: bytes) -> tuple[View, ...]:
    """Four or eight bytes as the numbers that they may be, in either order, and as times."""
    bits = len(value) * 8
    rows: list[str] = []
    for order in ("big", "little"):
        number = int.from_bytes(value, "big" if order == "big" else "little")
        signed = f"  i{bits} {number - (1 << bits)}" if number >> (bits - 1) else ""
        unit = moments.unit_of(number)
        when = f"  {moments.in_words(number, unit)} ({unit} since 1970)" if unit else ""
        rows.append(f"{order}-endian: u{bits} {number}{signed}{when}")
    return (text_view("\n".join(rows), "number"),)


def text_hints(text: str, kind_of: Callable[[bytes], str]) -> tuple[str, ...]:
    """Hints for other text; ``kind_of`` names the proven type of bytes, or a weak one."""
    if len(text) > MAX_HINTED:
        return ()
    if text in ("true", "false", "null"):
        return (f"valid JSON: {text}",)
    if _UUID.fullmatch(text):
        return ("UUID",)
    hints: list[str] = []
    if _VERSION.fullmatch(text):
        hints.append("version")
    if _HEX.fullmatch(text):
        hints.append(f"hex of {(len(text) - 2 * text.startswith('0x')) // 2} bytes")
    elif kind := _base64_kind(text, kind_of):
        hints.append(f"base64 of {kind}")
    return tuple(hints)


def _base64_kind(text: str, kind_of: Callable[[bytes], str]) -> str:
    compact = "".join(text.split())
    if not _BASE64.fullmatch(compact):
        return ""
    normal = compact.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(normal + "=" * (-len(normal) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    kind = kind_of(data)
    return "" if kind in WEAK_KINDS else kind
