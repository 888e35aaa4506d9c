"""The life of the process around the terminal: where noise goes, what a crash leaves behind, and who ends us."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import resource
import signal
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.core.errors import EtcdError
from etcdtui.ui.wire.outlet import open_apart
from etcdtui.ui.wire.terminal import Terminal

LOG_LIMIT = 4 * 1024 * 1024
"""Bytes after which the log is begun anew at the next start."""
CRASH_FILES = 10
PRIVATE = 0o600
DROPPED_VARIABLES = ("TEXTUAL", "TEXTUAL_LOG", "TEXTUAL_PRESS", "TEXTUAL_SCREENSHOT", "TEXTUAL_SCREENSHOT_LOCATION")
"""They would record typed keys, press keys by themselves, or write pictures of the screen."""


def leave_no_dump() -> None:
    """A crash of native code leaves no core file: passwords would be in it."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def clean_environment() -> None:
    """Drop what makes Textual record or type; call it before Textual is imported."""
    for name in DROPPED_VARIABLES:
        os.environ.pop(name, None)


def open_log(folder: Path, wanted: str = "") -> int:
    """A descriptor that appends to the log file, 0600; the null device where our own cannot be written.

    A file that was there already becomes 0600 too. Raises ``OSError`` for a file that was ``wanted`` and cannot be
    written, or belongs to somebody else, who could read it.
    """
    path = Path(wanted) if wanted else folder / "etcdtui.log"
    try:
        if not wanted:
            private_folder(folder)
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    except OSError:
        if wanted:
            raise
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _make_private(log)
    except OSError:
        os.close(log)
        if wanted:
            raise
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    return log


def _make_private(log: int) -> None:
    """An own regular file becomes 0600, and is begun anew when it is large; a device is left as it is."""
    known = os.fstat(log)
    if not stat.S_ISREG(known.st_mode):
        return
    if known.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user")
    if stat.S_IMODE(known.st_mode) != PRIVATE:
        os.fchmod(log, PRIVATE)
    if known.st_size > LOG_LIMIT:
        os.ftruncate(log, 0)


def log_requests(log: int, *, every: bool) -> None:
    """Write to the log why connections fail, and with ``every`` each request: its name, who was asked, how long it
    took, how it failed; no key, no value."""
    handler = logging.StreamHandler(open(log, "w", encoding="utf-8", errors="backslashreplace", closefd=False))  # noqa: SIM115
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("etcdtui")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.DEBUG if every else logging.WARNING)


@contextmanager
def terminal_apart(log: int) -> Iterator[TextIOWrapper]:
    """Give the screen a descriptor of its own and point fd 2 at the log: native code writes there, Textual not.

    Textual draws on ``sys.__stderr__``; it is UTF-8 here whatever the locale says. Everything is put back afterwards.
    """
    before = sys.stderr, sys.__stderr__
    tty = os.dup(2)
    os.dup2(log, 2)
    screen = open(tty, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    setattr(sys, "__stderr__", screen)  # noqa: B010 - typed as final, yet it is what Textual draws on
    sys.stderr = screen
    try:
        yield screen
    finally:
        try:
            screen.flush()
        except OSError:
            pass  # the terminal is gone
        sys.stderr = before[0]
        setattr(sys, "__stderr__", before[1])  # noqa: B010
        os.dup2(tty, 2)
        os.close(tty)


SURE_END = 1.5
"""Seconds that the end may take once it has begun, whatever the terminal, the network or a thread does."""
LAST_RESORT = 0.4
"""Seconds after those in which even Python may be stuck; then the kernel ends the process."""


class SureEnd:
    """Once ``begin`` was called, the process ends within ``SURE_END`` seconds, unless ``done`` is called before."""

    def __init__(self, terminal: Terminal, code: Callable[[], int]) -> None:
        self._terminal = terminal
        self._code = code
        self._done = threading.Event()
        self._begun = False

    def begin(self) -> None:
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._wait, name="end", daemon=True).start()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, SURE_END + LAST_RESORT)

    def done(self) -> None:
        """The end was reached."""
        self._done.set()
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _wait(self) -> None:
        if not self._done.wait(SURE_END):
            self._terminal.put_right()
            os._exit(self._code())


def say_at_the_end(screen: TextIOWrapper, lines: Iterable[str]) -> None:
    """Lines on the terminal that was given back, as far as it takes them at once."""
    text = "".join(f"{line}\n" for line in lines if line)
    if text:
        with suppress(OSError):
            fd = open_apart(screen.fileno())
            os.write(fd, text.encode(errors="backslashreplace"))
            os.set_blocking(fd, True)
            os.close(fd)


class CrashReporter:
    """Writes what a developer needs into a 0600 file and gives back one line for the terminal.

    The file has the traceback without local variables; ``secrets`` are the texts that must not be in it either.
    ``line`` is what ended the program; ``noted`` are the lines about faults that it went on after. One fault that
    comes again and again has one file and one line.
    """

    def __init__(self, folder: Path, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        self.folder = folder
        self.secrets = secrets
        self.line = ""
        self._noted: dict[object, str] = {}

    @property
    def noted(self) -> tuple[str, ...]:
        return tuple(f"etcdtui met an {details}" for details in self._noted.values())

    def report(self, error: BaseException) -> str:
        """The line for the terminal when the program ends by the error; never the error's own message."""
        self.line = f"etcdtui stopped: {self._details(error)}"
        return self.line

    def note(self, error: BaseException) -> str:
        """Write down a fault that the program goes on after: its kind and where the details are, for a sentence."""
        where = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
        same = (type(error), *where)
        if same not in self._noted:
            if len(self._noted) >= CRASH_FILES:
                del self._noted[next(iter(self._noted))]
            self._noted[same] = self._details(error)
        return self._noted[same]

    def _details(self, error: BaseException) -> str:
        kind = type(error).__name__
        text = "".join(traceback.format_exception(error))
        for secret in self.secrets():
            if secret:
                text = re.sub(re.escape(secret), "********", text)
        try:
            return f"internal error ({kind}); details: {self._write(text)}"
        except OSError as problem:
            return f"internal error ({kind}); the details could not be saved: {problem.strerror}"

    def _write(self, text: str) -> Path:
        private_folder(self.folder)
        for old in sorted(self.folder.glob("crash-*.txt"))[: -CRASH_FILES + 1]:
            old.unlink(missing_ok=True)
        name = f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
        taken = (self.folder / f"{name}{suffix}.txt" for suffix in ("", *(f"-{n}" for n in range(2, 100))))
        path = next(path for path in taken if not path.exists())
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return path


def is_harmless(error: BaseException | None) -> bool:
    """True for what may be left over in a task nobody awaits: a failed request, a closed connection, gRPC's own."""
    if error is None or isinstance(error, (EtcdError, OSError)):
        return True
    return type(error).__module__.partition(".")[0] == "grpc"
