"""A part of the key space of which little is known, asked in pieces that grow no faster than what was counted allows.

A server walks every key of a range, and nobody can tell beforehand how many those are. But names are written in few
letters: of the keys that share all but one more byte of a known key there are about as many times more as there are
letters at that place, and the next such group is about as large as the last. So every piece is bounded by those
counted before. Pure algebra, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import lru_cache

from etcdtui.core import ranges
from etcdtui.core.cuts import before, shared
from etcdtui.core.value import record

MOST = 5_000
"""Keys that one piece is expected to hold at most; the bound of a request leaves room for a few times more."""
AHEAD = 4
"""Groups, or runs of small ones, given at a time."""
DENSE = 10
"""Letters of one place that are all in use at most: numbers are counted up without a gap, words hardly."""
ALIKE = 8
"""Names that must have the same word before it is taken to be in all."""
IDLE = (8, 64, 4)
"""After so many empty pieces in a row the next may hold ``WIDER`` times more, after so many again, and so on."""
WIDER = 4
_KINDS = [
    (sum(1 << byte for byte in letters), letters)
    for letters in (b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
]
_DIGITS = _KINDS[0][0]
_WORD = re.compile(rb"[0-9A-Za-z]+")

Cut = tuple[bytes, float, float]
"""Where a piece ends, in the direction of the walk, and how many keys it may hold, and probably holds."""
Walk = Generator[list[Cut], list[int], int]
"""Gives pieces that may be asked side by side, hears their counts, and returns their sum."""


class Letters:
    """Which letters names have at each place: all of the kinds that were seen in the word there.

    Where some names have the very same word without a digit, it belongs to all. How many letters are really met at a
    place is told by ``similar`` names as well.
    """

    def __init__(self, names: Iterable[bytes] = (), similar: Iterable[bytes] = ()) -> None:
        self._kinds: list[int] = []
        """Sets of bytes as bits of a number, here and below: a walk has many of them."""
        self._met: list[int] = []
        self._counting: list[bool] = []
        """Whether a word at the place had digits."""
        self._names = 0
        for name in names:
            self.learn(name)
        self._similar = [*self._met]
        for name in similar:
            for at, byte in enumerate(name[: len(self._similar)]):
                self._similar[at] |= 1 << byte

    def learn(self, name: bytes) -> None:
        self._names += 1
        self._grow(len(name))
        for at, byte in enumerate(name):
            self._met[at] |= 1 << byte
        for run in _WORD.finditer(name):
            word = run.group()
            met = 0
            for kind, letters in _KINDS:
                if len(word.translate(None, letters)) < len(word):
                    met |= kind
            counting = bool(met & _DIGITS)
            for at in range(run.start(), run.end()):
                self._kinds[at] |= met
                self._counting[at] |= counting

    def _grow(self, places: int) -> None:
        more = max(0, places - len(self._met))
        self._kinds += [0] * more
        self._met += [0] * more
        self._counting += [False] * more

    def merge(self, other: Letters) -> None:
        """Learn what the other knows."""
        self._grow(len(other._met))
        for at in range(len(other._met)):
            self._kinds[at] |= other._kinds[at]
            self._met[at] |= other._met[at]
            self._counting[at] |= other._counting[at]
        self._names += other._names

    def met(self, place: int) -> int:
        """How many letters were really met at a place."""
        return self._similar[place].bit_count() if place < len(self._similar) else 1

    def at(self, place: int) -> list[int]:
        """The letters at a place, sorted; behind the longest name those of its last place."""
        place = min(place, len(self._met) - 1)
        if place < 0:
            return [0]
        met = self._met[place]
        same = met.bit_count() == 1 and self._names >= ALIKE and not self._counting[place]
        return _letters(met if same else met | self._kinds[place])


@lru_cache(512)
def _letters(bits: int) -> list[int]:
    return [byte for byte in range(bits.bit_length()) if bits >> byte & 1]


@record()
class Known:
    """A key known to be there, and the letters of names like it.

    ``deep``: how many of its bytes it shares with the next known key on its other side. Between those two it is as
    full as anywhere, so a walk need not begin at the last byte.
    """

    key: bytes
    letters: Letters
    deep: int = 0


@record()
class Piece:
    """``[start, end)`` to be counted. It may hold ``most`` keys, by what was counted beside it; ``likely`` fewer."""

    start: bytes
    end: bytes
    most: int
    likely: int


class _Part:
    """``[low, high)`` that one walk goes through, forward or backward."""

    def __init__(self, low: bytes, high: bytes, walk: Walk, *, forward: bool) -> None:
        self.low, self.high = low, high
        self.over = not before(low, high)
        """Whether every piece was given."""
        self._walk = walk
        self._forward = forward
        self._counts: list[int] = []
        self._awaited: dict[bytes, int] = {}
        self._begun = False

    @property
    def waits(self) -> bool:
        """Whether a piece was not counted yet."""
        return any(keys < 0 for keys in self._awaited.values())

    def take(self, most: float, likely: float) -> list[Piece]:
        if self.over or self.waits:
            return []
        try:
            cuts = self._walk.send(list(self._awaited.values())) if self._begun else next(self._walk)
        except StopIteration:
            cuts = [(self.high if self._forward else self.low, most, likely)]
        self._begun = True
        pieces = [piece for cut in cuts if (piece := self._piece(*cut)) is not None]
        self._awaited = {piece.start: -1 for piece in pieces}
        return pieces

    def _piece(self, cut: bytes, most: float, likely: float) -> Piece | None:
        expected = round(most), max(1, round(likely))
        if self.over:
            return None
        if self._forward:
            self.over = cut == ranges.FROM_KEY or not before(cut, self.high)
            end = self.high if self.over else cut
            piece = Piece(self.low, end, *expected)
            self.low = end
        else:
            self.over = cut <= self.low
            piece = Piece(self.low if self.over else cut, self.high, *expected)
            self.high = piece.start
        return piece

    def counted(self, start: bytes, keys: int) -> bool:
        if start not in self._awaited:
            return False
        self._awaited[start] = keys
        return True


class Sweep:
    """Pieces of ``[low, high)``, where ``left`` is known at ``low`` and ``right`` at ``high``.

    ``take`` gives what may be asked now, nothing while answers are awaited; ``counted`` hears how many keys a piece
    had. What was not given yet is always one range. ``size`` is how large a group is thought to be where no known key
    tells, ``keys`` how many there may be altogether, ``most`` how many a piece may be thought to hold. A group that is
    ``whole`` is not divided; ``inside`` is for whoever made it.
    """

    def __init__(
        self,
        low: bytes,
        high: bytes,
        *,
        left: Known | None = None,
        right: Known | None = None,
        size: float = 1.0,
        keys: float = 0.0,
        most: int = MOST,
        inside: bool = False,
        whole: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self._whole = whole
        self._most = most
        self.inside = inside
        self._zone = zone = shared(low, high)
        self._size = size
        self._keys = keys
        self._forward = self._backward = None
        whole_range = False
        both = [known.letters for known in (left, right) if known is not None]
        if left is not None and len(left.key) > zone:
            end = ranges.prefix_end(left.key[: zone + 1])
            whole_range = end == ranges.FROM_KEY or not before(end, high)
            end = high if whole_range else end
            self._forward = _Part(low, end, self._climb(left, forward=True), forward=True)
            low = end
        if right is not None and low < high:
            start = max(low, right.key[: zone + 1])
            self._backward = _Part(start, high, self._climb(right, forward=False), forward=False)
            high = start
        self._middle = _Part(low, high, self._between(low, high, both), forward=True)
        self._middle.over |= whole_range
        self._climbs = [part for part in (self._forward, self._backward) if part is not None]

    @property
    def rest(self) -> tuple[bytes, bytes] | None:
        """What was not given yet."""
        if self.done:
            return None
        first = self._forward if self._forward is not None and not self._forward.over else self._middle
        last = self._backward if self._backward is not None and not self._backward.over else self._middle
        return first.low, last.high

    @property
    def done(self) -> bool:
        """Whether every piece was given."""
        return self._middle.over and all(part.over for part in self._climbs)

    def take(self) -> list[Piece]:
        climbing = [part for part in self._climbs if part.waits or not part.over]
        most = max(self._size, self._keys)
        likely = most / 4 if self._climbs else most
        return [piece for part in climbing or [self._middle] for piece in part.take(most, likely)]

    def counted(self, start: bytes, keys: int) -> None:
        """The piece from ``start`` on was answered."""
        any(part.counted(start, keys) for part in (*self._climbs, self._middle))

    # --- walks -------------------------------------------------------------------------------------------

    def _climb(self, known: Known, *, forward: bool) -> Walk:
        """From a known key outward: first what shares nearly all of its bytes, at last all that share the first."""
        key, floor = known.key, self._zone + 1
        depth = max(floor, min(len(key), known.deep + 1))
        share = [1.0]
        for at in range(floor, depth):
            share.append(share[-1] / known.letters.met(at))
        total = 0
        sizes = {depth: max(1.0, self._keys / 32)}
        if depth == floor:
            total = (yield [(_edge(key[:depth], forward), self._keys, self._keys / 2)])[0]
        while depth > floor:
            expected, outer = sizes[depth], depth
            while outer > floor and (grown := expected * min(DENSE, len(known.letters.at(outer - 1)))) <= self._most:
                expected, outer = grown, outer - 1
            if outer < depth:
                likely = min(expected, self._keys * share[outer - floor])
                total += (yield [(_edge(key[:outer], forward), expected, likely)])[0]
            else:
                outer = depth - 1
                byte = key[outer]
                beside = [letter for letter in known.letters.at(outer) if (letter > byte) is forward and letter != byte]
                likely = self._keys * share[outer - floor] / max(1, len(beside))
                total += yield from self._along(key[:outer], beside, known.letters, sizes, forward, likely)
                total += (yield [(_edge(key[:outer], forward), 1.0, 1.0)])[0]
            depth = outer
            sizes[depth] = _in_full(known, depth, total, forward)
        self._size = max(self._size, _in_full(known, floor, total, forward))
        return total

    def _along(
        self,
        stem: bytes,
        beside: Sequence[int],
        letters: Letters,
        sizes: dict[int, float],
        forward: bool,
        likely: float,
    ) -> Walk:
        """The groups of ``stem`` and one of the letters ``beside``, one after the other; ``likely`` keys in each."""
        groups = [stem + bytes((letter,)) for letter in (beside if forward else reversed(beside))]
        depth = len(stem) + 1
        total = at = 0
        warm = False
        while at < len(groups):
            size = max(1.0, sizes[depth])
            allowed = self._most * _wider(sizes.get(0, 0))
            if size > allowed and not self._whole(groups[at]):
                sizes.setdefault(depth + 1, size / 4)
                keys = yield from self._along(groups[at], letters.at(depth), letters, sizes, forward, likely / 8)
                rest = (yield [(_edge(groups[at], forward), 1.0, 1.0)])[0]
                stops, counts = [at + 1], [keys + rest]
            else:
                width = max(1, int(allowed // size))
                stops = [
                    min(at + width * step, len(groups))
                    for step in range(1, (AHEAD if warm or sizes.get(0, 0) > 2 else 1) + 1)
                ]
                stops = list(dict.fromkeys(stops))
                widths = [stop - start for start, stop in zip([at, *stops[:-1]], stops, strict=True)]
                edges = [_edge(groups[stop - 1], forward) for stop in stops]
                counts = yield [(edge, size * one, likely * one) for edge, one in zip(edges, widths, strict=True)]
                for keys in counts:
                    sizes[0] = 0 if keys else sizes.get(0, 0) + 1
                warm = bool(counts[-1])
                likely = counts[-1] / widths[-1] if warm else likely / WIDER
            for stop, keys in zip(stops, counts, strict=True):
                total += keys
                if keys:
                    sizes[depth] = keys / (stop - at)
                at = stop
        return total

    def _between(self, low: bytes, high: bytes, both: Sequence[Letters]) -> Walk:
        """What has neither known key's byte behind the part that all names here share."""
        zone = self._zone
        stem = low[:zone]
        found = sorted({letter for letters in both for letter in letters.at(zone)})
        inner = [letter for letter in found if low < stem + bytes((letter,)) and before(stem + bytes((letter,)), high)]
        letters = Letters()
        for other in both:
            letters.merge(other)
        return (
            yield from self._along(
                stem, inner, letters, {zone + 1: self._size}, True, self._keys / (2 * len(inner) or 1)
            )
        )


def _wider(idle: float) -> float:
    first, second, step = IDLE
    return float(WIDER) ** (0 if idle < first else 1 + max(0, idle - second) // step)


def _edge(group: bytes, forward: bool) -> bytes:
    return ranges.prefix_end(group) if forward else group


def _in_full(known: Known, depth: int, keys: int, forward: bool) -> float:
    """How many keys the group of ``depth`` bytes has, of which those on one side of the known key were counted."""
    behind, width = 0.0, 1.0
    for at in range(depth, min(len(known.key), depth + 3)):
        found = known.letters.at(at)
        if known.key[at] not in found:
            break
        width /= len(found)
        behind += found.index(known.key[at]) * width
    return max(1.0, keys / max(width, 1.0 - behind if forward else behind + width))
