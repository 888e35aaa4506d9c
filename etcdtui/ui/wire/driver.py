"""Textual's driver for a terminal, with an outlet that never waits, frames that are differences, and no thread.

Of the mouse only clicks, wheels and drags are reported: a pointer that merely moves would be repainted under.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import termios
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from rich.color import ColorSystem
from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message import Message

from etcdtui.ui.spawn import tell
from etcdtui.ui.wire.cells import Clusters
from etcdtui.ui.wire.frames import Abilities, Frames
from etcdtui.ui.wire.grid import Grid
from etcdtui.ui.wire.inks import Inks
from etcdtui.ui.wire.modes import KITTY_ON, MOUSE, MOUSE_OFF, RESTORED, TAKEN
from etcdtui.ui.wire.outlet import Outlet, open_apart
from etcdtui.ui.wire.terminal import Terminal
from etcdtui.ui.wire.typed import ESC, Typed

if TYPE_CHECKING:
    from textual.app import App

ERASING = (
    "xterm", "tmux", "linux", "rxvt", "alacritty", "kitty", "foot", "wezterm", "konsole", "vte", "gnome", "putty",
    "st-", "ghostty", "contour", "mintty", "iterm",
)  # fmt: skip
"""How the names of terminals begin that erase in the present background colour; GNU screen's does not."""
COLOURS = {"standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT, "truecolor": ColorSystem.TRUECOLOR}
READ_MOST = 4096
MORE = 0.005
"""Seconds after which what may time out has timed out."""


def erases_in_colour(environ: Mapping[str, str]) -> bool:
    """Whether the terminal named in ``TERM`` fills what it erases with the present background ("bce")."""
    term = environ.get("TERM", "")
    return term == "st" or term.startswith(ERASING)


class WireDriver(LinuxDriver):
    """Draws on the terminal that ``sys.__stderr__`` is, reads from standard input; all of it in the event loop."""

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert self._file is not None
        self._screen = self._file.fileno()
        colours = COLOURS.get(app.console.color_system or "", ColorSystem.TRUECOLOR)
        self.grid = Grid(Clusters(), Inks(colours))
        self.frames = Frames(self.grid, Abilities(erases_in_colour(os.environ)))
        self.cursor: tuple[int, int] | None = None
        self.differs = True
        self.terminal = Terminal(self.fileno)
        self._owed = False
        self._outlet: Outlet | None = None
        self._parser = XTermParser()
        self._typed = Typed(self._is_bound)
        self._escape: asyncio.TimerHandle | None = None
        self._handle(signal.SIGTSTP, self._sigtstp_application)
        self._handle(signal.SIGCONT, self._sigcont_application)

    def _handle(self, number: signal.Signals, handler: Callable[[], None]) -> None:
        """In the loop, where no frame is half written; Textual's own handlers would run in the middle of anything."""
        self._loop.add_signal_handler(number, handler)

    # --- output ------------------------------------------------------------------------------------------

    @property
    def stalled(self) -> bool:
        """Whether the terminal has not yet taken what it was given."""
        return self._outlet is not None and self._outlet.stalled

    def write(self, data: str) -> None:
        if self._outlet is not None:
            self._outlet.say(data)

    def flush(self) -> None:
        """Nothing: what can go out has gone out."""

    def show(self) -> None:
        """Send what of the grid the terminal does not show yet, at once or as soon as it reads."""
        if self._outlet is not None:
            self._outlet.go_on()

    def owe(self) -> None:
        """A frame could not be taken in: everything is painted again once the terminal reads."""
        self._owed = True

    def next_frame(self) -> str:
        if self.differs:
            try:
                return self.frames.next(self.cursor)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not cost the screen
                return self._failed(error)
        if self._owed:
            self._owed = False
            self._app.refresh(layout=True)
        return ""

    def fail(self, error: Exception) -> None:
        """After a fault of the differ: tell it, and go on with Textual's own output."""
        self.write(self._failed(error))

    def _failed(self, error: Exception) -> str:
        logging.getLogger("etcdtui").error("the frame differ failed; from here on Textual's own output", exc_info=error)
        self.differs = False
        tell(self._app, "frame differ", error)
        self._app.refresh(layout=True)
        return "\x1b[m\x1b[2J"

    def synchronize(self) -> None:
        """The terminal told that it shows whole frames at once when it is told where they begin and end."""
        self.frames.abilities = self.frames.abilities._replace(synchronized=True)

    # --- the terminal taken and given back ---------------------------------------------------------------

    def start_application_mode(self) -> None:
        if not self.terminal.take():
            return
        self._outlet = Outlet(open_apart(self._screen), self, self._loop)
        self.frames.forget()
        self.write(TAKEN)
        if not constants.DISABLE_KITTY_KEY:
            self.write(KITTY_ON)
        self._enable_mouse_support()
        self._request_terminal_sync_mode_support()
        self._loop.add_reader(self.fileno, self._read)
        size = Size(*self._get_terminal_size())
        self.send_message(events.Resize(size, size))
        if self._must_signal_resume:
            self._must_signal_resume = False
            self.send_message(self.SignalResume())

    def _enable_mouse_support(self) -> None:
        if self._mouse:
            self.write(MOUSE)

    def _disable_mouse_support(self) -> None:
        if self._mouse:
            self.write(MOUSE_OFF)

    def disable_input(self) -> None:
        self._loop.remove_reader(self.fileno)
        if self._escape is not None:
            self._escape.cancel()
        try:
            termios.tcflush(self.fileno, termios.TCIFLUSH)
        except termios.error:
            pass  # the terminal is gone

    def stop_application_mode(self) -> None:
        self.disable_input()
        self.terminal.give_back()
        self.write(RESTORED)

    def close(self) -> None:
        if self._outlet is not None:
            self._outlet.close(RESTORED)
            self._outlet = None

    # --- input -------------------------------------------------------------------------------------------

    def send_message(self, message: Message) -> None:
        self._app.post_message(message)

    def _read(self) -> None:
        try:
            data = os.read(self.fileno, READ_MOST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:  # the terminal is gone, which is noticed elsewhere
            self._loop.remove_reader(self.fileno)
            return
        self._feed(self._typed.pieces(data))
        if self._escape is not None:
            self._escape.cancel()
        self._escape = self._loop.call_later(constants.ESCAPE_DELAY + MORE, self._no_more)

    def _feed(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            if piece == ESC:
                self.process_message(events.Key("escape", ESC))
            else:
                for message in self._parser.feed(piece):
                    self.process_message(message)

    def _no_more(self) -> None:
        """Nothing followed a lone ESC, or a sequence that was cut."""
        self._feed(self._typed.wait_no_more())
        for message in self._parser.tick():
            self.process_message(message)

    def _is_bound(self, char: str) -> bool:
        """Whether alt and this character do something where the focus is."""
        if not self._app.screen_stack:
            return False
        bindings = self._app.screen.active_bindings
        return f"alt+{char}" in bindings or (char.isupper() and f"alt+shift+{char.lower()}" in bindings)
