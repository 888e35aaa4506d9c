"""ListScreen: what the screens with one main table share: reading again, filtering, copying, and guarded writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.timer import Timer

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import WritePlan
from etcdtui.core.search import Field, FilterError, Record, compile_filter
from etcdtui.services.session.session import Session
from etcdtui.services.writing.writes import CUT_SHORT, error_words
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Host
from etcdtui.ui.modals.confirm import confirm_write
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.spawn import every, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.table import LineTable

RowT = TypeVar("RowT")

FILTER_SHOWN = 40
TITLE_LIMIT = 200
PLAIN_VERBS = frozenset({"add", "remove", "update", "promote", "disarm", "delete", "enable", "disable"})
NOT_TWICE = frozenset({"write", "maintenance"})
"""Groups of work that nothing may cut short: what they send may be on its way."""


def verb_of(action: str) -> str:
    """``member remove`` as people say it: ``remove member``; other actions as they are."""
    noun, _, verb = action.partition(" ")
    return f"{verb} {noun}" if verb in PLAIN_VERBS else action


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
                self.app.copy_to_clipboard(chosen[2])
                self.flash(f"copied: {chosen[1]}", "good")

        items = [Item(letter, safe(label), safe(text, limit=60), key=letter) for letter, label, text in copies]
        self.app.push_screen(PickerDialog(Text("copy"), items, typing=False), copy)

    # --- writes ------------------------------------------------------------------------------------------

    async def ask(self, title: str, explain: str = "", *, value: str = "") -> str | None:
        """One line from the person, ``None`` when the dialog was closed; call it from a worker."""
        return await self.app.push_screen_wait(
            PromptDialog(safe(title, limit=TITLE_LIMIT), safe(explain, "dim") if explain else None, value=value)
        )

    async def write(self, plan: WritePlan, send: Callable[[], Awaitable[str]], *, verb: str = "write") -> bool:
        """Review, permit, send, record, say; ``send`` returns what to tell. Call it from a worker.

        True when it is known to be done.
        """
        guard, writes = self.session.guard, self.session.writes
        if not await confirm_write(self.app, guard, plan, verb=verb):
            return False
        started = writes.clock()
        if guard.dry_run:
            await writes.record(plan, (), "dry: THEN", started, dry=True)
            self.flash("dry run: nothing was sent", "warn")
            return False
        try:
            with guard.permit(plan):
                words = await send()
        except EtcdError as error:
            await writes.record(plan, (), error_words(error), started)
            self.flash(error_line(error), "bad")
            self.read_again()
            return False
        except BaseException:
            await writes.record(plan, (), CUT_SHORT, started)
            raise
        await writes.record(plan, (), "ok", started)
        self.flash(safe(words), "good")
        self.read_again()
        return True
