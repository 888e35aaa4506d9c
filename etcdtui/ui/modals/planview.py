"""The lines of a plan on screen: ours and the server's pieces, all through the one safe door."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from etcdtui.core.plan import PlanLine
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView

PIECE_LIMIT = 2000
TONE_OF = {"plain": "", "add": "added", "remove": "removed", "warn": "warn", "dim": "dim", "head": "accent"}


class PlanView(LineView):
    """Scrolls when the plan is longer than its room; never taller than its lines."""

    DEFAULT_CSS = "PlanView { height: auto; min-height: 1; max-height: 18; }"

    def __init__(self, lines: Sequence[PlanLine] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines_shown = tuple(lines)
        self.show_cursor = False

    @property
    def row_count(self) -> int:
        return len(self.lines_shown)

    @property
    def content_width(self) -> int:
        return max((self.render_row(i, 0).cell_len for i in range(min(self.row_count, 500))), default=0)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return max(1, self.row_count)

    def show_lines(self, lines: Sequence[PlanLine]) -> None:
        self.lines_shown = tuple(lines)
        self.model_changed()
        self.refresh(layout=True)

    def render_row(self, index: int, width: int) -> Text:
        shown = self.lines_shown[index]
        name = TONE_OF[shown.tone]
        style = self.tone(name) if name else ""
        text = Text(no_wrap=True, end="")
        for part in shown.parts:
            text.append_text(safe(part, style, limit=PIECE_LIMIT))
        return text
