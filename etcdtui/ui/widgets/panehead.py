"""The one-line head of a pane: where it is, and a figure on the right; and a pane that is told apart by its title."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from etcdtui.ui.widgets.toned import Toned


class PaneHead(Toned):
    """Safe text on the left, cut first, and on the right; drawn as a line of its own."""

    DEFAULT_CSS = "PaneHead { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left = Text()
        self.right = Text()

    def show(self, left: Text, right: Text | None = None) -> None:
        shown = right or Text()
        if left != self.left or shown != self.right:
            self.left, self.right = left, shown
            self.refresh()

    def render(self) -> Text:
        width = self.size.width
        right = self.right.copy()
        right.truncate(max(0, width - 2), overflow="ellipsis")
        left = self.left.copy()
        left.truncate(max(0, width - right.cell_len - 2), overflow="ellipsis")
        return Text.assemble(
            left, " " * max(1, width - left.cell_len - right.cell_len), right, no_wrap=True, end="", style="bold"
        )


class PaneTitle(PaneHead):
    """The first line of a pane; while the focus is in the pane it stands out in the accent colour (``app.tcss``)."""


class Pane(Vertical):
    """A widget below its title."""

    DEFAULT_CSS = "Pane { height: 1fr; width: 1fr; }"

    def __init__(self, title: str, *widgets: Widget, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = PaneTitle()
        self.title.show(Text(title))
        self._widgets = widgets

    def compose(self) -> ComposeResult:
        yield self.title
        yield from self._widgets
