"""Members: who is up, who leads, how far behind each is, and the maintenance that people do here."""

from __future__ import annotations

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
from etcdtui.services.cluster.runbooks.spec import Runbook
from etcdtui.services.cluster.view import ClusterView, MemberRow
from etcdtui.services.session.dialing import plain_words
from etcdtui.services.session.session import Session
from etcdtui.ui import limits
from etcdtui.ui.bindings import MEMBERS
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host, Members
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.frame.plans import open_books
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.table import Column, LineTable

SHORT = 100
"""Columns of the terminal below which the summary is one line."""
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
    MembersScreen #member-summary { height: auto; border-bottom: solid $panel; }
    MembersScreen #member-table { height: 1fr; }
    MembersScreen #member-detail { height: 45%; border-top: solid $panel; }
    MembersScreen.-zoom #member-detail { display: none; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.shown = cluster_view.view_of(session.health)
        self._alarms: tuple[Alarm, ...] | None = None
        self._limited = ""
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
            Column("ver", "VER", lambda r: _told(r, lambda s: s.version), lambda r: _version(r), priority=4, least=6),
            Column("db", "DB", lambda r: _told(r, lambda s: format_size(s.db_size)), _db, align="right", least=7),
            Column("use", "IN USE", _in_use, priority=3, align="right", least=8),
            Column("quota", "OF QUOTA", self._quota, priority=2, least=7),
            Column("lag", "LAG", lambda r: _number(r.lag), lambda r: r.lag or 0, align="right", least=3),
            Column("apply", "APPLY", lambda r: _number(r.apply_lag), priority=5, align="right", least=5),
            Column("rtt", "RTT", _rtt, lambda r: r.rtt, align="right", least=5),
            Column("state", "STATE", self._state, lambda r: r.state, grow=True, least=11, most=limits.NAME),
        ]

    def compose_body(self) -> ComposeResult:
        with Vertical(id="member-summary"):
            yield self.summary
        yield self.table
        with Vertical(id="member-detail"):
            yield self.detail

    # --- cells -------------------------------------------------------------------------------------------

    def _member_name(self, row: MemberRow) -> Text:
        return safe(row.name, self.table.lines.tone("key"), limit=limits.SHORT_NAME)

    def _role(self, row: MemberRow) -> Text:
        tone = {"LEADER": "accent", "learner": "lease"}.get(row.role, "muted")
        return Text(row.role, self.table.lines.tone(tone))

    def _state(self, row: MemberRow) -> Text:
        words = cluster_view.down_words(row)
        if row.problem is not None and not row.up:
            words += f": {plain_words(row.problem)}"
        tone = "good" if row.state == "ok" else "bad" if row.state == "DOWN" else "warn"
        return safe(words, self.table.lines.tone(tone), limit=limits.NAME)

    def _quota_of(self, row: MemberRow) -> int:
        told = row.status.db_size_quota if row.status else 0
        return told or self.session.profile.quota_bytes or 0

    def _quota(self, row: MemberRow) -> Text:
        quota = self._quota_of(row)
        if row.status is None or not quota:
            return Text("?", self.table.lines.tone("muted"))
        share = row.status.db_size / quota
        tone = "bad" if share >= 0.95 else "warn" if share >= 0.8 else "good"
        return Text(f"[{'#' * min(BAR, round(share * BAR)):.<{BAR}}] {share:.0%}", self.table.lines.tone(tone))

    # --- reading -----------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Rows come with every health poll; only the alarms are asked for here."""
        if self.session.health.state is not State.NO_LEADER:
            self._alarms, self._limited = await self.session.cluster.alarms()
        else:
            self._alarms, self._limited = None, "alarms: not known without a leader"
        self._books = await open_books(self.session)
        self._show()

    def health_changed(self, health: ClusterHealth) -> None:
        self._show()

    def _show(self) -> None:
        self.shown = cluster_view.view_of(self.session.health, self._alarms, self._limited)
        self.table.set_rows(self.shown.rows)
        self.summary.show(self._summary_lines())
        self.summary.styles.height = len(self.summary.lines)
        self._show_detail()
        self.show_status()

    def on_resize(self, event: events.Resize) -> None:
        self._show()

    def _summary_lines(self) -> list[Text]:
        view, health = self.shown, self.session.health
        tone = self.summary.tone
        quorum = view.quorum
        quorum_tone = "bad" if quorum.lost else "warn" if quorum.spare <= 0 else "good"
        term = max((row.status.raft_term for row in view.rows if row.status), default=0)
        versions = sorted({row.status.version for row in view.rows if row.status})
        alarms = self._alarm_words(view)
        alarm_tone = "muted" if alarms in ("none", "?") else "bad"
        first = Text.assemble(
            " ",
            (quorum.words(), tone(quorum_tone)),
            f"   revision {health.revision or '?'}   term {term or '?'}",
        )
        second = Text.assemble(
            " ALARMS ",
            safe(alarms, tone(alarm_tone)),
            "   VERSION ",
            safe(", ".join(versions) or "?", limit=60),
            f"   LEARNERS {view.learners}",
            f"   cluster {health.cluster_id:x}" if health.cluster_id else "",
        )
        return [first, second]

    def _alarm_words(self, view: ClusterView) -> str:
        if view.alarms is None:
            return ", ".join(view.health.alarms) or "?"
        named = []
        for alarm in view.alarms:
            row = view.row(alarm.member_id)
            named.append(f"{alarm.type.name} by {row.name if row else f'{alarm.member_id:x}'}")
        return ", ".join(named) or "none"

    def show_status(self) -> None:
        """What is wrong first: there may be room for little more."""
        parts = [self.filter_text()]
        down = next((row for row in self.shown.rows if row.problem is not None and not row.up), None)
        if down is not None and down.problem is not None:
            why = safe(plain_words(down.problem), limit=limits.WORDS)
            parts.append(Text.assemble(safe(down.name, limit=limits.SHORT_NAME), ": ", why))
        if self.shown.limited:
            parts.append(safe(self.shown.limited, self.table.lines.tone("warn"), limit=120))
        parts.append(Text(f"source: Status of each member, every {self.session.monitor.pause:g} s", "dim"))
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
        tone = self.detail.tone
        member = row.member
        lines = [
            Text.assemble(
                " ", safe(row.name, tone("key"), limit=limits.SHORT_NAME), f"   id {member.id:x}   {row.role}"
            ),
            Text.assemble(" client  ", safe("  ".join(member.client_urls) or "-", limit=limits.WORDS)),
            Text.assemble(" peer    ", safe("  ".join(member.peer_urls) or "-", limit=limits.WORDS)),
            Text.assemble(
                " asked at ", safe(row.endpoint or "no endpoint of the profile leads to it", limit=limits.WORDS)
            ),
        ]
        if row.status is not None:
            lines += self._status_lines(row)
        if row.problem is not None:
            lines.append(Text.assemble(" ", error_line(row.problem)))
        self.detail.show(lines)

    def _status_lines(self, row: MemberRow) -> list[Text]:
        status, tone = row.status, self.detail.tone
        if status is None:
            return []
        free = max(0, status.db_size - status.db_size_in_use)
        quota = self._quota_of(row)
        lines = [
            Text(
                f" db {format_size(status.db_size)}, {format_size(status.db_size_in_use)} in use: "
                f"defrag frees at least {format_size(free)}    quota {format_size(quota) if quota else '?'}"
            ),
            Text(
                f" raft index {status.raft_index}  applied {status.raft_applied_index}  term {status.raft_term}"
                f"  revision {status.header.revision if status.header else '?'}"
            ),
        ]
        if status.storage_version:
            lines.append(Text.assemble(" storage version ", safe(status.storage_version, limit=40)))
        lines += [Text.assemble(" ", safe(text, tone("bad"), limit=limits.WORDS)) for text in status.errors]
        return lines

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
