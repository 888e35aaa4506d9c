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
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.session.session import Session
from etcdtui.services.values.valuediff import NOTHING, hiding, line_diff, summary
from etcdtui.services.writing.compare import Area, Compared, DiffRow, compare
from etcdtui.services.writing.guard import UnlockKind
from etcdtui.services.writing.transfer import TransferError
from etcdtui.ui import limits
from etcdtui.ui.bindings import KEYS
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host, Side, VisitCompare
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.frame.place import PlaceScreen
from etcdtui.ui.modals.planview import PlanView
from etcdtui.ui.modals.unlock import UnlockDialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.panehead import Pane
from etcdtui.ui.widgets.table import Column, LineTable

SIGNS = {"left": "only left", "right": "only right", "differs": "differs"}
RESTORED = {"left": "comes back", "right": "lost", "differs": "set back"}
"""What a restore of the snapshot on the left would do to the cluster on the right."""
TONES = {"left": "good", "right": "bad", "differs": "warn"}


def _area(side: Side) -> Area:
    return Area(side.session.writes, side.prefix, side.alone)


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
        "c copies what is marked from left to right; nothing on the right is ever deleted. * marks all.\n"
        "With a snapshot on the left it says what a restore would lose, set back or bring back, and c takes keys back."
    )
    filter_fields: ClassVar[Mapping[str, Field]] = {"is": Field.NAME}
    DEFAULT_CSS = """
    CompareScreen #compare-detail { height: 40%; }
    CompareScreen #detail { height: 1fr; max-height: 100%; }
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
        return safe(self._signs[row.kind], self.table.lines.tone(TONES[row.kind]), limit=limits.NAME)

    def _change(self, row: DiffRow) -> Text:
        if row.left is None or row.right is None:
            kv = row.left or row.right
            return Text(format_size(len(kv.value)) if kv else "")
        hidden = hiding(self.session.profile.mask, row.left.key)
        return safe(summary(row.left.value, row.right.value, hidden), limit=limits.LINE)

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.table
            yield Pane("what differs", self.detail, id="compare-detail")

    # --- reading -----------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Both sides, each at one revision."""
        try:
            found = await compare(_area(self.left), _area(self.right), on_compared=self._tell_progress)
        except (EtcdError, TransferError) as error:
            self.words = error_line(error)
            self.show_status()
            return
        self.rows = found.rows
        self.table.set_empty(safe(f"all {found.same} values are equal", limit=limits.WORDS))
        self.table.set_rows(self.rows)
        self.words = safe(self._summary(found), limit=limits.WORDS)
        self.show_status()
        self._explain()

    def _tell_progress(self, names: int) -> None:
        self.words = Text(f"{names} keys compared ...")
        self.show_status()

    def _summary(self, found: Compared) -> str:
        left, right, differs = (found.count(kind) for kind in ("left", "right", "differs"))
        if not self._is_restore:
            return f"{differs} differ, {left} only left, {right} only right, {found.same} equal"
        return f"a restore loses {right}, sets {differs} back, brings {left} back; {found.same} equal"

    @property
    def _is_restore(self) -> bool:
        """Whether this is a snapshot beside a cluster."""
        states = [side.session.health.state is State.STILL for side in (self.left, self.right)]
        return states == [True, False]

    @property
    def _signs(self) -> Mapping[str, str]:
        return RESTORED if self._is_restore else SIGNS

    def show_status(self) -> None:
        sides = Text.assemble(name_of(self.left), "  ->  ", name_of(self.right))
        parts = (self.words, sides) if self._is_restore else (sides, self.words)
        self.set_status(*parts, self.filter_text(), safe(self._copying() if self.rows else ""))

    def _copying(self) -> str:
        """What ``c`` does, and whether the other side is open for it: its title is not shown here."""
        guard = self.right.session.guard
        if self.right.session is self.session:
            return "c copies to the right"
        what = "c takes back" if self._is_restore else "c copies to the right"
        return f"{what} ({guard.state_word}" + ("" if guard.writable else ": asks to unlock it") + ")"

    def record_of(self, row: DiffRow) -> Record:
        return {TEXT: row.name, "is": self._signs[row.kind]}

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
            source = f"{name_of(self.left).plain}, rev {self.left.session.health.revision}" if self._is_restore else ""
            await self.host.writing(self, self._copied, self.right.session).copy(rows, self.right.prefix, source)

    def _copied(self, prefix: bytes) -> None:
        self.table.action_clear_marks()
        self.read_again()

    def close_view(self) -> bool:
        self.dismiss()
        return True
