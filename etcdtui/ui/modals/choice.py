"""A word that can be chosen with enter or a click: the buttons of dialogs."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Static

from etcdtui.ui.bindings import CHOICE, bindings_for


class Choice(Static, can_focus=True):
    """Posts ``Chosen`` with its ``name`` on enter, space or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(CHOICE)]
    DEFAULT_CSS = """
    Choice { width: auto; height: 1; padding: 0 2; margin-right: 2; background: $panel; }
    Choice:focus { background: $primary; color: $background; text-style: bold; }
    """

    class Chosen(Message):
        """This choice was taken."""

        def __init__(self, answer: str) -> None:
            super().__init__()
            self.answer = answer

    def __init__(self, answer: str, label: str) -> None:
        super().__init__(Text(label), markup=False)
        self.answer = answer

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self.answer))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_choose()
