"""The second line: the numbered names of the screens there are."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive

from etcdtui.core.value import Value
from etcdtui.ui.widgets.toned import Toned

SHORTENED = 3
"""Letters of a name where not all names fit."""


class Tab(Value):
    """``badge`` is a count shown after the label; 0 shows none."""

    number: int
    label: str
    badge: int = 0

    def words(self, *, tight: bool, short: bool = False) -> str:
        label = self.label[:SHORTENED] if short else self.label
        return f"{self.number}{'' if tight else ' '}{label}{f'({self.badge})' if self.badge else ''}"


class TabLine(Toned):
    """The tab of the current screen stands out by reverse and by being marked with brackets of its colour."""

    DEFAULT_CSS = """
    TabLine {
        height: 1; width: 1fr;
        & > .tab--current { text-style: bold reverse; color: $accent; }
    }
    """
    COMPONENT_CLASSES = {"tab--current"}

    tabs: reactive[tuple[Tab, ...]] = reactive(())
    current: reactive[int] = reactive(0)

    class Picked(Message):
        """A tab was clicked."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def set_badge(self, number: int, badge: int) -> None:
        """The count beside one label."""
        self.tabs = tuple(replace(tab, badge=badge) if tab.number == number else tab for tab in self.tabs)

    def _layout_tabs(self) -> list[tuple[int, int, Tab, str]]:
        """Start and end column of each tab, with its words."""
        tight = 2 + sum(len(tab.words(tight=False)) + 3 for tab in self.tabs) > self.size.width
        short = tight and sum(len(tab.words(tight=True)) + 1 for tab in self.tabs) > self.size.width
        places, column = [], 0
        for tab in self.tabs:
            words = f" {tab.words(tight=tight, short=short and tab.number != self.current)}" + ("" if tight else " ")
            places.append((column, column + len(words), tab, words))
            column += len(words)
        return places

    def render(self) -> Text:
        line = Text(no_wrap=True, end="")
        current = self.get_component_rich_style("tab--current", partial=True)
        for _, _, tab, words in self._layout_tabs():
            line.append(words, current if tab.number == self.current else self.tone("dim"))
        return line

    def on_click(self, event: events.Click) -> None:
        for start, end, tab, _ in self._layout_tabs():
            if start <= event.x < end:
                self.post_message(self.Picked(tab.number))
