"""However the demo ends, no process and no folder of it is left."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.demo.nothing_left import assert_nothing_left, folders
from tests.demo.standin import QUIT_CODE
from tests.support import PtyApp, wait_until
from tests.support.processes import descendants, table

ROOT = Path(__file__).parents[2]
PROCESSES = 3
"""The keeper, one member and the writer."""


def start(tmp_path: Path, *args: str) -> PtyApp:
    argv = [sys.executable, "-m", "tests.demo.standin", *args]
    return PtyApp.start(argv, env={"TMPDIR": str(tmp_path)}, cwd=ROOT)


def keeper_of(app: PtyApp) -> int:
    """The one direct child."""
    (pid,) = (child for child, (parent, _) in table().items() if parent == app.pid)
    return pid


ENDINGS: dict[str, tuple[Callable[[PtyApp], None], int]] = {
    "quit": (lambda app: app.type("quit\r"), QUIT_CODE),
    "end of input": (lambda app: app.keys("ctrl+d"), 0),
    "ctrl+c": (lambda app: app.keys("ctrl+c"), 130),
    "ctrl+backslash": (lambda app: app.keys("ctrl+\\"), -signal.SIGQUIT),
    "exception": (lambda app: app.type("crash\r"), 1),
    "abort": (lambda app: app.type("abort\r"), -signal.SIGABRT),
    "exit without clean-up": (lambda app: app.type("exit\r"), 9),
    "SIGTERM": (lambda app: app.signal(signal.SIGTERM), -signal.SIGTERM),
    "SIGHUP": (lambda app: app.signal(signal.SIGHUP), -signal.SIGHUP),
    "SIGKILL": (lambda app: app.signal(signal.SIGKILL), -signal.SIGKILL),
    "the terminal goes away": (lambda app: app.hang_up(), -signal.SIGHUP),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_left_after(ending: str, tmp_path: Path) -> None:
    end, code = ENDINGS[ending]
    with start(tmp_path) as app:
        app.wait_for("OPEN demo", timeout=30)
        pids = descendants(app.pid)
        assert len(pids) == PROCESSES
        assert len(folders(tmp_path)) == 1
        end(app)
        assert app.wait() == code
        assert_nothing_left(tmp_path, pids)


def test_nothing_is_left_when_killed_while_it_starts(tmp_path: Path) -> None:
    with start(tmp_path, "3") as app:
        app.wait_for("starting etcd", timeout=30)
        wait_until(lambda: folders(tmp_path))
        pids = descendants(app.pid)
        app.signal(signal.SIGKILL)
        app.wait()
        assert_nothing_left(tmp_path, pids)


def test_ctrl_c_while_it_starts_ends_it(tmp_path: Path) -> None:
    with start(tmp_path, "3") as app:
        app.wait_for("starting etcd", timeout=30)
        pids = descendants(app.pid)
        app.keys("ctrl+c")
        assert app.wait() == 130
        assert_nothing_left(tmp_path, pids)


def test_a_frozen_member_goes_too(tmp_path: Path) -> None:
    with start(tmp_path) as app:
        app.wait_for("OPEN demo", timeout=30)
        pids = descendants(app.pid)
        for pid in descendants(keeper_of(app)):
            os.kill(pid, signal.SIGSTOP)
        app.signal(signal.SIGKILL)
        app.wait()
        assert_nothing_left(tmp_path, pids)
