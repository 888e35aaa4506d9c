"""Keys and values as arguments of a shell command or of etcdctl's transaction text, byte for byte."""

from __future__ import annotations

import re
import shlex

from etcdtui.core.safe_text import is_plain

_ANSI_C = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", "'": "\\'"}
_NOT_SIMPLE = re.compile(r"[^ !#-&(-\[\]-~]")
"""What has to be looked at; a name of a megabyte is mostly made of what has not."""
_GO = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}


def fits_argument(data: bytes) -> bool:
    """Whether the bytes can be a command argument at all: none can hold a NUL."""
    return b"\0" not in data


def shell_quote(data: bytes) -> str:
    """One shell word that yields exactly ``data``; bash's and zsh's ``$'...'`` when plain quotes cannot show it.

    Raises ``ValueError`` when it holds a NUL (see ``fits_argument``).
    """
    if not fits_argument(data):
        raise ValueError("A command argument cannot hold a NUL byte; pass it on standard input.")
    text = data.decode("utf-8", "surrogateescape")
    if (text.isascii() and text.isprintable()) or all(is_plain(char) for char in text):
        return shlex.quote(text)
    return "$'" + escape(text, _ANSI_C) + "'"


def shell_words(*items: bytes) -> str:
    """Several quoted words, led by ``--`` when one of them could be read as a flag."""
    words = [shell_quote(item) for item in items]
    return " ".join(["--", *words] if any(item.startswith(b"-") for item in items) else words)


def txn_quote(data: bytes) -> str:
    """A double-quoted string as etcdctl's ``txn`` reads it; any byte can be written."""
    return '"' + escape(data.decode("utf-8", "surrogateescape"), _GO) + '"'


def escape(text: str, short: dict[str, str]) -> str:
    """Each character that is in ``short`` as told there, what nobody sees and what is not UTF-8 as ``\\xNN``."""

    def one(found: re.Match[str]) -> str:
        char = found.group()
        if char in short:
            return short[char]
        if is_plain(char):
            return char
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))

    return _NOT_SIMPLE.sub(one, text)
