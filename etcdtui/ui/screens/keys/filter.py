"""``/`` on the Keys screen: filter what is loaded, say what is not, and ask the server for the rest."""

from __future__ import annotations

import asyncio

from etcdtui.core import ranges
from etcdtui.core.keytree import Level, Row
from etcdtui.core.listing import LEAF, UNKNOWN
from etcdtui.core.search import TEXT, FilterError, Predicate, Record
from etcdtui.core.units import format_count
from etcdtui.ui.frame.host import VisitSearch
from etcdtui.ui.screens.keys.levels import LevelsMixin
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.keytree import Filtered

ROWS_SHOWN = 50_000
CHUNK = 5_000
"""Rows tested before the screen gets its turn."""


class FilterMixin(LevelsMixin):
    """The filter line under the tree, and the list it leaves."""

    separators: tuple[bytes, ...]
    filter_field: Field
    filter_problem: str = ""
    _untested: int = 0
    """Keys whose size, lease, version and revision are not read, when the filter asks for such."""

    def action_filter(self) -> None:
        """Open the filter line."""
        field = self.filter_field
        field.add_class("-shown")
        field.focus()

    def clear_filter(self) -> bool:
        """Show everything again; False when nothing was filtered."""
        field = self.filter_field
        shown = field.has_class("-shown")
        self.filter_problem = ""
        field.remove_class("-shown")
        with field.prevent(Field.Changed):
            field.value = ""
        if self.view.filtered is None:
            if shown:
                self.view.focus()
            return shown
        row = self.view.current
        self.view.filtered = None
        self.workers.cancel_group(self, "filter")
        self.view.model_changed()
        if row is not None and (at := self.model.index_of(row.identity)) is not None:
            self.view.cursor = at
        self.rows_changed()
        self.view.focus()
        self.place_changed()
        return True

    def on_input_changed(self, event: Field.Changed) -> None:
        if event.input is self.filter_field:
            event.stop()
            self.run_worker(self._filter(event.value.strip()), group="filter", exclusive=True, exit_on_error=False)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """Enter asks the server for what is not loaded."""
        if event.input is not self.filter_field:
            return
        event.stop()
        words = event.value.strip()
        if words and (self._missing() or self._untested):
            self.open_search(words)
        else:
            self.view.focus()

    def open_search(self, words: str) -> None:
        """The search over all keys below the prefix under the cursor, or what can be read of everything."""

        prefix, within = self.selected_area()
        if self.view.filtered is not None:  # what was filtered is all that is shown
            prefix, within = self._whole()
        self.visit(VisitSearch(prefix, words, within))

    def _whole(self) -> tuple[bytes, tuple[bytes, bytes]]:
        """Everything; for a limited user the start place under the cursor, or the first: one range can be searched."""
        root, row = self.model.root, self.view.current
        if not root.roots:
            return b"", ranges.ALL
        if row is not None and row.level is not root:
            level = row.level
            while level.parent is not None and level.parent is not root:
                level = level.parent
            return level.prefix, level.within
        start = root.roots[row.name] if row is not None else None
        if start is None or not start.readable:
            start = next((one for one in root.roots.values() if one.readable), None)
        return (b"", ranges.ALL) if start is None else (start.prefix, start.within)

    def _missing(self) -> int:
        """Keys below what is shown that are not loaded as rows; UNKNOWN when they were not counted."""
        root = self.model.root
        loaded = sum(1 for level in root.walk() for count in level.counts if count == LEAF)
        return max(0, root.total - loaded) if root.total >= 0 else UNKNOWN

    async def _filter(self, words: str) -> None:
        if not words:
            self.filter_problem = ""
            self.view.filtered = None
            self.view.model_changed()
            self.rows_changed()
            self.place_changed()
            return
        try:
            wanted = self.above.filter(words, self.above.filter_fields)
        except FilterError as problem:
            self.filter_problem = str(problem)
            self.place_changed()
            return
        self.filter_problem = ""
        rows: list[Row] = []
        loaded = self._untested = 0
        asks = any(f"{name}:" in words.lower() for name in self.above.filter_fields)
        for level in list(self.model.root.walk()):
            for first in range(0, len(level.names), CHUNK):
                last = min(first + CHUNK, len(level.names))
                rows += self._matching(level, first, last, wanted)
                loaded += last - first
                self._untested += self._unread(level, first, last) if asks else 0
                await asyncio.sleep(0)
            if len(rows) >= ROWS_SHOWN:
                break
        missing = self._missing()
        told = f"{words}   {format_count(len(rows))} of {format_count(loaded)} loaded"
        if missing:
            many = f"{format_count(missing)} {'key' if missing == 1 else 'keys'}" if missing > 0 else "the rest is"
            told += f"; {many} not loaded"
        told += f"; {format_count(self._untested)} not looked into yet" if self._untested else ""
        told += ": enter asks the server" if missing or self._untested else ""
        rows.sort(key=lambda row: row.path)
        self.view.filtered = Filtered(told, tuple(rows[:ROWS_SHOWN]), loaded)
        self.view.model_changed()
        self.settle()
        self.rows_changed()
        self.place_changed()

    def _unread(self, level: Level, first: int, last: int) -> int:
        """Keys of a part of the level that a filter on more than names cannot judge."""
        known = self.view.details
        keys = (level.path(index) for index in range(first, last) if level.counts[index] == LEAF)
        return sum(1 for key in keys if key not in known)

    def _matching(self, level: Level, first: int, last: int, wanted: Predicate) -> list[Row]:
        found = []
        for index in range(first, last):
            path = level.prefix + level.names[index]
            detail = self.view.details.get(path)
            record: Record = {
                TEXT: path,
                "size": detail.size if detail else None,
                "lease": bool(detail.lease) if detail else False,
                "ver": detail.version if detail else None,
                "mod": detail.mod_revision if detail else None,
            }
            if wanted(record):
                found.append(Row(level, index, 0))
        return found
