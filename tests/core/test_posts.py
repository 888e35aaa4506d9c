"""A range cut along names that may be wrong is still listed exactly, and no request walks more than it may."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import keyspace
from etcdtui.core import layout, ranges
from etcdtui.core.chart import Chart
from etcdtui.core.listing import WALK, Span, Survey
from tests.core.test_listing import SEPARATORS, children, stores


def charted(names: Mapping[bytes, int] | list[bytes], keys: float) -> Chart:
    chart = Chart()
    chart.draw(names, keys)
    return chart


class Store:
    """Sorted keys that answer as a server does, and what was walked for the answers."""

    def __init__(self, keys: list[bytes]) -> None:
        self.keys = keys
        self.walked = self.requests = self.worst = self.asked = self.returned = 0

    def count(self, start: bytes, end: bytes) -> tuple[int, int]:
        first = bisect_left(self.keys, start)
        return first, max(first, len(self.keys) if end == ranges.FROM_KEY else bisect_left(self.keys, end))

    def list(self, survey: Survey, rng: random.Random | None = None, *, from_end: bool = False) -> dict[bytes, int]:
        """The rows a survey finds; with ``rng`` answers come in any order, several requests in flight."""
        found: dict[bytes, int] = {}
        promised = {child.name for child in survey.folders}
        flying: list[list[Span]] = []
        while survey.open or flying:
            while survey.open and len(flying) < (4 if rng else 1):
                spans = survey.take(120, from_end=from_end)
                self.requests += 1
                walk = 0
                for span in spans:
                    first, last = self.count(span.start, span.end)
                    walk += last - first
                self.walked += walk
                self.asked += len(spans)
                self.worst = max(self.worst, walk)
                flying.append(spans)
            spans = flying.pop(rng.randrange(len(flying)) if rng else 0)
            for span in spans:
                first, last = self.count(span.start, span.end)
                part = self.keys[first : min(last, first + span.limit)]
                self.returned += len(part)
                delta = survey.answer(span, part, last - first)
                assert [row.name for row in delta.rows] == sorted(row.name for row in delta.rows)
                for row in delta.rows:
                    assert row.name not in found, "a row came twice"
                    found[row.name] = row.count
                found.update(delta.counts)
                for name in delta.gone:
                    assert name not in found and name in promised
                    promised.discard(name)
        assert survey.total == len([1 for key in self.keys if key.startswith(survey.prefix)])
        assert promised <= found.keys() and not survey.folders
        assert survey.share == 1.0
        return found


@settings(max_examples=300, deadline=None)
@given(stores(), stores(), SEPARATORS, st.booleans(), st.sampled_from([0.0, 3.0, 700.0, 40_000.0]), st.data())
def test_a_store_is_listed_exactly_along_names_of_which_many_are_wrong(
    keys: list[bytes],
    others: list[bytes],
    separators: tuple[bytes, ...],
    from_end: bool,
    spacing: float,
    data: st.DataObject,
) -> None:
    right = data.draw(st.sets(st.sampled_from(keys), max_size=20))
    wrong = data.draw(st.sets(st.sampled_from(others), max_size=20))
    names = sorted(right | wrong)
    prefix = keys[0][: data.draw(st.integers(0, min(4, len(keys[0]))))]
    survey = Survey(prefix, separators, chart=charted(names, spacing * len(names)))
    rng = random.Random(data.draw(st.integers(0, 99)))
    assert Store(keys).list(survey, rng, from_end=from_end) == children(keys, prefix, separators)


@settings(max_examples=60, deadline=None)
@given(stores(), st.data())
def test_nothing_outside_of_what_may_be_read_is_asked_for(keys: list[bytes], data: st.DataObject) -> None:
    low, high = sorted([data.draw(st.sampled_from(keys)), data.draw(st.sampled_from(keys))])
    within = (low, high if high > low else b"")
    inside = [key for key in keys if ranges.holds(within, key)]
    survey = Survey(b"", (b"/",), within=within, chart=charted(keys[::3], 9_000.0))
    store = Store(inside)
    found: dict[bytes, int] = {}
    while survey.open:
        for span in survey.take(120):
            assert ranges.contains(within, (span.start, span.end))
            first, last = store.count(span.start, span.end)
            delta = survey.answer(span, inside[first : min(last, first + span.limit)], last - first)
            found.update({row.name: row.count for row in delta.rows} | dict(delta.counts))
    assert found == children(inside, b"", (b"/",))


def in_order(number: int) -> list[bytes]:
    """One flat folder written in order beside many small ones: what was written first says nothing about its end."""
    return [b"/registry/flat/%010d" % n for n in range(number)]


def scattered(number: int, rng: random.Random) -> list[bytes]:
    kinds = [b"kind%02d" % n for n in range(23)]
    return [
        b"/registry/%s/ns-%03d/%08x" % (rng.choice(kinds), rng.randrange(300), rng.getrandbits(32))
        for _ in range(number)
    ]


Written = tuple[list[bytes], dict[bytes, int]]


@pytest.fixture(scope="module")
def large() -> Written:
    """300,000 keys, and the names that were written first with their revisions."""
    rng = random.Random(4)
    flat, others = in_order(120_000), scattered(180_000, rng)
    first = {name: 5 * number for number, name in enumerate(flat[:1_000])}
    first |= {name: 3 * number for number, name in enumerate(others[:1_500])}
    return sorted({*flat, *others}), first


@pytest.mark.parametrize("many", [layout.MANY, 0])
@pytest.mark.parametrize("prefix", [b"", b"/registry/", b"/registry/flat/", b"/registry/kind07/"])
def test_no_request_walks_more_than_it_may_though_the_names_are_those_of_the_beginning(
    large: Written, prefix: bytes, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, names = large
    monkeypatch.setattr(layout, "MANY", many)
    store = Store(keys)
    found = store.list(Survey(prefix, (b"/",), chart=charted(names, len(keys))))
    assert found == children(keys, prefix, (b"/",))
    below = sum(key.startswith(prefix) for key in keys)
    assert store.worst <= WALK
    assert store.walked <= 1.3 * below
    assert store.asked < 1_500 + below / 20


def numbered(host: bytes, number: int) -> bytes:
    return b"/events/%s-%07d" % (host, number)


SEQUENCES = {
    "hosts that count for themselves": [
        numbered(host, n) for n in range(12_000) for host in (b"a-1", b"b", b"web-1", b"web-22", b"zz")
    ],
    "newest first": [b"/events/%019d" % (2**63 - 1_750_000_000_000 - 137 * n) for n in range(60_000)],
    "a single old key": [b"/aa/%05d" % (n * 7 % 99_991) for n in range(2_000)]
    + [b"/solo/%08d" % n for n in range(60_000)],
    "nothing in order": [b"/u/%032x" % random.Random(n).getrandbits(128) for n in range(60_000)],
}


@pytest.mark.parametrize("written", SEQUENCES.values(), ids=SEQUENCES.keys())
@pytest.mark.parametrize("separators", [(b"/",), ()])
def test_whatever_the_order_keys_were_written_in_no_request_walks_more_than_it_may(
    written: list[bytes], separators: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MANY", 0)
    first = {name: revision for revision, name in enumerate(written[:2_001])}
    store = Store(sorted(written))
    found = store.list(Survey(b"", separators, chart=charted(first, len(written))))
    assert found == children(store.keys, b"", separators)
    assert store.worst <= WALK
    assert store.walked <= 1.3 * len(written)


def test_parts_where_keys_are_added_one_after_the_other_are_known_by_their_youngest_names() -> None:
    counted = [name for n in range(500) for name in (numbered(b"a", n), b"/x/%06d" % (n * 7_919 % 500_000))]
    chart = charted({name: revision for revision, name in enumerate(counted)}, 90_000)
    assert chart.grows(numbered(b"a", 499), b"/x/000000")
    assert not chart.grows(b"/x/010000", b"/x/400000")
    assert not chart.grows(numbered(b"a", 10), numbered(b"a", 100))


def test_a_part_that_was_counted_and_is_empty_has_no_names() -> None:
    chart = charted([b"/a/1", b"/b/1", b"/b/2", b"/c/1"], 4_000)
    chart.refine(b"/b/", b"/b0", [])
    assert chart.names == [b"/a/1", b"/c/1"] and chart.parts(9) == [(b"/a/1", 1_000.0), (b"/c/1", 1_000.0)]
    chart.refine(*ranges.ALL, [])
    assert not chart.names and not chart.parts(9) and chart.below(b"/a/").names == []


def test_folders_are_there_before_anything_was_asked(large: Written) -> None:
    keys, names = large
    survey = Survey(b"/registry/", (b"/",), chart=charted(names, len(keys)))
    assert {child.name for child in survey.folders} == children(keys, b"/registry/", (b"/",)).keys()
    assert 150_000 < sum(survey.guesses.values()) < 450_000
    assert survey.share == 0.0


@pytest.mark.parametrize("drawn", [500, 3_000])
def test_names_drawn_from_all_over_need_few_pieces(drawn: int) -> None:
    keys = sorted(keyspace.keys(0.2))
    names = random.Random(5).sample(keys, drawn)
    for prefix in (b"", b"/registry/", b"/registry/pods/", b"/registry/configmaps/", b"/registry/imagecaches/"):
        store = Store(keys)
        survey = Survey(prefix, (b"/",), chart=charted(names, len(keys)))
        assert store.list(survey) == children(keys, prefix, (b"/",))
        below = sum(key.startswith(prefix) for key in keys)
        print(
            prefix,
            drawn,
            below,
            "worst",
            store.worst,
            "walked",
            store.walked / below,
            "asked",
            store.asked,
            "returned",
            store.returned,
            "req",
            store.requests,
        )
        assert store.worst <= WALK
        assert store.walked <= 1.3 * below
