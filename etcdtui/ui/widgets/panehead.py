"""The one-line head of a pane: where it is, and a figure on the right."""

from __future__ import annotations

from rich.text import Text

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
