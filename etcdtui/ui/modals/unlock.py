"""Unlocks writes: the profile's name typed where the environment wants it."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from etcdtui.ui import limits
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field


class UnlockDialog(Dialog[str]):
    """Dismisses with what was typed once it is the ``word``; ``relock_after`` in seconds, 0 for never."""

    DEFAULT_CSS = "UnlockDialog .dialog { border: round $error; }"
    hints = (("enter", "unlock"), ("esc", "stay READ-ONLY"))

    def __init__(self, word: str, relock_after: float) -> None:
        super().__init__()
        self.word = word
        self.relock_after = relock_after
        self.field = Field(max_length=200)
        self.notice = Static(Text(), markup=False)

    def title_text(self) -> Text:
        return Text.assemble("Unlock writes on ", safe(self.word, "bold", limit=limits.SHORT_NAME))

    def compose_dialog(self) -> ComposeResult:
        minutes = f"{self.relock_after / 60:g}"
        ends = f"Locks again after {minutes} idle minutes, " if self.relock_after else "Locks again "
        yield Static(Text(f"{ends}when the connection is lost, or with !"), markup=False)
        yield Static(Text.assemble("Type  ", safe(self.word, "bold", limit=200), "  to unlock:"), markup=False)
        yield self.field
        yield self.notice

    def on_mount(self) -> None:
        self.field.focus()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        if event.value.strip() == self.word:
            self.dismiss(event.value)
        else:
            self.notice.update(Text("That is not the profile's name."))
