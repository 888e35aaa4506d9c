"""What the keys of the Keys screen do: the methods of its rows in ``ui.bindings``.

An action means the row under the cursor, or the key that was named and does not exist: then it says so, and nothing
is done. Keys that come before the answer to an earlier one are held back (``ui.typeahead``), so the row is the one
that was meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text

from etcdtui.core.keytree import Row
from etcdtui.core.tree import Path
from etcdtui.core.types import KeyValue
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Chosen, Side, VisitCensus, VisitCompare, VisitHistory, Writing
from etcdtui.ui.screens import keys
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe
from etcdtui.ui.typeahead import hold_keys

if TYPE_CHECKING:  # only named here
    from etcdtui.ui.screens.keys.screen import KeysScreen


class KeysActions:
    """The actions of one Keys screen."""

    def __init__(self, screen: KeysScreen) -> None:
        self._screen = screen

    # --- what is meant -----------------------------------------------------------------------------------

    def _row(self) -> Row | None:
        """The row that is meant; what there is instead is told."""
        row = self._screen.view.current
        if self._named_in_vain():
            return None
        if row is None:
            self._screen.flash("no key is selected", "warn")
        return row

    def _place(self) -> tuple[bytes, bool] | None:
        """The key or folder that is meant, and whether it is a folder; what there is instead is told."""
        row = self._row()
        if row is not None and row.is_note:
            self._screen.flash("no key is selected", "warn")
            return None
        return None if row is None else (row.path, row.is_folder)

    def _named_in_vain(self) -> bool:
        if absent := self._screen.absent_key():
            words = Text.assemble("no such key: ", safe(absent, limit=200), "  nothing is done")
            self._screen.flash(words, "warn")
            self._screen.not_used(self._screen.drop_keys())
        return bool(absent)

    def _with_value(self, then: Callable[[], object]) -> None:
        """Do it once the value under the cursor is read, or why it cannot be is known."""
        screen = self._screen
        screen.look_now()
        if screen.value_is_settled:
            then()
            return
        hold = hold_keys(screen.app)

        async def when_read() -> None:
            try:
                await screen.browser.value.settled()
                then()
            finally:
                hold.release()

        spawn(screen, when_read, "with-value", exclusive=True)

    # --- going -------------------------------------------------------------------------------------------

    def action_find(self) -> None:
        """Ask for a path and go there."""
        keys.asking.find(self._screen)

    def action_bookmark(self) -> None:
        """Keep the place under the cursor, or no longer."""
        if (row := self._row()) is not None:
            spawn(self._screen, partial(self._screen.browser.navigation.bookmark, row.path), "places")

    def action_history_back(self) -> None:
        self._travel(self._screen.browser.navigation.places.back())

    def action_history_forward(self) -> None:
        self._travel(self._screen.browser.navigation.places.forward())

    def _travel(self, place: bytes | None) -> None:
        if place is None:
            self._screen.flash("no further place")
        else:
            self._screen.go_to(place, remember=False)

    # --- other screens -----------------------------------------------------------------------------------

    def action_watch(self) -> None:
        if (row := self._row()) is not None:
            self._screen.post_message(self._screen.GoTo("watch", row.path))

    def action_show_lease(self) -> None:
        if self._row() is not None:
            self._with_value(self._show_lease)

    def _show_lease(self) -> None:
        kv = self._screen.selected_key()
        if kv is None or not kv.lease:
            self._screen.flash("this key has no lease" if kv is not None else "no key is selected")
        else:
            self._screen.post_message(self._screen.GoTo("leases", f"{kv.lease:x}".encode()))

    def action_history(self) -> None:
        """Versions of the key, also of one that was named and does not exist; changes below the folder."""
        screen, row = self._screen, self._screen.view.current
        if row is None:
            return
        absent = screen.absent_key()
        folder = not absent and (row.is_folder or row.is_note)
        path, within = row.area if folder else (absent or row.path, row.level.within)
        frozen = screen.why_not("edit") if screen.shown_revision else ""

        def back(chosen: Chosen) -> None:
            if chosen.restore is not None:
                self._restore(chosen.restore)
            elif chosen.undelete:
                screen.start_write(partial(self._writing.undelete, path, chosen.undelete))
            elif chosen.place:
                screen.go_to(chosen.place)

        screen.host.visit(screen, VisitHistory(path, folder, within=within, frozen=frozen), back)

    def action_diff(self) -> None:
        """Two marked keys or folders side by side. Else a folder beside another place that is asked for, and of a
        snapshot a key as well; the newest two versions of a cluster's key."""
        screen, marked = self._screen, list(self._screen.browser.marks)
        if len(marked) != 2:
            row = self._row()
            if row is not None and (row.is_folder or screen.session.health.state is State.STILL):
                screen.post_message(ClusterScreen.CompareWith(row.path, alone=not row.is_folder))
            else:
                self.action_history()
            return
        folders = [path.endswith(screen.browser.tree.separators) for path in marked]
        if all(folders):
            screen.visit(VisitCompare(*(Side(screen.session, path) for path in marked)))
        elif any(folders):
            screen.flash("D compares two keys or two folders, not one of each", "warn")
        else:
            screen.visit(VisitHistory(marked[0], other=marked[1]))

    def action_search(self) -> None:
        """Search below the prefix under the cursor, or where a filter stands for the words in it."""
        self._screen.open_search("")

    def action_census(self) -> None:
        if (row := self._row()) is not None:
            self._screen.visit(VisitCensus(*row.area))

    def action_info(self) -> None:
        if (row := self._row()) is not None:
            self._with_value(partial(keys.asking.info, self._screen, row))

    def action_copy(self) -> None:
        if (row := self._row()) is not None:
            self._with_value(partial(keys.asking.copy, self._screen, row))

    def action_page_value(self) -> None:
        if (row := self._row()) is not None:
            self._with_value(partial(keys.asking.page, self._screen, row))

    def action_save_value(self) -> None:
        if (row := self._row()) is not None:
            self._with_value(partial(keys.asking.save, self._screen, row))

    # --- looking -----------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Open the filter line."""
        self._screen.filter.open()

    def action_zoom(self) -> None:
        self._screen.zoom()

    def action_refresh(self) -> None:
        self._screen.browser.read_again()

    def action_auto_refresh(self) -> None:
        self._screen.browser.freshness.turn()
        self._screen.settle()

    def action_next_view(self) -> None:
        """The next view; of a value too large to be parsed unasked, that is the parsed one."""
        self._with_value(self._next_view)

    def _next_view(self) -> None:
        if not self._screen.browser.value.force():
            self._screen.pane.next_view()

    def action_reveal(self) -> None:
        self._screen.look_now()
        self._screen.browser.value.reveal()

    # --- marks -------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        self._screen.view.toggle_mark()
        self._screen.place_changed()

    def action_mark_all(self) -> None:
        """On a folder expand all of it; on a key mark every row of its level, or every filtered row."""
        view, row = self._screen.view, self._screen.view.current
        if view.filtered is not None:
            view.mark_rows(view.filtered.rows)
        elif row is not None and row.is_folder:
            self._screen.browser.loader.expand(row)
        elif row is not None:
            view.mark_rows(Row(row.level, index, 0) for index in range(len(row.level.names)))
        self._screen.place_changed()

    def action_clear_marks(self) -> None:
        self._screen.view.clear_marks()
        self._screen.place_changed()

    # --- writing -----------------------------------------------------------------------------------------

    @property
    def _writing(self) -> Writing:
        """The flows, imported when they are first wanted: no key waits for them."""
        return self._screen.host.writing(self._screen, self._screen.reload)

    def action_edit(self) -> None:
        self._edit(external=False)

    def action_edit_external(self) -> None:
        self._edit(external=True)

    def _edit(self, *, external: bool) -> None:
        if (place := self._place()) is None:
            return
        path, folder = place
        if folder:
            self._screen.flash("this is a folder; n makes a key in it", "warn")
        else:
            value = self._screen.browser.value
            shown = value.revealed and value.key == path
            self._screen.start_write(partial(self._writing.edit, path, external=external, revealed=shown))

    def edit_field(self, line: int) -> None:
        """Edit the field on a line of the value's view, or say why not; what is typed meanwhile is for its dialog."""
        screen, key = self._screen, self._screen.selected_key()
        if why := screen.why_not("edit"):
            screen.flash(why, "warn")
        elif key is not None and not screen.browser.value.hidden:
            hold = hold_keys(screen.app)

            async def when_found() -> None:
                try:
                    path = await asyncio.to_thread(screen.pane.path_at, line)
                    if screen.selected_key() is key:
                        self._edit_field(key.key, path, line)
                finally:
                    hold.release()

            spawn(screen, when_found, "with-value", exclusive=True)

    def _edit_field(self, key: bytes, path: Path | None, line: int) -> None:
        screen, value = self._screen, self._screen.browser.value
        if path is None:
            screen.flash("no field begins on this line: e edits the whole value", "warn")
        elif value.decoded and value.decoded.masked and keys.asking.is_masked(screen, path, line):
            screen.flash("masked by the profile: x shows it first", "warn")
        else:
            screen.start_write(partial(self._writing.edit_field, key, path))

    def action_set_lease(self) -> None:
        """Put the key on a lease, or take it off."""
        if (place := self._place()) is None:
            return
        path, folder = place
        if folder:
            self._screen.flash("this is a folder; leases are of keys", "warn")
        else:
            self._screen.start_write(partial(self._writing.set_lease, path))

    def action_new(self) -> None:
        """A new key where the cursor is, or the one that was named and does not exist."""
        row = self._screen.view.current
        prefix = row.prefix if row is not None else b""
        self._screen.start_write(partial(self._writing.new, self._screen.absent_key() or prefix))

    def action_delete(self) -> None:
        if self._named_in_vain():
            return
        marked = list(self._screen.browser.marks)
        if marked:
            folders = frozenset(path for path in marked if path.endswith(self._screen.browser.tree.separators))
            self._screen.start_write(partial(self._writing.delete_marked, marked, folders))
        elif (place := self._place()) is not None:
            path, folder = place
            delete = self._writing.delete_prefix if folder else self._writing.delete_key
            self._screen.start_write(partial(delete, path))

    def action_load_value(self) -> None:
        if (place := self._place()) is None:
            return
        path, folder = place
        if folder:
            self._screen.flash("this is a folder; a file is put into a key", "warn")
        else:
            self._screen.start_write(partial(self._writing.load, path))

    def action_clone(self) -> None:
        self._move(keep=True)

    def action_move(self) -> None:
        self._move(keep=False)

    def _move(self, *, keep: bool) -> None:
        if (place := self._place()) is not None:
            path, folder = place
            self._screen.start_write(partial(self._writing.move, path, folder=folder, keep=keep))

    def action_undo(self) -> None:
        self._screen.start_write(partial(self._writing.undo, None))

    def action_save(self) -> None:
        if (row := self._row()) is not None:
            self._screen.start_write(partial(self._writing.export, row.prefix))

    def _restore(self, version: KeyValue) -> None:
        """History's ``u``: put that version back."""
        self._screen.start_write(partial(self._writing.restore, version))

    async def look_after_writes(self) -> None:
        """What a crash left behind; once after a start, when the first keys are painted."""
        writing = await asyncio.to_thread(lambda: self._writing)  # the keys stay responsive while it is imported
        if await writing.look_after():
            self._screen.start_write(writing.recover)
