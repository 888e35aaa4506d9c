"""Members: who is up, who leads, how far behind each is, and the maintenance that people do here."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.search import Field, Record
from etcdtui.core.types import Alarm
from etcdtui.core.units import format_latency, format_size
from etcdtui.services.cluster import view as cluster_view
from etcdtui.services.cluster.health import ClusterHealth, State
from etcdtui.services.cluster.metrics import FSYNC, sources_words
from etcdtui.services.cluster.runbooks.spec import Runbook
from etcdtui.services.cluster.view import ClusterView, MemberRow
from etcdtui.services.session.dialing import plain_words
from etcdtui.services.session.session import Session
from etcdtui.ui import limits
from etcdtui.ui.bindings import MEMBERS
from etcdtui.ui.frame.host import Host, Members
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.frame.plans import open_books
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.screens.members.lines import Told, member_lines, p99_cell, summary_lines
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.panehead import Pane
from etcdtui.ui.widgets.table import Column, LineTable

BAR = 10


class MembersScreen(ListScreen[MemberRow]):
    """The members side by side, from each one's own answer."""

    screen_name: ClassVar[str] = MEMBERS
    number: ClassVar[int] = 4
    label: ClassVar[str] = "Members"
    about: ClassVar[str] = (
        "Every member by its own answer: role, version, size, lag, round trip; and what the cluster can still lose.\n"
        "o and M have the maintenance: snapshot, compact, defragment, promote, replace, alarms, and plans with steps."
    )
    every: ClassVar[float] = 2.0
    filter_fields: ClassVar[Mapping[str, Field]] = {"role": Field.NAME, "state": Field.NAME, "ver": Field.NAME}

    DEFAULT_CSS = """
    MembersScreen #member-summary { height: auto; }
    MembersScreen #member-table { height: 1fr; }
    MembersScreen #member-detail { height: 45%; }
    MembersScreen.-zoom #member-detail { display: none; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self._since = 0.0
        """When a leader was known last."""
        self.told = Told(cluster_view.view_of(session.health), session.monitor.samples)
        self._alarms: tuple[Alarm, ...] | None = None
        """Those that a snapshot holds."""
        self._books: tuple[Runbook, ...] = ()
        """Plans that were begun and not ended."""
        self.summary = DetailLines()
        self.detail = DetailLines()
        self.table = LineTable(
            self._columns(),
            lambda row: row.member.id,
            empty=Text("asking the members.."),
            marks=False,
            id="member-table",
        )

    def _columns(self) -> list[Column[MemberRow]]:
        return [
            Column("name", "NAME", self._member_name, lambda r: r.name, least=6, most=24),
            Column("role", "ROLE", self._role, lambda r: r.role, least=8),
            Column("ver", "VER", lambda r: _told(r, lambda s: s.version), lambda r: _version(r), priority=5, least=6),
            Column("db", "DB", lambda r: _told(r, lambda s: format_size(s.db_size)), _db, align="right", least=7),
            Column("use", "IN USE", _in_use, priority=4, align="right", least=8),
            Column("quota", "OF QUOTA", self._quota, priority=2, least=7),
            Column("lag", "LAG", lambda r: _number(r.lag), lambda r: r.lag or 0, align="right", least=3),
            Column("apply", "APPLY", lambda r: _number(r.apply_lag), priority=6, align="right", least=5),
            Column("rtt", "RTT", _rtt, lambda r: r.rtt, align="right", least=5),
            Column("fsync", "FSYNC p99", self._fsync, priority=3, align="right", least=9),
            Column("state", "STATE", self._state, lambda r: r.state, grow=True, least=11, most=limits.NAME),
        ]

    def compose_body(self) -> ComposeResult:
        with Vertical(id="member-summary"):
            yield self.summary
        yield self.table
        yield Pane("the member", self.detail, id="member-detail")

    # --- cells -------------------------------------------------------------------------------------------

    def _member_name(self, row: MemberRow) -> Text:
        return safe(row.name, self.table.lines.tone("key"), limit=limits.SHORT_NAME)

    def _role(self, row: MemberRow) -> Text:
        tone = {"LEADER": "accent", "learner": "lease"}.get(row.role, "muted")
        return Text(row.role, self.table.lines.tone(tone))

    def _state(self, row: MemberRow) -> Text:
        if self._is_file:
            return Text("as saved", self.table.lines.tone("muted"))
        words = cluster_view.down_words(row)
        if row.problem is not None and not row.up:
            words += f": {plain_words(row.problem)}"
        tone = "good" if row.state == "ok" else "bad" if row.state == "DOWN" else "warn"
        return safe(words, self.table.lines.tone(tone), limit=limits.NAME)

    def _quota(self, row: MemberRow) -> Text:
        share = row.quota_share
        if share is None:
            return Text("?", self.table.lines.tone("muted"))
        tone = "bad" if share >= 0.95 else "warn" if share >= 0.8 else "good"
        bar = f"[{'#' * min(BAR, round(share * BAR)):.<{BAR}}] " if self.size.width >= limits.WIDE else ""
        return Text(f"{bar}{share:.0%}", self.table.lines.tone(tone))

    def _fsync(self, row: MemberRow) -> Text:
        look = self.told.look(row) if row.up else None
        return p99_cell(look.metrics.p99(FSYNC) if look is not None else None, self.table.lines.tone)

    # --- reading -----------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Rows come with every health poll; what else is due is asked for here, each member within its own limit."""
        if self._is_file:
            self._alarms, _ = await self.session.cluster.alarms()
        else:
            self._books = await open_books(self.session)
            await self.session.doctor.look()
        self._show()

    def health_changed(self, health: ClusterHealth) -> None:
        self._show()

    def _show(self) -> None:
        self.told = self._told()
        self.table.set_rows(self.shown.rows)
        self.summary.show(summary_lines(self.told, self.summary.tone))
        self.summary.styles.height = len(self.summary.lines)
        self._show_detail()
        self.show_status()

    def _told(self) -> Told:
        session, now = self.session, time.time()
        if self._is_file:
            return Told(cluster_view.view_of(session.health, self._alarms), session.monitor.samples)
        doctor, health = session.doctor, session.health
        if health.state not in (State.NO_LEADER, State.LOST):
            self._since = health.as_of
        ascii_only = self.is_attached and self.app.has_class("-ascii")
        return Told(doctor.view, session.monitor.samples, doctor.inputs, doctor.report, self._since, now, ascii_only)

    @property
    def _is_file(self) -> bool:
        """Whether these are the members that a snapshot knows: there is nobody to ask."""
        return self.session.health.state is State.STILL

    @property
    def shown(self) -> ClusterView:
        """The members as they are on the screen."""
        return self.told.view

    def on_resize(self, event: events.Resize) -> None:
        self._show()

    def show_status(self) -> None:
        """What is wrong first: there may be room for little more."""
        parts = [self.filter_text()]
        down = next((row for row in self.shown.rows if row.problem is not None and not row.up), None)
        if down is not None and down.problem is not None:
            why = safe(plain_words(down.problem), limit=limits.WORDS)
            parts.append(Text.assemble(safe(down.name, limit=limits.SHORT_NAME), ": ", why))
        if self.shown.alarms is None and self.shown.limited:
            parts.append(safe(f"alarms: {self.shown.limited}", self.table.lines.tone("warn"), limit=limits.WORDS))
        looks = self.told.inputs.looks if self.told.inputs is not None else ()
        sources = f", {sources_words([look.metrics for look in looks])}" if looks else ""
        if self._is_file:
            self.set_status(*parts, Text("source: the buckets of the file", "dim"))
            return
        parts.append(Text(f"Status every {self.session.monitor.pause:g} s{sources}", "dim"))
        self.set_status(*parts)

    def record_of(self, row: MemberRow) -> Record:
        urls = " ".join((*row.member.client_urls, *row.member.peer_urls))
        return {
            "text": f"{row.name} {row.member.id:x} {row.role} {row.state} {urls}",
            "role": row.role,
            "state": row.state,
            "ver": row.status.version if row.status else "",
        }

    # --- the selected member -----------------------------------------------------------------------------

    def on_line_table_row_moved(self) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.table.current
        if row is None:
            self.detail.show([])
            return
        self.detail.show(member_lines(self.told, row, self.detail.tone))

    # --- actions -----------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        if (
            action_id in ("members.remove", "members.change_peer_urls", "members.move_leader")
            and self.table.current is None
        ):
            return "no member is selected"
        return super().why_not(action_id)

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")

    def on_line_table_row_chosen(self) -> None:
        self.action_info()

    def action_info(self) -> None:
        row = self.table.current
        if row is not None:
            body = Text("\n").join(self.detail.lines)
            body.no_wrap = False
            self.app.push_screen(MessageDialog(safe(row.name, limit=limits.SHORT_NAME), body))

    @property
    def _flows(self) -> Members:
        return self.host.members(self, lambda _: self.read_again(), lambda: self.shown)

    def action_move_leader(self) -> None:
        self._on_row(self._flows.make_leader)

    def action_remove(self) -> None:
        self._on_row(self._flows.remove_member)

    def action_change_peer_urls(self) -> None:
        self._on_row(self._flows.update_member)

    def action_add(self) -> None:
        self.start_write(self._flows.add_member)

    def action_maintain(self) -> None:
        """The maintenance of the cluster and of the selected member, as a list."""
        self.start_write(self._choose, "maintenance")

    async def _choose(self) -> None:
        items = self.more_items()
        choice = await self.app.push_screen_wait(PickerDialog(Text("maintenance"), items, typing=False))
        if choice:
            await self._do(choice)

    def more_items(self) -> Sequence[Item]:
        return self._flows.offers(self.table.current, self._books)

    def more_chosen(self, value: str) -> None:
        self.start_write(partial(self._do, value), "maintenance")

    async def _do(self, value: str) -> None:
        if visit := await self._flows.do(value, self.table.current, self._books):
            self.host.visit(self, visit, lambda _: self.read_again())

    def _on_row(self, work: Callable[[MemberRow], Awaitable[object]]) -> None:
        if (row := self.table.current) is not None:
            self.start_write(partial(work, row))

    def copies(self) -> Sequence[tuple[str, str, str]]:
        row = self.table.current
        if row is None:
            return ()
        return (
            ("i", "ID in hex", f"{row.member.id:x}"),
            ("u", "client URLs", ",".join(row.member.client_urls)),
            ("e", "as etcdctl", f"etcdctl --endpoints {row.endpoint} endpoint status -w table"),
        )


def _told(row: MemberRow, what: Callable[..., str]) -> Text:
    return safe(what(row.status), limit=20) if row.status else Text("?", "dim")


def _version(row: MemberRow) -> str:
    return row.status.version if row.status else ""


def _db(row: MemberRow) -> int:
    return row.status.db_size if row.status else -1


def _in_use(row: MemberRow) -> Text:
    if row.status is None:
        return Text("?", "dim")
    share = row.status.db_size_in_use / row.status.db_size if row.status.db_size else 0
    return Text(f"{format_size(row.status.db_size_in_use)} {share:.0%}")


def _number(value: int | None) -> Text:
    return Text("?", "dim") if value is None else Text(str(value))


def _rtt(row: MemberRow) -> Text:
    return Text(format_latency(row.rtt)) if row.up and row.rtt else Text("-", "dim")
