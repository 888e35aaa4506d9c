"""Nothing that a terminal could obey, hide or reorder comes out of the one door."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.safe_text import safe_text
from tests.support.timing import Stopwatch

ANY_TEXT = st.text(alphabet=st.characters(codec=None))


def is_harmless(text: str) -> bool:
    return all(unicodedata.category(char)[0] != "C" and unicodedata.category(char) not in ("Zl", "Zp") for char in text)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        (b"plain", "plain"),
        (b"a\x1b]52;c\x07", "a␛]52;c␇"),
        (b"\x00\x7f\t\n", "␀␡␉␊"),
        ("\x9b31m", "<9B>31m"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"\xe2\x82", "\\xe2\\x82"),
        ("\ud800x", "<U+D800>x"),
        ("a\u202eb", "a<U+202E>b"),
        ("a\u00a0b", "a<U+00A0>b"),
        ("\ufe0f\u3164\U000e0041", "<U+FE0F><U+3164><U+E0041>"),
        ("\u0301a", "◌\u0301a"),
        ("e" + "\u0301" * 5, "e" + "\u0301" * 3 + "<U+0301>" * 2),
        ("[/x] [@click=app.quit]", "[/x] [@click=app.quit]"),
        ("héllo 宽", "héllo 宽"),
    ],
)
def test_what_each_kind_of_character_becomes(given_text: bytes | str, shown: str) -> None:
    assert safe_text(given_text).text == shown


def test_marks_tell_a_replacement_from_the_same_text_typed_out() -> None:
    replaced, literal = safe_text(b"a\xffb"), safe_text(b"a\\xffb")
    assert replaced.text == literal.text
    assert replaced.marks == ((1, 5),) and literal.marks == ()


def test_newlines_stay_only_when_asked_for() -> None:
    assert safe_text("a\nb\r\n", keep_newlines=True).text == "a\nb␍\n"


@given(st.one_of(st.binary(), ANY_TEXT), st.integers(0, 30))
def test_no_control_bidi_or_surrogate_survives_and_the_limit_holds(value: bytes | str, limit: int) -> None:
    made = safe_text(value, limit=limit)
    assert is_harmless(made.text)
    assert not limit or len(made.text) <= limit
    assert made.cut == (bool(limit) and len(safe_text(value).text) > limit)
    assert all(0 <= start < end <= len(made.text) for start, end in made.marks)


@given(st.binary())
def test_unmarked_parts_are_the_value_itself(value: bytes) -> None:
    made = safe_text(value)
    rest = value.decode("utf-8", "surrogateescape")
    at = 0
    for start, end in [*made.marks, (len(made.text), len(made.text))]:
        piece = made.text[at:start]
        found = rest.find(piece)
        assert found >= 0
        rest = rest[found + len(piece) :]
        at = end


def test_a_limit_is_applied_before_the_work() -> None:
    huge = b"\xff" * 50_000_000
    started = Stopwatch()
    assert safe_text(huge, limit=200).cut
    assert started.fair() < 0.1


def test_a_hundred_thousand_clean_keys_cost_little() -> None:
    keys = [b"/registry/pods/default/web-%d" % i for i in range(100_000)]
    started = Stopwatch()
    for key in keys:
        safe_text(key)
    assert started.fair() < 1.0
