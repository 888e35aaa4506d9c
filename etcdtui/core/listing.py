"""What is directly below a prefix, found by asking for small counted pieces of a large range.

A server walks every key of a range to count it, whatever the limit, so a large range is asked for once, learnt
from, and cut into pieces that skip the folders already met. Pure algebra: spans to ask out, answers in.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import field

from etcdtui.core import ranges
from etcdtui.core.cuts import Alphabet, before, common, cut_after
from etcdtui.core.value import record

LEAF = -1
UNKNOWN = -2

READ_ALL = 5_000
"""A range known to hold no more keys than this is read in one piece."""
FIRST_LIMIT = 64
SMALL_LIMIT = 1_000
"""Keys asked of the whole range at first where walking it is cheap: most small levels are complete with them."""
PROBE_LIMIT = 200
END_LIMIT = 8
"""Keys asked of a span of unknown size while the end of a listing is looked for."""
REST_LIMIT = 500
PIECE = 10_000
"""No piece is asked to return more keys than this."""

SLASH = b"/"
"""Most stores have all keys behind one, whatever separates their parts."""
_USUAL = b"a0A-./_:"
_CROWDED = b"/registry/"
"""Where nearly all keys of a Kubernetes store are: cut at once, so that a server walks its parts side by side."""
_COARSE = b"-./0:A[_abcdefghijklmnopqrstuvwxyz{"
"""Where the whole store is cut at its first byte, so that the opening fits one transaction."""


def child_end(rest: bytes, separators: Sequence[bytes]) -> int:
    """Where the child's name ends in a key's remainder: after its earliest separator, or -1 when it is a leaf.

    A separator at the very start belongs to the name, so ``/a`` and ``a`` stay two different children.
    """
    best = -1
    for separator in separators:
        at = rest.find(separator, 1)
        if at >= 0 and (best < 0 or at + len(separator) < best):
            best = at + len(separator)
    return best


def child_of(rest: bytes, separators: Sequence[bytes]) -> tuple[bytes, bool]:
    """The name of the direct child a key's remainder lies in, and whether that child is a folder."""
    end = child_end(rest, separators)
    return (rest, False) if end < 0 else (rest[:end], True)


def parent_of(path: bytes, separators: Sequence[bytes]) -> bytes | None:
    """The folder that lists ``path`` (a key or a folder's prefix) as its child; ``None`` for the root itself."""
    if not path:
        return None
    above = b""
    while True:
        name, folder = child_of(path[len(above) :], separators)
        if not folder or above + name == path:
            return above
        above += name


def folders_of(path: bytes, separators: Sequence[bytes]) -> list[bytes]:
    """The prefixes of all folders on the way from the root down to ``path``, outermost first."""
    found: list[bytes] = []
    above = b""
    while True:
        name, folder = child_of(path[len(above) :], separators)
        if not folder:
            return found
        above += name
        found.append(above)


@record()
class Child:
    """One row of a listing: ``count`` is LEAF, UNKNOWN or the exact number of keys below; ``sample`` a known key."""

    name: bytes
    count: int
    sample: bytes


@record(frozen=False)
class _Tally:
    """A folder's count while it is found by subtracting what lies behind it."""

    name: bytes
    value: int
    waiting: int


@record(frozen=False)
class _Sum:
    """A folder known by its name from the start: a row with its first key, counted by adding up its parts."""

    name: bytes
    waiting: int
    count: int = 0


@record(frozen=False, eq=False)
class Span:
    """A piece ``[start, end)`` not asked for yet; ``limit`` is how many keys to ask for, ``count`` what is known."""

    start: bytes
    end: bytes
    limit: int
    count: int = UNKNOWN
    tally: _Tally | None = None
    sum: _Sum | None = None
    first: bool = False

    def __lt__(self, other: Span) -> bool:
        return self.start < other.start


@record(frozen=False)
class Delta:
    """What one answer added: ``rows`` are sorted neighbours, ``counts`` are folders whose count became exact."""

    rows: list[Child] = field(default_factory=list)
    counts: list[tuple[bytes, int]] = field(default_factory=list)


class Survey:
    """The state of one listing of the children of ``prefix``, within ``[low, end)`` when that is narrower.

    ``take`` gives spans to ask the server for, ``answer`` digests one reply; when ``pending`` is empty and nothing
    is out any more, the listing is complete and every folder's count is exact. ``small`` says that the whole range is
    cheap to walk, and makes one piece of it. No separators: every key is a row;
    without ``rows`` answers are digested for their keys alone, for whoever wants those and no children.
    """

    def __init__(
        self,
        prefix: bytes,
        separators: Sequence[bytes],
        *,
        within: tuple[bytes, bytes] = ranges.ALL,
        known_count: int = UNKNOWN,
        small: bool = False,
        start: bytes = b"",
        rows: bool = True,
    ) -> None:
        self._want_rows = rows
        self.prefix = prefix
        self.separators = tuple(s for s in separators if s)
        area = ranges.intersect(ranges.prefix_range(prefix), within)
        self._counted = 0
        self._uncounted = 0
        self.keys_seen = 0
        self.greatest = b""
        self.pending: list[Span] = []
        self._alphabet = Alphabet(_USUAL + prefix)
        if area is None:
            return
        low, end = area
        if end == b"":
            end = ranges.next_key(low)
        low = max(low, start)
        if not before(low, end):
            return
        self._open(low, end, known_count, small)

    def _open(self, low: bytes, end: bytes, known_count: int, small: bool) -> None:
        if 0 <= known_count <= READ_ALL:
            pieces, limit = [(low, end)], READ_ALL
        elif small:
            pieces, limit = [(low, end)], SMALL_LIMIT
        else:
            pieces, limit = self._buckets(low, end), FIRST_LIMIT
        self.pending = [Span(a, b, limit, first=True) for a, b in pieces]
        if not self.prefix and len(pieces) > 1:
            self._cut_crowded()
        self._uncounted = len(self.pending)
        self._alphabet = Alphabet(self.prefix)

    def _buckets(self, low: bytes, end: bytes) -> list[tuple[bytes, bytes]]:
        if self.prefix:
            return self._alphabet.split(self.prefix, low, end)
        coarse = Alphabet()
        coarse.cuts = list(_COARSE)
        pieces = coarse.split(b"", low, end)
        split: list[tuple[bytes, bytes]] = []
        for a, b in pieces:
            leading = (a == SLASH or a in self.separators) and b == bytes((a[0] + 1,)) if len(a) == 1 else False
            split += self._alphabet.split(a, a, b) if leading else [(a, b)]
        return split

    def _cut_crowded(self) -> None:
        """Cut the piece that holds all of ``_CROWDED``: where rows are wanted, only if it is a row, by adding up."""
        behind = ranges.prefix_end(_CROWDED)
        is_row = child_of(_CROWDED + b"x", self.separators) == (_CROWDED, True)
        if self._want_rows and not is_row:
            return
        for at, span in enumerate(self.pending):
            if span.start <= _CROWDED and (span.end == ranges.FROM_KEY or behind <= span.end):
                inside = self._alphabet.split(_CROWDED, _CROWDED, behind)
                added = _Sum(_CROWDED, len(inside)) if self._want_rows else None
                limit = 1 if added is not None else span.limit
                around = ((span.start, _CROWDED), (behind, span.end))
                spans = [Span(a, b, span.limit, first=True) for a, b in around if a != b]
                spans += [Span(a, b, limit, sum=added, first=True) for a, b in inside]
                self.pending[at : at + 1] = sorted(spans)
                return

    def take(self, ops: int, budget: int = PIECE, *, from_end: bool = False, unsure: int = 1) -> list[Span]:
        """Up to ``ops`` spans in key order, expected to return at most about ``budget`` keys (but at least one).

        A span of unknown size is expected to return the ``unsure``-th part of its limit.
        """
        taken: list[Span] = []
        cost = 0
        while self.pending and len(taken) < ops:
            span = self.pending[-1 if from_end else 0]
            if from_end and span.count == UNKNOWN:
                span.limit = min(span.limit, END_LIMIT)
            price = span.limit // unsure if span.count == UNKNOWN else min(span.limit, span.count)
            if taken and cost + price > budget and not span.first:
                break
            taken.append(span)
            cost += price
            self.pending.pop(-1 if from_end else 0)
        return taken[::-1] if from_end else taken

    def give_back(self, spans: Iterable[Span]) -> None:
        for span in spans:
            insort(self.pending, span)

    @property
    def total(self) -> int:
        """All keys of the range; UNKNOWN until every part of it was counted, and then rows are missing all over it."""
        return UNKNOWN if self._uncounted else self._counted

    @property
    def hole(self) -> bytes | None:
        """Where the first part not listed yet begins; ``None`` when nothing is pending."""
        return self.pending[0].start if self.pending else None

    @property
    def end_known(self) -> bool:
        """Whether the last keys of the range are among those seen."""
        return not self.pending or self.pending[-1].start <= self.greatest

    def answer(self, span: Span, keys: Sequence[bytes], count: int) -> Delta:
        """Digest the first ``keys`` of ``span`` and the exact ``count`` of keys in it."""
        delta = Delta()
        if span.first:
            self._counted += count
            self._uncounted -= 1
        if span.tally is not None:
            self._settle(span.tally, count, delta)
        if span.sum is not None:
            self._add_up(span.sum, keys, count, delta)
            return delta
        if not keys:
            return delta
        self.keys_seen += len(keys)
        self.greatest = max(self.greatest, keys[-1])
        last = self._rows(keys, delta) if self._want_rows else None
        self._alphabet.learn(keys[0][len(self.prefix) :][:64])
        if last is not None:
            self._alphabet.learn(last.name)
        rest = count - len(keys)
        if rest > 0:
            self._continue(span, keys, rest, last, delta)
        return delta

    def _rows(self, keys: Sequence[bytes], delta: Delta) -> Child | None:
        """Append one row a child; the last child when that is a folder."""
        size = len(self.prefix)
        rows = delta.rows
        separators = self.separators
        name, below, sample = b"", 0, b""
        for key in keys:
            if below and key.startswith(name, size):
                below += 1
                continue
            if below:
                rows.append(Child(name, below, sample))
                below = 0
            rest = key[size:]
            end = child_end(rest, separators)
            if end < 0:
                rows.append(Child(rest, LEAF, key))
            else:
                name, below, sample = rest[:end], 1, key
        if not below:
            return None
        last = Child(name, below, sample)
        rows.append(last)
        return last

    def _continue(self, span: Span, keys: Sequence[bytes], rest: int, last: Child | None, delta: Delta) -> None:
        """Queue what is behind the keys of an incomplete answer."""
        if last is None:
            name = keys[-1]
            start = ranges.next_key(name)
        else:
            name = self.prefix + last.name
            start = ranges.prefix_end(name)
        if start == ranges.FROM_KEY or not before(start, span.end):
            if last is not None:
                delta.rows[-1] = Child(last.name, last.count + rest, last.sample)
            return
        spans = self._pieces(
            span, keys, name, start, rest, last is None, len(delta.rows) if self._want_rows else len(keys)
        )
        if last is not None:
            delta.rows[-1] = Child(last.name, UNKNOWN, last.sample)
            tally = _Tally(last.name, last.count + rest, len(spans))
            for piece in spans:
                piece.tally = tally
        self.give_back(spans)

    def _pieces(
        self, span: Span, keys: Sequence[bytes], name: bytes, start: bytes, rest: int, exact: bool, rows: int
    ) -> list[Span]:
        flat = rows * 4 >= len(keys) and len(keys) >= 8
        if rest <= REST_LIMIT:
            return [Span(start, span.end, rest, rest if exact else UNKNOWN)]
        if flat and rest <= PIECE:
            return [Span(start, span.end, rest, rest)]
        first = keys[0]
        child, folder = child_of(first[len(self.prefix) :], self.separators)
        first = self.prefix + child if folder else first
        deep = common(first, name) if first != name else -1
        fine = (1 if deep >= 0 else 2) if flat else 2
        pieces = cut_after(name, start, span.end, self._alphabet, deep=deep, fine=fine)
        limit = PROBE_LIMIT if flat else 1
        return [Span(a, b, limit) for a, b in pieces]

    def _add_up(self, added: _Sum, keys: Sequence[bytes], count: int, delta: Delta) -> None:
        added.count += count
        added.waiting -= 1
        self.keys_seen += len(keys)
        self.greatest = max((self.greatest, *keys[:1]))
        if keys and added.count == count:
            delta.rows.append(Child(added.name, UNKNOWN, keys[0]))
        if added.count and not added.waiting:
            delta.counts.append((added.name, added.count))

    @staticmethod
    def _settle(tally: _Tally, count: int, delta: Delta) -> None:
        tally.value -= count
        tally.waiting -= 1
        if tally.waiting == 0:
            delta.counts.append((tally.name, tally.value))
