"""The colours our own widgets paint text with, named by meaning, taken from the theme."""

from __future__ import annotations

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.style import Style
from rich.text import Span, Text
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
    "field": ("role-folder", Style()),
    "keyword": ("role-lease", Style()),
    "point": ("role-muted", Style()),
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


Retoning = Mapping[RichColor, RichColor]
"""Colours of one theme, and what stands for them in another."""


def retoning(before: Mapping[str, str], after: Mapping[str, str]) -> Retoning:
    """What becomes of the colours of tones when the theme's variables change; of two tones alike the first decides."""
    colours: dict[RichColor, RichColor] = {}
    for name, _ in _FALLBACKS.values():
        old, new = colour_style(before.get(name, "")).color, colour_style(after.get(name, "")).color
        if old is not None and new is not None:
            colours.setdefault(old, new)
    return colours


def retoned(text: Text, colours: Retoning) -> Text:
    """The same text in the colours of another theme."""
    made = text.copy()
    made.style = _retoned_style(made.style, colours)
    made.spans = [Span(span.start, span.end, _retoned_style(span.style, colours)) for span in made.spans]
    return made


def _retoned_style(style: str | Style, colours: Retoning) -> str | Style:
    if isinstance(style, str) or style.color is None:
        return style
    return style + Style(color=colours.get(style.color, style.color))


class Toned(Widget):
    """A widget that asks for colours by meaning: ``tone("warn")`` is a style without a background."""

    def retone(self, colours: Retoning) -> None:
        """Another theme: texts that are kept with their colours get those of the theme, and all is painted again."""
        for name, kept in list(vars(self).items()):
            if isinstance(kept, Text):
                vars(self)[name] = retoned(kept, colours)
            elif isinstance(kept, (tuple, list)) and kept and all(isinstance(one, Text) for one in kept):
                vars(self)[name] = type(kept)(retoned(one, colours) for one in kept)
        self.refresh()

    def tone(self, name: str) -> Style:
        """The theme's style for one of ``TONES``; an unknown name is a programmer's mistake (``KeyError``)."""
        variable, extra = _FALLBACKS[name]
        style = colour_style(self.app.theme_variables.get(variable, ""))
        if style.color is not None and extra.dim and not self.app.no_color:
            return style  # the colour is dim enough
        return style + extra


def colour_style(colour: str) -> Style:
    """A foreground colour as a style; an empty style where it is none."""
    try:
        return Style(color=Color.parse(colour).rich_color) if colour else Style()
    except ColorParseError:
        return Style()
