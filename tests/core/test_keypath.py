"""Keys as paths and as typed text: nothing is lost and different keys never look alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.keypath import KeySyntaxError, Separators, escape_key, label, parse_key

KEYS = st.one_of(st.binary(max_size=12), st.text(alphabet="ab/:", max_size=8).map(str.encode))
SETS = st.sampled_from([[], ["/"], ["/", ":"], [":", "::"], ["::", ":"], ["//", "/"], ["\x00"]])


@pytest.mark.parametrize(
    ("key", "folders", "name"),
    [
        (b"a/b", (b"a/",), b"b"),
        (b"/a/b", (b"/", b"a/"), b"b"),
        (b"/a//b", (b"/", b"a/", b"/"), b"b"),
        (b"/a/b/", (b"/", b"a/", b"b/"), b""),
        (b"/", (b"/",), b""),
        (b"\xff/\x00", (b"\xff/",), b"\x00"),
        (b"legacy:x/y", (b"legacy:", b"x/"), b"y"),
    ],
)
def test_split(key: bytes, folders: tuple[bytes, ...], name: bytes) -> None:
    path = Separators(["/", ":"]).split(key)
    assert (path.folders, path.name) == (folders, name)


@given(KEYS, SETS)
def test_segments_concatenate_to_the_key(key: bytes, separators: list[str]) -> None:
    assert Separators(separators).split(key).key == key


@given(KEYS, KEYS, SETS)
def test_ranges_of_sibling_folders_never_overlap(one: bytes, two: bytes, separators: list[str]) -> None:
    split = Separators(separators)
    (first, first_is_folder), (second, _) = split.child(b"", one), split.child(b"", two)
    if first_is_folder and two.startswith(first):
        assert second == first


@given(KEYS, SETS)
def test_walking_up_ends_at_the_root(key: bytes, separators: list[str]) -> None:
    split = Separators(separators)
    at: bytes | None = key
    steps = 0
    while at:
        parent = split.parent(at)
        assert parent is not None and at.startswith(parent) and parent != at
        at, steps = parent, steps + 1
    assert steps <= len(key)


def test_flat_without_separators() -> None:
    assert Separators([""]).split(b"/a/b").folders == ()


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
