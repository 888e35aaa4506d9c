"""What is directly below a prefix, found by asking for small counted pieces of a large range.

A server walks every key of a range to count it, whatever the limit. Where names are known beforehand
(``core/chart.py``) a large range is cut along them, so that no request walks more than a bounded number of keys; else
it is asked for once, learnt from, and cut into pieces that skip the folders already met. Pure algebra: spans to ask
out, answers in.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import field

from etcdtui.core import ranges
from etcdtui.core.chart import Chart
from etcdtui.core.cuts import Alphabet, before, common, cut_after
from etcdtui.core.layout import PAGE, Layout, Stretch
from etcdtui.core.sweep import MOST, Known, Letters, Sweep
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
WALK = 20_000
"""Keys that one request makes a server walk at most: some 5 ms in which nobody else can write."""
AIM = 10_000
"""Keys that one request is expected to make it walk: where keys lie is not known exactly."""
WARY = 5_000
"""Keys that a piece is taken to hold of which nothing at all is known."""

LEAST_FULL = 1 / 8
"""A piece is never thought to hold less than this part of what was expected of it."""

SLASH = b"/"
"""Most stores have all keys behind one, whatever separates their parts."""
_USUAL = b"a0A-./_:"
_CROWDED = b"/registry/"
"""Where nearly all keys of a Kubernetes store are: cut at once, so that a server walks its parts side by side."""
_COARSE = b"-./0:A[_abcdefghijklmnopqrstuvwxyz{"
"""Where the whole store is cut at its first byte, so that the opening fits one transaction."""


def _about(keys: float) -> int:
    """Two figures of a number that is no better known."""
    return int(round(keys, 2 - len(str(round(keys)))))


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
    """A folder known by its name from the start: a row with its first key, counted by adding up its parts.

    About ``expected`` keys are in it.
    """

    name: bytes
    waiting: int
    count: int = 0
    expected: float = 0.0


@record(frozen=False, eq=False)
class Span:
    """A piece ``[start, end)`` not asked for yet; ``limit`` is how many keys to ask for, ``count`` what is known.

    About ``guess`` keys are in it where that is not known. ``sweep`` hears how many there were and goes on from there.
    """

    start: bytes
    end: bytes
    limit: int
    count: int = UNKNOWN
    tally: _Tally | None = None
    sum: _Sum | None = None
    first: bool = False
    guess: int = 0
    sweep: Sweep | None = None
    stretch: Stretch | None = None

    def __lt__(self, other: Span) -> bool:
        return self.start < other.start


@record(frozen=False)
class Delta:
    """What one answer added: ``rows`` are sorted neighbours, ``counts`` are folders whose count became exact.

    ``gone`` are folders that were known by their names and are not there.
    """

    rows: list[Child] = field(default_factory=list)
    counts: list[tuple[bytes, int]] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rows or self.counts or self.gone)


class Survey:
    """The state of one listing of the children of ``prefix``, within ``[low, end)`` when that is narrower.

    ``take`` gives spans to ask the server for, ``answer`` digests one reply; when it is not ``open`` and nothing
    is out any more, the listing is complete and every folder's count is exact. ``small`` says that the whole range is
    cheap to walk, and makes one piece of it; where it is not, a ``chart`` tells where to cut, and without one a
    ``wary`` survey has few pieces in a request. No separators: every key is a row; without ``rows`` answers are
    digested for their keys alone, for whoever wants those and no children.
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
        chart: Chart | None = None,
        wary: bool = False,
    ) -> None:
        self._wary = wary
        self._want_rows = rows
        self.prefix = prefix
        self.separators = tuple(s for s in separators if s)
        area = ranges.intersect(ranges.prefix_range(prefix), within)
        self._counted = 0
        self._uncounted = 0
        self.keys_seen = 0
        self.greatest = b""
        self.pending: list[Span] = []
        self.counting: list[Span] = []
        """Pieces of folders that are known by their names: numbers can wait until all names are there."""
        self.layout: Layout | None = None
        self._sums: dict[bytes, _Sum] = {}
        self._sweeps: set[Sweep] = set()
        self._expected = 0.0
        self._fullness = 1.0
        """How many keys stretches lately had for each that was expected."""
        self._alphabet = Alphabet(_USUAL + prefix)
        if area is None:
            return
        low, end = area
        if end == b"":
            end = ranges.next_key(low)
        low = max(low, start)
        if not before(low, end):
            return
        self._open(low, end, known_count, small, chart)

    def _open(self, low: bytes, end: bytes, known_count: int, small: bool, chart: Chart | None) -> None:
        if 0 <= known_count <= READ_ALL:
            pieces, limit = [(low, end)], READ_ALL
        elif small:
            pieces, limit = [(low, end)], SMALL_LIMIT
        elif chart is not None and chart.names and not 0 <= known_count <= WALK:
            layout = Layout(chart, self.prefix, self.separators, low, end)
            if not layout.empty:
                self._open_layout(layout)
                return
            if known_count > WALK:
                pieces, limit = self._buckets(low, end), FIRST_LIMIT
            else:  # nothing is known to be there, so there is hardly much
                pieces, limit = [(low, end)], SMALL_LIMIT
        else:
            pieces, limit = self._buckets(low, end), FIRST_LIMIT
        guess = known_count // len(pieces) + 1 if known_count >= 0 else WARY if self._wary and len(pieces) > 1 else 0
        self.pending = [Span(a, b, limit, first=True, guess=guess) for a, b in pieces]
        if not self.prefix and len(pieces) > 1:
            self._cut_crowded()
        self._uncounted = len(self.pending)
        self._alphabet = Alphabet(self.prefix)

    # --- along known names -------------------------------------------------------------------------------

    def _open_layout(self, layout: Layout) -> None:
        self.layout = layout
        self._alphabet = Alphabet(self.prefix)
        self._expected = layout.keys
        self._uncounted = len(layout.looking) + len(layout.counting)
        if not self._want_rows:
            return
        for name, _, _ in layout.folders:
            self._sums[name] = _Sum(name, 0)
        for stretch in layout.counting:
            added = self._sums[stretch.folder]
            added.waiting += 1
            added.expected += stretch.keys

    @property
    def folders(self) -> list[Child]:
        """Children that are known by their names and not counted yet."""
        layout = self.layout
        return [] if layout is None else [Child(n, UNKNOWN, key) for n, key, _ in layout.folders if n in self._sums]

    @property
    def guesses(self) -> dict[bytes, int]:
        """About how many keys those folders have: what was expected, or what was counted when that is more."""
        return {name: _about(max(added.count, added.expected)) for name, added in self._sums.items()}

    @property
    def share(self) -> float:
        """How much of the range was counted, about, from 0 to 1."""
        if not self._uncounted:
            return 1.0
        return min(0.99, self._counted / max(self._expected, self._counted)) if self._expected else 0.0

    def _refill(self, ops: int, from_end: bool) -> None:
        """Begin stretches until there are pieces for a request."""
        layout = self.layout
        if layout is None:
            return
        self._begin(layout.looking, self.pending, ops, from_end)
        self._begin(layout.counting, self.counting, ops - len(self.pending), from_end)

    def _begin(self, waiting: deque[Stretch], pieces: list[Span], ops: int, from_end: bool) -> None:
        assert self.layout is not None
        while waiting and len(pieces) < ops:
            stretch = waiting.pop() if from_end else waiting.popleft()
            sweep = self.layout.sweep(stretch)
            added = self._sums.get(stretch.folder) if self._want_rows else None
            self._sweeps.add(sweep)
            self._go_on(sweep, Span(b"", b"", 0, sum=added, first=True, sweep=sweep, stretch=stretch))
            self._uncounted -= 1
            if added is not None:
                added.waiting -= 1

    def _go_on(self, sweep: Sweep, origin: Span) -> None:
        """Take up the next pieces of a sweep, which belong where ``origin`` does."""
        for piece in sweep.take():
            if origin.stretch is not None and self.layout is not None:
                limit = self.layout.limit(origin.stretch)
                origin.stretch.out += 1
            else:
                limit = origin.limit or max(FIRST_LIMIT, 2 * piece.most)
            span = Span(
                piece.start,
                piece.end,
                min(limit, PIECE),
                tally=origin.tally,
                sum=origin.sum,
                first=origin.first,
                guess=piece.likely,
                sweep=sweep,
                stretch=origin.stretch,
            )
            if span.tally is not None:
                span.tally.waiting += 1
            if span.sum is not None:
                span.sum.waiting += 1
            self._uncounted += span.first
            self.give_back((span,))
        if sweep.done:
            self._sweeps.discard(sweep)

    def _swept(self, span: Span, count: int) -> None:
        """A piece of a sweep was counted."""
        sweep, stretch = span.sweep, span.stretch
        assert sweep is not None
        sweep.counted(span.start, count)
        self._go_on(sweep, span)
        if stretch is None:
            return
        stretch.counted += count
        stretch.out -= 1
        if sweep.done and not stretch.out and not stretch.folder:
            self._fullness = self._fullness * 0.8 + min(1.0, stretch.counted / max(1.0, stretch.keys)) * 0.2

    def _walk_of(self, span: Span) -> float:
        """How many keys are thought to be in a piece: fewer where names lie closer together than on average."""
        if span.stretch is None or span.stretch.folder:
            return span.guess
        return span.guess * min(1.0, max(LEAST_FULL, 2 * self._fullness))

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
                spans = [Span(a, b, span.limit, first=True, guess=span.guess) for a, b in around if a != b]
                spans += [Span(a, b, limit, sum=added, first=True, guess=span.guess) for a, b in inside]
                self.pending[at : at + 1] = sorted(spans)
                return

    def take(
        self, ops: int, budget: int = PIECE, *, from_end: bool = False, unsure: int = 1, walk: int = AIM
    ) -> list[Span]:
        """Up to ``ops`` spans in key order, expected to return at most about ``budget`` keys (but at least one).

        A span of unknown size is expected to return the ``unsure``-th part of its limit. Together they are expected
        to hold at most ``walk`` keys, as far as that is known. What names there are comes before how many keys.
        """
        self._refill(ops, from_end)
        taken: list[Span] = []
        cost = walked = 0.0
        for pieces in (self.pending, self.counting):
            while pieces and len(taken) < ops:
                span = pieces[-1 if from_end else 0]
                if from_end and span.count == UNKNOWN and span.sweep is None:
                    span.limit = min(span.limit, END_LIMIT)
                keys = self._walk_of(span)
                if span.count != UNKNOWN:
                    price = float(min(span.limit, span.count))
                else:
                    price = min(span.limit, keys) if span.guess else span.limit // unsure
                if taken and (cost + price > budget and not (span.first and not span.guess)):
                    break
                if taken and walked + keys > walk:
                    break
                taken.append(span)
                cost += price
                walked += keys
                pieces.pop(-1 if from_end else 0)
        return taken[::-1] if from_end else taken

    def give_back(self, spans: Iterable[Span]) -> None:
        for span in spans:
            insort(self.counting if span.sum is not None and self.layout is not None else self.pending, span)

    @property
    def blind(self) -> bool:
        """Whether nothing at all is known of a range that may be large: its parts are asked for as they come."""
        return self.layout is None and len(self.pending) > 1

    @property
    def open(self) -> bool:
        """Whether there is something to ask for."""
        layout = self.layout
        return bool(self.pending or self.counting or (layout is not None and (layout.looking or layout.counting)))

    @property
    def total(self) -> int:
        """All keys of the range; UNKNOWN until every part of it was counted, and then rows are missing all over it."""
        return UNKNOWN if self._uncounted else self._counted

    @property
    def hole(self) -> bytes | None:
        """Where the first part begins that names may be missing in; ``None`` when nothing of that kind is pending."""
        holes = [self.pending[0].start] if self.pending else []
        if self.layout is not None and self.layout.looking:
            holes.append(self.layout.looking[0].low)
        holes += [rest[0] for rest in self._looking_rests()]
        return min(holes, default=None)

    @property
    def open_sweeps(self) -> bool:
        """Whether parts are under way whose pieces follow from each other."""
        return bool(self._sweeps)

    def _looking_rests(self) -> list[tuple[bytes, bytes]]:
        return [rest for sweep in self._sweeps if not sweep.inside and (rest := sweep.rest) is not None]

    @property
    def end_known(self) -> bool:
        """Whether the last keys of the range are among those seen."""
        if self.layout is not None and (self.layout.looking or self._looking_rests()):
            return False
        return not self.pending or self.pending[-1].start <= self.greatest

    def answer(self, span: Span, keys: Sequence[bytes], count: int) -> Delta:
        """Digest the first ``keys`` of ``span`` and the exact ``count`` of keys in it."""
        delta = Delta()
        if span.sweep is not None:
            self._swept(span, count)
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
        tally = None if last is None else _Tally(last.name, last.count + rest, 0)
        if last is not None:
            delta.rows[-1] = Child(last.name, UNKNOWN, last.sample)
        flat = (len(delta.rows) if self._want_rows else len(keys)) * 4 >= len(keys) and len(keys) >= 8
        if rest > WALK:
            known = Known(start if last is not None else name, Letters((keys[0], keys[-1])), len(name))
            sweep = Sweep(start, span.end, left=known, most=PAGE if flat else MOST, whole=self._whole)
            self._sweeps.add(sweep)
            self._go_on(sweep, Span(b"", b"", 0 if flat else 1, tally=tally, sweep=sweep))
            return
        spans = self._pieces(span, keys, name, start, rest, last is None, flat)
        for piece in spans:
            piece.tally = tally
            piece.guess = piece.guess or rest // len(spans) + 1
        if tally is not None:
            tally.waiting = len(spans)
        self.give_back(spans)

    def _whole(self, group: bytes) -> bool:
        """Whether all keys that start so are in one folder."""
        return self._want_rows and child_end(group[len(self.prefix) :], self.separators) >= 0

    def _pieces(
        self, span: Span, keys: Sequence[bytes], name: bytes, start: bytes, rest: int, exact: bool, flat: bool
    ) -> list[Span]:
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
        if self.layout is None:
            self.greatest = max((self.greatest, *keys[:1]))
        if keys and added.count == count:
            delta.rows.append(Child(added.name, UNKNOWN, keys[0]))
        if added.waiting:
            return
        self._sums.pop(added.name, None)
        if added.count:
            delta.counts.append((added.name, added.count))
        elif self.layout is not None:
            delta.gone.append(added.name)

    @staticmethod
    def _settle(tally: _Tally, count: int, delta: Delta) -> None:
        tally.value -= count
        tally.waiting -= 1
        if tally.waiting == 0:
            delta.counts.append((tally.name, tally.value))
