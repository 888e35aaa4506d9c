"""Frames by themselves: random pictures, drawn one after the other, stand in an emulator as they were meant."""

from __future__ import annotations

import random

import pyte
import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from etcdtui.ui.wire.cells import Clusters, cells_of, is_sure
from etcdtui.ui.wire.frames import Abilities, Frames
from etcdtui.ui.wire.grid import Grid
from etcdtui.ui.wire.inks import Inks, Pen, change, pen_of

WIDTH, HEIGHT = 40, 12
STYLES = [
    Style(),
    Style(color="red"),
    Style(color="#102030", bgcolor="#405060"),
    Style(bgcolor="#405060"),
    Style(bold=True, color="#102030", bgcolor="#405060"),
    Style(bold=True, italic=True, underline=True),
    Style(reverse=True, dim=True, color="bright_blue"),
    Style(strike=True, bgcolor="color(200)"),
]
PIECES = ["a", "some words", "    ", "          ", "漢字", "e\u0301", "─" * 9, "x", "한", "  y  "]


def drawn(frames: str, screen: pyte.Screen | None = None) -> pyte.Screen:
    screen = screen or pyte.Screen(WIDTH, HEIGHT)
    pyte.Stream(screen).feed(frames)
    return screen


def strip(chance: random.Random, cells: int) -> Strip:
    """A strip of that many cells or a little less."""
    segments: list[Segment] = []
    left = cells
    while left > 0:
        text = chance.choice(PIECES)
        if cell_len(text) > left:
            break
        segments.append(Segment(text, chance.choice(STYLES)))
        left -= cell_len(text)
    return Strip(segments).adjust_cell_length(cells)


def stock(strips: dict[int, Strip]) -> str:
    """Whole rows, each cell with its whole look: nothing that could go wrong."""
    style = Strip.render_style
    inks = Inks()
    return "".join(
        f"\x1b[{y + 1}H" + "".join(style(s or Style(), t, inks.colours) for t, s, _ in row) for y, row in strips.items()
    )


def seen(screen: pyte.Screen) -> list[tuple[object, ...]]:
    rows = []
    for y in range(screen.lines):
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            lines = (cell.underscore, cell.strikethrough, cell.reverse)
            blank = cell.data == " " and not any(lines)
            rows.append((y, x, cell.data, cell.bg, *(() if blank else (cell.fg, cell.bold, cell.italics, *lines))))
    return rows


@pytest.mark.parametrize("erases", [True, False])
def test_random_pictures_stand_as_they_were_meant(erases: bool) -> None:
    chance = random.Random(7)
    grid = Grid(Clusters(), Inks())
    grid.resize(WIDTH, HEIGHT)
    frames = Frames(grid, Abilities(erases))
    ours, theirs = drawn("\x1b[?7l"), drawn("\x1b[?7l")
    rows = {y: strip(chance, WIDTH) for y in range(HEIGHT)}
    for _ in range(150):
        kind = chance.random()
        if kind < 0.3:  # rows move
            shift = chance.randrange(1, 4)
            top, bottom = sorted((chance.randrange(HEIGHT), chance.randrange(HEIGHT)))
            for y in range(top, bottom + 1) if chance.random() < 0.5 else range(bottom, top - 1, -1):
                rows[y] = rows.get(y + shift if chance.random() < 0.95 else y, strip(chance, WIDTH))
        elif kind < 0.4:
            frames.forget()
        else:
            for _ in range(chance.randrange(4)):
                rows[chance.randrange(HEIGHT)] = strip(chance, WIDTH)
        for y, row in rows.items():
            grid.paint(0, y, [row])
        drawn(frames.next(), ours)
        drawn(stock(rows), theirs)
        assert seen(ours) == seen(theirs)
    assert frames.next() == ""


def test_a_piece_laid_over_half_of_a_wide_character_leaves_no_half() -> None:
    grid = Grid(Clusters(), Inks())
    grid.resize(8, 1)
    grid.paint(0, 0, [Strip([Segment("漢字漢字")])])
    grid.paint(3, 0, [Strip([Segment("ab")])])
    assert grid.rows[0].text == "漢\0 ab 字\0"
    grid.paint(6, 0, [Strip([Segment("한")])], end=7)
    assert grid.rows[0].text == "漢\0 ab   "


def test_a_character_drawn_wider_or_narrower_than_measured_moves_nothing_else() -> None:
    family, flag = "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea"
    grid = Grid(Clusters(), Inks())
    grid.resize(WIDTH, HEIGHT)
    frames = Frames(grid, Abilities())
    for text in (f"a{family}b{flag}c", f"{flag}{flag}d", "plain again"):
        grid.paint(0, 0, [Strip([Segment(text), Segment("│", Style(color="red"))]).adjust_cell_length(WIDTH)])
        screen = drawn(frames.next(), locals().get("screen"))
        x = cell_len(text)
        assert screen.buffer[0][x].data == "│"
        assert screen.buffer[0][x - 1].data == text[-1]
    assert screen.display[0].rstrip() == "plain again│"


def test_marks_stay_on_the_character_that_they_belong_to() -> None:
    clusters = Clusters()
    cells = cells_of("cafe\u0301 nin\u0303o 漢e\u0301\u0302", clusters)
    assert len(cells) == cell_len("cafe\u0301 nin\u0303o 漢e\u0301\u0302")
    assert [clusters.text(char) for char in cells] == [
        *("c", "a", "f", "e\u0301", " ", "n", "i", "n\u0303", "o", " ", "漢", "\0", "e\u0301\u0302")
    ]
    assert not is_sure(cells)
    assert is_sure(cells_of("ASCII, é, ─│╭ 漢字 한글 かな →", clusters))


def test_the_way_between_two_looks_is_right_and_never_longer_than_starting_anew() -> None:
    chance = random.Random(3)
    attributes = ["1", "2", "3", "4", "7", "9"]
    colours = ["", "31", "97", "38;5;120", "38;2;1;2;3"]
    backs = ["", "41", "103", "48;5;120", "48;2;1;2;3"]
    pens = [
        Pen(frozenset(a for a in attributes if chance.random() < 0.3), chance.choice(colours), chance.choice(backs))
        for _ in range(30)
    ]
    for before in [None, *pens]:
        for after in pens:
            way = change(before, after)
            start = f"\x1b[{before.codes}m" if before is not None else "\x1b[1;3;4;7;9;35;45m"
            ours = drawn(f"{start}{way}x").buffer[0][0]
            assert ours == drawn(f"\x1b[0;{after.codes}mx").buffer[0][0], (before, after, way)
            assert len(way) <= len(f"\x1b[0;{after.codes}m")
    assert all(pen_of(pen.codes) == pen for pen in pens)
