"""TLS that gRPC cannot speak: to a member whose certificate is accepted although it has ended, or names nobody.

gRPC has no switch to skip the verification. So it dials a socket of ours in a folder that only this user can enter, and
what comes there is carried to the member in TLS that accepts exactly the certificate of the first connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import ssl
import tempfile
from pathlib import Path

from etcdtui.client._transport.tls_probe import open_tls
from etcdtui.client._wire.endpoints import Endpoint
from etcdtui.core.tasks import awaited, background

CHUNK = 256 * 1024


class Relay:
    """``start`` returns the path of the socket, ``aclose`` ends all of it; ``digest`` is the SHA-256 accepted."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext, name: str, digest: bytes) -> None:
        self._endpoint, self._context, self._name, self._digest = endpoint, context, name, digest
        self._folder = ""
        self._server: asyncio.Server | None = None
        self._links: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> str:
        self._folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="etcdtui-")
        path = str(Path(self._folder) / "tls")
        self._server = await asyncio.start_unix_server(self._accept, path, limit=CHUNK)
        return path

    async def aclose(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in tuple(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        if self._folder:
            folder, self._folder = self._folder, ""
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = background(self._link(reader, writer), "etcd relay", expected=(OSError, EOFError))
        self._links[task] = writer

        def over(_: object) -> None:
            self._links.pop(task, None)
            writer.transport.abort()  # gRPC tells whoever waits

        task.add_done_callback(over)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await open_tls(self._endpoint, self._context, self._name)
        try:
            shown = far_writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
            if hashlib.sha256(shown).digest() != self._digest:
                return
            ways = [
                awaited(_carry(reader, far_writer), "etcd relay out"),
                awaited(_carry(far_reader, writer), "etcd relay in"),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            far_writer.transport.abort()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK):
        sink.write(data)
        await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()
