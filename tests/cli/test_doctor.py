"""``etcdtui --doctor`` as cron runs it: what it prints, and its exit statuses, against real clusters."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from etcdtui import cli
from etcdtui.demo.cluster import free_ports, http_get
from etcdtui.services.session import examining
from tests.support import Server, TlsMaterial, running_server, wait_until

FIELDS = ["id", "severity", "title", "evidence", "formula", "threshold", "source", "meaning", "todo", "etcdctl"]
Doctor = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Run it with JSON and return its exit status and the one object it printed."""
    for name in [name for name in os.environ if name.startswith(("ETCDCTL_", "ETCDTUI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(examining, "PAUSE", 0.3)
    monkeypatch.setattr(examining, "LOOKS", 1)

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        code = cli.main(["--doctor", "-w", "json", *words])
        out, err = capsys.readouterr()
        assert not err
        told = json.loads(out)
        assert list(told) == ["status", "cluster_id", "revision", "checked_at", "findings"]
        assert all(list(finding) == FIELDS for finding in told["findings"])
        return code, told

    return run


def _severities(told: dict[str, Any]) -> dict[str, str]:
    return {finding["id"]: finding["severity"] for finding in told["findings"]}


def _leader(server: Server) -> int:
    """Who the last member says leads, 0 for nobody."""
    return int(server.call_sync("maintenance/status", server.members[-1]).get("leader", 0))


@pytest.fixture(scope="module")
def three() -> Iterator[Server]:
    with running_server(3) as server:
        yield server


def test_well_then_one_down_then_no_quorum_then_nobody(
    three: Server, doctor: Doctor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--endpoints", ",".join(three.endpoints))
    monkeypatch.setattr(examining, "LOOKS", 4)
    code, told = doctor(*where)
    found = _severities(told)
    if three.version > (3, 5, 2):
        assert code == 0
    else:  # this version itself is critical
        assert code == 2
        assert found.pop("bad-versions") == "CRIT"
    assert {name for name, severity in found.items() if severity in ("WARN", "CRIT")} == set()
    status = json.loads(three.etcdctl("endpoint", "status", "-w", "json"))
    assert told["cluster_id"] == f"{status[0]['Status']['header']['cluster_id']:x}"
    assert told["revision"] == status[0]["Status"]["header"]["revision"]

    monkeypatch.setattr(examining, "LOOKS", 1)
    three.members[0].pause()
    assert cli.main(["--doctor", *where]) in (1, 2)
    text = capsys.readouterr().out
    assert "WARN  quorum    m1 is away, 2 of 3 up: no spare member" in text and "etcdctl endpoint status" in text
    assert "OK    leader" in text

    three.members[1].pause()
    wait_until(lambda: not _leader(three))
    code, told = doctor(*where)
    assert code == 2 and told["status"] == "critical"
    assert _severities(told)["quorum"] == "CRIT" and _severities(told)["leader"] == "CRIT"

    three.members[2].pause()
    code, told = doctor(*where)
    assert code == 3 and told["status"] == "unknown" and _severities(told) == {"connect": "SKIP"}
    three.heal()


def test_what_cannot_be_tried_is_not_known(doctor: Doctor, tmp_path: Path) -> None:
    code, told = doctor("--endpoints", f"127.0.0.1:{free_ports(1)[0]}")
    assert code == 3 and "refused" in told["findings"][0]["title"].lower()
    assert cli.main(["--doctor", "-p", "nobody"]) == 3
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nnonsense: 1\n")
    config.chmod(0o600)
    assert cli.main(["--doctor", "--config", str(config)]) == 3


def test_tls_and_a_login(doctor: Doctor, tls: TlsMaterial) -> None:
    with running_server(1, tls=tls.server(client_auth=True)) as server:
        files = ("--cacert", str(tls.ca), "--cert", str(tls.client.cert), "--key", str(tls.client.key))
        ctl = [
            f"--{name}={path}"
            for name, path in (("cacert", tls.ca), ("cert", tls.client.cert), ("key", tls.client.key))
        ]
        for words in (("user", "add", "root:pw"), ("user", "grant-role", "root", "root"), ("auth", "enable")):
            server.etcdctl(*ctl, *words)
        code, told = doctor("--endpoints", server.endpoint, *files, "--user", "root:pw")
        found = {finding["id"]: finding for finding in told["findings"]}
        assert (
            found["certificates"]["severity"] == "CRIT"  # those of the tests last a day
            and "our client certificate" in (found["certificates"]["evidence"])
        )
        assert found["alarms"]["severity"] == "OK" and "since start" in found["wal-fsync"]["evidence"]
        assert "pw" not in json.dumps(told).split()
        code, told = doctor("--endpoints", server.endpoint, *files, "--user", "root:wrong")
        assert code == 3 and told["status"] == "unknown"


def test_no_quorum_where_a_login_is_wanted(doctor: Doctor) -> None:
    with running_server(3) as server:
        for words in (("user", "add", "root:pw"), ("user", "grant-role", "root", "root"), ("auth", "enable")):
            server.etcdctl(*words)
        server.members[0].pause()
        server.members[1].pause()
        wait_until(lambda: b"has_leader 0" in asyncio.run(http_get(server.members[2].metrics_port, "/metrics"))[1])
        code, told = doctor("--endpoints", ",".join(server.endpoints), "--user", "root:pw")
        assert code == 2 and _severities(told)["leader"] == "CRIT"
