"""A plan with steps: what comes next with its facts and its request, done by enter, stopped by the first surprise."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.errors import BadArgument, EtcdError
from etcdtui.core.plan import WritePlan
from etcdtui.core.safe_text import safe_text
from etcdtui.core.value import record
from etcdtui.services.cluster.runbooks import builders
from etcdtui.services.cluster.runbooks.actions import action_of
from etcdtui.services.cluster.runbooks.mending import READING
from etcdtui.services.cluster.runbooks.runner import Ahead, Runner, report_lines
from etcdtui.services.cluster.runbooks.spec import StepLog, StepSpec, StepState
from etcdtui.services.cluster.runbooks.store import RunbookStore
from etcdtui.services.session.session import Session
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.files import create_private, typed_path
from etcdtui.ui import limits
from etcdtui.ui.bindings import PLAN
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host, VisitPlan
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.frame.place import PlaceScreen
from etcdtui.ui.modals.review import ReviewDialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.table import Column, LineTable

TONES = {
    StepState.DONE: "good",
    StepState.SKIPPED: "dim",
    StepState.FAILED: "bad",
    StepState.UNKNOWN: "warn",
    StepState.RUNNING: "accent",
    StepState.TODO: "muted",
}
READ_ONLY = frozenset({"advice", "hashes", "healthy", "downgrade-validate"})
"""Steps that anybody may take: nothing is sent, no secret leaves."""


@record()
class Row:
    """One step and how it went; ``next`` is the one that enter does."""

    number: int
    step: StepSpec
    log: StepLog
    next: bool


class PlanScreen(PlaceScreen, ListScreen[Row]):
    """One runbook; it stays on disk, so leaving it is no harm."""

    screen_name: ClassVar[str] = PLAN
    label: ClassVar[str] = "Plan"
    about: ClassVar[str] = (
        "Enter does the next step after looking; it stops at the first surprise, and enter tries again.\n"
        "Esc leaves the plan as it is: it is kept, and o on Members or M goes on with it, after a crash too."
    )
    every: ClassVar[float] = 3.0
    DEFAULT_CSS = """
    PlanScreen #plan-table { height: 45%; }
    PlanScreen #plan-detail { height: 1fr; border-top: solid $panel; }
    PlanScreen.-zoom #plan-table { display: none; }
    """

    def __init__(self, session: Session, host: Host, wanted: VisitPlan) -> None:
        super().__init__(session, host)
        self.wanted = wanted
        self.runner: Runner | None = None
        self.ahead: Ahead | None = None
        self.words = ""
        self._at = -1
        """The step that was next when the cursor was put there."""
        self.detail = DetailLines()
        self.detail.id = "plan-detail"
        self.table = LineTable(
            self._columns(),
            lambda row: row.number,
            empty=Text("looking at the cluster.."),
            marks=False,
            id="plan-table",
        )

    def _columns(self) -> list[Column[Row]]:
        def tone(row: Row) -> Style:
            return self.table.lines.tone(TONES[row.log.state])

        return [
            Column("next", "", lambda row: Text(">" if row.next else " "), least=1, most=1),
            Column("number", "#", lambda row: Text(f"{row.number:d}"), align="right", least=2, most=3),
            Column("state", "STATE", lambda row: Text(row.log.state.value, tone(row)), least=7, most=8),
            Column(
                "step",
                "STEP",
                lambda row: safe(row.step.title, limit=limits.LINE),
                grow=True,
                least=34,
                most=limits.LINE,
            ),
            Column(
                "words", "RESULT", lambda row: safe(row.log.words, limit=limits.LINE), priority=1, least=10, most=40
            ),
        ]

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.table
            yield self.detail

    # --- the runbook -------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Build or load it once; then look what comes next, while nothing runs."""
        try:
            if self.runner is None:
                await self._begin()
            if self.runner is not None and not self.runner.working:
                self.ahead = await self.runner.ahead()
        except (EtcdError, OSError) as error:
            self.flash(error_line(error), "bad")
        self._show()

    async def _begin(self) -> None:
        context = self.session.runbooks()
        store = RunbookStore(self.session.writes.state)
        view = await context.look()
        book = await asyncio.to_thread(store.load, self.wanted.book) if self.wanted.book else None
        if book is None:
            if self.wanted.kind is None:
                raise BadArgument("that plan is not kept any more")
            await self.session.doctor.look()
            wish = builders.Wish(self.wanted.kind, self.wanted.member, self.wanted.name, self.wanted.urls)
            book = builders.build(context, view, self.session.doctor.inputs, wish)
        runner = Runner(context, store, book, self._changed)
        await runner.open()
        self.runner = runner

    def _changed(self, words: str) -> None:
        """The runner tells what goes on."""
        self.words = words
        self._show()

    def _show(self) -> None:
        runner = self.runner
        if runner is None or not self.is_running:
            return
        book = runner.book
        pairs = zip(book.steps, book.logs, strict=True)
        self.table.set_rows(
            [Row(n + 1, step, log, n == book.index and book.open) for n, (step, log) in enumerate(pairs)]
        )
        if book.index != self._at:  # the cursor goes with the plan, and stays where a person put it meanwhile
            self._at = book.index
            self.table.go_to(min(book.index + 1, len(book.steps)))
        self._show_detail()
        self.show_status()

    def show_status(self) -> None:
        runner = self.runner
        if runner is None:
            return
        book = runner.book
        what = "under way: " if runner.working else ""
        self.set_status(
            safe(book.title, "bold", limit=limits.LINE),
            safe(f"{book.ended or 'open'}, {book.progress}", limit=limits.LINE),
            safe(what + self.words if self.words else "", self.table.lines.tone("dim"), limit=limits.LINE),
        )

    def on_resize(self, event: events.Resize) -> None:
        self._show()

    def on_line_table_row_moved(self) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.table.current
        if row is None:
            self.detail.show([])
            return
        tone, width = self.detail.tone, max(20, self.detail.size.width - 4)
        lines: list[Text] = []

        def part(head: str, texts: Sequence[str], style: Style | str = "") -> None:
            shown = [text for text in texts if text]
            if shown:
                lines.append(safe(f" {head}", tone("head")))
                for text in shown:
                    clean = safe_text(text, limit=limits.DETAIL).text
                    lines.extend(
                        Text.assemble("   ", safe(one, style))
                        for one in textwrap.wrap(clean, width, break_on_hyphens=False) or [""]
                    )

        ahead = self.ahead if row.next and self.ahead is not None and self.ahead.step is not None else None
        if ahead is not None and not (self.runner and self.runner.working):
            part("not now", (ahead.why_not,), tone("bad"))
            part("not needed", (ahead.needless,), tone("good"))
            part("what it does", (ahead.explain,))
            part("now", ahead.facts)
            part("as etcdctl", ahead.etcdctl.splitlines(), tone("key"))
        else:
            part("before", row.log.before)
            part("after", row.log.after)
            part("as etcdctl", row.step.args.get("lines", "").splitlines(), tone("key"))
        part("result", (row.log.words,), tone(TONES[row.log.state]))
        if self.runner is not None:
            part("settings for the new machine (y copies)", self.runner.book.notes, tone("key"))
        self.detail.show(lines)

    # --- doing -------------------------------------------------------------------------------------------

    def on_line_table_row_chosen(self) -> None:
        runner = self.runner
        if runner is None:
            return
        if runner.working:
            runner.ctx.go_on.set()
            return
        if not runner.book.open:
            self.flash("the plan has ended; esc leaves it")
            return
        self.begin(self._step, "write")

    async def _step(self) -> None:
        runner = self.runner
        if runner is None:
            return
        ahead = self.ahead = await runner.ahead()
        confirmed: Confirmed | None = None
        if ahead.step is not None and not ahead.why_not and not ahead.needless:
            if ahead.step.action not in READ_ONLY and runner.course is None and not await self._agree(runner):
                return
            if ahead.heavy and ahead.write is not None:
                confirmed = await self._review(ahead.write.plan, "do it")
                if confirmed is None:
                    return
        done = await runner.go(confirmed)
        log = runner.book.logs[min(runner.book.index, len(runner.book.logs) - 1)]
        if not done:
            self.flash(safe(f"stopped: {log.words}", limit=limits.LINE), "bad")
        self.ahead = await runner.ahead()
        self._show()

    async def _agree(self, runner: Runner) -> bool:
        """The whole course, once; plans that change nothing need none, and work in a locked profile."""
        if runner.book.kind in READING:
            return True
        guard, plan = self.session.guard, runner.course_plan()
        confirmed = guard.confirm_by_unlock(plan) or await self._review(plan, "begin")
        if confirmed is None:
            return False
        guard.begin_course(confirmed)
        runner.course = confirmed
        return True

    async def _review(self, plan: WritePlan, verb: str) -> Confirmed | None:
        answer = await self.app.push_screen_wait(ReviewDialog(plan, self.session.guard, verb=verb))
        return answer if isinstance(answer, Confirmed) else None

    def action_skip(self) -> None:
        self.begin(self._skip, "write")

    async def _skip(self) -> None:
        if self.runner is not None and not await self.runner.skip():
            self.flash("this step cannot be left out", "warn")
        self._show()
        self.read_again()

    def action_edit(self) -> None:
        self.begin(self._edit, "write")

    async def _edit(self) -> None:
        """What a step works with: revisions kept, the file, seconds of a pause."""
        step = self.runner.book.current if self.runner is not None else None
        action = action_of(step.action) if step is not None else None
        if self.runner is None or step is None or action is None or action.asks is None:
            self.flash("there is nothing to change in this step", "warn")
            return
        name, words = action.asks
        typed = await self.ask(words, value=step.args.get(name, ""))
        if typed is None:
            return
        if name != "path" and not typed.isdigit():
            self.flash("that is no whole number", "warn")
        elif typed:
            await self.runner.edit(**{name: typed})
            self._show()
            self.read_again()

    def action_again(self) -> None:
        self.begin(self._again, "write")

    async def _again(self) -> None:
        row = self.table.current
        if self.runner is None or row is None or not await self.runner.again(row.number - 1):
            self.flash("put the cursor on a step that is over", "warn")
        else:
            self._show()
            self.read_again()

    def action_stop(self) -> None:
        self.begin(self._stop, "write")

    async def _stop(self) -> None:
        if self.runner is not None and self.runner.book.open:
            await self.runner.stop()
            self.flash("the plan is ended; its report is in Activity")
        self._show()

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")

    def copies(self) -> Sequence[tuple[str, str, str]]:
        runner, ahead = self.runner, self.ahead
        if runner is None:
            return ()
        found = [("r", "the report", _clean(report_lines(runner.book)))]
        if runner.book.notes:
            found.insert(0, ("s", "settings for the new machine", _clean(runner.book.notes)))
        row = self.table.current
        lines = row.step.args.get("lines", "") if row is not None else ""
        if text := lines or (ahead.etcdctl if ahead is not None else ""):
            found.insert(0, ("e", "as etcdctl", _clean(text.splitlines())))
        return found

    def action_save(self) -> None:
        self.begin(self._save, "save")

    async def _save(self) -> None:
        if self.runner is None:
            return
        name = await self.ask("save the report to file", value=f"{self.runner.book.id}.txt")
        if not name:
            return
        path = typed_path(name)
        try:
            await asyncio.to_thread(create_private, path, (_clean(report_lines(self.runner.book)) + "\n").encode())
        except OSError as error:
            self.flash(f"not written: {error.strerror}", "bad")
        else:
            self.flash(Text.assemble("the report is in ", safe(str(path.absolute()), limit=limits.LINE)), "good")

    def close_view(self) -> bool:
        runner = self.runner
        step = runner.book.current if runner is not None else None
        if runner is not None and runner.working and step is not None and self.is_sending(step):
            self.flash("the request is on its way; wait until it is answered", "warn")
            return True
        return False

    @staticmethod
    def is_sending(step: StepSpec) -> bool:
        return step.action not in (*READ_ONLY, "pause", "wait-well", "wait-space", "wait-joined", "restart")

    async def on_unmount(self) -> None:
        if self.runner is not None:
            await self.runner.close()


def _clean(lines: Sequence[str]) -> str:
    return "\n".join(safe_text(line, limit=limits.DETAIL).text for line in lines)
