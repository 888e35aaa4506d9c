"""Locks: who holds what, since when, for how long still, and who waits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.quoting import shell_quote
from etcdtui.core.search import Field, Record
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.cluster.leases import LeaseRow, LeaseState, lease_hex
from etcdtui.services.cluster.locks.book import Handover
from etcdtui.services.cluster.locks.recognise import Contender, Lock, Place
from etcdtui.services.session.session import Session
from etcdtui.ui.bindings import LOCKS
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.screens.locks import words
from etcdtui.ui.spawn import every, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.panehead import PaneHead
from etcdtui.ui.widgets.table import Column, LineTable

TICK = 0.25
"""Seconds between two looks whether something came; longer where recognising takes long."""
SHARE = 10
"""Recognising takes at most one part of so many of the time."""
TTL_EVERY = 2.0
HANDOVERS_SHOWN = 4
TEXT_LIMIT = 400


class LocksScreen(ListScreen[Lock]):
    """All locks and elections, and the queue of the selected one."""

    screen_name: ClassVar[str] = LOCKS
    number: ClassVar[int] = 6
    label: ClassVar[str] = "Locks"
    about: ClassVar[str] = (
        "Locks, elections and leader keys, who holds them and who waits, found by their leases and names.\n"
        "Whatever only looks like one has a ? behind its kind; the profile's locks: names more places."
    )
    filter_fields: ClassVar[Mapping[str, Field]] = {
        "kind": Field.NAME,
        "holder": Field.NAME,
        "waiters": Field.NUMBER,
        "state": Field.NAME,
    }
    DEFAULT_CSS = """
    LocksScreen #lock-queue { height: 50%; border-top: solid $panel; }
    LocksScreen #lock-news { height: auto; max-height: 4; }
    LocksScreen.-zoom #lock-table { display: none; }
    LocksScreen.-zoom #lock-queue { height: 1fr; border-top: none; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.book = session.cluster.lock_book()
        self._wanted: bytes | None = None
        self._next_look = 0.0
        self._following = self._news = False
        self.table = LineTable(
            self._columns(), lambda lock: lock.id, empty=Text("looking for locks.."), marks=False, id="lock-table"
        )
        self.head = PaneHead()
        self.queue: LineTable[Contender] = LineTable(
            self._queue_columns(), lambda one: one.key, empty=Text(""), marks=False
        )
        self.facts = DetailLines()
        self.news = DetailLines()

    def _columns(self) -> list[Column[Lock]]:
        tone = self._tone
        return [
            Column(
                "kind", "KIND", lambda k: Text(k.kind.value, tone("muted")), lambda k: k.kind.value, least=8, most=9
            ),
            Column("name", "NAME", self._lock_name, lambda k: k.name, least=16, most=60, grow=True),
            Column("holder", "HOLDER", self._holder, words.holder, least=16, most=30),
            Column("since", "HELD SINCE", lambda k: Text(words.since(k)), _since, priority=3, least=10, most=14),
            Column("ttl", "TTL", self._ttl, self._left, least=7, most=16),
            Column("waiters", "WAITERS", self._waiters, lambda k: k.waiters, priority=1, align="right", least=7),
            Column("state", "STATE", self._state, self._state_word, least=8, most=16),
        ]

    def _queue_columns(self) -> list[Column[Contender]]:
        tone = self._tone
        return [
            Column("at", "#", self._at, align="right", least=2, most=5),
            Column("rev", "CREATE REV", lambda c: Text(str(c.create_revision)), priority=2, align="right", least=10),
            Column(
                "lease", "LEASE", lambda c: Text(lease_hex(c.lease) if c.lease else "none", tone("lease")), least=16
            ),
            Column("ttl", "TTL", lambda c: self._time(c), least=7, most=16),
            Column("value", "VALUE", self._value, priority=1, least=8, most=30),
            Column("note", "NOTE", self._note_of, grow=True, least=12, most=80),
        ]

    def compose_body(self) -> ComposeResult:
        yield self.table
        with Vertical(id="lock-queue"):
            yield self.head
            yield self.facts
            yield self.queue
            with Vertical(id="lock-news"):
                yield self.news

    # --- cells -------------------------------------------------------------------------------------------

    def _tone(self, name: str) -> str:
        return str(self.table.lines.tone(name))

    def _row(self, one: Contender) -> LeaseRow | None:
        return self.book.leases.rows.get(one.lease) if one.lease else None

    def _lock_name(self, lock: Lock) -> Text:
        return safe(lock.name, self._tone("key"), limit=TEXT_LIMIT)

    def _holder(self, lock: Lock) -> Text:
        tone = "bad" if lock.holder is None or lock.orphan else ""
        return safe(words.holder(lock), self._tone(tone) if tone else "", limit=TEXT_LIMIT)

    def _ttl(self, lock: Lock) -> Text:
        if lock.kube is not None:
            return Text(words.kube_renewal(lock.kube, time.time()))
        return self._time(lock.queue[0]) if lock.queue else Text()

    def _time(self, one: Contender) -> Text:
        row = self._row(one)
        draining = row is not None and row.state in (LeaseState.DRAINING, LeaseState.GONE)
        stale = "muted" if self._stale else "warn" if draining or one.orphan else ""
        return Text(words.ttl(one, row), self._tone(stale) if stale else "")

    def _left(self, lock: Lock) -> int:
        row = self._row(lock.queue[0]) if lock.queue else None
        return row.ttl if row is not None and row.ttl is not None else 1 << 62

    def _waiters(self, lock: Lock) -> Text:
        return Text("-" if lock.single else str(lock.waiters))

    def _state_word(self, lock: Lock) -> str:
        if lock.orphan:
            return "ORPHAN"
        if lock.holder is None:
            return "BLOCKED"
        if lock.kube is not None:
            overdue = words.kube_renewal(lock.kube, time.time()).startswith("OVERDUE")
            return "OVERDUE" if overdue else "nobody" if not lock.kube.holder else "held"
        row = self._row(lock.holder)
        if row is None or row.state in (LeaseState.WAITING, LeaseState.UNKNOWN, LeaseState.EMPTY):
            return "held"
        return str(row.state.value)

    def _state(self, lock: Lock) -> Text:
        word = self._state_word(lock)
        tones = {"ORPHAN": "bad", "BLOCKED": "bad", "OVERDUE": "warn", "gone": "bad", "DRAINING": "warn"}
        tone = "muted" if self._stale else tones.get(word, "good" if word == "renewed" else "muted")
        return Text(word, self._tone(tone))

    def _at(self, one: Contender) -> Text:
        lock = self.table.current
        return Text(str(lock.queue.index(one) + 1) if lock is not None and one in lock.queue else "")

    def _value(self, one: Contender) -> Text:
        return safe(one.value, limit=TEXT_LIMIT) if one.value else Text("(empty)", self._tone("muted"))

    def _note_of(self, one: Contender) -> Text:
        lock = self.table.current
        if lock is None:
            return Text()
        tone = {Place.HOLDS: "good", Place.BLOCKS: "bad", Place.WAITS: "muted"}[one.place]
        if self._stale:
            tone = "muted"
        text = words.note(lock, one, self._row(one))
        return Text(text, self._tone("warn" if "ORPHAN" in text or "draining" in text else tone))

    # --- reading -----------------------------------------------------------------------------------------

    @property
    def _stale(self) -> bool:
        return self.session.health.state is not State.CONNECTED or self.book.problem is not None

    def on_mount(self) -> None:
        every(self, TICK, self._look)
        every(self, TTL_EVERY, self._tick_ttls)

    def came_on_show(self) -> None:
        if not self._following:
            self._following = True
            spawn(self, partial(self.book.follow, self._told), "follow")
        self._show()

    def read_again(self) -> None:
        """Begin anew with every place."""
        spawn(self, partial(self.book.follow, self._told), "follow", exclusive=True)
        self._tick_ttls()

    def _tick(self) -> None:
        """What changes is watched: nothing is read at a pace but the times left."""

    def _told(self) -> None:
        """Something came: it is shown at the next look."""
        self._news = True

    def _look(self) -> None:
        if not (self.is_current and (self.book.dirty or self._news)) or time.monotonic() < self._next_look:
            return
        began = time.monotonic()
        self._show()
        self._next_look = time.monotonic() + SHARE * (time.monotonic() - began)

    def health_changed(self, health: object) -> None:
        self.show_status()

    def _show(self) -> None:
        self._news = False
        fresh = {lock.id for lock in self.book.locks}
        if self.book.dirty:
            self.book.refresh()
        if not self.book.locks:
            looked = self.book.looked or self.book.problem is not None
            words_ = f"Nothing that looks like a lock, below {self._places()} or on a lease." if looked else ""
            self.table.set_empty(safe(words_ or "looking for locks..", limit=TEXT_LIMIT))
        self.table.set_rows(self.book.locks)
        if self._wanted is not None and self._go(self._wanted):
            self._wanted = None
        self._show_queue()
        self.show_status()
        if any(lock.id not in fresh for lock in self.book.locks):
            self._tick_ttls()

    def _tick_ttls(self) -> None:
        if self.is_current and not self._stale and not any(w.group == "ttls" for w in self.workers):
            self.begin(self._read_ttls, "ttls")

    async def _read_ttls(self) -> None:
        seen = self.table.lines.visible_rows() or range(min(40, len(self.table.rows)))
        leases = [self.table.rows[i].queue[0].lease for i in seen if i < len(self.table.rows)]
        below = self.queue.lines.visible_rows() or range(min(40, len(self.queue.rows)))
        leases += [self.queue.rows[i].lease for i in below if i < len(self.queue.rows)]
        await self.book.leases.read([lease for lease in leases if lease], keys=False)
        if self.is_running:
            self._show()

    def _places(self) -> str:
        return ", ".join(self.book.patterns) or "no pattern"

    def show_status(self) -> None:
        book = self.book
        count = len(book.locks)
        head = Text(f"{count} lock{'' if count == 1 else 's'}")
        if self._stale and book.as_of:
            head.append(f"   as of {time.strftime('%H:%M:%S', time.localtime(book.as_of))}", self._tone("warn"))
        lock = self.table.current
        guess = lock.guess if lock is not None else ""
        found = f"found by leases and under {self._places()}" + ("" if book.looked else "; looking at leases ..")
        notes = [safe(note, self._tone("warn"), limit=160) for note in book.notes()[:2]]
        if book.problem is not None:
            notes.insert(0, error_line(book.problem))
        self.set_status(head, self.filter_text(), *notes, safe(guess or found, "dim", limit=200))

    def record_of(self, row: Lock) -> Record:
        told = f" {row.kind.value} {words.holder(row)} {self._state_word(row)}"
        return {
            "text": row.name + told.encode("utf-8", "backslashreplace"),
            "kind": row.kind.value,
            "holder": words.holder(row),
            "waiters": row.waiters,
            "state": self._state_word(row),
        }

    # --- the selected lock -------------------------------------------------------------------------------

    def on_line_table_row_moved(self) -> None:
        self._show_queue()
        self.show_status()

    def _show_queue(self) -> None:
        lock = self.table.current
        if lock is None:
            self.head.show(Text())
            self.queue.set_rows([])
            self.facts.show([])
            self.news.show([])
            return
        kind = "queue, oldest first" if not lock.single else "one key"
        self.head.show(
            Text.assemble(" ", safe(lock.name, self._tone("key"), limit=TEXT_LIMIT), f"   {kind}"),
            Text(f"{lock.waiters} wait " if lock.waiters else ""),
        )
        kube = words.kube_lines(lock.kube, time.time()) if lock.kube is not None else []
        self.facts.show([safe(f" {text}", limit=TEXT_LIMIT) for text in kube])
        self.facts.styles.height = len(kube)
        self.queue.set_rows(lock.queue)
        self.news.show([self._handover(one) for one in self.book.handovers_of(lock)[-HANDOVERS_SHOWN:]])
        self.news.styles.height = len(self.news.lines)

    def _handover(self, one: Handover) -> Text:
        clock = time.strftime("%H:%M:%S", time.localtime(one.seen))
        before = words.owner(one.before) if one.before is not None else "nobody"
        after = words.owner(one.after) if one.after is not None else "nobody"
        revision = f" rev {one.revision}" if one.revision else ""
        return Text.assemble(
            (f" handover seen {clock}{revision}: ", self._tone("accent")),
            safe(f"{before} -> {after}", limit=TEXT_LIMIT),
        )

    @property
    def selected(self) -> Contender | None:
        """The key under the cursor of the queue where that has the focus, else the one that stands first."""
        if self.queue.lines.has_focus and self.queue.current is not None:
            return self.queue.current
        lock = self.table.current
        return lock.queue[0] if lock is not None and lock.queue else None

    # --- actions -----------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        one, lock = self.selected, self.table.current
        if action_id in ("locks.break", "watch", "ttl", "find"):
            if one is None or lock is None:
                return "no lock is selected"
            if action_id == "ttl" and one.orphan:
                return "it has no lease"
            if action_id == "locks.break" and lock.kube is not None:
                return "a Lease object of Kubernetes has no lease of etcd; kubectl delete lease ends it"
        return super().why_not(action_id)

    def on_line_table_row_chosen(self) -> None:
        if self.queue.lines.has_focus:
            self.action_find()
        elif self.queue.rows:
            self.queue.lines.focus()

    def go_back(self) -> bool:
        if self.queue.lines.has_focus:
            self.table.lines.focus()
            return True
        return super().go_back()

    def show_place(self, place: bytes) -> None:
        """A lock by its name, or by a key of its queue."""
        if not self._go(place):
            self._wanted = place

    def _go(self, place: bytes) -> bool:
        for lock in self.table.rows:
            if place.rstrip(b"/") == lock.name or any(one.key == place for one in lock.queue):
                return self.table.go_to(lock.id)
        return False

    def action_watch(self) -> None:
        lock = self.table.current
        if lock is not None:
            self.post_message(self.GoTo("watch", lock.queue[0].key if lock.single else lock.span[0]))

    def action_ttl(self) -> None:
        one = self.selected
        if one is not None and one.lease:
            self.post_message(self.GoTo("leases", lease_hex(one.lease).encode()))

    def action_find(self) -> None:
        one = self.selected
        if one is not None:
            self.post_message(self.GoTo("keys", one.key))

    def action_break(self) -> None:
        one, lock = self.selected, self.table.current
        if one is None or lock is None:
            return
        if one.orphan:
            writing = self.host.writing(self, lambda _: None)
            self.start_write(partial(writing.delete_key, one.key))
        else:
            flows = self.host.leases(self, lambda _: self._tick_ttls())
            self.start_write(partial(flows.break_lock, lock, one, self.book.leases))

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")

    def copies(self) -> Sequence[tuple[str, str, str]]:
        lock, one = self.table.current, self.selected
        if lock is None or one is None:
            return ()
        name = safe(one.key, limit=TEXT_LIMIT).plain
        found = [("k", "key", name)]
        if one.lease:
            found.append(("l", "lease", lease_hex(one.lease)))
            found.append(("e", "as etcdctl", f"etcdctl lease timetolive {lease_hex(one.lease)} --keys"))
        if not lock.single:
            get = f"etcdctl get --prefix {shell_quote(lock.span[0])} --sort-by=CREATE"
            found.append(("q", "queue as etcdctl", get))
        return found


def _since(lock: Lock) -> int:
    return lock.queue[0].create_revision if lock.queue else 0
