"""The key tree as data: levels of sorted names, what is open, what is shown at which row. No I/O.

A level keeps a key's name once and twelve bytes a row beside it; only folders also keep one known key below them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import Enum

from etcdtui.core import ranges
from etcdtui.core.gaps import Region
from etcdtui.core.listing import LEAF, UNKNOWN, Child, child_end
from etcdtui.core.names import Names
from etcdtui.core.types import Event, EventType
from etcdtui.core.value import record

CHANGED_KEPT = 10_000
"""Change marks a level keeps at most."""


def keys_of(count: int) -> int:
    """How many keys a row with that count stands for, as far as that is known."""
    return 1 if count == LEAF else max(0, count)


class State(Enum):
    NEW = "new"
    LOADING = "loading"
    READY = "ready"
    STOPPED = "stopped"
    FAILED = "failed"


@record()
class Row:
    """One visible row: a child, or (``index`` -1) the level's note about what is missing or wrong."""

    level: Level
    index: int
    depth: int

    @property
    def is_note(self) -> bool:
        return self.index < 0

    @property
    def name(self) -> bytes:
        return b"" if self.index < 0 else self.level.names[self.index]

    @property
    def path(self) -> bytes:
        return self.level.prefix if self.index < 0 else self.level.path(self.index)

    @property
    def count(self) -> int:
        return UNKNOWN if self.index < 0 else self.level.counts[self.index]

    @property
    def guess(self) -> int:
        """About how many keys are below a folder that is not counted yet; 0 when nothing tells."""
        return self.level.guesses.get(self.name, 0) if self.count == UNKNOWN else 0

    @property
    def is_folder(self) -> bool:
        return self.index >= 0 and self.level.counts[self.index] != LEAF

    @property
    def prefix(self) -> bytes:
        """The folder itself, or the one that holds the key."""
        return self.path if self.is_folder or self.is_note else self.level.prefix

    @property
    def area(self) -> tuple[bytes, tuple[bytes, bytes]]:
        """That prefix, and the range that may be read of it."""
        root = None if self.index < 0 else self.level.roots.get(self.name)
        return (self.prefix, self.level.within) if root is None else (root.prefix, root.within)

    @property
    def identity(self) -> Hashable:
        return (self.level.prefix, self.level.within, None if self.index < 0 else self.name)


@record(frozen=False)
class Root:
    """A start place of a limited user: how it is called, where its level starts, and the range it may read."""

    label: str
    prefix: bytes
    within: tuple[bytes, bytes]
    readable: bool = True


@record(frozen=False, eq=False)
class Level:
    """The children of ``prefix`` inside ``within``, sorted by name.

    ``state`` and ``note`` say how complete it is; ``hole`` is the first key not listed yet while it is loading
    or was stopped; ``total`` the number of keys below. All rows are true of ``revision``, those in ``newer`` of the
    later revision that stands there: a row may be looked at alone. ``guesses`` say about how many keys are below
    folders that are known by their names and not counted yet. ``changed`` gives the names that somebody changed
    since they were looked at with the revision of that. ``spared`` is set once garbage collections leave its names out.
    ``version`` of the root is another after each change of rows anywhere.
    """

    prefix: bytes
    separators: tuple[bytes, ...]
    within: tuple[bytes, bytes] = ranges.ALL
    parent: Level | None = None
    names: Names = field(default_factory=Names)
    counts: array[int] = field(default_factory=lambda: array("q"))
    samples: dict[bytes, bytes] = field(default_factory=dict)
    opened: dict[bytes, Level] = field(default_factory=dict)
    closed: dict[bytes, Level] = field(default_factory=dict)
    reopen: set[bytes] = field(default_factory=set)
    changed: dict[bytes, int] = field(default_factory=dict)
    newer: dict[bytes, int] = field(default_factory=dict)
    roots: dict[bytes, Root] = field(default_factory=dict)
    guesses: dict[bytes, int] = field(default_factory=dict)
    state: State = State.NEW
    note: str = ""
    total: int = UNKNOWN
    revision: int = 0
    hole: bytes | None = None
    generation: int = 0
    spared: bool = False
    version: int = 0
    _size: int = -1
    _opened_at: list[tuple[int, Level]] | None = None

    def path(self, index: int) -> bytes:
        return self.prefix + self.names[index]

    def find(self, name: bytes) -> int:
        """The index of ``name``, or -1."""
        index = bisect_left(self.names, name)
        return index if index < len(self.names) and self.names[index] == name else -1

    def sample(self, index: int) -> bytes:
        """A key known to lie below the folder, or the leaf's own key."""
        name = self.names[index]
        return self.prefix + name + self.samples.get(name, b"")

    def children(self, start: int = 0, end: int | None = None) -> list[Child]:
        stop = len(self.names) if end is None else end
        return [Child(self.names[i], self.counts[i], self.sample(i)) for i in range(start, stop)]

    # --- changing what is known --------------------------------------------------------------------------

    def touch(self) -> None:
        """Forget the sizes computed from this level, here and above."""
        level: Level | None = self
        while level is not None:
            level._size = -1
            level._opened_at = None
            level.version += 1
            level = level.parent

    def clear(self) -> None:
        """Back to nothing known; what was open below is open again as soon as its folder shows up."""
        self.reopen.update(self.opened)
        self.closed.update(self.opened)
        self.opened.clear()
        self.names.clear()
        self.counts = array("q")
        self.samples = {}
        self.newer.clear()
        self.guesses.clear()
        self.total = UNKNOWN
        self.hole = None
        self.touch()

    def true_at(self, revision: int) -> None:
        """Everything on the level is known to be as it is at ``revision``, or at a later one it was known for."""
        self.revision = max(self.revision, revision)
        if self.newer:
            self.newer = {name: at for name, at in self.newer.items() if at > self.revision}

    def known_at(self, name: bytes) -> int:
        """The revision that the row of ``name`` is true of, or its absence."""
        return max(self.revision, self.newer.get(name, 0))

    def insert(self, rows: Sequence[Child]) -> None:
        """Add neighbours: sorted rows between which nothing known lies. A row known already is replaced."""
        if not rows:
            return
        at = bisect_left(self.names, rows[0].name)
        stop = bisect_left(self.names, rows[-1].name + b"\0", at)
        self._replace(at, stop, rows)

    def _replace(self, at: int, stop: int, rows: Sequence[Child]) -> None:
        self.names[at:stop] = [row.name for row in rows]
        self.counts[at:stop] = array("q", [row.count for row in rows])
        size = len(self.prefix)
        for row in rows:
            if row.count != LEAF:
                self.samples[row.name] = row.sample[size + len(row.name) :]
                if row.name in self.reopen and row.name in self.closed:
                    self.opened[row.name] = self.closed.pop(row.name)
                    self.reopen.discard(row.name)
        self.touch()

    def expect(self, rows: Iterable[Child]) -> None:
        """Add folders that are thought to be there; whatever is known may lie between them."""
        for row in rows:
            if self.find(row.name) < 0:
                self.insert((row,))

    def settle(self, counts: Iterable[tuple[bytes, int]]) -> None:
        """Counts that a listing found for rows that are there already; its ``total`` has them."""
        for name, count in counts:
            index = self.find(name)
            if index >= 0:
                self.counts[index] = count

    def replace(self, region: Region, revision: int = 0, *, news: bool = True) -> bool:
        """Make the part ``[start, end)`` show exactly the region's rows, marking what is new; whether it differs.

        ``revision`` is the one that the part was read at (0: the level's own): what is known of a later one stays.
        Without ``news`` nothing is marked: it was changed from here.
        """
        revision = revision or self.revision
        if revision < self.revision:
            return False
        size = len(self.prefix)
        at = bisect_left(self.names, region.start[size:]) if region.start > self.prefix else 0
        inside = region.end != ranges.FROM_KEY and region.end.startswith(self.prefix)
        stop = bisect_left(self.names, region.end[size:]) if inside else len(self.names)
        known = dict(zip(self.names[at:stop], self.counts[at:stop], strict=True))
        rows = self._rows_now(region, known, revision)
        now = {row.name: row.count for row in rows}
        if news:
            self.mark(now.keys() - known.keys(), revision)
        for name in known.keys() - now.keys():
            self._forget(name)
            self.newer[name] = revision
        counted = {name for name, count in known.items() if count != UNKNOWN} | (now.keys() - known.keys())
        self._shift(sum(keys_of(now.get(name, 0)) - keys_of(known.get(name, 0)) for name in counted))
        self._replace(at, stop, rows)
        found = (row for row in region.rows if row.count >= 0 or row.name not in known)
        self.newer.update((row.name, revision) for row in found if self.known_at(row.name) <= revision)
        return now != known

    def _rows_now(self, region: Region, known: Mapping[bytes, int], revision: int) -> list[Child]:
        """The region's rows, but for those that something later is known of; a count that was not read stays."""
        rows = {row.name: row for row in region.rows}
        for name, row in rows.items():
            if row.count == UNKNOWN and name in known:
                rows[name] = Child(name, known[name], row.sample)
        for name in {name for name in self.newer if name in rows or name in known}:
            if self.newer[name] > revision:
                rows.pop(name, None)
                if name in known:
                    rows[name] = Child(name, known[name], self.prefix + name + self.samples.get(name, b""))
        return [rows[name] for name in sorted(rows)]

    def recount(self, counts: Iterable[tuple[bytes, int]], revision: int) -> bool:
        """Counts of folders as they were read at ``revision``; whether one is another than was shown."""
        changed = False
        for name, count in counts:
            index = self.find(name)
            if index < 0 or self.counts[index] == LEAF or revision < self.known_at(name):
                continue
            self.newer[name] = revision
            if self.counts[index] != count:
                self.mark((name,), revision)
                self._count(index, count)
                changed = True
        return changed

    def _count(self, index: int, count: int) -> None:
        if self.counts[index] != UNKNOWN:  # else the level's total has them already
            self._shift(count - self.counts[index])
        self.counts[index] = count

    def _shift(self, keys: int) -> None:
        """So many keys more below the level."""
        if self.total >= 0:
            self.total = max(0, self.total + keys)

    def apply(self, event: Event) -> bool:
        """Take in one change, unless its row is known to have it already; whether anything visible changed."""
        key = event.kv.key
        if not key.startswith(self.prefix) or not ranges.holds(self.within, key):
            return False
        rest, revision = key[len(self.prefix) :], event.kv.mod_revision
        end = child_end(rest, self.separators)
        name = rest if end < 0 else rest[:end]
        if revision <= self.known_at(name):
            return False
        index = self.find(name)
        if event.type is EventType.PUT:
            if index < 0:
                self.insert([Child(name, LEAF if end < 0 else 1, key)])
                self._shift(1)
            elif end >= 0 and event.is_create and self.counts[index] >= 0:
                self._count(index, self.counts[index] + 1)
            self.mark((name,), revision)
            return True
        if index < 0:
            return False
        if end < 0 or self.counts[index] == 1:
            self._shift(-1)
            self.remove(name)
            return True
        if self.counts[index] > 0:
            self._count(index, self.counts[index] - 1)
        self.mark((name,), revision)
        return True

    def remove(self, name: bytes) -> None:
        index = self.find(name)
        if index >= 0:
            del self.names[index]
            del self.counts[index]
            self._forget(name)
            self.touch()

    def _forget(self, name: bytes) -> None:
        self.samples.pop(name, None)
        self.opened.pop(name, None)
        self.closed.pop(name, None)
        self.changed.pop(name, None)
        self.newer.pop(name, None)

    def mark(self, names: Iterable[bytes], revision: int = 0) -> None:
        """Somebody changed these, at that revision."""
        for name in names:
            if len(self.changed) >= CHANGED_KEPT:
                return
            self.changed[name] = revision

    def unmark(self, revisions: Container[int]) -> None:
        """What changed at these revisions is no news: it was changed from here."""
        if self.changed:
            self.changed = {name: at for name, at in self.changed.items() if at not in revisions}

    # --- open and closed ---------------------------------------------------------------------------------

    def open(self, index: int) -> Level:
        """The level below a folder, shown from now on; the same one as before when it was open already."""
        name = self.names[index]
        level = self.opened.get(name) or self.closed.pop(name, None)
        if level is None:
            root = self.roots.get(name)
            prefix = self.path(index) if root is None else root.prefix
            within = self.within if root is None else root.within
            level = Level(prefix, self.separators, within, self, total=self.counts[index])
        self.opened[name] = level
        self.touch()
        return level

    def close(self, name: bytes) -> None:
        level = self.opened.pop(name, None)
        if level is not None:
            self.closed[name] = level
            self.touch()

    # --- rows --------------------------------------------------------------------------------------------

    @property
    def note_at(self) -> int:
        """Before which child the note is shown; -1 when there is none."""
        if not self.note:
            return -1
        if self.hole is None or self.hole <= self.prefix:
            return len(self.names) if self.hole is None else 0
        return bisect_left(self.names, self.hole[len(self.prefix) :])

    @property
    def size(self) -> int:
        """How many rows this level and all open ones below it take."""
        if self._size < 0:
            own = len(self.names) + (1 if self.note else 0)
            self._size = own + sum(level.size for _, level in self._open_levels())
        return self._size

    def _open_levels(self) -> list[tuple[int, Level]]:
        """Open children with the row (not counting open levels) they follow, in order."""
        if self._opened_at is None:
            note = self.note_at
            found = ((self.find(name), level) for name, level in self.opened.items())
            self._opened_at = sorted(
                ((i + (1 if 0 <= note <= i else 0), level) for i, level in found if i >= 0), key=lambda p: p[0]
            )
        return self._opened_at

    def row(self, at: int, depth: int = 0) -> Row:
        """The row ``at`` of this level and everything open below it."""
        before = 0
        for own, level in self._open_levels():
            first = own + 1 + before
            if at < first:
                break
            if at < first + level.size:
                return level.row(at - first, depth + 1)
            before += level.size
        index = at - before
        note = self.note_at
        if note >= 0 and index >= note:
            index -= 1
            if index == note - 1:
                return Row(self, -1, depth)
        return Row(self, index, depth)

    def row_number(self, index: int) -> int:
        """Where this level's child ``index`` (-1: the note) is among the rows of the level."""
        note = self.note_at
        own = note if index < 0 else index + (1 if 0 <= note <= index else 0)
        return own + sum(level.size for at, level in self._open_levels() if at < own)

    def walk(self) -> Iterator[Level]:
        """This level and every open one below, outermost first."""
        yield self
        for level in list(self.opened.values()):
            yield from level.walk()

    def walk_known(self) -> Iterator[Level]:
        """This level and every one below that was open at some time, outermost first."""
        yield self
        for level in [*self.opened.values(), *self.closed.values()]:
            yield from level.walk_known()

    def around(self) -> Iterator[tuple[Level, bytes]]:
        """The levels around this one, innermost first, each with the name in it that leads here."""
        level = self
        while (above := level.parent) is not None:
            known = (*above.opened.items(), *above.closed.items())
            name = next((name for name, below in known if below is level), None)
            if name is None:
                return
            yield above, name
            level = above

    def forget_rows(self) -> None:
        """As if it had never been read."""
        self.clear()
        self.state = State.NEW
        self.note = ""
        self.revision = 0


class KeyTree:
    """All rows of the Keys screen: a root level and what is open below it."""

    def __init__(self, separators: Sequence[bytes], roots: Sequence[Root] = ()) -> None:
        self.separators = tuple(s for s in separators if s)
        self.root = Level(b"", self.separators)
        self.revision = 0
        """The one that all of the tree is shown at; 0 is the newest."""
        if roots:
            self.start_at(roots)

    def start_at(self, roots: Sequence[Root]) -> None:
        """These places instead of the whole store."""
        rows = []
        for root in roots:
            single = root.within[1] == b""
            name = root.prefix if root.within == ranges.prefix_range(root.prefix) or single else root.within[0]
            self.root.roots[name] = root
            rows.append(Child(name, LEAF if single else UNKNOWN, root.within[0]))
        self.root.insert(sorted(rows, key=lambda row: row.name))
        self.root.state = State.READY

    @property
    def is_limited(self) -> bool:
        return bool(self.root.roots)

    @property
    def size(self) -> int:
        return self.root.size

    def row(self, at: int) -> Row:
        return self.root.row(at)

    def index_of(self, identity: Hashable) -> int | None:
        """Where the row of that identity is shown now."""
        for level in self.root.walk():
            if isinstance(identity, tuple) and identity[:2] == (level.prefix, level.within):
                name = identity[2]
                index = -1 if name is None else level.find(name)
                if index >= 0 or (name is None and level.note):
                    return self.number(level, index)
        return None

    def number(self, level: Level, index: int) -> int:
        """The row number of a level's child in the whole tree."""
        at = level.row_number(index)
        while level.parent is not None:
            above = level.parent
            name = next(n for n, child in above.opened.items() if child is level)
            at += above.row_number(above.find(name)) + 1
            level = above
        return at

    def apply(self, event: Event) -> bool:
        """Change every open level that shows the event's key; whether anything visible changed."""
        changed = False
        for level in self.root.walk():
            if level.state is State.READY and not level.roots:
                changed |= level.apply(event)
        return changed
