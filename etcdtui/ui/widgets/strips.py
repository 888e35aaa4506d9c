"""Painted lines that are freed when they scroll away, not when the garbage collector comes round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class FreedStrip(Strip):
    """A strip that "divided" into one piece is itself, and does not remember so.

    A stock strip keeps the answer, and so itself, in its cache: with some forty objects each, scrolling then makes
    enough garbage for collections of a quarter of a second.
    """

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        inside = [cut for cut in cuts if cut <= self.cell_length]
        return [self] if inside == [self.cell_length] else super().divide(inside)


class FreedLines(Widget):
    """Mixed into a widget that paints many lines often."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return [FreedStrip(strip, strip.cell_length) for strip in super().render_lines(crop)]
