"""What is mended in Textual itself, because it has no public way around it."""

from __future__ import annotations

from functools import lru_cache

from textual import _styles_cache
from textual.color import Color
from textual.style import Style


def let_closed_widgets_go() -> None:
    """Keep the painted lines of a widget no longer than the widget. Call it before the first is painted.

    Textual 8.2 (``_styles_cache.py``) caches the two styles behind a widget by its ``StylesCache`` too, so that the
    last thousand of those stay, each with all lines that it painted.
    """

    def of_widget(_: object, base_background: Color, background: Color) -> tuple[Style, Style]:
        return _backgrounds(base_background, background)

    setattr(_styles_cache.StylesCache, "get_inner_outer", of_widget)  # noqa: B010 - a cached method to the checker


@lru_cache(1024)
def _backgrounds(base_background: Color, background: Color) -> tuple[Style, Style]:
    """The styles inside and outside of a widget's border."""
    return Style(background=base_background + background), Style(background=base_background)
