"""Processes and their folder end with the one who started them."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from etcdtui.demo import keeper as keeper_module
from etcdtui.demo.process import Keeper, ProcessError
from tests.support import wait_until
from tests.support.processes import alive, descendants

STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print('ready', flush=True)\nwhile True: signal.pause()"


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    with Keeper() as kept:
        yield kept


def test_the_folder_is_private(keeper: Keeper) -> None:
    assert stat.S_IMODE(keeper.folder.stat().st_mode) == 0o700


def test_a_process_runs_in_the_folder_with_its_log(keeper: Keeper) -> None:
    process = keeper.start(
        "p", [sys.executable, "-c", "import os; print(os.getcwd(), os.environ['A'])"], env={"A": "b"}
    )
    wait_until(lambda: not process.running)
    assert process.code == 0
    assert process.log_tail().strip() == f"{keeper.folder.resolve()} b"


async def test_end_kills_what_ignores_sigterm(keeper: Keeper) -> None:
    process = keeper.start("p", [sys.executable, "-c", STUBBORN])
    wait_until(lambda: "ready" in process.log_tail())
    assert await process.end(timeout=0.2) == -signal.SIGKILL


async def test_end_reaches_a_frozen_process(keeper: Keeper) -> None:
    process = keeper.start("p", [sys.executable, "-c", "import signal; signal.pause()"])
    process.send(signal.SIGSTOP)
    assert await process.end() == -signal.SIGTERM


def test_close_kills_grandchildren_and_removes_the_folder() -> None:
    keeper = Keeper()
    deep = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import signal; signal.pause()'])"
    process = keeper.start("p", [sys.executable, "-c", deep])
    wait_until(lambda: descendants(process.pid))
    pids = descendants(keeper.pid)
    keeper.close()
    wait_until(lambda: not alive(pids))
    assert not keeper.folder.exists()
    keeper.close()
    with pytest.raises(ProcessError, match="ended already"):
        _ = process.pid


def test_a_killed_keeper_takes_its_processes_with_it() -> None:
    keeper = Keeper()
    keeper.start("p", [sys.executable, "-c", STUBBORN])
    pids = descendants(keeper.pid)
    os.kill(keeper.pid, signal.SIGTERM)
    wait_until(lambda: not alive(pids))
    wait_until(lambda: not keeper.folder.exists())
    with pytest.raises(ProcessError, match="gone"):
        keeper.start("q", ["true"])
    keeper.close()


def test_refusals_say_why(keeper: Keeper) -> None:
    with pytest.raises(ProcessError, match="nothing-of-that-name"):
        keeper.start("p", ["nothing-of-that-name"])
    keeper.start("p", [sys.executable, "-c", STUBBORN])
    with pytest.raises(ProcessError, match="runs already"):
        keeper.start("p", [sys.executable, "-c", STUBBORN])


def test_no_temporary_folder_is_an_error() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _WITHOUT_FOLDER.format(path=keeper_module.__file__)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "no temporary folder" in done.stdout


_WITHOUT_FOLDER = """
import runpy, sys, tempfile
def refuse(**_): raise OSError(28, "No space left on device")
tempfile.mkdtemp = refuse
runpy.run_path({path!r}, run_name="__main__")
"""
