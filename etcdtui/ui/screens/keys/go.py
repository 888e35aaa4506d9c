"""Ways around the Keys screen: find by path, back and forward, bookmarks, other screens, copies, other times."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual.worker import WorkerError

from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError
from etcdtui.core.keytree import Level, Root, State
from etcdtui.core.listing import LEAF, UNKNOWN, Child, folders_of
from etcdtui.core.units import format_size
from etcdtui.services.reads.browse import Listing
from etcdtui.services.tree.places import Places
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Chosen, Visit, VisitCensus, VisitHistory, VisitSearch
from etcdtui.ui.screens.keys.facts import lease_words
from etcdtui.ui.screens.keys.levels import LevelsMixin
from etcdtui.ui.screens.keys.pane import ValuePane
from etcdtui.ui.text import safe

if TYPE_CHECKING:  # only named here; it comes through ``above``, after the first keys
    from etcdtui.ui.modals.find import Suggestion

COPY_LINES = 100_000
KUBERNETES = b"k8s:"
"""In front of a name typed into find: look for it below ``REGISTRY``."""
REGISTRY = b"/registry/"


class GoMixin(LevelsMixin):
    """Everything that moves the cursor to a place or away to another screen."""

    separators: tuple[bytes, ...]
    places: Places
    pane: ValuePane
    absent: tuple[bytes, int] = (b"", -1)
    """A key that was asked for and does not exist, and where the cursor was then."""

    # --- going to a place --------------------------------------------------------------------------------

    def show_place(self, place: bytes) -> None:
        self.go_to(place)

    def go_to(self, path: bytes, *, remember: bool = True) -> None:
        """Open the folders on the way and put the cursor on a key or folder; say so when it does not exist."""
        self.clear_filter()
        if remember:
            self.visited(path)
        self.run_worker(self._go(path), group="go", exclusive=True, exit_on_error=False)

    def visited(self, path: bytes) -> None:
        """Somebody went there: for back and forward, and for later runs."""
        self.places.visit(path)
        self._keep(self.places.keep_visit, path)

    def _keep(self, save: Callable[..., None], *what: bytes | str) -> None:
        """Write the small file of places, outside of the screen's own time; one that cannot be written is told."""

        async def write() -> None:
            try:
                await asyncio.to_thread(save, self.session.writes.state, *what)
            except OSError as error:
                self.flash(f"places are not kept: {error.strerror}", "warn")

        self.run_worker(write(), group="places", exit_on_error=False)

    async def _go(self, path: bytes) -> None:
        for worker in list(self.workers):
            if worker.group == "revision":  # the place is wanted as it was then
                with contextlib.suppress(WorkerError):
                    await worker.wait()
        level = self._root_for(path)
        if level is None:
            self.flash("that place is outside of what you may read", "warn")
            return
        start = level.prefix
        if path == start and level.parent is not None:
            self._on_folder(level)
            self.view.show_below(level)
            self.view.model_changed()
            return
        for folder in [start + f for f in folders_of(path[len(start) :], self.separators)]:
            name = folder[len(level.prefix) :]
            index = await self._wait_for(level, name)
            if index < 0:
                self._not_found(level, path)
                return
            if folder == path:
                self.view.cursor = self.model.number(level, index)
                self.view.show_below(level.open(index))
                self._enter(level, index)
                return
            level = self._enter(level, index)
        index = await self._wait_for(level, path[len(level.prefix) :])
        if index < 0 and path[len(level.prefix) :]:
            self._not_found(level, path)
        elif index >= 0:
            self.view.cursor = self.model.number(level, index)

    def absent_key(self) -> bytes:
        """The key that was just looked for in vain, while the cursor has not moved since."""
        path, cursor = self.absent
        return path if cursor == self.view.cursor else b""

    def _root_for(self, path: bytes) -> Level | None:
        """The level to start from: the root, or the start place that holds ``path``."""
        root = self.model.root
        if not root.roots:
            return root
        for index, name in enumerate(root.names):
            place: Root = root.roots[name]
            if not place.readable:
                continue
            if place.within[1] == b"" and place.within[0] == path:
                return root
            if ranges.holds(place.within, path) or path == place.prefix:
                return self._enter(root, index) if root.counts[index] != LEAF else root
        return None

    def _enter(self, level: Level, index: int) -> Level:
        below = level.open(index)
        if below.state in (State.NEW, State.FAILED):
            self.load_level(below)
        self.view.model_changed()
        return below

    async def _wait_for(self, level: Level, name: bytes) -> int:
        await self.listed(level, name)
        return level.find(name)

    def _on_folder(self, level: Level) -> None:
        """The cursor on the folder whose level this is."""
        if (above := level.parent) is not None:
            name = next((n for n, below in above.opened.items() if below is level), b"")
            if (index := above.find(name)) >= 0:
                self.view.cursor = self.model.number(above, index)

    def _not_found(self, level: Level, path: bytes) -> None:
        self._on_folder(level)
        self.absent = (path, self.view.cursor)
        creates = "n creates it, " if not self.why_not("new") else ""
        self.flash(Text.assemble("no such key: ", safe(path, limit=200), f"  {creates}H shows whether it was there"))

    # --- find, bookmarks, back and forward ---------------------------------------------------------------

    def action_find(self) -> None:
        """Ask for a path and go there."""
        names = {path: f"bookmark {name}" for name, path in self.places.bookmarks.items()}
        places = [self.above.suggestion(path, note=name) for path, name in names.items()]
        places += [self.above.suggestion(path, note="recent") for path in self.places.recent() if path not in names]

        def found(path: bytes | None) -> None:
            if path and path.startswith(KUBERNETES):
                self._find_objects(path.removeprefix(KUBERNETES))
            elif path:
                self.go_to(path)

        self.app.push_screen(self.above.find(self._complete, self._folder_of, places=places), found)

    def _find_objects(self, name: bytes) -> None:
        """Everything under a namespace, or of a name, wherever the apiserver keeps it."""
        word = re.escape(name.strip(b"/ ").decode("utf-8", "surrogateescape"))
        if word:
            self.visit(VisitSearch(REGISTRY, f"^//{word}(/|$)/"))

    def _folder_of(self, typed: bytes) -> bytes:
        folders = folders_of(typed, self.separators)
        return folders[-1] if folders else b""

    async def _complete(self, folder: bytes, typed: bytes) -> tuple[list[Suggestion], bool]:
        """The children of a folder: from the tree when it is loaded, else those the server has for what is typed."""
        for level in self.model.root.walk():
            if level.prefix == folder and level.state is State.READY and not level.roots:
                return self._suggestions(folder, level.children()), True
        if self.model.is_limited and not folder:
            starts = self.model.root.roots.values()
            return [self.above.suggestion(root.prefix, note="your start place") for root in starts], True
        root = self._root_for(folder)
        within = ranges.ALL if root is None else root.within
        area = ranges.intersect(within, ranges.prefix_range(typed))
        if area is None:
            return [], False
        listing = Listing(self.reads, folder, self.separators, within=area, revision=self.at_revision)
        rows: dict[bytes, Child] = {}
        whole = False
        async with aclosing(listing.pages()) as pages:
            async for page in pages:
                rows.update((row.name, row) for part in page.rows for row in part)
                rows.update((name, replace(rows[name], count=count)) for name, count in page.counts if name in rows)
                whole = page.done
                hole = page.hole
                if hole is None or sum(folder + name < hole for name in rows) >= self.above.suggestions_shown:
                    break
        found = [rows[name] for name in sorted(rows)]
        return self._suggestions(folder, found), whole and typed == folder

    def _suggestions(self, folder: bytes, found: list[Child]) -> list[Suggestion]:
        kind = self.above.suggestion
        return [kind(folder + child.name, child.count if child.count != LEAF else -1) for child in found]

    def action_bookmark(self) -> None:
        """Keep the place under the cursor, or no longer."""
        path = self.selected_path()
        if path is None:
            return
        name = self.places.name_of(path)
        if name in self.places.fixed and name:
            self.flash(Text.assemble("the profile's bookmark ", safe(name, limit=80), ": change it in the config file"))
            return
        if name:
            self.places.drop(path)
        self._keep(self.places.keep_bookmark, path, added := "" if name else self.places.add(path))
        words = ("bookmarked, f finds it: ", safe(added, limit=80)) if added else ("no bookmark any more: ", safe(name))
        self.flash(Text.assemble(*words))

    def action_history_back(self) -> None:
        self._travel(self.places.back())

    def action_history_forward(self) -> None:
        self._travel(self.places.forward())

    def _travel(self, place: bytes | None) -> None:
        if place is None:
            self.flash("no further place")
        else:
            self.go_to(place, remember=False)

    def visit(self, wanted: Visit) -> None:
        """Show a screen above this one; afterwards go to what was chosen there."""

        def back(chosen: Chosen) -> None:
            self.view.marked |= chosen.marks
            if chosen.place:
                self.go_to(chosen.place)

        self.host.visit(self, wanted, back)

    # --- other screens -----------------------------------------------------------------------------------

    def action_watch(self) -> None:
        path = self.selected_path()
        if path is not None:
            self.post_message(self.GoTo("watch", path))

    def action_ttl(self) -> None:
        kv = self.selected_key()
        if kv is None or not kv.lease:
            self.flash("this key has no lease" if kv is not None else "no key selected")
            return
        self.post_message(self.GoTo("leases", f"{kv.lease:x}".encode()))

    def action_history(self) -> None:
        row = self.view.current
        if row is not None:
            path = self.absent_key() or row.path
            within = row.level.within
            folder = (row.is_folder or row.is_note) and path == row.path
            if folder:
                path, within = self.selected_area()
            frozen = self.why_not("edit") if self.at_revision else ""

            def back(chosen: Chosen) -> None:
                if chosen.restore is not None:
                    self.restore_version(chosen.restore)
                elif chosen.undelete:
                    self.undelete(path, chosen.undelete)
                elif chosen.place:
                    self.go_to(chosen.place)

            self.host.visit(self, VisitHistory(path, folder, within=within, frozen=frozen), back)

    def action_diff(self) -> None:
        """Two marked keys side by side; else the newest two versions of the key."""
        keys = sorted(self.view.marked)
        if len(keys) == 2:
            self.visit(VisitHistory(keys[0], other=keys[1]))
        else:
            self.action_history()

    def action_census(self) -> None:
        prefix, within = self.selected_area()
        self.visit(VisitCensus(prefix, within))

    def action_info(self) -> None:
        """Everything known about the selection, in words."""
        row = self.view.current
        if row is None:
            return
        kv = self.selected_key()
        lines = [Text.assemble("path     ", safe(row.path, limit=2_000)), safe(f"bytes    {row.path.hex(' ')[:600]}")]
        lines.append(safe(f"listed   at revision {row.level.revision}"))
        if row.is_folder:
            lines.append(safe(f"keys     {row.count if row.count != UNKNOWN else 'not counted'}"))
        if kv is not None:
            lines += [
                safe(f"size     {format_size(len(kv.value))} ({len(kv.value)} bytes)"),
                safe(f"version  {kv.version}, so it was written {kv.version} times since it was created"),
                safe(f"created  in revision {kv.create_revision}"),
                safe(f"changed  in revision {kv.mod_revision}"),
                safe(lease_words(kv.lease, self.pane.ttl) or "no lease"),
                safe(self.pane.decoded.how if self.pane.decoded else ""),
            ]
        self.app.push_screen(self.above.message(Text("info"), Text("\n").join(lines)))

    # --- copy --------------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        row = self.view.current
        if row is None:
            return
        pane = self.pane
        kv = self.selected_key()
        lines = "" if kv is None or pane.hidden else "\n".join(pane.lines()[:COPY_LINES])
        namespace = self.session.guard.policy.namespace
        folder = row.is_folder or row.is_note
        copies = self.above.copies(
            kv, row.path, folder, pane.decoded, lines, pane.hidden, pane.view_name, namespace=namespace
        )
        self.above.offer_copies(self, copies)

    # --- other times -------------------------------------------------------------------------------------

    def show_revision(self, revision: int) -> None:
        """The whole tree as of ``revision`` (negative: that many before now; 0: now again)."""
        self.run_worker(self._show_revision(revision), group="revision", exclusive=True, exit_on_error=False)

    async def _show_revision(self, revision: int) -> None:
        if revision == 0:
            self.leave_revision()
            return
        try:
            starts = self.model.root.roots.values()
            readable = next((root.within[0] for root in starts if root.readable), ranges.ALL[0])
            reach = await self.above.reach(self.reads, readable)
        except EtcdError as error:
            self.flash(error_line(error), "bad")
            return
        wanted = reach.head + revision if revision < 0 else revision
        if not reach.oldest <= wanted <= reach.head:
            self.flash(
                f"revision {wanted} cannot be shown: history reaches from {reach.oldest} to {reach.head}"
                + (", older ones are compacted away" if reach.compacted else ""),
                "warn",
            )
            return
        self.at_revision = wanted
        self.flash(f"as of revision {wanted}; history reaches back to revision {reach.oldest}", "warn")
        self._reread()

    def leave_revision(self) -> bool:
        """Back to now; False when now is shown already."""
        if not self.at_revision:
            return False
        self.at_revision = 0
        self.flash("back to now")
        self._reread()
        return True

    def _reread(self) -> None:
        self._live_level = None
        self.workers.cancel_group(self, "live")
        self.keeps_rows = False  # those of another time
        self.action_refresh()
        self.keeps_rows = True
        self.actions_changed()
        self.place_changed()

    def action_refresh(self) -> None:
        """Read again what is shown."""
