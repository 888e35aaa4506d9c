"""What is known of the selected row: a few lines beside or below a table."""

from __future__ import annotations

from rich.text import Text

from etcdtui.ui.widgets.lines import LineView


class DetailLines(LineView):
    """Lines about the row that is selected, made by the screen; each is one row."""

    DEFAULT_CSS = "DetailLines { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Text] = []
        self.show_cursor = False

    @property
    def row_count(self) -> int:
        return len(self.lines)

    def render_row(self, index: int, width: int) -> Text:
        line = self.lines[index].copy()
        line.truncate(width, overflow="ellipsis")
        return line

    def show(self, lines: list[Text]) -> None:
        if lines != self.lines:
            self.lines = lines
            self.model_changed()
