"""The lines of a difference between two versions, coloured by what they mean."""

from __future__ import annotations

from rich.text import Text

from etcdtui.core.types import KeyValue
from etcdtui.core.value import record
from etcdtui.services.values.valuediff import full_diff
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView

DIFF_LINES = 4_000
"""Lines of each version compared; the rest is not."""


@record()
class DiffLine:
    """``tone`` is ``add``, ``remove``, ``dim`` or empty."""

    text: str
    tone: str = ""


def line_diff(old: list[str], new: list[str]) -> list[DiffLine]:
    """All lines of the newer version with what was removed in between."""
    tones = {"+": "add", "-": "remove"}
    made = [DiffLine(f"{op} {text}", tones.get(op, "")) for op, text in full_diff(old[:DIFF_LINES], new[:DIFF_LINES])]
    if max(len(old), len(new)) > DIFF_LINES:
        made.append(DiffLine(f"  only the first {DIFF_LINES} lines were compared", "dim"))
    return made


class DiffView(LineView):
    """The lines of a difference."""

    def __init__(self) -> None:
        super().__init__()
        self.show_cursor = False
        self.lines_shown: list[DiffLine] = []

    def show(self, lines: list[DiffLine]) -> None:
        self.lines_shown = lines
        self.model_changed()

    @property
    def row_count(self) -> int:
        return len(self.lines_shown)

    @property
    def content_width(self) -> int:
        return max((min(2_000, len(line.text)) for line in self.lines_shown[:2_000]), default=0)

    def render_row(self, index: int, width: int) -> Text:
        line = self.lines_shown[index]
        tone = {"add": "added", "remove": "removed", "dim": "dim"}.get(line.tone)
        return safe(line.text, self.tone(tone) if tone else "", limit=2_000)


def title_of(old: KeyValue | None, new: KeyValue | None) -> str:
    """Which two versions are compared."""
    title = f"{old.version} (rev {old.mod_revision})" if old else "nothing"
    return title + (f" -> {new.version} (rev {new.mod_revision})" if new else " -> deleted")
