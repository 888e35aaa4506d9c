"""Strokes on a terminal: where the cursor goes, which pen is taken, and in which order that costs least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from etcdtui.ui.wire.cells import BLANK, TAIL, Clusters, is_sure
from etcdtui.ui.wire.inks import Pen, change

ABOUT = 4
"""Bytes that two colours may differ in, as 9 and 215 do, without either being the nearer one."""


class Stroke(NamedTuple):
    """Cells of one row that are printed, or as many blanks that are erased, with one pen.

    ``pen`` is what the cells look like. A stroke of blanks may be made with any pen that blanks look the same with.
    """

    x: int
    y: int
    text: str
    pen: Pen
    erased: bool = False
    is_blank: bool = False


class Brush:
    """Writes strokes, knowing where the terminal's cursor is and which pen it holds, as far as anybody can."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters
        self.width = 0
        self._pen: Pen | None = None
        self._place: tuple[int, int] | None = None
        self._out: list[str] = []

    def forget(self) -> None:
        """Neither cursor nor pen are known any more."""
        self._pen = None
        self._place = None

    def taken(self) -> str:
        """All that was written since this was last asked."""
        text = "".join(self._out)
        self._out.clear()
        return text

    def move_rows(self, top: int, bottom: int, shift: int) -> None:
        """Rows ``top`` to ``bottom`` go up by ``shift``, or down when it is negative; what comes in is anything."""
        self._out.append(
            f"\x1b[{top + 1};{bottom + 1}r\x1b[{top + 1}H\x1b[{abs(shift)}{'M' if shift > 0 else 'L'}\x1b[r"
        )
        self._place = None  # terminals and emulators differ in where it is now

    def rest(self, x: int, y: int) -> None:
        """Leave the cursor there."""
        self._go(x, y)

    def paint(self, strokes: Sequence[Stroke], *, in_order: bool = False) -> None:
        """Make all strokes, those of one pen after the other: moving costs less than another colour."""
        left = list(strokes)
        while left:
            pen = left[0].pen if in_order or self._pen is None else self._nearest(left)
            now = left[:1] if in_order else [stroke for stroke in left if _goes_with(stroke, pen)]
            left = left[1:] if in_order else [stroke for stroke in left if not _goes_with(stroke, pen)]
            self._take(pen)
            for stroke in now:
                self._make(stroke)

    def _nearest(self, strokes: Sequence[Stroke]) -> Pen:
        """The pen among those wanted that takes least to be taken, about, else the first; that of blanks at the end."""
        held = self._pen
        pens = dict.fromkeys(stroke.pen for stroke in strokes if not stroke.is_blank) or [strokes[0].pen]
        return min(pens, key=lambda pen: len(change(held, pen)) // ABOUT)

    def _make(self, stroke: Stroke) -> None:
        x, y, text, *_ = stroke
        self._go(x, y)
        if stroke.erased:
            self._out.append("\x1b[K" if x + len(text) == self.width else f"\x1b[{len(text)}X")
            return
        if is_sure(text):
            self._out.append(text.replace(TAIL, "") if TAIL in text else text)
        else:
            self._print_with_care(x, text)
        end = x + len(text)
        # Past the last column terminals differ in where the cursor is.
        self._place = (end, y) if end < self.width else None

    def _print_with_care(self, x: int, text: str) -> None:
        """Characters that terminals may draw wider or narrower than measured: on blanks, and each put in its place."""
        at = 0
        while at < len(text):
            end = at + 1
            while end < len(text) and text[end] == TAIL:
                end += 1
            if is_sure(text[at:end]):
                self._out.append(text[at])
            else:
                self._out.append(f"{BLANK * (end - at)}\x1b[{x + at + 1}G{self._clusters.text(text[at])}")
                if x + end < self.width:
                    self._out.append(f"\x1b[{x + end + 1}G")
            at = end

    def _go(self, x: int, y: int) -> None:
        if self._place == (x, y):
            return
        ways = [f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H" if y else "\x1b[H"]
        if self._place is not None:
            was_x, was_y = self._place
            if was_y == y:
                step = x - was_x
                ways.append(f"\x1b[{'' if abs(step) == 1 else abs(step)}{'C' if step > 0 else 'D'}")
                if x == 0:
                    ways.append("\r")
            elif was_x == x:
                step = y - was_y
                ways.append(f"\x1b[{'' if abs(step) == 1 else abs(step)}{'B' if step > 0 else 'A'}")
        self._out.append(min(ways, key=len))
        self._place = (x, y)

    def _take(self, pen: Pen) -> None:
        if pen != self._pen:
            self._out.append(change(self._pen, pen))
            self._pen = pen


def _goes_with(stroke: Stroke, pen: Pen) -> bool:
    """Whether the stroke may be made with that pen."""
    return stroke.pen == pen or (stroke.is_blank and pen.on_blanks == stroke.pen)
