"""Run a program in a real pseudo-terminal, feed it keys, and see both its bytes and the screen they make."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from tests.support.timing import Stopwatch

READ_SIZE = 65536
SHELL = "/bin/sh"
PRIVATE = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]")
UNFINISHED = re.compile(rb"\x1b(\[([<=>][0-9;]*)?)?$")
HALF_A_FRAME = 0.03
"""Seconds in which the rest of a frame follows."""
KEPT_ENV = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "VIRTUAL_ENV")
KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "backspace": "\x7f",
    "delete": "\x1b[3~",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "space": " ",
    "f1": "\x1bOP",
}


def key_bytes(name: str) -> bytes:
    """The bytes a terminal sends for a key: a name of ``KEYS``, ``ctrl+x``, or the text itself."""
    if name in KEYS:
        return KEYS[name].encode()
    if name.startswith("ctrl+") and len(name) == 6:
        return bytes([ord(name[5].upper()) ^ 0x40])
    return name.encode()


class PtyApp:
    """A child in its own session whose controlling terminal is a pseudo-terminal of ours.

    ``with PtyApp.start([sys.executable, "-m", ...], size=(120, 40)) as app:`` then ``app.wait_for("text")``,
    ``app.keys("j", "enter", "ctrl+p")``, ``app.type("some words")``, ``app.text()`` (the screen as lines),
    ``app.raw`` (all bytes so far), ``app.resize(80, 24)``, ``app.signal(SIGTERM)``, ``app.hang_up()`` (the terminal
    goes away), ``app.wait()`` -> exit code. The output is read whenever one of these is called, and only then.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int, slave: int, size: tuple[int, int]) -> None:
        self._process = process
        self._master = master
        self._slave = slave
        self.modes_before = self.terminal_modes()
        self.raw = b""
        self._held = b""
        self._terminal = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._terminal)

    @classmethod
    def start(
        cls,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        size: tuple[int, int] = (120, 40),
        cwd: Path | None = None,
    ) -> Self:
        """Start ``argv`` on a terminal of ``size`` columns and rows; ``env`` is added to a small clean environment."""
        master, slave = pty.openpty()
        _set_size(slave, size)
        clean = {k: v for k, v in os.environ.items() if k in KEPT_ENV}
        process = subprocess.Popen(
            [SHELL, "-c", 'exec "$0" "$@" 0<>"$PTY_NAME" 1>&0 2>&0', *map(str, argv)],
            env={**clean, "TERM": "xterm-256color", "PTY_NAME": os.ttyname(slave), **(env or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return cls(process, master, slave, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def keys(self, *names: str) -> None:
        """Press keys, one after the other, as fast as the terminal takes them."""
        for name in names:
            self.send(key_bytes(name))

    def type(self, text: str) -> None:
        self.send(text.encode())

    def send(self, data: bytes) -> None:
        """Write raw bytes as the terminal's input."""
        while data:
            self.read(0)
            written = os.write(self._master, data[:512])
            data = data[written:]

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Inside, the terminal takes nothing, as over a line that hangs; see ``press``."""
        termios.tcflow(self._slave, termios.TCOOFF)
        try:
            yield
        finally:
            if self._slave >= 0:
                termios.tcflow(self._slave, termios.TCOON)

    def press(self, text: str) -> None:
        """Type without reading what the program prints, as on a terminal that is stuck."""
        os.write(self._master, text.encode())

    def read(self, timeout: float = 0.05) -> bool:
        """Take in what the program printed, waiting up to ``timeout`` seconds for the first byte; whether any came."""
        got = False
        while self._master >= 0 and select.select([self._master], [], [], 0 if got else timeout)[0]:
            try:
                data = os.read(self._master, READ_SIZE)
            except OSError:
                break
            if not data:
                break
            got = True
            self.raw += data
            self._draw(data)
        return got

    def _draw(self, data: bytes) -> None:
        """Feed the emulator, without the private sequences that it would print as text."""
        data = self._held + data
        cut = len(data)
        if (unfinished := UNFINISHED.search(data)) is not None:
            cut = unfinished.start()
        self._held = data[cut:]
        self._stream.feed(PRIVATE.sub(b"", data[:cut]))

    def lines(self) -> list[str]:
        self.read(0)
        return [line.rstrip() for line in self._terminal.display]

    def text(self) -> str:
        """The screen as text, one line a row, without trailing blanks."""
        return "\n".join(self.lines())

    def screen(self) -> pyte.Screen:
        """The emulated screen itself, for colours, the cursor and single cells."""
        self.read(0)
        return self._terminal

    def wait_for(self, *words: str, timeout: float = 10.0, gone: Sequence[str] = ()) -> str:
        """Wait until all ``words`` are on the screen and none of ``gone`` is; returns the screen.

        What is gone must still be gone a moment later: half a frame may have been drawn over it.
        """
        begun = Stopwatch()
        drawn = False
        while True:
            screen = self.text()
            if all(w in screen for w in words) and not any(g in screen for g in gone):
                if drawn or not gone:
                    return screen
                self.read(HALF_A_FRAME)
                drawn = True
                continue
            drawn = False
            if begun.fair() > timeout or (not self.running and not self.read(0)):
                state = "running" if self.running else f"ended with {self._process.returncode}"
                raise AssertionError(f"not on the screen: {words!r} (gone: {gone!r}); program {state}:\n{screen}")
            self.read()

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program gets SIGWINCH."""
        self._terminal.resize(rows, columns)
        _set_size(self._master, (columns, rows))

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def terminal_modes(self) -> list[int]:
        """The four flag words of the terminal (input, output, control, local), to compare before and after."""
        return [int(x) for x in termios.tcgetattr(self._slave)[:4]]

    def hang_up(self) -> None:
        """Take the terminal away, as a dropped connection does: the kernel sends SIGHUP."""
        for name in ("_master", "_slave"):
            with contextlib.suppress(OSError):
                os.close(getattr(self, name))
            setattr(self, name, -1)

    def wait(self, timeout: float = 10.0) -> int:
        """Read until the program ends; its exit code, negative for a signal."""
        begun = Stopwatch()
        while self.running:
            if begun.fair() > timeout:
                raise AssertionError(f"still running after {timeout:g} s:\n{self.text()}")
            if self._master >= 0:
                self.read()
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.05)
        self.read(0)
        return self._process.returncode

    def close(self) -> None:
        """Kill the program if it still runs, and give the terminal back."""
        if self.running:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.hang_up()


def _set_size(fd: int, size: tuple[int, int]) -> None:
    columns, rows = size
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
