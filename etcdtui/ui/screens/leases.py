"""Leases: who will lose what, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.errors import EtcdError
from etcdtui.core.search import Field, Record
from etcdtui.core.units import format_ttl
from etcdtui.services.cluster.health import State
from etcdtui.services.cluster.leases import (
    LeaseRow,
    LeaseState,
    lease_hex,
    parse_lease_id,
)
from etcdtui.services.session.session import Session
from etcdtui.ui import limits
from etcdtui.ui.bindings import LEASES, Action
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host, Leases
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.spawn import every
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.table import Column, LineTable

READ_AHEAD = 40
"""Rows read when the table has not been painted yet."""
READ_ALL_BELOW = 500
"""With up to so many leases every TTL is read, so that sorting by what is left is true."""
TTL_EVERY = 2.0
"""Seconds between two readings of the TTLs on the screen; the list itself is read at the profile's pace."""
BAR = 10
KEYS_LISTED = 300
_TONES = {
    LeaseState.DRAINING: "warn",
    LeaseState.GONE: "bad",
    LeaseState.EMPTY: "muted",
    LeaseState.RENEWED: "good",
}


def bar(left: int | None, granted: int) -> str:
    """``[######....]``: the share of the granted time that is left."""
    if left is None or granted <= 0 or left < 0:
        return f"[{' ' * BAR}]"
    full = min(BAR, round(BAR * left / granted))
    return f"[{'#' * full}{'.' * (BAR - full)}]"


class LeasesScreen(ListScreen[LeaseRow]):
    """All leases with what is left of them, and the keys of the selected one."""

    screen_name: ClassVar[str] = LEASES
    number: ClassVar[int] = 3
    label: ClassVar[str] = "Leases"
    about: ClassVar[str] = (
        "Every lease with the time it has left, who renews it and the keys that vanish with it.\n"
        "States come from samples of our own: etcd does not say whether anybody renews."
    )
    every: ClassVar[float] = 2.0
    filter_fields: ClassVar[Mapping[str, Field]] = {
        "state": Field.NAME,
        "left": Field.AGE,
        "keys": Field.NUMBER,
        "granted": Field.AGE,
    }

    DEFAULT_CSS = """
    LeasesScreen #lease-detail { height: 40%; border-top: solid $panel; }
    LeasesScreen.-zoom #lease-detail { display: none; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.book = session.cluster.lease_book()
        self.problem: EtcdError | None = None
        self._readable: tuple[tuple[bytes, bytes], ...] | None = None
        self._wanted: int | None = None
        self.table = LineTable(
            self._columns(),
            lambda row: row.id,
            empty=Text("reading leases.."),
            id="lease-table",
        )
        self.table.sort_by("left")
        self.detail = DetailLines()

    def _columns(self) -> list[Column[LeaseRow]]:
        return [
            Column("lease", "LEASE", lambda r: Text(lease_hex(r.id), self.table.lines.tone("lease")), least=16),
            Column("bar", "", self._bar, priority=3, least=12),
            Column("left", "LEFT", self._left, lambda r: _order(r.ttl), align="right", least=6),
            Column("granted", "GRANTED", _granted, lambda r: r.granted, priority=1, align="right", least=7),
            Column("state", "STATE", self._state, lambda r: r.state.value, least=8),
            Column("keys", "KEYS", _keys, lambda r: len(r.keys or ()), priority=2, align="right", least=4),
            Column("first", "FIRST KEY", self._first, lambda r: (r.keys or (b"",))[0], grow=True, least=24, most=60),
        ]

    def compose_body(self) -> ComposeResult:
        yield self.table
        with Vertical(id="lease-detail"):
            yield self.detail

    # --- cells -------------------------------------------------------------------------------------------

    def _bar(self, row: LeaseRow) -> Text:
        return Text(bar(row.ttl, row.granted), self.table.lines.tone(_TONES.get(row.state, "muted")))

    def _left(self, row: LeaseRow) -> Text:
        if row.error is not None:
            return Text("?", self.table.lines.tone("bad"))
        return Text("…" if row.ttl is None else format_ttl(row.ttl))

    def _state(self, row: LeaseRow) -> Text:
        return Text(row.state.value, self.table.lines.tone(_TONES.get(row.state, "muted")))

    def _first(self, row: LeaseRow) -> Text:
        if row.keys_denied:
            return Text("not readable to you", self.table.lines.tone("muted"))
        if row.keys is None:
            return Text("…", self.table.lines.tone("muted"))
        return safe(row.keys[0], self.table.lines.tone("key"), limit=limits.WORDS) if row.keys else Text("-")

    # --- reading -----------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        if self.session.profile.refresh > 0:
            every(self, TTL_EVERY, self._tick_ttls)

    def _tick_ttls(self) -> None:
        if self.automatic and self.is_current and not any(w.group == "ttls" for w in self.workers):
            self.begin(self._read_ttls, "ttls")

    async def _read_ttls(self) -> None:
        await self.book.read([lease for lease in self._visible() if lease in self.book.rows], keys=False)
        self._show_rows()

    async def read(self) -> None:
        if self.session.health.state is State.NO_LEADER:
            self.problem = None
        try:
            ids = await self.book.list_ids(await self._ranges())
            self.problem = None
        except EtcdError as error:
            self.problem = error
            self.table.set_empty(error_line(error))
            self.show_status()
            return
        if not ids:
            self.table.set_empty(Text("No leases. That is normal for static config."))
        self._show_rows()
        await self.book.read(ids if len(ids) <= READ_ALL_BELOW else self._visible())
        self._show_rows()

    async def _ranges(self) -> tuple[tuple[bytes, bytes], ...]:
        """What the user may read, found out once: needed only where listing leases is refused."""
        if self._readable is None:
            self._readable = await self.session.cluster.readable()
        return self._readable

    def _visible(self) -> list[int]:
        rows = self.table.rows
        seen = self.table.lines.visible_rows() or range(min(READ_AHEAD, len(rows)))
        ids = [rows[i].id for i in seen if i < len(rows)]
        current = self.table.current
        return [*ids, *([current.id] if current else [])]

    def _show_rows(self) -> None:
        self.table.set_rows(list(self.book.rows.values()))
        if self._wanted is not None and self.table.go_to(self._wanted):
            self._wanted = None
        self._show_detail()
        self.show_status()

    def show_status(self) -> None:
        count = len(self.book.rows)
        shown = f"{count} leases" if count != 1 else "1 lease"
        note = safe(self.book.limited or self._note(), "dim")
        if self.session.health.state is State.NO_LEADER:
            note = Text("leader unknown: TTLs unavailable", self.table.lines.tone("warn"))
        if self.problem is not None:
            note = error_line(self.problem)
        self.set_status(Text(shown), self.filter_text(), note, Text("" if self.automatic else "automatic refresh off"))

    def _note(self) -> str:
        words = "TTLs come from the leader; after a leader change they restart"
        polled = f"   polling {TTL_EVERY:g} s, visible rows only" if self.session.profile.refresh > 0 else ""
        return words + polled if self.automatic else words

    def record_of(self, row: LeaseRow) -> Record:
        keys = b" ".join(row.keys or ())
        return {
            "text": lease_hex(row.id) + " " + row.state.value + " " + keys.decode("utf-8", "backslashreplace"),
            "state": row.state.value,
            "left": row.ttl if row.ttl is not None else 0,
            "granted": row.granted,
            "keys": len(row.keys or ()),
        }

    # --- the selected lease ------------------------------------------------------------------------------

    def on_line_table_row_moved(self) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.table.current
        tone = self.detail.tone
        if row is None:
            self.detail.show([])
            return
        lines = [
            Text.assemble(" lease ", (lease_hex(row.id), tone("lease")), (f"  (decimal {row.id})", tone("muted"))),
        ]
        if row.error is not None:
            lines.append(Text.assemble(" ", error_line(row.error)))
        elif row.ttl is not None and row.ttl >= 0:
            lines.append(Text(f" granted {row.granted}s   remaining {row.ttl}s   {_renewal(row)}"))
        elif row.ttl is not None:
            lines.append(Text(" it is gone: expired or revoked", tone("bad")))
        lines.extend(self._key_lines(row))
        samples = self.book.samples(row.id)
        if len(samples) > 2 and row.granted:
            marks = "".join(" ▁▂▃▄▅▆▇█"[max(0, min(8, round(8 * left / row.granted)))] for _, left in samples[-60:])
            lines.append(Text.assemble(" remaining, as seen  ", (marks, tone("accent"))))
        self.detail.show(lines)

    def _key_lines(self, row: LeaseRow) -> list[Text]:
        tone = self.detail.tone
        if row.keys_denied:
            return [Text(" its keys are not all readable to you", tone("warn"))]
        if row.keys is None:
            return []
        if not row.keys:
            return [Text(" no key is attached to it", tone("muted"))]
        lines = [Text(" if it expires, these keys are deleted:", tone("head"))]
        lines += [Text.assemble("   ", safe(key, tone("key"), limit=400)) for key in row.keys[:KEYS_LISTED]]
        if len(row.keys) > KEYS_LISTED:
            lines.append(Text(f"   … {len(row.keys) - KEYS_LISTED} more", tone("muted")))
        return lines

    # --- actions -----------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self.actions_changed()

    def available_actions(self) -> list[Action]:
        """Where there is little room the hint for renewing is shorter, so that it stays."""
        if self.size.width >= limits.WIDE:
            return super().available_actions()
        return [
            replace(a, label="keep alive") if a.id == "leases.keep_alive_once" else a
            for a in super().available_actions()
        ]

    def why_not(self, action_id: str) -> str:
        if action_id in ("leases.revoke", "watch", "leases.keep_alive_once") and self.table.current is None:
            return "no lease is selected"
        return super().why_not(action_id)

    def show_place(self, place: bytes) -> None:
        """A lease ID in hex."""
        try:
            self._wanted = parse_lease_id(place.decode())[0]
        except ValueError:
            return
        if self.table.go_to(self._wanted):
            self._wanted = None

    def on_line_table_row_chosen(self) -> None:
        row = self.table.current
        if row is not None and row.keys:
            self.post_message(self.GoTo("keys", row.keys[0]))

    def action_watch(self) -> None:
        row = self.table.current
        if row is not None and row.keys:
            self.post_message(self.GoTo("watch", row.keys[0]))
        else:
            self.flash("no key is attached to it, or none is readable", "warn")

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")

    @property
    def _flows(self) -> Leases:
        return self.host.leases(self, lambda _: self.read_again())

    def action_grant(self) -> None:
        self.start_write(self.grant)

    async def grant(self, typed: str = "") -> None:
        """Grant a lease of so many seconds; a new lease is what the person wants to see next."""
        self._wanted = await self._flows.grant(typed) or self._wanted

    def action_keep_alive_once(self) -> None:
        if (row := self.table.current) is not None:
            self.start_write(partial(self._flows.keep_alive, row))

    def action_revoke(self) -> None:
        if (row := self.table.current) is not None:
            self.start_write(partial(self._flows.revoke, row, self.book))

    def copies(self) -> Sequence[tuple[str, str, str]]:
        row = self.table.current
        if row is None:
            return ()
        return (
            ("h", "ID in hex", lease_hex(row.id)),
            ("d", "ID in decimal", str(row.id)),
            ("e", "as etcdctl", f"etcdctl lease timetolive {lease_hex(row.id)} --keys"),
        )


def _order(ttl: int | None) -> int:
    return 1 << 62 if ttl is None else ttl


def _granted(row: LeaseRow) -> Text:
    return Text(format_ttl(row.granted) if row.granted else "…")


def _keys(row: LeaseRow) -> Text:
    return Text("?" if row.keys is None else str(len(row.keys)))


def _renewal(row: LeaseRow) -> str:
    since = row.since_renewal or 0
    return f"last renewal about {since}s ago ({row.granted} - {row.ttl})"
