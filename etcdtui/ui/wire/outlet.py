"""The way to the terminal: never waits, keeps at most one frame that is under way, and knows when nobody reads.

A terminal takes bytes as long as somebody reads them. Over a stalled line nobody does; then what was begun stays until
there is room, and the next frame is only made when it can go out: it is the difference between the last frame that went
out whole and the screen as it is at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import termios
import time
from typing import Protocol

from etcdtui.ui.wire.modes import ABANDON

WORDS_MOST = 256 * 1024
"""Characters that wait while nobody reads and are no frame, such as a text for the clipboard; more are dropped."""
PIECE = 16 * 1024
"""Bytes given to the terminal at a time."""
PATIENCE = 0.5
"""Seconds that the end waits for a terminal that takes nothing."""
PATIENCE_IN_ALL = 1.0
"""Seconds that the end waits for one that takes a little now and then."""


class Source(Protocol):
    """Where frames come from."""

    def next_frame(self) -> str:
        """The next frame; empty when the terminal shows what it should."""


class Outlet:
    """Writes words and frames to a terminal, in order, from the event loop's thread.

    ``fd`` must not block; see ``open_apart``. After ``close`` nothing is written any more.
    """

    def __init__(self, fd: int, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self._fd = fd
        self._source = source
        self._loop = loop
        self._words: list[str] = []
        self._length = 0
        self._pending = memoryview(b"")
        self._waiting = False
        self.gone = False

    @property
    def stalled(self) -> bool:
        """Whether something waits because the terminal takes no more."""
        return bool(self._pending)

    def say(self, words: str) -> None:
        """Send what is not a frame, after everything said before."""
        if self.gone or self._length + len(words) > WORDS_MOST:
            return
        self._words.append(words)
        self._length += len(words)
        self.go_on()

    def go_on(self) -> None:
        """Send what can be sent now; a frame is asked for when there is room for it."""
        if self.gone or self._waiting:
            return
        while self._pending or self._next():
            if not self._push():
                self._wait()
                return

    def close(self, if_stalled: str) -> None:
        """Send what was begun and said, waiting a moment for a slow terminal, and close.

        From one that takes nothing what it has not read is taken back, and ``if_stalled`` is there when it reads again.
        """
        self._stop_waiting()
        self._pending = memoryview(bytes(self._pending) + "".join(self._words).encode(errors="replace"))
        self._words.clear()
        if not self._finish() and not self.gone:
            with contextlib.suppress(termios.error, OSError):
                termios.tcflush(self._fd, termios.TCOFLUSH)
            with contextlib.suppress(OSError):
                os.write(self._fd, (ABANDON + if_stalled).encode())
        self.gone = True
        os.set_blocking(self._fd, True)  # for the case that it is shared
        os.close(self._fd)

    # --- inside ------------------------------------------------------------------------------------------

    def _next(self) -> bool:
        """Take what is to be sent next; false when there is nothing."""
        if self._words:
            text = "".join(self._words)
            self._words.clear()
            self._length = 0
        else:
            text = self._source.next_frame()
        self._pending = memoryview(text.encode(errors="replace"))
        return bool(text)

    def _push(self) -> bool:
        """Give the terminal what it takes; whether it took all."""
        while self._pending:
            try:
                taken = os.write(self._fd, self._pending[:PIECE])
            except BlockingIOError:
                return False
            except InterruptedError:
                continue
            except OSError as error:
                if error.errno not in (errno.EIO, errno.ENXIO, errno.EPIPE, errno.EBADF):
                    raise
                self._lose()
                return True
            self._pending = self._pending[taken:]
        return True

    def _lose(self) -> None:
        """The terminal is gone; the end of the program is decided elsewhere (``ui/hangup.py``)."""
        self.gone = True
        self._pending = memoryview(b"")
        self._words.clear()

    def _wait(self) -> None:
        self._waiting = True
        self._loop.add_writer(self._fd, self._ready)

    def _ready(self) -> None:
        self._stop_waiting()
        self.go_on()

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._loop.remove_writer(self._fd)

    def _finish(self) -> bool:
        """Send what is pending, waiting for the terminal as long as that makes sense; whether all of it went."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        end = time.monotonic() + PATIENCE_IN_ALL
        while not self._push():
            left = min(PATIENCE, end - time.monotonic())
            if left <= 0 or not poll.poll(left * 1000):
                return False
        return not self.gone


def open_apart(fd: int) -> int:
    """A descriptor for the terminal at ``fd`` on which writing does not wait.

    Not to wait is a property of what was opened, and that is shared with the shell and all its children. So the
    terminal is opened once more; only where that cannot be is the shared one changed, and changed back at the end.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        os.tcgetpgrp(fd)  # fails unless it is the controlling terminal, which /dev/tty always is
        return os.open("/dev/tty", flags)
    with contextlib.suppress(OSError):
        again = os.open(os.ttyname(fd), flags)
        if os.fstat(again).st_rdev == os.fstat(fd).st_rdev:
            return again
        os.close(again)
    shared = os.dup(fd)
    os.set_blocking(shared, False)
    return shared
