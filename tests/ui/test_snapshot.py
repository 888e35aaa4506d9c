"""A snapshot opened in the program itself: looked at without an etcd, and keys of it taken back into one that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Server
from tests.ui.conftest import Start
from tests.ui.test_cut_move import agree


@pytest.fixture
def saved(etcd: Server, tmp_path: Path) -> Path:
    """Twelve keys, some of several versions; afterwards one is changed, one deleted and one written."""
    for index in range(12):
        etcd.call_sync("kv/put", key=b"/app/k%02d" % index, value=b"first %d" % index)
    etcd.call_sync("kv/put", key=b"/app/k03", value=b"second")
    path = tmp_path / "saved.db"
    etcd.etcdctl("snapshot", "save", str(path))
    etcd.call_sync("kv/put", key=b"/app/k03", value=b"by mistake")
    etcd.call_sync("kv/deleterange", key=b"/app/k05")
    etcd.call_sync("kv/put", key=b"/app/since", value=b"new")
    return path


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_a_snapshot_is_a_cluster_that_stands_still_and_gives_keys_back(
    etcd: Server, saved: Path, start: Start, size: tuple[int, int]
) -> None:
    app = start(etcd, str(saved), size=size)
    app.wait_for("SNAPSHOT saved.db", "rev ", "READ-ONLY", "/app/", gone=["Doctor", "PLAINTEXT"])
    app.keys("l")
    app.wait_for("k05", "k11", gone=["since"])
    app.keys("n")
    app.wait_for("READ-ONLY: a snapshot stands still")
    app.type(":get /app/k05")
    app.keys("enter")
    app.wait_for("first 5")
    app.keys("esc", "4")
    app.wait_for("as the file has them", "as saved")
    app.keys("1", "g", "D")
    app.wait_for("a restore loses 1, sets 1 back, brings 1 back; 10 equal", "lost", "set back")
    app.keys("*", "c")
    app.wait_for("take back from a snapshot", "saved.db", "1 new, 1 changed")
    agree(app, "take back from a snapshot")
    app.wait_for("2 keys taken back")
    assert etcd.etcdctl("get", "--prefix", "/app/k05", "--print-value-only") == "first 5\n"
    assert etcd.etcdctl("get", "--prefix", "/app/k03", "--print-value-only") == "second\n"
    assert etcd.etcdctl("get", "--prefix", "/app/since", "--print-value-only") == "new\n"


def test_a_cluster_is_compared_with_the_snapshot_in_a_file(etcd: Server, saved: Path, start: Start) -> None:
    app = start(etcd)
    app.wait_for("/app/")
    app.type(f":diff @{saved} /app/")
    app.keys("enter")
    app.wait_for("a restore loses 1, sets 1 back, brings 1 back; 10 equal")


def test_a_torn_snapshot_is_told_on_the_screen_that_would_show_it(etcd: Server, saved: Path, start: Start) -> None:
    saved.write_bytes(saved.read_bytes()[:-700])
    app = start(etcd, str(saved))
    app.wait_for("cannot be opened as a snapshot", "saved.db", "r tries again")
    app.keys("ctrl+q")
    assert app.wait() == 0
