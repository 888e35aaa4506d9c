"""Diffs rebuild both sides; merges never lose a change and never guess."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.decoding import json_text
from etcdtui.core.diff import Skipped, byte_diff, field_diff, line_diff, split_lines, summarise
from etcdtui.core.merge import Collision, Merged, merge, merge_lines
from etcdtui.core.tree import Tree, format_path
from tests.support.timing import Stopwatch

TEXTS = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=8).map(lambda lines: "\n".join(lines).encode())
JSONS = st.recursive(st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3))


def parse(value: bytes) -> Tree:
    return json_text.parse(value.decode())


@given(TEXTS, TEXTS)
def test_a_line_diff_holds_both_sides(before: bytes, after: bytes) -> None:
    made = line_diff(before, after)
    assert [line.text for line in made.lines if line.op != "+"] == split_lines(before)
    assert [line.text for line in made.lines if line.op != "-"] == split_lines(after)
    assert [line.before for line in made.lines if line.before] == list(range(1, len(split_lines(before)) + 1))
    assert [line.after for line in made.lines if line.after] == list(range(1, len(split_lines(after)) + 1))
    assert (not made.added and not made.removed and made.final_newline[0] == made.final_newline[1]) == (before == after)


def test_context_leaves_equal_lines_out() -> None:
    made = line_diff(b"".join(b"%d\n" % i for i in range(20)), b"".join(b"%d\n" % i for i in range(20) if i != 10))
    shown = list(made.with_context(2))
    assert shown[0] == Skipped(8) and shown[-1] == Skipped(7)
    assert [line.text for line in shown[1:-1] if not isinstance(line, Skipped)] == [b"8", b"9", b"10", b"11", b"12"]


def test_a_small_change_in_a_hundred_thousand_lines_stays_small_and_quick() -> None:
    before = b"".join(b"line %d\n" % i for i in range(100_000))
    after = before.replace(b"line 500\n", b"").replace(b"line 90000\n", b"changed\n")
    started = Stopwatch()
    made = line_diff(before, after)
    assert (made.added, made.removed) == (1, 2)
    assert started.fair() < 3


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_byte_diff_rebuilds_the_new_value(before: bytes, after: bytes) -> None:
    out = bytearray()
    at = 0
    for change in byte_diff(before, after):
        out += before[at : change.before_at]
        assert before[change.before_at : change.before_at + len(change.before)] == change.before
        assert len(out) == change.after_at
        out += change.after
        at = change.before_at + len(change.before)
    assert out + before[at:] == after


def test_fields_are_named_by_path_and_numbers_keep_their_digits() -> None:
    before = parse(b'{"pool":{"max":16},"a.b":[1,2],"gone":1,"n":1.10}')
    after = parse(b'{"pool":{"max":32},"a.b":[1,3],"new":null,"n":1.1}')
    assert [change.describe() for change in field_diff(before, after)] == [
        "pool.max 16 -> 32",
        '["a.b"][1] 2 -> 3',
        "gone removed",
        "n 1.10 -> 1.1",
        "new added: null",
    ]
    assert summarise(field_diff(before, after), 1) == "5 fields changed: pool.max 16 -> 32, and 4 more"
    assert format_path(()) == ""


def test_deep_trees_are_compared_without_recursion() -> None:
    deep: Tree = None
    other: Tree = True
    for _ in range(5000):
        deep, other = [deep], [other]
    assert len(field_diff(deep, other)) == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        (b"A\nb\nc\nd\n", b"a\nb\nc\nD\n", b"A\nb\nc\nD\n"),
        (b"a\nb\nc\nd", b"X\na\nb\nc\nd\n", b"X\na\nb\nc\nd"),
        (b"a\nX\nc\nd\n", b"a\nX\nc\nd\n", b"a\nX\nc\nd\n"),
        (b"a\nX\nc\nd\n", b"a\nY\nc\nd\n", None),
        (b"a\nX\nc\nd\n", b"a\nb\nY\nd\n", None),
    ],
)
def test_lines_merge_only_where_they_do_not_touch(ours: bytes, theirs: bytes, merged: bytes | None) -> None:
    made = merge_lines(b"a\nb\nc\nd\n", ours, theirs)
    assert made.value == merged if isinstance(made, Merged) else merged is None


def test_neighbouring_fields_merge_and_keep_the_formatting() -> None:
    base = b'{\n    "min": 4,\n    "max": 16\n}\n'
    made = merge(base, base.replace(b"16", b"32"), base.replace(b"4", b"8"), parse)
    assert made == Merged(b'{\n    "min": 8,\n    "max": 32\n}\n', "lines")


def test_fields_on_one_line_are_exchanged_in_the_text() -> None:
    base = b'{"min":4,  "max":16, "n":1.10}'
    made = merge(base, base.replace(b"16", b"32"), base.replace(b"4", b"8"), parse)
    assert made == Merged(b'{"min":8,  "max":32, "n":1.10}', "fields")


def test_the_same_field_on_both_sides_is_a_collision_by_name() -> None:
    base = b'{"a":{"max":16}}'
    assert merge(base, b'{"a":{"max":1}}', b'{"a":{"max":2}}', parse) == Collision(paths=(("a", "max"),))


@given(JSONS, JSONS, JSONS)
def test_a_merge_has_every_change_of_both_sides(base: Tree, ours: Tree, theirs: Tree) -> None:
    one, two, three = (json.dumps(side).encode() for side in (base, ours, theirs))
    made = merge(one, two, three, parse)
    if not isinstance(made, Merged):
        return
    result = field_diff(parse(one), parse(made.value))
    for side in (two, three):
        for change in field_diff(parse(one), parse(side)):
            assert any(kept.path == change.path[: len(kept.path)] for kept in result), f"{change} was lost"
