"""The screens cost little where nothing happens: what is sent to the terminal, and how often handlers run."""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path

import pytest

import etcdtui.ui
from tests.support import Server
from tests.support.pty import PtyApp

FOLDER = Path(etcdtui.ui.__file__).parent
START = "import sys; from etcdtui.cli import main; sys.exit(main(sys.argv[1:]))"
POLLS = 3.5
"""Seconds in which health is read twice."""
FULL = 1_000
"""Bytes that painting the whole screen takes at least."""


@pytest.mark.parametrize("screen", ["keys", "watch", "auth", "txn", "activity"])
def test_a_health_poll_repaints_nothing_that_did_not_change(etcd: Server, tmp_path: Path, screen: str) -> None:
    etcd.etcdctl("put", "/app/one", "1")
    env = {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with PtyApp.start([sys.executable, "-c", START, "--screen", screen, "--endpoints", etcd.endpoint], env=env) as app:
        app.wait_for("1/1 up", "? help", timeout=20)
        while app.read(1.0):  # what belongs to opening
            pass
        before, until = len(app.raw), time.monotonic() + POLLS
        assert before > FULL
        while time.monotonic() < until:
            app.read(0.1)
        assert len(app.raw) - before < FULL / 4
        app.keys("ctrl+q")
        assert app.wait() == 0


def test_no_handler_calls_that_of_its_base_class_which_is_called_anyway() -> None:
    """Textual calls the handler of every class; one that calls ``super()`` runs its base's twice."""
    nodes = ((file, node) for file in FOLDER.rglob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    calls = [(file, node) for file, node in nodes if isinstance(node, ast.Attribute) and node.attr.startswith("on_")]
    found = [
        f"{file.name}:{node.lineno} {ast.unparse(node)}"
        for file, node in calls
        if isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "super"
        and node.attr != "on_event"  # what dispatches them
    ]
    assert not found
