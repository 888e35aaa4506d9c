"""A pasted etcdctl line becomes a value, its global flags a notice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.etcdctl_grammar import Del, Get, Put, Txn, Verb, WatchKeys, complete, parse_line
from etcdtui.core.quoting import fits_argument, shell_words
from etcdtui.core.shell_words import split_words
from etcdtui.core.txn import GetOptions


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("get /a", Get(b"/a")),
        (
            ":get /a/ --prefix --rev 5 --keys-only --limit=10",
            Get(b"/a/", b"/a0", GetOptions(revision=5, keys_only=True, limit=10)),
        ),
        ("get '' --prefix", Get(b"\0", b"\0")),
        ("get a b", Get(b"a", b"b")),
        ("get a b --sort-by=MODIFY --order DESCEND", Get(b"a", b"b", GetOptions(sort_by="mod", order="descend"))),
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
        ("put a --ignore-value --lease 1f", Put(b"a", None, "", 31, False, True)),
        ("put \\\n  a \\\n  b", Put(b"a", b"b")),
        ("get a --count-only --consistency=s", Get(b"a", b"", GetOptions(count_only=True, serializable=True))),
        ("get a 2>/dev/null", Get(b"a")),
        ("put a 'x | y > z'", Put(b"a", b"x | y > z")),
        ("/usr/bin/etcdctl get a", Get(b"a")),
        ("sudo ETCDCTL_API=3 etcdctl get a", Get(b"a")),
        ("txn", Txn("")),
        ('txn <<EOF\nmod("a") = "1"\n\nput a b\nEOF\n', Txn('mod("a") = "1"\n\nput a b')),
        ('txn <<<\'mod("a") = "1"\n\nput a b\n\'', Txn('mod("a") = "1"\n\nput a b\n')),
        ('txn\nmod("a") = "1"\n\nput a b\n', Txn('mod("a") = "1"\n\nput a b')),
        ("go members", Verb("go", (b"members",))),
        ("rev live", Verb("rev", (b"live",))),
        ("lease grant 60", Verb("lease", (b"grant", b"60"))),
        ("lease timetolive 1f --keys", Verb("lease", (b"timetolive", b"1f"), (("keys", "true"),))),
        (
            "member add m4 --peer-urls=http://a:2380 --learner",
            Verb("member", (b"add", b"m4"), (("learner", "true"), ("peer-urls", "http://a:2380"))),
        ),
        (
            "role grant-permission r --prefix=true readwrite /a/",
            Verb("role", (b"grant-permission", b"r", b"readwrite", b"/a/"), (("prefix", "true"),)),
        ),
        ("compact 5", Verb("compact", (b"5",))),
    ],
)
def test_lines(text: str, command: object) -> None:
    parsed = parse_line(text)
    assert parsed.error == ""
    assert parsed.command == command
    assert parsed.notices == ()


@pytest.mark.parametrize(
    ("text", "command", "told"),
    [
        ("etcdctl --endpoints=https://prod:2379 --cacert /x put --user root:pw a b -w json", Put(b"a", b"b"),
         ["--endpoints is not used", "--cacert is not used", "--user is not used", "--write-out json has no effect"]),
        ("get a -w=fields", Get(b"a"), ["--write-out fields has no effect"]),
        ("kubectl exec -it -n kube-system etcd-cp1 -- etcdctl --cert=/c --key=/k get a", Get(b"a"),
         ["run on this profile's cluster", "--cert is", "--key is"]),
        ("kubectl exec etcd-cp1 -- sh -c 'ETCDCTL_API=3 etcdctl get /a --prefix'", Get(b"/a", b"/b"),
         ["run on this profile's cluster"]),
        ("docker exec etcd etcdctl del a", Del(b"a"), ["run on this profile's cluster"]),
        ("ETCDCTL_ENDPOINTS=x etcdctl get a", Get(b"a"), ["ETCDCTL_ENDPOINTS is not used"]),
    ],
)  # fmt: skip
def test_what_stands_around_a_command_is_told(text: str, command: object, told: list[str]) -> None:
    parsed = parse_line(text)
    assert parsed.command == command
    assert [notice.startswith(word) for notice, word in zip(parsed.notices, told, strict=True)] == [True] * len(told)
    assert not any("pw" in n or "prod" in n for n in parsed.notices)


@pytest.mark.parametrize(
    ("text", "named"),
    [("get a | jq .", "| jq ."), ("get a | head", "| head"), ("get a > /tmp/x", "> /tmp/x"), ("del a; b", "; b"),
     ("put a $(date)", "$(date)"), ("put a `date`", "`date`"), ("get a && del a", "&& del a"),
     ("kubectl get pods", "kubectl"), ("watch a -- sh -c x", "program"), ("put a b c", "quote"), ("gte a", "get"),
     ("lese grant 60", "lease"), ("defrag --cluster", "one after the other"), ("endpoint hashkv --rev 5", "--rev"),
     ("lease grnat 60", "mean grant?"), ("lease grant 60 61", "one word too many"), ("member add --bogus", "--bogus"),
     ("snapshot restore x.db", "etcdutl"), ("lock a b", "one word too many")],
)  # fmt: skip
def test_what_cannot_be_done_here_is_named(text: str, named: str) -> None:
    parsed = parse_line(text)
    assert parsed.command is None
    assert named in parsed.error


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
    assert complete("go me", (), ("keys", "members")) == "mbers"
    assert complete("") == ""
