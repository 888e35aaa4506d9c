"""Every form of a value is exact: read back unchanged it is the same bytes, and an edit changes what was edited."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.decoding import json_style, json_text
from etcdtui.services.values import packing
from etcdtui.services.writing import forms

JSON = b'{"a":1,"list":[1,2,{"b":"x, y"}],"e":{}}'
NANOS = 1_764_311_400_123_456_789


@given(st.binary(max_size=200))
def test_every_form_of_any_bytes_reads_back_to_them(value: bytes) -> None:
    for form in forms.all_of(value):
        assert form.read(form.text) == value, form.id


@pytest.mark.parametrize(
    "value",
    [
        b"1764311400",
        b"1764311400123\n",
        b"2025-11-28T06:30:00Z",
        b"2025-11-28T06:30:00.120+02:00\n",
        struct.pack(">Q", NANOS),
        struct.pack("<Q", 1_764_311_400),
        gzip.compress(JSON),
        zstandard.ZstdCompressor().compress(b"x: 1\n"),
    ],
    ids=["s", "ms", "time", "zoned", "u64", "u64 little", "gzip", "zstd"],
)
def test_numbers_times_and_packed_values_read_back_exactly_in_every_form(value: bytes) -> None:
    assert len(forms.all_of(value)) >= 4
    for form in forms.all_of(value):
        assert form.read(form.text) == value, form.id


def form_of(value: bytes, name: str) -> forms.Form:
    return next(form for form in forms.all_of(value) if form.id == name)


def test_a_number_is_edited_as_a_time_and_a_time_as_a_number() -> None:
    assert form_of(b"1764311400", "time").text == "2025-11-28T06:30:00Z"
    assert form_of(b"1764311400", "time").read("2025-11-28T08:30:01+02:00") == b"1764311401"
    with pytest.raises(ValueError, match="counts s"):
        form_of(b"1764311400", "time").read("2025-11-28T06:30:00.5Z")
    timestamp = form_of(struct.pack(">Q", NANOS), "time big")
    assert timestamp.text == "2025-11-28T06:30:00.123456789Z"
    assert timestamp.read("2025-11-28T06:30:01Z") == struct.pack(">Q", 1_764_311_401 * 10**9)
    assert form_of(b"2025-11-28T06:30:00Z\n", "number").read("1764311401") == b"2025-11-28T06:30:01Z\n"
    with pytest.raises(ValueError, match="8 bytes"):
        form_of(struct.pack(">Q", 5), "number big").read(str(1 << 64))


def test_base64_and_hex_are_read_as_people_paste_them() -> None:
    assert forms.parse_base64(" aGk\n") == forms.parse_base64("aGk=") == b"hi"
    assert forms.parse_base64("-_-_") == b"\xfb\xff\xbf"
    for wrong in ("a", "a*==", "äöü"):
        with pytest.raises(ValueError, match="base64"):
            forms.parse_base64(wrong)


# --- compressed values, judged by the programs that made them ------------------------------------------------------

PROGRAMS = {
    "gzip": (["gzip", "-9", "-c"], ["gzip", "-dc"]),
    "bzip2": (["bzip2", "-3", "-c"], ["bzip2", "-dc"]),
    "xz": (["xz", "-c", "--check=sha256"], ["xz", "-dc"]),
    "zstd": (["zstd", "-q", "-c"], ["zstd", "-dc"]),
}


def ran(argv: list[str], data: bytes) -> bytes:
    return subprocess.run(argv, input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_compressed_value_is_edited_and_its_own_program_reads_it(name: str) -> None:
    pack, unpack = PROGRAMS[name]
    if shutil.which(pack[0]) is None:
        pytest.skip(f"no {pack[0]} here")
    stored = ran(pack, JSON)
    form = forms.first(stored)
    assert (form.text.encode(), form.name) == (JSON, f"{name} content")
    edited = form.read(form.text.replace('"a":1', '"a":2'))
    assert ran(unpack, edited) == JSON.replace(b'"a":1', b'"a":2')
    assert edited[:5] == stored[:5]  # magic, level and flags of the same settings


def test_what_a_gzip_header_says_stays() -> None:
    header = b"\x1f\x8b\x08\x08\x01\x02\x03\x04\x02\x03conf.json\0"
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    stored = header + body.compress(JSON) + body.flush() + struct.pack("<II", zlib.crc32(JSON), len(JSON))
    made = packing.pack(b"other", stored)
    assert made.startswith(header) and gzip.decompress(made) == b"other"
    assert zlib.decompress(packing.pack(b"other", zlib.compress(JSON, 9))) == b"other"
    assert bz2.decompress(packing.pack(b"other", bz2.compress(JSON))) == b"other"
    assert lzma.decompress(packing.pack(b"other", lzma.compress(JSON))) == b"other"
    with pytest.raises(ValueError, match="not compressed"):
        packing.pack(b"other", b"plain")


# --- layouts -------------------------------------------------------------------------------------------------------


def test_json_on_one_line_is_formatted_edited_and_saved_on_one_line() -> None:
    form = forms.laid_out(JSON)
    assert form.text.splitlines()[:3] == ["{", '  "a": 1,', '  "list": [']
    assert form.read(form.text) == JSON
    edited = form.text.replace('"a": 1,', '"a": 1,\n  "new": [true, null],').replace("x, y", "z")
    assert form.read(edited) == b'{"a":1,"new":[true,null],"list":[1,2,{"b":"z"}],"e":{}}'
    kept = forms.laid_out(JSON, kept=True)
    assert kept.read(edited) == edited.encode()
    with pytest.raises(ValueError, match="mend it"):
        form.read(edited + "}")
    assert forms.put_back(form.text, JSON) == JSON
    packed = gzip.compress(JSON)
    assert gzip.decompress(forms.laid_out(packed).read(edited)) == form.read(edited)


SPACE = st.sampled_from(["", "", " ", "  ", "\t"])


@st.composite
def written(draw: st.DrawFn, tree: object) -> str:
    """A document with spaces anywhere, and numbers and strings as people write them."""
    if isinstance(tree, dict):
        items = [f"{draw(written(k))}{draw(SPACE)}:{draw(SPACE)}{draw(written(v))}" for k, v in tree.items()]
        return "{" + draw(SPACE) + f"{draw(SPACE)},{draw(SPACE)}".join(items) + draw(SPACE) + "}"
    if isinstance(tree, list):
        return "[" + f"{draw(SPACE)},{draw(SPACE)}".join(draw(written(item)) for item in tree) + "]"
    if isinstance(tree, str):
        return draw(st.sampled_from([f'"{tree}"', f'"\\u0041{tree}"']))
    return draw(st.sampled_from(["1", "1.10", "1e3", "true", "null"]))


TREES = st.recursive(
    st.one_of(st.integers(), st.text("abc ,:{", max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.data(), TREES, TREES)
def test_restyling_gives_the_wanted_tokens_and_changes_nothing_where_nothing_was_changed(
    data: st.DataObject, tree: object, other: object
) -> None:
    text, wanted = data.draw(written(tree)), data.draw(written(other))
    assert json_style.restyle(json_style.pretty(text), text) == text
    made = json_style.restyle(json_style.pretty(wanted), text)
    assert [m[0] for m in json_text.TOKEN.finditer(made)] == [m[0] for m in json_text.TOKEN.finditer(wanted)]
    assert json_text.is_json(made)


def test_what_cannot_be_formatted_is_a_sentence() -> None:
    for value in (b"plain text", b"\x00\x01", b"12"):
        with pytest.raises(ValueError, match="formatted"):
            forms.laid_out(value)
