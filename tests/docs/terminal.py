"""What an emulated terminal shows, as cells with colours and as a small SVG: the pictures of the documentation."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pyte
from pyte import graphics

CELL, LINE = 8.4, 17
"""Pixels a character takes in a picture, and a line."""
MARGIN = 8
FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
BASIC = {
    "black": "1c1f26", "red": "c8453f", "green": "4f9a55", "brown": "b58a2b", "blue": "4c7fd0", "magenta": "a863b8",
    "cyan": "3b9aa3", "white": "c5cad3", "brightblack": "767d8a", "brightred": "ef6b63", "brightgreen": "7fcb85",
    "brightbrown": "e8c25a", "brightblue": "82aef2", "brightmagenta": "d493e2", "brightcyan": "70c9d1",
    "brightwhite": "f4f6fa", "bfightmagenta": "d493e2",
}  # fmt: skip
"""The sixteen colours of a terminal, by the names of the emulator (one of which it misspells)."""
INK, PAPER = "d0d4dc", "14161b"
"""What a terminal shows where a program names no colour."""
DIM = 2
PIECE, ALL = re.compile(r"\S+(?: \S+)*"), re.compile(r".*", re.DOTALL)


class Cell(NamedTuple):
    """One character and how it looks; colours are ``rrggbb``."""

    text: str
    ink: str
    paper: str
    bold: bool
    italic: bool
    line: bool


Picture = list[list[Cell]]


class DimScreen(pyte.Screen):
    """An emulated screen that knows dim text too; it is kept where the emulator keeps blinking."""

    def select_graphic_rendition(self, *attrs: int, **kwargs: Any) -> None:
        wanted = list(attrs)
        dim: int | None = None
        at = 0
        while at < len(wanted):
            if wanted[at] in (graphics.FG_256, graphics.BG_256):
                at += 3 if wanted[at + 1 : at + 2] == [5] else 5
                continue
            if wanted[at] in (0, DIM, 22):
                dim = wanted[at]
            at += 1
        super().select_graphic_rendition(*[5 if one == DIM and dim == DIM else one for one in wanted], **kwargs)
        if dim is not None:
            self.cursor.attrs = self.cursor.attrs._replace(blink=dim == DIM)


def cells(screen: pyte.Screen) -> Picture:
    """Every cell as it looks now."""
    return [[_cell(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]


def _cell(char: pyte.screens.Char) -> Cell:
    bright = char.bold and char.fg in BASIC and not char.fg.startswith("bright")
    ink = _colour(("bright" if bright and char.fg != "brown" else "") + char.fg, INK)
    paper = _colour(char.bg, PAPER)
    if char.reverse:
        ink, paper = paper, ink
    if char.blink:
        ink = _between(ink, paper)
    return Cell(char.data, ink, paper, char.bold, char.italics, char.underscore)


def _colour(name: str, default: str) -> str:
    return default if name == "default" else BASIC.get(name, name)


def _between(one: str, other: str) -> str:
    parts = [(int(one[i : i + 2], 16) * 6 + int(other[i : i + 2], 16) * 4) // 10 for i in (0, 2, 4)]
    return "".join(f"{part:02x}" for part in parts)


def svg(picture: Picture, title: str = "") -> str:
    """One picture; it fetches nothing, and its text is as wide as the cells in any font."""
    return _document(picture, title, "", _lines(picture))


def _document(picture: Picture, title: str, style: str, body: Iterator[str] | Sequence[str]) -> str:
    width, height = round(len(picture[0]) * CELL) + 2 * MARGIN, len(picture) * LINE + 2 * MARGIN
    papers = [cell.paper for row in picture for cell in row]
    paper = max(set(papers), key=papers.count)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{html.escape(title)}</title>",
            f"<style>text{{font:14px {FONTS};white-space:pre}}.b{{font-weight:bold}}.i{{font-style:italic}}"
            f".u{{text-decoration:underline}}{style}</style>",
            f'<rect width="{width}" height="{height}" rx="6" fill="#{paper}"/>',
            f'<g transform="translate({MARGIN} {MARGIN})">',
            *body,
            "</g></svg>\n",
        ]
    )


def _lines(picture: Picture) -> Iterator[str]:
    papers = [cell.paper for row in picture for cell in row]
    usual = max(set(papers), key=papers.count)
    for y, row in enumerate(picture):
        yield from _papers(row, y, usual)
        yield from _texts(row, y)


def _papers(row: Sequence[Cell], y: int, usual: str) -> Iterator[str]:
    x = 0
    for paper, group in groupby(row, key=lambda cell: cell.paper):
        count = len(list(group))
        if paper != usual:
            yield f'<path fill="#{paper}" d="M{x * CELL:g} {y * LINE}h{count * CELL:g}v{LINE}h-{count * CELL:g}z"/>'
        x += count


def _texts(row: Sequence[Cell], y: int) -> Iterator[str]:
    """Words of one look, each piece where its cells are and as wide as they are, whatever font it is drawn in."""
    x = 0
    for look, group in groupby(row, key=lambda cell: (cell.ink, cell.bold, cell.italic, cell.line)):
        run = list(group)
        text = "".join(cell.text or " " for cell in run)
        ink, *kinds = look
        classes = " ".join(name for name, on in zip("biu", kinds, strict=True) if on)
        kind = f' class="{classes}"' if classes else ""
        for piece in PIECE.finditer(text) if len(text) == len(run) else (ALL.match(text),):
            if piece is None or not piece[0].strip():
                continue
            place = f'x="{(x + piece.start()) * CELL:g}" y="{y * LINE + 13}" textLength="{len(piece[0]) * CELL:g}"'
            yield f'<text {place} fill="#{ink}"{kind} xml:space="preserve">{html.escape(piece[0])}</text>'
        x += len(run)


def film(frames: Sequence[tuple[float, Picture]], title: str = "") -> str:
    """Pictures one after the other, each for its seconds, round and round; a line that stays is there once."""
    total = sum(seconds for seconds, _ in frames)
    known: dict[str, list[tuple[float, float]]] = {}
    at = 0.0
    for seconds, picture in frames:
        for y, row in enumerate(picture):
            line = "".join([*_papers(row, y, ""), *_texts(row, y)])
            spans = known.setdefault(line, [])
            if spans and abs(spans[-1][1] - at) < 1e-6:
                spans[-1] = (spans[-1][0], at + seconds)
            else:
                spans.append((at, at + seconds))
        at += seconds
    styles: dict[tuple[tuple[float, float], ...], str] = {}
    body = []
    for line, spans in known.items():
        if not line:
            continue
        if spans == [(0.0, at)]:
            body.append(line)
            continue
        name = styles.setdefault(tuple(spans), f"k{len(styles)}")
        body.append(f'<g class="{name}">{line}</g>')
    rules = "".join(_rule(name, spans, total) for spans, name in styles.items())
    return _document(frames[0][1], title, rules, body)


def _rule(name: str, spans: Sequence[tuple[float, float]], total: float) -> str:
    """A group that is seen in these spans only."""
    steps: Mapping[float, int] = {0.0: 0} | {
        at: on for start, end in spans for at, on in ((start, 1), (end, 0)) if at < total
    }
    words = "".join(f"{at / total * 100:.3f}%{{opacity:{on}}}" for at, on in sorted(steps.items()))
    last = list(dict(sorted(steps.items())).values())[-1]
    return f"@keyframes {name}{{{words}100%{{opacity:{last}}}}}.{name}{{animation:{name} {total:g}s step-end infinite}}"
