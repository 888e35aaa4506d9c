"""The few colours our own widgets paint text with, named by meaning, taken from the theme."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget

TONES = ("dim", "accent", "good", "warn", "bad", "key", "number", "string", "hit", "head", "mark")


class Toned(Widget):
    """A widget that asks for colours by meaning: ``tone("warn")`` is a style without a background."""

    COMPONENT_CLASSES = {f"line--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    Toned {
        & > .line--dim { color: $foreground 60%; }
        & > .line--accent { color: $accent; }
        & > .line--good { color: $success; }
        & > .line--warn { color: $warning; }
        & > .line--bad { color: $error; text-style: bold; }
        & > .line--key { color: $primary; }
        & > .line--number { color: $secondary; }
        & > .line--string { color: $success; }
        & > .line--hit { color: $warning; text-style: reverse; }
        & > .line--head { color: $foreground 70%; text-style: bold; }
        & > .line--mark { color: $warning; text-style: bold; }
    }
    """

    def tone(self, name: str) -> Style:
        """The theme's style for one of ``TONES``."""
        full = self.get_component_rich_style(f"line--{name}")
        return Style(color=full.color, bold=full.bold, reverse=full.reverse, underline=full.underline)
