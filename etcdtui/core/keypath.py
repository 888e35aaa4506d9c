"""Key bytes as a path of segments, and as text that a person can type.

A folder segment ends with its separator, so the segments of a key concatenate to exactly that key: ``a/b``, ``/a/b``,
``a//b``, ``a/b/`` and binary names are all different paths, and a key may also be the prefix of a folder.
"""

from __future__ import annotations

from etcdtui.core.quoting import escape
from etcdtui.core.safe_text import SafeText, safe_text

SELF_LABEL = "(this key)"
"""Label of the segment without a name: the key that is its own folder's prefix, as in ``a/``."""


class KeySyntaxError(ValueError):
    """Typed text is not a key; the message is a sentence, ``position`` the index of the first bad character."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def label(segment: bytes, *, limit: int = 200) -> SafeText:
    """A segment for display; the empty one gets a name of its own, marked as not literal."""
    return safe_text(segment, limit=limit) if segment else SafeText(SELF_LABEL, ((0, len(SELF_LABEL)),))


_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def escape_key(key: bytes) -> str:
    """The key as text to type or copy: everything invisible or not UTF-8 as ``\\xNN``; ``parse_key`` reverses it."""
    return escape(key.decode("utf-8", "surrogateescape"), _SHORT)


def parse_key(text: str) -> bytes:
    """The key that ``text`` writes: ``\\xNN``, ``\\n``, ``\\r``, ``\\t``, ``\\0`` and ``\\\\`` are escapes.

    Raises ``KeySyntaxError``.
    """
    out = bytearray()
    at = 0
    while at < len(text):
        char = text[at]
        if char != "\\":
            try:
                out += char.encode()
            except UnicodeEncodeError:
                raise KeySyntaxError(f"Character {at + 1} is not a valid Unicode character.", at) from None
            at += 1
            continue
        kind = text[at + 1 : at + 2]
        if kind in _ESCAPES and kind:
            out += _ESCAPES[kind]
            at += 2
        elif kind == "x":
            digits = text[at + 2 : at + 4]
            if len(digits) != 2 or any(d not in "0123456789abcdefABCDEF" for d in digits):
                raise KeySyntaxError(f"\\x at character {at + 1} needs two hexadecimal digits, as in \\xff.", at)
            out.append(int(digits, 16))
            at += 4
        elif not kind:
            raise KeySyntaxError("The key ends with a single backslash; write \\\\ for a backslash itself.", at)
        else:
            raise KeySyntaxError(
                f"\\{safe_text(kind).text} at character {at + 1} is no escape; use \\xNN, \\n, \\r, \\t, \\0 or \\\\.",
                at,
            )
    return bytes(out)
