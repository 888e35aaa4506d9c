"""The filter language, key globs and bounded regular expressions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.search import Field, FilterError, KeyGlob, Value, compile_filter, finder
from tests.support.timing import Stopwatch

FIELDS = {"size": Field.SIZE, "mod": Field.NUMBER, "lease": Field.FLAG, "seen": Field.AGE, "type": Field.NAME}
RECORD: dict[str, Value] = {
    "text": b"/Registry/legacy:Pods/x",
    "size": 20_000,
    "mod": 1204001,
    "lease": 7,
    "seen": 60.0,
    "type": "JSON",
}


@pytest.mark.parametrize(
    ("expression", "accepted"),
    [
        ("", True),
        ("registry", True),
        ("registrY", False),
        ("Registry", True),
        ("!registry", False),
        ("!nothing", True),
        ("~rgpx", True),
        ("~xp", False),
        ("^/reg.*pods/", True),
        ("^/^pods/", False),
        ("legacy:Pods", True),
        ("size:>10k", True),
        ("size:<10k", False),
        ("size:>10k lease:yes mod:>1204000 type:json seen:<5m", True),
        ("size:>10k lease:no", False),
        ("!lease:no", True),
        ("type:=jso", False),
        ("type:jso", True),
        ('"pods/x"', True),
        ("pods nothing", False),
        ("mod:1204001", True),
    ],
)
def test_filter(expression: str, accepted: bool) -> None:
    assert compile_filter(expression, FIELDS)(RECORD) is accepted


@pytest.mark.parametrize(
    "expression",
    ["sise:>3", "size:>x", "size:", "lease:maybe", "^/(/", "^/(a+)+b/", "^/(a|a)*/", "^/(a)\\1/", "type:>x", "x" * 501,
     "^/a*a*a*a*a*/"],
)  # fmt: skip
def test_mistakes_are_told_in_a_sentence(expression: str) -> None:
    with pytest.raises(FilterError, match=r"\.$"):
        compile_filter(expression, FIELDS)


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_a_sentence(expression: str) -> None:
    try:
        compile_filter(expression, FIELDS)(RECORD)
    except FilterError as problem:
        assert str(problem)


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("**/token", b"/a/b/token", True),
        ("**/token", b"token", True),
        ("**/*password*", b"/a/my-password-1", True),
        ("/registry/**", b"/registry/a/b", True),
        ("/registry/**", b"/registry2/a", False),
        ("/service/*/leader", b"/service/x/leader", True),
        ("/service/*/leader", b"/service/x/y/leader", False),
        ("**/x/**/y", b"/q/x/z/x/y", True),
        ("/a?c", b"/abc", True),
        ("/a*b*c", b"/aXbYbc", True),
        ("/a", b"/a/", False),
        ("", b"", True),
        ("/app**", b"/apple/a/b", True),
        ("/app**/x*", b"/apple/a/b/xy/z", True),
        ("/app**", b"/ap", False),
        ("/\xff*", "/\xff1".encode(), True),
    ],
)
def test_key_globs(pattern: str, key: bytes, matches: bool) -> None:
    assert KeyGlob(pattern).matches(key) is matches


@pytest.mark.parametrize(
    "work",
    [
        lambda: KeyGlob("**/*a*a*a*a*b").matches(b"a" * 100_000),
        lambda: KeyGlob("a**a*a**b").matches(b"a" * 100_000),
        lambda: KeyGlob("**/a/**/a/**/b").matches(b"a/" * 20_000),
        lambda: compile_filter("^/.*a.*a.*b/", {})({"text": "a" * 100_000}),
        lambda: finder("regex", "a.*b")(b"a" * 1_500_000),
    ],
)
def test_hostile_text_cannot_stall_a_matcher(work: object) -> None:
    assert callable(work)
    started = Stopwatch()
    assert not work()
    assert started.fair() < 3


def test_finders_over_bytes() -> None:
    assert finder("substring", "B\xe9", ignore_case=True)("ab\xe9".encode()) is not None
    assert finder("substring", "b")(b"aab") == (2, 3)
    assert finder("regex", "b+$")(b"aabb") == (2, 4)
    assert finder("glob", "*pod*")(b"/a/mypods") == (0, 9)
    assert finder("glob", "*pod*")(b"/pod/x") is None
    with pytest.raises(FilterError):
        finder("substring", "")
