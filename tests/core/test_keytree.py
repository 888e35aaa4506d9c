"""The tree as data: rows, open levels, notes, regions and events."""

from __future__ import annotations

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from etcdtui.core.gaps import GAP_LIMIT, Kind, Region, plan, rows_of
from etcdtui.core.keytree import KeyTree, Level, Root, State
from etcdtui.core.listing import LEAF, UNKNOWN, Child
from etcdtui.core.ranges import prefix_range
from etcdtui.core.types import Event, EventType, KeyValue

SEPARATORS = (b"/",)


def folder(name: bytes, count: int = 3) -> Child:
    return Child(name, count, name + b"x")


def leaf(name: bytes) -> Child:
    return Child(name, LEAF, name)


def loaded(*rows: Child, prefix: bytes = b"") -> Level:
    level = Level(prefix, SEPARATORS, state=State.READY, revision=10)
    level.insert([Child(row.name, row.count, prefix + row.sample) for row in rows])
    return level


def shown(tree: KeyTree) -> list[str]:
    return [
        "  " * row.depth + (row.level.note if row.is_note else row.name.decode())
        for row in map(tree.row, range(tree.size))
    ]


def tree_of(*rows: Child) -> KeyTree:
    tree = KeyTree(SEPARATORS)
    tree.root.insert(rows)
    tree.root.state = State.READY
    tree.root.revision = 10
    return tree


def put(key: bytes, revision: int, version: int = 1) -> Event:
    return Event(EventType.PUT, KeyValue(key, b"", revision, revision, version, 0))


def delete(key: bytes, revision: int) -> Event:
    return Event(EventType.DELETE, KeyValue(key, b"", 0, revision, 0, 0))


def test_open_levels_are_shown_in_place_and_found_again() -> None:
    tree = tree_of(folder(b"a/"), folder(b"b/"), leaf(b"c"))
    below = tree.root.open(1)
    below.insert([Child(b"x", LEAF, b"b/x"), Child(b"y/", 2, b"b/y/1")])
    below.note = "2 of about 9"
    below.hole = b"b/xx"
    assert shown(tree) == ["a/", "b/", "  x", "  2 of about 9", "  y/", "c"]
    for at in range(tree.size):
        assert tree.index_of(tree.row(at).identity) == at


def test_what_was_open_is_open_again_after_a_new_listing() -> None:
    tree = tree_of(folder(b"a/"), folder(b"b/"))
    tree.root.open(0).insert([leaf(b"k")])
    tree.root.clear()
    assert shown(tree) == []
    tree.root.insert([folder(b"a/")])
    assert shown(tree) == ["a/", "  k"]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 40)), st.data())
def test_rows_and_numbers_agree_whatever_is_open(names: set[int], data: st.DataObject) -> None:
    tree = tree_of(*(folder(b"%02d/" % n) for n in sorted(names)))
    for index in range(len(names)):
        if data.draw(st.booleans()):
            level = tree.root.open(index)
            level.insert([leaf(b"%d" % n) for n in range(data.draw(st.integers(0, 3)))])
            level.note = data.draw(st.sampled_from(["", "note"]))
            level.touch()
    for at in range(tree.size):
        row = tree.row(at)
        assert tree.number(row.level, row.index) == at


def test_events_change_rows_counts_and_marks_of_every_open_level() -> None:
    tree = tree_of(folder(b"a/", 2), leaf(b"z"))
    below = tree.root.open(0)
    below.state, below.revision, below.total = State.READY, 10, 2
    below.insert([Child(b"1", LEAF, b"a/1"), Child(b"2", LEAF, b"a/2")])
    assert tree.apply(put(b"a/3", 11))
    assert shown(tree) == ["a/", "  1", "  2", "  3", "z"]
    assert tree.root.counts[0] == 3 and below.total == 3
    assert below.changed == {b"3": 11} and tree.root.changed == {b"a/": 11}
    assert tree.apply(delete(b"a/1", 12))
    assert shown(tree) == ["a/", "  2", "  3", "z"]
    assert not tree.apply(put(b"a/9", 9)), "older than the listing"
    assert tree.apply(put(b"new/k", 13))
    assert shown(tree)[-2:] == ["new/", "z"]
    for key in (b"a/2", b"a/3"):
        tree.apply(delete(key, 14))
    assert shown(tree) == ["new/", "z"]


def test_a_region_replaces_what_it_covers_and_marks_what_is_new() -> None:
    level = loaded(leaf(b"a"), leaf(b"b"), folder(b"c/"), leaf(b"d"), prefix=b"/p/")
    assert level.replace(Region(b"/p/a", b"/p/c/", (Child(b"aa", LEAF, b"/p/aa"), Child(b"b", LEAF, b"/p/b"))))
    assert level.names == [b"aa", b"b", b"c/", b"d"] and set(level.changed) == {b"aa"}
    assert not level.replace(Region(b"/p/c/", b"/p/c0", (Child(b"c/", UNKNOWN, b"/p/c/x"),)))
    assert level.replace(Region(b"/p/c/", b"/p/c0", ()))
    assert level.names == [b"aa", b"b", b"d"]


def test_a_row_looked_at_alone_counts_no_change_twice_and_misses_none() -> None:
    tree = tree_of(folder(b"a/", 2), folder(b"b/", 2))
    root = tree.root
    root.total = 4
    assert root.recount([(b"a/", 5)], 14)
    assert (root.counts[0], root.total) == (5, 7)
    assert not tree.apply(put(b"a/4", 13)), "the count has it"
    assert tree.apply(put(b"b/4", 13)), "the other row was not looked at"
    assert tree.apply(put(b"a/5", 15)) and tree.apply(delete(b"a/5", 16))
    assert (list(root.counts), root.total) == ([5, 3], 8)
    assert not root.recount([(b"a/", 4)], 12), "what was read before is no news"
    root.true_at(20)
    assert not root.newer and not tree.apply(put(b"b/9", 20))


def test_the_total_follows_rows_that_come_and_go_with_a_region() -> None:
    level = loaded(leaf(b"a"), folder(b"b/", 4), folder(b"c/", UNKNOWN), prefix=b"/p/")
    level.total = 9
    level.replace(Region(b"/p/", b"/p/c/", (Child(b"b/", 2, b"/p/b/1"), Child(b"bb", LEAF, b"/p/bb"))), 12)
    assert level.total == 9 - 1 - 4 + 2 + 1
    level.replace(Region(b"/p/c/", b"/p/c0", (Child(b"c/", 4, b"/p/c/1"),)), 12)
    assert level.total == 7, "they were in the total before they were counted"
    assert level.newer == {b"a": 12, b"b/": 12, b"bb": 12, b"c/": 12}, "what is gone too"


def test_what_was_changed_from_here_is_no_news() -> None:
    level = loaded(leaf(b"a"), leaf(b"b"))
    for key, revision in ((b"a", 11), (b"b", 12)):
        level.apply(put(key, revision, 2))
    level.unmark({12})
    assert level.changed == {b"a": 11}


def test_a_plan_asks_one_key_a_folder_one_range_a_run_of_leaves_and_every_gap() -> None:
    rows = [folder(b"a/"), leaf(b"b"), leaf(b"c"), folder(b"d/")]
    checks = plan(b"", rows, b"\0", b"\0")
    assert [(c.kind, c.start, c.end) for c in checks] == [
        (Kind.GAP, b"\0", b"a/"),
        (Kind.SAMPLE, b"a/x", b""),
        (Kind.LEAVES, b"a0", b"d/"),
        (Kind.SAMPLE, b"d/x", b""),
        (Kind.GAP, b"d0", b"\0"),
    ]
    assert checks[2].limit == 2 + GAP_LIMIT
    assert rows_of(b"/p/", SEPARATORS, [b"/p/a", b"/p/f/1", b"/p/f/2"]) == (
        Child(b"a", LEAF, b"/p/a"),
        Child(b"f/", UNKNOWN, b"/p/f/1"),
    )


def test_start_places_are_the_first_rows_of_a_limited_user() -> None:
    roots = [Root("/app/", b"/app/", prefix_range(b"/app/")), Root("/one", b"/one", (b"/one", b""))]
    tree = KeyTree(SEPARATORS, roots)
    assert tree.is_limited and shown(tree) == ["/app/", "/one"]
    assert tree.row(1).count == LEAF
    level = tree.root.open(0)
    assert (level.prefix, level.within) == (b"/app/", prefix_range(b"/app/"))


def test_three_hundred_thousand_rows_cost_less_than_a_hundred_bytes_each_beside_the_key() -> None:
    names = [b"sha256-%016x" % n for n in range(300_000)]
    level = Level(b"/flat/", SEPARATORS)
    for first in range(0, len(names), 5_000):
        level.insert([Child(name, LEAF, name) for name in names[first : first + 5_000]])
    beside = sys.getsizeof(level.names) + sys.getsizeof(level.counts) + 300_000 * sys.getsizeof(b"")
    assert beside / 300_000 < 100
    assert level.size == 300_000 and not level.samples
