"""One line of input that does not blink, keeps secrets out of the clipboard, and says when a paste was cut."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Input

from etcdtui.ui.widgets.footer import TypedInto


class Field(Input, TypedInto):
    """Textual's input with its rough edges off; ``password=True`` hides what is typed and refuses to copy it."""

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
        super().__init__(
            value, placeholder=placeholder, password=password, max_length=max_length, id=id, select_on_focus=False
        )
        self.cursor_blink = False

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
            self.post_message(self.PasteCut())
            if self.password:
                event.prevent_default()
                event.stop()
