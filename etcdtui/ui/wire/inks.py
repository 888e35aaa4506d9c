"""How cells look, as numbers, and the shortest way for a terminal from one look to another."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

INKS_MOST = 20_000
STYLES_KEPT = 8192
PLAIN = "\0"
"""The ink of a terminal's own look."""
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29"}
_SEEN_ON_BLANKS = frozenset({"4", "5", "6", "7", "9", "21", "51", "52", "53"})
"""Lines, blinking and reverse video: what can be seen where no character is."""


class Pen(NamedTuple):
    """A look: attributes and colours as the numbers that terminals understand (ECMA-48, SGR)."""

    attributes: frozenset[str] = frozenset()
    fore: str = ""
    back: str = ""

    @property
    def codes(self) -> str:
        return ";".join([*sorted(self.attributes), *(part for part in (self.fore, self.back) if part)])

    @property
    def on_blanks(self) -> Pen:
        """What of the look a blank shows."""
        return self if self.attributes & _SEEN_ON_BLANKS else Pen(back=self.back)


def pen_of(codes: str) -> Pen:
    """The look that the numbers of one SGR sequence, on top of nothing, make."""
    attributes: set[str] = set()
    fore = back = ""
    numbers = iter(codes.split(";"))
    for number in numbers:
        if number in ("38", "48"):
            kind = next(numbers, "5")
            colour = ";".join([number, kind, *(next(numbers, "0") for _ in range(3 if kind == "2" else 1))])
            fore, back = (colour, back) if number == "38" else (fore, colour)
        elif len(number) > 1 and number[:-1] in ("3", "9"):
            fore = "" if number == "39" else number
        elif number[:-1] in ("4", "10"):
            back = "" if number == "49" else number
        elif number:
            attributes.add(number)
    return Pen(frozenset(attributes), fore, back)


@lru_cache(maxsize=8192)
def change(before: Pen | None, after: Pen) -> str:
    """The shortest sequence that takes a terminal from one look to the other; ``None`` is a look nobody knows."""
    if before == after:
        return ""
    anew = f"\x1b[{'0;' if after.codes else ''}{after.codes}m"
    if before is None:
        return anew
    gone = before.attributes - after.attributes
    added = set(after.attributes - before.attributes)
    codes: list[str] = []
    for attribute in sorted(gone):
        off = _OFF.get(attribute)
        if off is None:
            return anew
        if off not in codes:
            codes.append(off)
            added |= {one for one in after.attributes if _OFF.get(one) == off}
    codes += sorted(added)
    if before.fore != after.fore:
        codes.append(after.fore or "39")
    if before.back != after.back:
        codes.append(after.back or "49")
    bit_by_bit = f"\x1b[{';'.join(codes)}m"
    return bit_by_bit if len(bit_by_bit) < len(anew) else anew


class Inks:
    """Looks numbered as they come: an ink is one character, so that the inks of a row are a string too."""

    def __init__(self, colours: ColorSystem = ColorSystem.TRUECOLOR) -> None:
        self.colours = colours
        self._styles: dict[Style, str] = {}
        self._numbers: dict[Pen, str] = {}
        self._pens: list[Pen] = []
        self._blanks: list[str] = []
        self.clear()

    @property
    def full(self) -> bool:
        return len(self._pens) >= INKS_MOST

    def clear(self) -> None:
        self._styles.clear()
        self._numbers.clear()
        self._pens.clear()
        self._blanks.clear()
        assert self.ink(Pen()) == PLAIN

    def of(self, style: Style | None) -> str:
        """The ink of a style; two styles that look the same have the same."""
        if style is None:
            return PLAIN
        ink = self._styles.get(style)
        if ink is None:
            if len(self._styles) >= STYLES_KEPT:
                self._styles.clear()
            ink = self._styles[style] = self.ink(pen_of(Strip.render_ansi(style, self.colours)))
        return ink

    def ink(self, pen: Pen) -> str:
        ink = self._numbers.get(pen)
        if ink is None:
            ink = self._numbers[pen] = chr(len(self._pens))
            self._pens.append(pen)
            self._blanks.append(ink)  # for the call below, should it come back here
            self._blanks[ord(ink)] = self.ink(pen.on_blanks)
        return ink

    def pen(self, ink: str) -> Pen:
        return self._pens[ord(ink)]

    def on_blanks(self, ink: str) -> str:
        """The ink that a blank of this ink looks like."""
        return self._blanks[ord(ink)]
