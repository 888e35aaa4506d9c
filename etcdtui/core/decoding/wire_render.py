"""Wire-format messages as lines in the manner of YAML, with field names where a small schema knows them.

Fields without a name show as ``#3``. Judged by shape alone: times, maps and quantities.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from etcdtui.core.decoding.msgpack import quote
from etcdtui.core.decoding.result import HIDDEN
from etcdtui.core.decoding.scalars import epoch
from etcdtui.core.decoding.wire import FieldValue, Message, as_text, grouped
from etcdtui.core.value import record

_QUANTITY = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[numkMGTPE]|[KMGTPE]i|e\d+)?")


@record()
class Schema:
    """Names of fields by number, and what their messages are."""

    names: Mapping[int, str]
    nested: Mapping[int, Schema] = field(default_factory=dict)


EMPTY = Schema({})


@record()
class Renderer:
    """``hidden`` are field names (lower case) that show no content."""

    hidden: frozenset[str] = frozenset()

    def lines(self, message: Message, schema: Schema = EMPTY, indent: str = "") -> Iterator[str]:
        for number, fields in grouped(message.fields).items():
            name = schema.names.get(number, f"#{number}")
            if name.lower() in self.hidden:
                yield f"{indent}{name}: {HIDDEN}"
                continue
            yield from self._field(name, fields, schema.nested.get(number, EMPTY), indent)

    def _field(self, name: str, fields: list[FieldValue], schema: Schema, indent: str) -> Iterator[str]:
        pairs = _as_map(fields) if schema is EMPTY else None
        if pairs is not None and (len(pairs) > 1 or name[0] != "#"):
            yield f"{indent}{name}:"
            for key, value in pairs:
                if key.lower() in self.hidden:
                    yield f"{indent}  {quote(key)}: {HIDDEN}"
                else:
                    yield from self._value(f"{indent}  {quote(key)}:", value, EMPTY, indent + "  ")
        elif len(fields) == 1:
            yield from self._value(f"{indent}{name}:", fields[0], schema, indent)
        else:
            yield f"{indent}{name}:"
            for one in fields:
                yield from self._value(f"{indent}-", one, schema, indent, item=True)

    def _value(self, lead: str, one: FieldValue, schema: Schema, indent: str, *, item: bool = False) -> Iterator[str]:
        if not isinstance(one.value, Message):
            yield f"{lead} {_scalar(one)}"
            return
        short = time_of(one.value) or _quantity(one.value)
        if short and schema is EMPTY:
            yield f"{lead} {short}"
            return
        rows = self.lines(one.value, schema, indent + "  ")
        if item:
            first = next(rows, "")
            yield f"{lead} {first[len(indent) + 2 :] or '{}'}"
        else:
            yield lead
        yield from rows


def _scalar(one: FieldValue) -> str:
    value = one.value
    if isinstance(value, str):
        return quote(value) if value else '""'
    if isinstance(value, bytes):
        return f"bytes({len(value)}) {value[:64].hex()}{'…' if len(value) > 64 else ''}"
    if isinstance(value, int) and one.wire == 0 and value >= 1 << 63:
        return str(value - (1 << 64))
    return str(value)


def time_of(message: Message) -> str:
    """The time that ``{1: seconds, 2: nanoseconds}`` is, or nothing."""
    numbers = [f.number for f in message.fields]
    if numbers not in ([1], [1, 2]) or any(f.wire != 0 for f in message.fields):
        return ""
    seconds, nanos = message.fields[0].value, message.fields[-1].value if len(numbers) == 2 else 0
    if not isinstance(seconds, int) or not isinstance(nanos, int) or nanos >= 10**9:
        return ""
    return epoch(seconds) or ""


def _quantity(message: Message) -> str:
    if len(message.fields) != 1 or message.fields[0].number != 1:
        return ""
    value = message.fields[0].value
    return value if isinstance(value, str) and _QUANTITY.fullmatch(value) else ""


def _as_map(fields: list[FieldValue]) -> list[tuple[str, FieldValue]] | None:
    """Entries ``{1: text, 2: anything}`` with different keys, else ``None``."""
    pairs: list[tuple[str, FieldValue]] = []
    for one in fields:
        message = one.value
        if not isinstance(message, Message) or not message.fields or len(message.fields) > 2:
            return None
        key = message.first(1)
        text = as_text(key.raw) if key is not None and key.wire == 2 else None
        value = message.first(2)
        if text is None or value is None or not text:
            return None
        pairs.append((text, value))
    return pairs if len({key for key, _ in pairs}) == len(pairs) else None


def mentions(message: Message, names: frozenset[str]) -> bool:
    """Whether one of ``names`` (lower case) occurs anywhere as a text, as the keys of maps do."""
    stack = [message] if names else []
    while stack:
        for one in stack.pop().fields:
            if isinstance(one.value, Message):
                stack.append(one.value)
            elif isinstance(one.value, str) and one.value.lower() in names:
                return True
    return False
