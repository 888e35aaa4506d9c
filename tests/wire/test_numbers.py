"""Our compiled protos against our own table of the wire: methods, messages, numbers, types and enums."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor

from etcdtui.pb import auth_pb2, election_pb2, kv_pb2, lock_pb2, rpc_pb2

TABLE = Path(__file__).with_name("etcd.txt")
FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR for module in (kv_pb2, auth_pb2, rpc_pb2, lock_pb2, election_pb2)
)
SCALARS = {
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_UINT64: "uint64",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
}


def table(kind: str) -> dict[str, str]:
    """The lines of one kind in the table, by name."""
    lines = (line.partition(":") for line in TABLE.read_text().splitlines() if line.startswith(f"{kind} "))
    return {head.removeprefix(f"{kind} "): rest.strip() for head, _, rest in lines}


def messages() -> Iterator[Descriptor]:
    for file in FILES:
        yield from file.message_types_by_name.values()


def enums() -> Iterator[EnumDescriptor]:
    for file in FILES:
        yield from file.enum_types_by_name.values()
    for message in messages():
        yield from message.enum_types


def field_line(field: FieldDescriptor) -> str:
    named = field.message_type or field.enum_type
    kind = str(named.full_name) if named else SCALARS[field.type]
    return f"{field.number} {kind}{'*' if field.is_repeated else ''}{'/' if field.containing_oneof else ''}"


def compiled_messages() -> dict[str, str]:
    return {m.full_name: ", ".join(field_line(f) for f in sorted(m.fields, key=lambda f: f.number)) for m in messages()}


def compiled_enums() -> dict[str, str]:
    return {
        e.full_name: ", ".join(f"{v.name}={v.number}" for v in sorted(e.values, key=lambda v: v.number))
        for e in enums()
    }


def compiled_methods() -> dict[str, str]:
    found = {}
    for file in FILES:
        for service in file.services_by_name.values():
            for method in service.methods:
                asks = f"{'stream ' if method.client_streaming else ''}{method.input_type.full_name}"
                answers = f"{'stream ' if method.server_streaming else ''}{method.output_type.full_name}"
                found[f"{service.full_name}/{method.name}"] = f"{asks} -> {answers}"
    return found


def test_every_method_and_which_side_streams() -> None:
    assert compiled_methods() == table("rpc")


def test_every_field_number_and_type() -> None:
    assert compiled_messages() == table("message")


def test_every_enum_number() -> None:
    assert compiled_enums() == table("enum")


@pytest.mark.parametrize(("kind", "count"), [("rpc", 49), ("message", 117), ("enum", 10)])
def test_the_table_is_whole(kind: str, count: int) -> None:
    assert len(table(kind)) == count


def test_the_table_holds_every_field() -> None:
    assert sum(len(line.split(", ")) for line in table("message").values() if line) == 261


def test_no_message_is_nested_and_all_are_proto3() -> None:
    assert not [m.full_name for m in messages() if m.nested_types]
    assert not [f.full_name for m in messages() for f in m.fields if f.is_required or f.has_default_value]
