"""The password of a run is in no file, in no log, and in nothing that /proc tells of the program and its children."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import PtyApp, Server, running_server
from tests.ui.conftest import PROGRAM

SECRET = "Tr0ub4dor-zwischen-uns"


@pytest.fixture
def guarded() -> Iterator[Server]:
    with running_server(1) as server:
        for words in (f"user add root:{SECRET}", "user grant-role root root", "auth enable"):
            server.etcdctl(*words.split())
        yield server


def _family(root: int) -> list[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def test_the_password_is_nowhere(guarded: Server, tmp_path: Path) -> None:
    homes = {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path),
    }
    argv: list[str | Path] = [PROGRAM, "--endpoints", guarded.endpoint, "--user", "root", "--debug"]
    app = PtyApp.start(argv, env=homes, size=(120, 40))
    try:
        app.wait_for("Password of")
        app.type("not-this-one")
        app.keys("enter")
        app.wait_for("wrong user name or password")
        app.type(SECRET)
        app.keys("enter")
        app.wait_for("leader")
        app.keys("4")
        app.wait_for("QUORUM")
        for pid in _family(app.pid):
            for what in ("cmdline", "environ"):
                assert SECRET.encode() not in Path(f"/proc/{pid}/{what}").read_bytes()
        assert SECRET not in app.text() and SECRET.encode() not in app.raw
        app.keys("ctrl+q")
        assert app.wait() == 0
    finally:
        app.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("etcdtui.log" in path.name for path in files)
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert os.environ.get("ETCDCTL_PASSWORD") is None
