"""Times and the numbers since 1970 that they are, both ways, in the editor's forms and in the views of a value."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core import moments
from etcdtui.core.decoding.registry import Decoders

VIEWS = {
    b"1764311400": ("time", ["2025-11-28T06:30:00Z  (s since 1970)"]),
    b"1764311400123\n": ("time", ["2025-11-28T06:30:00.123Z  (ms since 1970)"]),
    b"2025-11-28T06:30:00.5Z": (
        "number",
        ["1764311400500  (ms since 1970)", "1764311400500000  (us since 1970)", "1764311400500000000  (ns since 1970)"],
    ),
    struct.pack(">Q", 1_764_311_400 * 10**9): (
        "number",
        [
            "big-endian: u64 1764311400000000000  2025-11-28T06:30:00Z (ns since 1970)",
            "little-endian: u64 4552935347813400",
        ],
    ),
}


@pytest.mark.parametrize("value", VIEWS, ids=["s", "ms", "time", "u64"])
def test_a_number_has_a_view_as_a_time_and_a_time_as_a_number(value: bytes) -> None:
    name, lines = VIEWS[value]
    made = Decoders().decode(b"", value)
    view = next(view for view in made.views if view.name == name)
    assert list(view.lines()) == lines
    assert made.views[0] is not view


@given(st.integers(moments.FIRST * 10**9, moments.LAST * 10**9 - 1), st.sampled_from(sorted(moments.UNITS)))
def test_every_time_is_exact_both_ways_and_is_what_python_says(nanos: int, unit: str) -> None:
    number = nanos * moments.UNITS[unit] // 10**9
    words = moments.in_words(number, unit)
    assert moments.from_words(words, unit) == number
    read = datetime.fromisoformat(words[:19]).replace(tzinfo=UTC)
    assert int(read.timestamp()) == number // moments.UNITS[unit]


@pytest.mark.parametrize("text", ["", "2025-13-01T00:00:00Z", "2025-11-28", "2025-11-28T06:30:00", "12"])
def test_what_is_no_time_is_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        moments.from_words(text, "s")
