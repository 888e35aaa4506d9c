"""One line of input that does not blink, keeps secrets out of the clipboard, and says when a paste was cut."""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input

from etcdtui.ui.bindings import LINE, bindings_for
from etcdtui.ui.widgets.footer import TypedInto

STEPS_KEPT = 200
"""Changes of a line that can be taken back."""


class Field(Input, TypedInto):
    """Textual's input with its rough edges off; ``password=True`` hides what is typed and refuses to copy it.

    ctrl+z takes back the last change and ctrl+y makes it again, as in the editor; not in a password.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(LINE)]

    DEFAULT_CSS = """
    Field {
        border: none; height: 1; padding: 0 1; width: 1fr; background: $panel;
        &:focus { border: none; background: $panel; }
    }
    """

    class PasteCut(Message):
        """What was pasted had several lines; only the first was taken (none of it into a password)."""

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "",
        password: bool = False,
        max_length: int = 0,
        id: str | None = None,
    ) -> None:
        self._before: deque[str] = deque(maxlen=STEPS_KEPT)
        self._after: list[str] = []
        self._stepping = True
        super().__init__(
            value, placeholder=placeholder, password=password, max_length=max_length, id=id, select_on_focus=False
        )
        self._stepping = False
        self.cursor_blink = False

    def watch_value(self, before: str, after: str) -> None:
        if not self.password and not self._stepping and before != after:
            self._before.append(before)
            self._after.clear()

    def action_undo(self) -> None:
        if self._before:
            self._after.append(self.value)
            self._step_to(self._before.pop())

    def action_redo(self) -> None:
        if self._after:
            self._before.append(self.value)
            self._step_to(self._after.pop())

    def _step_to(self, value: str) -> None:
        """Another value, with the cursor behind what changed in it."""
        pairs = zip(reversed(self.value), reversed(value), strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._stepping = True
        self.value = value
        self._stepping = False
        self.cursor_position = len(value) - same

    def action_copy(self) -> None:
        if not self.password:
            super().action_copy()

    def action_cut(self) -> None:
        if not self.password:
            super().action_cut()

    def on_paste(self, event: events.Paste) -> None:
        first = next(iter(event.text.splitlines()), "")
        room = self.max_length - len(self.value) + len(self.selected_text) if self.max_length else len(first)
        if len(first) > room:  # Textual takes none of it, and does not say so
            self.app.notify("Nothing was pasted: it is longer than what fits here.", severity="warning")
        if len(event.text.splitlines()) > 1:
            if not any(hasattr(node, "on_field_paste_cut") for node in self.ancestors):
                self.app.notify("Several lines were pasted: this is one line, the first was taken.", severity="warning")
            self.post_message(self.PasteCut())
            if self.password:
                event.prevent_default()
                event.stop()
