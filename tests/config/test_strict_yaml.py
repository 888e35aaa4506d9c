"""What the reader of YAML refuses, and that its messages never quote the file."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.config.nodes import Items, Scalar, Section, YamlRefused
from etcdtui.config.strict_yaml import read
from etcdtui.config.yaml_parser import parse

SECRET = "hunter2swordfish"


def _everything_said(data: bytes) -> str:
    try:
        document = read(data)
    except YamlRefused as error:
        return f"{error.line}: {error.text}"
    return "\n".join(f"{line}: {text}" for line, text in document.problems)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f"a: 1\npassword: &{SECRET} x\n", 2, "anchors"),
        (f"a: 1\nb: 2\npassword: *{SECRET}\n", 3, "aliases"),
        (f"base: &b {{p: {SECRET}}}\nc:\n  <<: *b\n", 3, "merge keys"),
        (f"password: !!python/object/apply:os.system [{SECRET}]\n", 1, "tags"),
        (f"password: !{SECRET} x\n", 1, "tags"),
        (f"a: 1\npassword: {SECRET}\npassword: {SECRET}2\n", 3, "twice"),
        (f"a:\n\tpassword: {SECRET}\n", 2, "tab"),
        (f"password: @{SECRET}\n", 1, "quote"),
        (f"password: `{SECRET}\n", 1, "quote"),
        (f"password: a: {SECRET}\n", 1, "quote"),
        (f"password: '{SECRET}\n", 2, "YAML"),
        (f'password: "\\q{SECRET}"\n', 1, "YAML"),
        (f"password: {{{SECRET}\n", 2, "YAML"),
        (f"? [{SECRET}]\n: x\n", 1, "name of an entry"),
        (f"a: 1\n---\npassword: {SECRET}\n", 2, "second document"),
        (f"password: {SECRET}\x00\n", 1, "control character"),
        (f"x: 1\npassword: \x1b[31m{SECRET}\n", 2, "control character"),
        (f"%TAG {SECRET}\n---\na: 1\n", 1, "YAML"),
    ],
)
def test_refused_with_its_line_and_without_the_secret(text: str, line: int, words: str) -> None:
    said = _everything_said(text.encode())
    assert any(part.startswith(f"{line}: ") and words in part for part in said.splitlines()), said
    assert "hunter" not in said and "swordfish" not in said and "\x1b" not in said


def test_bad_utf8_names_the_line() -> None:
    assert _everything_said(b"a: 1\npassword: \xff\xfe\n").startswith("2: ")


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    root = read(b"\xef\xbb\xbfversion: 1\n").root
    assert isinstance(root, Section) and list(root.entries) == ["version"]


@pytest.mark.parametrize("text", ["012345", "1:30", "no", "on", "2024-01-01", "0x10", "1e3", "5" * 5000, "2024-99-99"])
def test_scalars_stay_text(text: str) -> None:
    root = read(f"a: {text}\n".encode()).root
    assert isinstance(root, Section)
    node = root.entries["a"]
    assert isinstance(node, Scalar) and node.text == text


def test_a_comment_that_cuts_a_text_is_marked() -> None:
    root = read(b"a: abc #x\nb: abc#x\nc: 'abc' #x\n").root
    assert isinstance(root, Section)
    assert [isinstance(n, Scalar) and n.comment for n in root.entries.values()] == [True, False, False]


BOMBS = {
    "aliases": "a: &a [x,x]\n"
    + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)),
    "merges": "a: &a {x: 1}\n" + "".join(f"m{n}: &m{n} {{<<: [{', '.join(['*a'] * 9)}]}}\n" for n in range(40)),
    "depth": "[" * 50_000,
    "indentation": "".join(" " * n + "a:\n" for n in range(600)),
    "items": "[" + "a," * 120_000 + "]",
    "names": "{" + ",".join(f"k{n}: 1" for n in range(25_000)) + "}",
    "size": "a" * 300_000,
    "quotes": "'" * 200_001,
    "questions": "? " * 60_000,
    "dashes": "- " * 60_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_quickly(name: str) -> None:
    start = time.process_time()
    said = _everything_said(BOMBS[name].encode())
    assert said
    assert time.process_time() - start < 3.0


def test_lines_of_nested_entries() -> None:
    root = read(b"a:\n  b:\n    - x\n    - y\n").root
    assert isinstance(root, Section)
    inner = root.entries["a"]
    assert isinstance(inner, Section) and inner.lines == {"b": 2}
    items = inner.entries["b"]
    assert isinstance(items, Items) and [item.line for item in items.items] == [3, 4]


def test_nodes_do_not_show_what_they_hold() -> None:
    root = read(f"password: {SECRET}\n".encode()).root
    assert SECRET not in repr(root)


LINES = (
    "a: b", 'a: "b"', "c: 'x y'", "d: 12", "# note", "", "e: f # g", 'h: "i" # j', "k:  l", "m: n ", 'o: "p"  #q',
    "r: s#t", "u: -1", "v: null", "w: true", 'x: ""', "y: ''", 'z: "#112233"', "b: 'it''s'", 'f: "a: b"', "g: ~", "---",
    "i: a b", 'j: "a"b', "l: y #", 'n: "a"#b', " # note", "p: a - b", "q: - a", "s: 1 2", "t: a  b", 'd_e: "\\n"',
)  # fmt: skip


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=6))
def test_flat_files_are_read_alike_with_and_without_the_parser(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        document = parse(text)
    except YamlRefused as error:
        with pytest.raises(YamlRefused) as refused:
            read(text.encode())
        assert (refused.value.line, refused.value.text) == (error.line, error.text)
    else:
        assert read(text.encode()) == document
