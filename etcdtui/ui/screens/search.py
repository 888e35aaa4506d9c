"""Search over all keys, and on request all values, below a prefix: the price first, then hits as they come."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError
from etcdtui.core.search import FilterError
from etcdtui.core.units import format_count, format_size
from etcdtui.services import search
from etcdtui.services.reading import Reads
from etcdtui.services.search import Hit, How, Query
from etcdtui.services.session import Session
from etcdtui.ui.bindings import KEYS
from etcdtui.ui.errors import error_line
from etcdtui.ui.screens.keys_head import PaneHead
from etcdtui.ui.screens.keys_place import PlaceScreen
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.table import Column, LineTable

PAINT_EVERY = 0.1
KEYS_ASKED = 100_000
"""A search that reads more keys than this, or any values, waits for enter after the price is told."""


def _key(hit: Hit) -> Text:
    return safe(hit.key, limit=400)


def _where(hit: Hit) -> Text:
    return safe(hit.preview, limit=200) if hit.in_value else Text("name")


class SearchScreen(PlaceScreen):
    """``enter`` in the field starts; ``v`` switches values, ``s`` how to match; enter on a hit goes there."""

    screen_name: ClassVar[str] = KEYS
    number: ClassVar[int] = 1
    label: ClassVar[str] = "Search"
    about: ClassVar[str] = (
        "Search below a prefix, by substring, glob or regular expression.\nv includes values, D changes how to match."
    )

    def __init__(
        self, session: Session, reads: Reads, prefix: bytes, words: str, *, within: tuple[bytes, bytes] = ranges.ALL
    ) -> None:
        super().__init__(session)
        self.reads = reads
        self.prefix = prefix
        self.within = within
        self.how = How.SUBSTRING
        self.values = False
        self.confirmed = False
        self.field = Field(words, placeholder="what to look for", max_length=500)
        self.head = PaneHead()
        self.state = PaneHead()
        self.table: LineTable[Hit] = LineTable(
            [
                Column("key", "KEY", _key, lambda hit: hit.key, least=20, most=400, grow=True),
                Column("where", "FOUND IN", _where, least=8, most=60, priority=1),
            ],
            lambda hit: hit.key,
            empty=Text("nothing found yet"),
            marks=False,
        )
        self.hits: list[Hit] = []

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.head
            yield self.field
            yield self.state
            yield self.table

    def on_mount(self) -> None:
        super().on_mount()
        self._tell()
        if self.field.value:
            self._price()
        else:
            self.field.focus()

    def query_now(self) -> Query:
        return Query(self.field.value, self.how, self.prefix, self.values, self.within)

    def _tell(self) -> None:
        where = safe(self.prefix or b"all keys", limit=200)
        self.head.show(
            Text.assemble("search below ", where),
            Text(f"match: {self.how.value} (D)   in: {'names and values' if self.values else 'names'} (v)"),
        )

    def _price(self) -> None:
        self.workers.cancel_group(self, "search")
        self.run_worker(self._cost(), group="search", exclusive=True, exit_on_error=False)

    async def _cost(self) -> None:
        try:
            price = await search.cost(self.reads, self.query_now())
        except EtcdError as error:
            self.state.show(error_line(error))
            return
        words = f"reads {format_count(price.keys)} keys"
        words += f" and about {format_size(price.value_bytes)} of values" if self.values else ""
        if self.values or price.keys > KEYS_ASKED:
            self.state.show(Text(f"{words}, in bounded pages: enter starts, esc leaves"))
            self.confirmed = True
            self.field.focus()
        else:
            self._start()

    def _start(self) -> None:
        self.confirmed = False
        self.hits = []
        self.table.set_rows(())
        self.table.lines.focus()
        self.run_worker(self._search(), group="search", exclusive=True, exit_on_error=False)

    async def _search(self) -> None:
        painted = started = time.perf_counter()
        try:
            async with aclosing(search.search(self.reads, self.query_now())) as news:
                async for progress in news:
                    self.hits += progress.hits
                    now = time.perf_counter()
                    if progress.done or now - painted > PAINT_EVERY:
                        painted = now
                        self._paint(progress, now - started)
        except FilterError as problem:
            self.state.show(safe(str(problem)))
        except EtcdError as error:
            self.state.show(error_line(error))

    def _paint(self, progress: search.Progress, seconds: float) -> None:
        words = f"{format_count(len(self.hits))} hits   "
        words += f"{format_count(progress.seen)} of {format_count(progress.total)} keys"
        if progress.bytes_read:
            words += f"   {format_size(progress.bytes_read)} read"
        words += f"   {seconds:.1f} s"
        if progress.full:
            words += "   the list is full: narrow the search"
        self.state.show(Text(words + ("   done" if progress.done else "   esc stops")))
        self.table.set_rows(self.hits)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        if self.confirmed:
            self._start()
        else:
            self._price()

    def on_input_changed(self, event: Field.Changed) -> None:
        self.confirmed = False

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        hit = self.table.current
        if hit is not None:
            self.chosen = hit.key
            self.dismiss()

    def action_next_view(self) -> None:
        """Names only, or values too."""
        self.values = not self.values
        self._tell()
        self._price()

    def action_diff(self) -> None:
        """The next way to match."""
        kinds = list(How)
        self.how = kinds[(kinds.index(self.how) + 1) % len(kinds)]
        self._tell()
        self._price()

    def close_view(self) -> bool:
        if any(worker.group == "search" and worker.is_running for worker in self.workers):
            self.workers.cancel_group(self, "search")
            self.state.show(Text(f"stopped with {len(self.hits)} hits; esc leaves"))
            return True
        self.dismiss()
        return True
