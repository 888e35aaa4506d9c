"""The colours our own widgets paint text with, named by meaning, taken from the theme."""

from __future__ import annotations

from rich.style import Style
from textual.color import Color, ColorParseError
from textual.widget import Widget

_BOLD = Style(bold=True)
_FALLBACKS: dict[str, tuple[str, Style]] = {
    "dim": ("role-muted", Style(dim=True)),
    "muted": ("role-muted", Style(dim=True)),
    "accent": ("accent", Style()),
    "good": ("success", Style()),
    "warn": ("warning", Style()),
    "bad": ("error", _BOLD),
    "key": ("role-key", Style()),
    "folder": ("role-folder", Style()),
    "value": ("role-value", Style()),
    "number": ("role-number", Style()),
    "string": ("role-value", Style()),
    "lease": ("role-lease", Style()),
    "mark": ("role-marked", _BOLD),
    "changed": ("role-changed", Style()),
    "added": ("role-added", Style()),
    "removed": ("role-removed", Style()),
    "stale": ("role-stale", Style()),
    "masked": ("role-masked", Style(dim=True)),
    "foreign": ("role-foreign", Style(reverse=True)),
    "border": ("role-border", Style()),
    "hit": ("warning", Style(reverse=True)),
    "head": ("role-muted", _BOLD),
    "read_only": ("role-readonly", _BOLD),
    "writes_on": ("role-writes_on", Style(bold=True, reverse=True)),
}
"""Each tone's theme variable, and what it adds (or is, where the theme has no such colour)."""

TONES = tuple(_FALLBACKS)


class Toned(Widget):
    """A widget that asks for colours by meaning: ``tone("warn")`` is a style without a background."""

    def tone(self, name: str) -> Style:
        """The theme's style for one of ``TONES``; an unknown name is a programmer's mistake (``KeyError``)."""
        variable, extra = _FALLBACKS[name]
        return colour_style(self.app.theme_variables.get(variable, "")) + extra


def colour_style(colour: str) -> Style:
    """A foreground colour as a style; an empty style where it is none."""
    try:
        return Style(color=Color.parse(colour).rich_color) if colour else Style()
    except ColorParseError:
        return Style()
