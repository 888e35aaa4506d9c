"""A stored Kubernetes object as the data that ``kubectl -o json`` prints, by the table of messages shipped beside.

Fields that the table does not have (a newer Kubernetes) are kept under ``#number``; nothing is dropped.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files

from etcdtui.core.decoding.wire import MAX_DEPTH, Message, NotProtobufError, as_text, parse
from etcdtui.core.decoding.yaml_lines import Data
from etcdtui.core.value import Value

TABLE = "kube_schema.txt"
_GROUPS = {"": "core", "internal": "apiserverinternal"}
"""Groups whose package is not their first label."""
_DELIMITED = 2
_WIRE_OF = {"s": 2, "b": 2, "t": 0, "i": 0, "u": 0, "d": 1, "f": 5}
_ZERO: Mapping[str, Data] = {"s": "", "b": "", "t": False, "i": 0, "u": 0, "d": 0.0, "f": 0.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_FIELDS = 200_000
"""Fields read of one object: a value of 1.5 MiB has fewer."""


class Field(Value):
    """One row of the table: the name in JSON, a scalar's letter or a message's full name, and its flags."""

    name: str
    type: str
    repeated: bool
    map: bool
    inline: bool
    omits_zero: bool


class Read(Value):
    """``unknown`` counts the fields that the table does not have, ``exact`` is whether it has this apiVersion."""

    data: dict[str, Data]
    unknown: int
    exact: bool


@cache
def _table() -> Mapping[str, Mapping[int, Field]]:
    """All messages by full name; read once, when the first object is shown."""
    messages: dict[str, dict[int, Field]] = {}
    package = ""
    for line in files("etcdtui.core.decoding").joinpath(TABLE).read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("package "):
            package = line.removeprefix("package ")
            continue
        name, _, rows = line.partition(":")
        fields: dict[int, Field] = {}
        for row in rows.split(";") if rows.strip() else ():
            number, label, kind, *flags = row.split()
            marks = flags[0] if flags else ""
            full = kind if len(kind) == 1 or "." in kind else f"{package}.{kind}"
            fields[int(number)] = Field(label, full, "r" in marks, "m" in marks, "i" in marks, "o" in marks)
        messages[f"{package}.{name}"] = fields
    return messages


def field_names() -> str:
    """Every name of a field that an object may be shown with, on one line each."""
    return "\n".join({field.name for fields in _table().values() for field in fields.values()})


def message_name(api_version: str, kind: str) -> tuple[str, bool] | None:
    """The message of a kind and whether its version is known exactly; ``None`` for kinds the table does not have."""
    group, _, version = api_version.rpartition("/")
    label = group.split(".")[0]
    package = _GROUPS.get(label, label)
    name = f"{package}.{version}.{kind}"
    if name in _table():
        return name, True
    near = [known for known in _table() if known.startswith(f"{package}.") and known.endswith(f".{kind}")]
    return (min(near, key=len), False) if near else None


def read(api_version: str, kind: str, body: bytes) -> Read | None:
    """The object of an envelope's body; ``None`` for a kind that the table does not have.

    Raises ``NotProtobufError`` when the body is no such message.
    """
    found = message_name(api_version, kind)
    if found is None:
        return None
    reader = _Reader()
    data = reader.message(found[0], body, 0)
    return Read({**data, "apiVersion": api_version, "kind": kind}, reader.unknown, found[1])


class _Reader:
    def __init__(self) -> None:
        self.unknown = 0
        self._left = MAX_FIELDS

    def message(self, name: str, body: bytes, depth: int) -> dict[str, Data]:
        if depth > MAX_DEPTH * 2:
            raise NotProtobufError("nested too deeply")
        fields = _table().get(name, {})
        out: dict[str, Data] = {}
        for number, wire, value in self._walk(body):
            field = fields.get(number)
            if field is None or not _fits(field, wire):
                self.unknown += 1
                _append_unknown(out, number, value)
            elif field.map and isinstance(value, bytes):
                key, item = self._entry(field, value, depth)
                _dict(out, field.name)[key] = item
            elif field.repeated:
                _list(out, field.name).extend(self._items(field, wire, value, depth))
            elif field.inline and isinstance(value, bytes):
                out |= self._inlined(field, value, depth)
            else:
                made = self._one(field.type, wire, value, depth)
                if not (field.omits_zero and made == _ZERO.get(field.type, made is None)):
                    out[field.name] = made
        return out

    def _inlined(self, field: Field, body: bytes, depth: int) -> dict[str, Data]:
        made = self._one(field.type, _DELIMITED, body, depth)
        return made if isinstance(made, dict) else {field.name: made}

    def _walk(self, body: bytes) -> list[tuple[int, int, int | bytes]]:
        found: list[tuple[int, int, int | bytes]] = []
        at = 0
        while at < len(body):
            self._left -= 1
            if self._left < 0:
                raise NotProtobufError("too many fields")
            tag, at = _varint(body, at)
            number, wire = tag >> 3, tag & 7
            if number == 0:
                raise NotProtobufError("no field number")
            if wire == 0:
                number_value, at = _varint(body, at)
                found.append((number, wire, number_value))
                continue
            if wire == _DELIMITED:
                size, at = _varint(body, at)
            elif wire in (1, 5):
                size = 8 if wire == 1 else 4
            else:
                raise NotProtobufError("unknown wire type")
            if at + size > len(body):
                raise NotProtobufError("field ends early")
            found.append((number, wire, body[at : at + size]))
            at += size
        return found

    def _entry(self, field: Field, body: bytes, depth: int) -> tuple[str, Data]:
        key, item = "", _ZERO.get(field.type)
        for number, wire, value in self._walk(body):
            if number == 1 and isinstance(value, bytes):
                key = _text(value)
            elif number == 2:
                item = self._one(field.type, wire, value, depth)
        if item is None and len(field.type) > 1:
            item = self._one(field.type, _DELIMITED, b"", depth)
        return key, item

    def _items(self, field: Field, wire: int, value: int | bytes, depth: int) -> list[Data]:
        packed = len(field.type) == 1 and _WIRE_OF[field.type] != _DELIMITED and wire == _DELIMITED
        if not packed or not isinstance(value, bytes):
            return [self._one(field.type, wire, value, depth)]
        items: list[Data] = []
        at = 0
        width = {"d": 8, "f": 4}.get(field.type, 0)
        while at < len(value):
            if width:
                items.append(_scalar(field.type, value[at : at + width]))
                at += width
            else:
                number, at = _varint(value, at)
                items.append(_scalar(field.type, number))
        return items

    def _one(self, kind: str, wire: int, value: int | bytes, depth: int) -> Data:
        if len(kind) == 1:
            return _scalar(kind, value)
        body = value if isinstance(value, bytes) else b""
        special = kind.rpartition(".")[2]
        if special in _PLAIN and kind.startswith(_PLAIN_PACKAGES):
            return _PLAIN[special](self, kind, self.message(kind, body, depth + 1), body)
        return self.message(kind, body, depth + 1)


def _fits(field: Field, wire: int) -> bool:
    if len(field.type) > 1 or field.map:
        return wire == _DELIMITED
    return wire == _WIRE_OF[field.type] or (field.repeated and wire == _DELIMITED)


def _scalar(kind: str, value: int | bytes) -> Data:
    if isinstance(value, int):
        if kind == "t":
            return bool(value)
        return value - (1 << 64) if kind == "i" and value >= 1 << 63 else value
    if kind in ("d", "f"):
        size = 8 if kind == "d" else 4
        number = struct.unpack("<d" if kind == "d" else "<f", value[:size])[0] if len(value) >= size else 0.0
        return int(number) if number == int(number if abs(number) < 1e15 else 0) else float(number)
    return base64.b64encode(value).decode() if kind == "b" else _text(value)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise NotProtobufError("bad varint")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7


def _dict(out: dict[str, Data], name: str) -> dict[str, Data]:
    made = out.setdefault(name, {})
    return made if isinstance(made, dict) else {}


def _list(out: dict[str, Data], name: str) -> list[Data]:
    made = out.setdefault(name, [])
    return made if isinstance(made, list) else []


def _append_unknown(out: dict[str, Data], number: int, value: int | bytes) -> None:
    name = f"#{number}"
    made = value if isinstance(value, int) else _guess(value)
    if name not in out:
        out[name] = made
        return
    before = out[name]
    out[name] = [*before, made] if isinstance(before, list) else [before, made]


def _guess(value: bytes) -> Data:
    """What bytes most likely are: text, a message with numbered fields, else their hex digits."""
    if (text := as_text(value)) is not None and not text.startswith("\n"):
        return text
    try:
        return _numbered(parse(value))
    except NotProtobufError:
        return value.hex()


def _numbered(message: Message) -> Data:
    out: dict[str, Data] = {}
    for one in message.fields:
        _append_unknown(out, one.number, one.raw or (one.value if isinstance(one.value, int) else b""))
    return out


# --- messages that are plain values in JSON --------------------------------------------------------------------


def _time(reader: _Reader, kind: str, data: dict[str, Data], body: bytes) -> Data:
    """RFC 3339; the zero time is null, as Go's is."""
    seconds, nanos = data.get("seconds", 0), data.get("nanos", 0)
    if not body or not isinstance(seconds, int) or not isinstance(nanos, int):
        return None
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds} s since 1970"
    shown = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{shown}.{nanos // 1000:06d}Z" if kind.endswith("MicroTime") else f"{shown}Z"


def _duration(reader: _Reader, kind: str, data: dict[str, Data], body: bytes) -> Data:
    """As Go writes a duration: ``1h5m0s``, ``1.5s``, ``20ms``."""
    nanos = data.get("duration", 0)
    if not isinstance(nanos, int):
        return None
    sign, left = ("-", -nanos) if nanos < 0 else ("", nanos)
    if left < 10**9:
        for unit, size in (("ms", 10**6), ("µs", 10**3), ("ns", 1)):
            if left >= size:
                return f"{sign}{left / size:.9f}".rstrip("0").rstrip(".") + unit
        return "0s"
    whole, rest = divmod(left, 10**9)
    seconds = f"{whole % 60}" + (f".{rest:09d}".rstrip("0") if rest else "")
    hours, minutes = divmod(whole // 60, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{head}{seconds}s"


def _quantity(reader: _Reader, kind: str, data: dict[str, Data], body: bytes) -> Data:
    return data.get("string", "0")


def _int_or_string(reader: _Reader, kind: str, data: dict[str, Data], body: bytes) -> Data:
    return data.get("strVal", "") if data.get("type") else data.get("intVal", 0)


def _raw(reader: _Reader, kind: str, data: dict[str, Data], body: bytes) -> Data:
    """Raw JSON inside: as the data it is, else as the text it is."""
    raw = b""
    for number, _, value in reader._walk(body):
        if number == 1 and isinstance(value, bytes):
            raw = value
    if not raw:
        return None
    try:
        made: Data = json.loads(raw)
    except (ValueError, RecursionError):
        return _guess(raw)
    return made


def _items_only(reader: _Reader, kind: str, data: dict[str, Data], body: bytes) -> Data:
    return data.get("items", [])


def _schema_or(reader: _Reader, kind: str, data: dict[str, Data], body: bytes) -> Data:
    """A schema, or instead of it a bool, a list of schemas or a list of names."""
    for name in ("schema", "Schema"):
        if name in data:
            return data[name]
    for name in ("jSONSchemas", "property", "JSONSchemas", "Property"):
        if name in data:
            return data[name]
    return data.get("allows", data.get("Allows", False))


_PLAIN_PACKAGES = ("meta.", "resource_.", "intstr.", "runtime.", "apiextensions.", "certificates.", "core.", "events.")
_PLAIN = {
    "Time": _time,
    "MicroTime": _time,
    "Duration": _duration,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "FieldsV1": _raw,
    "RawExtension": _raw,
    "JSON": _raw,
    "ExtraValue": _items_only,
    "JSONSchemaPropsOrBool": _schema_or,
    "JSONSchemaPropsOrArray": _schema_or,
    "JSONSchemaPropsOrStringArray": _schema_or,
}
