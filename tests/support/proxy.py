"""A TCP proxy with bad manners, between the client under test and a real server."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from etcdtui.demo.cluster import HOST, free_ports

CHUNK = 64 * 1024


class TcpProxy:
    """Forwards ``proxy.endpoint`` to a target until told to misbehave; each switch can be undone with ``heal``.

    ``cut()``         close all connections now; new ones are accepted.
    ``refuse()``      close all connections and the listener: connection refused.
    ``black_hole()``  connections stay open and new ones are accepted, nothing passes in either direction (kept, and
                      delivered after ``heal``).
    ``delay``         seconds that each chunk waits, both ways.
    ``lead_to(target)`` new connections go to another server, as behind a balancer.
    ``flip_bytes()``  every further chunk from the server has its last byte inverted.
    ``accepted``      how many connections were made; ``open`` how many there are.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.port = free_ports(1)[0]
        self.delay = 0.0
        self.accepted = 0
        self._flip = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def open(self) -> int:
        return len(self._links)

    async def start(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        return self

    async def close(self) -> None:
        await self.refuse()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def cut(self) -> None:
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def refuse(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def black_hole(self) -> None:
        self._flowing.clear()

    def lead_to(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))

    def flip_bytes(self) -> None:
        self._flip = True

    async def heal(self) -> None:
        """Behave again: listen, forward at once, flip nothing."""
        self.delay, self._flip = 0.0, False
        self._flowing.set()
        if self._server is None:
            await self.start()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        self.accepted += 1
        try:
            await self._link(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(task)
            await _shut(writer)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        pumps = [
            asyncio.create_task(self._pump(reader, up_writer, from_server=False)),
            asyncio.create_task(self._pump(up_reader, writer, from_server=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up_writer.close()  # before anything that a cancellation could break off
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await _shut(up_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool) -> None:
        while chunk := await reader.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._flowing.wait()
            if self._flip and from_server:
                chunk = chunk[:-1] + bytes([chunk[-1] ^ 0xFF])
            writer.write(chunk)
            await writer.drain()


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()
