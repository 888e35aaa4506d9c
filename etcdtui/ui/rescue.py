"""Gives the terminal back when this process cannot any more: killed, aborted, or crashed in native code.

A small child waits until its parent is gone. If the terminal was the program's at that moment, it is put right: no
other screen, no reports of mouse and focus, the cursor shown, lines edited and echoed again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import termios
from typing import Any

from etcdtui.ui.wire.modes import raw_of
from etcdtui.ui.wire.terminal import put_right

TAKEN, GIVEN = b"t", b"g"
LAST_OPEN, MOST_OPEN = 256, 4096
"""All descriptors up to here are closed in the child, but for two of its own."""


class Rescue:
    """Told when the terminal is taken and given back. ``stand_by`` makes the child; without one nothing is lost."""

    def __init__(self) -> None:
        self._pipe = -1

    def stand_by(self, terminal: int) -> None:
        """To be called early: while there are no threads, and before the terminal is changed."""
        try:
            attributes = termios.tcgetattr(terminal)
            read, write = os.pipe()
        except (OSError, termios.error):
            return
        try:
            child = os.fork()
        except OSError:  # no more processes
            os.close(read)
            os.close(write)
            return
        if child == 0:
            try:
                _wait_and_restore(read, terminal, attributes)
            finally:
                os._exit(0)
        os.close(read)
        self._pipe = write

    def taken(self) -> None:
        """From now on the terminal is to be put right if the process ends."""
        self._tell(TAKEN)

    def given_back(self) -> None:
        """The terminal is as it was, or somebody else's."""
        self._tell(GIVEN)

    def _tell(self, word: bytes) -> None:
        if self._pipe >= 0:
            with contextlib.suppress(OSError):  # the child was killed
                os.write(self._pipe, word)


def _wait_and_restore(pipe: int, terminal: int, attributes: list[Any]) -> None:
    os.setsid()  # what is sent to the program's group does not concern the child
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    terminal = os.dup2(terminal, LAST_OPEN + 1, inheritable=False)
    pipe = os.dup2(pipe, LAST_OPEN, inheritable=False)
    os.closerange(0, LAST_OPEN)
    os.closerange(LAST_OPEN + 2, MOST_OPEN)
    last = GIVEN
    while word := os.read(pipe, 64):
        last = word[-1:]
    if last == TAKEN:
        put_right(terminal)
        with contextlib.suppress(termios.error):
            # A shell may have taken over already; what it has set is not ours to change.
            if termios.tcgetattr(terminal) == raw_of(attributes):
                termios.tcsetattr(terminal, termios.TCSANOW, attributes)
