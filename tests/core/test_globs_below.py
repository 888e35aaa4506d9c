"""Patterns inside of a namespace mean what they mean outside of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.search import KeyGlob, globs_below

PART = st.sampled_from(["", "a", "b", "ab", "*", "a*", "**"])
NAME = st.sampled_from(["", "a", "b", "ab"])


@given(
    st.lists(PART, min_size=1, max_size=5).map("/".join),
    st.lists(NAME, min_size=1, max_size=3).map(lambda names: "/".join(names) + "/"),
    st.lists(NAME, min_size=1, max_size=3).map("/".join),
)
def test_a_pattern_matches_the_same_keys_inside(pattern: str, prefix: str, key: str) -> None:
    inside = any(KeyGlob(below).matches(key.encode()) for below in globs_below(pattern, prefix))
    assert inside == KeyGlob(pattern).matches((prefix + key).encode())


@pytest.mark.parametrize(
    ("pattern", "prefix", "below"),
    [
        ("/registry/secrets/**", "/registry/", ("secrets/**",)),
        ("/registry/secrets/**", "/reg", ("istry/secrets/**",)),
        ("/app**", "/ap", ("p**",)),
        ("**/token", "/team/", ("**/token", "token")),
        ("/other/**", "/team/", ()),
    ],
)
def test_examples(pattern: str, prefix: str, below: tuple[str, ...]) -> None:
    assert globs_below(pattern, prefix) == below
