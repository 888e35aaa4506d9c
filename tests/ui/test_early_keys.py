"""What is typed before the program has a terminal, or a cluster, reaches the screen that it opens on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Server
from tests.ui.test_start import Started


@pytest.mark.parametrize(
    "held_up", ["textual.app", "etcdtui.ui.screens.profiles.connect", "etcdtui.services.session.session"]
)
def test_keys_typed_while_the_program_is_still_loaded(etcd: Server, tmp_path: Path, held_up: str) -> None:
    started = Started(tmp_path, held_up)
    with started.run(etcd.endpoint) as app:
        with started.gate.open("w"):  # waits until the program has come that far
            app.keys("2", "n")
            app.type("/early\r")
        app.wait_for("#1 /early", timeout=20)
    assert b"/early" not in app.raw.partition(b"\x1b[?1049h")[0], "echoed on the terminal before it was taken"


def test_keys_typed_while_no_cluster_answers_are_not_kept_for_the_one_that_answers_later(
    etcd: Server, tmp_path: Path
) -> None:
    started = Started(tmp_path, "nothing")
    with started.run("127.0.0.1:1") as app:
        app.wait_for("trying again by itself", timeout=20)
        app.keys("2")
        app.wait_for("Connecting to", "trying again by itself")
        app.keys("q")
        app.wait_for("q again to quit")
