"""How levels of the tree are read: each in work of its own, page after page, with news for whoever waits or paints.

A level's rows can be used while the rest comes. Reading it again leaves its rows where they are until all others are
there, those of a long one until the first are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import field
from functools import partial

from etcdtui.core.errors import EtcdError
from etcdtui.core.keytree import KeyTree, Level, Row, State
from etcdtui.core.listing import LEAF, UNKNOWN
from etcdtui.core.safe_text import safe_text
from etcdtui.core.units import format_count
from etcdtui.core.value import record
from etcdtui.services.reads.browse import PAGE_KEYS, Listing, Page
from etcdtui.services.reads.reading import Reads
from etcdtui.services.tree import news
from etcdtui.services.tree.news import Start, Tell, Work

EXPAND_KEYS = 2_000
"""Keys below a folder that can still be opened all at once."""
EXPAND_LEVELS = 300
KEPT_ROWS = 5_000
"""Rows of a level that stay, all of them, until it is read again; more would be held twice for long."""
WHERE = 200
"""Characters of a prefix in a sentence."""


@record(frozen=False, eq=False)
class _Load:
    """A level being read. ``waiting`` are told of each page and of the end."""

    keep: bool
    known_count: int = UNKNOWN
    work: Work | None = None
    listing: Listing | None = None
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def wake(self) -> None:
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)


class Loader:
    """``begun`` gives a listing of the root whose first requests are sent already, once. ``spare`` is told how long a
    level's list of names has become, and answers whether garbage collections leave it out now. ``creating`` says how a
    key can be created at the moment, or why it cannot, as a clause.
    """

    def __init__(
        self,
        tree: KeyTree,
        reads: Reads,
        tell: Tell,
        start: Start,
        *,
        page_keys: int = PAGE_KEYS,
        begun: Callable[[], Listing | None] = lambda: None,
        spare: Callable[[int], bool] = lambda _: False,
        creating: Callable[[], str] = lambda: "n creates one",
    ) -> None:
        self._tree = tree
        self._reads = reads
        self._tell = tell
        self._start = start
        self._page_keys = page_keys
        self._begun = begun
        self._spare = spare
        self._creating = creating
        self._loads: dict[Level, _Load] = {}
        self._priced: set[Level] = set()
        """Levels of which was told what reading them costs others: reading them again is asking for it."""
        self._expanding: Work | None = None

    # --- reading -----------------------------------------------------------------------------------------

    def load(self, level: Level, *, keep: bool = True) -> None:
        """List a level, again if need be. Without ``keep`` its rows go at once: they are of another time."""
        if level.roots:
            return
        self._break_off(level)
        level.generation += 1
        keeps = keep and level.state is State.READY and 0 < len(level.names) <= KEPT_ROWS
        known_count = level.total if level.state is State.NEW else UNKNOWN
        level.state = State.LOADING
        level.note = "" if keeps else "loading…"
        level.touch()
        load = self._loads[level] = _Load(keeps, known_count)
        load.work = self._start(f"level-{id(level)}", partial(self._load, level, load))
        self._tell(news.Rows(level, last=False))

    def reload(self, level: Level, *, keep: bool = True) -> None:
        """Read a level again with what is open in it."""
        self.load(level, keep=keep)
        for below in list(level.opened.values()):
            self.reload(below, keep=keep)

    def enter(self, level: Level, index: int) -> Level:
        """The level below a folder, open and read or on its way."""
        below = level.open(index)
        self.show(below)
        return below

    def show(self, level: Level) -> None:
        """A level was opened: read it unless that was done before."""
        if level.state in (State.NEW, State.FAILED):
            self.load(level)
        else:
            self._tell(news.Opened(level))

    async def listed(self, level: Level, name: bytes = b"") -> None:
        """Wait until nothing more comes of a level; with a name until that row is there."""
        while (load := self._loads.get(level)) is not None and not (name and level.find(name) >= 0):
            load.waiting.append(turn := asyncio.get_running_loop().create_future())
            await turn

    def from_end(self) -> None:
        """Somebody wants to see the end of the levels that are being read: it comes first."""
        for load in self._loads.values():
            if load.listing is not None:
                load.listing.from_end = True

    async def _load(self, level: Level, load: _Load) -> None:
        started = time.perf_counter()
        try:
            await self._read(level, load)
        except EtcdError as error:
            self._failed(level, f"{error.title}: {error.message}")
        except Exception:
            self._failed(level, "a fault of this program")
            raise
        finally:
            if self._loads.get(level) is load:
                del self._loads[level]
                self._tell(news.Listed(level, time.perf_counter() - started))
            load.wake()

    async def _read(self, level: Level, load: _Load) -> None:
        load.listing = listing = await self._listing_of(level, load.known_count)
        fresh = True
        held: list[Page] = []
        async with aclosing(listing.pages()) as pages:
            async for page in pages:
                held.append(page)
                if load.keep and not page.done and sum(len(rows) for one in held for rows in one.rows) <= KEPT_ROWS:
                    continue
                for one in held:
                    if fresh or one.restarted:
                        level.clear()
                        fresh = False
                    self._take(level, one)
                held, load.keep = [], False
                load.wake()
                self._tell(news.Rows(level, last=page.done))
                await asyncio.sleep(0)

    async def _listing_of(self, level: Level, known_count: int) -> Listing:
        """The one that was begun before there was anybody to show it, if that is what is wanted now, or another."""
        begun = self._begun() if level.parent is None else None
        if begun is not None and not self._tree.revision:
            return begun
        if begun is not None:
            await begun.drop()
        return Listing(
            self._reads,
            level.prefix,
            level.separators,
            within=level.within,
            known_count=known_count,
            revision=self._tree.revision,
            page_keys=self._page_keys,
            allowed=level in self._priced,
        )

    def _take(self, level: Level, page: Page) -> None:
        if page.restarted:
            self._tell(news.Said("history was compacted while this level was read: reading it again", "warn"))
        level.expect(page.named)
        for rows in page.rows:
            level.insert(rows)
        for name in page.gone:
            level.remove(name)
        level.guesses = dict(page.guesses)
        level.spared = level.spared or self._spare(len(level.names))
        level.settle(page.counts)
        level.total = page.total
        level.revision = page.revision
        level.hole = page.hole if page.total >= 0 or (page.charted and not page.guesses) else None
        if page.price:
            self._priced.add(level)
            level.state = State.STOPPED
            level.note = f"not read: {page.price} · r reads it all the same"
        elif page.done:
            level.state = State.READY
            level.hole = None
            level.note = self.empty_words(level)
            self.tell_start_place(level)
        elif page.charted and page.total < 0:
            where = f" at {page.where}" if page.where else ""
            level.note = f"checking {page.share * 100:.0f} %{where}  esc stops"
        else:
            total = f" of about {format_count(page.total)}" if page.total >= 0 else ""
            level.note = f"{format_count(page.keys_seen)}{total} keys read  esc stops"
        level.touch()

    @staticmethod
    def tell_start_place(level: Level) -> None:
        """Start places are counted by nobody else than the level below them."""
        for above, name in level.around():
            if above.roots:
                above.settle([(name, level.total)])
            return

    def _failed(self, level: Level, why: str) -> None:
        level.state = State.FAILED
        level.hole = None
        level.note = f"could not load · r to retry · {why}"
        level.touch()

    # --- stopping ----------------------------------------------------------------------------------------

    def stop(self) -> bool:
        """Break off what is being read; what is there stays usable. False when nothing was."""
        if self._expanding is not None:
            self._expanding.cancel()
        stopped = [level for level in self._loads if level.state is State.LOADING]
        for level in stopped:
            self._break_off(level)
            level.generation += 1
            level.state = State.STOPPED if level.note else State.READY  # without a note all its rows have stayed
            if level.note:
                level.note = f"stopped: {format_count(len(level.names))} rows loaded · r reads on"
            level.touch()
            self._tell(news.Rows(level))
        return bool(stopped)

    def _break_off(self, level: Level) -> None:
        load = self._loads.pop(level, None)
        if load is not None:
            if load.work is not None:
                load.work.cancel()
            load.wake()

    # --- empty levels ------------------------------------------------------------------------------------

    def empty_words(self, level: Level) -> str:
        """What stands in place of a level's rows, and only what can be done about it now; empty when it has rows."""
        if level.names:
            return ""
        where = f"under {safe_text(level.prefix, limit=WHERE).text}" if level.prefix else "in this store"
        if self._tree.revision:
            return f"No keys {where} at revision {self._tree.revision}."
        elsewhere = "; f looks elsewhere" if level.prefix else ""
        return f"No keys {where}. {self._creating()}{elsewhere}."

    def settle_notes(self) -> bool:
        """Bring the sentences of empty levels up to date; whether one is another now."""
        changed = False
        for level in self._tree.root.walk():
            if level.state is State.READY and not level.roots and level.note != (words := self.empty_words(level)):
                level.note = words
                level.touch()
                changed = True
        if changed:
            self._tell(news.Rows())
        return changed

    # --- opening all of a folder -------------------------------------------------------------------------

    def expand(self, row: Row) -> None:
        """Open everything below a folder, if that is little enough."""
        if (keys := max(row.count, row.guess)) > EXPAND_KEYS:
            many, most = format_count(keys), format_count(EXPAND_KEYS)
            self._tell(news.Said(f"{many} keys are too many to expand at once (at most {most})", "warn"))
            return
        root = row.level.roots.get(row.name)
        if root is None or root.readable:
            self._expanding = self._start("expand", partial(self._expand, row.level.open(row.index)))

    async def _expand(self, level: Level) -> None:
        waiting, opened = [level], 0
        while waiting:
            level = waiting.pop(0)
            if opened >= EXPAND_LEVELS:
                words = f"stopped after {EXPAND_LEVELS} folders: * on one of the others goes on"
                self._tell(news.Said(words, "warn"))
                return
            opened += 1
            if level.state is not State.READY:
                self.load(level)
            await self.listed(level)
            if level.state is not State.READY or level.total > EXPAND_KEYS:
                return
            waiting += [level.open(i) for i, count in enumerate(level.counts) if count != LEAF]
            self._tell(news.Rows(level))
