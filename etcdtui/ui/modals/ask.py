"""A few lines and one key for each answer: conflicts, drafts, cut moves, an added final newline."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.app import ComposeResult

from etcdtui.core.plan import PlanLine
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.modals.planview import PlanView


class AskDialog(Dialog[str]):
    """``answers`` are ``(key, label)``; dismisses with the key pressed, ``None`` on esc."""

    escape_words = "cancel"

    def __init__(self, title: Text, lines: Sequence[PlanLine], answers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._heading = title
        self.view = PlanView(lines)
        self.answers = tuple(answers)

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.hint_line.show([*self.answers, ("esc", self.escape_words)])
        self.view.focus()

    def on_key(self, event: events.Key) -> None:
        if any(event.key == key or event.character == key for key, _ in self.answers):
            event.stop()
            event.prevent_default()
            self.dismiss(event.character or event.key)
