"""What comes from the keyboard is told apart as it was meant, however it is cut into pieces."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.ui.wire.typed import ESC, Typed


def pieces(*chunks: bytes, bound: str = "") -> list[str]:
    typed = Typed(bound.__contains__)
    found = [piece for chunk in chunks for piece in typed.pieces(chunk)]
    return [*found, *typed.wait_no_more()]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b"\x1bj"], [ESC, "j"]),
        ([b"\x1b/app\r"], [ESC, "/app\r"]),
        ([b"\x1b", b"j"], [ESC, "j"]),
        ([b"\x1b"], [ESC]),
        ([b"a\x1b"], ["a", ESC]),
        ([b"\x1b\x1bj"], [ESC, ESC, "j"]),
        ([b"\x1b[A"], ["\x1b[A"]),
        ([b"\x1b", b"[A"], ["\x1b[A"]),
        ([b"\x1bOP\x1bq"], ["\x1bOP", ESC, "q"]),
        ([b"\x1b[200~a\x1bb\x1b[201~\x1bc"], ["\x1b[200~a\x1bb\x1b[201~", ESC, "c"]),
        ([b"\x1b]11;rgb:00/00/00\x1b\\"], ["\x1b]11;rgb:00/00/00\x1b\\"]),
        ([b"\xc3", b"\xa9\xff"], ["é\ufffd"]),
        ([b"\x1b\xd0\xbe"], [ESC, "о"]),
    ],
)
def test_an_escape_before_a_letter_is_a_key_of_its_own(chunks: list[bytes], expected: list[str]) -> None:
    assert [piece for piece in pieces(*chunks) if piece] == expected


def test_alt_and_a_letter_stay_together_where_that_does_something() -> None:
    assert pieces(b"\x1bb\x1bj", bound="b") == ["\x1bb", ESC, "j"]


@given(st.binary(max_size=40), st.integers(0, 40))
def test_nothing_typed_is_lost_wherever_it_is_cut(data: bytes, cut: int) -> None:
    whole = "".join(pieces(data))
    assert "".join(pieces(data[:cut], data[cut:])) == whole
    assert whole == codecs.getincrementaldecoder("utf-8")(errors="replace").decode(data)
