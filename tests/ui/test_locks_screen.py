"""The Locks screen of the real program on a real terminal, beside etcdctl."""

from __future__ import annotations

import subprocess

import pytest

from etcdtui.ui.modals.review import DEAF_FOR
from tests.support import Server, eventually
from tests.ui.conftest import Start


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_who_holds_a_lock_takes_ten_keys_and_a_broken_one_is_handed_over(
    etcd: Server, start: Start, size: tuple[int, int]
) -> None:
    """Story 1.13."""
    command = [str(etcd.cluster.binary.etcdctl), f"--endpoints={etcd.endpoint}", "lock", "/jobs/nightly-report"]
    etcd.etcdctl("put", "/locks/forgotten/694d81f0b7c2aa13", "")
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    try:
        await eventually(lambda: etcd.etcdctl("get", "--prefix", "/jobs/", "--keys-only").count("/jobs/") == 3)
        order = etcd.etcdctl("get", "--prefix", "/jobs/", "--sort-by=CREATE", "--order=ASCEND", "--keys-only").split()
        names = [key.rpartition("/")[2] for key in order[:2]]
        first, second = (name.zfill(16) for name in names)
        app = start(etcd, size=size)
        app.wait_for("1/1", "WRITES ON")
        app.keys("6")
        app.wait_for("/jobs/nightly-report", "lock?", "ORPHAN")
        app.keys("/")
        app.wait_for("filter")
        app.type("nightly")
        app.keys("enter")
        app.wait_for("queue, oldest first", first, "HOLDS", "waits, 2 before", gone=["ORPHAN"])
        app.keys("d")
        app.wait_for(f"next {names[1]}   holds it", "deleted with it")
        while "esc cancel" in app.text():  # a review is deaf for a moment
            app.keys("ctrl+s")
            app.read(DEAF_FOR)
        app.wait_for(f"{first} -> {second}", "handover seen", gone=["waits, 2 before"])
        app.keys("t")
        app.wait_for(second, f"/jobs/nightly-report/{names[1]}", "these keys are deleted")
    finally:
        for process in running:
            process.kill()
            process.wait()
