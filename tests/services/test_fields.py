"""One field is edited, and everything else stays byte for byte, whatever the text looks like."""

from __future__ import annotations

import gzip
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.decoding.json_text import pretty
from etcdtui.core.tree import Path
from etcdtui.services.values import fields
from etcdtui.services.values.fields import NoSuchField

JSON = b'{ "a" :1.10,"list": [ {"b":"x, y"}, null ],\n\t"e":{}, "u": "\\u0041" }\n'
YAML = b"""\
# settings
host: pg-1   # the first
port: 5432
empty:
tags: [a, 'b c', "d"]
pool:
    max: 16
    notes: |
        one

        two
last:
- name: x
  on: true
- y
"""


@pytest.mark.parametrize(
    ("value", "path", "typed", "before", "after"),
    [
        (JSON, ("a",), "2", b":1.10,", b":2,"),
        (JSON, ("list", 0, "b"), "plain words", b'"x, y"', b'"plain words"'),
        (JSON, ("list", 1), '"text"', b"null", b'"text"'),
        (JSON, ("e",), '{"n": [1]}', b'"e":{}', b'"e":{"n":[1]}'),
        (JSON, ("u",), '"B"', b'"\\u0041"', b'"B"'),
        (YAML, ("host",), "pg-2", b"pg-1   #", b"pg-2   #"),
        (YAML, ("port",), "5433", b"5432", b"5433"),
        (YAML, ("empty",), "now", b"empty:", b"empty: now"),
        (YAML, ("tags", 1), "'e'", b"'b c'", b"'e'"),
        (YAML, ("tags", 0), "a, b", b"[a,", b'["a, b",'),
        (YAML, ("pool", "max"), "a: b", b"max: 16", b'max: "a: b"'),
        (
            YAML,
            ("pool", "notes"),
            "one\n\n  three",
            b"|\n        one\n\n        two",
            b"|-\n        one\n\n          three",
        ),
        (YAML, ("last", 0, "on"), "false", b"true", b"false"),
        (YAML, ("last", 1), "z", b"- y", b"- z"),
    ],
)
def test_only_the_field_is_exchanged(value: bytes, path: Path, typed: str, before: bytes, after: bytes) -> None:
    assert value.count(before) == 1
    wanted = value.replace(before, after)
    assert fields.exchange(value, path, typed) == wanted
    assert fields.exchange(value, path, fields.find(value, path).content) == value
    packed = gzip.compress(value)
    assert gzip.decompress(fields.exchange(packed, path, typed)) == wanted


def test_a_line_of_a_view_is_its_field() -> None:
    lines = pretty(JSON.decode())
    named = {line.strip(): fields.path_at("JSON", lines, at) for at, line in enumerate(lines)}
    assert named['"a": 1.10,'] == ("a",)
    assert named['"b": "x, y"'] == ("list", 0, "b")
    assert named['"list": ['] == ("list",)
    assert named["null"] == ("list", 1)
    assert named["},"] is None
    rows = YAML.decode().splitlines()
    found = {row.strip(): fields.path_at("YAML", rows, at) for at, row in enumerate(rows)}
    assert found["port: 5432"] == ("port",)
    assert found["two"] == found["notes: |"] == ("pool", "notes")
    assert found["on: true"] == ("last", 0, "on")
    assert found["# settings"] is None and found["pool:"] is None


def test_what_cannot_be_edited_by_itself_is_a_sentence() -> None:
    for value, path in (
        (b"plain", ("a",)),
        (YAML, ("pool",)),
        (YAML, ("nothing",)),
        (b"a: &x 1\nb: *x\nc: 2\n", ("a",)),
        (b"a: 1\nb: 2\n---\nc: 3\nd: 4\n", ("a",)),
    ):
        with pytest.raises(NoSuchField):
            fields.find(value, path)
    with pytest.raises(ValueError, match="mend it"):
        fields.exchange(JSON, ("e",), "{")


TREES = st.recursive(
    st.one_of(st.booleans(), st.none(), st.integers(-9, 9), st.text("ab :#-'\"\n,[{é", max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(st.sampled_from("klmn"), TREES, min_size=2),
    st.text("ab :#-'\"\n,[]{}é|>*&!%@`\\", max_size=8),
    st.booleans(),
    st.data(),
)
def test_no_other_field_ever_changes(tree: dict[str, object], typed: str, flow: bool, data: st.DataObject) -> None:
    as_json = data.draw(st.booleans())
    text = json.dumps(tree) if as_json else yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow)
    value = text.encode()
    name = data.draw(st.sampled_from(sorted(tree)))
    try:
        made = fields.exchange(value, (name,), typed)
    except ValueError:
        return
    load = json.loads if as_json else yaml.safe_load
    now = load(made)
    assert {key: now[key] for key in tree if key != name} == {key: load(text)[key] for key in tree if key != name}
    assert set(now) == set(tree)
