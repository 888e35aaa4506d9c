"""Two prefixes side by side, of one cluster or of two; chosen differences are copied from left to right, guarded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import PlanLine, line
from etcdtui.core.search import TEXT, Field, Record
from etcdtui.core.units import format_size
from etcdtui.services.session.session import Session
from etcdtui.services.values.valuediff import NOTHING, hiding, line_diff, summary
from etcdtui.services.writing.compare import DiffRow, compare, counts
from etcdtui.services.writing.guard import UnlockKind
from etcdtui.services.writing.transfer import TransferError, read_prefix
from etcdtui.ui import limits
from etcdtui.ui.bindings import KEYS
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host, Side, VisitCompare
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.frame.place import PlaceScreen
from etcdtui.ui.modals.planview import PlanView
from etcdtui.ui.modals.unlock import UnlockDialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.table import Column, LineTable

SIGNS = {"left": "only left", "right": "only right", "differs": "differs", "same": "equal"}
TONES = {"left": "good", "right": "bad", "differs": "warn"}


def name_of(side: Side) -> Text:
    """``/app/ @prod``."""
    return Text.assemble(safe(side.prefix or b"all keys", limit=60), " @", safe(side.session.profile.name, limit=40))


class CompareScreen(PlaceScreen, ListScreen[DiffRow]):
    """``c`` copies the marked differences (or the one under the cursor) to the right side, under its guard."""

    screen_name: ClassVar[str] = KEYS
    number: ClassVar[int] = 1
    label: ClassVar[str] = "Compare"
    about: ClassVar[str] = (
        "Names below two prefixes and whether their values are equal; leases and revisions differ by nature.\n"
        "c copies what is marked from left to right; nothing on the right is ever deleted."
    )
    filter_fields: ClassVar[Mapping[str, Field]] = {"is": Field.NAME}
    DEFAULT_CSS = """
    CompareScreen #detail { height: 1fr; max-height: 40%; border-top: solid $panel; }
    """

    def __init__(self, session: Session, host: Host, visit: VisitCompare) -> None:
        super().__init__(session, host)
        self.left, self.right = visit.left, visit.right
        self.automatic = False
        self.revealed = False
        self.words = Text("reading both sides ...")
        self.rows: list[DiffRow] = []
        self.detail = PlanView(id="detail")
        self.table = LineTable(
            [
                Column("is", "IS", self._state, lambda row: row.kind, least=10, most=10),
                Column("name", "NAME", lambda row: safe(row.name or b"(the prefix itself)", limit=limits.LINE),
                       lambda row: row.name, least=16, most=limits.LINE, grow=True),
                Column("change", "LEFT -> RIGHT", self._change, least=10, most=limits.LINE, priority=1),
            ],
            lambda row: row.name,
            empty=Text("reading both sides ..."),
        )  # fmt: skip

    def _state(self, row: DiffRow) -> Text:
        return Text(SIGNS[row.kind], self.table.lines.tone(TONES[row.kind]))

    def _change(self, row: DiffRow) -> Text:
        if row.left is None or row.right is None:
            kv = row.left or row.right
            return Text(format_size(len(kv.value)) if kv else "")
        hidden = hiding(self.session.profile.mask, row.left.key)
        return safe(summary(row.left.value, row.right.value, hidden), limit=limits.LINE)

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.table
            yield self.detail

    # --- reading -----------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Both sides, each at one revision."""
        try:
            ours = await read_prefix(self.left.session.writes, self.left.prefix)
            theirs = await read_prefix(self.right.session.writes, self.right.prefix)
        except (EtcdError, TransferError) as error:
            self.words = error_line(error)
            self.show_status()
            return
        rows = compare(ours, theirs)
        many = counts(rows)
        self.rows = [row for row in rows if row.kind != "same"]
        self.table.set_empty(Text(f"all {many['same']} values are equal"))
        self.table.set_rows(self.rows)
        self.words = Text(
            f"{many['differs']} differ, {many['left']} only left, {many['right']} only right, {many['same']} equal"
        )
        self.show_status()
        self._explain()

    def show_status(self) -> None:
        sides = Text.assemble(name_of(self.left), "  ->  ", name_of(self.right))
        self.set_status(sides, self.words, self.filter_text(), safe(self._copying() if self.rows else ""))

    def _copying(self) -> str:
        """What ``c`` does, and whether the other side is open for it: its title is not shown here."""
        guard = self.right.session.guard
        if self.right.session is self.session:
            return "c copies to the right"
        return f"c copies to the right ({guard.state_word}" + ("" if guard.writable else ": asks to unlock it") + ")"

    def record_of(self, row: DiffRow) -> Record:
        return {TEXT: row.name, "is": SIGNS[row.kind]}

    def on_line_table_row_moved(self, event: LineTable.RowMoved) -> None:
        event.stop()
        self._explain()

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        event.stop()
        self.detail.focus()

    def _explain(self) -> None:
        row = self.table.current
        lines: list[PlanLine] = []
        if row is not None:
            both = (row.left, row.right)
            sides = [f"rev {kv.mod_revision} ver {kv.version}" if kv else "does not exist" for kv in both]
            lines.append(line(row.name, f"   left {sides[0]}   right {sides[1]}", tone="head"))
            values = [kv.value if kv else b"" for kv in both]
            known = row.left or row.right
            hidden = hiding(self.session.profile.mask, known.key) if known and not self.revealed else NOTHING
            lines += line_diff(values[0], values[1], hidden)
        self.detail.show_lines(lines)

    def action_reveal(self) -> None:
        self.revealed = not self.revealed
        self._explain()

    # --- copying differences -----------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        """Copying asks the guard of the right side; where it is locked it is unlocked on the way, if that can be."""
        if action_id != "clone":
            return super().why_not(action_id)
        guard = self.right.session.guard
        need = guard.unlock_requirement()
        if not guard.writable and need.kind is UnlockKind.NEVER:
            return f"the right side, {guard.policy.profile}, is READ-ONLY: {need.reason}"
        return self.right.session.health.why_no_writes

    def action_clone(self) -> None:
        """Copy the marked rows to the right side."""
        rows = [row for row in self.table.selection if row.left is not None]
        if not rows:
            self.flash("nothing here is on the left side; :diff B A copies the other way", "warn")
            return
        self.start_write(partial(self._copy, rows))

    async def _unlocked(self) -> bool:
        """Whether the side that is written is open for writes, after asking for what unlocking it wants."""
        guard = self.right.session.guard
        if guard.writable:
            return True
        need = guard.unlock_requirement()
        typed: str | None = ""
        if need.kind is UnlockKind.NAME:
            typed = await self.app.push_screen_wait(UnlockDialog(need.word, guard.policy.relock_after))
        if typed is None or not guard.unlock(typed):
            self.flash(f"the right side, {guard.policy.profile}, stays READ-ONLY: nothing is copied", "warn")
            return False
        self.show_status()
        self.refresh_chrome()
        return True

    async def _copy(self, rows: list[DiffRow]) -> None:
        if await self._unlocked():
            await self.host.writing(self, self._copied, self.right.session).copy(rows, self.right.prefix)

    def _copied(self, prefix: bytes) -> None:
        self.table.action_clear_marks()
        self.read_again()

    def close_view(self) -> bool:
        self.dismiss()
        return True
