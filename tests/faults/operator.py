"""The hands and eyes of an operator: start the program, press a key, see what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support import PtyApp, Server

PROGRAM = Path(sys.executable).with_name("etcdtui")
WIDE, NARROW = (120, 40), (80, 24)
START = 40.0
"""Seconds the program may take to come up on a busy machine."""
BETWEEN_PRESSES = 0.6


def operate(
    home: Path, endpoints: Sequence[str], *args: str, size: tuple[int, int] = WIDE, editor: str = "false"
) -> PtyApp:
    """The program on these endpoints with a home of its own."""
    homes = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state"), "EDITOR": editor}
    return PtyApp.start([PROGRAM, "--endpoints", ",".join(endpoints), *args], env=homes, size=size, cwd=home)


def fill(server: Server, prefix: str = "/app/k", count: int = 10) -> None:
    """Keys ``/app/k00`` on, whose values name their number."""
    for n in range(count):
        server.call_sync("kv/put", key=f"{prefix}{n:02}".encode(), value=f'{{"n": {n}}}\n'.encode())


def go_to(app: PtyApp, key: str, *words: str) -> None:
    """Find a key by its path and wait for its value."""
    app.keys("f")
    app.wait_for("find a key by path")
    app.type(key)
    app.keys("enter")
    app.wait_for(key, "ver ", *words, gone=["find a key by path"])


def open_editor(app: PtyApp) -> None:
    app.keys("e")
    app.wait_for("ctrl+s review")


def review(app: PtyApp) -> None:
    app.keys("ctrl+s")
    app.wait_for("review: ", "ctrl+s ")


def agree(app: PtyApp) -> None:
    """Confirm a review; what comes in its first moment is not taken for an answer, so it is given again."""
    press_until(app, "ctrl+s", lambda: "review: " not in app.text())


def press_until(app: PtyApp, key: str, holds: Callable[[], bool], *, timeout: float = 15.0) -> None:
    """Press a key until a fact holds, with time between two presses."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, f"{key} did nothing:\n{app.text()}"
        app.keys(key)
        quiet = time.monotonic() + BETWEEN_PRESSES
        while time.monotonic() < quiet and not holds():
            app.read()


def status(app: PtyApp) -> str:
    """The status line."""
    return app.lines()[-2]


def seconds_for(app: PtyApp, *words: str, timeout: float, gone: Sequence[str] = ()) -> float:
    """How long it took until the words were there."""
    began = time.monotonic()
    app.wait_for(*words, timeout=timeout, gone=gone)
    return time.monotonic() - began
