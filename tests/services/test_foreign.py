"""Keys from the files of other tools: what etcdctl prints, and plain JSON in its usual shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etcdtui.services.writing.foreign import Foreign, read_foreign
from etcdtui.services.writing.transfer import TransferError, load_file, of_reading, plan_import
from tests.services.writing_support import carry_out, everything, writes_on
from tests.support.server import Server


def plain(text: str) -> list[tuple[str, dict[bytes, bytes]]]:
    return [(one.letter, {kv.key: kv.value for kv in one.kvs}) for one in read_foreign(text).readings]


async def test_what_etcdctl_prints_comes_back_byte_for_byte(etcd: Server, tmp_path: Path) -> None:
    lease = int((await etcd.call("lease/grant", TTL=300))["ID"])
    for key, value, of in ((b"/a/\xff\n", b"\x00\xfe", 0), (b"/a/empty", b"", 0), (b"/a/leased", b"x", lease)):
        await etcd.put(key, value, lease=of)
    file = tmp_path / "out.json"
    printed = [etcd.etcdctl("get", "--prefix", key, "-w", "json") for key in (b"/a/e", b"/a/l", b"/a/\xff")]
    file.write_text("".join(printed))  # several answers one after the other
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        before = await everything(writes)
        found = load_file(file)
        assert isinstance(found, Foreign) and len(found.readings) == 1 and found.revision > 1
        etcd.etcdctl("del", "--prefix", "/a/")
        export = of_reading(found, found.readings[0])
        assert export.header.prefix == b"/a/"
        made = await plan_import(writes, export)
        assert (await carry_out(writes, made)).complete
        assert await everything(writes) == before


@pytest.mark.parametrize(
    "text",
    [
        '[{"key": "/a", "value": "1!"}, {"key": "/b", "value": "x y"}]',
        '{"key": "/a", "value": "1!"}\n{"key": "/b", "value": "x y"}\n',
        '{"/a": "1!", "/b": "x y"}',
        '{"items": [{"Key": "/a", "Value": "1!"}, {"Key": "/b", "Value": "x y"}]}',
        '\ufeff[{"name": "/a", "val": "1!"},\n {"name": "/b", "val": "x y"}]',
    ],
)
def test_usual_shapes_of_plain_json_are_read(text: str) -> None:
    assert plain(text) == [("t", {b"/a": b"1!", b"/b": b"x y"})]


def test_what_may_be_base64_has_more_readings_than_one() -> None:
    assert plain('[{"key": "/app/a.b", "value": "dHJ1ZQ=="}]') == [
        ("t", {b"/app/a.b": b"dHJ1ZQ=="}),
        ("v", {b"/app/a.b": b"true"}),
    ]
    assert plain('[{"key": "L2E=", "value": "AP8="}]')[-1] == ("b", {b"/a": b"\x00\xff"})


def test_what_is_no_text_is_the_json_that_it_is() -> None:
    assert plain('[{"key": "/n", "value": 5}, {"key": "/o", "value": {"a": [true, null]}}]') == [
        ("t", {b"/n": b"5", b"/o": b'{"a":[true,null]}'})
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("[]", "no keys"),
        ('{"key": "/a", "value": "1"}\n{"key": ', "Line 2 is no JSON"),
        ('{"/a": "1", "/a": "2"}', "/a is named twice"),
        ('[{"key": "/a", "value": "1"}, {"key": "/a", "value": "!"}]', "/a is named twice"),
        ('{"config": {"app": 1}}', "config holds a tree"),
        ('[{"key": "/a"}]', "/a has no value"),
        ('[{"value": "x"}]', "no key"),
        ("[1]", "something else"),
        ("5", "expected as objects"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps({"header": {}, "kvs": [{"key": "L2E="}, {"key": "L2I="}]}), "without --keys-only"),
        (json.dumps({"header": {}, "kvs": [{"key": "!"}]}), "not base64"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "in.json"
    file.write_text(text)
    with pytest.raises(TransferError, match=words):
        load_file(file)
