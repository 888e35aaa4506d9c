"""Notices that the terminal went away when nobody says so.

The kernel sends SIGHUP to the leader of the session only. A leader that outlives it, such as ``make``, leaves its
children with a dead terminal that always reads as empty.
"""

from __future__ import annotations

import os
import select
import signal
import threading

PERIOD_MS = 1000
STDIN = 0


def hup_when_terminal_goes(fd: int = STDIN) -> None:
    """From now on send SIGHUP to this process, once, when the terminal at ``fd`` is gone; reads nothing from it."""
    threading.Thread(target=_wait, args=(fd,), name="terminal", daemon=True).start()


def _wait(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, 0)
    while not (events := poll.poll(PERIOD_MS)):
        pass
    if any(event & select.POLLHUP for _, event in events):
        os.kill(os.getpid(), signal.SIGHUP)
