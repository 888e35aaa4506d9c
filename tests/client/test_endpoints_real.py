"""Unusual ways to a server: sockets, IPv6, names, a proxy variable in the environment; and one that freezes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from etcdtui.client import ClientOptions, TlsOptions, connect, errors
from tests.conftest import ServerFactory
from tests.support.server import Server
from tests.support.timing import Stopwatch
from tests.support.tls import TlsMaterial


class Forwarder:
    """Links each accepted connection with the server behind it."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            return
        finally:
            sink.close()
            with contextlib.suppress(OSError):
                await sink.wait_closed()


@contextlib.asynccontextmanager
async def _socket(target: str, path: Path) -> AsyncIterator[None]:
    forwarder = Forwarder(target)
    server = await asyncio.start_unix_server(forwarder.accept, path)
    try:
        yield
    finally:
        server.close()
        await forwarder.close()


@contextlib.asynccontextmanager
async def _ipv6(target: str) -> AsyncIterator[int]:
    forwarder = Forwarder(target)
    server = await asyncio.start_server(forwarder.accept, "::1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await forwarder.close()


async def test_a_unix_socket(etcd: Server, tmp_path: Path) -> None:
    path = tmp_path / "etcd.sock"
    async with _socket(etcd.endpoint, path):
        for text in (f"unix://{path}", f"unix:{path}"):
            async with connect(ClientOptions(endpoints=(text,))) as client:
                await client.kv.put("k", "v")


async def test_a_unix_socket_with_tls(etcd_server: ServerFactory, tls: TlsMaterial, tmp_path: Path) -> None:
    server = await etcd_server(tls=tls.server())
    path = tmp_path / "localhost"
    async with (
        _socket(server.endpoint, path),
        connect(ClientOptions(endpoints=(f"unixs://{path}",), tls=TlsOptions(ca_file=tls.ca))) as client,
    ):
        await client.kv.put("k", "v")


async def test_ipv6_and_names(etcd: Server) -> None:
    port = etcd.endpoint.rpartition(":")[2]
    async with _ipv6(etcd.endpoint) as port6:
        for text in (f"[::1]:{port6}", f"http://[::1]:{port6}", f"localhost:{port}"):
            async with connect(ClientOptions(endpoints=(text,))) as client:
                await client.kv.put("k", "v")


async def test_an_unknown_name_is_told(etcd: Server) -> None:
    async with connect(ClientOptions(endpoints=("no-such-host.invalid:2379",))) as client:
        with pytest.raises(errors.EtcdError, match=r"(?i)resol|name"):
            await client.kv.put("k", "v", timeout=1)


async def test_proxies_of_the_environment_are_not_used(
    etcd: Server, unused_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://{unused_endpoint}")
    async with connect(ClientOptions(endpoints=(etcd.endpoint,))) as client:
        await client.kv.put("k", "v", timeout=2)


async def test_a_listener_that_never_speaks_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with connect(ClientOptions(endpoints=(f"127.0.0.1:{silent.getsockname()[1]}",))) as client:
            began = Stopwatch()
            with pytest.raises(errors.DeadlineExceeded) as caught:
                await client.kv.put("k", "v", timeout=0.5)
            assert caught.value.applied == "no"
            assert began.fair() < 1.5
