"""The review of a write: what will happen, under which condition, and how much it takes to agree.

Nothing runs by Enter alone from class R2 on: the focus starts on Cancel, and for a short time after opening no key
counts, so that a key held down cannot agree to something not read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from etcdtui.core.errors import EtcdError, WriteRefused
from etcdtui.core.plan import Confirmation, ConfirmKind, PlanLine, WritePlan, line
from etcdtui.services.values.valuediff import Look
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.guard import Guard
from etcdtui.ui import clipboard, limits
from etcdtui.ui.bindings import REVIEW, bindings_for
from etcdtui.ui.modals.choice import Choice
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.modals.planview import PlanView
from etcdtui.ui.spawn import after, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field

DEAF_FOR = 0.3
"""Seconds after opening in which no key agrees to anything."""
COPY_LIMIT = 64 * 1024
RUN, EDIT, DRAFT = "run", "edit", "draft"
COMMANDS_SHOWN = 3
"""Lines of etcdctl in the review; y copies all."""
NAMES_SHOWN = 3
LISTED_KEYS = 4
FRAME_ROWS = 10
"""Rows of the dialog around the plan: border, title, notice, choices, hints."""
WORD_ROWS = 4
"""Rows of one thing to type."""
LEAST_ROWS = 3
MOST_CONTEXT = 99
LETTERS = "Dyvl"
"""Letters that act from the empty field too, unless the word to type begins with them."""


class WordField(Field):
    """Leaves letters of the dialog alone until something is typed."""

    def __init__(self, word: str) -> None:
        super().__init__(max_length=1024, id="word")
        self.letters = frozenset(LETTERS) - set(word[:1])

    def check_consume_key(self, key: str, character: str | None) -> bool:
        if not self.value and character in self.letters:
            return False
        return super().check_consume_key(key, character)


class ReviewDialog(Dialog[Confirmed | str]):
    """Dismisses with what was ``Confirmed``, or with ``edit`` or ``draft``; ``None`` when cancelled.

    ``dry`` evaluates the plan with reads and answers in a sentence; ``editing`` offers to go on with the edit;
    ``diff`` gives the lines of the difference, masked parts hidden until x; ``masked`` says that the etcdctl lines hold
    such parts, and are not copied before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(REVIEW)]
    DEFAULT_CSS = """
    ReviewDialog {
        & .danger { border: round $error; }
        & .choices { height: 1; margin-top: 1; }
        & .ask { height: 1; }
        & .notice { max-height: 2; }
        & Field { height: 3; }
    }
    """

    def __init__(
        self,
        plan: WritePlan,
        guard: Guard,
        *,
        dry: Callable[[], Awaitable[str]] | None = None,
        editing: bool = False,
        diff: Callable[[Look], Sequence[PlanLine]] | None = None,
        masked: bool = False,
        clock: Callable[[], float] = time.monotonic,
        verb: str = "write",
    ) -> None:
        super().__init__()
        self.plan = plan
        self.guard = guard
        self.dry = dry
        self.editing = editing
        self.diff = diff
        self.masked = masked
        self.look = Look()
        self.all_listed = False
        self.verb = verb
        self.clock = clock
        self.refusal = guard.refusal(plan)
        self.confirmation: Confirmation = guard.confirmation(plan)
        self.opened = clock()
        self.view = PlanView(self._lines())
        self.notice = Static(Text(), classes="notice", markup=False)
        self.cancel = Choice("cancel", "Cancel")
        self.field = WordField(self.confirmation.word)
        self.second = Field(max_length=200, id="phrase")

    # --- what is shown -----------------------------------------------------------------------------------

    def title_text(self) -> Text:
        head = Text.assemble(f"{self.plan.action.upper() if self._typed else 'review: ' + self.plan.action} ")
        if self.plan.named:
            head.append_text(_names(self.plan.named))
        elif self.plan.target != self.plan.action.encode():
            head.append_text(safe(self.plan.target, "bold", limit=limits.NAME))
        head.append("  on  ").append_text(safe(self.guard.policy.profile or "?", "bold", limit=limits.NAME))
        return head.append(f", {self.guard.state_word}")

    @property
    def _typed(self) -> bool:
        return self.confirmation.kind is ConfirmKind.TYPE

    def _lines(self) -> Sequence[PlanLine]:
        listing = self.plan.listing
        if len(listing) > LISTED_KEYS + 1 and not self.all_listed:
            more = line(f"  ... {max(self.plan.changes, len(listing)) - LISTED_KEYS} more (l lists all)", tone="dim")
            listing = (*listing[:LISTED_KEYS], more)
        lines = [*(fact.line for fact in self.plan.facts), *listing, *self.plan.lines]
        if self.plan.undo:
            lines.append(line(f"cannot be undone: {self.plan.undo}", tone="warn"))
        lines += _command_lines(self.plan.etcdctl)
        return [*lines, *(self.diff(self.look) if self.diff else ())]

    def on_resize(self) -> None:
        """The hints stay visible: what is long scrolls."""
        words = 0 if not self._typed or self.refusal else 2 if self.confirmation.phrase else 1
        room = self.size.height - FRAME_ROWS - words * WORD_ROWS - (2 if self.refusal else 0)
        self.view.styles.max_height = max(LEAST_ROWS, room)

    def compose_dialog(self) -> ComposeResult:
        yield self.view
        if self.refusal:
            yield Static(Text.assemble("not possible: ", safe(self.refusal, limit=500)), markup=False)
        elif self._typed:
            words = Text.assemble("type  ", safe(self.confirmation.word, "bold", limit=200), f"  to {self._verb()}:")
            yield Static(words, classes="ask", markup=False)
            yield self.field
            if self.confirmation.phrase:
                yield Static(Text(f"and a second line: {self.confirmation.phrase} N"), classes="ask", markup=False)
                yield self.second
        yield self.notice
        with Horizontal(classes="choices"):
            yield self.cancel
            if not self.refusal and not self._typed:
                yield Choice(RUN, self._verb().capitalize())

    def _verb(self) -> str:
        many = f" {self.plan.changes} keys" if self.plan.changes > 1 else ""
        return f"{self.verb}{many}"

    def on_mount(self) -> None:
        self.opened = self.clock()
        self.cancel.focus()
        if self._typed and not self.refusal:
            self.box.add_class("danger")
            after(self, DEAF_FOR, self.field.focus)
        hints = [("esc", "keep draft" if self.editing else "cancel")]
        if not self.refusal:
            hints.insert(0, ("enter", "after typing") if self._typed else ("ctrl+s", self.verb))
            if self.dry is not None:
                hints.append(("D", "dry run"))
        if self.editing:
            hints.insert(1, ("e", "edit"))
        if self.diff is not None:
            hints.append(("v", "fields"))
        if len(self.plan.listing) > LISTED_KEYS + 1:
            hints.append(("l", "list all"))
        if self.plan.etcdctl:
            hints.append(("y", "etcdctl"))
        self.hint_line.show(hints)

    # --- answers -----------------------------------------------------------------------------------------

    @property
    def _deaf(self) -> bool:
        """A held key must not run what cannot be taken back; a change of one key can be, and its keys count at once."""
        return self.confirmation.kind is not ConfirmKind.REVIEW and self.clock() - self.opened < DEAF_FOR

    def on_choice_chosen(self, event: Choice.Chosen) -> None:
        event.stop()
        if self._deaf:
            return
        if event.answer == "cancel":
            self.action_cancel()
        else:
            self._agree()

    def action_agree(self) -> None:
        if not self._deaf:
            self._agree()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        if self._deaf:
            return
        if event.input is self.field and self.confirmation.phrase and not self.second.value:
            self.second.focus()
        else:
            self._agree()

    def _agree(self) -> None:
        if self.refusal:
            return
        try:
            confirmed = self.guard.confirm(self.plan, self.field.value, self.second.value)
        except WriteRefused as error:
            self.notice.update(safe(error.message, limit=400))
        else:
            self.dismiss(confirmed)

    def action_edit(self) -> None:
        if self.editing and not self._deaf:
            self.dismiss(EDIT)

    def action_cancel(self) -> None:
        self.dismiss(DRAFT if self.editing else None)

    def action_copy(self) -> None:
        if not self.plan.etcdctl:
            return
        if self.masked and not self.look.revealed:
            self.notice.update(Text("not copied: the lines hold a value that the profile masks; x, then y"))
            return
        lines = self.plan.etcdctl.count("\n") + 1
        if len(self.plan.etcdctl) > COPY_LIMIT:
            self.notice.update(Text(f"not copied: {lines} lines are more than a terminal's clipboard takes"))
            return
        self.app.copy_to_clipboard(self.plan.etcdctl)
        words = "copied as etcdctl" + (f", {lines} lines" if lines > 1 else "")
        self.notice.update(safe(words))
        spawn(self, partial(self._tell_doubts, words), "clipboard", exclusive=True)

    async def _tell_doubts(self, words: str) -> None:
        if doubts := await clipboard.doubts(os.environ):
            self.notice.update(safe(f"{doubts}; {words}", limit=400))

    def action_other_view(self) -> None:
        self._look(replace(self.look, fields=not self.look.fields))

    def action_reveal(self) -> None:
        self._look(replace(self.look, revealed=not self.look.revealed))

    def action_context(self, more: int) -> None:
        self._look(replace(self.look, context=min(max(0, self.look.context + more), MOST_CONTEXT)))

    def _look(self, look: Look) -> None:
        if self.diff is not None or self.masked:
            self.look = look
            self.view.show_lines(self._lines())

    def action_list_all(self) -> None:
        """Every key of the plan, or the first few again; the arrows scroll what does not fit."""
        self.all_listed = not self.all_listed
        self.view.show_lines(self._lines())

    def action_scroll(self, rows: int) -> None:
        self.view.scroll_relative(y=rows, animate=False)

    def action_dry(self) -> None:
        if self.dry is not None and not self._deaf:
            spawn(self, self._dry_run, "dry", exclusive=True)

    async def _dry_run(self) -> None:
        assert self.dry is not None
        self.notice.update(Text("dry run ..."))
        words = "the dry run was cut off"
        try:
            words = await self.dry()
        except EtcdError as error:
            words = str(error)
        finally:
            if self.is_mounted:
                self.notice.update(Text.assemble("dry run, nothing was sent: ", safe(words, limit=400)))


def _names(named: Sequence[bytes]) -> Text:
    """The first of the things that were pointed at, and how many there are."""
    shown = Text(", ").join(safe(name, "bold", limit=limits.NAME // 2) for name in named[:NAMES_SHOWN])
    return shown.append(f" and {len(named) - NAMES_SHOWN} more" if len(named) > NAMES_SHOWN else "")


def _command_lines(etcdctl: str) -> list[PlanLine]:
    """The commands, or for a transaction what it does first: the whole of it is copied."""
    if not etcdctl:
        return []
    lines = etcdctl.split("\n")
    if len(lines) > 1 and lines[0].startswith("etcdctl txn"):
        return [line("as etcdctl: txn  ", lines[1][:200], tone="dim")]
    shown = [line("as etcdctl: " if not at else "            ", one[:200], tone="dim")
             for at, one in enumerate(lines[:COMMANDS_SHOWN])]  # fmt: skip
    if len(lines) > COMMANDS_SHOWN:
        shown.append(line(f"            ... {len(lines) - COMMANDS_SHOWN} more lines (y copies all)", tone="dim"))
    return shown
