"""Every flag about the connection, tried with ``--check`` on real servers or followed into the client's options."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest

from etcdtui.config.environ import SETTINGS, apply_settings
from etcdtui.config.schema import Profile
from etcdtui.core.errors import EtcdError
from etcdtui.services.session.session import Credentials, Overrides, Session, options_of
from tests.cli.test_cli import Run, run
from tests.support import Server, running_server
from tests.support.timing import Stopwatch
from tests.support.tls import TlsMaterial

__all__ = ["run"]


@pytest.fixture(scope="module")
def mutual(tls: TlsMaterial) -> Iterator[Server]:
    """A server that wants a client certificate."""
    with running_server(1, tls=tls.server(client_auth=True)) as server:
        yield server


def test_certificates(run: Run, mutual: Server, tls: TlsMaterial) -> None:
    place = mutual.endpoint.rpartition("://")[2]
    files = ["--cacert", str(tls.ca), "--cert", str(tls.client.cert), "--key", str(tls.client.key)]
    assert run("--check", "--endpoints", f"https://{place}", *files) == 0, run.err
    assert "TLS" in run.out and "PLAINTEXT" not in run.out and "cacert: --cacert" in run.out
    assert run("--check", "--endpoints", place, *files) == 0, run.err  # files alone mean TLS
    assert run("--check", "--endpoints", place) == 1 and "speaks TLS" in run.err
    assert run("--check", "--endpoints", place, *files[:2]) == 1 and "client certificate" in run.err
    wrong = ["--cacert", str(tls.wrong_ca), *files[2:]]
    assert run("--check", "--endpoints", place, *wrong) == 1 and "CA that is not trusted" in run.err
    assert run("--check", "--endpoints", place, *files, "--key", str(tls.ca)) in (1, 3)


def test_a_certificate_is_not_checked_on_demand_and_a_bare_host_can_mean_tls(run: Run, tls: TlsMaterial) -> None:
    with running_server(1, tls=tls.server(tls.server_wrong_name)) as server:
        place = server.endpoint.rpartition("://")[2]
        assert run("--check", "--endpoints", place, "--cacert", str(tls.ca)) == 1 and "not valid for" in run.err
        bare = ["--check", "--endpoints", place, "--insecure-transport=false"]
        assert run(*bare) == 1 and "not trusted" in run.err
        assert run(*bare, "--insecure-skip-tls-verify") == 0, run.err
        assert "certificate is NOT checked" in run.out


def test_logins(run: Run) -> None:
    with running_server(1) as server:
        for words in ("user add root:pw:1", "user grant-role root root", "auth enable"):
            server.etcdctl(*words.split())
        base = ["--check", "--endpoints", server.endpoint]
        assert run(*base, "--user", "root", "--password", "pw:1") == 0, run.err
        assert run(*base, "--user", "root:pw:1") == 0, run.err
        assert "ps" in run.out
        assert run(*base, "--user", "root:pw") == 1 and "wrong user name or password" in run.err
        body = json.dumps({"name": "root", "password": "pw:1"}).encode()
        with urlopen(Request(f"{server.url}/v3/auth/authenticate", body), timeout=5) as answer:
            token = json.loads(answer.read())["token"]
        assert run(*base, "--auth-jwt-token", token) == 0, run.err
        assert "a JWT" in run.out
        assert run(*base, "--auth-jwt-token", "nonsense.1") == 1 and "token" in run.err
        assert run(*base) == 1 and "LOGIN WANTED" in run.err


def test_the_dial_timeout_ends_a_connection_that_goes_nowhere(run: Run) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        started = Stopwatch()
        assert run("--check", "--endpoints", f"127.0.0.1:{silent.getsockname()[1]}", "--dial-timeout", "300ms") == 1
        assert started.fair() < 5


TRIED = {
    "endpoints": ("127.0.0.1:7,127.0.0.1:8", "endpoints", ("127.0.0.1:7", "127.0.0.1:8")),
    "dial-timeout": ("7s", "dial_timeout", 7.0),
    "command-timeout": ("8s", "command_timeout", 8.0),
    "keepalive-time": ("11s", "keepalive_time", 11.0),
    "keepalive-timeout": ("12s", "keepalive_timeout", 12.0),
    "max-request-bytes": ("1234567", "max_request_bytes", 1234567),
    "max-recv-bytes": ("123456789", "max_recv_bytes", 123456789),
    "cacert": ("/ca", "tls.ca_file", "/ca"),
    "insecure-skip-tls-verify": ("true", "tls.insecure_skip_verify", True),
}
ELSEWHERE = {"cert", "key", "insecure-transport", "discovery-srv", "discovery-srv-name", "insecure-discovery"}
"""Tried above and in the tests of discovery."""


def test_every_setting_is_tried() -> None:
    assert set(SETTINGS) == set(TRIED) | ELSEWHERE


@pytest.mark.parametrize("name", TRIED)
def test_a_setting_arrives_in_the_client(name: str) -> None:
    text, place, value = TRIED[name]
    tls = place.startswith("tls.")
    profile = apply_settings(Profile(endpoints=("https://127.0.0.1:1" if tls else "127.0.0.1:1",)), {name: text})
    found: object = options_of(profile, Credentials())
    for part in place.split("."):
        found = getattr(found, part)
    assert found == value


async def test_limits_of_message_sizes_hold(etcd: Server) -> None:
    await etcd.put("big", "x" * 200_000)
    given = {"max-recv-bytes": "100000", "max-request-bytes": "50000", "command-timeout": "2s"}
    profile = apply_settings(Profile(name="p", endpoints=etcd.endpoints, read_only=False), given)
    session = await Session.open(profile, Overrides())
    try:
        with pytest.raises(EtcdError, match="max_recv_bytes"):
            await session.client.kv.get(b"big")
        with pytest.raises(EtcdError, match="max_request_bytes"):
            await session.client.kv.get(b"k" * 60_000)
    finally:
        await session.aclose()


def test_check_says_how_writes_begin_and_where_keys_live(run: Run, etcd: Server) -> None:
    file = run.config(f"profiles: {{a: {{endpoints: '{etcd.endpoint}', environment: prod, namespace: /team/}}}}")
    assert run("--config", file, "-p", "a", "--check", "--write", "--dry-run") == 0, run.err
    assert "starts read-only, and --write unlocks it (production asks), and --dry-run sends no change" in run.out
    assert "/team/ before every key" in run.out
    assert run("--check", "--theme", "drak", "--endpoints", etcd.endpoint) == 3 and "there is no theme" in run.err


def test_a_place_is_given_once(run: Run) -> None:
    assert run("/a", "--prefix", "/b") == 2 and "give one" in run.err
    assert run("--screen", "lock") == 2 and run("--screen", "0") == 2
