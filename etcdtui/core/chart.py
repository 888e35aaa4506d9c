"""What is known of where keys lie, before any of them is asked for: names in order, and how far apart they are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from etcdtui.core import ranges

LEAST_BYTES_A_KEY = 40
"""What the smallest record of a revision takes in the database: etcd's 17 bytes of revision, bbolt's 16, the rest."""
CROWD = 8
"""Younger names between two older ones that are no accident any more."""
MOST_NAMES = 40_000
"""Names kept; of more, every second one goes."""


class Chart:
    """Sorted names, each of which may be gone by now. ``most``: there are hardly more keys than this, 0 when unknown.

    Of the names some were drawn from all records, whoever wrote them: from one of these to the next there are about
    ``spacing`` keys (0: unknown). Others came from elsewhere and say nothing about what is around them.

    ``growing`` are the parts in which the younger of the names lie close together: keys are added there one after the
    other, and many more may have been since.
    """

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.spacing = 0.0
        self.most = 0
        self.growing: list[tuple[bytes, bytes]] = []
        self._drawn = bytearray()
        self.drawn = 0

    def draw(self, names: Mapping[bytes, int] | Iterable[bytes], keys: float) -> None:
        """Names drawn from all, with revisions or without; ``keys`` is how many keys there may be altogether."""
        if isinstance(names, Mapping):
            self.growing = _growing(names)
        self._merge(names, 1)
        self.drawn = sum(self._drawn)
        self.spacing = keys / self.drawn if self.drawn else 0.0
        self.most = round(keys)
        while len(self.names) > MOST_NAMES:
            del self.names[1::2], self._drawn[1::2]
            self.drawn = sum(self._drawn)
            self.spacing = keys / max(1, self.drawn)

    def add(self, names: Iterable[bytes]) -> None:
        """Names that were met somewhere."""
        if len(self.names) < MOST_NAMES:
            self._merge(names, 0)

    def _merge(self, names: Iterable[bytes], drawn: int) -> None:
        known = dict(zip(self.names, self._drawn, strict=True))
        for name in names:
            if name:
                known[name] = max(drawn, known.get(name, 0))
        self.names = sorted(known)
        self._drawn = bytearray(known[name] for name in self.names)

    def grows(self, low: bytes, high: bytes) -> bool:
        """Whether ``[low, high)`` touches a part that is growing."""
        at = bisect_left(self.growing, low, key=lambda part: part[1])
        return at < len(self.growing) and (high == ranges.FROM_KEY or self.growing[at][0] <= high)

    def within(self, low: bytes, high: bytes) -> tuple[int, int]:
        """Which of the names lie in ``[low, high)``, as a half-open range of indices."""
        first = bisect_left(self.names, low)
        last = len(self.names) if high == ranges.FROM_KEY else bisect_left(self.names, high, first)
        return first, last

    def expected(self, first: int, last: int) -> float:
        """How many keys there are about around the names ``first`` to ``last`` (exclusive)."""
        return self.spacing * sum(self._drawn[first:last])


def _growing(names: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The parts between neighbours of the older half of the names that hold a crowd of the younger half."""
    by_age = sorted(names, key=lambda name: names[name])
    half = len(by_age) // 2
    older, younger = sorted(by_age[:half]), by_age[half:]
    crowds: dict[int, int] = {}
    for name in younger:
        at = bisect_left(older, name)
        crowds[at] = crowds.get(at, 0) + 1
    return [
        (older[at - 1] if at else b"", older[at] if at < len(older) else b"\xff" * 64)
        for at in sorted(crowds)
        if crowds[at] >= CROWD
    ]
