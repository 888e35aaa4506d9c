"""Theme files as Textual themes, the terminal without colours, and lines made of plain ASCII."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rich.segment import Segment
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.filter import LineFilter
from textual.theme import Theme

from etcdtui.config.themes import ROLES, ThemeSpec

AUTO = "auto"
DEFAULT_DARK = "dark"
DEFAULT_LIGHT = "light"

ENVIRONMENT_ROLES = {"red": "prod", "yellow": "staging", "green": "dev", "": "no_environment"}
"""Environment colours that the theme has its own shade for."""
SHADES = {"blue": "#1f5fb8", "magenta": "#8e3a9d", "cyan": "#0e7c86", "white": "#d8d8d8"}


def textual_theme(spec: ThemeSpec) -> Theme:
    """The Textual theme of a theme file; every role is also the variable ``$role-<name>``."""
    colours = {role: getattr(spec, role) for role in ROLES}
    roles = {f"role-{role}": colour for role, colour in colours.items()}
    ansi = all(colour.startswith("ansi_") for colour in colours.values())
    if ansi:  # Textual has no defaults for these, and rules that name them
        roles |= {"ansi-background": spec.background, "ansi-foreground": spec.foreground}
    return Theme(
        name=spec.name,
        primary=spec.primary,
        secondary=spec.folder,
        accent=spec.accent,
        warning=spec.warn,
        error=spec.error,
        success=spec.ok,
        foreground=spec.foreground,
        background=spec.background,
        surface=spec.surface,
        panel=spec.panel,
        dark=spec.dark,
        ansi=ansi,
        variables=roles
        | {
            "block-cursor-background": spec.selection,
            "block-cursor-foreground": spec.selection_text,
            "block-cursor-text-style": "bold",
            "block-cursor-blurred-background": spec.panel,
            "block-cursor-blurred-foreground": spec.foreground,
            "input-cursor-background": spec.foreground,
            "input-cursor-foreground": spec.background,
            "input-selection-background": spec.selection,
            "border": spec.border,
            "border-blurred": spec.border,
            "scrollbar": spec.border,
            "scrollbar-hover": spec.border,
            "scrollbar-active": spec.accent,
            "scrollbar-background": spec.surface,
            "scrollbar-background-hover": spec.surface,
            "scrollbar-background-active": spec.surface,
            "scrollbar-corner-color": spec.surface,
        },
    )


DEFAULT_VARIABLES = {
    "role-muted": "#8a8f98",
    "role-border": "#4a4f58",
    "role-key": "#8ab4f8",
    "role-folder": "#8ab4f8",
    "role-value": "#b8d0a0",
    "role-number": "#d8b070",
    "role-marked": "#e8c050",
}
"""For themes that are not from one of our files."""


def pick_theme(wanted: str, themes: Mapping[str, ThemeSpec], environ: Mapping[str, str] = os.environ) -> str:
    """The name of the theme to start with: as wanted, or for ``auto`` light or dark after ``COLORFGBG``."""
    if wanted in themes:
        return wanted
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    name = DEFAULT_LIGHT if background in ("7", "15") else DEFAULT_DARK
    return name if name in themes else next(iter(themes), "textual-dark")


def environment_style(colour: str, variables: Mapping[str, str]) -> Style:
    """The block a profile's name stands on: the theme's shade, else the colour itself, else reverse video."""
    role = ENVIRONMENT_ROLES.get(colour)
    back = variables.get(f"role-{role}", "") if role is not None else SHADES.get(colour, colour)
    try:
        block = Color.parse(back)
    except ColorParseError:
        return Style(bold=True, reverse=True)
    text = variables.get("role-environment_text", "") if role is not None else ""
    try:
        ink = Color.parse(text) if text else block.get_contrast_text(1.0)
    except ColorParseError:
        ink = block.get_contrast_text(1.0)
    # Many terminals show bold black as dark grey.
    return Style(bold=text != "ansi_black", bgcolor=block.rich_color, color=ink.rich_color)


_ASCII = str.maketrans(
    {
        **dict.fromkeys("─━═╌┄┈╴╶▔▁▂▃▄▅▆▇▀", "-"),
        **dict.fromkeys("│┃║╎┆┊▏▎▍▌▋▐▕▊▉", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝╠╣╦╩╬▗▖▘▝▟▙▜▛", "+"),
        **dict.fromkeys("▸▶›→❯", ">"),
        **dict.fromkeys("▾▼⌄↓", "v"),
        **dict.fromkeys("‹◂◀←", "<"),
        **dict.fromkeys("▴▲↑", "^"),
        **dict.fromkeys("•●◦·○", "*"),
        **dict.fromkeys("█▓▒░", "#"),
        **dict.fromkeys(map(chr, range(0x2400, 0x2422)), "?"),  # pictures of control characters
        "…": "~",
        "×": "x",
        "✓": "+",
        "✗": "x",
        "–": "-",
        "—": "-",
    }
)


class AsciiLines(LineFilter):
    """Lines, arrows and dots as ASCII of the same width, for terminals and fonts that lack them."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(segment.text.translate(_ASCII), segment.style)
            for segment in segments
        ]
