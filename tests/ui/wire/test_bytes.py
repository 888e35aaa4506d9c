"""What each action costs on the line, counted on a terminal of 120x40 in true colour: bytes are counts, not times."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import PtyApp, Server, running_server

START = "import sys; from etcdtui.cli import main; sys.exit(main(sys.argv[1:]))"
QUIET = 0.35
"""Seconds without a byte after which an action is over."""
LONGEST = 4.0
SLACK = 60
"""Bytes that a look at the cluster's health may add while something else is counted: a revision in the title."""
KEYS = 300


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(1) as one:
        for number in range(KEYS):
            one.etcdctl(
                "put", f"/app/item-{number:03}", f'{{"host": "pg-{number % 9}.internal", "port": {5400 + number}}}'
            )
        for number in range(6):
            lease = one.etcdctl("lease", "grant", str(600 + number)).split()[1]
            one.etcdctl("put", f"--lease={lease}", f"/leased/{number}", "x")
        yield one


@contextmanager
def program(server: Server, tmp_path: Path, *arguments: str) -> Iterator[PtyApp]:
    env = {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "COLORTERM": "truecolor"}
    argv = [sys.executable, "-c", START, "--endpoints", server.endpoint, *arguments]
    with PtyApp.start(argv, env=env) as app:
        app.wait_for("1/1 up", "? help", timeout=30)
        yield app


def settled(app: PtyApp) -> int:
    """All bytes so far, once no more come."""
    end = time.monotonic() + LONGEST
    while app.read(QUIET) and time.monotonic() < end:
        pass
    return len(app.raw)


def cost(app: PtyApp, *keys: str) -> int:
    before = settled(app)
    app.keys(*keys)
    return settled(app) - before


def per_second(app: PtyApp, seconds: float) -> float:
    """Bytes a second while nothing is pressed."""
    before, started = len(app.raw), time.monotonic()
    while time.monotonic() - started < seconds:
        app.read(0.1)
    return (len(app.raw) - before) / (time.monotonic() - started)


@contextmanager
def pouring(server: Server, rate: int, prefix: str) -> Iterator[None]:
    """Another client writes below a prefix."""
    writer = subprocess.Popen([sys.executable, "-m", "tests.support.pour", server.endpoint, str(rate), prefix])
    try:
        yield
    finally:
        writer.kill()
        writer.wait()


def test_moving_and_paging_on_the_keys(server: Server, tmp_path: Path) -> None:
    with program(server, tmp_path) as app:
        app.wait_for("/app/", "/leased/")
        assert settled(app) <= 12_000, "start to settled"
        app.keys("enter")
        app.wait_for("item-000")
        app.keys("j")
        app.wait_for("pg-0.internal")
        assert statistics.median(cost(app, "j") for _ in range(9)) <= 300, "cursor down, the value follows"
        assert statistics.median(cost(app, "pagedown") for _ in range(3)) <= 3_000
        assert statistics.median(cost(app, "pageup") for _ in range(3)) <= 3_000
        assert per_second(app, 4.0) == 0, "nothing happens on the keys, and nothing is sent"


@pytest.mark.parametrize(("key", "words"), [("?", "esc close"), ("e", "ctrl+s"), ("f", "find a key"), ("d", "delete")])
def test_opening_and_closing_a_dialog(server: Server, tmp_path: Path, key: str, words: str) -> None:
    with program(server, tmp_path, "/app/item-007") as app:
        app.wait_for("pg-7.internal")
        assert cost(app, key) <= 6_000 + SLACK
        app.wait_for(words)
        assert cost(app, "esc") <= 7_000 + SLACK
        app.wait_for("pg-7.internal", "? help")


def test_switching_screens(server: Server, tmp_path: Path) -> None:
    with program(server, tmp_path) as app:
        app.wait_for("/app/")
        costs = {key: cost(app, key) for key in "2345891"}
        assert max(costs.values()) <= 6_000 + SLACK, costs
        assert min(costs.values()) > 300, costs


def test_typing_a_letter_into_a_field(server: Server, tmp_path: Path) -> None:
    with program(server, tmp_path) as app:
        app.wait_for("/app/")
        app.keys("2", "n")
        app.wait_for("a prefix as")
        assert statistics.median(cost(app, letter) for letter in "/config") <= 250


@pytest.mark.parametrize(("screen", "words"), [("3", "GRANTED"), ("4", "QUORUM")])
def test_countdowns_and_gauges_cost_little(server: Server, tmp_path: Path, screen: str, words: str) -> None:
    with program(server, tmp_path) as app:
        app.wait_for("/app/")
        app.keys(screen)
        app.wait_for(words)
        settled(app)
        assert per_second(app, 8.0) <= 200


def test_a_tail_that_pours(server: Server, tmp_path: Path) -> None:
    with program(server, tmp_path, "--screen", "watch") as app:
        app.keys("n")
        app.wait_for("a prefix as")
        app.type("/pour/")
        app.keys("enter")
        app.wait_for("#1 /pour/", "synced")
        with pouring(server, 1000, "/pour/"):
            app.wait_for("/pour/k", "PUT", timeout=20)
            assert per_second(app, 6.0) <= 8_000
        with pouring(server, 200, "/pour/"):
            assert per_second(app, 6.0) <= 8_000


def test_keys_that_change_below_the_shown_level(server: Server, tmp_path: Path) -> None:
    with program(server, tmp_path) as app:
        app.wait_for("/app/", "live")
        with pouring(server, 200, "/app/deep/"):
            app.wait_for("changes", timeout=20)
            assert per_second(app, 6.0) <= 2_000
