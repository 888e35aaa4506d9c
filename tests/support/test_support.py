"""The tools that the other tests trust."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from urllib.error import HTTPError

import pytest

from etcdtui.demo.cluster import http_get
from tests.conftest import ServerFactory
from tests.support import PtyApp, Server, TcpProxy, TlsMaterial, eventually, requires_server
from tests.support.versions import matches

pytestmark = pytest.mark.matrix


async def test_one_member_answers_by_gateway_and_etcdctl(etcd: Server) -> None:
    revision = await etcd.put("a", b"\x00\xff")
    assert await etcd.get("a") == b"\x00\xff"
    assert etcd.etcdctl("get", "a", "--print-value-only", "--hex").strip() == r"\x00\xff"
    assert revision > 0
    assert etcd.etcdctl_run("get").returncode != 0


async def test_the_shared_member_is_empty_again(etcd: Server) -> None:
    assert await etcd.get("a") is None
    await etcd.put("left", "over", lease=int((await etcd.call("lease/grant", TTL=60))["ID"]))
    etcd.etcdctl("role", "add", "r")
    etcd.clear()
    assert await etcd.get("left") is None
    assert "leases" not in await etcd.call("lease/leases")
    assert "roles" not in await etcd.call("auth/role/list")


async def test_members_die_freeze_and_come_back(cluster3: Server) -> None:
    leader = await cluster3.leader()
    await leader.kill()
    assert not leader.running
    other = next(m for m in cluster3.members if m is not leader)
    await eventually(other.healthy, 10)
    await cluster3.call("kv/put", other, key=b"k", value=b"v")
    await leader.start()
    other.pause()
    with pytest.raises(OSError):
        await http_get(other.metrics_port, "/health", 0.3)
    other.resume()
    await eventually(other.healthy, 10)
    assert "etcd_server_has_leader 1" in await other.metrics()


async def test_a_learner_joins(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    member = server.cluster.add_member(state="existing")
    await server.call("cluster/member/add", peerURLs=[member.peer_url], isLearner=True)
    await member.start()
    assert len((await server.call("cluster/member/list"))["members"]) == 2


async def test_flags_reach_the_server(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=["--max-txn-ops=1"])
    put = {"request_put": {"key": "aw==", "value": ""}}
    other = {"request_put": {"key": "bA==", "value": ""}}
    with pytest.raises(HTTPError) as refused:
        await server.call("kv/txn", success=[put, other])
    refused.value.close()


async def test_tls_server_wants_a_client_certificate(etcd_server: ServerFactory, tls: TlsMaterial) -> None:
    server = await etcd_server(tls=tls.server(client_auth=True))
    trust = ["--cacert", str(tls.ca)]
    assert server.etcdctl_run("--command-timeout=1s", *trust, "get", "a").returncode != 0
    mine = ["--cert", str(tls.client.cert), "--key", str(tls.client.key)]
    assert server.etcdctl(*trust, *mine, "put", "a", "b").strip() == "OK"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("server_expired", "expired"), ("server_not_yet", "not yet valid"), ("server_wrong_name", "not valid for")],
)
async def test_broken_certificates_are_broken_as_named(tls: TlsMaterial, name: str, reason: str) -> None:
    files = getattr(tls, name)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(files.cert, files.key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=serving)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context(cafile=str(tls.ca)))


async def _ask(proxy: TcpProxy, timeout: float = 2.0) -> bytes:
    """Its health: what it tells of versions is only complete a little after its start."""
    return (await http_get(proxy.port, "/health", timeout))[1]


async def test_proxy_forwards_refuses_freezes_and_heals(
    etcd: Server, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]
) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    plain = await _ask(proxy)
    assert b"true" in plain
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await _ask(proxy)
    await proxy.heal()
    proxy.black_hole()
    with pytest.raises(TimeoutError):
        await _ask(proxy, 0.2)
    await proxy.heal()
    assert await _ask(proxy) == plain
    proxy.flip_bytes()
    assert await _ask(proxy) != plain


async def test_proxy_cut_closes_what_is_open(etcd: Server, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await eventually(lambda: proxy.open == 1)
    await proxy.cut()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert proxy.open == 0


async def test_eventually_reports_the_last_answer() -> None:
    with pytest.raises(AssertionError, match=r"last answer 0"):
        await eventually(lambda: 0, 0.05)


def test_version_conditions() -> None:
    assert matches((3, 5, 16), ">=3.5.16,<3.6")
    assert not matches((3, 6, 0), ">=3.5.16,<3.6")
    with pytest.raises(ValueError, match="not a version"):
        requires_server("3.5")


ECHO = (
    "import sys,tty; tty.setraw(0); print(sys.stdin.isatty(), flush=True); print(repr(sys.stdin.read(1)), flush=True)"
)


def test_pty_is_a_real_terminal() -> None:
    with PtyApp.start([sys.executable, "-c", ECHO], size=(40, 5)) as app:
        app.wait_for("True")
        app.keys("ctrl+p")
        app.wait_for(r"'\x10'")
        assert app.wait() == 0


SIZES = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})
print("ready", os.get_terminal_size(), flush=True)
while signal.sigwait({signal.SIGWINCH}):
    print("now", os.get_terminal_size(), flush=True)
"""


def test_pty_resizes_and_hangs_up() -> None:
    with PtyApp.start([sys.executable, "-c", SIZES], size=(60, 5)) as app:
        app.wait_for("columns=60, lines=5")
        app.resize(70, 9)
        app.wait_for("now", "columns=70, lines=9")
        app.hang_up()
        assert app.wait() == -signal.SIGHUP


PRIVATE_CODES = r"""
import sys
sys.stdout.write("a\x1b[<u\x1b[>1ub\x1b[=1;2uc"); sys.stdout.flush()
"""


def test_private_codes_are_not_text_on_the_screen() -> None:
    with PtyApp.start([sys.executable, "-c", PRIVATE_CODES], size=(20, 3)) as app:
        assert app.wait() == 0
        assert app.lines()[0] == "abc"
