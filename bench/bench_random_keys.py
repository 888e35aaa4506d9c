"""Ten minutes of random keys, words, pastes and resizes on the demo: how much went wrong, which must be nothing."""

from __future__ import annotations

from collections.abc import Iterable

from bench.random_keys import SECONDS, faults
from bench.report import Result

SEED = 11


def run() -> Iterable[Result]:
    found, sent, starts = faults(SECONDS, SEED)
    yield Result(
        "faults under random keys", float(len(found)), 0.0, "; ".join(found[:3]) or f"{sent} keys, {starts} runs"
    )
