"""The only door from server bytes (or any foreign text) to anything displayed.

What a terminal could obey, hide or reorder is replaced by visible ASCII or a control picture, and every replaced
span is reported so that the UI can style it: a text that holds the replacement literally has no mark there.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

MAX_COMBINING: Final = 3
"""Combining marks kept on one base character; further ones are spelled out."""

ELLIPSIS: Final = "…"

_FOREIGN = re.compile(r"[^\x20-\x7e]+")
_INVISIBLE: Final = frozenset(
    chr(code)
    for first, last in [
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xFFFC, 0xFFFC),
        (0x1D159, 0x1D159),
        (0x1F3FB, 0x1F3FF),
        (0xE0100, 0xE01EF),
    ]
    for code in range(first, last + 1)
)
"""Printable by category, yet drawn as nothing or able to change the width of their neighbour."""
_MEMO_LIMIT: Final = 65536
_KEEP: Final = 0
_COMBINE: Final = 1


class SafeText(NamedTuple):
    """Displayable text, the half-open spans of it that stand for something else, and whether it was shortened."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()
    cut: bool = False


def safe_text(x: bytes | str, *, limit: int = 0, keep_newlines: bool = False) -> SafeText:
    """Make ``x`` safe to display on one line (or on several, with ``keep_newlines``).

    ``limit`` is the greatest number of characters of the result, the ellipsis included (0: no limit); the input is
    cut to it before any other work. Bytes that are not UTF-8 appear as ``\\xNN``.
    """
    # A character has at most four bytes, so `4 * limit + 4` of them hold more than `limit` characters.
    text = x if isinstance(x, str) else (x[: 4 * limit + 4] if limit else x).decode("utf-8", "surrogateescape")
    over = bool(limit) and len(text) > limit
    if over:
        text = text[: limit + 1]
    if text.isascii() and text.isprintable():
        return SafeText(text[: limit - 1] + ELLIPSIS, (), True) if over else SafeText(text)
    clean, marks = _replace(text, keep_newlines)
    if over or (limit and len(clean) > limit):
        return _shorten(clean, marks, limit)
    return SafeText(clean, marks)


def _shorten(text: str, marks: tuple[tuple[int, int], ...], limit: int) -> SafeText:
    """Cut to ``limit`` characters without splitting a replaced span."""
    end = limit - 1
    for start, stop in marks:
        if start < end < stop:
            end = start
    return SafeText(text[:end] + ELLIPSIS, tuple(m for m in marks if m[1] <= end), True)


def _replace(text: str, keep_newlines: bool) -> tuple[str, tuple[tuple[int, int], ...]]:
    parts: list[str] = []
    marks: list[tuple[int, int]] = []
    size = done = 0
    for run in _FOREIGN.finditer(text):
        start = run.start()
        if start > done:
            parts.append(text[done:start])
            size += start - done
        # How many marks the base before the run can still carry; negative: there is no base.
        room = MAX_COMBINING if start > done and text[start - 1] != " " else -1
        for char in run.group():
            what = _MEMO[char]
            if what == _KEEP or (char == "\n" and keep_newlines):
                room = MAX_COMBINING if what == _KEEP else -1
                parts.append(char)
                size += 1
                continue
            if what == _COMBINE:
                if room > 0:
                    room -= 1
                    parts.append(char)
                    size += 1
                    continue
                piece = "◌" + char if room < 0 else _spell(char)
                room = MAX_COMBINING - 1 if room < 0 else 0
            else:
                piece = str(what)
                room = -1
            parts.append(piece)
            if marks and marks[-1][1] == size:
                marks[-1] = (marks[-1][0], size + len(piece))
            else:
                marks.append((size, size + len(piece)))
            size += len(piece)
        done = run.end()
    parts.append(text[done:])
    return "".join(parts), tuple(marks)


def _spell(char: str) -> str:
    return f"<U+{ord(char):04X}>"


def _judge(char: str) -> str | int:
    """What becomes of one character: kept, kept as a combining mark, or its replacement."""
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if 0x80 <= code < 0xA0:
        return f"<{code:02X}>"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char in _INVISIBLE or not char.isprintable():
        return _spell(char)
    # Medial and final Hangul jamo join the syllable before them as a combining mark does.
    if unicodedata.category(char)[0] == "M" or 0x1161 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FB:
        return _COMBINE
    return _KEEP


class _Memo(dict[str, str | int]):
    def __missing__(self, char: str) -> str | int:
        if len(self) >= _MEMO_LIMIT:
            self.clear()
        verdict = self[char] = _judge(char)
        return verdict


_MEMO = _Memo()


def is_plain(char: str) -> bool:
    """Whether one character may be shown as itself (a combining mark counts as such)."""
    return isinstance(_MEMO[char], int)
