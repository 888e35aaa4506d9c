"""Asks for one line of text, or for a password."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from etcdtui.config.secrets import Secret
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.widgets.field import Field

ANSWER_LIMIT = 4096


class PromptDialog(Dialog[str]):
    """Dismisses with the line, ``None`` when closed. ``explain`` is safe text."""

    hints = (("enter", "ok"), ("esc", "cancel"))

    def __init__(self, title: Text, explain: Text | None = None, *, value: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._heading = title
        self.explain = explain
        self.field = Field(value, placeholder=placeholder, max_length=ANSWER_LIMIT)

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        if self.explain is not None:
            yield Static(self.explain, markup=False)
        yield self.field

    def on_mount(self) -> None:
        self.field.focus()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)


class PasswordDialog(Dialog[Secret]):
    """Dismisses with the password, ``None`` when closed; what is typed is neither shown nor copied.

    ``notice`` is safe text: what was wrong with the last one. ``enter`` is what the key does.
    """

    hints = (("enter", "log in"), ("esc", "cancel"))

    def __init__(self, title: Text, notice: Text | None = None, *, enter: str = "log in") -> None:
        super().__init__()
        self._heading = title
        self._enter = enter
        self.field = Field(password=True, max_length=ANSWER_LIMIT)
        self.notice = Static(notice or Text(), markup=False)

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        yield self.field
        yield self.notice

    def on_mount(self) -> None:
        self.hint_line.show((("enter", self._enter), ("esc", "cancel")))
        self.field.focus()

    def on_field_paste_cut(self) -> None:
        self.notice.update(Text("Several lines were pasted; a password is one line. Nothing was taken."))

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        self.dismiss(Secret(event.value))
