"""A TCP proxy that delays every byte by a fixed time and slows nothing down besides: a far, wide network.

It is a process of its own (``python -m bench.delay TARGET SECONDS``), so that its work is nobody else's.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

CHUNK = 256 * 1024


class DelayProxy:
    """Forwards ``endpoint`` to ``target``, ``one_way`` seconds in each direction, from another process."""

    def __init__(self, target: str, one_way: float) -> None:
        self._argv = [sys.executable, "-m", "bench.delay", target, str(one_way)]
        self._process: asyncio.subprocess.Process | None = None
        self.endpoint = ""

    async def __aenter__(self) -> DelayProxy:
        self._process = await asyncio.create_subprocess_exec(*self._argv, stdout=asyncio.subprocess.PIPE)
        assert self._process.stdout is not None
        self.endpoint = f"127.0.0.1:{int(await self._process.stdout.readline())}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()


class Proxy:
    """The forwarding itself."""

    def __init__(self, target: str, one_way: float) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._one_way = one_way
        self._links: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Print the port, then forward until killed."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

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


if __name__ == "__main__":
    asyncio.run(Proxy(sys.argv[1], float(sys.argv[2])).serve())
