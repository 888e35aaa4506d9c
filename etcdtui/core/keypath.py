"""Key bytes as a path of segments, and as text that a person can type.

A folder segment ends with its separator, so the segments of a key concatenate to exactly that key: ``a/b``, ``/a/b``,
``a//b``, ``a/b/`` and binary names are all different paths, and a key may also be the prefix of a folder.
"""

from __future__ import annotations

from collections.abc import Sequence

from etcdtui.core.quoting import escape
from etcdtui.core.safe_text import SafeText, safe_text
from etcdtui.core.value import Value

SELF_LABEL = "(this key)"
"""Label of the segment without a name: the key that is its own folder's prefix, as in ``a/``."""


class KeySyntaxError(ValueError):
    """Typed text is not a key; the message is a sentence, ``position`` the index of the first bad character."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class KeyPath(Value):
    """``folders`` each end with a separator; ``name`` is what follows the last one and may be empty."""

    folders: tuple[bytes, ...]
    name: bytes

    @property
    def key(self) -> bytes:
        return b"".join(self.folders) + self.name

    @property
    def folder(self) -> bytes:
        """The prefix that all keys of the innermost folder share."""
        return b"".join(self.folders)


class Separators:
    """Where keys are split: at the first place, read from the left, where any of the separators is complete.

    So no folder's range ever overlaps that of a sibling. Without separators the key space is one flat list.
    """

    def __init__(self, separators: Sequence[bytes | str] = (b"/",)) -> None:
        given = [s.encode() if isinstance(s, str) else s for s in separators]
        self.all: tuple[bytes, ...] = tuple(dict.fromkeys(s for s in given if s))

    def folder_end(self, key: bytes, start: int = 0) -> int:
        """The index just after the first separator at or after ``start``; -1 when there is none."""
        best = -1
        for separator in self.all:
            at = key.find(separator, start)
            if at >= 0 and (best < 0 or at + len(separator) < best):
                best = at + len(separator)
        return best

    def child(self, prefix: bytes, key: bytes) -> tuple[bytes, bool]:
        """The segment of ``key`` directly below the folder ``prefix``, and whether it is a folder."""
        end = self.folder_end(key, len(prefix))
        return (key[len(prefix) : end], True) if end >= 0 else (key[len(prefix) :], False)

    def split(self, key: bytes) -> KeyPath:
        folders: list[bytes] = []
        start = 0
        while (end := self.folder_end(key, start)) >= 0:
            folders.append(key[start:end])
            start = end
        return KeyPath(tuple(folders), key[start:])

    def parent(self, key: bytes) -> bytes | None:
        """The folder prefix that holds ``key`` (or the folder ``key``); ``None`` for the root itself."""
        if not key:
            return None
        path = self.split(key)
        return path.folder if path.name else b"".join(path.folders[:-1])


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
