"""What is shown while a snapshot is read: how far it is, and why it cannot be opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from etcdtui.core.errors import EtcdError
from etcdtui.services.cluster.endpoint_health import ClusterHealth, State
from etcdtui.ui.errors import error_text
from etcdtui.ui.screens.profiles.opening import SessionOpened
from etcdtui.ui.spawn import every, later, painted, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.footer import FooterLine
from etcdtui.ui.widgets.statusline import StatusLine
from etcdtui.ui.widgets.title import TitleFacts, TitleLine

if TYPE_CHECKING:  # only named here: importing the client must wait for the first paint
    from etcdtui.services.session.snapshot import Reading

SHOWN_EVERY = 0.1
"""Seconds between two looks at how far it is."""
BAR = 40
"""Cells of the bar."""
PATH_SHOWN = 400
STILL = ClusterHealth(state=State.STILL)


class ReadingScreen(Screen[None]):
    """Opens a database file once it is painted; ``begin`` makes the reading, which takes an import."""

    BINDINGS = [("r,enter", "retry", "retry")]
    DEFAULT_CSS = """
    ReadingScreen > #reading { height: 1fr; padding: 1 2; }
    ReadingScreen Static { height: auto; margin-bottom: 1; }
    """

    def __init__(self, path: Path, begin: Callable[[], Reading]) -> None:
        super().__init__()
        self._path = path
        self._begin = begin
        self._reading: Reading | None = None
        self._failed = False
        self.title_line = TitleLine()
        self.status_line = StatusLine()
        self.words = Static(Text.assemble("Reading ", safe(str(path), limit=PATH_SHOWN)), markup=False)
        self.bar = Static(Text(), markup=False)
        self.reason = Static(Text(), markup=False)

    def compose(self) -> ComposeResult:
        yield self.title_line
        with Vertical(id="reading"):
            yield self.words
            yield self.bar
            yield self.reason
        yield self.status_line
        yield FooterLine()

    def on_mount(self) -> None:
        self.title_line.facts = TitleFacts(profile=self._path.name, note="SNAPSHOT", health=STILL)
        self.query_one(FooterLine).hints = (("r", "retry"), ("P", "profiles"), ("q", "quit"))
        later(self.app, self._paint_first)  # the app's own queue waits until it has begun to paint

    def _paint_first(self) -> None:
        self.refresh()
        every(self, SHOWN_EVERY, self._show_progress)
        painted(self, self._start)

    def action_retry(self) -> None:
        """Read it again, if that has failed."""
        if self._failed:
            self._start()

    def _start(self) -> None:
        self._failed = False
        self.reason.update(Text())
        spawn(self, self._read, "reading", exclusive=True)

    async def _read(self) -> None:
        self._reading = self._begin()
        try:
            session = await self._reading.open()
        except EtcdError as error:
            self._failed = True
            self.reason.update(error_text(error))
            self.status_line.set_parts(Text("not opened"), Text("r tries again, P chooses a profile, q quits"))
            return
        session.look_first()
        self.post_message(SessionOpened(session))

    def _show_progress(self) -> None:
        reading = self._reading
        if reading is None or self._failed:
            return
        part = reading.done / reading.total if reading.total else 0.0
        full = round(part * BAR)
        self.bar.update(Text(f"[{'#' * full}{'.' * (BAR - full)}] {part:.0%}"))
        self.status_line.set_parts(Text("checksum, pages and revisions are read once"))
