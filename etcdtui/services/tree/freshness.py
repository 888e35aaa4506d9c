"""What keeps shown levels true: the watch on a small part, checks of the rest, and what our own writes did.

A level of no more than ``WATCH_KEYS`` keys is watched, with everything open below it. Of a larger one the rows on the
screen are checked now and then by their gaps, and its folders counted again as far as that costs a server little.
Each row knows the revision it is true of, so that no change is counted twice and none is missed, whichever comes first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from etcdtui.core import ranges
from etcdtui.core.errors import Compacted, EtcdError, WatchCancelled
from etcdtui.core.gaps import Region
from etcdtui.core.keytree import KeyTree, Level, Row, State, keys_of
from etcdtui.core.listing import LEAF, UNKNOWN, WALK, Child, child_of
from etcdtui.core.types import Event, EventType, KeyValue, RangeResult, WatchBatch
from etcdtui.core.value import record
from etcdtui.services.reads import browse
from etcdtui.services.reads.reading import Reads, Want
from etcdtui.services.tree import news
from etcdtui.services.tree.details import Details
from etcdtui.services.tree.loader import Loader
from etcdtui.services.tree.news import Start, Tell, Work
from etcdtui.services.writing.undolog import Change

WATCH_KEYS = 5_000
"""A level with no more keys below is watched; a larger one is checked again by its gaps."""
CHECK_ROWS = 2_000
"""Rows of a level checked at once; of a longer one, those on the screen."""
POLLED_LEVELS = 20
COUNT_ROWS = 120
"""Folders counted again in one check of a level."""
COUNT_KEYS = 50_000
"""Keys that a server walks for the counts of one check, on average; a larger folder is counted less often."""
COUNT_MOST = 1_000_000
"""Keys of a folder that is not counted again by itself."""
REVISIONS_KEPT = 10_000
"""Revisions whose changes are told apart, ours from those of others."""
HEARD_PAUSE = 0.25
"""Seconds in which changes that others saw are gathered before they are read."""
LOOKED_AT = 200
"""Rows of a level that are looked at one by one; more are checked together."""


@record()
class _Look:
    """One row of a level that is read again."""

    level: Level
    generation: int
    name: bytes
    folder: bool
    keys: int = 1
    """How many keys the row was known to stand for."""

    @property
    def path(self) -> bytes:
        return self.level.prefix + self.name

    def region(self, found: RangeResult) -> Region:
        count = found.count if self.folder else LEAF
        return self.of((Child(self.name, count, found.kvs[0].key),) if found.kvs else ())

    def of(self, rows: tuple[Child, ...]) -> Region:
        end = ranges.prefix_end(self.path) if self.folder else ranges.next_key(self.path)
        return Region(self.path, end, rows)


class Freshness:
    """``on_screen`` gives the rows that can be seen; ``every`` is how often ``poll`` is called in seconds, 0 for never.
    ``saw_revision`` is told how far the cluster was seen to be. ``still`` are the words for a store that never changes:
    then nothing is followed or checked.

    ``words`` says how fresh the tree is, ``changes`` counts what others changed since it was looked at.
    """

    def __init__(
        self,
        tree: KeyTree,
        reads: Reads,
        loader: Loader,
        details: Details,
        tell: Tell,
        start: Start,
        *,
        every: float = 0.0,
        on_screen: Callable[[], Iterable[Row]] = tuple,
        saw_revision: Callable[[int], None] = lambda _: None,
        still: str = "",
    ) -> None:
        self._tree = tree
        self._reads = reads
        self._loader = loader
        self._details = details
        self._tell = tell
        self._start = start
        self._every = every
        self._on_screen = on_screen
        self._saw_revision = saw_revision
        self._still = still
        self.automatic = True
        self.words = ""
        self._watched: Level | None = None
        self._work: Work | None = None
        self._position = 0
        """The revision up to which the watch has told everything."""
        self._credit = 0
        self._heard: set[bytes] = set()
        """Keys to be read again, as other watches saw them change."""
        self._hearing: Work | None = None
        self._changes: Counter[int] = Counter()
        self._ours: set[int] = set()

    @property
    def changes(self) -> int:
        return self._changes.total()

    # --- following what is looked at ---------------------------------------------------------------------

    def follow(self, level: Level) -> None:
        """Keep a level true, with the largest one around it that is small enough to be watched."""
        if self._still:
            self._say(self._still)
            return
        while level.parent is not None and 0 <= level.parent.total <= WATCH_KEYS and not level.parent.roots:
            level = level.parent
        if self._tree.revision or not self.automatic:
            self.stop("" if self._tree.revision else "automatic refresh off")
            return
        if self._is_live(level) or level is self._watched or level.roots or level.state is not State.READY:
            return
        self._follow(level)

    def _follow(self, level: Level) -> None:
        self._watched = level
        self._work = self._start("live", partial(self._live, level))

    def stop(self, words: str = "") -> None:
        """Follow nothing; ``words`` say why."""
        self._watched = None
        if self._work is not None:
            self._work.cancel()
        self._say(words)

    def turn(self) -> None:
        """Automatic refresh off, or on again."""
        self.automatic = not self.automatic
        self.stop("" if self.automatic else "automatic refresh off")

    def looked(self) -> None:
        """Somebody has seen all there is."""
        self._changes.clear()
        for level in self._tree.root.walk():
            level.changed.clear()
        self._tell(news.Freshness())

    def listed(self, level: Level) -> None:
        """A level was read; one that lies behind the watch around it missed what that told meanwhile."""
        if self._is_live(level) and level.state is State.READY and level.revision < self._position:
            assert self._watched is not None
            self._follow(self._watched)

    def opened(self, level: Level) -> None:
        """A level is shown again. Where nothing was watched meanwhile it is checked."""
        if level.state is State.READY and not self._tree.revision and not self._is_live(level):
            self._grant()
            self._start(f"check-{id(level)}", partial(self._check_told, level))

    def _is_shown(self, level: Level) -> bool:
        """Whether it is still a part of the tree: its folder may be gone."""
        outermost = level
        for above, _ in level.around():
            outermost = above
        return outermost is self._tree.root

    def _is_live(self, level: Level) -> bool:
        if self.words != "live" or self._watched is None:
            return False
        return level is self._watched or any(above is self._watched for above, _ in level.around())

    def _say(self, words: str) -> None:
        if words != self.words:
            self.words = words
            self._tell(news.Freshness())

    # --- the watch ---------------------------------------------------------------------------------------

    async def _live(self, level: Level) -> None:
        try:
            if 0 <= level.total <= WATCH_KEYS:
                await self._watch(level)
            self._say(f"checked every {self._every:g} s" if self._every > 0 else "")
        except (Compacted, WatchCancelled):
            self._watched = None
            self._loader.reload(level)
        except EtcdError as error:
            self._watched = None
            self._say(f"not live: {error.title}")

    async def _watch(self, level: Level) -> None:
        area = ranges.intersect(ranges.prefix_range(level.prefix), level.within)
        if area is None:
            return
        self._position = min(below.revision for below in level.walk() if below.state is State.READY)
        for below in [*level.walk_known()]:
            if below.state is State.READY and below.revision < self._position:
                below.forget_rows()  # it was closed before the rest was read, and is read when it is opened again
        watch = self._reads.client.watch(area[0], range_end=area[1] or None, start_revision=self._position + 1)
        async with watch as batches:
            self._say("live")
            await self._look(self._behind(level), ours=True)
            async for batch in batches:
                self._take(level, batch)

    def _behind(self, watched: Level) -> list[_Look]:
        """The rows around that were read earlier than what the watch begins with, and are counted easily."""
        looks = []
        for above, name in watched.around():
            index = above.find(name)
            many = above.counts[index] if index >= 0 else 0
            behind = above.state is State.READY and not above.roots and above.known_at(name) < self._position
            if behind and 0 <= many <= WALK:
                looks.append(_Look(above, above.generation, name, folder=True, keys=many))
        return looks

    def _take(self, watched: Level, batch: WatchBatch) -> None:
        """Levels that are closed follow too; of those around the watched one only the row that leads to it."""
        inside = [level for level in watched.walk_known() if level.state is State.READY]
        around = [pair for pair in watched.around() if pair[0].state is State.READY and not pair[0].roots]
        changed = False
        for event in batch.events:
            self._details.forget((event.kv.key,))
            if sum(level.apply(event) for level in (*inside, *(above for above, _ in around))):
                changed = True
                self._count(event.kv.mod_revision)
            self._tell(news.KeyChanged(event.kv.key))
        if batch.events:  # a watch that begins again must not count them twice
            self._position = max(self._position, batch.events[-1].kv.mod_revision)
            for level in inside:
                level.true_at(self._position)
            for above, name in around:
                if self._position > above.known_at(name):
                    above.newer[name] = self._position
            self._loader.tell_start_place(watched)
        if batch.revision:
            self._saw_revision(batch.revision)
        if changed:
            self._unmark({event.kv.mod_revision for event in batch.events} & self._ours)
            self._changed()
        if not self._is_shown(watched):
            self.stop()

    def _changed(self) -> None:
        self._loader.settle_notes()
        self._tell(news.Rows(last=False))
        self._tell(news.Freshness())

    # --- news that others watch for ----------------------------------------------------------------------

    def heard(self, events: Sequence[Event]) -> None:
        """Somebody else's watch saw these: what is shown of them is marked, and read again soon."""
        if self._tree.revision:
            return
        untold = [event for event in events if not self._is_told(event.kv.key)]
        levels = [level for level in self._tree.root.walk() if level.state is State.READY and not level.roots]
        changed = False
        for event in untold:
            key, revision = event.kv.key, event.kv.mod_revision
            shown = False
            for level in levels:
                if not _is_below(key, level):
                    continue
                name = child_of(key[len(level.prefix) :], level.separators)[0]
                if revision > level.known_at(name) and level.changed.get(name, 0) < revision:
                    shown = True
                    if revision not in self._ours:
                        level.mark((name,), revision)
            if shown:
                changed = True
                self._count(revision)
                self._details.forget((key,))
                self._tell(news.KeyChanged(key))
                if len(self._heard) < LOOKED_AT:
                    self._heard.add(key)
        if changed:
            self._tell(news.Rows(last=False))
            self._tell(news.Freshness())
            if self._hearing is None:
                self._hearing = self._start("heard", self._look_at_heard)

    async def _look_at_heard(self) -> None:
        await asyncio.sleep(HEARD_PAUSE)
        keys, self._heard = self._heard, set()
        self._hearing = None
        try:
            await self.look_at(keys)
        except EtcdError:  # it stays marked, and the next check reads it
            return

    # --- whose changes -----------------------------------------------------------------------------------

    def _count(self, revision: int) -> None:
        if revision not in self._ours:
            self._changes[revision if len(self._changes) < REVISIONS_KEPT else 0] += 1

    def ours(self, revisions: Iterable[int]) -> None:
        """What changed at these revisions was changed from here: it is no news, whether or not it was seen already."""
        new = set(revisions)
        self._ours |= new
        if len(self._ours) > REVISIONS_KEPT:
            self._ours = set(sorted(self._ours)[-REVISIONS_KEPT // 2 :])
        for revision in new:
            self._changes.pop(revision, None)
        self._unmark(new)
        self._tell(news.Freshness())

    def _unmark(self, revisions: set[int]) -> None:
        if revisions:
            for level in self._tree.root.walk():
                level.unmark(revisions)

    # --- checks ------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Check again what is on the screen and not watched."""
        if self.automatic and not self._tree.revision and not self._still:
            self._start("poll", self._poll)

    async def _poll(self) -> None:
        shown = list({row.level: None for row in self._on_screen()})
        self._grant()
        for level in shown[:POLLED_LEVELS]:
            if not self._is_live(level):
                await self._check_told(level)

    def _grant(self) -> None:
        """So many more keys a server may walk for our counts."""
        self._credit = min(self._credit + COUNT_KEYS, COUNT_MOST)

    async def _check_told(self, level: Level) -> None:
        try:
            await self._check(level)
        except EtcdError as error:
            self._say(f"not live: {error.title}")

    async def check(self, level: Level) -> None:
        """Check the rows of a level by its gaps: all of them, or those on the screen when it is long.

        Raises what a read raises; then nothing is changed.
        """
        self._grant()
        await self._check(level)

    async def _check(self, level: Level) -> None:
        area = ranges.intersect(ranges.prefix_range(level.prefix), level.within)
        if level.state is not State.READY or level.roots or area is None:
            return
        first, last = self._part(level)
        rows, whole = level.children(first, last), last - first == len(level.names)
        start = area[0] if first == 0 else level.path(first)
        end = area[1] if last >= len(level.names) else level.path(last)
        generation = level.generation
        result = await browse.refresh(self._reads, level.prefix, level.separators, rows, start, end)
        if level.generation != generation:
            return
        if result.relist:
            self._loader.reload(level)
            return
        found = [row for region in result.regions for row in region.rows if row.count == UNKNOWN]
        counts = await self._counts(level, self._worth_counting(level, [*rows, *found]), result.revision)
        if level.generation != generation or level.state is not State.READY:
            return
        changed = self._replace(level, result.regions, result.revision)
        changed |= level.recount(counts, result.revision)
        if whole and all(row.count == LEAF or level.known_at(row.name) >= result.revision for row in level.children()):
            level.true_at(result.revision)
        self._loader.tell_start_place(level)
        if changed:
            self._count(result.revision)
            self._changed()

    def _replace(self, level: Level, regions: Sequence[Region], revision: int) -> bool:
        changed = False
        for region in regions:
            changed |= level.replace(region, revision)
            for name, mod_revision, _ in region.seen:
                path = level.prefix + name
                known = self._details.get(path)
                if known is not None and known.mod_revision != mod_revision:
                    self._details.forget((path,))
                    level.mark((name,), mod_revision)
                    self._tell(news.KeyChanged(path))
                    changed = True
        return changed

    def _part(self, level: Level) -> tuple[int, int]:
        """The half-open range of children to check."""
        if len(level.names) <= CHECK_ROWS:
            return 0, len(level.names)
        shown = [row.index for row in self._on_screen() if row.level is level and row.index >= 0]
        return (min(shown), max(shown) + 1) if shown else (0, 0)

    def _worth_counting(self, level: Level, rows: Sequence[Child]) -> list[bytes]:
        """Folders to count again, those that were not for the longest time first, as many as a server walks easily."""
        wanted = []
        shown = {row.name for row in self._on_screen() if row.level is level}
        folders = [row for row in rows if row.count != LEAF]
        folders.sort(key=lambda row: (row.count >= 0, row.name not in shown, level.known_at(row.name)))
        for row in folders[:COUNT_ROWS]:
            if row.count <= self._credit:
                self._credit -= keys_of(row.count)
                wanted.append(row.name)
        return wanted

    async def _counts(self, level: Level, names: Sequence[bytes], revision: int) -> list[tuple[bytes, int]]:
        spans = [(name, span) for name in names if (span := self._span(level, name)) is not None]
        keys = {name: level.counts[level.find(name)] if level.find(name) >= 0 else 1 for name in names}
        few = [(name, span) for name, span in spans if keys[name] <= WALK]
        wants = [Want(*span, count_only=True, guess=max(1, keys[name])) for name, span in few]
        results = await self._reads.many(wants, revision) if wants else []
        counts = [(name, result.count) for (name, _), result in zip(few, results, strict=True)]
        for name, span in spans:
            if keys[name] > WALK:
                counts += [(row.name, row.count) for row in await self._counted(level, span, revision)]
        return [(name, count) for name, count in counts if count]

    async def _counted(self, level: Level, span: tuple[bytes, bytes], revision: int = 0) -> tuple[Child, ...]:
        """The row of one large folder, counted in many small requests; nothing when it is gone."""
        found = await browse.children(self._reads, level.prefix, level.separators, within=span, revision=revision)
        return tuple(found)

    @staticmethod
    def _span(level: Level, name: bytes) -> tuple[bytes, bytes] | None:
        return ranges.intersect(ranges.prefix_range(level.prefix + name), level.within)

    # --- one row alone -----------------------------------------------------------------------------------

    async def look_at(self, paths: Iterable[bytes], *, ours: bool = False) -> None:
        """Read again the rows that lead to these keys or folders, on every level that is shown.

        ``ours`` says that they were changed from here. Raises what a read raises.
        """
        rows: dict[Level, dict[bytes, bool]] = {}
        asked = set(paths)
        for path in asked:
            for level in self._tree.root.walk():
                if level.state is State.READY and not level.roots and _is_below(path, level):
                    name, folder = child_of(path[len(level.prefix) :], level.separators)
                    rows.setdefault(level, {})[name] = folder
        looks = []
        for level, names in rows.items():
            if len(names) <= LOOKED_AT:
                found = [self._look_of(level, name, folder) for name, folder in names.items()]
                looks += [look for look in found if look.keys <= WALK or look.path in asked]
            elif len(level.names) <= CHECK_ROWS:
                await self.check(level)
            else:
                self._loader.load(level)
        await self._look(looks, ours)

    @staticmethod
    def _look_of(level: Level, name: bytes, folder: bool) -> _Look:
        index = level.find(name)
        keys = level.counts[index] if index >= 0 else 1
        return _Look(level, level.generation, name, folder, WALK + 1 if keys == UNKNOWN else max(1, keys))

    async def _look(self, looks: Sequence[_Look], ours: bool) -> None:
        spans = [(look, self._span(look.level, look.name) if look.folder else (look.path, b"")) for look in looks]
        wanted = [(look, span) for look, span in spans if span is not None]
        few = [(look, Want(*span, limit=1, guess=look.keys)) for look, span in wanted if look.keys <= WALK]
        results = await self._reads.many([want for _, want in few]) if few else []
        changed = False
        for (look, _), result in zip(few, results, strict=True):
            changed |= self._saw(look, look.region(result), result.header.revision if result.header else 0, ours)
        for look, span in wanted:
            if look.keys > WALK:
                revision = await self._reads.revision(span[0])
                rows = await self._counted(look.level, span, revision)
                changed |= self._saw(look, look.of(rows), revision, ours)
        if changed:
            self._changed()

    def _saw(self, look: _Look, region: Region, revision: int, ours: bool) -> bool:
        level = look.level
        if level.generation != look.generation or level.state is not State.READY:
            return False
        if revision < level.known_at(look.name):
            return False
        changed = level.replace(region, revision, news=not ours)
        self._loader.tell_start_place(level)
        return changed

    # --- writes of ours ----------------------------------------------------------------------------------

    async def wrote(self, changes: Sequence[Change]) -> None:
        """Keys were written from here: rows, counts and totals are those after it. Raises what a read raises.

        What the watch tells anyway is left to it; of the rest each row is read again, or reckoned where it is so large
        that counting it would cost a server much.
        """
        self.ours(change.revision for change in changes)
        self._details.forget(change.key for change in changes)
        if self._tree.revision:
            return
        untold = [change for change in changes if not self._is_told(change.key)]
        large = [change for change in untold if self._is_large(change.key)]
        if sum(self._tree.apply(_event(change)) for change in large):
            self._unmark({change.revision for change in large})
            self._changed()
        await self.look_at({change.key for change in untold} - {change.key for change in large}, ours=True)

    def _is_told(self, key: bytes) -> bool:
        watched = self._watched
        if self.words != "live" or watched is None or not self._is_shown(watched):
            return False
        return key.startswith(watched.prefix) and ranges.holds(watched.within, key)

    def _is_large(self, key: bytes) -> bool:
        """Whether a row that leads to the key stands for so many keys that it is not counted by the way."""
        for level in self._tree.root.walk():
            if level.state is State.READY and _is_below(key, level):
                index = level.find(child_of(key[len(level.prefix) :], level.separators)[0])
                if index >= 0 and (level.counts[index] > WALK or level.counts[index] == UNKNOWN):
                    return True
        return False


def _is_below(path: bytes, level: Level) -> bool:
    return path.startswith(level.prefix) and path != level.prefix


def _event(change: Change) -> Event:
    """The write as a watch would have told it."""
    version = 1 if change.before is None else change.before.version + 1
    kind = EventType.DELETE if change.after is None else EventType.PUT
    return Event(kind, KeyValue(change.key, change.after or b"", 0, change.revision, version, 0))
