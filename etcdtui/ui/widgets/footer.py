"""The last line: the keys that matter here, as many as fit, and always ``? help`` at the end."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from etcdtui.ui.widgets.toned import Toned

Hint = tuple[str, str]
"""A key and its label."""
HELP: Hint = ("?", "help")
MENU = "o"
DROP_FIRST = ("P", "r", "s", "y", "f", "H", "w", "!")
"""Keys whose hints go first when the line is too short; then the others from the right."""


def fit_hints(hints: Sequence[Hint], width: int) -> list[Hint]:
    """As many hints as fit into ``width`` cells, in order; ``o``, which has all, goes last, and ``? help`` never."""
    kept = [hint for hint in hints if hint != HELP]

    def needed() -> int:
        return 1 + sum(cell_len(key) + cell_len(label) + 3 for key, label in kept) + len("? help")

    for key in DROP_FIRST:
        if needed() <= width:
            break
        kept = [hint for hint in kept if hint[0] != key]
    while kept and needed() > width:
        kept.pop(next((i for i in reversed(range(len(kept))) if kept[i][0] != MENU), 0))
    return [*kept, HELP]


class TypedInto(Widget):
    """Marks a widget that letters go into; it has a light home, as its screens must not import it before they paint."""


class FooterLine(Toned):
    """Hints set by the screen whenever what can be done changes."""

    DEFAULT_CSS = "FooterLine { height: 1; width: 1fr; }"

    hints: reactive[tuple[Hint, ...]] = reactive(())

    def render(self) -> Text:
        key_style, label_style = self.tone("accent"), self.tone("dim")
        line = Text(" ", no_wrap=True, end="")
        for number, (key, label) in enumerate(fit_hints(self.hints, self.size.width)):
            line.append("  " if number else "").append(key, key_style).append(" ").append(label, label_style)
        return line
