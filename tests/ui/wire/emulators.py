"""Two terminals side by side: one is sent what Textual sends, the other what the differ makes of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyte
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.screen import Screen

import etcdtui.ui.app
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.wire.cells import Clusters
from etcdtui.ui.wire.frames import Abilities, Frames
from etcdtui.ui.wire.grid import Grid
from etcdtui.ui.wire.hook import paint
from etcdtui.ui.wire.inks import Inks

STALLED = 0.2
"""The share of frames that come while our terminal does not read."""


class Emulator:
    """A terminal emulator that is not ours, fed with text when it is looked at."""

    def __init__(self, width: int, height: int) -> None:
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.Stream(self.screen)
        self._stream.feed("\x1b[?7l")  # as the driver tells a terminal
        self._waiting: list[str] = []
        self.sent = 0

    def send(self, text: str, *, whole: bool = False) -> None:
        """More output; ``whole``: it paints every cell, so that nothing before it can be seen any more."""
        self.sent += len(text.encode())
        if whole:
            self._waiting.clear()
        self._waiting.append(text)

    def resize(self, width: int, height: int) -> None:
        self.look()
        self.screen.resize(height, width)

    def look(self) -> pyte.Screen:
        self._stream.feed("".join(self._waiting))
        self._waiting.clear()
        return self.screen


def _seen(cell: pyte.screens.Char) -> tuple[object, ...]:
    """What can be seen of a cell: of a blank neither its ink nor its weight can."""
    lines = (cell.underscore, cell.strikethrough, cell.reverse)
    if cell.data == " " and not any(lines):
        return " ", cell.bg
    return cell.data, cell.bg, cell.fg, cell.bold, cell.italics, *lines


class Pair:
    """The two terminals, and what each was sent."""

    def __init__(self, width: int, height: int, abilities: Abilities) -> None:
        self.grid = Grid(Clusters(), Inks(ColorSystem.TRUECOLOR))
        self.frames = Frames(self.grid, abilities)
        self.stock = Emulator(width, height)
        self.ours = Emulator(width, height)
        self.console = Console(color_system="truecolor", force_terminal=True)
        self.dropped = 0

    def show(self, update: LayoutUpdate | ChopsUpdate, *, stalled: bool = False) -> None:
        """Both are sent an update; ``stalled``: ours does not read now, and is sent the difference later."""
        self.stock.send(update.render_segments(self.console), whole=isinstance(update, LayoutUpdate))
        paint(self.grid, update)
        if stalled:
            self.dropped += 1
        else:
            self.catch_up()

    def catch_up(self) -> None:
        self.ours.send(self.frames.next())

    def resize(self, width: int, height: int) -> None:
        self.stock.resize(width, height)
        self.ours.resize(width, height)
        self.frames.forget()

    def differences(self) -> Iterator[str]:
        """Where the two do not show the same, in words."""
        stock, ours = self.stock.look(), self.ours.look()
        for y in range(stock.lines):
            one, other = stock.buffer[y], ours.buffer[y]
            for x in range(stock.columns):
                if one[x] != other[x] and _seen(one[x]) != _seen(other[x]):
                    yield f"row {y} column {x}: Textual's {_seen(one[x])}, ours {_seen(other[x])}"


class SideBySide(EtcdtuiApp):
    """The program itself, without a terminal, sending each of its frames to both emulators."""

    CSS_PATH = str(Path(etcdtui.ui.app.__file__).with_name("app.tcss"))
    pair: Pair
    chance = random.Random(0)
    """Decides which frames our terminal does not read in time."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, (LayoutUpdate, ChopsUpdate)) and not self._batch_count:
            self.pair.show(renderable, stalled=self.chance.random() < STALLED)
        super()._display(screen, renderable)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Resize):
            self.pair.resize(*event.size)
        await super().on_event(event)
