"""How a large range is cut before anything of it was counted: along names that are known to lie in it.

Names may be wrong: gone, of another age, or missing where most keys are. The cuts are then less even, and that is all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from heapq import nsmallest
from itertools import pairwise
from math import exp

from etcdtui.core import ranges
from etcdtui.core.chart import Chart
from etcdtui.core.cuts import before, common
from etcdtui.core.sweep import MOST, Known, Letters, Sweep
from etcdtui.core.value import record

GAP = 4_000
"""Keys expected from one cut inside a folder to the next."""
PAGE = 2_000
"""The same where every name is wanted."""
FOLDERS = 16
"""Changes of folders that are cuts in any case."""
MANY = 1_500_000
"""Keys of a store from which no name is trusted to stand for what lies around it."""
FOLDERS_KNOWN = 32
"""Folders whose letters are remembered: those of a name take some ten kilobytes."""
LEARNT = 24
"""Names from which the letters of names like them are learnt."""
SMALL_CHILD = 128
"""Keys below a folder from which it is cheaper to count them than to read their names."""
READ = 10_000
"""Names asked for where all are wanted: as many as there are."""


@record(frozen=False, eq=False)
class Stretch:
    """A part of the range. ``left`` and ``right`` are indices of names of the chart at its edges, -1 where none is.

    ``folder`` is the child that all of it lies in, whose keys are to be counted; where it is empty rows are looked for,
    and ``flat`` says that every key may be one. About ``keys`` keys are expected, ``counted`` were counted so far
    and ``out`` pieces are awaited.
    """

    low: bytes
    high: bytes
    left: int
    right: int
    folder: bytes
    flat: bool
    keys: float
    counted: int = 0
    out: int = 0
    edges: tuple[bytes, bytes] = (b"", b"")


def nothing(_: bytes) -> bool:
    return False


class Layout:
    """The stretches of ``[low, high)``, in order: those in which to look for rows, and those inside known folders.

    ``folders`` are the children known by their names, with a key below each and about how many there are.
    """

    def __init__(self, chart: Chart, prefix: bytes, separators: Sequence[bytes], low: bytes, high: bytes) -> None:
        self._chart = chart = chart.copy()  # what is learnt meanwhile must not move the names it goes along
        self._prefix = prefix
        self._separators = separators
        self._letters: dict[bytes, Letters] = {}
        self.looking: deque[Stretch] = deque()
        self.counting: deque[Stretch] = deque()
        self.folders: list[tuple[bytes, bytes, float]] = []
        self.keys = 0.0
        self._step = self._every(GAP)
        self._flat_step = self._every(PAGE)
        first, last = chart.within(low, high)
        self.empty = first == last
        self._lay(low, high, first, last)
        self.child_size = self._size_of_children()
        """About how many keys a folder of the level has."""

    def _every(self, keys: int) -> int:
        return max(1, int(keys / self._chart.spacing)) if self._chart.spacing else 1

    def _size_of_children(self) -> float:
        """From how often the same child was drawn again: the more keys it has, the more often that happens."""
        spacing, many = self._chart.spacing, len(self.folders)
        drawn = sum(keys for _, _, keys in self.folders) / spacing if spacing else 0.0
        if many < 4 or not drawn:
            return spacing or float(MOST)
        wanted, mean = drawn / many, 1.0
        for _ in range(30):  # how often each was drawn on average is mean; those never drawn are not among them
            mean = max(0.01, wanted * (1 - exp(-mean)))
        return mean * spacing

    # --- laying out --------------------------------------------------------------------------------------

    def _lay(self, low: bytes, high: bytes, first: int, last: int) -> None:
        names, size = self._chart.names, len(self._prefix)
        at, behind_folder, known = low, b"", -1
        index = first
        paths: list[bytes] = []
        covered = False
        while index < last:
            name = names[index]
            end = self._child_end(name, size)
            if end < 0:
                stop = self._end_of_flat(index, last, size)
                at, known = self._lay_flat(at, behind_folder, known, index, stop)
                behind_folder = b""
                index = stop
                continue
            path = name[: size + end]
            behind = ranges.prefix_end(path)
            covered = behind == ranges.FROM_KEY or not before(behind, high)
            start, until = max(path, low), high if covered else behind
            stop = last if covered else bisect_left(names, behind, index, last)
            if at < start:
                self._look(at, start, known, -1, flat=False, edges=(behind_folder, path))
            self._lay_folder(path[size:], start, until, index, stop)
            paths.append(path)
            at, behind_folder, known, index = until, path, -1, stop
        if not covered:
            self._look(at, high, known, -1, flat=known >= 0, edges=(behind_folder, b""))
        self._level = Letters(paths[:: max(1, len(paths) // LEARNT)])

    def _child_end(self, name: bytes, size: int) -> int:
        best = -1
        for separator in self._separators:
            at = name.find(separator, size + 1)
            if at >= 0 and (best < 0 or at + len(separator) < best):
                best = at + len(separator)
        return best - size if best >= 0 else -1

    def _end_of_flat(self, index: int, last: int, size: int) -> int:
        if not self._separators:
            return last
        while index < last and self._child_end(self._chart.names[index], size) < 0:
            index += 1
        return index

    def _lay_flat(self, at: bytes, folder: bytes, known: int, index: int, stop: int) -> tuple[bytes, int]:
        names = self._chart.names
        for chosen in self._cuts(index, stop, self._flat_step):
            if at < names[chosen]:
                self._look(at, names[chosen], known, chosen, flat=True, edges=(folder, b""))
            at, known, folder = names[chosen], chosen, b""
        return at, known

    def _cuts(self, first: int, last: int, step: int) -> list[int]:
        """Every so many names one; in a large store also those with the least in common, where folders change.

        Of a folder that had a single key when the names were written nobody knows how many it has now.
        """
        chosen = [*range(first, last, step)]
        if self._chart.most <= MANY or step == 1:
            return chosen
        names = self._chart.names
        many = len(chosen) + FOLDERS
        changes = nsmallest(many, range(first + 1, last), key=lambda at: common(names[at - 1], names[at]))
        return sorted({*chosen, *changes, *(at - 1 for at in changes)})

    def _look(self, low: bytes, high: bytes, left: int, right: int, *, flat: bool, edges: tuple[bytes, bytes]) -> None:
        chart = self._chart
        keys = chart.expected(*chart.within(low, high)) or chart.spacing / 2
        self.keys += keys
        self.looking.append(Stretch(low, high, left, right, b"", flat, keys, edges=edges))

    def _lay_folder(self, name: bytes, low: bytes, high: bytes, first: int, last: int) -> None:
        chart = self._chart
        self.folders.append((name, chart.names[first], chart.expected(first, last)))
        chosen = self._cuts(first, last, self._step)
        edges = [(low, -1), *((chart.names[one], one) for one in chosen), (high, -1)]
        for (start, left), (end, right) in pairwise(edges):
            if start < end or end == ranges.FROM_KEY:
                keys = chart.expected(left, last if right < 0 else right) if left >= 0 else chart.spacing / 2
                self.keys += keys
                self.counting.append(Stretch(start, end, left, right, name, False, keys))

    # --- asking ------------------------------------------------------------------------------------------

    def _careful(self, stretch: Stretch) -> bool:
        """Whether far more may be in a stretch than the names tell: in a small store nothing is very much."""
        chart = self._chart
        return not chart.spacing or chart.most > MANY or chart.grows(stretch.low, stretch.high)

    def sweep(self, stretch: Stretch) -> Sweep:
        """The pieces of a stretch."""
        if (stretch.folder or stretch.flat) and not self._careful(stretch):
            return Sweep(stretch.low, stretch.high, keys=stretch.keys, inside=bool(stretch.folder))
        left = self._known(stretch.left, -1) if stretch.left >= 0 else None
        right = self._known(stretch.right, 1) if stretch.right >= 0 else None
        if stretch.folder or stretch.flat:
            most = MOST if stretch.folder else PAGE
            inside = bool(stretch.folder)
            whole = nothing if inside else self._whole
            return Sweep(
                stretch.low,
                stretch.high,
                left=left,
                right=right,
                keys=stretch.keys,
                most=most,
                inside=inside,
                whole=whole,
            )
        most = max(SMALL_CHILD // 4, min(MOST, round(self.child_size / 8)))
        behind, path = stretch.edges
        if left is None and behind:
            left = Known(stretch.low, self._level, common(behind, stretch.low))
        if right is None and path:
            right = Known(path, self._level, len(self._prefix) + 1)
        return Sweep(stretch.low, stretch.high, left=left, right=right, keys=stretch.keys, most=most, whole=self._whole)

    def limit(self, stretch: Stretch) -> int:
        """How many keys to ask for of a piece of it."""
        if stretch.folder:
            return 1
        return READ if stretch.flat or self.child_size < SMALL_CHILD else 2

    def _whole(self, group: bytes) -> bool:
        """Whether all keys that start so are in one folder of the level."""
        return self._child_end(group, len(self._prefix)) >= 0

    def _known(self, index: int, away: int) -> Known:
        """The name at ``index``; its neighbour ``away`` tells how deep its surroundings are known."""
        names = self._chart.names
        name = names[index]
        folder = max((name.rfind(one) + len(one) for one in (self._separators or (b"/",)) if one in name), default=0)
        above = name[:folder]
        letters = self._letters.get(above)
        if letters is None:
            around = names[max(0, index - LEARNT // 2) : index + LEARNT // 2]
            if len(self._letters) >= FOLDERS_KNOWN:
                self._letters.clear()  # stretches are begun in order: what was left behind is not asked for again
            letters = self._letters[above] = Letters((one for one in around if one.startswith(above)), around)
        beside = names[index + away] if 0 <= index + away < len(names) else b""
        return Known(name, letters, common(name, beside) if beside[:folder] == above else len(name))
