"""How keys are split into folders: from the left, at the first place where any separator is complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.listing import child_of, folders_of

KEYS = st.one_of(st.binary(max_size=12), st.text(alphabet="ab/:", max_size=8).map(str.encode))
SETS = st.sampled_from([(), (b"/",), (b"/", b":"), (b":", b"::"), (b"::", b":"), (b"//", b"/"), (b"\x00",)])


@pytest.mark.parametrize(
    ("key", "folders"),
    [
        (b"a/b", [b"a/"]),
        (b"/a/b", [b"/a/"]),
        (b"/a//b", [b"/a/"]),
        (b"/a/b/", [b"/a/", b"/a/b/"]),
        (b"/", []),
        (b"\xff/\x00", [b"\xff/"]),
        (b"legacy:x/y", [b"legacy:", b"legacy:x/"]),
    ],
)
def test_the_folders_above_a_key(key: bytes, folders: list[bytes]) -> None:
    assert folders_of(key, (b"/", b":")) == folders


@given(KEYS, KEYS, SETS)
def test_ranges_of_sibling_folders_never_overlap(one: bytes, two: bytes, separators: tuple[bytes, ...]) -> None:
    (first, first_is_folder), (second, _) = child_of(one, separators), child_of(two, separators)
    if first_is_folder and two.startswith(first):
        assert second == first


@given(KEYS, SETS)
def test_the_names_on_the_way_concatenate_to_the_key(key: bytes, separators: tuple[bytes, ...]) -> None:
    names, rest, folder = [], key, True
    while rest and folder:
        name, folder = child_of(rest, separators)
        assert name and rest.startswith(name)
        names.append(name)
        rest = rest[len(name) :]
    assert b"".join(names) == key


def test_without_separators_every_key_is_a_row() -> None:
    assert child_of(b"/a/b", ()) == (b"/a/b", False)
