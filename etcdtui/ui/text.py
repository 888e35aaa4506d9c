"""Server text as a renderable, and the net below it.

``safe`` is how every view shows foreign text. ``TerminalNet`` is the second line: whatever still reaches a rendered
line unclean (an editor's text, a widget of Textual's own) is made harmless there, with the same measured width.
"""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.filter import LineFilter

from etcdtui.core.safe_text import SafeText, safe_text

REPLACED = Style(reverse=True, dim=True)
"""How a span looks that stands for something else than its own characters."""


def safe(x: bytes | str, style: str | Style = "", *, limit: int = 0, keep_newlines: bool = False) -> Text:
    """Foreign text as the one renderable that every widget draws exactly; ``limit`` in characters."""
    return to_rich(safe_text(x, limit=limit, keep_newlines=keep_newlines), style)


def to_rich(made: SafeText, style: str | Style = "") -> Text:
    """A ``SafeText`` with its replaced spans styled."""
    text = Text(made.text, style=style, no_wrap=True, end="")
    for start, end in made.marks:
        text.stylize(REPLACED, start, end)
    return text


class TerminalNet(LineFilter):
    """Replaces what a terminal could obey by dots of the same measured width; drops links and click actions."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [_clean_segment(s) for s in segments if not s.control]


def _clean_segment(segment: Segment) -> Segment:
    text, style, _ = segment
    clean = text if text.isprintable() else _clean(text)
    plain = style if style is None else _without_actions(style)
    return segment if clean is text and plain is style else Segment(clean, plain)


def _clean(text: str) -> str:
    parts: list[str] = []
    for char in text:
        if char.isprintable():
            parts.append(char)
        else:
            parts.append((" " if char.isspace() else "·") * cell_len(char))
    clean = "".join(parts)
    width = cell_len(text)
    return clean if cell_len(clean) == width else set_cell_size(clean, width)


@lru_cache(maxsize=4096)
def _without_actions(style: Style) -> Style:
    """The style itself unless it carries a hyperlink or an ``@event`` action, which no text of ours has."""
    meta = style.meta
    actions = [name for name in meta if name.startswith("@")]
    if not actions and style.link is None:
        return style
    kept = {name: value for name, value in meta.items() if name not in actions}
    bare = style.clear_meta_and_links()
    return bare + Style.from_meta(kept) if kept else bare
