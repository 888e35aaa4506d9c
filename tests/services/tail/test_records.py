"""The format of recordings: read back as it was written, safe for a terminal, masked where the profile says so."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.config.schema import Mask
from etcdtui.core.types import Event, EventType, KeyValue
from etcdtui.services.tail import changes, entries
from etcdtui.services.tail.entries import Gap, GapKind, Mark, Seen
from etcdtui.services.tail.records import RecordProblem, from_json, to_json, to_text
from etcdtui.services.tail.veil import OPEN, Veil

VEIL = Veil(Mask())


def seen(op: str, key: bytes, value: bytes = b"", before: bytes | None = None, lease: int = 0) -> Seen:
    deleted = op.startswith("DEL")
    version = 0 if deleted else 1 if op == "NEW" else 2
    kv = KeyValue(key, value, 7 if op == "NEW" else 0, 7, version, 0 if deleted else lease)
    old = None if before is None else KeyValue(key, before, 0, 0, max(0, version - 1), lease if deleted else 0)
    kind = EventType.DELETE if deleted else EventType.PUT
    return Seen(Event(kind, kv, old), 1_700_000_000.125, op, old)


def same(one: Seen, other: object) -> None:
    assert isinstance(other, Seen)
    assert (one.event, one.op, one.before, one.seen, one.lease) == (
        other.event,
        other.op,
        other.before,
        other.seen,
        other.lease,
    )


@given(
    st.sampled_from(["NEW", "PUT", "DEL", "DEL~"]),
    st.binary(min_size=1, max_size=20),
    st.binary(max_size=40),
    st.none() | st.binary(max_size=40),
    st.integers(0, 2**63 - 1),
)
def test_an_event_is_read_back_as_it_was(op: str, key: bytes, value: bytes, before: bytes | None, lease: int) -> None:
    if op == "NEW":
        before = None
    entry = seen(op, key, b"" if op.startswith("DEL") else value, before, lease if before or op[0] != "D" else 0)
    line = to_json(entry, OPEN)
    assert line.isascii() and line.isprintable(), "nothing that a terminal could obey"
    same(entry, from_json(line.encode()))


def test_the_fields_of_a_line_are_those_of_the_contract() -> None:
    line = json.loads(to_json(seen("PUT", b"/a", b"2", b"1", 77), OPEN))
    assert line == {
        "rev": 7,
        "type": "PUT",
        "key": "/a",
        "value": "2",
        "prev": "1",
        "version": 2,
        "lease": 77,
        "seen": 1_700_000_000.125,
    }
    binary = json.loads(to_json(seen("NEW", b"\xff", b"\xfe"), OPEN))
    assert binary["key"] == {"base64": "/w=="} and binary["value"] == {"base64": "/g=="} and binary["prev"] is None
    assert json.loads(to_json(seen("DEL", b"/a", b"", b"1", 5), OPEN))["value"] is None


def test_gaps_and_marks_are_objects_of_their_own() -> None:
    gap, mark = entries.compacted(5, 9, 3.0), Mark(1, "deploy", 4.0)
    assert json.loads(to_json(gap, OPEN)) == {
        "gap": "compacted",
        "reason": "compacted at rev 9: 4 revisions missed (5 to 8)",
        "missed": 4,
        "first": 5,
        "last": 8,
        "seen": 3.0,
    }
    assert json.loads(to_json(mark, OPEN)) == {"mark": "deploy", "number": 1, "seen": 4.0}
    assert from_json(to_json(gap, OPEN).encode()) == gap
    assert from_json(to_json(mark, OPEN).encode()) == mark
    unknown = Gap(GapKind.DROPPED, "why", None)
    assert from_json(to_json(unknown, OPEN).encode()) == unknown


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"nonsense",
        b"{}",
        b'{"type":"PUT"}',
        b'{"type":"PUT","key":7}',
        b'{"type":"PUT","key":{"base64":"%%"}}',
        b'{"type":"WRITE","key":"a"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_recording_is_a_sentence(line: bytes) -> None:
    with pytest.raises(RecordProblem):
        from_json(line)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_a_sentence(line: bytes) -> None:
    try:
        from_json(line)
    except RecordProblem:
        pass


def test_what_the_profile_masks_is_in_no_line() -> None:
    secret = seen("PUT", b"/app/token", b"hunter2", b"hunter1")
    field = seen("PUT", b"/app/db", b'{"user": "a", "password": "hunter2"}', b'{"user": "b", "password": "hunter1"}')
    escaped = seen("NEW", b"/app/db", rb'{"pass\u0077ord": "hunter2"}')
    yaml = seen("PUT", b"/app/db", b"user: a\nPassword: hunter2\n", b"user: a\nPassword: hunter1\n")
    for entry in (secret, field, escaped, yaml):
        line = to_json(entry, VEIL)
        assert "hunter" not in line and json.loads(line)["masked"] is True
        assert "hunter" not in to_text(entry, VEIL)
        for part in (p for shown in changes.details(entry, VEIL.hiding(entry.kv.key)) for p in shown.parts):
            assert b"hunter" not in (part if isinstance(part, bytes) else part.encode())
    assert '"user": "a"' in json.loads(to_json(field, VEIL))["value"], "the rest is there"
    assert "masked" not in json.loads(to_json(seen("NEW", b"/app/x", b"a: b"), VEIL))


def test_text_lines_are_one_line_each_whatever_is_in_them() -> None:
    line = to_text(seen("PUT", b"/a\x1b[31m\nb", b"x\ny", b"z\x1b]0;t\x07"), OPEN)
    assert "\n" not in line and "\x1b" not in line and "\x07" not in line


def test_one_line_says_what_changed() -> None:
    assert changes.summary(seen("PUT", b"k", b'{"pool": {"max": 32}}', b'{"pool": {"max": 16}}')) == "pool.max 16 -> 32"
    two = changes.summary(seen("PUT", b"k", b'{"a": 2, "b": 2}', b'{"a": 1, "b": 1}'))
    assert two.startswith("2 fields changed: ")
    assert changes.summary(seen("PUT", b"k", b"true", b"false")) == "false -> true"
    assert changes.summary(seen("DEL", b"k", b"", b"yes")) == 'was "yes"'
    assert changes.summary(seen("DEL~", b"k", b"", b"x", 0x694D)).startswith("lease 694d gone: expiry?")
    assert changes.summary(seen("NEW", b"token", b"x"), VEIL.hiding(b"a/token")) == "(masked)"
