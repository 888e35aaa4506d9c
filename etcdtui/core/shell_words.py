"""Split a command line into words as a shell would, byte for byte, without running anything."""

from __future__ import annotations

import re

_SHORT = {"n": b"\n", "r": b"\r", "t": b"\t", "a": b"\a", "b": b"\b", "f": b"\f", "v": b"\v", "e": b"\x1b"}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.DOTALL)


class WordsError(ValueError):
    """A quote or an escape that does not end; the message is a sentence."""


_OPERATOR = re.compile(r"[|&;\n]|>>?|`|\$\(")


def cut_at_operator(text: str) -> tuple[str, str]:
    r"""A line up to the first ``|``, ``&``, ``;``, ``>``, substitution or line break outside of quotes, and the rest.

    A descriptor before ``>`` (``2>&1``) belongs to the rest. Raises ``WordsError`` for a quote that does not end.
    """
    i = 0
    while i < len(text):
        char = text[i]
        if char == "'":
            _, i = _until(text, i + 1, "'", escapes=False)
        elif char == '"':
            _, i = _until(text, i + 1, '"', escapes=False, shell=True)
        elif text.startswith("$'", i):
            _, i = _until(text, i + 2, "'", escapes=True)
        elif char == "\\":
            i += 2
        elif _OPERATOR.match(text, i):
            start = i - 1 if char == ">" and text[max(0, i - 2) : i].strip() in ("1", "2") else i
            return text[:start], text[start:]
        else:
            i += 1
    return text, ""


def split_words(text: str) -> list[bytes]:
    r"""Words parted by blanks; ``'..'``, ``".."`` and ``$'..'`` quote; nothing is ever expanded.

    Inside ``".."`` a backslash counts before ``"``, ``\``, ``$`` and a backquote only, as in a shell.
    """
    words: list[bytes] = []
    word: bytearray | None = None
    i = 0
    while i < len(text):
        char = text[i]
        if char in " \t\n":
            if word is not None:
                words.append(bytes(word))
                word = None
            i += 1
            continue
        word = bytearray() if word is None else word
        if char == "'":
            piece, i = _until(text, i + 1, "'", escapes=False)
            word += piece
        elif char == '"':
            piece, i = _until(text, i + 1, '"', escapes=False, shell=True)
            word += piece
        elif text.startswith("$'", i):
            piece, i = _until(text, i + 2, "'", escapes=True)
            word += piece
        elif char == "\\":
            if i + 1 >= len(text):
                raise WordsError("The line ends with a backslash.")
            word += text[i + 1].encode("utf-8", "surrogateescape")
            i += 2
        else:
            word += char.encode("utf-8", "surrogateescape")
            i += 1
    if word is not None:
        words.append(bytes(word))
    return words


def _until(text: str, start: int, quote: str, *, escapes: bool, shell: bool = False) -> tuple[bytes, int]:
    out = bytearray()
    i = start
    while i < len(text):
        char = text[i]
        if char == quote:
            return bytes(out), i + 1
        if escapes and char == "\\":
            found = _ESCAPE.match(text, i)
            if found is None:
                break
            out += _unescape(found)
            i = found.end()
            continue
        if shell and char == "\\" and text[i + 1 : i + 2] in ('"', "\\", "$", "`", "\n"):
            out += b"" if text[i + 1] == "\n" else text[i + 1].encode()
            i += 2
            continue
        out += char.encode("utf-8", "surrogateescape")
        i += 1
    raise WordsError(f"A {quote} is not closed.")


def _unescape(found: re.Match[str]) -> bytes:
    hexa, short, long, octal, char = found.groups()
    if hexa:
        return bytes([int(hexa, 16)])
    if short or long:
        code = int(short or long, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise WordsError("An escape names no character.")
        return chr(code).encode()
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    return _SHORT.get(char, char.encode("utf-8", "surrogateescape"))
