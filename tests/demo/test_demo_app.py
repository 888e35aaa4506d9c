"""``etcdtui demo`` as a person starts it: the real program on a real terminal."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.demo.nothing_left import assert_nothing_left, folders
from tests.support import PtyApp, running_server
from tests.support.processes import descendants

PROGRAM = Path(sys.executable).with_name("etcdtui")
START_TIMEOUT = 40


def start(tmp_path: Path, members: int, size: tuple[int, int] = (120, 40), before: tuple[str, ...] = ()) -> PtyApp:
    homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    argv: list[str | Path] = [*before, PROGRAM, "demo", "--members", str(members)]
    return PtyApp.start(argv, env={**homes, "TMPDIR": str(tmp_path)}, size=size)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_it_opens_on_three_members_and_says_what_to_try_first(tmp_path: Path, size: tuple[int, int]) -> None:
    with start(tmp_path, 3, size) as app:
        app.wait_for("demo", "3/3 up", "leader", "rev", "WRITES ON", timeout=START_TIMEOUT)
        app.wait_for("/config/app/", "release.json", '"version": "1.20.0"', "e edits this key", "ctrl+p finds all")
        pids = descendants(app.pid)
        app.keys("ctrl+q")
        assert app.wait() == 0
        assert_nothing_left(tmp_path, pids)


ENDINGS: dict[str, tuple[Callable[[PtyApp], None], int | None]] = {
    "q twice": (lambda app: app.keys("q", "q"), 0),
    "SIGINT": (lambda app: app.signal(signal.SIGINT), 128 + signal.SIGINT),
    "SIGTERM": (lambda app: app.signal(signal.SIGTERM), 128 + signal.SIGTERM),
    "SIGHUP": (lambda app: app.signal(signal.SIGHUP), 128 + signal.SIGHUP),
    "SIGQUIT": (lambda app: app.signal(signal.SIGQUIT), 128 + signal.SIGQUIT),
    "SIGKILL": (lambda app: app.signal(signal.SIGKILL), -signal.SIGKILL),
    "SIGABRT": (lambda app: app.signal(signal.SIGABRT), -signal.SIGABRT),
    "the terminal goes away": (lambda app: app.hang_up(), None),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_left_of_the_real_program_after(ending: str, tmp_path: Path) -> None:
    end, code = ENDINGS[ending]
    with start(tmp_path, 1) as app:
        app.wait_for("1/1 up", "WRITES ON", timeout=START_TIMEOUT)
        pids = descendants(app.pid)
        assert folders(tmp_path)
        end(app)
        ended = app.wait()
        assert code is None or ended == code
        assert_nothing_left(tmp_path, pids)


def test_a_killed_member_and_its_return_show_without_a_key_pressed(tmp_path: Path) -> None:
    homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    with running_server(3) as server:
        argv: list[str | Path] = [PROGRAM, "--endpoints", ",".join(server.endpoints)]
        with PtyApp.start(argv, env=homes) as app:
            app.wait_for("3/3 up", timeout=START_TIMEOUT)
            asyncio.run(server.members[0].kill())
            app.wait_for("2/3 up", timeout=START_TIMEOUT)
            asyncio.run(server.members[0].start())
            app.wait_for("3/3 up", timeout=START_TIMEOUT)


DEAF = "import signal, subprocess, sys; signal.signal(signal.SIGHUP, lambda *_: None); subprocess.run(sys.argv[1:])"


def test_it_ends_with_the_terminal_below_a_parent_that_outlives_sighup(tmp_path: Path) -> None:
    with start(tmp_path, 1, before=(sys.executable, "-c", DEAF)) as app:
        app.wait_for("1/1 up", "WRITES ON", timeout=START_TIMEOUT)
        pids = descendants(app.pid)
        app.hang_up()
        assert_nothing_left(tmp_path, pids)


def test_it_refuses_what_is_no_terminal_before_starting_anything(tmp_path: Path) -> None:
    with PtyApp.start([PROGRAM, "demo"], env={"TMPDIR": str(tmp_path), "TERM": "dumb"}) as app:
        app.wait_for("TERM=dumb")
        assert app.wait() == 4
        assert not folders(tmp_path)
