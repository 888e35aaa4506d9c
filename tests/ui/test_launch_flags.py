"""Flags of the command line have their effect, seen on a real terminal in front of a real server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support import PtyApp, Server


def start(server: Server, home: Path, *words: str) -> PtyApp:
    env = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home / "config")}
    argv = [sys.executable, "-m", "etcdtui", "--endpoints", server.endpoint, *words]
    return PtyApp.start(argv, env=env, size=(120, 30))


async def test_rev_opens_the_keys_as_they_were(etcd: Server, tmp_path: Path) -> None:
    revision = await etcd.put("/app/old", "before")
    await etcd.delete("/app/old")
    await etcd.put("/app/new", "after")
    with start(etcd, tmp_path, "--rev", str(revision), "--screen", "members", "/app/old") as app:
        app.wait_for("AS OF REV", str(revision), "before", gone=["/app/new"])
        app.keys("ctrl+q")
        assert app.wait() == 0


async def test_hex_shows_values_as_hexadecimal_and_the_log_names_requests(etcd: Server, tmp_path: Path) -> None:
    await etcd.put("/app/k", "hunter2")
    log = tmp_path / "requests.log"
    with start(etcd, tmp_path, "--hex", "--debug", "--log", str(log), "/app/k") as app:
        app.wait_for("68 75 6e 74")
        app.keys("ctrl+q")
        assert app.wait() == 0
    text = log.read_text()
    assert "KV/Range" in text and "OK" in text and etcd.endpoint in text
    assert "hunter2" not in text and "/app/k" not in text
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("environment", "words"), [("dev", ["WRITES ON"]), ("prod", ["inside", "unlock"])])
async def test_write_unlocks_at_the_start_and_production_still_asks(
    etcd: Server, tmp_path: Path, environment: str, words: list[str]
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        f"profiles: {{inside: {{endpoints: '{etcd.endpoint}', environment: {environment}, read_only: true,"
        " namespace: /team/}}\n"
    )
    file.chmod(0o600)
    await etcd.put("/team/shown", "1")
    await etcd.put("/hidden", "1")
    argv = [sys.executable, "-m", "etcdtui", "--config", str(file), "-p", "inside", "--write"]
    with PtyApp.start(argv, env={"HOME": str(tmp_path)}, size=(120, 30)) as app:
        app.wait_for(*words)
        app.keys("esc")
        screen = app.wait_for("shown", "/team/", gone=["hidden"])
        assert ("READ-ONLY" in screen) == (environment == "prod")


async def test_a_broken_theme_file_is_told_and_stops_nothing(etcd: Server, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "etcdtui" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("version: 1\nname: mine\nmuted: nocolour\n")
    with start(etcd, tmp_path) as app:
        app.wait_for("1/1 up", "themes/mine.yaml:")


async def test_a_theme_that_is_not_there_and_a_log_that_cannot_be_are_refused(etcd: Server, tmp_path: Path) -> None:
    with start(etcd, tmp_path, "--theme", "drak") as app:
        assert app.wait() == 2
        assert "there is no theme 'drak'" in app.text()
    with start(etcd, tmp_path, "--log", str(tmp_path)) as app:
        assert app.wait() == 1
        assert "cannot be written" in app.text()
