"""Counted splitting finds exactly the children and counts a full listing has, whatever the names are."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import keyspace
from etcdtui.core import ranges
from etcdtui.core.listing import LEAF, READ_ALL, UNKNOWN, Survey, child_of, folders_of, parent_of


def children(keys: list[bytes], prefix: bytes, separators: tuple[bytes, ...]) -> dict[bytes, int]:
    """What a full listing shows."""
    found: dict[bytes, int] = {}
    for key in keys:
        if key.startswith(prefix):
            name, folder = child_of(key[len(prefix) :], separators)
            found[name] = found.get(name, 0) + 1 if folder else LEAF
    return found


def run(keys: list[bytes], survey: Survey, *, from_end: bool = False) -> tuple[dict[bytes, int], int]:
    """Answer a survey from a sorted list as a server would; the rows and the number of keys returned."""
    found: dict[bytes, int] = {}
    returned = 0
    while survey.pending:
        for span in survey.take(120, from_end=from_end):
            first = bisect_left(keys, span.start)
            last = len(keys) if span.end == ranges.FROM_KEY else max(first, bisect_left(keys, span.end))
            part = keys[first : min(last, first + span.limit)]
            returned += len(part)
            delta = survey.answer(span, part, last - first)
            assert [row.name for row in delta.rows] == sorted(row.name for row in delta.rows)
            for row in delta.rows:
                assert row.name not in found, "a row came twice"
                found[row.name] = row.count
            found.update(delta.counts)
    return found, returned


ALPHABETS = st.sampled_from([b"ab/", b"a/:", b"\x00\xff/", b"abc/:\xff\xfe", b"a0A-./_:"])
SEPARATORS = st.sampled_from([(b"/",), (b"/", b":"), (), (b"::", b"/"), (b"/", b"//")])


@st.composite
def stores(draw: st.DrawFn) -> list[bytes]:
    alphabet = draw(ALPHABETS)
    name = st.lists(st.sampled_from(list(alphabet)), min_size=1, max_size=10).map(bytes)
    return sorted(draw(st.sets(name, min_size=1, max_size=300)))


@settings(max_examples=150, deadline=None)
@given(stores(), SEPARATORS, st.booleans(), st.sampled_from([UNKNOWN, 3, READ_ALL + 1]), st.data())
def test_every_level_of_any_store_is_listed_exactly(
    keys: list[bytes], separators: tuple[bytes, ...], from_end: bool, known: int, data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(keys))
    prefix = key[: data.draw(st.integers(0, min(4, len(key))))]
    survey = Survey(prefix, separators, known_count=known)
    found, _ = run(keys, survey, from_end=from_end)
    assert found == children(keys, prefix, separators)
    assert survey.total == sum(key.startswith(prefix) for key in keys)


@settings(max_examples=50, deadline=None)
@given(stores(), st.data())
def test_a_listing_stays_inside_the_range_it_may_read(keys: list[bytes], data: st.DataObject) -> None:
    low, high = sorted([data.draw(st.sampled_from(keys)), data.draw(st.sampled_from(keys))])
    survey = Survey(b"", (b"/",), within=(low, high if high > low else b""))
    inside = [key for key in keys if ranges.holds((low, high if high > low else b""), key)]
    for span in survey.pending:
        assert ranges.contains((low, high if high > low else b""), (span.start, span.end))
    assert run(keys, survey)[0] == children(inside, b"", (b"/",))


def test_a_large_folder_is_skipped_and_not_read() -> None:
    keys = sorted([b"/big/%07d" % n for n in range(50_000)] + [b"/small/%d" % n for n in range(9)] + [b"/tail"])
    survey = Survey(b"", (b"/",))
    found, returned = run(keys, survey)
    assert found == {b"/big/": 50_000, b"/small/": 9, b"/tail": LEAF}
    assert returned < 200


@pytest.mark.parametrize(("prefix", "most"), [(b"", 3), (b"/registry/", 4)])
def test_a_level_of_many_folders_takes_few_dependent_rounds(prefix: bytes, most: int) -> None:
    keys = sorted(keyspace.keys(0.015))
    survey = Survey(prefix, (b"/",))
    rounds = returned = asked = 0
    while survey.pending:
        rounds += 1
        for span in survey.take(10_000, 10**9, walk=10**9):
            first = bisect_left(keys, span.start)
            last = len(keys) if span.end == ranges.FROM_KEY else bisect_left(keys, span.end)
            part = keys[first : min(last, first + span.limit)]
            asked += 1
            returned += len(part)
            survey.answer(span, part, last - first)
    assert rounds <= most
    assert returned < 2_000
    assert asked < 1_000


def test_a_flat_folder_gives_its_first_screen_in_the_first_answer_and_its_end_without_the_middle() -> None:
    keys = [b"/flat/sha-%016x" % (n * 1_229_782_938_247_303) for n in range(15_000)]
    survey = Survey(b"/flat/", (b"/",))
    seen: list[bytes] = []
    asked = 0
    while not survey.end_known or not seen or seen[-1] != keys[-1]:
        asked += 1
        assert asked <= 6
        for span in survey.take(120, from_end=asked > 1):
            first = bisect_left(keys, span.start)
            last = len(keys) if span.end == ranges.FROM_KEY else bisect_left(keys, span.end)
            delta = survey.answer(span, keys[first : min(last, first + span.limit)], last - first)
            seen += [b"/flat/" + row.name for row in delta.rows]
        if asked == 1:
            assert sorted(seen)[:60] == keys[:60]
        seen.sort()
    assert len(seen) < 9_000


def test_leading_and_doubled_separators_make_names_of_their_own() -> None:
    assert child_of(b"/a", (b"/",)) == (b"/a", False)
    assert child_of(b"a/b", (b"/",)) == (b"a/", True)
    assert child_of(b"//b", (b"/",)) == (b"//", True)
    assert child_of(b"", (b"/",)) == (b"", False)
    assert child_of(b"a:b/c", (b"/", b":")) == (b"a:", True)


def test_folders_on_the_way_and_the_parent() -> None:
    assert folders_of(b"/a/b/c", (b"/",)) == [b"/a/", b"/a/b/"]
    assert folders_of(b"/a/b/", (b"/",)) == [b"/a/", b"/a/b/"]
    assert parent_of(b"/a/b/", (b"/",)) == b"/a/"
    assert parent_of(b"/a/", (b"/",)) == b""
    assert parent_of(b"", (b"/",)) is None
