"""``/`` on the Keys screen: the line under the tree, and the list of rows that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from etcdtui.core.search import FilterError
from etcdtui.services import tree
from etcdtui.services.tree.browser import Browser
from etcdtui.services.tree.news import Start
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.keytree import KeyTreeView

if TYPE_CHECKING:  # only named here: it is imported with the first filter
    from etcdtui.services.tree.filtering import Filtered


class TreeFilter:
    """``changed`` is called when the list, or what is said of it, is another."""

    def __init__(self, browser: Browser, view: KeyTreeView, start: Start, changed: Callable[[], object]) -> None:
        self._browser = browser
        self._view = view
        self._start = start
        self._changed = changed
        self.field = Field(placeholder="part of a name; !not ~fuzzy ^/regex/ size:>10k", max_length=500, id="filter")
        self.problem = ""

    @property
    def words(self) -> str:
        """What is said of it in the status line; empty when nothing is filtered."""
        filtered = self._view.filtered
        return self.problem or (filtered.words if filtered is not None else "")

    @property
    def is_shown(self) -> bool:
        return self.field.has_class("-shown")

    def open(self) -> None:
        self.field.add_class("-shown")
        self.field.focus()

    def type(self, words: str) -> None:
        """As if a person had typed it."""
        self.open()
        self.field.value = words

    def close(self) -> bool:
        """Show everything again, the cursor on the row it was on; False when nothing was filtered."""
        shown = self.is_shown
        self.problem = ""
        self.field.remove_class("-shown")
        with self.field.prevent(Field.Changed):
            self.field.value = ""
        if shown or self._view.filtered is not None:
            self._view.focus()
        if self._view.filtered is None:
            return shown
        row = self._view.current
        self._start("filter", self._show_all)
        self._view.filtered = None
        self._view.model_changed()
        if row is not None and (at := self._browser.tree.index_of(row.identity)) is not None:
            self._view.cursor = at
        self._changed()
        return True

    def look(self, words: str) -> None:
        """Other words were typed."""
        self._start("filter", partial(self._filter, words) if words else self._show_all)

    def asks_server(self, words: str) -> bool:
        """Whether enter should ask the server for the rest; else the list gets the focus."""
        filtered = self._view.filtered
        if words and filtered is not None and filtered.incomplete:
            return True
        self._view.focus()
        return False

    async def _show_all(self) -> None:
        self.problem = ""
        self._view.filtered = None
        self._view.model_changed()
        self._changed()

    async def _filter(self, words: str) -> None:
        try:
            found: Filtered = await tree.filtering.filtered(self._browser.tree, self._browser.details, words)
        except FilterError as problem:
            self.problem = str(problem)
        else:
            self.problem = ""
            self._view.filtered = found
            self._view.model_changed()
        self._changed()
