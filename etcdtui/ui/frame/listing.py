"""ListScreen: what the screens with one main table share: reading again, filtering, copying."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.timer import Timer

from etcdtui.core.search import Field, FilterError, Record, compile_filter
from etcdtui.services.session.session import Session
from etcdtui.ui import limits
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Host
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.spawn import every, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.table import LineTable

RowT = TypeVar("RowT")

FILTER_SHOWN = 40
NOT_TWICE = frozenset({"write", "maintenance"})
"""Groups of work that nothing may cut short: what they send may be on its way."""


class ListScreen(ClusterScreen, Generic[RowT]):
    """A subclass gives ``table``, ``filter_fields``, ``record_of`` and ``read``.

    ``read`` runs when the screen is shown and, while it is, as often as the profile's ``refresh`` says but not sooner
    than after ``every`` seconds.
    """

    every: ClassVar[float] = 5.0
    filter_fields: ClassVar[Mapping[str, Field]] = {}
    table: LineTable[RowT]

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.filter_words = ""
        self.automatic = True
        self._beat: Timer | None = None

    # --- what a subclass gives ---------------------------------------------------------------------------

    async def read(self) -> None:
        """Ask the cluster and show the answer; expected failures are shown, not raised."""

    def record_of(self, row: RowT) -> Record:
        """What a filter looks at."""
        return {}

    def copies(self) -> Sequence[tuple[str, str, str]]:
        """``(letter, label, text)`` of what ``y`` can copy; the text is our own or made safe."""
        return ()

    # --- reading -----------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.table.lines.focus()
        if self.session.profile.refresh > 0:
            self._beat = every(self, max(self.every, self.session.profile.refresh), self._tick)

    def came_on_show(self) -> None:
        self.read_again()

    def _tick(self) -> None:
        if self.automatic and self.is_current:
            self.read_again()

    def read_again(self) -> None:
        """Start reading; a reading under way is dropped."""
        self.begin(self.read, "read")

    def begin(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Run the async function ``work`` as the only one of its group; only reading replaces what runs."""
        if group in NOT_TWICE and self.is_writing(group):
            return
        spawn(self, work, group, exclusive=True)

    def action_refresh(self) -> None:
        self.read_again()
        self.session.monitor.poll_soon()

    def action_auto_refresh(self) -> None:
        self.automatic = not self.automatic
        self.flash(f"automatic refresh {'on' if self.automatic else 'off'}")

    # --- filter ------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        def apply(words: str | None) -> None:
            if words is not None:
                self.set_filter(words)

        explain = Text("words, !not, ~fuzzy, ^/regex/, field:value", style="dim")
        self.app.push_screen(PromptDialog(Text("filter"), explain, value=self.filter_words), apply)

    def set_filter(self, words: str) -> None:
        """Show only rows that the filter accepts; a mistake in it is said and changes nothing."""
        try:
            predicate = compile_filter(words, self.filter_fields)
        except FilterError as error:
            self.flash(str(error), "warn")
            return
        self.filter_words = words.strip()
        self.table.set_filter((lambda row: predicate(self.record_of(row))) if self.filter_words else None)
        self.show_status()

    def go_back(self) -> bool:
        if self.filter_words:
            self.set_filter("")
            return True
        return super().go_back()

    def filter_text(self) -> Text:
        """For the status line: the filter and how many rows it leaves."""
        if not self.filter_words:
            return Text()
        words = safe(self.filter_words, limit=FILTER_SHOWN)
        return Text.assemble("filter: ", words, f" ({len(self.table.rows)} of {len(self.table.all_rows)})")

    def show_status(self) -> None:
        """Compose the status line again."""
        self.set_status(self.filter_text())

    # --- copying -----------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        copies = list(self.copies())
        if not copies:
            self.flash("nothing to copy here", "warn")
            return

        def copy(letter: str | None) -> None:
            chosen = next((c for c in copies if c[0] == letter), None)
            if chosen is not None:
                self.to_clipboard(chosen[2], f"copied: {chosen[1]}")

        items = [Item(letter, safe(label), safe(text, limit=60), key=letter) for letter, label, text in copies]
        self.app.push_screen(PickerDialog(Text("copy"), items, typing=False), copy)

    # --- asking ------------------------------------------------------------------------------------------

    async def ask(self, title: str, explain: str = "", *, value: str = "") -> str | None:
        """One line from the person, ``None`` when the dialog was closed; call it from a worker."""
        return await self.app.push_screen_wait(
            PromptDialog(safe(title, limit=limits.WORDS), safe(explain, "dim") if explain else None, value=value)
        )
