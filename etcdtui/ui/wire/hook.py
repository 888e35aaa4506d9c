"""The one place that reaches below Textual: its private ``_display`` is given to the frame differ.

Only for the version of Textual that this was written for, and only on a terminal that it is known to fit. Anything
else, and any fault in the differ, gets Textual's own output. ``ETCDTUI_OUTPUT=stock`` asks for that too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import textual
from rich.console import RenderableType
from textual import events, messages
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.screen import Screen

from etcdtui.core.safe_text import safe_text
from etcdtui.ui.wire.driver import WireDriver
from etcdtui.ui.wire.grid import Grid
from etcdtui.ui.wire.terminal import Terminal

if TYPE_CHECKING:
    from textual.driver import Driver

PINNED = "8.2.8"
"""The version of Textual whose private parts are known here; ``constraints.txt`` and ``pyproject.toml`` name it too."""
FITTING = (
    "xterm", "screen", "tmux", "linux", "rxvt", "alacritty", "kitty", "foot", "wezterm", "konsole", "vte", "gnome",
    "putty", "st", "ghostty", "contour", "mintty", "iterm", "vt1", "vt2", "vt3", "vt4", "vt5", "ansi", "cygwin",
)  # fmt: skip
"""How the names of terminals begin that move the cursor and scroll as ECMA-48 and the VT100 say."""
NOTICE_CHARS = 200
VARIABLE = "ETCDTUI_OUTPUT"
STOCK = "stock"


def is_pinned(packages: Path = Path(textual.__file__).parents[1]) -> bool:
    """Whether Textual is the one known here, as far as that can be seen without reading all metadata (20 ms)."""
    if not (packages / f"textual-{PINNED}.dist-info").exists() and any(packages.glob("textual-*.dist-info")):
        return False
    known = {
        App._display: ("self", "screen", "renderable"),
        LayoutUpdate.__init__: ("self", "strips", "region"),
        ChopsUpdate.__init__: ("self", "chops", "spans", "chop_ends"),
    }
    return all(method.__code__.co_varnames[: len(names)] == names for method, names in known.items())


def fits(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is one that frames as differences are made for."""
    return environ.get("TERM", "").startswith(FITTING) and environ.get(VARIABLE) != STOCK


class WiredApp(App[int]):
    """An application whose frames go over the wire as differences, where that can be."""

    terminal: Terminal | None = None
    """The terminal of the process, where it was taken before the application began."""

    def __init__(self) -> None:
        super().__init__(driver_class=WireDriver if is_pinned() else None)

    @property
    def is_wired(self) -> bool:
        """Whether input and output are our driver's; else they are Textual's own."""
        return self.driver_class is WireDriver

    def notify_terminal(self, words: str) -> None:
        """Have the terminal show a notification (OSC 9); those without any ignore it."""
        if not self.is_headless and self._driver is not None:
            self._driver.write(f"\x1b]9;{safe_text(words, limit=NOTICE_CHARS).text}\x07")

    def _wire(self) -> WireDriver | None:
        driver: Driver | None = self._driver
        return driver if isinstance(driver, WireDriver) else None

    def _build_driver(self, headless: bool, inline: bool, mouse: bool, size: tuple[int, int] | None) -> Driver:
        driver = super()._build_driver(headless, inline, mouse, size)
        if isinstance(driver, WireDriver):
            driver.differs = fits(os.environ)
            if self.terminal is not None:
                driver.terminal = self.terminal
        return driver

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        wire = self._wire()
        if wire is None:
            super()._display(screen, renderable)
        elif not wire.differs:
            if wire.stalled:
                wire.owe()
            else:
                super()._display(screen, renderable)
        elif isinstance(renderable, (LayoutUpdate, ChopsUpdate)):
            if self._running and not self._closed and not self._batch_count:
                self._paint(wire, renderable)
            self.post_display_hook()

    def _paint(self, wire: WireDriver, update: LayoutUpdate | ChopsUpdate) -> None:
        try:
            if wire.grid.full:
                wire.grid.clear()
                wire.frames.forget()
                self.refresh(layout=True)
            paint(wire.grid, update)
            focused = self.focused
            offset = getattr(focused, "cursor_screen_offset", None)
            wire.cursor = None if offset is None else self.screen.outer_size.clamp_offset(offset)
            wire.show()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must cost bytes only, not the screen
            wire.fail(error)

    async def on_event(self, event: events.Event) -> None:
        """What a terminal with another size shows is not known: it is painted whole, also at its old size again."""
        if isinstance(event, events.Resize) and (wire := self._wire()) is not None:
            wire.frames.forget()
            if event.size == self.size:
                wire.show()
        await super().on_event(event)

    def _on_terminal_supports_synchronized_output(self, message: messages.TerminalSupportsSynchronizedOutput) -> None:
        if (wire := self._wire()) is not None:
            wire.synchronize()
        super()._on_terminal_supports_synchronized_output(message)


def paint(grid: Grid, update: LayoutUpdate | ChopsUpdate) -> None:
    """Take what Textual wants to have painted into the grid."""
    if isinstance(update, LayoutUpdate):
        left, top, width, height = update.region
        grid.resize(width, height)
        for y, strips in enumerate(update.strips, top):
            grid.paint(left, y, strips)
        return
    for y, start, stop in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x <= stop and end > start:
                grid.paint(x, y, (strip,), end=min(end, stop))
