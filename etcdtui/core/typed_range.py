"""A range of keys as a person types it."""

from __future__ import annotations

from etcdtui.core import ranges
from etcdtui.core.keypath import parse_key


def typed_range(text: str) -> tuple[bytes, bytes]:
    """What a person means: ``/app/`` and ``/app*`` are prefixes, ``*`` is everything, ``a..m`` a range, else one key.

    Raises ``KeySyntaxError`` with a sentence.
    """
    if text == "*":
        return ranges.ALL
    low, dots, high = text.partition("..")
    if dots and low and high:
        return parse_key(low.strip()), parse_key(high.strip())
    if text.endswith("*"):
        return ranges.prefix_range(parse_key(text[:-1]))
    key = parse_key(text)
    return ranges.prefix_range(key) if key.endswith(b"/") else (key, b"")
