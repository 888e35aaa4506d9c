"""What is known of where keys lie before any is asked for: names in order, and about how many keys follow each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from etcdtui.core import ranges

LEAST_BYTES_A_KEY = 40
"""What the smallest record of a revision takes in the database: etcd's 17 bytes of revision, bbolt's 16, the rest."""
CROWD = 8
"""Younger names between two older ones that are no accident any more."""
MOST_NAMES = 40_000
"""Names kept; of more, every second one goes."""
COUNTED_NAMES = 10_000
"""Names that are enough of a store that was counted."""

Part = tuple[bytes, float]
"""A name, and about how many keys there are from it to the next."""


class Chart:
    """Sorted names, each of which may be gone by now. ``most``: there are hardly more keys than this, 0 when unknown.

    Names are drawn from all records, whoever wrote them: then from one to the next there are about ``spacing`` keys
    (0: unknown). Where all was ``counted`` once it is known better.

    ``growing`` are the parts in which the younger of the names lie close together: keys are added there one after the
    other, and many more may have been since.
    """

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.spacing = 0.0
        self.most = 0
        self.growing: list[tuple[bytes, bytes]] = []
        self._weights: list[float] = []
        self.counted = False

    def draw(self, names: Mapping[bytes, int] | Iterable[bytes], keys: float, *, final: bool = True) -> None:
        """Names drawn from all, with revisions or without; ``keys`` is how many keys there may be altogether.

        What was counted counts for more than what is drawn, unless ``keys`` says in the end that it is out of date.
        """
        if isinstance(names, Mapping):
            self.growing = _growing(names)
        known = sum(self._weights)
        if self.counted and (not final or keys / 2 <= known <= keys * 2):
            return
        self.counted = False
        self.most = round(keys)
        drawn = sorted({*self.names, *names} - {b""})
        self._set([(name, keys / len(drawn)) for name in drawn])

    def refine(self, low: bytes, high: bytes, met: Sequence[Part]) -> None:
        """All keys of ``[low, high)`` were counted: ``met`` are names in it, in order, some of them with no number.

        These, and names known before, share what was counted around them.
        """
        first, last = self.within(low, high)
        old = list(zip(self.names, self._weights, strict=True))
        names = sorted({*self.names[first:last], *(name for name, _ in met)})
        counted = [(name, keys) for name, keys in met if keys]
        found: list[Part] = []
        for at, (name, keys) in enumerate(counted, 1):
            start = bisect_left(names, name)
            stop = bisect_left(names, counted[at][0], start) if at < len(counted) else len(names)
            found += [(one, keys / max(1, stop - start)) for one in names[start:stop]]
        total = sum(keys for _, keys in (*old[:first], *found, *old[last:]))
        self.counted = True
        self._set([*old[:first], *_merged(found, total / COUNTED_NAMES), *old[last:]])
        self.most = max(self.most, round(total))

    def below(self, prefix: bytes) -> Chart:
        """The same of the keys that start with ``prefix``, without it."""
        size, found = len(prefix), Chart()
        low, high = ranges.prefix_range(prefix)
        first, last = self.within(low, high)
        found.counted = self.counted
        pairs = zip(self.names[first:last], self._weights[first:last], strict=True)
        found._set([(name[size:], keys) for name, keys in pairs if len(name) > size])
        found.most = round(sum(found._weights))
        found.growing = [
            (a[size:] if a.startswith(prefix) else b"", b[size:] if b.startswith(prefix) else b"\xff" * 64)
            for a, b in self.growing
            if self._touch((a, b), low, high)
        ]
        return found

    def parts(self, most: int) -> list[Part]:
        """At most so many names that lie about evenly, with how many keys follow each."""
        found = _merged(zip(self.names, self._weights, strict=True), 2 * sum(self._weights) / most)
        return found[:: -(-len(found) // most) or 1]

    def copy(self) -> Chart:
        """As it is now, whatever is learnt later."""
        found = Chart()
        found.names, found._weights, found.counted = self.names, self._weights, self.counted
        found.spacing, found.most, found.growing = self.spacing, self.most, self.growing
        return found

    def _set(self, parts: Sequence[Part]) -> None:
        while len(parts) > MOST_NAMES:
            pairs = zip(parts[::2], [*(keys for _, keys in parts[1::2]), 0.0], strict=False)
            parts = [(name, keys + more) for (name, keys), more in pairs]
        self.names = [name for name, _ in parts]
        self._weights = [keys for _, keys in parts]
        self.spacing = sum(self._weights) / len(parts) if parts else 0.0

    def grows(self, low: bytes, high: bytes) -> bool:
        """Whether ``[low, high)`` touches a part that is growing."""
        at = bisect_left(self.growing, low, key=lambda part: part[1])
        return at < len(self.growing) and self._touch(self.growing[at], low, high)

    @staticmethod
    def _touch(part: tuple[bytes, bytes], low: bytes, high: bytes) -> bool:
        return part[1] >= low and (high == ranges.FROM_KEY or part[0] <= high)

    def within(self, low: bytes, high: bytes) -> tuple[int, int]:
        """Which of the names lie in ``[low, high)``, as a half-open range of indices."""
        first = bisect_left(self.names, low)
        last = len(self.names) if high == ranges.FROM_KEY else bisect_left(self.names, high, first)
        return first, last

    def expected(self, first: int, last: int) -> float:
        """How many keys there are about around the names ``first`` to ``last`` (exclusive)."""
        return sum(self._weights[first:last])


def _merged(parts: Iterable[Part], step: float) -> list[Part]:
    """The same with fewer names: those of up to ``step`` keys in a row are one."""
    found: list[Part] = []
    for name, keys in parts:
        if found and found[-1][1] + keys <= step:
            found[-1] = (found[-1][0], found[-1][1] + keys)
        else:
            found.append((name, keys))
    return found


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
