"""Leases: who will lose what, and when."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult

from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError, parse_key
from etcdtui.core.search import Field, Record
from etcdtui.core.units import counted, format_count, format_ttl
from etcdtui.services.cluster.endpoint_health import ClusterHealth, State
from etcdtui.services.cluster.leases import (
    VANISHES_WITHIN,
    WALK_RATE,
    LeaseRow,
    LeaseState,
    lease_hex,
    parse_lease_id,
)
from etcdtui.services.reads.reading import Want
from etcdtui.services.session.session import Session
from etcdtui.services.values.decoders import ValueDecoders
from etcdtui.ui import limits
from etcdtui.ui.bindings import LEASES, Action
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host, Leases
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.screens.leases.detail import kind_words, lease_lines
from etcdtui.ui.spawn import every, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.panehead import Pane
from etcdtui.ui.widgets.table import Column, LineTable

READ_AHEAD = 40
"""Rows read when the table has not been painted yet."""
TTL_EVERY = 2.0
"""Seconds between two readings of the times on the screen; the list itself is read at the profile's pace."""
MANY = 5_000
"""Leases from which the list of IDs is read seldom, and all rows are put in order seldom."""
LIST_SELDOM = 30.0
ROUND_EVERY = 60.0
"""Seconds from one round over all leases to the next."""
ROUND_RATE = 500.0
ARRANGE_SHARE = 20
"""Putting the rows in order takes at most one part of so many of the time."""
WATCHES = 12
"""Keys of a lease that are watched each by itself; more of them by the folder they have in common."""
KINDS_READ = 24
"""Keys of the selected lease whose size and type are looked at."""
UPKEEP = (
    ("grant", "n", "grant a lease", "with an ID of your own, attached to a key, held alive"),
    ("keep_alive_once", "t", "keep alive once", "renew it now"),
    ("hold", "K", "hold alive", "renew it for as long as this program runs, or let it go"),
    ("attach", "e", "attach a key", "an existing key goes with this lease from then on"),
    ("revoke", "d", "revoke", "end it, or the marked ones, with their keys"),
)
BAR = 10
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
    LeasesScreen #lease-detail { height: 40%; }
    LeasesScreen.-zoom #lease-detail { display: none; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.book = session.cluster.lease_book()
        self.problem: EtcdError | None = None
        self.only_vanishing = False
        self.kinds: dict[bytes, str] = {}
        self.decoders = ValueDecoders(session.profile.decoders, session.profile.mask.fields)
        self._arrange_at = 0.0
        self._listed_at = 0.0
        self._round_at = 0.0
        self._was_without = False
        self._readable: tuple[tuple[bytes, bytes], ...] | None = None
        self._wanted: int | None = None
        self.table = LineTable(
            self._columns(),
            lambda row: row.id,
            empty=Text("reading leases.."),
            id="lease-table",
        )
        self.table.known = lambda row: row.is_read
        self.table.set_filter(self._is_wanted)
        self.table.sort_by("left")
        self.detail = DetailLines()

    def _columns(self) -> list[Column[LeaseRow]]:
        return [
            Column("lease", "LEASE", lambda r: Text(lease_hex(r.id), self.table.lines.tone("lease")), least=16),
            Column("bar", "", self._bar, priority=3, least=12),
            Column("left", "LEFT", self._left, lambda r: r.ends, align="right", least=6),
            Column("granted", "GRANTED", _granted, lambda r: r.granted, priority=1, align="right", least=7),
            Column("state", "STATE", self._state, lambda r: r.state.value, least=8),
            Column("keys", "KEYS", _keys, lambda r: len(r.keys or ()), priority=2, align="right", least=4),
            Column("first", "FIRST KEY", self._first, lambda r: (r.keys or (b"",))[0], grow=True, least=24, most=60),
        ]

    def compose_body(self) -> ComposeResult:
        yield self.table
        yield Pane("what hangs on it", self.detail, id="lease-detail")

    # --- cells -------------------------------------------------------------------------------------------

    def _bar(self, row: LeaseRow) -> Text:
        return Text(bar(row.ttl, row.granted), self._state_tone(row))

    def _left(self, row: LeaseRow) -> Text:
        if row.error is not None:
            return Text("?", self.table.lines.tone("bad"))
        return Text("…" if row.ttl is None else format_ttl(row.ttl), self._state_tone(row) if self._old else "")

    @property
    def _old(self) -> str:
        """``as of 14:02:11`` while times are not told: nothing is bright then."""
        if self.session.health.state is State.CONNECTED and self.problem is None:
            return ""
        if not self.book.as_of:
            return ""
        return f"as of {time.strftime('%H:%M:%S', time.localtime(self.book.as_of))}"

    def _state_tone(self, row: LeaseRow) -> Style:
        return self.table.lines.tone("muted" if self._old else _TONES.get(row.state, "muted"))

    def _state(self, row: LeaseRow) -> Text:
        held = " held" if row.id in self.session.held.ids else ""
        return Text(row.state.value + held, self._state_tone(row))

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
        if not (self.automatic and self.is_current) or self._leaderless:
            return
        if not any(w.group == "ttls" and not w.is_finished for w in self.workers):
            self.begin(self._read_ttls, "ttls")
        self._walk_on()

    async def _read_ttls(self) -> None:
        ids = [lease for lease in self._visible() if lease in self.book.rows]
        await self.book.read(ids, keys=False)
        self.table.update_rows({one: self.book.rows[one] for one in ids if one in self.book.rows})
        self._show_rows()

    @property
    def _leaderless(self) -> bool:
        return self.session.health.state is State.NO_LEADER

    async def read(self) -> None:
        """The list of leases. Their times and keys are read behind it, what can be seen first."""
        if self.table.rows and len(self.book.rows) > MANY and time.monotonic() - self._listed_at < LIST_SELDOM:
            self._show_rows()
            return
        try:
            ids = await self.book.list_ids(await self._ranges())
            self.problem = None
        except EtcdError as error:
            self.problem = error
            self.table.set_empty(error_line(error))
            self.show_status()
            return
        self._listed_at = time.monotonic()
        if not ids:
            self.table.set_empty(Text("No leases. That is normal for static config."))
        self._show_rows(now=True)
        self._walk_on()

    def _walk_on(self) -> None:
        """Read the leases that were not read; when all are, everything once more from time to time."""
        if self._leaderless or any(w.group == "walk" and not w.is_finished for w in self.workers):
            return
        if self.book.read_count < len(self.book.rows):
            spawn(self, self._walk, "walk")
        elif self.automatic and time.monotonic() - self._round_at > ROUND_EVERY and self.session.profile.refresh > 0:
            spawn(self, partial(self._walk, again=True), "walk")

    async def _walk(self, *, again: bool = False) -> None:
        self._round_at = time.monotonic()
        first = self.book.read_count == 0
        rate = ROUND_RATE if again else WALK_RATE
        await self.book.walk(self._visible, self._walked, every=again, rate=rate)
        self._round_at = time.monotonic()
        self._show_rows(now=first or len(self.book.rows) < MANY)

    def _walked(self, rows: Sequence[LeaseRow]) -> None:
        """A lot was read: it is shown where it stands, and put in order when there is time for that."""
        if self.is_current:
            self.table.update_rows({row.id: row for row in rows})
            self._show_rows()

    def health_changed(self, health: ClusterHealth) -> None:
        without = health.state is State.NO_LEADER
        if without != self._was_without:
            self._was_without = without
            self.table.lines.model_changed()
            if without:
                self.workers.cancel_group(self, "walk")
                self.workers.cancel_group(self, "ttls")
            else:
                self.read_again()
        self._show_detail()
        self.show_status()

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

    def _show_rows(self, *, now: bool = False) -> None:
        """All rows in order; with many of them not oftener than ``ARRANGE_SHARE`` allows."""
        began = time.monotonic()
        if now or began >= self._arrange_at:
            self.table.set_rows(list(self.book.rows.values()))
            took = time.monotonic() - began
            self._arrange_at = began + (ARRANGE_SHARE * took if took > 0.01 else 0.0)
        if self._wanted is not None and self.table.go_to(self._wanted):
            self._wanted = None
        self._show_detail()
        self.show_status()

    def _is_wanted(self, row: LeaseRow) -> bool:
        return not self.only_vanishing or row.vanishes(time.time(), VANISHES_WITHIN)

    def set_filter(self, words: str) -> None:
        """Rows that were not read match by their ID only: nothing else is known of them."""
        before = self.filter_words
        super().set_filter(words)
        inner = self.table.wanted
        typed = self.filter_words.lower().removeprefix("0x")
        if inner is None:
            self.table.set_filter(self._is_wanted)
        elif before != self.filter_words:
            self.table.set_filter(
                lambda row: self._is_wanted(row) and (inner(row) if row.is_read else typed in lease_hex(row.id))
            )
        self.show_status()

    def filter_text(self) -> Text:
        text = super().filter_text()
        unread = len(self.book.rows) - self.book.read_count
        if text and unread:
            text.append(f", {format_count(unread)} not read yet")
        return text

    def show_status(self) -> None:
        count, read = len(self.book.rows), self.book.read_count
        shown = Text(counted(count, "lease"))
        if read < count:
            shown.append(f", read {format_count(read)} of {format_count(count)}", self.table.lines.tone("accent"))
        if self.only_vanishing:
            shown.append("   those that vanish within 60 s; v shows all", self.table.lines.tone("warn"))
        elif soon := len(self.book.vanishing()):
            words = f"   {soon} vanish{'es' if soon == 1 else ''} within 60 s (v)"
            shown.append(words, self.table.lines.tone("muted" if self._old else "warn"))
        if held := len(self.session.held.ids):
            shown.append(f"   {held} held alive while this program runs", self.table.lines.tone("good"))
        note = safe(self.book.limited or self._note(), "dim")
        if self._leaderless:
            note = Text("leader unknown: TTLs unavailable", self.table.lines.tone("warn"))
        if self.problem is not None:
            note = error_line(self.problem)
        old = Text(self._old, self.table.lines.tone("warn"))
        self.set_status(shown, old, self.filter_text(), note, Text("" if self.automatic else "automatic refresh off"))

    def _note(self) -> str:
        words = "TTLs come from the leader; after a leader change they restart"
        polled = f"   visible rows every {TTL_EVERY:g} s" if self.session.profile.refresh > 0 else ""
        return words + polled if self.automatic else words

    def record_of(self, row: LeaseRow) -> Record:
        keys = b" ".join(row.keys or ())
        return {
            "text": lease_hex(row.id) + " " + row.state.value + " " + keys.decode("utf-8", "backslashreplace"),
            "state": row.state.value,
            "left": max(0, int(row.ends - time.time())) if row.is_read else 0,
            "granted": row.granted,
            "keys": len(row.keys or ()),
        }

    # --- the selected lease ------------------------------------------------------------------------------

    def on_line_table_row_moved(self) -> None:
        self._show_detail()
        self.begin(self._look_at_keys, "keys")

    def _show_detail(self) -> None:
        row = self.table.current
        if row is None:
            self.detail.show([])
            return
        held = "held alive from here while this program runs; K lets it go" if row.id in self.session.held.ids else ""
        held = held or (self.session.held.ended.get(row.id, "") and "it was held from here, and is no more")
        self.detail.show(
            lease_lines(row, self.book.samples(row.id), self.kinds, self.detail.tone, old=self._old, held=held)
        )
        unknown = any(key not in self.kinds for key in (row.keys or ())[:KINDS_READ])
        if unknown and not any(w.group == "keys" and not w.is_finished for w in self.workers):
            self.begin(self._look_at_keys, "keys")

    async def _look_at_keys(self) -> None:
        """Size and type of the first keys of the selected lease; their values are shown nowhere here."""
        row = self.table.current
        if row is None or not row.keys:
            return
        if len(self.kinds) > 10 * KINDS_READ:
            self.kinds.clear()
        for key in row.keys[:KINDS_READ]:
            if key in self.kinds:
                continue
            try:
                found = (await self.session.reads.one(Want(key, values=True))).kv
            except EtcdError:
                self.kinds[key] = "?"
                continue
            if found is None:
                self.kinds[key] = "gone"
            else:
                decoded = await self.decoders.decode(key, found.value)
                self.kinds[key] = kind_words(len(found.value), decoded.kind)
        self._show_detail()

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
        if (
            action_id in ("leases.revoke", "watch", "leases.keep_alive_once", "leases.hold", "leases.attach")
            and self.table.current is None
        ):
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
        """All keys of the lease: each by itself, or where they are many what they have in common."""
        row = self.table.current
        if row is None or not row.keys:
            self.flash("no key is attached to it, or none is readable", "warn")
            return
        low, high = row.keys[0], row.keys[-1]  # in order: what these two share, all do
        same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
        folder = low[: low.rfind(b"/", 0, same) + 1]
        if len(row.keys) <= WATCHES:
            for key in row.keys:
                self.post_message(self.GoTo("watch", key))
        elif folder:
            self.post_message(self.GoTo("watch", folder))
        else:
            self.flash(f"{counted(len(row.keys), 'key')} without a folder in common: w on a key in the tree", "warn")

    def go_back(self) -> bool:
        if not self.filter_words and self.only_vanishing:
            self.action_vanishing()
            return True
        return super().go_back()

    def action_vanishing(self) -> None:
        """Only what goes within a minute, or everything again."""
        self.only_vanishing = not self.only_vanishing
        self._show_rows(now=True)

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
        rows = self.table.selection
        if len(rows) > 1:
            self.start_write(partial(self._flows.revoke_many, rows, self.book))
        elif rows:
            self.start_write(partial(self._flows.revoke, rows[0], self.book))

    def action_hold(self) -> None:
        """Keep it alive from here, or let it go."""
        row = self.table.current
        if row is None:
            return
        if row.id in self.session.held.ids:
            self.session.held.let_go(row.id)
            self.flash(f"lease {lease_hex(row.id)} is renewed no more: {format_ttl(row.granted)} at most are left")
            self._show_rows(now=True)
        else:
            self.start_write(partial(self._flows.hold, row))

    def action_upkeep(self) -> None:
        """What can be done with a lease, as a list."""
        items = [
            Item(action, Text(label), Text(note), key=key, reason=safe(self.why_not(f"leases.{action}")))
            for action, key, label, note in UPKEEP
        ]

        def picked(action: str | None) -> None:
            if action is not None:
                spawn(self, partial(self.action_do, f"leases.{action}"), "do")

        self.app.push_screen(PickerDialog(Text("leases"), items, typing=False), picked)

    def action_attach(self) -> None:
        if (row := self.table.current) is not None:
            self.start_write(partial(self.attach, row))

    async def attach(self, row: LeaseRow) -> None:
        """Put a key on the lease: the value that it has stays."""
        typed = await self.ask(f"attach to lease {lease_hex(row.id)}", "a key that exists; its value stays as it is")
        if not typed:
            return
        try:
            key = parse_key(typed)
        except KeySyntaxError as error:
            self.flash(str(error), "warn")
            return
        found = (await self.session.reads.one(Want(key, values=True))).kv
        if found is None:
            self.flash(Text.assemble("there is no key ", safe(key, limit=limits.WORDS)), "warn")
            return
        writing = self.host.writing(self, lambda _: None)
        await writing.put(key, found.value, lease=row.id)
        await self.book.read([row.id])
        self._show_rows(now=True)

    def copies(self) -> Sequence[tuple[str, str, str]]:
        row = self.table.current
        if row is None:
            return ()
        return (
            ("h", "ID in hex", lease_hex(row.id)),
            ("d", "ID in decimal", str(row.id)),
            ("e", "as etcdctl", f"etcdctl lease timetolive {lease_hex(row.id)} --keys"),
        )


def _granted(row: LeaseRow) -> Text:
    return Text(format_ttl(row.granted) if row.granted else "…")


def _keys(row: LeaseRow) -> Text:
    return Text("?" if row.keys is None else str(len(row.keys)))
