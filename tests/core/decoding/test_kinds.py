"""Types are claimed by proof only: each kind is found, and nothing else is called by its name."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import random
import struct
import time
import zlib
from collections import Counter

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.decoding.msgpack import Item, NotMsgpackError, Pairs, read
from etcdtui.core.decoding.registry import Decoders
from etcdtui.core.decoding.result import MAX_INFLATED, Decoded, Hooks
from etcdtui.core.tree import Tree


def parse_yaml(text: str) -> Tree:
    """A stand-in for the services' parser: ``key: value`` lines and ``- item`` lines only."""
    rows = [row for row in text.splitlines() if row.strip() and row.strip() != "---"]
    if rows and all(row.startswith("- ") for row in rows):
        return [row[2:] for row in rows]
    if not rows or not all(": " in row or row.endswith(":") for row in rows):
        raise ValueError("not YAML")
    return {row.split(":")[0].strip(): row.split(":", 1)[1].strip() for row in rows}


DECODERS = Decoders(Hooks(parse_yaml=parse_yaml))
JWT = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1","exp":1700000000}', b"signature")
)
PEM = b"-----BEGIN THING-----\n" + base64.encodebytes(b"x" * 60) + b"-----END THING-----\n"
LARGE = b"x" * (MAX_INFLATED + 1)


def kind(value: bytes) -> str:
    return DECODERS.decode(b"key", value).kind


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", "empty"),
        (b" \n", "whitespace"),
        (b'{"a": 1}\n', "JSON"),
        (b"[]", "JSON"),
        (b'"quoted"', "JSON string"),
        (b'{"a":1}\n{"a":2}\n', "JSON lines"),
        (b'{"a":1', "text"),
        (b"{a}", "text"),
        (b"1", "integer"),
        (b"-1.5e3", "number"),
        (b"true", "text"),
        (b"null", "text"),
        (b"2024-02-29T12:00:00.5+02:00", "time"),
        (b"2023-02-29T12:00:00Z", "text"),
        (b"2024-02-28", "text"),
        (PEM, "PEM"),
        (PEM.replace(b"THING-----\n", b"THING-----\n!", 1), "text"),
        (b"<a><b/></a>", "XML"),
        (b"<a><b></a>", "text"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "text"),
        (JWT.encode(), "JWT"),
        (b"a.b.c", "text"),
        (b"a = 1\nb = 'x'\n[c]\n", "TOML"),
        (b"a = 1\n", "text"),
        (b"a: 1\nb: x\n", "YAML"),
        (b"a: 1\n", "text"),
        (b"Note: this\nis prose\n", "text"),
        (b"hello \xc3\xa9", "text"),
        (b"log \x1b[31mred\x1b[0m line", "text"),
        (gzip.compress(b'{"a":1}', mtime=0), "gzip > JSON"),
        (gzip.compress(b"a", mtime=0)[:-4] + b"\0\0\0\0", "binary"),
        (gzip.compress(gzip.compress(b"a", mtime=0), mtime=0), "gzip > binary"),
        (gzip.compress(LARGE, mtime=0), "gzip?"),
        (zlib.compress(b"hello hello"), "zlib > text"),
        (zlib.compress(b"hello hello") + b"x", "binary"),
        (bz2.compress(b"[1]"), "bzip2 > JSON"),
        (lzma.compress(b"text"), "xz > text"),
        (b"\x28\xb5\x2f\xfdxxxx", "zstd frame"),
        (b"\x04\x22\x4d\x18xxxx", "LZ4 frame"),
        (b"\x89PNG\r\n\x1a\n..", "PNG image"),
        (b"SQLite format 3\0..", "SQLite database"),
        ("text".encode("utf-16"), "UTF-16 text"),
        (msgpack.packb({"a": [1, 2.5, None, b"x"], "b": {"c": "d"}}), "MessagePack"),
        (msgpack.packb([1, 2, 3]), "binary"),
        (b"\x0a\x0bhello there\x10\x05", "protobuf?"),
        (struct.pack(">Q", 5), "8 bytes"),
        (b"\x01\x02\x03", "binary"),
        (b"k8s:enc:kms:v2:provider:\x01\x02", "Kubernetes encrypted"),
        (b"k8s:enc:short", "text"),
        (b"k8s\0\xffgarbage", "binary"),
    ],
)
def test_kinds(value: bytes, expected: str) -> None:
    assert kind(value) == expected


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (b"1700000000", "epoch s = 2023-11-14T22:13:20Z"),
        (b"1700000000000", "epoch ms = 2023-11-14T22:13:20Z"),
        (b"123", None),
        (b"true", "valid JSON: true"),
        (b"550e8400-e29b-41d4-a716-446655440000", "UUID"),
        (b"v1.22.3-rc.1", "version"),
        (b"ab" * 32, "hex of 32 bytes"),
        (base64.b64encode(b'{"name": "x", "n": 1}'), "base64 of JSON"),
        (base64.b64encode(b"only some words here"), None),
        (base64.b64encode(random.Random(3).randbytes(48)), None),
        (b"correct-horse-battery-staple-9000", None),
        (b"- a\n- b\n", "valid YAML"),
        (struct.pack(">Q", 1_700_000_000 * 10**9), "epoch ns = 2023-11-14T22:13:20Z"),
    ],
)
def test_hints_are_offered_but_never_decide(value: bytes, hint: str | None) -> None:
    made = DECODERS.decode(b"key", value)
    assert (hint in made.hints) if hint else made.hints == ()
    assert made.views[0].name in ("text", "hex")


def test_random_bytes_are_never_given_a_type() -> None:
    source = random.Random(7)
    kinds = Counter(kind(source.randbytes(source.randint(9, 600))) for _ in range(4000))
    assert set(kinds) <= {"binary"}


@given(st.binary(max_size=400))
def test_any_bytes_decode_and_every_view_can_be_read(value: bytes) -> None:
    made = DECODERS.decode(b"key", value, mask=frozenset({"password"}))
    assert made.views
    for view in made.views:
        lines = view.lines()
        assert len([*lines]) == len(lines)


ITEMS = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text(), st.binary()
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


def plain(item: Item) -> object:
    if isinstance(item, Pairs):
        return {plain(key): plain(value) for key, value in item.items}
    return [plain(part) for part in item] if isinstance(item, tuple) else item


@given(ITEMS)
def test_messagepack_is_read_as_it_was_written(item: object) -> None:
    packed: bytes = msgpack.packb(item)
    assert plain(read(packed)) == item
    for broken in (packed + b"\0", packed[:-1]):
        with pytest.raises(NotMsgpackError):
            read(broken)


@pytest.mark.parametrize(
    "bomb",
    [
        gzip.compress(b"\0" * 50_000_000, mtime=0),
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"\x0a" * 100_000,
        b"\x91" * 100_000,
        b"9" * 200_000,
        b"<a>" * 50_000,
        b"a=" + b"[" * 20_000,
    ],
)
def test_hostile_values_are_decoded_quickly(bomb: bytes) -> None:
    started = time.process_time()  # other programs on the machine are not the decoder's fault
    for view in DECODERS.decode(b"key", bomb).views:
        view.lines()
    assert time.process_time() - started < 3


def test_large_documents_are_not_parsed_until_forced() -> None:
    value = b"key: value\nother: value\n" * 15_000
    made = DECODERS.decode(b"key", value)
    assert made.kind == "text" and any("not parsed" in hint for hint in made.hints)
    unique = b"".join(b"key%d: value\n" % i for i in range(30_000))
    assert DECODERS.decode(b"key", unique, force=True).kind == "YAML"


def test_the_profile_wins_and_its_failure_is_told() -> None:
    view = DECODERS.decode(b"", b"x").views[0]
    wins = Decoders(Hooks(profile=lambda request: Decoded("mine", "by the profile", (view,))))
    assert wins.decode(b"key", b"{}").kind == "mine"
    fails = Decoders(Hooks(profile=lambda request: Decoded("", "", problem="It failed.")))
    made = fails.decode(b"key", b"{}")
    assert (made.kind, made.problem) == ("JSON", "It failed.")


SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"a": [{"Password": SECRET}]}).encode(),
        json.dumps({"password": {"x": [SECRET, {"y": SECRET}]}}).encode(),
        f'{{"password":"{SECRET}"}}\n{{"password":"{SECRET}"}}'.encode(),
        f"user: x\npassword: {SECRET}\nz: 1\n".encode(),
        f"user: x\npassword: |\n  {SECRET}\n  {SECRET}\nz: 1\n".encode(),
        f"a: 1\nb: {{user: x, password: {SECRET}}}\n".encode(),
        f"a: 1\npassword:\n- {SECRET}\n- b: {SECRET}\nz: 1\n".encode(),
        f"a: 1\n- 'password' : {SECRET}\n".encode(),
        f'user = "x"\npassword = "{SECRET}"\n'.encode(),
        f'user = "x"\npassword = """\n{SECRET}\n{SECRET}"""\nz = 1\n'.encode(),
        f'user = "x"\na.password = [\n"{SECRET}",\n]\nz = 1\n'.encode(),
        gzip.compress(json.dumps({"password": SECRET}).encode(), mtime=0),
        msgpack.packb({"a": 1, "b": [{"password": SECRET}]}),
        f"USER=x\nPASSWORD={SECRET}\n".encode(),
    ],
)
def test_masked_fields_show_in_no_view_until_revealed(value: bytes) -> None:
    mask = frozenset({"password"})
    hidden = DECODERS.decode(b"key", value, mask=mask)
    shown = "\n".join(line for view in hidden.views for line in view.lines())
    assert hidden.masked and SECRET not in shown and SECRET.encode().hex(" ")[:11] not in shown
    revealed = DECODERS.decode(b"key", value, mask=mask, reveal=True)
    assert not revealed.masked
    assert any(SECRET in line for view in revealed.views for line in view.lines())
