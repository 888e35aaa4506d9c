"""Changes of the terminal's size, taken one after the other by the event loop.

Textual reads the size inside a signal handler. While a window is dragged one handler interrupts another, the older
size is told last and stays, and in a long drag the stack overflows.
"""

from __future__ import annotations

import asyncio
import shutil
import signal

from textual import events
from textual.app import App
from textual.geometry import Size


def follow_terminal_size(app: App[int]) -> None:
    """To be called when the application runs, and again after it was suspended; the present size is told too."""

    def tell() -> None:
        size = Size(*shutil.get_terminal_size())
        app.post_message(events.Resize(size, size))

    if not app.is_headless:
        asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, tell)
        tell()
