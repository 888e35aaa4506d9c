"""Protocol buffers without a schema: walk the wire format and judge what each field most likely is.

A length-delimited field is text if it is UTF-8 without control characters, a message if it parses completely with
small tags, else bytes. Text that starts with a line feed (the tag of a first text field) and parses is a message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Union

from etcdtui.core.value import record

MAX_DEPTH = 32
MAX_NUMBER = 4000
MAX_FIELDS = 200_000

Node = Union[int, str, bytes, "Message"]


@record()
class FieldValue:
    """``wire`` is the wire type: 0 varint, 1 eight bytes, 2 delimited, 5 four bytes. ``raw`` for delimited ones."""

    number: int
    wire: int
    value: Node
    raw: bytes = b""


@record()
class Message:
    fields: tuple[FieldValue, ...]

    def first(self, number: int) -> FieldValue | None:
        return next((field for field in self.fields if field.number == number), None)

    def text(self, number: int) -> str:
        """The first field of that number as text, empty when there is none."""
        field = self.first(number)
        return field.raw.decode("utf-8", "surrogateescape") if field and field.wire == 2 else ""


class NotProtobufError(ValueError):
    """The bytes do not parse as a message."""


class _Budget:
    """Shared count of parsed fields: every byte string is tried as a message, which must not multiply."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_FIELDS


def parse(data: bytes) -> Message:
    """The whole of ``data`` as one message; raises ``NotProtobufError``."""
    return _message(data, 0, _Budget())


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise NotProtobufError("bad varint")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _message(data: bytes, depth: int, budget: _Budget) -> Message:
    if depth > MAX_DEPTH:
        raise NotProtobufError("nested too deeply")
    fields: list[FieldValue] = []
    at = 0
    drops = 0
    last = 0
    while at < len(data):
        budget.left -= 1
        if budget.left < 0:
            raise NotProtobufError("too many fields")
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number <= MAX_NUMBER:
            raise NotProtobufError("implausible field number")
        drops += number < last
        last = number
        field, at = _field(data, at, number, wire, depth, budget)
        fields.append(field)
    if drops > max(2, len(fields) // 4):
        raise NotProtobufError("fields in no order")
    return Message(tuple(fields))


def _field(data: bytes, at: int, number: int, wire: int, depth: int, budget: _Budget) -> tuple[FieldValue, int]:
    if wire == 0:
        value, at = _varint(data, at)
        return FieldValue(number, wire, value), at
    if wire == 2:
        size, at = _varint(data, at)
        raw = data[at : at + size]
        if len(raw) != size:
            raise NotProtobufError("field ends early")
        return FieldValue(number, wire, _delimited(raw, depth, budget), raw), at + size
    if wire in (1, 5):
        size = 8 if wire == 1 else 4
        raw = data[at : at + size]
        if len(raw) != size:
            raise NotProtobufError("field ends early")
        return FieldValue(number, wire, struct.unpack("<Q" if wire == 1 else "<I", raw)[0], raw), at + size
    raise NotProtobufError("unknown wire type")


def _delimited(raw: bytes, depth: int, budget: _Budget) -> Node:
    text = as_text(raw)
    if text is not None and not text.startswith("\n"):
        return text
    if raw:
        try:
            return _message(raw, depth + 1, budget)
        except NotProtobufError:
            pass
    return raw if text is None else text


def as_text(raw: bytes) -> str | None:
    """UTF-8 without control characters (tab, line feed and carriage return may occur), else ``None``."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    if text.isprintable():
        return text
    return text if not any((ord(c) < 0x20 and c not in "\t\n\r") or 0x7F <= ord(c) < 0xA0 for c in text) else None


def is_plausible(message: Message) -> bool:
    """At least one printable text, and at least twice as many bytes in texts as in opaque fields."""
    texts = opaque = 0
    stack = [message]
    while stack:
        for field in stack.pop().fields:
            if isinstance(field.value, Message):
                stack.append(field.value)
            elif isinstance(field.value, str):
                texts += len(field.raw)
            else:
                opaque += len(field.raw) if field.wire == 2 else 1
    return texts >= 4 and texts >= 2 * opaque


def grouped(fields: Iterable[FieldValue]) -> dict[int, list[FieldValue]]:
    """Fields by number in order of first appearance."""
    groups: dict[int, list[FieldValue]] = {}
    for field in fields:
        groups.setdefault(field.number, []).append(field)
    return groups
