"""Census: who takes the space below a prefix; keys from counts, bytes and churn when asked for."""

from __future__ import annotations

import time
from contextlib import aclosing
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.errors import EtcdError
from etcdtui.core.units import format_count, format_size
from etcdtui.services.reads import census
from etcdtui.services.reads.census import Census, Entry
from etcdtui.services.session.session import Session
from etcdtui.ui.bindings import CENSUS
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host, VisitCensus
from etcdtui.ui.frame.place import PlaceScreen
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.panehead import PaneHead
from etcdtui.ui.widgets.table import Column, LineTable

PAINT_EVERY = 0.2
MEASURED_AGAIN = 64 * 1024 * 1024
"""Bytes of a measured folder that are read once more when somebody looks into it; the price of more is told first."""
BAR = 20


class CensusScreen(PlaceScreen):
    """Enter drills down, esc goes up again, ``b`` measures bytes, ``f`` shows the place in the tree."""

    screen_name: ClassVar[str] = CENSUS
    number: ClassVar[int] = 1
    label: ClassVar[str] = "Census"
    about: ClassVar[str] = (
        "Keys below a prefix by folder; b reads the values and adds bytes and churn.\nenter drills down, esc goes up."
    )

    def __init__(
        self,
        session: Session,
        host: Host,
        visit: VisitCensus,
    ) -> None:
        super().__init__(session, host)
        self.reads = session.reads
        self.separators = session.separators
        self.within = visit.within
        self.trail = [visit.prefix]
        self._top = b""
        """The name the cursor was put on; it goes elsewhere only when a person moved it."""
        self.head = PaneHead()
        self.state = PaneHead()
        self.result = Census(visit.prefix)
        self.asked_bytes = False
        """Whether the price of measuring is told, and b begins."""
        self._words = Text()
        self._known: dict[bytes, Census] = {}
        """What was measured, by prefix: nobody reads it all twice for going down and up again."""
        self.table: LineTable[Entry] = LineTable(
            [
                Column("name", "PREFIX", self._label, lambda e: e.name, least=16, most=200, grow=True),
                Column("keys", "KEYS", lambda e: Text(format_count(e.keys)), lambda e: e.keys, align="right", least=9),
                Column("share", "SHARE", self._share, lambda e: e.size or e.keys, least=BAR + 5, priority=1),
                Column("size", "BYTES", self._measured, lambda e: e.size, align="right", least=9, priority=2),
                Column("largest", "BIGGEST VALUE", self._largest, lambda e: e.largest, least=13, most=60, priority=3),
                Column("churn", "PUTS", self._churn, lambda e: e.versions, align="right", least=8, priority=4),
            ],
            lambda entry: entry.name,
            empty=Text("no keys here"),
            marks=False,
        )

    def _label(self, entry: Entry) -> Text:
        return safe(entry.name or b"(this key)", limit=300)

    def _share(self, entry: Entry) -> Text:
        whole, part = (self.result.size, entry.size) if self.result.size else (self.result.keys, entry.keys)
        share = part / whole if whole else 0.0
        filled = round(share * BAR)
        return Text(f"{'#' * filled}{'.' * (BAR - filled)} {share:4.0%}")

    def _measured(self, entry: Entry) -> Text:
        return Text(format_size(entry.size) if self.result.measured else "b reads")

    def _largest(self, entry: Entry) -> Text:
        """The size of the biggest value, and below a folder whose it is."""
        if not self.result.measured:
            return Text("")
        key = entry.largest_key[len(self.prefix) + len(entry.name) :] if entry.folder else b""
        size = Text(format_size(entry.largest))
        return size.append("  ").append_text(safe(key, self.table.lines.tone("dim"), limit=100)) if key else size

    def _churn(self, entry: Entry) -> Text:
        return Text(format_count(entry.versions) if self.result.measured else "")

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.head
            yield self.table
            yield self.state

    def on_mount(self) -> None:
        self.table.lines.focus()
        self.table.sort_by("keys", reverse=True)
        self._count()

    @property
    def prefix(self) -> bytes:
        return self.trail[-1]

    def _count(self, *, measure: bool = False) -> None:
        self.result = Census(self.prefix)
        self.table.set_rows(())
        self._top = b""
        self._ask_bytes(False)
        if not measure and self.table.sorted_by == "size":
            self.table.sort_by("keys", reverse=True)
        spawn(self, partial(self._run, measure=measure), "census", exclusive=True)

    def _show_prefix(self, *, measure: bool = False) -> None:
        """Another prefix of the trail, as it was measured if it was."""
        known = self._known.get(self.prefix)
        if known is None:
            self._count(measure=measure)
            return
        self.workers.cancel_group(self, "census")
        self._top = b""
        self._ask_bytes(False)
        self._paint(known, 0.0)

    async def _run(self, *, measure: bool) -> None:
        painted = started = time.perf_counter()
        source = (
            census.measure(
                self.reads,
                self.prefix,
                self.separators,
                within=self.within,
                bytes_per_second=self.session.profile.limits.census_bytes_per_s,
            )
            if measure
            else census.count(self.reads, self.prefix, self.separators, within=self.within)
        )
        try:
            async with aclosing(source) as results:
                async for result in results:
                    now = time.perf_counter()
                    if result.done or now - painted > PAINT_EVERY:
                        painted = now
                        self._paint(result, now - started)
        except EtcdError as error:
            self._say(error_line(error))

    def _paint(self, result: Census, seconds: float) -> None:
        self.result = result
        self.head.show(
            Text.assemble("census of ", safe(self.prefix or b"all keys", limit=300)), Text(f"rev {result.revision}")
        )
        if result.done and result.measured:
            self._known[self.prefix] = result
        words = f"{format_count(result.keys)} keys"
        if result.measured:
            words += f"   measured {format_count(result.measured)}, {format_size(result.size)}"
        words += f"   {seconds:.1f} s" if seconds else ""
        words += "   done" if result.done else "   partial, esc stops"
        if result.done and (beyond := result.beyond):
            words += f"   {format_count(beyond)} keys in further rows"
        self._say(Text(words))
        row = self.table.current
        untouched = row is None or row.name == self._top
        self.table.set_rows(list(result.entries.values()))
        if untouched:  # the largest stay in sight while rows arrive above the first ones
            self.table.lines.cursor = 0
            self._top = self.table.current.name if self.table.current is not None else b""

    def action_measure(self) -> None:
        """Measure bytes: tells the price first and begins with the second press."""
        if not self.asked_bytes:
            self._ask_bytes(True)
            return
        self._ask_bytes(False)
        self.table.sort_by("size", reverse=True)
        spawn(self, partial(self._run, measure=True), "census", exclusive=True)

    def _ask_bytes(self, asked: bool) -> None:
        """The price stands there for as long as b would begin, and no longer."""
        self.asked_bytes = asked
        self._say(self._words)

    def _say(self, words: Text) -> None:
        self._words = words
        if not self.asked_bytes:
            self.state.show(words)
            return
        limit = self.session.profile.limits.census_bytes_per_s
        rate = f"at most {format_size(limit)}/s" if limit else "as fast as it goes"
        price = f"b again reads all {format_count(self.result.keys)} values, {rate}, at one revision; esc does not"
        self.state.show(Text(price, self.table.lines.tone("warn")))

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        entry = self.table.current
        if entry is None:
            return
        if entry.folder:
            self.trail.append(self.prefix + entry.name)
            self._show_prefix(measure=bool(self.result.measured) and entry.size <= MEASURED_AGAIN)
        else:
            self._leave_to(self.prefix + entry.name)

    def action_refresh(self) -> None:
        """Count again."""
        self._known.clear()
        self._count()

    def action_show_in_tree(self) -> None:
        """Show the row in the tree."""
        entry = self.table.current
        if entry is not None:
            self._leave_to(self.prefix + entry.name)

    def _leave_to(self, path: bytes) -> None:
        self.chosen = path
        self.dismiss()

    def close_view(self) -> bool:
        if self.asked_bytes:
            self._ask_bytes(False)
            return True
        running = any(worker.group == "census" and worker.is_running for worker in self.workers)
        self.workers.cancel_group(self, "census")
        if running and self.result.entries:
            self._say(Text(f"stopped: partial totals, {format_count(self.result.keys)} keys; esc leaves"))
        elif len(self.trail) > 1:
            self.trail.pop()
            self._show_prefix()
        else:
            self.dismiss()
        return True
