"""A packed list of names is a list, whatever is put in or taken out, and takes a third of its memory."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from etcdtui.core import names as module
from etcdtui.core.names import Names


@pytest.mark.parametrize("seed", range(6))
def test_it_is_a_list(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 4)
    rng = random.Random(seed)
    plain: list[bytes] = []
    packed = Names()
    for _ in range(400):
        at, stop = sorted((rng.randrange(len(plain) + 1), rng.randrange(len(plain) + 1)))
        stop = stop if rng.random() < 0.4 else at
        new = [b"%d" % rng.randrange(10**6) for _ in range(rng.randrange(9))]
        plain[at:stop] = new
        packed[at:stop] = new
        if plain and rng.random() < 0.3:
            at = rng.randrange(len(plain))
            del plain[at], packed[at]
        if rng.random() < 0.01:
            plain.clear()
            packed.clear()
        assert packed == plain and len(packed) == len(plain) and [*packed] == plain
        assert [packed[at] for at in range(-len(plain), len(plain))] == plain * 2
        cut = slice(rng.randrange(-3, 30), rng.randrange(-3, 60), rng.choice((None, 1, 2, 3, -1)))
        assert packed[cut] == plain[cut]
    with pytest.raises(IndexError):
        packed[len(plain)]


def test_a_long_list_takes_a_third_of_the_memory() -> None:
    tracemalloc.start()
    packed = Names()
    for first in range(0, 200_000, 2_500):
        packed[len(packed) :] = [b"%010d" % number for number in range(first, first + 2_500)]
    held, _ = tracemalloc.get_traced_memory()
    plain = [b"%010d" % number for number in range(200_000)]
    both, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held * 3 < both - held
    assert packed[123_456] == plain[123_456]
