"""A terminal that stops reading, as over a stalled SSH line, holds nothing up: not the work, not the end."""

from __future__ import annotations

import itertools
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etcdtui.ui.wire.modes import ABANDON, RESTORED
from tests.support import PtyApp, Server, wait_until
from tests.support.processes import alive, descendants

PROGRAM = Path(sys.executable).with_name("etcdtui")
MOST = 2.0
"""Seconds in which everything has ended, whatever the terminal does."""
BUSY = 2.0
"""Seconds that a busy machine may need on top, to run the program at all."""
UNREAD = 256 * 1024
"""Bytes that the kernel may hold for a terminal and more than a frame; what is not read must not be more."""


@contextmanager
def pouring(server: Server, rate: int = 400) -> Iterator[None]:
    writer = subprocess.Popen([sys.executable, "-m", "tests.support.pour", server.endpoint, str(rate), "/pour/"])
    try:
        yield
    finally:
        writer.kill()
        writer.wait()


@pytest.fixture
def before() -> list[int]:
    """The modes of the terminal before the program runs."""
    return []


@pytest.fixture
def tail(etcd: Server, before: list[int], tmp_path: Path) -> Iterator[PtyApp]:
    """The program with a tail that pours, on a terminal that is not read any more."""
    env = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    argv: list[str | Path] = [PROGRAM, "--endpoints", etcd.endpoint, "--screen", "watch"]
    with PtyApp.start(argv, env={**env, "COLORTERM": "truecolor"}) as app:
        before += app.modes_before
        app.wait_for("1/1 up", "No watch yet", timeout=20)
        app.keys("n")
        app.wait_for("a prefix as")
        app.type("/pour/")
        app.keys("enter")
        app.wait_for("#1 /pour/", "synced")
        with pouring(etcd):
            app.wait_for("PUT", "/pour/k", timeout=20)
            yield app


def fill(app: PtyApp) -> None:
    """Have the whole screen painted again and again, unread, until the terminal takes no more."""
    sizes = itertools.cycle(((110, 38), (120, 40)))

    def is_full() -> bool:
        app.resize(*next(sizes))
        return waits_for_its_terminal(app.pid)

    wait_until(is_full, timeout=30)


def waits_for_its_terminal(pid: int) -> bool:
    """Whether a process has asked to be told when the terminal can be written to: it has found it full."""
    folder = Path(f"/proc/{pid}")
    try:
        own = {int(fd.name) for fd in (folder / "fd").iterdir() if str(fd.readlink()) == "/dev/tty"}
        told = "".join(fd.read_text() for fd in (folder / "fdinfo").iterdir())
    except OSError:  # some other descriptor was closed meanwhile
        return False
    return any(
        int(fd) in own and int(events, 16) & select.EPOLLOUT
        for fd, events in re.findall(r"tfd:\s+(\d+) events:\s+([0-9a-f]+)", told)
    )


def drained(app: PtyApp) -> bytes:
    before = len(app.raw)
    while app.read(0.3):
        pass
    return app.raw[before:]


ENDINGS: dict[str, Callable[[PtyApp], None]] = {
    "SIGTERM": lambda app: app.signal(signal.SIGTERM),
    "SIGHUP": lambda app: app.signal(signal.SIGHUP),
    "the terminal closes": lambda app: app.hang_up(),
    "ctrl+q": lambda app: app.press("\x11"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_end_comes_though_nobody_reads(tail: PtyApp, before: list[int], ending: str) -> None:
    below = descendants(tail.pid)
    assert below, "somebody stands by to give the terminal back"
    with tail.stalled():
        ENDINGS[ending](tail)
        wait_until(lambda: not tail.running, timeout=MOST + BUSY)
        wait_until(lambda: not alive(below))
        assert ending == "the terminal closes" or tail.terminal_modes() == before


def test_after_the_end_a_terminal_that_was_full_is_sane_as_soon_as_it_is_read(tail: PtyApp, before: list[int]) -> None:
    fill(tail)
    tail.signal(signal.SIGTERM)
    wait_until(lambda: not tail.running, timeout=MOST + BUSY)
    assert tail.terminal_modes() == before
    assert drained(tail).decode(errors="replace").endswith(ABANDON + RESTORED)


def test_work_goes_on_meanwhile_and_a_terminal_that_reads_again_shows_the_present_screen(
    etcd: Server, tail: PtyApp, tmp_path: Path
) -> None:
    tail.keys("1", "n")
    tail.wait_for("new key")
    tail.type("unseen\r")
    tail.wait_for("ctrl+s review")
    tail.type("some value")
    tail.keys("ctrl+s")
    tail.wait_for("ctrl+s write", "some value")
    with tail.stalled():
        tail.press("\x13")  # ctrl+s writes
        wait_until(lambda: "some value" in etcd.etcdctl("get", "--prefix", "/"), timeout=20)
        wait_until(lambda: "unseen" in (tmp_path / "state" / "etcdtui" / "audit.jsonl").read_text())
        etcd.etcdctl("put", "/last/one", "x")
    tail.wait_for("1 Keys", "/last", timeout=10, gone=["ctrl+s write"])


def test_a_terminal_that_was_full_is_sent_the_newest_screen_not_all_that_were(tail: PtyApp) -> None:
    fill(tail)
    read = drained(tail)
    tail.wait_for("PUT", "/pour/k")
    assert len(read) < UNREAD
