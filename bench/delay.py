"""A TCP proxy that delays every byte by a fixed time and slows nothing down besides: a far, wide network."""

from __future__ import annotations

import asyncio
import contextlib

CHUNK = 256 * 1024


class DelayProxy:
    """Forwards ``endpoint`` to ``target``; ``one_way`` seconds pass in each direction."""

    def __init__(self, target: str, one_way: float) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._one_way = one_way
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> DelayProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target, limit=CHUNK)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            link = asyncio.create_task(self._carry(source, sink))
            self._links.add(link)
            link.add_done_callback(self._links.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await late.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    sink.close()
                    return
                sink.write(data)
                await sink.drain()

        task = asyncio.create_task(deliver())
        try:
            while data := await source.read(CHUNK):
                late.put_nowait((loop.time() + self._one_way, data))
            late.put_nowait((loop.time() + self._one_way, b""))
            await task
        except (ConnectionError, asyncio.CancelledError):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task
            sink.close()
