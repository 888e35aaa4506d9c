"""The terminal lent to another program, such as an editor or the shell below, and taken back however that ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from textual.app import App

T = TypeVar("T")


async def lend_terminal(app: App[object], run: Callable[[], Awaitable[T]]) -> T:
    """What ``run()`` answers or raises, with the terminal given away meanwhile.

    Textual does not take the terminal back when an exception leaves ``suspend()``: nothing may be raised inside.
    """
    failure: BaseException | None = None
    with app.batch_update(), app.suspend():
        try:
            answer = await run()
        except BaseException as error:  # noqa: BLE001 - raised again below, a cancellation too
            failure = error
    app.refresh(layout=True)
    if failure is not None:
        raise failure
    return answer


def nobody_to_go_on() -> str:
    """Why this process must not be stopped, as a sentence; empty where a shell with job control started it.

    A stopped process is continued by the parent of its process group, within the same session. A program that
    ``ssh -t``, ``tmux new`` or a container runs by itself has no such parent, and would stay stopped for good.
    """
    group, session = os.getpgrp(), os.getsid(0)
    ancestor = os.getppid()
    try:
        while ancestor > 1 and os.getpgid(ancestor) == group:
            ancestor = _parent_of(ancestor)
        if ancestor > 1 and os.getsid(ancestor) == session:
            return ""
    except OSError:
        pass  # it has ended, or belongs to somebody else
    return "no shell could continue the program: it was not started by one with job control"


def stop_this_job() -> None:
    """Stop, with all that the shell started as one job: else it would not take the terminal back."""
    os.kill(0, signal.SIGTSTP)


def _parent_of(pid: int) -> int:
    """The parent of another process; 0 where that cannot be known."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
