"""The terminal of this process: taken, so that each key is told at once and not echoed, and given back as it was."""

from __future__ import annotations

import contextlib
import os
import termios
from typing import Any, Protocol

from etcdtui.ui.wire.modes import ABANDON, RESTORED, raw_of


class Rescuer(Protocol):
    """Somebody who puts the terminal right should the process end while it has it."""

    def taken(self) -> None: ...

    def given_back(self) -> None: ...


class Terminal:
    """Input is ``fd``. May be taken and given back again and again, as for an editor in between."""

    def __init__(self, fd: int, rescuer: Rescuer | None = None) -> None:
        self.fd = fd
        self._rescuer = rescuer
        self._before: list[Any] | None = None

    def take(self) -> bool:
        """Whether the terminal is ours now; in the background this stops the process until it is called to the front.

        What was typed before stays to be read.
        """
        try:
            attributes = termios.tcgetattr(self.fd)
            if self._before is None or attributes != raw_of(self._before):
                self._before = attributes
            if self._rescuer is not None:
                self._rescuer.taken()
            termios.tcsetattr(self.fd, termios.TCSANOW, raw_of(self._before))
        except termios.error:
            return False
        return True

    def give_back(self) -> None:
        """The attributes from before; of a terminal that is gone nothing."""
        if self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fd, termios.TCSANOW, self._before)
        if self._rescuer is not None:
            self._rescuer.given_back()

    def put_right(self) -> None:
        """Give it back whatever is on it, without waiting for anybody to read: the last thing a process does."""
        put_right(self.fd)
        self.give_back()


def put_right(fd: int) -> None:
    """Take back what was not yet read of the output, and switch off all that was switched on; never waits."""
    with contextlib.suppress(termios.error, OSError):
        termios.tcflush(fd, termios.TCOFLUSH)
    with contextlib.suppress(OSError):
        blocking = os.get_blocking(fd)
        os.set_blocking(fd, False)
        try:
            os.write(fd, (ABANDON + RESTORED).encode())
        finally:
            os.set_blocking(fd, blocking)
