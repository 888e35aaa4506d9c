"""Text as Go's standard library reads it, because etcdctl does: quoted strings, numbers, switches, words of a line.

Written from the documented behaviour of ``strconv`` (Unquote, ParseInt, ParseBool), ``fmt.Sscanf``, ``unicode.IsSpace``
and of etcdctl 3.4 to 3.7, and held against etcdctl itself by ``tests/core/test_as_etcdctl_reads.py``.
"""

from __future__ import annotations

import re

SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What ``unicode.IsSpace`` calls a space."""
_WORDS = re.compile(r""""(?:[^"\\]|\\[^\n])*"|'[^']*'|[^'"\t\n\f\r ][^\t\n\f\r ]*[^'"\t\n\f\r ]?""")
_ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|([^"\\\n])"""
)
_SHORT = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34}
_DECIMAL = re.compile(r"[+-]?[0-9]+")
_BASE_0 = re.compile(
    r"([+-]?)(?:0[xX](_?[0-9a-fA-F]+)+|0[bB](_?[01]+)+|0[oO](_?[0-7]+)+|0(_?[0-7]+)*|[1-9](_?[0-9]+)*)"
)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
INT64 = range(-(2**63), 2**63)


class GoTextError(ValueError):
    """The text is not what Go would read there; the message is a sentence."""


def unquote(text: str) -> bytes:
    r"""The bytes of a ``"quoted string"``: ``\n \t \" \\ \x41 \101 \u00e9`` and their like; others are refused.

    What is not UTF-8 becomes U+FFFD, as ``fmt.Sscanf`` reads runes.
    """
    out = bytearray()
    at = 1
    end = len(text) - 1
    while at < end:
        found = _ESCAPE.match(text, at, end)
        if found is None:
            raise GoTextError(f"{text[at : at + 4]} is no escape of a quoted string; a backslash is written \\\\")
        short, octal, byte, small, large, plain = found.groups()
        if plain:
            out += "\N{REPLACEMENT CHARACTER}".encode() if "\ud800" <= plain <= "\udfff" else plain.encode()
        elif short:
            out.append(_SHORT[short])
        elif octal or byte:
            number = int(octal, 8) if octal else int(byte, 16)
            if number > 0xFF:
                raise GoTextError(f"\\{octal} is more than a byte holds")
            out.append(number)
        else:
            code = int(small or large, 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise GoTextError(f"{found.group()} names no character")
            out += chr(code).encode()
        at = found.end()
    return bytes(out)


def words(line: str) -> list[bytes]:
    """The words of one line of transaction or watch text.

    Only a quote at the beginning of a word quotes, ``'...'`` without escapes; a quote that is not closed is skipped,
    and the word goes on to the next blank: ``{"a":1}`` is one word, taken as it stands.
    """
    found: list[bytes] = []
    for match in _WORDS.finditer(line):
        word = match.group()
        if word[0] == '"':
            found.append(unquote(word))
        elif word[0] == "'":
            found.append(_raw(word[1:-1]))
        else:
            found.append(_raw(word))
    return found


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class Scan:
    """Reads from the left as ``fmt.Sscanf`` does; each step raises ``GoTextError`` where the text does not fit."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def quoted(self) -> bytes:
        """``%q``: a double-quoted or back-quoted string."""
        self._skip_spaces()
        start = self.at
        quote = self.text[start : start + 1]
        if quote == "`":
            end = self.text.find("`", start + 1)
            if end >= 0:
                self.at = end + 1
                return self.text[start + 1 : end].replace("\r", "").encode("utf-8", "replace")
        elif quote == '"':
            end = start + 1
            while end < len(self.text) and self.text[end] != '"':
                end += 2 if self.text[end] == "\\" else 1
            if end < len(self.text):
                self.at = end + 1
                return unquote(self.text[start : end + 1])
        raise GoTextError("a quoted string is wanted" if quote not in ('"', "`") else "a quote is not closed")

    def literal(self, char: str) -> None:
        if not self.text.startswith(char, self.at):
            raise GoTextError(f"{char} is wanted after the key, without a blank")
        self.at += len(char)

    def blank(self) -> None:
        """A blank of the format: one or more in the text, unless it ends there."""
        if self.at < len(self.text) and self.text[self.at] not in SPACES:
            raise GoTextError("a blank is wanted on both sides of the sign")
        self._skip_spaces()

    def word(self) -> str:
        """``%s``: up to the next blank."""
        self._skip_spaces()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in SPACES:
            self.at += 1
        if start == self.at:
            raise GoTextError("the text ends too early")
        return self.text[start : self.at]

    def _skip_spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in SPACES:
            self.at += 1


def integer(text: str, base: int = 0) -> int:
    """``ParseInt`` in 64 bits; base 0 takes ``0x``, ``0o``, ``0b``, a leading 0 for octal, and ``_`` between digits."""
    if base == 10 and _DECIMAL.fullmatch(text):
        value = int(text)
    elif base == 16 and re.fullmatch(r"[+-]?[0-9a-fA-F]+", text):
        value = int(text, 16)
    elif base == 0 and (found := _BASE_0.fullmatch(text)):
        digits = text[len(found[1]) :]
        octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "_01234567"
        value = int(digits.replace("_", ""), 8 if octal else 0) * (-1 if found[1] == "-" else 1)
    else:
        raise GoTextError(f"{text[:40]} is not a{' hexadecimal' if base == 16 else ' whole'} number")
    if value not in INT64:
        raise GoTextError(f"{text[:40]} does not fit into 64 bits")
    return value


def switch(text: str) -> bool:
    """``ParseBool``."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise GoTextError(f"{text[:40]} is neither true nor false")
