"""The lines at the end of a screen that stay while something on it may be incomplete through a fault of ours."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from etcdtui.ui import limits
from etcdtui.ui.text import safe


class FaultLine(Static):
    """One sentence, wrapped; ``tell("")`` hides it."""

    DEFAULT_CSS = """
    FaultLine {
        dock: bottom; height: auto; max-height: 5; width: 1fr; padding: 0 1; background: $error; color: $text;
        text-style: bold;
    }
    """

    def __init__(self, words: str) -> None:
        super().__init__(_wrapped(words), markup=False)

    def tell(self, words: str) -> None:
        self.display = bool(words)
        self.update(_wrapped(words))


def _wrapped(words: str) -> Text:
    text = safe(words, limit=limits.LINE)
    text.no_wrap = False
    text.overflow = "fold"
    return text
