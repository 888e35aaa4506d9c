"""The sentence of each TLS fault names whom, until when and which; what a rotation changes heals by itself."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from bench.delay import DelayProxy
from etcdtui.client import Client, ClientOptions, TlsOptions, connect, errors
from etcdtui.demo.cluster import ServerTls
from etcdtui.services.session.checkup import ending_soon
from tests.conftest import ServerFactory
from tests.support import Server, eventually
from tests.support.tls import Authority, CertFiles, TlsMaterial

HEALS = 5.0
"""Seconds, as an operator would wait."""


class Face:
    """A TLS server of the library's own in front of a real etcd: cases of certificates without an etcd for each."""

    def __init__(self, etcd: str) -> None:
        self._etcd = etcd
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self.endpoint = ""

    async def show(self, files: CertFiles, *chain: Path) -> str:
        """Show a certificate from now on, with what else is sent; connections that stand are cut."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2"])
        sent = files.cert.with_suffix(".chain")
        sent.write_bytes(b"".join(path.read_bytes() for path in (files.cert, *chain)))
        context.load_cert_chain(sent, files.key)
        port = int(self.endpoint.rpartition(":")[2]) if self.endpoint else 0
        await self.hide()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, ssl=context)
        self.endpoint = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self.endpoint

    async def hide(self) -> None:
        if self._server is not None:
            self._server.close()
        for link in tuple(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        host, _, port = self._etcd.rpartition(":")
        try:
            far = await asyncio.open_connection(host, int(port))
            pumps = [asyncio.create_task(_pump(reader, far[1])), asyncio.create_task(_pump(far[0], writer))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                far[1].transport.abort()
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(task)
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@pytest.fixture
async def face(etcd: Server) -> AsyncIterator[Face]:
    shown = Face(etcd.endpoint)
    yield shown
    await shown.hide()


async def _told(options: ClientOptions) -> errors.EtcdError:
    async with connect(options) as client:
        with pytest.raises(errors.EtcdError) as caught:
            await client.kv.get("k", timeout=8)
    return caught.value


def _digest(files: CertFiles) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(files.cert.read_text())).digest().hex(":").upper()


async def test_every_fault_of_a_certificate_has_its_sentence(face: Face, tls: TlsMaterial, tmp_path: Path) -> None:
    middle = Authority(tmp_path, "middle", tls.authority)
    below = middle.issue("below")
    plain_name = tls.authority.issue("plain-name", common_name="127.0.0.1", hosts=())
    again = Authority(tmp_path, "good")  # the same name, another key
    trust = TlsOptions(ca_file=tls.ca)
    cases: list[tuple[CertFiles, tuple[Path, ...], TlsOptions, tuple[str, ...]]] = [
        (tls.server_expired, (), trust, ("has expired", "CN=server-expired", "for localhost, 127.0.0.1", "valid 20")),
        (tls.server_not_yet, (), trust, ("not yet valid", "clocks")),
        (
            tls.server_wrong_name,
            (),
            trust,
            ('not valid for the address "127.0.0.1"', "elsewhere.example", "server_name"),
        ),
        (plain_name, (), trust, ("common name only", '"127.0.0.1"', "alternative names")),
        (below, (), trust, ("sends no intermediate certificate", "CN=middle CA", "CN=good CA")),
        (tls.server_cert, (), TlsOptions(ca_file=tls.wrong_ca), ("not trusted", "CN=good CA", "CN=other CA")),
        (below, (middle.cert,), TlsOptions(ca_file=tls.wrong_ca), ("not trusted", "wrong CA file")),
        (tls.server_cert, (), TlsOptions(ca_file=again.cert), ("same name and another key",)),
    ]
    for files, chain, options, words in cases:
        endpoint = await face.show(files, *chain)
        error = await _told(ClientOptions(endpoints=(endpoint,), tls=options))
        assert isinstance(error, errors.TlsError), error
        assert all(word in error.message for word in words), (words, error.message)
        assert _digest(files) in error.message
    endpoint = await face.show(below, middle.cert)
    async with connect(ClientOptions(endpoints=(endpoint,), tls=trust)) as client:
        await client.kv.get("k")


async def test_without_a_check_an_expired_certificate_and_one_without_names_connect(
    face: Face, tls: TlsMaterial, etcd: Server
) -> None:
    nameless = tls.authority.issue("nameless", hosts=())
    await etcd.put("k", "v")
    for files in (tls.server_expired, tls.server_not_yet, nameless, tls.server_wrong_name):
        endpoint = await face.show(files)
        options = ClientOptions(endpoints=(endpoint,), tls=TlsOptions(insecure_skip_verify=True))
        async with connect(options) as client:
            assert (await client.kv.get("k")).kvs[0].value == b"v"


async def test_another_certificate_than_at_first_is_refused_with_both_prints(face: Face, tls: TlsMaterial) -> None:
    for first in (tls.server_cert, tls.server_expired):
        endpoint = await face.show(first)
        options = ClientOptions(endpoints=(endpoint,), tls=TlsOptions(insecure_skip_verify=True))
        async with connect(options) as client:
            await client.kv.get("k")
            await face.show(tls.server_wrong_name)

            async def refused(client: Client = client, first: CertFiles = first) -> bool:
                try:
                    await client.maintenance.status(client.endpoints[0], timeout=2)
                except errors.TlsError as error:
                    both = (_digest(first), _digest(tls.server_wrong_name))
                    return all(one in error.message for one in both) and "connect anew" in error.message
                except errors.EtcdError:
                    return False
                raise AssertionError("it was accepted")

            await eventually(refused, HEALS)


async def test_an_encrypted_key_opens_with_its_passphrase(etcd_server: ServerFactory, tls: TlsMaterial) -> None:
    server = await etcd_server(tls=tls.server(client_auth=True))
    files = tls.client_encrypted

    def trust(passphrase: bytes | None) -> TlsOptions:
        return TlsOptions(ca_file=tls.ca, cert_file=files.cert, key_file=files.key, passphrase=passphrase)

    endpoints = (f"https://{server.endpoint}",)
    for wrong in (None, b"no"):
        with pytest.raises(errors.PassphraseWanted) as caught:
            Client(ClientOptions(endpoints=endpoints, tls=trust(wrong)))
        assert isinstance(caught.value, errors.ConfigError)
    async with connect(ClientOptions(endpoints=endpoints, tls=trust(b"secret"))) as client:
        await client.kv.get("k")
    assert "secret" not in repr(trust(b"secret"))


async def test_what_was_replaced_in_place_heals_under_a_connection_that_stood(
    etcd_server: ServerFactory, tls: TlsMaterial, tmp_path: Path
) -> None:
    old, new = tls.authority, tls.other_authority

    def lay(name: str, pair: CertFiles) -> None:
        (tmp_path / f"{name}.crt").write_bytes(pair.cert.read_bytes())
        (tmp_path / f"{name}.key").write_bytes(pair.key.read_bytes())

    ours, theirs = tmp_path / "ca.crt", tmp_path / "clients-ca.crt"
    ours.write_bytes(old.cert.read_bytes())
    theirs.write_bytes(old.cert.read_bytes() + new.cert.read_bytes())
    lay("server", tls.server_cert)
    lay("client", tls.client)
    server = await etcd_server(tls=ServerTls(tmp_path / "server.crt", tmp_path / "server.key", theirs))
    options = TlsOptions(ca_file=ours, cert_file=tmp_path / "client.crt", key_file=tmp_path / "client.key")
    async with connect(ClientOptions(endpoints=(f"https://{server.endpoint}",), tls=options)) as client:
        await client.kv.get("k")

        async def says(words: str = "") -> bool:
            """Whether it answers, or says why not."""
            try:
                await client.maintenance.status(client.endpoints[0], timeout=2)
                await client.kv.get("k", timeout=2)
            except errors.EtcdError as error:
                return bool(words) and words in error.message
            return not words

        async def restarted() -> None:
            await server.members[0].kill()
            await server.members[0].restart()

        lay("server", new.issue("rotated-server"))
        await restarted()
        await eventually(lambda: says("not trusted"), HEALS)
        ours.write_bytes(new.cert.read_bytes())
        await eventually(says, HEALS, what="another CA")
        theirs.write_bytes(new.cert.read_bytes())
        await restarted()
        await eventually(lambda: says("client certificate"), HEALS)
        lay("client", new.issue("rotated-client", hosts=()))
        await eventually(says, HEALS, what="another client certificate")
        lay("server", new.issue("renewed-server"))
        await restarted()
        await eventually(says, HEALS, what="another certificate of the same CA")


class _Http1(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def http1() -> Iterator[str]:
    """A web server, in plaintext."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Http1) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


async def test_other_ports_and_servers_are_named(etcd: Server, http1: str, tls: TlsMaterial) -> None:
    member = etcd.members[0]
    trust = TlsOptions(ca_file=tls.ca)
    for endpoint, options, words in (
        (f"127.0.0.1:{member.metrics_port}", None, "port for metrics"),
        (http1, None, "an HTTP/1 server answers"),
        (f"https://{etcd.endpoint}", trust, "speaks plaintext"),
    ):
        error = await _told(ClientOptions(endpoints=(endpoint,), tls=options))
        assert words in error.message, (endpoint, error)
        assert isinstance(error, (errors.NotEtcd, errors.TlsError))
    try:  # up to 3.5 it served clients too
        async with connect(ClientOptions(endpoints=(f"127.0.0.1:{member.peer_port}",))) as client:
            await client.kv.get("k", timeout=8)
        assert etcd.version < (3, 6, 0)
    except errors.NotEtcd as error:
        assert "peer port" in error.message


@pytest.mark.parametrize("one_way", [0.3, 1.0])
async def test_a_slow_line_is_used_and_no_member_on_it_is_taken_for_dead(cluster3: Server, one_way: float) -> None:
    """Three members far away: reads are not moved about, and nobody is evicted."""
    async with AsyncExitStack() as stack:
        far = [await stack.enter_async_context(DelayProxy(endpoint, one_way)) for endpoint in cluster3.endpoints]
        client = await stack.enter_async_context(
            connect(
                ClientOptions(endpoints=tuple(one.endpoint for one in far), dial_timeout=20.0, command_timeout=30.0)
            )
        )
        await client.kv.get("k")
        reports: list[errors.EtcdError] = []
        client.caller._observer = lambda report: reports.append(report.error) if report.error else None
        await asyncio.gather(*(client.kv.get("k") for _ in range(6)))
        await asyncio.gather(*(client.kv.get("k") for _ in range(6)))
        assert not reports


async def test_certificates_that_end_soon_are_told_from_thirty_days_on(face: Face, tls: TlsMaterial) -> None:
    soon = tls.authority.issue("soon", ends=timedelta(days=6))
    later = tls.authority.issue("later", hosts=(), ends=timedelta(days=20))
    far = tls.authority.issue("far", ends=timedelta(days=90))
    own = tls.authority.issue("own", hosts=(), ends=timedelta(days=300))
    for shown, mine, words in ((soon, later, ("CN=soon ends in 6", "CN=later ends in 20")), (far, own, ())):
        endpoint = await face.show(shown)
        options = ClientOptions(endpoints=(endpoint,), tls=TlsOptions(cert_file=mine.cert, key_file=mine.key))
        told = await ending_soon(options)
        assert [any(word in one for word in words) for one in told] == [True] * len(words), told
