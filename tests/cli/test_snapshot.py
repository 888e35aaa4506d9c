"""``etcdtui --verify``, and which words on the command line mean a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etcdtui import cli
from tests.support import Server


@pytest.fixture
def saved(etcd: Server, tmp_path: Path) -> Path:
    for index in range(3):
        etcd.call_sync("kv/put", key=b"/k%d" % index, value=b"v")
    path = tmp_path / "saved.db"
    etcd.etcdctl("snapshot", "save", str(path))
    return path


def test_verify_tells_people_and_programs(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--verify", str(saved), "-w", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"hash", "revision", "totalKey", "totalSize", "version"} <= told.keys()
    assert (told["totalKey"], told["checksum"], told["members"]) == (3, True, 1)
    assert cli.main(["--verify", str(saved)]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["whole"] == "its SHA-256 is right"
    assert lines["hash"] == f"{told['hash']:x}"
    assert lines["revision"].startswith(f"{told['revision']}, ")


def test_verify_of_a_torn_file_is_a_sentence_and_a_status(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 1
    saved.write_bytes(data)
    assert cli.main(["--verify", str(saved)]) == 1
    told = capsys.readouterr()
    assert not told.out
    assert told.err.startswith("etcdtui: the file cannot be opened as a snapshot: ")
    assert "its checksum does not match" in told.err


def test_a_file_is_no_cluster_to_watch_or_to_examine(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([str(saved), "--watch", "/k"])
    assert end.value.code == 2
    assert "is a file" in capsys.readouterr().err


def test_a_name_that_is_no_file_stays_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").write_text("a file that is no database is no snapshot either")
    for place in ("/config/app.db", "notes", "db"):
        assert cli._database(place) is None
    (tmp_path / "torn.db").write_bytes(b"")
    assert cli._database("torn.db") == Path("torn.db")
