"""Who may own, write and read the files we trust."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etcdtui.config.files import FileRefused, read_owned
from etcdtui.config.load import load
from tests.config.conftest import Loads

PASSWORD = "profiles: {a: {endpoints: 127.0.0.1:1, auth: {user: u, password: hunter2}}}"
COMMAND = "profiles: {a: {endpoints: 127.0.0.1:1, auth: {user: u, password_command: [x]}}}"
PLAIN = "profiles: {a: {endpoints: 127.0.0.1:1}}"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
@pytest.mark.parametrize("text", [PASSWORD, COMMAND])
def test_a_secret_others_can_read_is_refused_with_the_fix(loads: Loads, tmp_path: Path, mode: int, text: str) -> None:
    config = loads(text, mode=mode)
    assert not config.profiles and "hunter2" not in repr(config)
    assert f"chmod 600 {tmp_path / 'config.yaml'}" in config.problems[0].text


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644])
def test_without_a_secret_others_may_read(loads: Loads, mode: int) -> None:
    assert loads(PLAIN, mode=mode).profiles


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_file_others_can_write_is_refused_with_the_fix(loads: Loads, mode: int) -> None:
    config = loads(PLAIN, mode=mode)
    assert not config.profiles and "chmod go-w" in config.problems[0].text


def test_a_symbolic_link_is_refused_and_names_the_file(loads: Loads, tmp_path: Path) -> None:
    loads(PLAIN)
    link = tmp_path / "link.yaml"
    link.symlink_to(tmp_path / "config.yaml")
    config = load({}, path=link, root=tmp_path)
    assert not config.profiles and f"--config {tmp_path / 'config.yaml'}" in config.problems[0].text


def test_a_fifo_or_folder_does_not_hang(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path):
        assert "not a regular file" in load({}, path=path, root=tmp_path).problems[0].text


def test_a_file_of_another_user_is_refused_with_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(PLAIN)
    owner = os.geteuid()
    if owner == 0:
        os.chown(file, 4242, -1)
        owner = 4242
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(FileRefused, match=f"uid {owner}.*sudo chown"):
        read_owned(file, {}, limit=100)


def test_sudo_may_read_what_its_caller_owns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(PLAIN)
    owner = file.stat().st_uid
    if owner == 0:
        os.chown(file, 4242, -1)
        owner = 4242
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert read_owned(file, {"SUDO_UID": str(owner)}, limit=100)[0]
    with pytest.raises(FileRefused):
        read_owned(file, {"SUDO_UID": str(owner + 1)}, limit=100)
