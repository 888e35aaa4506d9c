"""How the Keys screen fills its tree: a worker a level, details of what is visible, news while it is looked at."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from textual.timer import Timer

from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError
from etcdtui.core.keytree import KeyTree, Level, Row, State
from etcdtui.core.listing import LEAF, UNKNOWN
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_count
from etcdtui.services.reads import browse
from etcdtui.services.reads.browse import Listing, Page
from etcdtui.services.reads.reading import Reads
from etcdtui.services.session.first_look import FirstLook
from etcdtui.services.writing.guard import UnlockKind
from etcdtui.ui.collector import leave_out_names
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Visit
from etcdtui.ui.widgets.keytree import KeyTreeView

if TYPE_CHECKING:  # only named here
    from etcdtui.ui.screens.keys.above import Above

PAINT_EVERY = 0.1
"""Seconds between two paints of a level that is loading."""
SETTLE = 0.15
"""Seconds the cursor rests before more is read for what it shows."""
EXPAND_KEYS = 2_000
"""Keys below a folder that ``*`` still opens all at once."""
EXPAND_LEVELS = 300
WAIT_STEP = 0.02
WAIT_STEPS = 3_000
"""How long going to a key waits for its level: one minute."""
READABLE = 200
KEPT_ROWS = 5_000
"""Rows of a level that stay, all of them, until it is read again; more would be held twice for long."""


def is_readable(name: bytes) -> bool:
    """Whether a name is printable text."""
    try:
        return name[:READABLE].decode().isprintable()
    except UnicodeDecodeError:
        return False


class LevelsMixin(ClusterScreen):
    """Listing, details and live news. The screen gives ``reads``, ``view`` and ``key_changed``."""

    reads: Reads
    view: KeyTreeView
    at_revision: int = 0
    auto: bool = True
    live_words: str = ""
    changes_seen: int = 0
    last_read: float = 0.0
    _listings: dict[int, Listing]
    has_rows: asyncio.Event
    first_look: FirstLook
    _settle_timer: Timer | None = None
    _live_level: Level | None = None
    _placed: bool = False
    keeps_rows: bool = True
    """Whether rows stay while their level is read again."""

    @property
    def model(self) -> KeyTree:
        return self.view.model

    @property
    def above(self) -> type[Above]:
        """What opens above this screen, imported when it is first wanted: no key waits for it."""
        from etcdtui.ui.screens.keys.above import Above

        return Above

    def key_changed(self, key: bytes) -> None:
        """A key on the screen was seen to change."""

    def place_changed(self) -> None:
        """Words about the place have changed."""

    def note_changed(self) -> None:
        """What stands in place of a level's rows is another sentence."""

    def selected_key(self) -> KeyValue | None:
        """The key under the cursor, once its value is read."""
        return None

    def selected_path(self) -> bytes | None:
        """The key or folder under the cursor."""
        return None

    def selected_prefix(self) -> bytes | None:
        """The folder under or around the cursor."""
        return None

    def selected_area(self) -> tuple[bytes, tuple[bytes, bytes]]:
        """The folder under or around the cursor, and the range that may be read of it."""
        return b"", ranges.ALL

    def clear_filter(self) -> bool:
        """Show everything again; False when nothing was filtered."""
        return False

    def go_to(self, path: bytes, *, remember: bool = True) -> None:
        """Put the cursor on a place."""

    def restore_version(self, version: KeyValue) -> None:
        """Write an older version of a key again."""

    def undelete(self, prefix: bytes, revision: int = 0) -> None:
        """Bring back what was deleted below a prefix, after a revision when one is given."""

    def visit(self, wanted: Visit) -> None:
        """Show a screen above this one; afterwards go to what was chosen there."""

    # --- listing -----------------------------------------------------------------------------------------

    def load_level(self, level: Level) -> None:
        """List a level again; its rows stay until all others are there, those of a long one until the first are."""
        if level.roots:
            return
        level.generation += 1
        keep = self.keeps_rows and level.state is State.READY and 0 < len(level.names) <= KEPT_ROWS
        work = self._load(level, level.generation, keep=keep)
        self.run_worker(work, group=f"level-{id(level)}", exclusive=True, exit_on_error=False)

    async def _listing_of(self, level: Level) -> Listing:
        """The one that was begun before the screen was built, if that is what is wanted now, or another."""
        begun = self.first_look.take_listing() if level.parent is None else None
        if begun is not None and not self.at_revision:
            return begun
        if begun is not None:
            await begun.drop()
        return Listing(
            self.reads,
            level.prefix,
            level.separators,
            within=level.within,
            known_count=level.total if level.state is State.NEW else UNKNOWN,
            revision=self.at_revision,
            page_keys=self.session.profile.page_size,
        )

    async def _load(self, level: Level, generation: int, *, keep: bool) -> None:
        listing = await self._listing_of(level)
        level.state = State.LOADING
        level.note = "" if keep else "loading…"
        level.touch()
        self.view.model_changed()
        self._listings[id(level)] = listing
        started = time.perf_counter()
        painted = float("-inf")
        fresh = True
        held: list[Page] = []
        try:
            async with aclosing(listing.pages()) as pages:
                async for page in pages:
                    if level.generation != generation:
                        return
                    if keep and not page.done and sum(len(rows) for one in held for rows in one.rows) <= KEPT_ROWS:
                        held.append(page)
                        continue
                    for news in (*held, page):
                        if fresh or news.restarted:
                            level.clear()
                            fresh = False
                        self._apply_page(level, news)
                    held, keep = [], False
                    if not self._placed:
                        self._place_cursor(level)
                    now = time.perf_counter()
                    if page.done or now - painted > PAINT_EVERY:
                        painted = now
                        self._paint()
                    await asyncio.sleep(0)
            self.last_read = time.perf_counter() - started
        except EtcdError as error:
            if level.generation == generation:
                self._failed(level, error)
        finally:
            self._listings.pop(id(level), None)
            if level.generation == generation:
                self._paint()
                self.place_changed()
                self.has_rows.set()

    def _place_cursor(self, level: Level) -> None:
        """The cursor starts on the first name that can be read and typed; binary ones sort before it."""
        if level.parent is not None:
            return
        first = next((i for i, name in enumerate(level.names) if is_readable(name)), -1)
        self._placed = first >= 0 or level.state is State.READY or self.view.cursor > 0
        if first > 0 and not self.view.cursor:
            self.view.model_changed()
            self.view.cursor = self.model.number(level, first)

    def _apply_page(self, level: Level, page: Page) -> None:
        if page.restarted:
            self.flash("history was compacted while this level was read: reading it again", "warn")
        for rows in page.rows:
            level.insert(rows)
        level.spared = level.spared or leave_out_names(len(level.names))
        level.settle(page.counts)
        level.total = page.total
        if page.done and level.parent is not None and level.parent.roots:  # start places are counted by nobody else
            known = (*level.parent.opened.items(), *level.parent.closed.items())
            level.parent.settle([(name, page.total) for name, below in known if below is level])
        level.revision = page.revision
        level.hole = page.hole if page.total >= 0 else None
        if page.done:
            level.state = State.READY
            level.hole = None
            level.note = "" if level.names else self._empty_words(level)
        else:
            total = f" of about {format_count(page.total)}" if page.total >= 0 else ""
            level.note = f"{format_count(page.keys_seen)}{total} keys read  esc stops"
        level.touch()

    def _empty_words(self, level: Level) -> str:
        """What is missing, and only what can be done about it now."""
        where = f"under {level.prefix.decode('utf-8', 'backslashreplace')}" if level.prefix else "in this store"
        if self.at_revision:
            return f"No keys {where} at revision {self.at_revision}."
        elsewhere = "; f looks elsewhere" if level.prefix else ""
        return f"No keys {where}. {self.way_to_create()}{elsewhere}."

    def way_to_create(self) -> str:
        """How a key can be created now, or why it can not, as a clause."""
        guard = self.session.guard
        if guard.writable:
            return self.session.health.why_no_puts or "n creates one"
        if guard.unlock_requirement().kind is UnlockKind.NEVER:
            return guard.locked_words()
        return "READ-ONLY: ! unlocks writes, then n creates one"

    def actions_changed(self) -> None:
        """What an empty level says depends on what can be done."""
        super().actions_changed()
        for level in self.model.root.walk():
            if level.state is State.READY and not level.names and level.note:
                words = self._empty_words(level)
                if words != level.note:
                    level.note = words
                    level.touch()
                    self.view.model_changed()
                    self.note_changed()

    def _failed(self, level: Level, error: EtcdError) -> None:
        level.state = State.FAILED
        level.hole = None
        level.note = f"could not load · r to retry · {error.title}: {error.message}"
        level.touch()

    def expand_all(self, row: Row) -> None:
        """Open everything below a folder, if that is little enough."""
        if row.count > EXPAND_KEYS:
            many = format_count(row.count)
            self.flash(f"{many} keys are too many to expand at once (at most {format_count(EXPAND_KEYS)})", "warn")
            return
        root = row.level.roots.get(row.name)
        if root is None or root.readable:
            self.run_worker(self._expand(row.level.open(row.index)), group="expand", exclusive=True)

    async def _expand(self, level: Level) -> None:
        waiting, opened = [level], 0
        while waiting:
            level = waiting.pop(0)
            if opened >= EXPAND_LEVELS:
                self.flash(f"stopped after {EXPAND_LEVELS} folders: * on one of the others goes on", "warn")
                return
            opened += 1
            if level.state is not State.READY:
                self.load_level(level)
            await self.listed(level)
            if level.state is not State.READY or level.total > EXPAND_KEYS:
                return
            waiting += [level.open(i) for i, count in enumerate(level.counts) if count != LEAF]
            self.view.model_changed()

    async def listed(self, level: Level, name: bytes = b"") -> None:
        """Wait until a level is listed, at most a minute; with a name until that row is there."""
        for _ in range(WAIT_STEPS):
            if level.state not in (State.NEW, State.LOADING) or (name and level.find(name) >= 0):
                return
            await asyncio.sleep(WAIT_STEP)

    def stop_loading(self) -> bool:
        """Stop listings that run; what is there stays usable. False when none ran."""
        stopped = False
        self.workers.cancel_group(self, "expand")
        for level in self.model.root.walk():
            if level.state is State.LOADING:
                level.generation += 1
                self.workers.cancel_group(self, f"level-{id(level)}")
                level.state = State.STOPPED if level.note else State.READY  # without a note all its rows have stayed
                if level.note:
                    level.note = f"stopped: {format_count(len(level.names))} rows loaded · r reads on"
                level.touch()
                stopped = True
        if stopped:
            self._paint()
        return stopped

    def reload_level(self, level: Level) -> None:
        """Read a level again with what is open in it, keeping cursor and scroll."""
        self.load_level(level)
        for below in list(level.opened.values()):
            self.reload_level(below)

    def _paint(self) -> None:
        self.view.model_changed()
        self.settle()
        self.rows_changed()

    def rows_changed(self) -> None:
        """The tree has other rows; the cursor may be on one that was not there before."""

    # --- details and news --------------------------------------------------------------------------------

    def settle(self) -> None:
        """Once the cursor rests: read details of the rows on the screen and follow the level under it."""
        if self._settle_timer is not None:
            self._settle_timer.stop()
        self._settle_timer = self.set_timer(SETTLE, self._settled)

    def _settled(self) -> None:
        if keys := self.view.visible_leaves():
            self.run_worker(self._read_details(keys), group="details", exclusive=True, exit_on_error=False)
        self.follow()

    def follow(self) -> None:
        """Keep the level under the cursor fresh."""

    async def _read_details(self, keys: list[bytes]) -> None:
        try:
            async for found in browse.details(self.reads, keys, revision=self.at_revision):
                self.view.add_details(found)
        except EtcdError as error:
            self.flash(f"sizes could not be read: {error.title}", "warn")
