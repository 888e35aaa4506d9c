"""What to send so that a terminal which shows one screen shows another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from etcdtui.ui.wire.cells import BLANK, TAIL, Clusters, is_sure
from etcdtui.ui.wire.grid import Grid, Row
from etcdtui.ui.wire.inks import Inks, Pen, change

BRIDGED = 4
"""Unchanged columns between two changed ones that are sent again: going over them would cost as much."""
ERASED = 5
"""Blanks at the end of a row from which on erasing is shorter."""
ERASED_WITHIN = 12
"""The same within a row, where the cursor has to go over them too."""
SCROLL_GAIN = 3
"""Rows that scrolling must save, after those it spoils, to be worth its own bytes."""


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
        self._shown: list[Row | None] = []
        self._width = 0
        self._known = False
        self._pen: Pen | None = None
        self._place: tuple[int, int] | None = None
        self._out: list[str] = []

    def forget(self) -> None:
        """The terminal may show anything now: it was resized, used by another program, or restarted."""
        self._known = False
        self._pen = None
        self._place = None

    def next(self, cursor: tuple[int, int] | None = None) -> str:
        """The bytes, as text, of the next frame: empty when nothing changed. ``cursor`` (x, y) is where it rests."""
        grid = self.grid
        self._out = []
        rows = 0
        if not self._known or self._width != grid.width or len(self._shown) != len(grid.rows):
            self._width, self._known = grid.width, True
            self._shown = [None] * len(grid.rows)
            rows = len(grid.rows)
        else:
            changed = [y for y, (old, new) in enumerate(zip(self._shown, grid.rows, strict=True)) if old != new]
            rows = len(changed)
            if rows > SCROLL_GAIN:
                self._scroll(changed)
        for y, row in enumerate(grid.rows):
            if self._shown[y] != row:
                self._send_row(y, self._shown[y], row)
                self._shown[y] = row
        if self._out and cursor is not None and cursor != self._place:
            self._go(*cursor)
        frame = "".join(self._out)
        self._out = []
        if rows > 1 and frame and self.abilities.synchronized:
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
            if len(places) <= SCROLL_GAIN:  # a row that stands in many places, as a blank one, tells nothing
                votes.update(place - y for place in places)
        if not votes:
            return
        shift, _ = votes.most_common(1)[0]
        moved = [y for y in changed if 0 <= y + shift < len(rows) and rows[y] == shown[y + shift]]
        top, bottom = min(moved[0], moved[0] + shift), max(moved[-1], moved[-1] + shift)
        if not changed[0] <= top <= bottom <= changed[-1]:
            return
        spoilt = [y for y in range(top, bottom + 1) if rows[y] == shown[y]]
        if len(moved) - len(spoilt) < SCROLL_GAIN:
            return
        self._move_rows(top, bottom, shift)

    def _move_rows(self, top: int, bottom: int, shift: int) -> None:
        """Rows ``top`` to ``bottom`` go up by ``shift`` (down when negative); what comes in is not relied upon."""
        count = abs(shift)
        self._out.append(f"\x1b[{top + 1};{bottom + 1}r")
        self._place = None
        self._go(0, top)
        self._out.append(f"\x1b[{count}{'M' if shift > 0 else 'L'}\x1b[r")
        self._place = None
        block: list[Row | None] = self._shown[top : bottom + 1]
        blank: list[Row | None] = [None] * count
        self._shown[top : bottom + 1] = block[count:] + blank if shift > 0 else blank + block[:-count]

    # --- rows --------------------------------------------------------------------------------------------

    def _send_row(self, y: int, old: Row | None, new: Row) -> None:
        if old is None or not (is_sure(new.text) and is_sure(old.text)):
            self._send(y, 0, self._width, new)
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
                self._send(y, start, last + 1, new)
                start = x
            last = x
        if start >= 0:
            self._send(y, start, last + 1, new)

    def _send(self, y: int, start: int, stop: int, row: Row) -> None:
        """Columns ``start`` to ``stop`` of a row, and what belongs to a wide character at either end."""
        text, inks, width = row.text, row.inks, self._width
        if start and text[start] == TAIL:
            start -= 1
        if stop < width and text[stop] == TAIL:
            stop += 1
        x = start
        while x < stop:
            blank = _blanks_from(row, x, stop, self.grid.inks)
            if blank - x >= ERASED and self._erase(y, x, blank):
                x = blank
                continue
            end = x + 1
            same = inks[x]
            while end < stop and (inks[end] == same or text[end] == TAIL):
                if text[end] == BLANK and self.abilities.erases_in_colour and self._erasable(row, end, stop):
                    break
                end += 1
            self._go(x, y)
            if blank >= end:
                self._take_for_blanks(same, inks[blank] if blank < stop else same)
            else:
                self._take(same)
            self._print(x, y, text[x:end])
            x = end

    def _erasable(self, row: Row, x: int, stop: int) -> bool:
        """Whether from ``x`` on so many blanks follow that they are erased, not printed."""
        least = ERASED if stop == self._width else ERASED_WITHIN
        part = row.text[x : x + least]
        if part.strip(BLANK) or len(part) < least:
            return False
        blank = _blanks_from(row, x, stop, self.grid.inks)
        return blank - x >= (ERASED if blank == self._width else ERASED_WITHIN)

    def _erase(self, y: int, x: int, stop: int) -> bool:
        """Erase the blanks from ``x`` to ``stop``, if that is shorter than printing them and the terminal can."""
        to_the_end = stop == self._width
        if not self.abilities.erases_in_colour or stop - x < (ERASED if to_the_end else ERASED_WITHIN):
            return False
        blank = self.grid.inks.on_blanks(self.grid.rows[y].inks[x])
        if self.grid.inks.pen(blank).attributes:
            return False
        self._go(x, y)
        self._take_for_blanks(blank, blank)
        self._out.append("\x1b[K" if to_the_end else f"\x1b[{stop - x}X")
        return True

    def _print(self, x: int, y: int, text: str) -> None:
        """Cells of one look, from where the cursor is."""
        if is_sure(text):
            self._out.append(text.replace(TAIL, "") if TAIL in text else text)
        else:
            self._print_with_care(x, y, text)
        end = x + len(text)
        # Past the last column terminals differ in where the cursor is.
        self._place = (end, y) if end < self._width else None

    def _print_with_care(self, x: int, y: int, text: str) -> None:
        """Characters that terminals may draw wider or narrower than measured: on blanks, and each put in its place."""
        clusters: Clusters = self.grid.clusters
        at = 0
        while at < len(text):
            end = at + 1
            while end < len(text) and text[end] == TAIL:
                end += 1
            if is_sure(text[at:end]):
                self._out.append(text[at])
            else:
                column = f"\x1b[{x + at + 1}G"
                self._out.append(BLANK * (end - at) + column + clusters.text(text[at]))
                if x + end < self._width:
                    self._out.append(f"\x1b[{x + end + 1}G")
            at = end

    # --- cursor and pen ----------------------------------------------------------------------------------

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

    def _take(self, ink: str) -> None:
        self._take_pen(self.grid.inks.pen(ink))

    def _take_for_blanks(self, ink: str, next_ink: str) -> None:
        """Any pen will do that makes blanks look like those of this ink: the present one, or the one wanted next."""
        blank = self.grid.inks.pen(self.grid.inks.on_blanks(ink))
        following = self.grid.inks.pen(next_ink)
        if self._pen is None or blank.attributes:
            self._take_pen(following if following.on_blanks == blank else blank)
        elif self._pen.on_blanks != blank:
            if next_ink != ink and following.on_blanks == blank:
                self._take_pen(following)
            elif self._pen.on_blanks is self._pen:
                self._take_pen(blank)
            else:  # what cannot be seen on blanks stays
                self._take_pen(self._pen._replace(back=blank.back))

    def _take_pen(self, pen: Pen) -> None:
        if pen != self._pen:
            self._out.append(change(self._pen, pen))
            self._pen = pen


def _blanks_from(row: Row, x: int, stop: int, inks: Inks) -> int:
    """Where the blanks that begin at ``x`` and look the same end; ``x`` itself where none is."""
    text = row.text
    end = x + len(text[x:stop]) - len(text[x:stop].lstrip(BLANK))
    if end == x:
        return x
    look = inks.on_blanks(row.inks[x])
    at = x
    while at < end and (row.inks[at] == row.inks[x] or inks.on_blanks(row.inks[at]) == look):
        at += 1
    return at
