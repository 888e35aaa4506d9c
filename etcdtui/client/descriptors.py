"""Protobuf values read with descriptor sets of the user's own (``protoc --include_imports --descriptor_set_out``)."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from etcdtui.core.errors import ConfigError
from etcdtui.core.value import record

MAX_SET = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_LINES = 200_000
HIDDEN = "********"


@record()
class Reading:
    """``lines`` in the manner of YAML; ``unknown`` of ``fields`` fields are not in the schema and show as ``#n``.

    ``masked`` when a field's content was hidden.
    """

    lines: tuple[str, ...]
    fields: int
    unknown: int
    masked: bool

    @property
    def is_wrong_type(self) -> bool:
        """More unknown than known fields: most likely another message than the one named."""
        return self.unknown * 2 > self.fields


class Descriptors:
    """A pool of message types from one serialized ``FileDescriptorSet``; raises ``ConfigError`` when it is not one."""

    def __init__(self, data: bytes) -> None:
        if len(data) > MAX_SET:
            raise ConfigError(f"the descriptor set is larger than {MAX_SET} bytes")
        files = descriptor_pb2.FileDescriptorSet()
        self._pool = descriptor_pool.DescriptorPool()
        self._names: list[str] = []
        try:
            files.ParseFromString(data)
            for file in files.file:
                self._pool.Add(file)
                self._names += [f"{file.package}.{m.name}".lstrip(".") for m in file.message_type]
            for file in files.file:
                self._pool.FindFileByName(file.name)
        except (DecodeError, TypeError, KeyError, ValueError):
            raise ConfigError(
                "the descriptor set cannot be read: make it with protoc --include_imports --descriptor_set_out"
            ) from None
        if not self._names:
            raise ConfigError("the descriptor set holds no message")

    def find(self, ending: str) -> str | None:
        """The full name of the one message that is ``ending`` or ends with ``.ending``."""
        found = [name for name in self._names if name == ending or name.endswith("." + ending)]
        return found[0] if len(found) == 1 else None

    def read(self, name: str, value: bytes, hidden: frozenset[str] = frozenset()) -> Reading:
        """``value`` as the message ``name``; fields named in ``hidden`` (lower case) show no content.

        Raises ``ConfigError`` for an unknown name and ``ValueError`` when the bytes are not such a message.
        """
        try:
            kind = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(name))
        except KeyError:
            raise ConfigError(f"the descriptor set has no message {name}") from None
        message = kind()
        try:
            message.ParseFromString(value)
        except DecodeError:
            raise ValueError(f"the bytes are not a {name}") from None
        printer = _Printer(hidden)
        lines = tuple(line for line, _ in zip(printer.message(message, "", 0), range(MAX_LINES), strict=False))
        return Reading(lines, printer.fields, printer.unknown, printer.masked)


class _Printer:
    def __init__(self, hidden: frozenset[str]) -> None:
        self.hidden = hidden
        self.fields = self.unknown = 0
        self.masked = False

    def message(self, message: Message, indent: str, depth: int) -> Iterator[str]:
        if depth > MAX_DEPTH:
            yield f"{indent}..."
            return
        for field, value in message.ListFields():
            self.fields += 1
            if field.name.lower() in self.hidden:
                self.masked = True
                yield f"{indent}{field.name}: {HIDDEN}"
            elif _is_map(field):
                yield f"{indent}{field.name}:"
                yield from self._entries(field, value, indent + "  ", depth)
            elif field.is_repeated:
                yield f"{indent}{field.name}:"
                for item in value:
                    yield from self._value(f"{indent}-", field, item, indent, depth, item=True)
            else:
                yield from self._value(f"{indent}{field.name}:", field, value, indent, depth)
        strays = unknown_fields.UnknownFieldSet(message)
        for at in range(len(strays)):
            stray = strays[at]
            self.fields += 1
            self.unknown += 1
            data = stray.data
            shown = f"bytes({len(data)}) {data[:64].hex()}" if isinstance(data, bytes) else str(data)
            yield f"{indent}#{stray.field_number}: {shown if isinstance(data, (bytes, int)) else '(group)'}"

    def _entries(self, field: FieldDescriptor, entries: dict[object, object], indent: str, depth: int) -> Iterator[str]:
        assert field.message_type is not None
        value_field = field.message_type.fields_by_name["value"]
        for key, value in entries.items():
            if str(key).lower() in self.hidden:
                self.masked = True
                yield f"{indent}{_quote(str(key))}: {HIDDEN}"
            else:
                yield from self._value(f"{indent}{_quote(str(key))}:", value_field, value, indent, depth)

    def _value(
        self, lead: str, field: FieldDescriptor, value: object, indent: str, depth: int, *, item: bool = False
    ) -> Iterator[str]:
        if not isinstance(value, Message):
            yield f"{lead} {_scalar(field, value)}"
            return
        rows = self.message(value, indent + "  ", depth + 1)
        if item:
            yield f"{lead} {next(rows, indent + '  {}')[len(indent) + 2 :]}"
        else:
            yield lead
        yield from rows


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry and field.is_repeated


def _scalar(field: FieldDescriptor, value: object) -> str:
    if isinstance(value, bytes):
        return f"bytes({len(value)}) {value[:64].hex()}{'…' if len(value) > 64 else ''}"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.enum_type is not None and isinstance(value, int):
        named = field.enum_type.values_by_number.get(value)
        return named.name if named else str(value)
    return str(value)


def _quote(text: str) -> str:
    if text and text.isprintable() and text.strip() == text and ": " not in text and text[0] not in "-\"'{[#":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + escaped.replace("\t", "\\t") + '"'
