"""A message that stays until it is closed: an error with its hint, or anything longer than a line."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from etcdtui.ui.bindings import MESSAGE, bindings_for
from etcdtui.ui.errors import error_text
from etcdtui.ui.modals.dialog import Dialog


class MessageDialog(Dialog[None]):
    """``body`` is safe text; it scrolls when it is long."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(MESSAGE)]
    DEFAULT_CSS = """
    MessageDialog .message-body { height: auto; }
    """
    hints = (("enter", "close"),)

    def __init__(self, title: Text, body: Text, copied: str = "") -> None:
        """``copied`` is what ``y`` puts into the clipboard, made safe by whoever gives it."""
        super().__init__()
        self._heading = title
        self._body = body
        self._copied = copied
        self._room = VerticalScroll(classes="message-body")

    @classmethod
    def of_error(cls, what: Text, error: BaseException) -> MessageDialog:
        """``what`` was tried and ``error`` came of it."""
        return cls(what, error_text(error))

    def on_resize(self) -> None:
        self._room.styles.max_height = self.rows_free()

    def on_mount(self) -> None:
        if self._copied:
            self.hint_line.show((("y", "copy"), *self.hints))

    def action_copy(self) -> None:
        if self._copied:
            self.app.copy_to_clipboard(self._copied)
            self.hint_line.show((("y", "copied"), *self.hints))

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        with self._room:
            yield Static(self._body, markup=False)
