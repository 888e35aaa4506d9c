"""What to send so that a terminal which shows one screen shows another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from etcdtui.ui.wire.brush import Brush, Stroke
from etcdtui.ui.wire.cells import BLANK, TAIL, is_sure
from etcdtui.ui.wire.grid import Grid, Row

BRIDGED = 4
"""Unchanged columns between two changed ones that are sent again: going over them would cost as much."""
ERASED = 5
"""Blanks at the end of a row from which on erasing is shorter."""
ERASED_WITHIN = 12
"""The same within a row, where the cursor has to go over them too."""
SCROLL_GAIN = 30
"""Columns that scrolling must save to be worth its own bytes."""
SCROLL_LEAST = 3
"""Rows that must have changed for scrolling to be thought of."""
BAND = 10
"""Rows that are painted colour by colour. More would save little, and over a slow line be seen to come in layers."""


class Abilities(NamedTuple):
    """What a terminal can do beyond moving the cursor and changing colours."""

    erases_in_colour: bool = True
    """Erased cells take the present background colour ("bce")."""
    synchronized: bool = False
    """It shows a frame at once when it is told where the frame begins and ends."""


class Frames:
    """What the terminal shows, as far as it was told; ``next`` is the way from there to what it should show.

    After ``forget`` nothing is known any more, and the next frame is a whole one.
    """

    def __init__(self, grid: Grid, abilities: Abilities) -> None:
        self.grid = grid
        self.abilities = abilities
        self._brush = Brush(grid.clusters)
        self._shown: list[Row | None] = []

    def forget(self) -> None:
        """The terminal may show anything now: it was resized, used by another program, or restarted."""
        self._shown = []
        self._brush.forget()

    def next(self, cursor: tuple[int, int] | None = None) -> str:
        """The bytes, as text, of the next frame: empty when nothing changed. ``cursor`` (x, y) is where it rests."""
        rows, width = self.grid.rows, self.grid.width
        if len(self._shown) != len(rows) or self._brush.width != width:
            self._brush.width = width
            self._shown = [None] * len(rows)
        changed = [y for y, row in enumerate(rows) if row != self._shown[y]]
        if len(changed) >= SCROLL_LEAST:
            self._scroll(changed)
        self._paint([y for y, row in enumerate(rows) if row != self._shown[y]])
        self._shown = list(rows)
        frame = self._brush.taken()
        if frame and cursor is not None:
            self._brush.rest(*cursor)
            frame += self._brush.taken()
        if len(changed) > 1 and frame and self.abilities.synchronized:
            return f"\x1b[?2026h{frame}\x1b[?2026l"
        return frame

    # --- scrolling ---------------------------------------------------------------------------------------

    def _scroll(self, changed: Sequence[int]) -> None:
        """Let the terminal move rows that are there already, when they moved together; what it moves is then shown."""
        shown, rows = self._shown, self.grid.rows
        stood: dict[Row, list[int]] = {}
        for y in range(changed[0], changed[-1] + 1):
            if (row := shown[y]) is not None:
                stood.setdefault(row, []).append(y)
        votes: Counter[int] = Counter()
        for y in changed:
            places = stood.get(rows[y], ())
            if len(places) <= SCROLL_LEAST:  # a row that stands in many places, as a blank one, tells nothing
                votes.update(place - y for place in places)
        if not votes:
            return
        shift, _ = votes.most_common(1)[0]
        moved = [y for y in changed if 0 <= y + shift < len(rows) and rows[y] == shown[y + shift]]
        top, bottom = min(moved[0], moved[0] + shift), max(moved[-1], moved[-1] + shift)
        if not changed[0] <= top <= bottom <= changed[-1]:
            return
        saved = 0
        for y in range(top, bottom + 1):
            came_from = shown[y + shift] if top <= y + shift <= bottom else None
            saved += _columns_apart(shown[y], rows[y]) - _columns_apart(came_from, rows[y])
        if saved >= SCROLL_GAIN:
            self._brush.move_rows(top, bottom, shift)
            block, unknown = shown[top : bottom + 1], [None] * abs(shift)
            shown[top : bottom + 1] = [*block[shift:], *unknown] if shift > 0 else [*unknown, *block[:shift]]

    # --- rows --------------------------------------------------------------------------------------------

    def _paint(self, changed: Sequence[int]) -> None:
        for first in range(0, len(changed), BAND):
            band: list[Stroke] = []
            for y in changed[first : first + BAND]:
                old, new = self._shown[y], self.grid.rows[y]
                if is_sure(new.text) and (old is None or is_sure(old.text)):
                    for start, stop in self._changes(old, new):
                        band += self._strokes(y, start, stop)
                else:  # a character may cover more than its cells until its neighbour is printed
                    self._brush.paint(self._strokes(y, 0, self.grid.width), in_order=True)
            self._brush.paint(band)

    def _changes(self, old: Row | None, new: Row) -> Iterator[tuple[int, int]]:
        """Half-open spans of columns that have to be sent."""
        if old is None:
            yield 0, self.grid.width
            return
        on_blanks = self.grid.inks.on_blanks
        start = last = -1
        cells = zip(old.text, new.text, old.inks, new.inks, strict=True)
        for x, (was, char, ink_was, ink) in enumerate(cells):
            if char == was and (ink == ink_was or (char == BLANK and on_blanks(ink) == on_blanks(ink_was))):
                continue
            if start < 0:
                start = x
            elif x - last > BRIDGED + 1 or (x - last > 1 and new.inks[last : x + 1].strip(ink)):
                yield start, last + 1
                start = x
            last = x
        if start >= 0:
            yield start, last + 1

    def _strokes(self, y: int, start: int, stop: int) -> list[Stroke]:
        """Columns ``start`` to ``stop`` of a row as strokes, with what belongs to a wide character at either end."""
        row, inks = self.grid.rows[y], self.grid.inks
        text = row.text
        if start and text[start] == TAIL:
            start -= 1
        if stop < self.grid.width and text[stop] == TAIL:
            stop += 1
        strokes: list[Stroke] = []
        x = start
        while x < stop:
            blank = self._blanks_from(row, x, stop)
            look = inks.pen(inks.on_blanks(row.inks[x]))
            if blank > x and self._is_erased(x, blank, look.attributes):
                strokes.append(Stroke(x, y, text[x:blank], look, True, True))
                x = blank
                continue
            pen = inks.pen(row.inks[blank]) if blank < stop else look
            if blank > x and pen.on_blanks != look:
                strokes.append(Stroke(x, y, text[x:blank], look, False, True))
                x = blank
                continue
            end = blank
            while end < stop:
                if text[end] == BLANK:
                    after = self._blanks_from(row, end, stop)
                    looks = inks.pen(inks.on_blanks(row.inks[end]))
                    if looks != pen.on_blanks or self._is_erased(end, after, looks.attributes):
                        break
                    end = after
                elif text[end] == TAIL or inks.pen(row.inks[end]) is pen:
                    end += 1
                else:
                    break
            strokes.append(Stroke(x, y, text[x:end], pen, False, blank == stop))
            x = end
        return strokes

    def _is_erased(self, x: int, stop: int, attributes: frozenset[str]) -> bool:
        """Whether blanks from ``x`` to ``stop`` are erased: it can be, it is shorter, and nothing is drawn on them."""
        least = ERASED if stop == self.grid.width else ERASED_WITHIN
        return self.abilities.erases_in_colour and stop - x >= least and not attributes

    def _blanks_from(self, row: Row, x: int, stop: int) -> int:
        """Where the blanks that begin at ``x`` and look the same end; ``x`` itself where none is."""
        part = row.text[x:stop]
        end = x + len(part) - len(part.lstrip(BLANK))
        if end == x:
            return x
        on_blanks = self.grid.inks.on_blanks
        look, at = on_blanks(row.inks[x]), x
        while at < end and (row.inks[at] == row.inks[x] or on_blanks(row.inks[at]) == look):
            at += 1
        return at


def _columns_apart(old: Row | None, new: Row) -> int:
    """How many columns would be sent to make one row of the other, about; of an unknown row all but the blanks."""
    if old == new:
        return 0
    if old is None:
        return len(new.text.replace(BLANK, ""))
    return sum(a != b or c != d for a, b, c, d in zip(old.text, new.text, old.inks, new.inks, strict=True))
