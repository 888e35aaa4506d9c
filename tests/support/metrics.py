"""A server of doctored ``/metrics``, for faults that one machine cannot make."""

from __future__ import annotations

import asyncio
import gzip
from types import TracebackType
from typing import Self

from etcdtui.demo.cluster import HOST

BOUNDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024)


class MetricsText:
    """The metrics of one member, changed between two scrapes as a test likes.

    ``observe(name, seconds, count)`` adds to a histogram, ``values`` are plain series, ``answers`` counts gRPC codes.
    """

    def __init__(self, member_id: int, *, cluster_version: str = "3.6") -> None:
        self.member_id = member_id
        self.cluster_version = cluster_version
        self.values: dict[str, float] = {"process_start_time_seconds": 1000.0}
        self.answers: dict[str, int] = {}
        self._histograms: dict[tuple[str, str], list[int]] = {}

    def observe(self, name: str, seconds: float, count: int = 100, *, peer: str = "") -> None:
        buckets = self._histograms.setdefault((name, peer), [0] * (len(BOUNDS) + 1))
        for index, bound in enumerate((*BOUNDS, float("inf"))):
            buckets[index] += count if seconds <= bound else 0

    def text(self) -> str:
        lines = [
            "# TYPE etcd_server_id gauge",
            f'etcd_server_id{{server_id="{self.member_id:x}"}} 1',
            "# TYPE etcd_cluster_version gauge",
            f'etcd_cluster_version{{cluster_version="{self.cluster_version}"}} 1',
        ]
        for name, value in self.values.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}" if value < 1e6 else f"{name} {value:.0f}"]
        for (name, peer), buckets in self._histograms.items():
            to = f'To="{peer}",' if peer else ""
            lines.append(f"# TYPE {name} histogram")
            for bound, count in zip((*BOUNDS, "+Inf"), buckets, strict=True):
                lines.append(f'{name}_bucket{{{to}le="{bound}"}} {count}')
            labels = f'{{To="{peer}"}}' if peer else ""
            lines += [f"{name}_sum{labels} 0", f"{name}_count{labels} {buckets[-1]}"]
        lines.append("# TYPE grpc_server_handled_total counter")
        for code, count in self.answers.items():
            labels = f'grpc_code="{code}",grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"'
            lines.append(f"grpc_server_handled_total{{{labels}}} {count}")
        return "\n".join(lines) + "\n"


class MetricsServer:
    """Serves a text at ``/metrics`` and 404 elsewhere; ``await`` it in a ``with``. ``status`` may be another."""

    def __init__(self, text: MetricsText) -> None:
        self.text = text
        self.status = 200
        self.asked: list[str] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(head.split()[1].decode())
                await self.hold.wait()
                found = self.asked[-1] == "/metrics"
                body = gzip.compress(self.text.text().encode()) if found else b"404 page not found\n"
                packed = b"Content-Encoding: gzip\r\n" if found else b""
                status = self.status if found else 404
                writer.write(b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n" % (status, packed, len(body)) + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
