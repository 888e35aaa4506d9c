"""Split over history, a watch is as whole as one watcher's: shown on a model of what a server does."""

from __future__ import annotations

import random
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from etcdtui.services.tail.stretches import HOT, LEAST_AGE, MOST, ROUND, TOP_UP, Change, Stretch, Stretches

BATCH = 1000


class Watcher:
    """A watcher on the model server: ``at`` is the next revision to send; one that is not behind gets all at once."""

    def __init__(self, start: int, known: int) -> None:
        self.at = start
        self.known = known
        self.behind = True


class Model:
    """A server with a history of revisions, some of which concern the watched range, and the tail that follows it."""

    def __init__(self, matching: set[int], head: int, start: int) -> None:
        self.matching = matching
        self.head = head
        self.now = 0.0
        self.tail = Stretches(start, 0.0)
        self.watchers: dict[Stretch, Watcher] = {}
        self.held: dict[Stretch, list[int]] = {}
        self.got: list[int] = []
        self.most = 0
        self.messages = 0
        self._begin(self.tail.line[0])

    def _begin(self, stretch: Stretch) -> None:
        self.watchers[stretch] = Watcher(max(1, stretch.done), stretch.done)
        self.held[stretch] = []

    def _apply(self, change: Change) -> None:
        for stretch in change.begin:
            self._begin(stretch)
        for stretch in change.end:
            self.watchers.pop(stretch, None)
        self.most = max(self.most, len(self.watchers))

    def _send(self, stretch: Stretch, revisions: list[int]) -> None:
        watcher = self.watchers[stretch]
        fresh = [r for r in revisions if r > watcher.known]
        if not fresh:
            return
        self.messages += 1
        first = stretch.done + 1
        change = self.tail.took(stretch, first, fresh[-1], len(fresh), self.head, 100 * len(fresh), self.now)
        kept = [r for r in fresh if r >= first and (not change.until or r <= change.until)]
        self.held[stretch].extend(kept)
        self._apply(change)
        while True:
            front = self.tail.line[0]
            self.got.extend(self.held[front])
            self.tail.passed(len(self.held[front]), self.now)
            self.held[front].clear()
            if self.tail.advance() is None:
                return

    def write(self, revision: int) -> None:
        """One more revision; watchers that are not behind get it now."""
        self.head = revision
        if revision in self.matching:
            for stretch, watcher in list(self.watchers.items()):
                if not watcher.behind and stretch in self.watchers:
                    watcher.at = revision + 1
                    self._send(stretch, [revision])

    def round(self, order: random.Random) -> None:
        """Each watcher that is behind gets its next batch, in any order."""
        self.now += ROUND
        behind = [s for s, w in self.watchers.items() if w.behind]
        order.shuffle(behind)
        for stretch in behind:
            watcher = self.watchers.get(stretch)
            if watcher is None:
                continue
            matching = (r for r in range(watcher.at, self.head + 1) if r in self.matching)
            due = list(islice(matching, BATCH))
            watcher.behind = len(due) == BATCH
            watcher.at = (due[-1] if due else self.head) + 1
            if due:
                self._send(stretch, due)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30_000), st.sampled_from([1, 2, 7, 50]), st.integers(1, 5_000), st.integers(0, 2**32))
def test_a_replay_gives_every_revision_once_and_in_order(length: int, every: int, start: int, seed: int) -> None:
    head = start + length
    matching = set(range(start, head + 1, every))
    model = Model(matching, head, start)
    for _ in range(3 + length // BATCH):
        model.round(random.Random(seed))
    assert model.got == sorted(matching)
    assert model.most <= MOST


def test_a_replay_takes_a_fraction_of_the_rounds_that_one_watcher_takes() -> None:
    head = 200_000
    model = Model(set(range(1, head + 1)), head, 1)
    rounds = 0
    while len(model.got) < head:
        model.round(random.Random(1))
        rounds += 1
    assert rounds <= 8  # one watcher: 200
    assert model.got == list(range(1, head + 1))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([0, 3, 150, 900, 1_600, 4_000]), min_size=5, max_size=25),
    st.sampled_from([1, 3]),
    st.integers(0, 2**32),
)
def test_a_live_tail_is_whole_however_the_load_moves(load: list[int], every: int, seed: int) -> None:
    """Writes between two rounds, at any rate."""
    order = random.Random(seed)
    model = Model(set(range(1, 200_000, every)), 10, 11)
    written = 10
    for writes in [*load, 1, 0, 0, 0, 0]:
        began = model.now
        for number in range(writes):
            written += 1
            model.now = began + ROUND * number / max(1, writes)
            model.write(written)
            if number == int(writes * TOP_UP / ROUND):
                model._apply(model.tail.top_up(model.now))
        model.now = began
        model.round(order)
    assert model.got == [r for r in range(11, written + 1) if r in model.matching]
    assert model.most <= MOST


def test_a_hot_load_comes_in_rounds_and_a_quiet_one_at_once() -> None:
    model = Model(set(range(1, 200_000)), 10, 11)
    written, order = 10, random.Random(3)

    def second(writes: int) -> tuple[int, int]:
        nonlocal written
        messages, before = model.messages, written
        for _ in range(10):
            began = model.now
            for number in range(writes // 10):
                written += 1
                model.now = began + ROUND * number / (writes // 10)
                model.write(written)
            model.now = began
            model.round(order)
        return model.messages - messages, written - before

    second(int(4 * HOT))
    messages, writes = second(int(4 * HOT))
    assert messages < writes / 50
    for _ in range(3):
        messages, writes = second(100)
    assert messages == writes
    assert len(model.watchers) == 1
    assert LEAST_AGE < ROUND
