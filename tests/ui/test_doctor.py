"""Doctor on the screen: findings with their evidence, the way there from a red title, and what can be taken along."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

import pytest

from etcdtui.client import Client, ClientOptions
from tests.conftest import ServerFactory
from tests.support import PtyApp, Server
from tests.ui.conftest import Start

SECRET = "not-to-be-told"


def _typed_name(app: PtyApp, path: Path) -> None:
    """Answer a question for a file name that proposes another one."""
    app.wait_for("to file")
    app.keys("ctrl+u")
    app.type(str(path))
    app.keys("enter")


async def _alarm(server: Server, action: str) -> None:
    """Raise or clear NOSPACE by hand at the first member."""
    status = await server.call("maintenance/status", server.members[0])
    await server.call("maintenance/alarm", action=action, alarm="NOSPACE", memberID=status["header"]["member_id"])


async def test_a_red_title_leads_to_the_finding_and_both_fall_silent(cluster3: Server, start: Start) -> None:
    await _alarm(cluster3, "ACTIVATE")
    try:
        app = start(cluster3)
        app.wait_for("ALARM NOSPACE", "press 7", "Doctor(", timeout=20)
        app.keys("7")
        app.wait_for("NOSPACE raised by m1", "database space", "etcdctl alarm list", timeout=20)
    finally:
        await _alarm(cluster3, "DEACTIVATE")
    app.wait_for("alarm    none", timeout=20, gone=("NOSPACE raised",))


async def test_a_member_that_falls_away_is_found_by_name(cluster3: Server, start: Start) -> None:
    app = start(cluster3, "--screen", "doctor")
    app.wait_for("OK    quorum   3 of 3 up", timeout=20)
    await cluster3.members[1].kill()
    app.wait_for("m2 is away, 2 of 3 up: no spare member", "NO SPARE MEMBER", timeout=20)
    app.keys("/")
    app.wait_for("filter")
    app.type("quorum")
    app.keys("enter")
    app.wait_for("m2: DOWN", "etcd mixin etcdInsufficientMembers")


async def test_at_80_columns_a_finding_opens_over_the_list(cluster3: Server, start: Start) -> None:
    app = start(cluster3, "--screen", "doctor", size=(80, 24))
    app.wait_for("OK    leader", "? help", timeout=20)
    app.keys("G", "enter")
    app.wait_for("not TLS", "what it means", "kubeadm practice")
    app.keys("esc")
    app.wait_for("SKIP  certs", gone=("what it means",))


async def test_report_and_bundle_are_files_without_secrets(
    etcd_server: ServerFactory, tmp_path: Path, start: Start
) -> None:
    server = await etcd_server()
    async with await Client.open(ClientOptions(server.endpoints)) as client:
        await client.auth.user_add("root", SECRET)
        await client.auth.user_grant_role("root", "root")
        await client.kv.put("/some/secret-name", SECRET)
        await client.auth.enable()
    app = start(server, "--screen", "doctor", "--user", f"root:{SECRET}")
    app.wait_for("OK    leader", timeout=20)
    for name in ("report.txt", "report.json"):
        app.keys("ctrl+s")
        _typed_name(app, tmp_path / name)
        app.wait_for("the report is in", timeout=10)
    app.keys("M")
    app.wait_for("support bundle")
    app.keys("b")
    _typed_name(app, tmp_path / "bundle.zip")
    app.wait_for("the bundle is in", timeout=10)
    assert "etcdtui doctor: " in (tmp_path / "report.txt").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["revision"] == 2
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        texts = {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}
    assert set(texts) == {
        "report.txt", "report.json", "versions.txt", "profile.yaml", "members.json", "leader-changes.json",
    }  # fmt: skip
    everything = "".join(texts.values()) + (tmp_path / "report.txt").read_text()
    assert SECRET not in everything and "secret-name" not in everything
    assert json.loads(texts["members.json"])[0]["status"]["version"] in texts["versions.txt"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.*")} == {0o600}


@pytest.mark.matrix
async def test_hashes_are_compared_on_demand(cluster3: Server, start: Start) -> None:
    await asyncio.gather(*(cluster3.put(f"k{n}", "v") for n in range(5)))
    app = start(cluster3, "--screen", "doctor")
    app.wait_for("hashes not compared", timeout=20)
    app.keys("M")
    app.wait_for("hash check")
    app.keys("h")
    app.wait_for("compare the hashes of all members", timeout=20)
    app.keys("enter")
    app.wait_for("1 of 1 steps", "equal on 3 of 3", timeout=20)
    app.keys("esc")
    app.wait_for("OK    hash     hashes at revision", timeout=20)
