"""The command line ``:``: history with up and down, a ghost of the likely rest that right or tab takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Static

from etcdtui.core.etcdctl_grammar import complete, parse_line
from etcdtui.ui.bindings import COMMAND, TEXT, bindings_for
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.spawn import after
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.area import Area
from etcdtui.ui.widgets.field import Field

LINE_LIMIT = 64 * 1024
HISTORY_LIMIT = 200
KEEP_AFTER = 1.0
"""Seconds without typing after which a text is kept, so that no end of the program loses it."""


class _Ghost(Suggester):
    def __init__(self, history: Sequence[str], screens: Sequence[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.history = tuple(history)
        self.screens = tuple(screens)

    async def get_suggestion(self, value: str) -> str | None:
        rest = complete(value, self.history, self.screens)
        return value + rest if rest and rest.isprintable() else None


class CommandDialog(Dialog[str]):
    """Dismisses with the line; pasted lines become one text, so that a pasted ``txn`` stays whole."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(COMMAND)]
    DEFAULT_CSS = """
    CommandDialog { align: center bottom; }
    CommandDialog > .dialog { width: 100%; }
    """
    hints = (("enter", "run"), ("up/down", "history"), ("right/tab", "complete"), ("esc", "cancel"))

    def __init__(self, history: Sequence[str] = (), value: str = "", *, screens: Sequence[str] = ()) -> None:
        """``screens`` are the names that ``go`` takes."""
        super().__init__()
        self._screens = tuple(screens)
        self.past = list(history)[-HISTORY_LIMIT:]
        self.at = len(self.past)
        self.typed = value
        self.pasted = ""
        self.field = Field(value, placeholder="get put del txn go rev export ... or an etcdctl line", id="command")
        self.field.suggester = _Ghost(self.past, screens)
        self.notice = Static(Text(), markup=False)

    def title_text(self) -> Text:
        return Text(":")

    def compose_dialog(self) -> ComposeResult:
        yield self.field
        yield self.notice

    def on_mount(self) -> None:
        self.field.focus()

    def on_paste(self, event: events.Paste) -> None:
        """Several lines: keep them all, show the first."""
        if len(event.text.splitlines()) > 1 and len(event.text) <= LINE_LIMIT:
            event.stop()
            event.prevent_default()
            self._take_text(event.text)

    def on_field_paste_cut(self, event: Field.PasteCut) -> None:
        event.stop()
        self.notice.update(Text("several lines: open the builder with :txn and paste there"))

    def _take_text(self, text: str) -> None:
        self.pasted = text
        self.notice.update(Text.assemble("pasted ", str(len(text.splitlines())), " lines; enter runs them as one"))
        self.field.value = text.splitlines()[0]

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        text = self.pasted if self.pasted and event.value == self.pasted.splitlines()[0] else event.value
        if not text.strip():
            self.dismiss(None)
            return
        parsed = parse_line(text)
        if parsed.command is None:
            self.notice.update(safe(parsed.error, limit=300))
            return
        self.dismiss(text)

    def action_older(self) -> None:
        self._show(self.at - 1)

    def action_newer(self) -> None:
        self._show(self.at + 1)

    def _show(self, index: int) -> None:
        if self.at == len(self.past):
            self.typed = self.field.value
        self.at = max(0, min(index, len(self.past)))
        self.field.value = self.past[self.at] if self.at < len(self.past) else self.typed
        self.field.cursor_position = len(self.field.value)

    def action_take(self) -> None:
        rest = complete(self.field.value, tuple(self.past), self._screens)
        if rest and rest.isprintable():
            self.field.value += rest
            self.field.cursor_position = len(self.field.value)


class TextDialog(Dialog[str]):
    """Several lines typed or pasted, such as the text of a transaction; dismisses with them.

    ``keep`` is given the text whenever typing pauses, and however the dialog is left but by taking the text.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(TEXT)]
    DEFAULT_CSS = """
    TextDialog TextArea, TextDialog TextArea:focus { height: 1fr; min-height: 3; max-height: 16; border: none; }
    """
    hints = (("ctrl+s", "take it"), ("esc", "keep for later"))

    def __init__(self, title: Text, text: str = "", *, keep: Callable[[str], object] = lambda _: None) -> None:
        super().__init__()
        self._keep = keep
        self._before = text
        self._taken = False
        self._pause: Timer | None = None
        self._heading = title
        self.area = Area(text)

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        yield self.area

    def on_mount(self) -> None:
        self.area.focus()

    def on_text_area_changed(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = after(self, KEEP_AFTER, self._keep_now)

    def on_unmount(self) -> None:
        self._keep_now()

    def _keep_now(self) -> None:
        if not self._taken and self.area.text != self._before:
            self._keep(self.area.text)

    def action_done(self) -> None:
        self._taken = True
        self.dismiss(self.area.text)
