"""The client: one object per cluster, made by ``Client.open`` or ``connect``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

from etcdtui.client.call import Caller
from etcdtui.client.cluster import Cluster
from etcdtui.client.kv import KV
from etcdtui.client.maintenance import Maintenance
from etcdtui.client.options import ClientOptions
from etcdtui.core.types import WriteGate


class Client:
    """All of etcd v3 behind one set of connections. Use it from the event loop it was opened on."""

    def __init__(self, options: ClientOptions, write_gate: WriteGate | None = None) -> None:
        self.options = options
        self.caller = Caller(options, write_gate)
        self.kv = KV(self.caller)
        self.cluster = Cluster(self.caller)
        self.maintenance = Maintenance(self.caller)

    @classmethod
    async def open(cls, options: ClientOptions | None = None, *, write_gate: WriteGate | None = None) -> Client:
        """Checks the options and logs in if there are credentials; without them nothing is sent yet."""
        client = cls(options or ClientOptions(), write_gate)
        try:
            await client.caller.login(client.options.dial_timeout)
        except BaseException:
            await client.aclose()
            raise
        return client

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints in use now."""
        return self.caller.endpoints

    def set_endpoints(self, *endpoints: str) -> None:
        """Replaces the endpoints; calls in flight on those left out are finished first."""
        self.caller.pool.set_endpoints(endpoints)

    async def aclose(self) -> None:
        """Ends everything at once; whatever still waits raises ``ClosedError``. Safe to repeat."""
        await self.caller.aclose()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


@asynccontextmanager
async def connect(
    options: ClientOptions | None = None, *, write_gate: WriteGate | None = None
) -> AsyncIterator[Client]:
    """``async with connect(options) as client``: opened, and closed at the end."""
    client = await Client.open(options, write_gate=write_gate)
    try:
        yield client
    finally:
        await client.aclose()
