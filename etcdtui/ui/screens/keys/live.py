"""How the levels on the Keys screen stay fresh: a small one is watched, a large one is checked again by its gaps."""

from __future__ import annotations

import time

from textual.timer import Timer

from etcdtui.core import ranges
from etcdtui.core.errors import Compacted, EtcdError, WatchCancelled
from etcdtui.core.keytree import Level, State
from etcdtui.core.types import WatchBatch
from etcdtui.services.reads import browse
from etcdtui.ui.screens.keys.levels import PAINT_EVERY, LevelsMixin

NEWS_EVERY = 0.25
"""Seconds between two pictures of changes: each is composed anew from the title down to the status line."""
WATCH_KEYS = 5_000
"""A level with no more keys below is watched; a larger one is checked again by its gaps."""
REFRESH_ROWS = 2_000
"""Rows of a level checked at once; of a longer one, those on the screen."""
POLLED_LEVELS = 20


class LiveMixin(LevelsMixin):
    """News of the cluster for the tree."""

    def follow(self) -> None:
        """Watch the level under the cursor, or the largest one around it that is small enough to be watched."""
        row = self.view.current
        level = row.level if row is not None else self.model.root
        while level.parent is not None and 0 <= level.parent.total <= WATCH_KEYS and not level.parent.roots:
            level = level.parent
        if self.at_revision or not self.auto:
            self.workers.cancel_group(self, "live")
            self._live_level = None
            self.live_words = "" if self.at_revision else "automatic refresh off"
            self.place_changed()
            return
        if self._live_level is not None and level in self._live_level.walk() and self.live_words == "live":
            return
        if level is self._live_level or level.roots or level.state is not State.READY:
            return
        self._live_level = level
        self.run_worker(self._live(level), group="live", exclusive=True, exit_on_error=False)

    async def _live(self, level: Level) -> None:
        every = self.session.profile.refresh
        try:
            if 0 <= level.total <= WATCH_KEYS:
                await self._watch(level)
            self.live_words = f"checked every {every:g} s" if every > 0 else ""
            self.place_changed()
        except (Compacted, WatchCancelled):
            self._live_level = None
            self.reload_level(level)
        except EtcdError as error:
            self._live_level = None
            self.live_words = f"not live: {error.title}"
            self.place_changed()

    def poll(self) -> None:
        """Check again what is on the screen and not watched; call it every ``refresh`` seconds."""
        if self.auto and self.is_current and not self.at_revision:
            self.run_worker(self._poll(), group="poll", exclusive=True, exit_on_error=False)

    async def _poll(self) -> None:
        shown = {id(row.level): row.level for row in map(self.view.row_at, self.view.visible_rows())}
        watched = (
            {id(level) for level in self._live_level.walk()} if self.live_words == "live" and self._live_level else ()
        )
        try:
            for key, level in list(shown.items())[:POLLED_LEVELS]:
                if key not in watched:
                    await self.check_level(level)
        except EtcdError as error:
            self.live_words = f"not live: {error.title}"
            self.place_changed()

    async def _watch(self, level: Level) -> None:
        area = ranges.intersect(ranges.prefix_range(level.prefix), level.within)
        if area is None:
            return
        shown = [below.revision for below in level.walk() if below.state is State.READY]
        async with self.session.client.watch(
            area[0], range_end=area[1] or None, start_revision=min(shown) + 1
        ) as batches:
            self.live_words = "live"
            self.place_changed()
            painted = 0.0
            async for batch in batches:
                if self._apply_batch(level, batch) and time.perf_counter() - painted > PAINT_EVERY / 2:
                    painted = time.perf_counter()
                self._paint_news()

    def _apply_batch(self, watched: Level, batch: WatchBatch) -> bool:
        changed = False
        for event in batch.events:
            self.view.details.pop(event.kv.key, None)
            if self.model.apply(event):
                changed = True
                self.changes_seen += 1
            self.key_changed(event.kv.key)
        if batch.events:  # a watch that begins again must not count them twice
            newest = batch.events[-1].kv.mod_revision
            for level in watched.walk():
                if level.state is State.READY:
                    level.revision = max(level.revision, newest)
        if batch.revision:
            self.session.monitor.saw_revision(batch.revision)
        self._news = self._news or changed
        return changed

    _news: bool = False
    _news_timer: Timer | None = None

    def _paint_news(self) -> None:
        """At most one paint in ``NEWS_EVERY`` seconds, however many changes arrive."""
        if self._news and self._news_timer is None:
            self._news_timer = self.set_timer(NEWS_EVERY, self._news_painted)

    def _news_painted(self) -> None:
        self._news_timer = None
        self._news = False
        for level in self.model.root.walk():
            if level.state is State.READY and not level.roots:
                level.note = "" if level.names else self._empty_words(level)
                level.touch()
        self._paint()
        self.place_changed()

    async def check_level(self, level: Level) -> None:
        """Check the rows of a level again by its gaps: all of them, or those on the screen when it is long."""
        if level.state is not State.READY or level.roots or not level.names:
            return
        first, last = self._part(level)
        area = ranges.intersect(ranges.prefix_range(level.prefix), level.within)
        if area is None:
            return
        start = area[0] if first == 0 else level.path(first)
        end = area[1] if last >= len(level.names) else level.path(last)
        generation = level.generation
        result = await browse.refresh(
            self.reads, level.prefix, level.separators, level.children(first, last), start, end
        )
        if level.generation != generation:
            return
        if result.relist:
            self.reload_level(level)
            return
        changed = False
        for region in result.regions:
            changed |= level.replace(region)
            for name, mod_revision, _ in region.seen:
                path = level.prefix + name
                known = self.view.details.get(path)
                if known is not None and known.mod_revision != mod_revision:
                    del self.view.details[path]
                    level.mark((name,))
                    self.key_changed(path)
                    changed = True
        level.revision = max(level.revision, result.revision)
        if changed:
            self.changes_seen += 1
            self._paint()
        self.place_changed()

    def _part(self, level: Level) -> tuple[int, int]:
        """The half-open range of children to check."""
        if len(level.names) <= REFRESH_ROWS:
            return 0, len(level.names)
        shown = [
            row.index
            for row in map(self.view.row_at, self.view.visible_rows())
            if row.level is level and row.index >= 0
        ]
        return (min(shown), max(shown) + 1) if shown else (0, 0)
