"""A pasted etcdctl line becomes a value, its global flags a notice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.etcdctl_grammar import Del, Get, Put, Txn, Verb, WatchKeys, complete, parse_line
from etcdtui.core.quoting import fits_argument, shell_words
from etcdtui.core.shell_words import split_words


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("get /a", Get(b"/a")),
        (":get /a/ --prefix --rev 5 --keys-only --limit=10", Get(b"/a/", b"/a0", 5, True, 10)),
        ("get '' --prefix", Get(b"\0", b"\0")),
        ("get a b", Get(b"a", b"b")),
        ("get a b --sort-by=MODIFY --order DESCEND", Get(b"a", b"b", sort_by="mod", order="descend")),
        ("etcdctl put a 'x y'", Put(b"a", b"x y")),
        ("$ ETCDCTL_API=3 etcdctl put --lease=0x1f a b", Put(b"a", b"b", lease=31)),
        ("put a --lease 1f -- -dash", Put(b"a", b"-dash", lease=31)),
        ("put a < /some/file", Put(b"a", None, "/some/file")),
        ("put a", Put(b"a", None, "-")),
        (r"put a $'\xff\n'", Put(b"a", b"\xff\n")),
        (r'put a "b\n"', Put(b"a", b"b\\n")),
        ("del a", Del(b"a")),
        ("del --prefix /a/b/", Del(b"/a/b/", b"/a/b0")),
        ("del --from-key x", Del(b"x", b"\0")),
        ("watch --prefix /a --rev=3", WatchKeys(b"/a", b"/b", 3)),
        ("txn", Txn("")),
        ('txn\nmod("a") = "1"\n\nput a b\n', Txn('mod("a") = "1"\n\nput a b')),
        ("go members", Verb("go", (b"members",))),
        ("rev live", Verb("rev", (b"live",))),
        ("lease grant 60", Verb("lease", (b"grant", b"60"))),
    ],
)
def test_lines(text: str, command: object) -> None:
    parsed = parse_line(text)
    assert parsed.error == ""
    assert parsed.command == command
    assert parsed.notices == ()


def test_global_flags_are_ignored_and_told() -> None:
    parsed = parse_line("etcdctl --endpoints=https://prod:2379 --cacert /x put --user root:pw a b -w json")
    assert parsed.command == Put(b"a", b"b")
    assert [n.split()[0] for n in parsed.notices] == ["--endpoints", "--cacert", "--user", "--write-out"]
    assert not any("pw" in n or "prod" in n for n in parsed.notices)


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "put", "put a b c", "get", "get a b c", "del", "get --bogus a", "get a --rev x",
     "get a --sort-by size", "get a --order up",
     "put 'a b", "get --prefix --from-key a", "put a --lease zz b", "put '' b", "get a --limit"],
)  # fmt: skip
def test_bad_lines_are_told_in_a_sentence(text: str) -> None:
    parsed = parse_line(text)
    assert parsed.command is None
    assert parsed.error.endswith(".")


@given(st.text(max_size=200))
def test_nothing_typed_raises(text: str) -> None:
    parse_line(text)


@given(st.lists(st.binary(max_size=30).filter(fits_argument), min_size=1, max_size=4))
def test_words_quoted_for_a_shell_are_read_back(words: list[bytes]) -> None:
    text = shell_words(*words)
    back = split_words(text)
    assert (back[1:] if back[0] == b"--" and any(w.startswith(b"-") for w in words) else back) == words


def test_completion_prefers_history() -> None:
    assert complete("pu") == "t"
    assert complete("put a", ("put abc 1", "put axe 2")) == "xe 2"
    assert complete("go me") == "mbers"
    assert complete("") == ""
