"""A short history under faults holds what is promised; spoiled ones are caught."""

from __future__ import annotations

import asyncio
import random
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdtui.demo.binary import Binary
from etcdtui.demo.cluster import Cluster
from tests.robustness import check, mutations
from tests.robustness.faults import Nemesis
from tests.robustness.history import History
from tests.robustness.register import FOREVER, Needs, Step, linearizable
from tests.robustness.run import Run, faults_for, flags

SEED = 3
BETWEEN = 100
"""Calls answered between two faults."""
FAST = 400
"""Calls a second at most: short, but busy."""


async def _short(binary: Binary) -> History:
    """Every kind of fault once, each as short as it can be felt."""
    async with Cluster(3, binary=binary, flags=flags(binary)) as cluster:
        kills = "kill leader" in faults_for(binary)
        run = Run(cluster, SEED, FAST)

        async def trouble(nemesis: Nemesis) -> None:
            for fault, seconds in (
                ("move leader", 0.0),
                ("freeze leader", 0.8),
                ("kill leader" if kills else "freeze", 0.5),
                ("defragment", 0.0),
                ("lose quorum" if kills else "freeze two", 0.8),
                ("freeze", 0.5),
            ):
                await run.more(BETWEEN)
                await nemesis.do(fault, seconds)
            await run.more(BETWEEN)

        return await run.make(trouble)


@pytest.fixture(scope="module")
def history(etcd_binary: Binary) -> History:
    return asyncio.run(_short(etcd_binary))


@pytest.mark.matrix
def test_what_clients_saw_under_faults_was_true(history: History) -> None:
    assert len(history.watches) > 10
    assert check.complaints(history) == []


@pytest.mark.parametrize("spoil", mutations.ALL, ids=lambda spoil: spoil.__name__)
def test_a_spoiled_history_is_caught(history: History, spoil: mutations.Spoil) -> None:
    for seed in range(3):
        spoiled = spoil(history, random.Random(seed))
        found = check.complaints(spoiled)
        assert found, "it was not caught"
        assert any((spoil.__doc__ or "").split(":")[0] in words for words in found), found


def _possible(order: tuple[Step, ...]) -> bool:
    """Whether the steps can happen in this very order."""
    value = None
    for place, step in enumerate(order):
        if any(later.ended < step.began for later in order[place + 1 :]):
            return False
        if not step.possible(value):
            return False
        value = step.leaves if step.writes else value
    return True


def _by_trying_all(steps: list[Step]) -> bool:
    sure = [step for step in steps if not step.optional]
    maybe = [step for step in steps if step.optional]
    chosen = (some for count in range(len(maybe) + 1) for some in combinations(maybe, count))
    return any(_possible(order) for some in chosen for order in permutations([*sure, *some]))


VALUES = st.sampled_from([None, "a", "b"])
NEEDS: st.SearchStrategy[Needs] = st.sampled_from(("nothing", "equal", "equal", "unequal", "present"))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    began = draw(st.integers(0, 9))
    optional = draw(st.integers(0, 4)) == 0
    ended = FOREVER if optional else began + draw(st.integers(1, 5))
    writes = draw(st.booleans())
    return Step(began, ended, draw(NEEDS), draw(VALUES), writes, draw(VALUES) if writes else None, optional)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps(), max_size=5))
def test_the_register_judges_as_trying_all_orders_does(some: list[Step]) -> None:
    assert linearizable(some) == _by_trying_all(some)
