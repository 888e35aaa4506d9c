"""Keys of one stream: however they are cut, the level is that of the keys, and what was not seen stays to be asked."""

from __future__ import annotations

import random

import pytest

from etcdtui.core import flow as flow_module
from etcdtui.core import ranges
from etcdtui.core.flow import Flow
from etcdtui.core.listing import LEAF, Delta, Survey, child_of

SEPARATORS = (b"/",)


class Store:
    """Sorted keys asked by range, as a server is."""

    def __init__(self, keys: list[bytes]) -> None:
        self.keys = sorted(set(keys))

    def between(self, start: bytes, end: bytes) -> list[bytes]:
        return [key for key in self.keys if key >= start and (end == ranges.FROM_KEY or key < end)]

    def ask(self, survey: Survey, found: dict[bytes, int], spans: int) -> None:
        """Answer some pending spans as counted ranges."""
        for span in survey.take(spans, 100_000):
            inside = self.between(span.start, span.end)
            note(found, [survey.answer(span, inside[: span.limit], len(inside))])


def note(found: dict[bytes, int], deltas: list[Delta]) -> None:
    for delta in deltas:
        found.update((row.name, row.count) for row in delta.rows)
        found.update(delta.counts)


def level(keys: list[bytes], prefix: bytes) -> dict[bytes, int]:
    rows: dict[bytes, int] = {}
    for key in keys:
        if key.startswith(prefix):
            name, folder = child_of(key[len(prefix) :], SEPARATORS)
            rows[name] = rows.get(name, 0) + 1 if folder else LEAF
    return rows


def odd_store(seed: int) -> Store:
    rng = random.Random(seed)
    keys = [b"/f/%05d" % rng.randrange(40_000) for _ in range(rng.randrange(400, 1_500))]
    for _ in range(rng.randrange(12)):
        folder = bytes(rng.choices(b"0123456789ab\xff\x00", k=rng.randint(1, 5)))
        keys += [b"/f/" + folder + b"/%03d" % n for n in range(rng.randrange(1, 400))]
        keys.append(b"/f/" + folder)
    keys += [b"/f/" + bytes(rng.choices(b"/\x00a\xff", k=rng.randint(1, 6))) for _ in range(60)]
    crowd = [
        b"/registry/" + bytes(rng.choices(b"/\x00apz\xff", k=rng.randint(0, 3))) for _ in range(rng.choice((0, 1, 90)))
    ]
    return Store([*keys, *crowd, b"/f", b"/g", *rng.sample((b"/registry", b"/registry0", b"/registrx/"), 2)])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("prefix", [b"", b"/", b"/f/", b"/registry/"])
def test_any_cutting_of_the_stream_gives_the_same_level(seed: int, prefix: bytes) -> None:
    rng = random.Random(seed)
    store = odd_store(seed)
    survey = Survey(prefix, SEPARATORS)
    found: dict[bytes, int] = {}
    store.ask(survey, found, len(survey.pending))
    for _ in range(rng.randrange(3)):
        store.ask(survey, found, rng.randrange(1, 9))
    give_up = rng.random() < 0.4
    while survey.pending:
        flow = Flow(survey)
        keys = store.between(flow.start, flow.end)
        at = 0
        while at < len(keys) and not (give_up and rng.random() < 0.2):
            size = rng.randrange(0, 200)
            note(found, flow.feed(keys[at : at + size]))
            at += size
        if at >= len(keys):
            note(found, flow.finish())
            assert flow.hole is None
        flow.give_back()
        if survey.pending:
            store.ask(survey, found, 3)
    assert found == level(store.keys, prefix)


def test_a_huge_folder_is_noticed_and_left_to_counted_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "USELESS", 300)
    store = Store([b"/f/%04d" % n for n in range(1_000)] + [b"/f/0500/%04d" % n for n in range(2_000)])
    survey = Survey(b"/f/", SEPARATORS)
    found: dict[bytes, int] = {}
    store.ask(survey, found, len(survey.pending))
    flow = Flow(survey)
    keys = store.between(flow.start, flow.end)
    read = 0
    while not flow.too_deep:
        note(found, flow.feed(keys[read : read + 100]))
        read += 100
    assert read < 1_200
    assert flow.hole == b"/f/0500/"
    flow.give_back()
    while survey.pending:
        store.ask(survey, found, 10)
    assert found == level(store.keys, b"/f/")


def test_keys_that_nobody_asks_for_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "USELESS", 300)
    store = Store([b"/f/0/%04d" % n for n in range(2_000)] + [b"/f/1%04d" % n for n in range(1_000)])
    survey = Survey(b"/f/", SEPARATORS)
    store.ask(survey, {}, len(survey.pending))
    flow = Flow(survey)
    for first in range(0, 600, 100):
        flow.feed([b"/f/\x01%04d" % n for n in range(first, first + 100)])
    assert flow.astray
