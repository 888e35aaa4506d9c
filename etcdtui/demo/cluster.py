"""Real etcd members on free loopback ports, in a folder that goes away with them.

Used by the demo and by the tests. Nothing here belongs to an event loop: a cluster started under one loop may be used
and closed under another.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from etcdtui.core.value import record
from etcdtui.demo.binary import Binary, find_binary
from etcdtui.demo.process import Keeper, Process, ProcessError

HOST = "127.0.0.1"
START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0
HTTP_TIMEOUT = 2.0
POLL = 0.02
PORT_ATTEMPTS = 3
PORT_PAUSE = 0.5
TIMING_ALONE = ("--heartbeat-interval=20", "--election-timeout=100")
TIMING_TOGETHER = ("--heartbeat-interval=100", "--election-timeout=500")


class ClusterError(Exception):
    """A member did not start or did not become healthy; ``str()`` ends with the end of its log."""


class PortTaken(ClusterError):
    """Somebody else took a port between its choice and the start of the member."""


@record()
class ServerTls:
    """PEM files for the client port; with ``ca`` the server asks for client certificates signed by it."""

    cert: Path
    key: Path
    ca: Path | None = None

    def flags(self) -> list[str]:
        flags = [f"--cert-file={self.cert}", f"--key-file={self.key}"]
        if self.ca:
            flags += [f"--trusted-ca-file={self.ca}", "--client-cert-auth"]
        return flags


def free_ports(count: int) -> list[int]:
    """Ports that were free on loopback a moment ago, all different."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            sock = held.enter_context(socket.socket())
            sock.bind((HOST, 0))
            ports.append(int(sock.getsockname()[1]))
        return ports


async def http_get(port: int, path: str, timeout: float = HTTP_TIMEOUT) -> tuple[int, bytes]:
    """Status and body of a plain GET on loopback; raises ``OSError`` (also a timeout) when nobody answers."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), body


class Member:
    """One etcd process with fixed ports and data, through any number of starts."""

    def __init__(self, cluster: Cluster, name: str, *, state: str = "new") -> None:
        self._cluster = cluster
        self.name = name
        self.state = state
        self.client_port, self.peer_port, self.metrics_port = free_ports(3)
        self.process: Process | None = None

    @property
    def endpoint(self) -> str:
        return f"{HOST}:{self.client_port}"

    @property
    def client_url(self) -> str:
        return f"{'https' if self._cluster.tls else 'http'}://{self.endpoint}"

    @property
    def peer_url(self) -> str:
        return f"http://{HOST}:{self.peer_port}"

    @property
    def data_dir(self) -> Path:
        return self._cluster.folder / self.name

    @property
    def log_path(self) -> Path:
        return self._cluster.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def _started(self) -> Process:
        if self.process is None:
            raise ClusterError(f"{self.name} was never started")
        return self.process

    def argv(self) -> list[str]:
        cluster = self._cluster
        urls = ",".join(f"{m.name}={m.peer_url}" for m in cluster.members)
        argv = [
            str(cluster.binary.etcd),
            f"--name={self.name}",
            f"--data-dir={self.data_dir}",
            f"--listen-client-urls={self.client_url}",
            f"--advertise-client-urls={self.client_url}",
            f"--listen-peer-urls={self.peer_url}",
            f"--initial-advertise-peer-urls={self.peer_url}",
            f"--listen-metrics-urls=http://{HOST}:{self.metrics_port}",
            f"--initial-cluster={urls}",
            f"--initial-cluster-state={self.state}",
            f"--initial-cluster-token={cluster.token}",
            "--logger=zap",
            *(TIMING_ALONE if len(cluster.members) == 1 else TIMING_TOGETHER),
        ]
        if cluster.binary.has_unsafe_no_fsync:
            argv.append("--unsafe-no-fsync")
        if cluster.tls:
            argv += cluster.tls.flags()
        return argv + list(cluster.flags)

    def launch(self) -> None:
        """Start the process and return at once; it keeps ports and data of earlier starts."""
        self.process = self._cluster.keeper.start(self.name, self.argv())

    async def start(self, *, timeout: float = START_TIMEOUT) -> None:
        """Start the process and wait until it is healthy; a port that somebody borrowed meanwhile is waited for."""
        for left in reversed(range(PORT_ATTEMPTS)):
            self.launch()
            try:
                await self.wait_healthy(timeout)
            except PortTaken:
                if not left:
                    raise
                await asyncio.sleep(PORT_PAUSE)
            else:
                break

    async def stop(self) -> None:
        """End it by SIGTERM (also when it is paused), and wait for that."""
        await self._started().end(signal.SIGTERM, STOP_TIMEOUT)

    async def kill(self) -> None:
        """End it by SIGKILL, and wait for that."""
        await self._started().end(signal.SIGKILL, STOP_TIMEOUT)

    async def restart(self, *, timeout: float = START_TIMEOUT) -> None:
        """Stop it if it runs, start it again with the same ports and data, and wait until it is healthy."""
        if self.running:
            await self.stop()
        await self.start(timeout=timeout)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        self._started().send(signal.SIGSTOP)

    def resume(self) -> None:
        self._started().send(signal.SIGCONT)

    async def healthy(self) -> bool:
        """Whether it answers its health check, which is a linearizable read: it is up and there is a leader."""
        try:
            status, body = await http_get(self.metrics_port, "/health")
        except (OSError, ValueError):
            return False
        return status == 200 and b'"true"' in body

    async def wait_healthy(self, timeout: float = START_TIMEOUT) -> None:
        """Wait for health; raises ``ClusterError`` when it ends or is not healthy in ``timeout`` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not await self.healthy():
            if not self.running:
                log = self.log_tail()
                kind = PortTaken if "address already in use" in log else ClusterError
                raise kind(f"{self.name} ended at once: {log}")
            if asyncio.get_running_loop().time() > deadline:
                raise ClusterError(f"{self.name} was not healthy after {timeout:g} s: {self.log_tail()}")
            await asyncio.sleep(POLL)

    async def metrics(self) -> str:
        """Its Prometheus metrics as text."""
        return (await http_get(self.metrics_port, "/metrics"))[1].decode()

    def log_tail(self, size: int = 2000) -> str:
        return self.process.log_tail(size) if self.process else ""


class Cluster:
    """Some members that form one cluster. Use ``async with``, or ``start`` and ``close``.

    Elections are quicker than etcd's defaults, so the smallest lease TTL is 1 s here (2 s with the defaults);
    ``flags`` come last and win.
    """

    def __init__(
        self,
        size: int = 1,
        *,
        binary: Binary | None = None,
        flags: Sequence[str] = (),
        tls: ServerTls | None = None,
        names: str = "m",
    ) -> None:
        self.binary = binary or find_binary()
        self.flags = tuple(flags)
        self.tls = tls
        self._names = names
        self._size = size
        self._open()

    def _open(self) -> None:
        self.keeper = Keeper()
        self.token = self.keeper.folder.name
        self.members: list[Member] = []
        for _ in range(self._size):
            self.add_member()

    @property
    def folder(self) -> Path:
        return self.keeper.folder

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(m.endpoint for m in self.members)

    @property
    def client_urls(self) -> tuple[str, ...]:
        return tuple(m.client_url for m in self.members)

    def add_member(self, *, state: str = "new") -> Member:
        """Choose name and ports of one more member, without starting it.

        To grow a running cluster: ``state="existing"``, tell the cluster ``member.peer_url`` (member add, as a learner
        or not), then ``await member.start()``.
        """
        member = Member(self, f"{self._names}{len(self.members) + 1}", state=state)
        self.members.append(member)
        return member

    async def start(
        self, *, timeout: float = START_TIMEOUT, beside: Callable[[Cluster], None] = lambda _: None
    ) -> Self:
        """Start all members and wait until all are healthy; raises ``ClusterError`` and leaves nothing.

        ``beside`` is called once they are launched, before the wait; again when other ports had to be chosen.
        """
        for attempt in range(PORT_ATTEMPTS):
            try:
                for member in self.members:
                    member.launch()
                beside(self)
                await asyncio.gather(*(m.wait_healthy(timeout) for m in self.members))
            except PortTaken:
                self.close()
                if attempt == PORT_ATTEMPTS - 1:
                    raise
                self._open()
            except BaseException:
                self.close()
                raise
            else:
                return self
        raise ClusterError("no free ports")

    def close(self) -> None:
        """Kill all members and remove the folder; returns when both are done. May be called again."""
        self.keeper.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["Cluster", "ClusterError", "Member", "PortTaken", "ProcessError", "ServerTls", "free_ports", "http_get"]
