"""``--check`` says no where a person could do nothing with the cluster, and says why; for scripts as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etcdtui.config.clusters import ClusterMemory
from etcdtui.config.folders import state_folder
from tests.cli.test_cli import Run, run
from tests.support import Server, running_server
from tests.support.tls import TlsMaterial

__all__ = ["run"]


def test_what_cannot_be_read_is_1_and_a_bad_profile_is_3(run: Run, tls: TlsMaterial, tmp_path: Path) -> None:
    with running_server(1) as server, running_server(1) as other:
        assert run("--check", "--endpoints", f"{server.endpoint},{other.endpoint}") == 1
        assert "different clusters" in run.err and server.endpoint in run.err and other.endpoint in run.err
        for words in ("user add root:pw", "user grant-role root root", "user add poor:pw", "auth enable"):
            server.etcdctl(*words.split())
        base = ["--check", "--endpoints", server.endpoint]
        for login, words in (
            ([], "LOGIN WANTED"),
            (["--auth-jwt-token", "not.a.token"], "does not accept the token"),
            (["--user", "poor:pw"], "poor may read nothing"),
            (["--user", "root:wrong"], "wrong user name or password"),
        ):
            assert run(*base, *login) == 1, (login, run.out)
            assert words in run.err, (words, run.err)
            assert "pw" not in run.err.replace("poor", "")
        assert run(*base, "--user", "root:pw") == 0, run.err
        assert run("--check", "--endpoints", other.endpoint, "--user", "root:pw", "-v") == 0
        assert "authentication is off" in run.out
        place = server.endpoint
        missing = str(tmp_path / "missing")
        (tmp_path / "loose").write_text("pw\n")
        (tmp_path / "loose").chmod(0o644)
        for tls_or_auth in (
            f"tls: {{cacert: {missing}}}",
            f"tls: {{cacert: {tls.ca}, cert: {tls.client.cert}, key: {tls.client_untrusted.key}}}",
            f"tls: {{cacert: {tls.ca}, cert: {tls.client_encrypted.cert}, key: {tls.client_encrypted.key}}}",
            f"auth: {{user: root, password_file: {tmp_path / 'loose'}}}",
            f"auth: {{user: root, password_file: {missing}}}",
            "auth: {user: root, password_command: ['false']}",
            "auth: {user: root, password_env: SURELY_NOT_SET}",
            f"auth: {{jwt_token_file: {missing}}}",
        ):
            file = run.config(f"profiles: {{a: {{endpoints: 'https://{place}', {tls_or_auth}}}}}")
            for how in ([], ["-v"], ["-w", "json"]):
                assert run("--config", file, "--check", *how) == 3, (tls_or_auth, how, run.err, run.out)


def test_every_step_is_told_and_scripts_get_an_object(run: Run, etcd: Server) -> None:
    assert run("--check", "-v", "--endpoints", etcd.endpoint) == 0, run.err
    for area in ("TCP", "HTTP/2", "clock", "etcd", "cluster", "rights", "connect"):
        assert any(line.startswith(area) for line in run.out.splitlines()), (area, run.out)
    assert run("--check", "-w", "json", "--endpoints", f"{etcd.endpoint},no-such-host.invalid:1") == 1
    told = json.loads(run.out)
    assert (told["ok"], told["code"]) == (False, 1)
    failed = [step for step in told["steps"] if step["verdict"] == "fail"]
    assert [(step["area"], step["endpoint"]) for step in failed] == [("DNS", "no-such-host.invalid:1")]
    assert failed[0]["todo"]


def test_another_cluster_than_before_is_1_and_nothing_is_remembered(run: Run, etcd: Server) -> None:
    assert run("--check", "--endpoints", etcd.endpoint) == 0
    assert not (state_folder() / "clusters.json").exists()
    from etcdtui.config.choose import choose
    from etcdtui.config.schema import Config

    profile = choose(Config(), "", {"endpoints": etcd.endpoint}, {}).profile
    assert profile is not None
    ClusterMemory(state_folder()).remember(profile, 0xABC, ("old",))
    assert run("--check", "--endpoints", etcd.endpoint) == 1
    assert "another cluster than before" in run.err and "abc" in run.err


@pytest.mark.parametrize("which", ["cn-only", "expired"])
def test_a_certificate_fault_is_no_login(run: Run, tls: TlsMaterial, which: str) -> None:
    nameless = tls.authority.issue("cn-only-cli", common_name="127.0.0.1", hosts=())
    with running_server(1, tls=tls.server(nameless if which == "cn-only" else tls.server_expired)) as server:
        base = ["--check", "--endpoints", f"https://{server.endpoint.rpartition('://')[2]}", "--cacert", str(tls.ca)]
        assert run(*base) == 1
        words = "alternative names" if which == "cn-only" else "has expired"
        assert words in run.err and "login" not in run.err.lower(), run.err
        assert run(*base, "--insecure-skip-tls-verify") == 0, run.err
