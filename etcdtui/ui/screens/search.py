"""Search over all keys, and on request all values, below a prefix: the price first, then hits as they come."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import escape_key
from etcdtui.core.listing import UNKNOWN
from etcdtui.core.search import FilterError
from etcdtui.core.units import format_count, format_size
from etcdtui.services import values
from etcdtui.services.reads import search
from etcdtui.services.reads.search import IN_VALUES, Hit, Query, query_of
from etcdtui.services.session.session import Session
from etcdtui.ui.bindings import SEARCH
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.copying import choices, offer, whole
from etcdtui.ui.frame.host import Chosen, Host, VisitSearch
from etcdtui.ui.frame.place import PlaceScreen
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.panehead import PaneHead
from etcdtui.ui.widgets.table import Column, LineTable

PAINT_EVERY = 0.1
NOT_YET = "not searched yet"
KEYS_ASKED = 100_000
"""A search that reads more keys than this, or any values, waits for enter after the price is told."""


class SearchScreen(PlaceScreen):
    """``enter`` in the field starts; ``v`` looks into values too; enter on a hit goes there and takes marks along."""

    screen_name: ClassVar[str] = SEARCH
    number: ClassVar[int] = 1
    label: ClassVar[str] = "Search"
    about: ClassVar[str] = (
        "Search below a prefix: part of a name, a glob with * or ?, ^/regex/, several words, !not, size:>10k.\n"
        "value: in front, or v, looks into values too; json:spec.nodeName=node-1 asks their fields."
    )

    def __init__(self, session: Session, host: Host, visit: VisitSearch) -> None:
        super().__init__(session, host)
        self.reads = session.reads
        self.prefix = visit.prefix
        self.within = visit.within
        self.values = visit.values
        self.left = visit
        self.confirmed = False
        self._priced_values = False
        self.counted = 0
        self.field = Field(
            visit.words, placeholder="part of a name, *.json, ^/regex/, value:text, json:field=x", max_length=500
        )
        self.head = PaneHead()
        self.state = PaneHead()
        self.table: LineTable[Hit] = LineTable(
            [
                Column("key", "KEY", self._key, lambda hit: hit.key, least=20, most=400, grow=True),
                Column("where", "FOUND IN", self._where, least=8, most=60, priority=1),
            ],
            lambda hit: hit.key,
            empty=Text(NOT_YET),
        )
        self.hits: list[Hit] = []

    def _key(self, hit: Hit) -> Text:
        """The name with the match coloured, where it is in the name and can be placed."""
        name = safe(hit.key, limit=400)
        if not hit.in_value and hit.key.isascii() and name.plain == hit.key.decode():
            name.stylize(self.table.lines.tone("hit"), *hit.span)
        return name

    @staticmethod
    def _where(hit: Hit) -> Text:
        return safe(hit.preview, limit=200) if hit.in_value else Text("name")

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.head
            yield self.field
            yield self.state
            yield self.table

    def on_mount(self) -> None:
        self._tell()
        if self.left.found:
            self._show_again()
        elif self.field.value:
            self._price()
        else:
            self.field.focus()

    def _show_again(self) -> None:
        """The hits of a search that was left for one of them."""
        self.hits = list(self.left.found)
        self.table.set_rows(self.hits)
        self.table.go_to(self.left.at)
        self.state.show(safe(self.left.told))
        self.table.lines.focus()

    @property
    def outcome(self) -> Chosen:
        if not self.chosen:
            return super().outcome
        told = self.state.left.plain
        again = VisitSearch(
            self.prefix, self.field.value, self.within, self.values, tuple(self.hits), self.chosen, told
        )
        return Chosen(self.chosen, self.marks, again=again)

    def query_now(self) -> Query:
        return query_of(self.field.value, self.prefix, values=self.values, within=self.within)

    def _tell(self) -> None:
        where = safe(self.prefix or b"all keys", limit=200)
        query = self.query_now()
        self.head.show(
            Text.assemble("search below ", where),
            Text(f"{query.how.value} in {'names and values' if query.values else 'names'}"),
        )

    def _price(self) -> None:
        self.workers.cancel_group(self, "search")
        self.table.set_empty(Text(NOT_YET))
        spawn(self, self._cost, "search", exclusive=True)

    async def _cost(self) -> None:
        query = self.query_now()
        try:
            price = await search.cost(self.reads, query)
        except EtcdError as error:
            self.state.show(error_line(error))
            return
        self.counted = price.keys
        words = f"reads {format_count(price.keys)} keys" + (self._bytes_words(price) if query.reads_values else "")
        if query.reads_values or price.keys > KEYS_ASKED:
            words += ": enter starts, esc leaves" + ("" if query.values else "; tab, v: values too")
            self.state.show(safe(words, self.table.lines.tone("warn"), limit=400))
            self.confirmed = True
            self._priced_values = query.reads_values
            self.field.focus()
        else:
            self._start()

    def _bytes_words(self, price: search.Cost) -> str:
        """How much that is, and what it is concluded from: values are of all sizes."""
        if price.sampled >= price.keys:
            return f" and {format_size(price.value_bytes)} of values"
        most = self.session.health.db_in_use
        words = f" and their values: about {format_size(min(price.value_bytes, most or price.value_bytes))}"
        words += f" if they are like the first {price.sampled}"
        return words + (f", at most {format_size(most)}" if most else "")

    def _start(self) -> None:
        self.confirmed = False
        self.hits = []
        self.table.set_empty(Text("searching…"))
        self.table.set_rows(())
        self.table.lines.focus()
        spawn(self, self._search, "search", exclusive=True)

    async def _search(self) -> None:
        painted = started = time.perf_counter()
        try:
            async with aclosing(search.search(self.reads, self.query_now(), insight=self._insight())) as news:
                async for progress in news:
                    self.hits += progress.hits
                    now = time.perf_counter()
                    if progress.done or now - painted > PAINT_EVERY:
                        painted = now
                        self._paint(progress, now - started)
        except FilterError as problem:
            self.state.show(safe(str(problem), self.table.lines.tone("bad")))
            self.field.focus()
        except EtcdError as error:
            self.state.show(error_line(error))

    def _insight(self) -> search.Insight:
        """How values are understood, with the profile's masks; imported with the first search that reads them."""
        if not self.query_now().reads_values:
            return search.PLAIN
        made = values.insight.Insights(self.session.profile.mask)
        return search.Insight(made.document, made.readable, made.cover)

    def _paint(self, progress: search.Progress, seconds: float) -> None:
        words = f"{format_count(len(self.hits))} {'hit' if len(self.hits) == 1 else 'hits'}   "
        total = self.counted if progress.total == UNKNOWN else progress.total
        words += f"{format_count(progress.seen)} of {format_count(max(total, progress.seen))} keys"
        if progress.bytes_read:
            words += f"   {format_size(progress.bytes_read)} read"
        words += f"   {seconds:.1f} s"
        if progress.full:
            words += "   the list is full: narrow the search"
        self.state.show(Text(words + ("   done" if progress.done else "   esc stops")))
        if progress.done:
            self.table.set_empty(Text("no key matches"))
        self.table.set_rows(self.hits)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        if self.confirmed:
            self._start()
        else:
            self._price()

    def on_input_changed(self, event: Field.Changed) -> None:
        if self.confirmed and self.query_now().reads_values != self._priced_values:  # other words cost the same
            self.confirmed = False
            self.state.show(Text("enter tells what that reads"))
        self._tell()

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        self.action_show_in_tree()

    # --- actions -----------------------------------------------------------------------------------------

    def action_show_in_tree(self) -> None:
        """Go to the hit under the cursor; what is marked here is marked there."""
        hit = self.table.current
        if hit is not None:
            self.chosen = hit.key
            self.marks = frozenset(one.key for one in self.hits if one.key in self.table.marked)
            self.dismiss()

    def action_change_words(self) -> None:
        """Other words."""
        self.field.focus()

    def action_refresh(self) -> None:
        self._price()

    def action_look_into_values(self) -> None:
        """Names only, or values too."""
        self.values = not self.query_now().values
        if not self.values:
            self.field.value = self.field.value.removeprefix(IN_VALUES)
        self._tell()
        self._price()

    def action_copy(self) -> None:
        """The key under the cursor, or all marked ones, one a line."""
        keys = [hit.key for hit in self.table.selection]
        if len(keys) == 1:
            namespace = self.session.guard.policy.namespace
            offer(self, choices(None, keys[0], False, None, "", False, namespace=namespace))
        elif keys:
            offer(self, [whole("k", f"{len(keys)} keys", "\n".join(map(escape_key, keys)))])

    def close_view(self) -> bool:
        if any(worker.group == "search" and worker.is_running for worker in self.workers):
            self.workers.cancel_group(self, "search")
            self.table.set_rows(self.hits)
            self.state.show(Text(f"stopped with {format_count(len(self.hits))} hits; esc leaves"))
            return True
        self.dismiss()
        return True
