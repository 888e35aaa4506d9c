"""Doctor: every check with its result, the evidence behind it, what it means and what to do."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from etcdtui.core.safe_text import safe_text
from etcdtui.core.search import TEXT, Field, Record
from etcdtui.core.units import counted
from etcdtui.services.cluster.doctor.bundle import bundle_bytes
from etcdtui.services.cluster.doctor.finding import Finding, Severity
from etcdtui.services.cluster.doctor.report import Report, details, report_json, report_text
from etcdtui.services.cluster.endpoint_health import ClusterHealth
from etcdtui.services.cluster.runbooks.mending import WORDS, mends, why_not_begin
from etcdtui.services.cluster.runbooks.spec import Kind, Runbook
from etcdtui.services.session.session import Session
from etcdtui.services.writing.files import create_private, typed_path
from etcdtui.ui import limits
from etcdtui.ui.bindings import DOCTOR
from etcdtui.ui.frame.host import Host, VisitPlan
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.frame.plans import open_books, plan_items, plan_visit, visit_of
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.spawn import painted
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.panehead import Pane
from etcdtui.ui.widgets.table import Column, LineTable

TONES = {
    Severity.CRIT: "bad",
    Severity.WARN: "warn",
    Severity.INFO: "accent",
    Severity.OK: "good",
    Severity.SKIP: "dim",
}


class DoctorScreen(ListScreen[Finding]):
    """The report of the session's doctor, looked at again while it is shown."""

    screen_name: ClassVar[str] = DOCTOR
    number: ClassVar[int] = 7
    label: ClassVar[str] = "Doctor"
    about: ClassVar[str] = (
        "What is wrong with the cluster, with evidence, rule, meaning and what to do. A figure must hold for two\n"
        "samples to be yellow and three to be red. SKIP says what could not be judged, and why."
    )
    every: ClassVar[float] = 2.5
    filter_fields: ClassVar[Mapping[str, Field]] = {"severity": Field.NAME, "check": Field.NAME}

    DEFAULT_CSS = """
    DoctorScreen #doctor-table { width: 48%; }
    DoctorScreen #doctor-side { width: 1fr; border-left: solid $panel; }
    DoctorScreen.-narrow #doctor-table { width: 1fr; }
    DoctorScreen.-narrow #doctor-side { display: none; }
    DoctorScreen.-narrow.-open #doctor-table { display: none; }
    DoctorScreen.-narrow.-open #doctor-side { display: block; border-left: none; }
    DoctorScreen.-zoom #doctor-table { display: none; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.report: Report | None = None
        self._books: tuple[Runbook, ...] = ()
        """Plans that were begun and not ended."""
        self.detail = DetailLines()
        self.detail.id = "doctor-detail"
        self.table = LineTable(
            self._columns(), lambda f: f.id, empty=Text("looking at the cluster.."), marks=False, id="doctor-table"
        )
        self._seconds = max(self.every, session.profile.refresh)

    def _columns(self) -> list[Column[Finding]]:
        return [
            Column("severity", "", lambda f: Text(f.severity.name, self._tone(f)), least=4, most=4),
            Column("check", "CHECK", lambda f: Text(f.label, self._tone(f) if f.severity >= Severity.WARN else ""),
                   least=6, most=9),
            Column("line", "FINDING", self._line, grow=True, least=20, most=limits.LINE),
        ]  # fmt: skip

    def _tone(self, finding: Finding) -> Style:
        return self.table.lines.tone(TONES[finding.severity])

    def _line(self, finding: Finding) -> Text:
        dim = finding.severity is Severity.SKIP or finding.waits
        return safe(finding.title, self.table.lines.tone("dim") if dim else "", limit=limits.LINE)

    def compose_body(self) -> ComposeResult:
        with Horizontal():
            yield self.table
            yield Pane("the finding", self.detail, id="doctor-side")

    # --- reading -----------------------------------------------------------------------------------------

    async def read(self) -> None:
        """What is known at once, then what is due to be asked."""
        doctor = self.session.doctor
        if self.report is None:
            self._show(doctor.judge())
        self._books = await open_books(self.session)
        self._show(await doctor.look())

    def health_changed(self, health: ClusterHealth) -> None:
        if self.automatic and self.report is not None:
            self._show(self.session.doctor.judge(self.report.took))

    def action_refresh(self) -> None:
        self.session.monitor.poll_soon()
        self.begin(self._look_again, "read")

    async def _look_again(self) -> None:
        self.flash("looking again..")
        self._show(await self.session.doctor.look(fresh=True))
        self.status_line.clear_flash()

    def _show(self, report: Report) -> None:
        """Who looks at the worst finding goes on looking at the worst one; any other row keeps the cursor."""
        at_top = self.table.lines.cursor <= 0 and not self.has_class("-open")
        self.report = report
        self.table.set_rows(report.sorted())
        if at_top and self.table.rows:
            self.table.lines.cursor = 0
        self._show_detail()
        self.show_status()

    def show_status(self) -> None:
        report = self.report
        if report is None:
            return
        clock = time.strftime("%H:%M:%S", time.localtime(report.checked_at))
        needing = len(report.needing)
        count = f"{len(report.findings)} checks, " + (f"{needing} need you" if needing else "nothing to do")
        again = (
            f"again in {self._seconds:g} s" if self.automatic and self.session.profile.refresh > 0 else "r looks again"
        )
        self.set_status(
            self.filter_text(),
            Text(count, self.table.lines.tone("warn" if needing else "good")),
            Text(
                f"{counted(len(self._books), 'plan')} open: M" if self._books else "", self.table.lines.tone("accent")
            ),
            Text(f"checked {clock}"),
            Text(again, self.table.lines.tone("dim")),
            Text("thresholds: etcd mixin, etcd FAQ", self.table.lines.tone("dim")),
        )

    def record_of(self, row: Finding) -> Record:
        words = " ".join((row.severity.name, row.id, row.label, row.title, *row.evidence))
        return {TEXT: words, "severity": row.severity.name.lower(), "check": row.id}

    # --- the finding -------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < limits.WIDE, "-narrow")
        painted(self, self._show_detail)

    def on_line_table_row_moved(self) -> None:
        self._show_detail()

    def on_line_table_row_chosen(self) -> None:
        finding = self.table.current
        if finding is not None and (kind := mends(finding)):
            self.begin(partial(self._plan, kind), "maintenance")
            return
        self.add_class("-open")
        self.detail.focus()
        painted(self, self._show_detail)

    def close_view(self) -> bool:
        if self.detail.has_focus or self.has_class("-open"):
            self.remove_class("-open", "-zoom")
            self.table.lines.focus()
            return True
        return super().close_view()

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")
        (self.detail if self.has_class("-zoom") else self.table.lines).focus()
        painted(self, self._show_detail)

    def _show_detail(self) -> None:
        finding = self.table.current
        if finding is None:
            self.detail.show([])
            return
        width = max(20, self.detail.size.width - 3)
        tone = self.detail.tone
        lines = [Text.assemble(" ", one) for one in _folded(finding.title, width, tone(TONES[finding.severity]))]
        lines.append(Text(""))

        def part(head: str, texts: Sequence[str], style: Style | str = "", indent: int = 2) -> None:
            if texts:
                lines.append(Text(f" {head}", tone("head")))
                for text in texts:
                    blanks = " " * (indent + 1)
                    lines.extend(Text.assemble(blanks, one) for one in _folded(text, width - indent, style))
                lines.append(Text(""))

        part("evidence", finding.evidence)
        part("what it means", (finding.meaning,) if finding.meaning else ())
        part("what to do", (finding.todo,) if finding.todo else ())
        if kind := mends(finding):
            words = why_not_begin(kind, self.session.doctor.view) or "enter opens it; each step is shown before it runs"
            part("plan", (f"{WORDS[kind]}: {words}",), tone("accent"))
        part("as etcdctl", finding.etcdctl, tone("key"))
        part("rule", (finding.formula, finding.threshold, f"source: {finding.source}"), tone("dim"))
        self.detail.show(lines)

    # --- taking it along ---------------------------------------------------------------------------------

    def copies(self) -> Sequence[tuple[str, str, str]]:
        finding, report = self.table.current, self.report
        if finding is None or report is None:
            return ()
        whole = "\n".join((f"{finding.severity.name} {finding.label}: {finding.title}", *details(finding)))
        commands = "\n".join(finding.etcdctl)
        found = [("f", "this finding", _clean(whole)), ("t", "the report as text", report_text(report)),
                 ("j", "the report as JSON", report_json(report))]  # fmt: skip
        return ([("e", "as etcdctl commands", _clean(commands))] if commands else []) + found

    def action_save(self) -> None:
        self.begin(self._save_report, "save")

    async def _save_report(self) -> None:
        report = self.report
        if report is None:
            return
        name = await self.ask(
            "save the report to file", "a name that ends in .json gets JSON", value=self._file_name("txt")
        )
        if name:
            text = report_json(report) + "\n" if name.endswith(".json") else report_text(report)
            await self._save(name, text.encode(), "the report")

    def _file_name(self, ending: str) -> str:
        profile = "".join(c if c.isalnum() or c in "._-" else "_" for c in self.session.profile.name)[:60]
        return f"doctor-{profile}-{time.strftime('%Y%m%d-%H%M%S')}.{ending}"

    async def _save(self, name: str, data: bytes, what: str) -> None:
        path = typed_path(name)
        try:
            await asyncio.to_thread(create_private, path, data)
        except FileExistsError:
            self.flash("the file exists already and is not replaced", "warn")
        except OSError as error:
            self.flash(f"not written: {error.strerror}", "bad")
        else:
            self.flash(Text.assemble(f"{what} is in ", safe(str(path.absolute()), limit=limits.LINE)), "good")

    def action_more(self) -> None:
        """What there is beyond the findings, as a list."""
        self.begin(self._choose, "maintenance")

    async def _choose(self) -> None:
        choice = await self.app.push_screen_wait(PickerDialog(Text("more"), self.more_items(), typing=False))
        await self._do(choice or "")

    def more_items(self) -> Sequence[Item]:
        note = Text("one file for whoever helps you, without secrets")
        return [*plan_items(self.session.doctor.view, self._books), Item("bundle", Text("support bundle"), note, "b")]

    def more_chosen(self, value: str) -> None:
        self.begin(partial(self._do, value), "maintenance")

    async def _do(self, value: str) -> None:
        if value == "bundle":
            await self._bundle()
        elif visit := visit_of(value, self._books):
            self._visit(visit)

    async def _plan(self, kind: Kind) -> None:
        """The plan of that kind that is open already, else a new one."""
        self._books = await open_books(self.session)
        self._visit(plan_visit(kind, self._books))

    def _visit(self, wanted: VisitPlan) -> None:
        self.host.visit(self, wanted, lambda _: self.read_again())

    async def _bundle(self) -> None:
        explain = "findings, members, versions, metrics and the configuration, without keys, values and secrets"
        name = await self.ask("save a support bundle to file", explain, value=self._file_name("zip"))
        if not name:
            return
        doctor = self.session.doctor
        report = self.report or doctor.judge()
        data = await asyncio.to_thread(bundle_bytes, self.session.profile, report, doctor.inputs)
        await self._save(name, data, "the bundle")


def _clean(text: str) -> str:
    """For the clipboard: names in it are a server's."""
    return "\n".join(safe_text(one, limit=2000).text for one in text.splitlines())


def _folded(text: str, width: int, style: Style | str = "") -> list[Text]:
    """A sentence in lines of at most ``width`` characters."""
    clean = safe_text(text, limit=2000).text
    return [safe(one, style) for one in textwrap.wrap(clean, max(10, width)) or [""]]
