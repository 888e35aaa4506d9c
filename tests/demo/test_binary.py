"""Which etcd the demo takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.demo import binary
from etcdtui.demo.binary import NoEtcd, find_binary, parse_version, probe


def fake(folder: Path, version: str) -> str:
    """A program called etcd that claims a version; the folder as a PATH."""
    folder.mkdir()
    program = folder / "etcd"
    program.write_text(f"#!/bin/sh\necho 'etcd Version: {version}'\n")
    program.chmod(0o755)
    return str(folder)


def test_versions_are_read() -> None:
    assert parse_version("etcd Version: 3.5.1\nGit SHA: abc") == (3, 5, 1)
    assert parse_version("etcd Version: 3.7.0-rc.1") == (3, 7, 0)
    assert parse_version("something else") is None


def test_the_one_on_path_wins_when_new_enough(tmp_path: Path) -> None:
    found = find_binary(fake(tmp_path / "bin", "3.4.0"))
    assert (found.version_text, found.etcd, found.etcdctl) == ("3.4.0", tmp_path / "bin" / "etcd", None)
    assert not found.has_unsafe_no_fsync


@pytest.mark.parametrize("version", ["3.3.27", "nonsense"])
def test_another_one_on_path_gives_way_to_the_wheel(tmp_path: Path, version: str) -> None:
    found = find_binary(fake(tmp_path / "bin", version))
    assert found.etcd.parent.name == "etcdbin"
    assert found.version >= binary.OLDEST
    assert found.etcdctl is not None


@pytest.mark.parametrize(
    ("version", "why"), [("3.3.27", "is 3.3.27"), ("nonsense", "does not run here"), ("", "no etcd")]
)
def test_without_any_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, why: str
) -> None:
    monkeypatch.setattr(binary, "wheel_folder", lambda: None)
    path = fake(tmp_path / "bin", version) if version else str(tmp_path)
    with pytest.raises(NoEtcd, match=why) as refused:
        find_binary(path)
    assert "install" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_program_is_no_etcd(tmp_path: Path) -> None:
    (tmp_path / "etcd").write_text("text")
    assert probe(tmp_path / "etcd") is None
