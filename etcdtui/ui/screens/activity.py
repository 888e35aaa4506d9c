"""Activity: what this run changed and whether it can be undone, then the lines of earlier runs from the audit file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import PlanLine, line
from etcdtui.core.safe_text import safe_text
from etcdtui.core.search import TEXT, Field, Record
from etcdtui.core.units import counted
from etcdtui.core.value import record
from etcdtui.services.session.session import Session
from etcdtui.services.values.valuediff import hiding, line_diff
from etcdtui.services.writing.audit import AuditRecord
from etcdtui.services.writing.files import create_private, typed_path
from etcdtui.services.writing.undo import plan_undo
from etcdtui.services.writing.undolog import UndoEntry
from etcdtui.ui import limits
from etcdtui.ui.bindings import ACTIVITY
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.modals.planview import PlanView
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.panehead import Pane
from etcdtui.ui.widgets.table import Column, LineTable

SHOWN_KEYS = 50
OLDER_KEPT = 20_000
"""Lines of earlier runs that are listed at most."""


@record()
class Row:
    """One action. ``older`` ones are of an earlier run; ``reason`` is why an undo was found to be impossible."""

    record: AuditRecord
    entry: UndoEntry | None = None
    older: bool = False
    reason: str = ""

    @property
    def undo_word(self) -> str:
        if self.entry is None:
            return "-"
        if self.entry.undone:
            return "undone"
        reason = self.entry.never or self.reason
        return f"no: {reason}" if reason else "yes"

    @property
    def who(self) -> str:
        return f"{self.record.os_user}/{self.record.etcd_user or '-'}"


class ActivityScreen(ListScreen[Row]):
    """The audit of this run and the door to undo."""

    screen_name: ClassVar[str] = ACTIVITY
    number: ClassVar[int] = 9
    label: ClassVar[str] = "Activity"
    about: ClassVar[str] = (
        "What was changed from here, by whom, and with what result; u undoes it where possible.\n"
        "Dim lines are of earlier runs, from the audit file: it holds hashes and never values."
    )
    every: ClassVar[float] = 1.0
    filter_fields: ClassVar[Mapping[str, Field]] = {
        "action": Field.NAME, "result": Field.NAME, "profile": Field.NAME, "who": Field.NAME, "undo": Field.NAME,
        "keys": Field.NUMBER, "rev": Field.NUMBER, "age": Field.AGE,
    }  # fmt: skip
    DEFAULT_CSS = """
    ActivityScreen #log { height: 1fr; }
    ActivityScreen #activity-detail { height: 40%; }
    ActivityScreen #detail { height: 1fr; max-height: 100%; }
    ActivityScreen.-zoom #activity-detail { display: none; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        empty = Text("Nothing was changed yet, neither in this run nor before.")
        self.table = LineTable(self._columns(), lambda r: r.record.id, empty=empty, marks=False, id="log")
        self.detail = PlanView(id="detail")
        self.older: list[AuditRecord] = []
        self.reasons: dict[str, str] = {}
        self._came_back = False
        self._shown: tuple[object, ...] = ()

    def _columns(self) -> list[Column[Row]]:
        def cell(row: Row, text: str | bytes, limit: int) -> Text:
            return safe(text, self.table.lines.tone("dim") if row.older else "", limit=limit)

        def target(row: Row) -> Text:
            shown = cell(row, row.record.target or b"all keys", limits.WORDS)
            return shown.append(f"   {row.record.changes} keys") if row.record.changes > 1 else shown

        return [
            Column("time", "TIME", lambda r: cell(r, _clock(r), 20), lambda r: r.record.time, most=11),
            Column("who", "WHO", lambda r: cell(r, r.who, 40), priority=3, most=20),
            Column("profile", "PROFILE", lambda r: cell(r, r.record.profile, 40), priority=4, most=20),
            Column("action", "ACTION", lambda r: cell(r, r.record.action, 40), lambda r: r.record.action, most=16),
            Column("target", "TARGET", target, lambda r: r.record.target, grow=True, least=12, most=200),
            Column("result", "RESULT", lambda r: cell(r, r.record.result, 60), lambda r: r.record.result, most=28),
            Column("undo", "UNDO", lambda r: cell(r, r.undo_word, limits.WORDS), lambda r: r.undo_word, most=18),
        ]

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.table
            yield Pane("the line", self.detail, id="activity-detail")

    # --- rows --------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Newest first, this run's lines above those of earlier ones."""
        audit, undo = self.session.audit, self.session.writes.undo
        if not self.older and audit.has_older:
            await self._read_older()
        by_id = {entry.id: entry for entry in undo.entries}
        now = [Row(r, by_id.get(r.id), reason=self.reasons.get(r.id, "")) for r in audit.records]
        state = (len(self.older), *((row.record.id, row.undo_word) for row in now))
        if state != self._shown:
            self._shown = state
            self.table.set_rows([*reversed(now), *(Row(record, older=True) for record in self.older)])
            if self._came_back and now:
                self.table.go_to(now[-1].record.id)
            self._explain_current()
        self._came_back = False
        self.show_status()

    def on_screen_suspend(self) -> None:
        """Who comes back from another screen to a new line came because of it; a dialog above is not another screen."""
        self._came_back = self not in self.app.screen_stack

    async def _read_older(self) -> None:
        try:
            self.older += await self.session.audit.read_older()
        except OSError as error:
            self.flash(f"the audit file cannot be read: {error.strerror}", "warn")

    def show_status(self) -> None:
        audit = self.session.audit
        path = f" ({audit.path})" if audit.path else ""
        words = audit.problem or "values are not in the audit file (hashes only); before-images are in memory"
        self.set_status(
            safe(f"this run {len(audit.records)}, older {audit.older}", limit=limits.WORDS),
            self.filter_text(), safe(words, limit=limits.WORDS), safe(path.strip(), limit=limits.WORDS),
        )  # fmt: skip

    def record_of(self, row: Row) -> Record:
        record = row.record
        words = " ".join((record.action, record.result, record.profile, row.who)).encode(errors="backslashreplace")
        everything = record.target + b" " + words
        return {TEXT: everything, "action": record.action, "result": record.result, "profile": record.profile,
                "who": row.who, "undo": row.undo_word, "keys": record.changes, "rev": record.revision,
                "age": time.time() - record.time}  # fmt: skip

    def on_line_table_row_moved(self, event: LineTable.RowMoved) -> None:
        event.stop()
        self._explain_current()
        rows = self.table.rows
        if rows and self.table.current is rows[-1] and self.session.audit.has_older and len(self.older) < OLDER_KEPT:
            self.begin(self._more, "older")

    async def _more(self) -> None:
        await self._read_older()
        await self.read()

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        event.stop()
        self.detail.focus()

    def go_back(self) -> bool:
        if self.detail.has_focus:
            self.table.lines.focus()
            return True
        return super().go_back()

    # --- the detail --------------------------------------------------------------------------------------

    def _explain_current(self) -> None:
        row = self.table.current
        if row is None:
            self.detail.show_lines(())
        else:
            self.begin(partial(self._explain, row), "detail")

    async def _explain(self, row: Row) -> None:
        record, entry = row.record, row.entry
        keys = f"   {record.changes} keys" if record.changes > 1 else ""
        lines: list[PlanLine] = [line(record.action, "  ", record.target or b"all keys", keys, tone="head")]
        lines.append(line("undo: ", await self._undo_words(row)))
        lines += _facts(record)
        if entry is not None and len(entry.changes) == 1:
            change = entry.changes[0]
            hidden = hiding(self.session.profile.mask, change.key)
            lines += line_diff(change.before.value if change.before else b"", change.after or b"", hidden)
        else:
            gone = {c.key for c in entry.changes if c.after is None} if entry else set()
            targets = [c.key for c in entry.changes] if entry else record.targets if len(record.targets) > 1 else []
            lines += [line("  ", key, tone="remove" if key in gone else "plain") for key in targets[:SHOWN_KEYS]]
            if (more := record.changes - min(len(targets), SHOWN_KEYS)) > 0 and targets:
                lines.append(line(f"  ... {more} more", tone="dim"))
        if self.is_mounted and self.table.current is row:
            self.detail.show_lines(lines)

    async def _undo_words(self, row: Row) -> str:
        entry, record = row.entry, row.record
        if row.older:
            return "not from here: before-images of earlier runs are gone; H on the key restores older versions"
        if entry is None:
            return "dry run, nothing was sent" if record.dry else "nothing to undo"
        try:
            made = await plan_undo(self.session.writes, entry)
        except EtcdError as error:
            return error_line(error).plain
        reason = made.reason if made.write is None else ""
        if reason != self.reasons.get(record.id, ""):
            self.reasons[record.id] = reason
            self.read_again()
        if made.write is not None:
            changes = made.write.plan.changes
            return f"possible, {counted(changes, 'change')}" if changes else "possible"
        return f"not possible: {made.reason}"

    # --- actions -----------------------------------------------------------------------------------------

    def action_undo(self) -> None:
        row = self.table.current
        if row is None or row.entry is None:
            older = row is not None and row.older
            self.flash("of an earlier run: H on the key, or :undelete PREFIX" if older
                       else "there is nothing to undo in this line", "warn")  # fmt: skip
            return
        writing = self.host.writing(self, lambda _: self.read_again())
        self.start_write(partial(writing.undo, row.entry))

    def copies(self) -> Sequence[tuple[str, str, str]]:
        row = self.table.current
        if row is None:
            return ()
        found = [("c", "as etcdctl", row.entry.etcdctl)] if row.entry is not None and row.entry.etcdctl else []
        if row.record.target:
            found.append(("k", "target", safe_text(row.record.target).text))
        return [*found, ("j", "the audit line as JSON", row.record.to_json())]

    def action_save(self) -> None:
        self.begin(self._export, "save")

    async def _export(self) -> None:
        name = await self.ask("export these lines to file", value=f"activity-{time.strftime('%Y%m%d-%H%M%S')}.jsonl")
        if not name:
            return
        path = typed_path(name)
        rows = self.table.rows
        data = "".join(row.record.to_json() + "\n" for row in rows).encode()
        try:
            await asyncio.to_thread(create_private, path, data)
        except FileExistsError:
            self.flash("the file exists already and is not replaced", "warn")
        except OSError as error:
            self.flash(f"not written: {error.strerror}", "bad")
        else:
            self.flash(Text.assemble(f"{len(rows)} lines in ", safe(str(path), limit=limits.WORDS)), "good")


def _clock(row: Row) -> str:
    """The time of day in this run, with the date before it; local."""
    return time.strftime("%m-%d %H:%M" if row.older else "%H:%M:%S", time.localtime(row.record.time))


def _facts(record: AuditRecord) -> list[PlanLine]:
    """What the audit line says beyond the columns."""
    lines = [fact.line for fact in record.facts]
    lines += [line("condition  ", record.guard)] if record.guard else []
    if record.before or record.after:
        lines.append(line(f"sha256 {record.before[:16] or '(none)'} -> {record.after[:16] or '(none)'}", tone="dim"))
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.time))
    took = f"{when}   {record.duration * 1000:.0f} ms   cluster {record.cluster_id:x}   "
    return [*lines, line(took, record.endpoint, tone="dim")]
