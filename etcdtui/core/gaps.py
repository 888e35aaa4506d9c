"""Check a shown listing again without walking it: one known key a folder, and the gaps between folders.

Neighbouring leaves are re-read as one bounded range, so the cost follows what is shown, not what lies below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from etcdtui.core import ranges
from etcdtui.core.listing import LEAF, UNKNOWN, Child, child_end
from etcdtui.core.value import record

GAP_LIMIT = 50
"""New keys expected in a place that was empty; more than this and the level is listed again."""


class Kind(Enum):
    GAP = "gap"
    LEAVES = "leaves"
    SAMPLE = "sample"


@record()
class Check:
    """Ask for up to ``limit`` keys of ``[start, end)``; an empty ``end`` is the single key ``start``."""

    kind: Kind
    start: bytes
    end: bytes
    limit: int
    name: bytes = b""

    @property
    def guess(self) -> int:
        """How many keys are expected in it."""
        return max(1, self.limit - GAP_LIMIT) if self.kind is Kind.LEAVES else 1


@record()
class Region:
    """What ``[start, end)`` holds now, as rows; ``seen`` gives each leaf's mod revision and version."""

    start: bytes
    end: bytes
    rows: tuple[Child, ...]
    seen: tuple[tuple[bytes, int, int], ...] = ()


def plan(prefix: bytes, rows: Sequence[Child], start: bytes, end: bytes) -> list[Check]:
    """The checks that together cover ``[start, end)``, which holds exactly ``rows`` of the level of ``prefix``."""
    checks: list[Check] = []
    at = start
    leaves = 0
    for row in rows:
        if row.count == LEAF:
            leaves += 1
            continue
        path = prefix + row.name
        if at < path:
            checks.append(_between(at, path, leaves))
        leaves = 0
        checks.append(Check(Kind.SAMPLE, row.sample, b"", 1, row.name))
        at = ranges.prefix_end(path)
        if at == ranges.FROM_KEY:
            return checks
    if end == ranges.FROM_KEY or at < end:
        checks.append(_between(at, end, leaves))
    return checks


def _between(start: bytes, end: bytes, leaves: int) -> Check:
    return Check(Kind.LEAVES if leaves else Kind.GAP, start, end, leaves + GAP_LIMIT)


def rows_of(prefix: bytes, separators: Sequence[bytes], keys: Sequence[bytes]) -> tuple[Child, ...]:
    """The children that sorted ``keys`` make up; folder counts stay unknown, for a new folder may hold more."""
    rows: list[Child] = []
    size = len(prefix)
    for key in keys:
        rest = key[size:]
        end = child_end(rest, separators)
        if end < 0:
            rows.append(Child(rest, LEAF, key))
        elif not rows or rows[-1].name != rest[:end]:
            rows.append(Child(rest[:end], UNKNOWN, key))
    return tuple(rows)
