"""The terminal is given back whatever ends the program, and nothing that ends it tells a secret."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.ui.life import LOG_LIMIT, open_log
from tests.support import PtyApp, Server, wait_until
from tests.support.timing import Stopwatch
from tests.ui.life_app import PLANTED

RESET = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?2004l")
"""Leave the alternate screen, show the cursor, mouse off, bracketed paste off."""
UP = ("1/1 up", "rev ", "? help")


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    return {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


def start(etcd: Server, env: dict[str, str], mode: str = "action", size: tuple[int, int] = (120, 40)) -> PtyApp:
    return PtyApp.start([sys.executable, "-m", "tests.ui.life_app", etcd.endpoint, mode], env=env, size=size)


@pytest.fixture
def app(etcd: Server, state: dict[str, str]) -> Iterator[PtyApp]:
    with start(etcd, state) as started:
        yield started


def assert_given_back(app: PtyApp, before: list[int]) -> None:
    assert app.terminal_modes() == before
    for sequence in RESET:
        assert sequence in app.raw, sequence


ENDED_IN_ORDER = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGRTMIN]
KILLED = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGALRM]


@pytest.mark.parametrize("number", KILLED)
def test_the_terminal_is_put_right_after_a_death_that_nothing_in_the_program_sees(
    etcd: Server, state: dict[str, str], number: signal.Signals
) -> None:
    with start(etcd, state) as app:
        app.wait_for(*UP)
        app.signal(number)
        assert app.wait() == -number
        wait_until(lambda: not app.read(0.1) and app.terminal_modes() == app.modes_before)
        assert_given_back(app, app.modes_before)


@pytest.mark.parametrize("number", ENDED_IN_ORDER)
def test_a_signal_gives_the_terminal_back_and_the_code_tells_it(
    etcd: Server, state: dict[str, str], number: signal.Signals
) -> None:
    with start(etcd, state) as app:
        before = app.terminal_modes()
        app.wait_for(*UP)
        assert app.terminal_modes() != before
        app.signal(number)
        assert app.wait() == 128 + number
        assert_given_back(app, before)


def test_quitting_gives_the_terminal_back(app: PtyApp) -> None:
    before = app.terminal_modes()
    app.wait_for(*UP)
    app.keys("q")
    app.wait_for("q again to quit")
    app.keys("q")
    assert app.wait() == 0
    assert_given_back(app, before)


def test_an_editor_that_cannot_be_started_leaves_the_screen_and_the_keys(
    etcd: Server, state: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(bytes(4))
    broken.chmod(0o700)
    etcd.etcdctl("put", "/only", "one")
    with start(etcd, {**state, "VISUAL": str(broken)}) as app:
        app.wait_for(*UP, "/only", "create")
        app.keys("E")
        app.wait_for("cannot be run", "/only", "? help")
        app.keys("?")
        app.wait_for("esc close")


def test_a_dropped_connection_ends_the_program(app: PtyApp) -> None:
    app.wait_for(*UP)
    app.hang_up()
    assert app.wait() != 0


@pytest.mark.parametrize("mode", ["action", "task", "worker"])
def test_a_crash_is_one_line_without_a_secret_and_a_private_file(
    etcd: Server, state: dict[str, str], tmp_path: Path, mode: str
) -> None:
    """A fault in work or in a task that nobody awaits does not end the program: it is told, and again at the end."""
    with start(etcd, state, mode) as app:
        before = app.terminal_modes()
        app.wait_for(*UP)
        app.keys("r")
        if mode != "action":
            app.wait_for("internal error (ZeroDivisionError)", "may be incomplete until", *UP)
            app.keys("ctrl+q")
        assert app.wait() == (1 if mode == "action" else 0)
        assert_given_back(app, before)
        assert PLANTED.encode() not in app.raw
        last_words = app.raw.rpartition(b"\x1b[?1049l")[2].decode()
        assert ("etcdtui stopped: internal" if mode == "action" else "etcdtui met an internal error (") in last_words
        assert "Traceback" not in last_words
    (file,) = (tmp_path / "state" / "etcdtui").glob("crash-*.txt")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "Traceback" in text
    assert PLANTED not in text


def test_a_fault_while_connecting_is_told_and_keeps_the_password_out_of_its_file(
    etcd: Server, state: dict[str, str], tmp_path: Path
) -> None:
    with start(etcd, state, "connecting") as app:
        app.wait_for("internal error (RuntimeError)", "the attempt was cut off", "r tries again")
        app.keys("ctrl+q")
        assert app.wait() == 0
        assert PLANTED.encode() not in app.raw
    (file,) = (tmp_path / "state" / "etcdtui").glob("crash-*.txt")
    assert "sent ******** to nobody" in file.read_text()
    for path in (tmp_path / "state").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
        assert path.is_dir() or PLANTED.encode() not in path.read_bytes(), path


def test_the_variable_that_logs_typed_keys_is_dropped(etcd: Server, state: dict[str, str], tmp_path: Path) -> None:
    code = "import sys; from etcdtui.cli import main; sys.exit(main(sys.argv[1:]))"
    variables = {**state, "TEXTUAL_LOG": str(tmp_path / "textual.log")}
    with PtyApp.start([sys.executable, "-c", code, "--endpoints", etcd.endpoint], env=variables) as app:
        app.wait_for(*UP)
        app.keys("j", "ctrl+q")
        assert app.wait() == 0
    assert not (tmp_path / "textual.log").exists()


def test_native_noise_goes_to_the_log_and_not_to_the_screen(
    etcd: Server, state: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "state" / "etcdtui" / "etcdtui.log"
    with start(etcd, state, "noise") as app:
        app.wait_for(*UP)
        app.keys("r")
        wait_until(lambda: "complains" in log.read_text())
        app.keys("ctrl+q")
        assert app.wait() == 0
        assert b"complains" not in app.raw
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_that_was_there_becomes_private_and_a_device_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "loose.log"
    log.write_bytes(b"x" * (LOG_LIMIT + 1))
    log.chmod(0o644)
    os.close(open_log(tmp_path, str(log)))
    assert (stat.S_IMODE(log.stat().st_mode), log.stat().st_size) == (0o600, 0)
    before = Path(os.devnull).stat().st_mode
    os.close(open_log(tmp_path, os.devnull))
    assert Path(os.devnull).stat().st_mode == before
    with pytest.raises(IsADirectoryError):
        open_log(tmp_path, str(tmp_path))


def test_a_log_of_somebody_else_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "theirs.log"
    log.write_text("theirs")
    log.chmod(0o666)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(PermissionError, match="it belongs to another user"):
        open_log(tmp_path, str(log))
    assert (log.read_text(), stat.S_IMODE(log.stat().st_mode)) == ("theirs", 0o666)


def test_ctrl_z_gives_the_shell_its_terminal_and_fg_the_whole_screen(etcd: Server, state: dict[str, str]) -> None:
    program = f"{sys.executable} -m tests.ui.life_app {etcd.endpoint} action"
    wide = (300, 40)  # what the shell says begins where the cursor was left, and must not be wrapped
    with PtyApp.start(["/bin/sh", "-i"], env={**state, "PS1": "shell> "}, size=wide) as app:
        app.wait_for("shell>")
        app.type(f"{program}\r")
        app.wait_for(*UP, timeout=20)
        shown = app.lines()[0]
        for _ in range(2):
            app.keys("ctrl+z")
            app.wait_for("signal)", "shell>")  # the emulator has one screen only, on which this may be wrapped
            app.screen().reset()
            app.type("echo it is $((41 + 1))\r")
            app.wait_for("it is 42")
            app.type("fg\r")
            app.wait_for(*UP)
            assert app.lines()[0].split()[:2] == shown.split()[:2]
        app.keys("ctrl+q")
        app.wait_for("shell>", gone=["? help"])
        app.type("exit\r")
        assert app.wait() == 0


def test_suspending_is_refused_where_nobody_could_continue_the_program(app: PtyApp) -> None:
    app.wait_for(*UP)
    app.keys("ctrl+z")
    app.wait_for("not suspended: no shell could continue the program")
    app.keys("ctrl+q")
    assert app.wait() == 0


def test_ctrl_z_in_a_line_of_text_takes_back_the_last_change(app: PtyApp) -> None:
    app.wait_for(*UP)
    app.keys("f")
    app.type("/abc")
    app.wait_for("/abc")
    app.keys("ctrl+z", "ctrl+z")
    app.wait_for("/a", gone=["/abc"])
    app.keys("ctrl+y")
    app.wait_for("/ab", gone=["/abc", "not suspended"])


def test_escape_and_a_letter_in_one_piece_are_two_keys(app: PtyApp) -> None:
    app.wait_for(*UP)
    app.keys("f")
    app.wait_for("find a key")
    app.send(b"\x1b2")
    app.wait_for("No watch yet", gone=["find a key"])


def test_letters_of_another_alphabet_are_answered_with_how_to_go_on(app: PtyApp) -> None:
    app.wait_for(*UP)
    app.type("о")
    app.wait_for("your keyboard sends о", "switch the layout")


def test_a_storm_of_resizes_settles_and_tiny_is_said(app: PtyApp) -> None:
    app.wait_for(*UP)
    for step in range(60):
        app.resize(2 + (step * 37) % 150, 2 + (step * 13) % 50)
        app.read(0)
    app.resize(30, 8)
    app.wait_for("too small")
    app.resize(80, 24)
    app.wait_for(*UP, gone=["too small"])
    app.keys("ctrl+q")
    assert app.wait() == 0


def test_without_a_terminal_it_refuses_at_once(etcd: Server, state: dict[str, str]) -> None:
    started = Stopwatch()
    done = subprocess.run(
        [sys.executable, "-m", "tests.ui.life_app", etcd.endpoint],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **state},
        timeout=20,
    )
    assert done.returncode == 4
    assert b"not a terminal" in done.stderr
    assert b"\x1b" not in done.stderr + done.stdout
    assert started.fair() < 15


def test_a_dumb_terminal_is_refused_in_plain_words(etcd: Server, state: dict[str, str]) -> None:
    with start(etcd, {**state, "TERM": "dumb"}) as app:
        assert app.wait() == 4
        assert b"TERM=dumb" in app.raw
        assert b"\x1b" not in app.raw
