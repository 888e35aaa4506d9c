"""A small MessagePack reader: whole values only, bounded, without recursion limits of the interpreter in play."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from etcdtui.core.value import record

MAX_DEPTH = 64
_WORDS = ("true", "false", "null")
_NUMBER = re.compile(r"[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_SIZED = {0xC4: "bin1", 0xC5: "bin2", 0xC6: "bin4", 0xD9: "str1", 0xDA: "str2", 0xDB: "str4"}
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_FIXEXT = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_EXT = {0xC7: 1, 0xC8: 2, 0xC9: 4}


@record()
class Extension:
    code: int
    data: bytes


@record()
class Pairs:
    """A map in its own order, repeated keys included."""

    items: tuple[tuple[Item, Item], ...]


Item = None | bool | int | float | str | bytes | Extension | tuple["Item", ...] | Pairs


class NotMsgpackError(ValueError):
    """The bytes are not one whole MessagePack value."""


def read(data: bytes) -> Item:
    """The one value that ``data`` is; raises ``NotMsgpackError``."""
    reader = _Reader(data)
    try:
        item = reader.item(0)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise NotMsgpackError("not MessagePack") from None
    if reader.at != len(data):
        raise NotMsgpackError("bytes follow the value")
    return item


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def item(self, depth: int) -> Item:
        if depth > MAX_DEPTH:
            raise NotMsgpackError("nested too deeply")
        first = self.data[self.at]
        self.at += 1
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 256
        if first < 0x90:
            return self.pairs(first & 0x0F, depth)
        if first < 0xA0:
            return self.array(first & 0x0F, depth)
        if first < 0xC0:
            return self.take(first & 0x1F).decode()
        return self.marked(first, depth)

    def marked(self, first: int, depth: int) -> Item:
        if first in (0xC0, 0xC2, 0xC3):
            return None if first == 0xC0 else first == 0xC3
        if first in _NUMBERS:
            form = _NUMBERS[first]
            value: int | float = struct.unpack(form, self.take(struct.calcsize(form)))[0]
            return value
        if first in _SIZED:
            name = _SIZED[first]
            raw = self.take(self.size(int(name[3:])))
            return raw.decode() if name.startswith("str") else raw
        if first in (0xDC, 0xDD):
            return self.array(self.size(2 if first == 0xDC else 4), depth)
        if first in (0xDE, 0xDF):
            return self.pairs(self.size(2 if first == 0xDE else 4), depth)
        if first in _FIXEXT or first in _EXT:
            length = _FIXEXT[first] if first in _FIXEXT else self.size(_EXT[first])
            return Extension(struct.unpack(">b", self.take(1))[0], self.take(length))
        raise NotMsgpackError("a byte that MessagePack never uses")

    def size(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def take(self, length: int) -> bytes:
        piece = self.data[self.at : self.at + length]
        if len(piece) != length:
            raise NotMsgpackError("the value ends early")
        self.at += length
        return piece

    def room(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise NotMsgpackError("the value ends early")

    def array(self, count: int, depth: int) -> Item:
        self.room(count)
        return tuple(self.item(depth + 1) for _ in range(count))

    def pairs(self, count: int, depth: int) -> Item:
        self.room(2 * count)
        return Pairs(tuple((self.item(depth + 1), self.item(depth + 1)) for _ in range(count)))


def looks_meant(item: Item) -> bool:
    """Whether a value that parses is one that somebody wrote: a map with text keys, or a list with a text."""
    if isinstance(item, Pairs):
        return bool(item.items) and all(isinstance(key, str) for key, _ in item.items)
    return isinstance(item, tuple) and any(isinstance(part, str) for part in item)


def render(item: Item, hidden: frozenset[str], hide: str) -> Iterator[str]:
    """Lines in the manner of YAML; ``hidden`` map keys (lower case) show ``hide`` instead of their content."""
    yield from _render(item, "", "", hidden, hide)


def _render(item: Item, lead: str, indent: str, hidden: frozenset[str], hide: str) -> Iterator[str]:
    if isinstance(item, Pairs) and item.items:
        if lead.strip() not in ("", "-"):
            yield lead.rstrip()
            lead = indent
        for key, value in item.items:
            name = scalar(key)
            if isinstance(key, str) and key.lower() in hidden:
                yield f"{lead}{name}: {hide}"
            else:
                yield from _render(value, f"{lead}{name}: ", indent + "  ", hidden, hide)
            lead = indent
    elif isinstance(item, tuple) and item:
        if lead.strip() not in ("", "-"):
            yield lead.rstrip()
            lead = indent
        for part in item:
            yield from _render(part, f"{lead}- ", indent + "  ", hidden, hide)
            lead = indent
    else:
        yield lead + scalar(item)


def scalar(item: Item) -> str:
    if item is None:
        return "null"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, str):
        return quote(item)
    if isinstance(item, bytes):
        return f"bytes {item.hex()}"
    if isinstance(item, Extension):
        return f"extension {item.code}: {item.data.hex()}"
    if isinstance(item, Pairs):
        return "{}" if not item.items else "{...}"
    if isinstance(item, tuple):
        return "[]" if not item else "[...]"
    return repr(item)


def quote(text: str) -> str:
    """Text as it is when that cannot be misread, else in double quotes on one line."""
    plain = text and text.isprintable() and text.strip() == text and text[0] not in "-+.{[\"'#" and text not in _WORDS
    if plain and ": " not in text and not text.endswith(":") and not _NUMBER.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + escaped.replace("\r", "\\r") + '"'
