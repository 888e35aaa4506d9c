"""Keys as paths and as typed text: nothing is lost and different keys never look alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.keypath import KeySyntaxError, escape_key, label, parse_key


@given(st.binary())
def test_typed_text_gives_the_key_back(key: bytes) -> None:
    typed = escape_key(key)
    assert typed.isprintable()
    assert parse_key(typed) == key


@given(st.text())
def test_any_text_is_a_key_or_an_error_in_a_sentence(text: str) -> None:
    try:
        parse_key(text)
    except KeySyntaxError as problem:
        assert str(problem).endswith(".") and 0 <= problem.position < len(text)


@pytest.mark.parametrize("text", ["\\", "\\x", "\\x0", "\\xgg", "\\q", "a\\"])
def test_bad_escapes_are_refused(text: str) -> None:
    with pytest.raises(KeySyntaxError):
        parse_key(text)


def test_the_nameless_segment_has_a_marked_label() -> None:
    assert label(b"").marks and label(b"").text != label(b"x").text
    assert label(b"(this key)").marks == ()
