"""Activity: what this run changed, whether it can be undone, and the tail of the audit file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import PlanLine, line
from etcdtui.services.audit import AuditRecord
from etcdtui.services.session import Session
from etcdtui.services.undo import plan_undo
from etcdtui.services.undolog import UndoEntry
from etcdtui.services.valuediff import line_diff
from etcdtui.ui.bindings import ACTIVITY
from etcdtui.ui.errors import error_line
from etcdtui.ui.modals.planview import PlanView
from etcdtui.ui.screens.base import ClusterScreen
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.table import Column, LineTable
from etcdtui.ui.writing_many import ManyWriting

CELL = 200
SHOWN_KEYS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One action of this run."""

    record: AuditRecord
    entry: UndoEntry | None

    @property
    def undo_word(self) -> str:
        if self.entry is None:
            return "-"
        if self.entry.undone:
            return "undone"
        return "no" if self.entry.never else "yes"


def _target(row: Row) -> Text:
    text = safe(row.record.target or b"all keys", limit=CELL)
    return text.append(f"   {row.record.changes} keys") if row.record.changes > 1 else text


COLUMNS: tuple[Column[Row], ...] = (
    Column("time", "TIME", lambda r: Text(time.strftime("%H:%M:%S", time.localtime(r.record.time))),
                lambda r: r.record.time, most=8),
    Column("who", "WHO", lambda r: safe(f"{r.record.os_user}/{r.record.etcd_user or '-'}", limit=40), priority=3),
    Column("profile", "PROFILE", lambda r: safe(r.record.profile, limit=40), priority=4),
    Column("action", "ACTION", lambda r: safe(r.record.action, limit=40), lambda r: r.record.action, most=16),
    Column("target", "TARGET", _target, lambda r: r.record.target, grow=True, least=12, most=200),
    Column("result", "RESULT", lambda r: safe(r.record.result, limit=60), lambda r: r.record.result, most=28),
    Column("undo", "UNDO", lambda r: Text(r.undo_word), lambda r: r.undo_word, most=6),
)  # fmt: skip


class ActivityScreen(ClusterScreen):
    """The audit of this run and the door to undo."""

    screen_name: ClassVar[str] = ACTIVITY
    number: ClassVar[int] = 9
    label: ClassVar[str] = "Activity"
    about: ClassVar[str] = "What was changed from here, by whom, and with what result; u undoes it where possible."
    DEFAULT_CSS = """
    ActivityScreen #log { height: 1fr; }
    ActivityScreen #detail { height: 1fr; max-height: 14; border-top: solid $panel; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        empty = Text("Nothing was changed in this run.")
        self.table: LineTable[Row] = LineTable(COLUMNS, lambda r: r.record.id, empty=empty, marks=False, id="log")
        self.detail = PlanView(id="detail")
        self._seen = -1

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.table
            yield self.detail

    def on_mount(self) -> None:
        super().on_mount()
        self.table.lines.focus()
        self.set_interval(1.0, self._tick)
        self.read()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.read()

    def _tick(self) -> None:
        if self.is_current and len(self.session.audit.records) != self._seen:
            self.read()

    def read(self) -> None:
        """Newest first."""
        audit, undo = self.session.audit, self.session.writes.undo
        self._seen = len(audit.records)
        self.table.set_rows([Row(r, undo.find(r.id)) for r in reversed(audit.records)])
        path = f" ({audit.path})" if audit.path else ""
        parts = [safe(f"this run {self._seen}, older {audit.older}{path}", limit=CELL)]
        parts.append(safe(audit.problem or "hashes only in the file; before-images are in memory", limit=CELL))
        self.set_status(*parts)
        self._show()

    def on_line_table_row_moved(self, event: LineTable.RowMoved) -> None:
        event.stop()
        self._show()

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        event.stop()
        self._show()
        self.detail.focus()

    def _show(self) -> None:
        row = self.table.current
        if row is None:
            self.detail.show_lines(())
            return
        self.run_worker(self._explain(row), group="detail", exclusive=True, exit_on_error=False)

    async def _explain(self, row: Row) -> None:
        record, entry = row.record, row.entry
        lines: list[PlanLine] = [line(record.action, "  ", record.target, tone="head")]
        if record.guard:
            lines.append(line("condition  ", record.guard))
        lines.append(line("undo: ", await self._undo_words(entry, record)))
        if entry is not None and len(entry.changes) == 1:
            change = entry.changes[0]
            lines += line_diff(change.before.value if change.before else b"", change.after or b"")
        elif entry is not None:
            lines += [
                line("  ", c.key, tone="remove" if c.after is None else "add") for c in entry.changes[:SHOWN_KEYS]
            ]
        if self.is_mounted:
            self.detail.show_lines(lines)

    async def _undo_words(self, entry: UndoEntry | None, record: AuditRecord) -> str:
        if entry is None:
            return "dry run, nothing was sent" if record.dry else "nothing to undo"
        try:
            made = await plan_undo(self.session.writes, entry)
        except EtcdError as error:
            return error_line(error).plain
        return f"possible, {made.plan.changes} changes" if made.plan else f"not possible: {made.reason}"

    def action_undo(self) -> None:
        row = self.table.current
        if row is None or row.entry is None:
            self.flash("there is nothing to undo in this line", "warn")
            return
        writing = ManyWriting(self, lambda _: self.read())
        self.run_worker(writing.undo(row.entry), group="write", exit_on_error=False)

    def action_copy(self) -> None:
        row = self.table.current
        if row is not None and row.entry is not None and row.entry.etcdctl:
            self.app.copy_to_clipboard(row.entry.etcdctl)
            self.flash("copied as etcdctl", "good")
        else:
            self.flash("there is no command for this line", "warn")

    def action_refresh(self) -> None:
        self.read()
