"""History: versions of a key with the difference between two of them; for a prefix, what changed since a revision."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from etcdtui.core.diff import summarise
from etcdtui.core.errors import Compacted, EtcdError
from etcdtui.core.search import KeyGlob
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_count, format_size
from etcdtui.services.reads import browse, history
from etcdtui.services.reads.history import Break, Change, KeyChange, Mark, Version
from etcdtui.services.session.session import Session
from etcdtui.services.values.decoders import ValueDecoders
from etcdtui.services.values.valuediff import NOTHING, field_changes, hiding
from etcdtui.ui.bindings import HISTORY, Action
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.copying import choices, offer
from etcdtui.ui.frame.host import Host, VisitHistory
from etcdtui.ui.frame.place import PlaceScreen
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.screens.history.diff import DIFF_LINES, DiffLine, DiffView, line_diff, title_of
from etcdtui.ui.spawn import listen, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.panehead import Pane, PaneHead
from etcdtui.ui.widgets.table import Column, LineTable

INLINE_SIZE = 32 * 1024
"""Bytes of two values that are compared at once; more than that in a thread."""
FIELDS_TOLD = 5
FIELD_CHARS = 200
DEFAULT_BACK = 1_000
"""Revisions a prefix is looked back at first."""


Row = Version | Break | KeyChange


class HistoryScreen(PlaceScreen):
    """Versions left, difference right. ``space`` marks two for ``D``; enter shows one against the one before it."""

    screen_name: ClassVar[str] = HISTORY
    number: ClassVar[int] = 1
    label: ClassVar[str] = "History"
    about: ClassVar[str] = (
        "Older versions, found by walking back; etcd stores no times.\n"
        "For a prefix: what was deleted, changed or added since a revision."
    )

    DEFAULT_CSS = """
    HistoryScreen LineTable { width: 34; min-width: 26; }
    HistoryScreen.-folder LineTable { width: 60%; }
    HistoryScreen #difference { width: 1fr; border-left: solid $panel; }
    """

    def __init__(
        self,
        session: Session,
        host: Host,
        visit: VisitHistory,
    ) -> None:
        super().__init__(session, host)
        self.frozen = visit.frozen
        self.reads = session.reads
        self.path = visit.path
        self.folder = folder = visit.folder
        self.other = visit.other
        self.within = visit.within
        self.rows: list[Row] = []
        self.by_field = False
        self.since = 0
        self.compared_with = 0
        self.revealed = False
        self.fields_masked = False
        self.decoders = ValueDecoders(session.profile.decoders, session.profile.mask.fields)
        self.head = PaneHead()
        self.state = PaneHead()
        self.diff = DiffView()
        self.shown: tuple[KeyValue | None, KeyValue | None] = (None, None)
        self.table: LineTable[Row] = LineTable(
            [
                Column("what", "CHANGE" if folder else "VER", self._what, least=7 if folder else 4, most=12),
                Column("rev", "REV", self._rev, least=6, most=14, align="right"),
                Column("size", "KEY" if folder else "SIZE", self._measure, least=8, most=200, grow=True),
            ],
            lambda row: (
                row.key
                if isinstance(row, KeyChange)
                else row.kv.mod_revision
                if isinstance(row, Version)
                else -row.revision
            ),
            empty=Text("reading…"),
        )

    # --- rows --------------------------------------------------------------------------------------------

    def _what(self, row: Row) -> Text:
        if isinstance(row, KeyChange):
            tone = {Change.DELETED: "bad", Change.NEW: "good", Change.CHANGED: "warn"}[row.change]
            return Text(row.change.value, self.table.lines.tone(tone))
        if isinstance(row, Version):
            return Text(str(row.kv.version))
        return Text("--")

    def _rev(self, row: Row) -> Text:
        if isinstance(row, KeyChange):
            if row.change is Change.DELETED:  # the revision of its last version would be taken for the deletion's
                return safe(str(row.gone) if row.gone else "?", "" if row.gone else self.table.lines.tone("dim"))
            return Text(str(row.new_revision))
        return Text(str(row.kv.mod_revision if isinstance(row, Version) else row.revision))

    def _measure(self, row: Row) -> Text:
        if isinstance(row, KeyChange):
            return safe(row.key[len(self.path) :] or row.key, limit=300)
        if isinstance(row, Version):
            return Text(format_size(len(row.kv.value)) + (" now" if row.current else ""))
        words = {
            Mark.COMPACTED: f"compacted: {row.missing} older gone"
            if row.missing
            else "compacted: what was before is gone",
            Mark.CREATED: "created here",
            Mark.DELETED: "deleted",
            Mark.LIMIT: f"{row.missing} older not read",
        }
        return Text(words[row.mark], self.table.lines.tone("dim"))

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.head
            with Horizontal():
                yield self.table
                yield Pane("difference", self.diff, id="difference")
            yield self.state

    def why_not(self, action_id: str) -> str:
        if action_id == "history.restore" and self.frozen:
            return self.frozen
        return super().why_not(action_id)

    def available_actions(self) -> list[Action]:
        """Marked versions are for a key, another revision is for a prefix."""
        off = {"diff", "next_view", "mark", "mark_all", "clear_marks"} if self.folder else {"history.since"}
        off |= {"history.restore"} if self.other else set()
        return [action for action in super().available_actions() if action.id not in off]

    def on_mount(self) -> None:
        listen(self, self.app.app_suspend_signal, self._suspended)
        self.set_class(self.folder, "-folder")
        self.table.lines.focus()
        what = "changes below " if self.folder else "compare " if self.other else "history of "
        self.head.show(Text.assemble("1 Keys > ", what, safe(self.path or b"all keys", limit=300)))
        self.action_refresh()

    def _suspended(self, _: object) -> None:
        self._hide_secrets()

    def action_refresh(self) -> None:
        run = self._changes if self.folder else self._compare if self.other else self._versions
        spawn(self, run, "history", exclusive=True)

    async def _versions(self) -> None:
        self.rows = []
        try:
            async with aclosing(history.versions(self.reads, self.path)) as found:
                async for row in found:
                    self.rows.append(row)
                    self.table.set_rows(self.rows)
                    if len(self.rows) in (1, 2):
                        self._show_current()
        except EtcdError as error:
            self.state.show(error_line(error))
            return
        near = f"{history.NEAR} revisions"
        missed = self._may_miss()
        told = f"; beyond {near} back a short life can be missed" if missed else ""
        self.table.set_empty(Text(f"this key does not exist and no older version was found{told}"))
        many = sum(isinstance(row, Version) for row in self.rows)
        gone = sum(row.missing for row in self.rows if isinstance(row, Break) and row.mark is Mark.COMPACTED)
        words = "Only version 1." if many == 1 and not gone else f"{many} versions"
        words += f", {gone} older ones compacted away" if gone else ""
        if missed:
            words += f"   beyond {near} back a short earlier life can be missed"
        self.state.show(Text(f"{words}   etcd stores no times"))
        self._show_current()

    def _may_miss(self) -> bool:
        """Whether the walk ended where earlier lives are looked for in steps, between which one can be short."""
        if not self.rows:
            return self.session.health.revision > history.NEAR
        last = self.rows[-1]
        return isinstance(last, Break) and last.mark is Mark.CREATED and last.revision > history.NEAR

    async def _compare(self) -> None:
        try:
            one, two = [await browse.value_of(self.reads, key) for key in (self.path, self.other)]
        except EtcdError as error:
            self.state.show(error_line(error))
            return
        self.rows = [Version(kv) for kv in (one, two) if kv is not None]
        self.table.set_rows(self.rows)
        await self._show_diff(one, two)

    async def _changes(self) -> None:
        try:
            reach = await history.reach(self.reads, self.within[0])
            drop = None if self.since else await history.newest_drop(self.reads, self.path, reach, within=self.within)
            back = max(reach.oldest, reach.head - DEFAULT_BACK)
            since = self.since or (drop.revision - 1 if drop else back)
            since = max(since, reach.oldest)
            self.state.show(Text(f"comparing revision {since} with now…"))
            result = await history.since(self.reads, self.path, since, within=self.within)
            if drop is not None and not any(change.change is Change.DELETED for change in result.changes):
                # What came and went since then is seen only from just before it went.
                since = max(drop.revision - 1, reach.oldest)
                result = await history.since(self.reads, self.path, since, within=self.within)
        except Compacted:
            self.state.show(Text("history was compacted while it was read: r reads again"))
            return
        except EtcdError as error:
            self.state.show(error_line(error))
            return
        order = {Change.DELETED: 0, Change.CHANGED: 1, Change.NEW: 2}
        self.rows = [*sorted(result.changes, key=lambda change: (order[change.change], change.key))]
        self.compared_with = since
        self.table.set_rows(self.rows)
        self.table.set_empty(Text("nothing was deleted, changed or added"))
        words = [f"{format_count(len(self.rows))} changes since rev {since}"]
        if drop is not None:
            words.append(
                f"{format_count(drop.lost)} {'key' if drop.lost == 1 else 'keys'} went away at rev {drop.revision}"
            )
        if not result.complete:
            words.append(f"only the first {format_count(history.MAX_KEYS)} keys were compared")
        words.append(f"history from rev {reach.oldest}" + (", older compacted" if reach.compacted else ""))
        self.state.show(Text("   ".join(words)))
        if not self.rows:
            self.diff.show([])
            return
        self._show_current()
        try:
            result = await history.with_deletions(self.reads, result)
        except EtcdError:  # compacted meanwhile: when it was is not known
            return
        self.rows = [*sorted(result.changes, key=lambda change: (order[change.change], change.key))]
        self.table.set_rows(self.rows)

    # --- the difference ----------------------------------------------------------------------------------

    def on_line_table_row_moved(self, event: LineTable.RowMoved) -> None:
        self._show_current()

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        row = self.table.current
        if isinstance(row, KeyChange) and row.change is not Change.DELETED:
            self.chosen = row.key
            self.dismiss()
        else:
            self.diff.focus()

    def _show_current(self) -> None:
        row = self.table.current
        if isinstance(row, KeyChange):
            spawn(self, partial(self._read_change, row), "diff", exclusive=True)
        elif isinstance(row, Version) and not self.other:
            self._show(self._older(row), row.kv)
        elif isinstance(row, Break):
            self.diff.show([DiffLine(self._measure(row).plain, "dim")])

    def _older(self, row: Version) -> KeyValue | None:
        at = self.rows.index(row)
        return next((older.kv for older in self.rows[at + 1 :] if isinstance(older, Version)), None)

    async def _read_change(self, row: KeyChange) -> None:
        at = self.compared_with if row.old_revision else 0  # that of the old version itself may be compacted away
        try:
            old = await browse.value_of(self.reads, row.key, revision=at) if at else None
            new = await browse.value_of(self.reads, row.key) if row.new_revision else None
        except EtcdError as error:
            self.state.show(error_line(error))
            return
        await self._show_diff(old, new)

    def action_diff(self) -> None:
        """The two marked versions, older first."""
        chosen = [row.kv for row in self.table.selection if isinstance(row, Version)]
        if len(chosen) == 2:
            chosen.sort(key=lambda kv: kv.mod_revision)
            self._show(*chosen)
        else:
            self.flash("mark two versions with space first", "warn")

    def action_next_view(self) -> None:
        """By lines or by fields."""
        self.by_field = not self.by_field
        self._show(*self.shown)

    def action_reveal(self) -> None:
        self.revealed = not self.revealed
        self._show(*self.shown)

    def action_restore(self) -> None:
        """Put the version under the cursor back, or bring back what was deleted below the prefix."""
        row = self.table.current
        if self.folder:
            if not any(isinstance(row, KeyChange) and row.change is Change.DELETED for row in self.rows):
                self.flash(f"nothing was deleted since revision {self.compared_with}: f looks further back", "warn")
                return
            self.undelete = self.compared_with
            self.dismiss()
        elif isinstance(row, Version) and not row.current and not self.other:
            self.restore = row.kv
            self.dismiss()
        else:
            self.flash("move to an older version first")

    def action_since(self) -> None:
        """Another revision to compare a prefix with."""
        if not self.folder:
            self.flash("another revision is for prefixes: H on a folder", "warn")
            return

        def answered(text: str | None) -> None:
            if text and text.strip().isdigit():
                self.since = int(text)
                self.action_refresh()

        self.app.push_screen(PromptDialog(Text("compare with revision"), placeholder="a revision number"), answered)

    def _masked(self, kv: KeyValue | None) -> bool:
        globs = (KeyGlob(pattern) for pattern in self.session.profile.mask.keys)
        return kv is not None and not self.revealed and any(glob.matches(kv.key) for glob in globs)

    def _hide_secrets(self) -> None:
        """Nothing revealed stays on a screen that nobody looks at."""
        if self.revealed:
            self.revealed = False
            self.diff.show([])
            self._show(*self.shown)

    async def _lines(self, kv: KeyValue | None) -> list[str]:
        if kv is None:
            return []
        decoded = await self.decoders.decode(kv.key, kv.value, reveal=self.revealed)
        self.fields_masked |= decoded.masked
        view = decoded.views[0].lines if decoded.views else list
        lines = view() if len(kv.value) <= INLINE_SIZE else await asyncio.to_thread(view)
        return list(lines[:DIFF_LINES])

    def _show(self, old: KeyValue | None, new: KeyValue | None) -> None:
        spawn(self, partial(self._show_diff, old, new), "diff", exclusive=True)

    async def _show_diff(self, old: KeyValue | None, new: KeyValue | None) -> None:
        self.shown = (old, new)
        if self._masked(old) or self._masked(new):
            self.diff.show([DiffLine(title_of(old, new), "dim"), DiffLine("masked by the profile: x shows it", "dim")])
            return
        self.fields_masked = False
        before, after = await self._lines(old), await self._lines(new)
        if sum(len(kv.value) for kv in (old, new) if kv) <= INLINE_SIZE:
            lines = self._difference(old, new, before, after)
        else:
            lines = await asyncio.to_thread(self._difference, old, new, before, after)
        self.diff.show(lines)

    def _difference(
        self, old: KeyValue | None, new: KeyValue | None, before: list[str], after: list[str]
    ) -> list[DiffLine]:
        lines = [DiffLine(title_of(old, new), "dim")]
        fields = None
        if old and new:
            hidden = NOTHING if self.revealed else hiding(self.session.profile.mask, new.key)
            fields = field_changes(old.value, new.value, hidden)
        if fields is not None:
            lines.append(DiffLine(summarise(fields, FIELDS_TOLD), "dim"))
        if self.by_field and fields is not None:
            return lines + [DiffLine(change.describe(FIELD_CHARS)) for change in fields]
        return lines + line_diff(before, after)

    def action_copy(self) -> None:
        """What can be copied of the version, or of the changed key, under the cursor."""
        row = self.table.current
        kv = row.kv if isinstance(row, Version) else None
        key = kv.key if kv else row.key if isinstance(row, KeyChange) else self.path
        hidden = self._masked(kv) or self.fields_masked
        namespace = self.session.guard.policy.namespace
        offer(
            self,
            choices(kv, key, self.folder and kv is None and key == self.path, None, "", hidden, namespace=namespace),
        )

    def close_view(self) -> bool:
        self.workers.cancel_group(self, "history")
        self.dismiss()
        return True
