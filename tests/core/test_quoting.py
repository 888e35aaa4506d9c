"""Quoted keys are read back byte for byte by a real shell."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdtui.core.quoting import fits_argument, shell_quote, shell_words, txn_quote

HOSTILE = [
    b"plain",
    b"",
    b"a b",
    b"it's",
    b"$(reboot)`x`",
    b"\xff\xfe",
    b"a\x1b]52;c;\x07",
    b"\n",
    b"\\x41\\",
    "\u202eé宽".encode(),
    b"-n",
    b'"%s"',
    b"'\xff'",
]


def bash(script: str) -> bytes:
    return subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout


@pytest.mark.parametrize("data", HOSTILE)
def test_bash_reads_back_every_byte(data: bytes) -> None:
    word = shell_quote(data)
    assert word.isprintable()
    assert bash(f"printf %s {word}" if not data.startswith(b"-") else f"printf -- %s {word}") == data


@given(st.lists(st.binary().map(lambda b: b.replace(b"\0", b"")), min_size=30, max_size=30))
@settings(max_examples=5, deadline=None)
def test_bash_reads_back_random_words(items: list[bytes]) -> None:
    words = " ".join(shell_quote(item) for item in items)
    assert bash(f"printf '%s\\0' {words}").split(b"\0")[:-1] == items


def test_nul_cannot_be_an_argument() -> None:
    assert not fits_argument(b"a\0")
    with pytest.raises(ValueError, match="NUL"):
        shell_quote(b"a\0")


def test_words_that_look_like_flags_are_guarded() -> None:
    assert shell_words(b"-x", b"y") == "-- -x y"
    assert shell_words(b"x") == "x"


def test_txn_strings_escape_quotes_and_bytes() -> None:
    assert txn_quote(b'a"\\\n\xff\0') == '"a\\"\\\\\\n\\xff\\x00"'
