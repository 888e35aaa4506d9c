"""Values that are no text: what can be proven of them, names by first bytes, and the rest as bytes."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache

from etcdtui.core.decoding import msgpack, wire
from etcdtui.core.decoding.hints import byte_views
from etcdtui.core.decoding.result import HIDDEN, MAX_SLOW_PARSE, Decoded, Lines, Request, View
from etcdtui.core.decoding.scalars import epoch
from etcdtui.core.decoding.text_view import hex_view, masked_text, text_view
from etcdtui.core.decoding.wire_render import Renderer, mentions

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"%PDF-", "PDF"),
    (b"\x7fELF", "ELF program"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\0asm", "WebAssembly"),
    (b"SQLite format 3\0", "SQLite database"),
)
_HIGH_ENTROPY = 7.2
_ENTROPY_SAMPLE = 65536
_ENTROPY_MIN = 512
_MOSTLY_TEXT = 0.9


def detect_magic(request: Request) -> Decoded | None:
    """Formats known by their first bytes only."""
    for magic, name in _MAGIC:
        if request.value.startswith(magic):
            return Decoded(name, "first bytes only", (hex_view(request.value),))
    return None


def detect_utf16(request: Request) -> Decoded | None:
    value = request.value
    if value[:2] not in (b"\xff\xfe", b"\xfe\xff") or len(value) < 4 or len(value) % 2:
        return None
    try:
        text = value.decode("utf-16")
    except UnicodeDecodeError:
        return None
    if wire.as_text(text.encode("utf-8", "surrogatepass")) is None or not _mostly_assigned(text):
        return None
    return Decoded("UTF-16 text", "byte order mark, decodes whole", (text_view(text), hex_view(value)))


def _mostly_assigned(text: str) -> bool:
    """Random bytes decode too, to letters of many scripts at once; written text has ASCII or one block in bulk."""
    blocks = Counter(ord(char) >> 8 for char in text[:4096])
    return sum(count for _, count in blocks.most_common(3)) >= 0.6 * min(len(text), 4096) and len(blocks) < 40


def detect_msgpack(request: Request) -> Decoded | None:
    if not request.small(MAX_SLOW_PARSE) or len(request.value) < 3:
        return None
    try:
        item = msgpack.read(request.value)
    except msgpack.NotMsgpackError:
        return None
    if not msgpack.looks_meant(item):
        return None
    hidden = request.hidden_fields
    rows = list(msgpack.render(item, hidden, HIDDEN))
    masked = bool(hidden) and any(row.endswith(f": {HIDDEN}") for row in rows)
    views = (View("MessagePack", lambda: rows, "yaml"), hex_view(request.value, hidden=masked))
    return Decoded("MessagePack", "read whole", views, masked=masked)


def detect_protobuf(request: Request) -> Decoded | None:
    """Never more than a question: parses whole, plausible fields, more text than opaque bytes."""
    if not request.small(MAX_SLOW_PARSE) or len(request.value) < 6:
        return None
    try:
        message = wire.parse(request.value)
    except wire.NotProtobufError:
        return None
    if not wire.is_plausible(message):
        return None

    @cache
    def lines() -> Lines:
        return ["# decoded without schema; #n is field number n", *Renderer(request.hidden_fields).lines(message)]

    # Field names are not known here: only entries of maps can be hidden.
    masked = mentions(message, request.hidden_fields)
    views = (View("protobuf?", lines, "yaml"), hex_view(request.value, hidden=masked))
    return Decoded("protobuf?", "parses whole; not proven", views, masked=masked)


def describe(request: Request) -> Decoded:
    """Anything else."""
    value = request.value
    text = _mostly_text(value)
    if text:
        hint = "contains control characters"
        shown, masked = masked_text(text, request.hidden_fields)
        views = (text_view(shown), hex_view(value, hidden=masked))
        return Decoded("text", "UTF-8", views, hints=(hint,), masked=masked)
    hints: list[str] = []
    kind = "binary"
    if len(value) == 8:
        kind = "8 bytes"
        number = int.from_bytes(value, "big")
        hints.append(f"u64 big-endian = {number}")
        for unit, per_second in (("ns", 10**9), ("ms", 10**3), ("s", 1)):
            when = epoch(number // per_second)
            if when:
                hints.append(f"epoch {unit} = {when}")
                break
    elif len(value) >= _ENTROPY_MIN and _entropy(value[:_ENTROPY_SAMPLE]) > _HIGH_ENTROPY:
        hints.append("high entropy: compressed or encrypted")
    numbers = byte_views(value) if len(value) in (4, 8) else ()
    return Decoded(kind, "no format proven", (hex_view(value), *numbers, _lossy(value)), hints=tuple(hints))


def _lossy(value: bytes) -> View:
    return text_view(value.decode("utf-8", "surrogateescape"), "text anyway")


def _mostly_text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return ""
    sample = text[:65536]
    good = sum(char.isprintable() or char in "\t\n\r" for char in sample)
    return text if len(sample) >= 4 and good >= _MOSTLY_TEXT * len(sample) else ""


def _entropy(sample: bytes) -> float:
    """Bits per byte."""
    total = len(sample)
    return -sum(n / total * math.log2(n / total) for n in Counter(sample).values())
