"""The client: one object per cluster, made by ``Client.open`` or ``connect``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType

from etcdtui.client._self.autosync import AutoSync
from etcdtui.client._self.version_check import check_versions
from etcdtui.client._transport.call import Caller
from etcdtui.client._transport.calls import Calls, Sender
from etcdtui.client._transport.token import Fresh as Fresh
from etcdtui.client._transport.token import Renew
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client.auth import Auth
from etcdtui.client.cluster import Cluster
from etcdtui.client.concurrency import Concurrency
from etcdtui.client.kv import KV
from etcdtui.client.lease import LeaseClient
from etcdtui.client.maintenance import Maintenance
from etcdtui.client.namespace import NamespacedCalls
from etcdtui.client.observing import Observer
from etcdtui.client.options import ClientOptions
from etcdtui.client.ordering import OrderedCalls
from etcdtui.client.posts import Posts
from etcdtui.client.views import NamespacedClient
from etcdtui.client.watch import WatchHub
from etcdtui.core.types import WriteGate


class Client:
    """All of etcd v3 behind one set of connections. Use it from the event loop it was opened on."""

    def __init__(
        self,
        options: ClientOptions,
        write_gate: WriteGate | None = None,
        observer: Observer | None = None,
        renew: Renew | None = None,
        *,
        sender: Sender | None = None,
    ) -> None:
        """``sender`` answers instead of a cluster: a file, as ``offline`` opens it."""
        self.options = options
        own: Sender = Caller(options, write_gate, observer, renew) if sender is None else sender
        self._sender = own
        if isinstance(own, Caller):  # a client of a file has none
            self.caller = own
        calls: Calls = NamespacedCalls(own, options.namespace) if options.namespace else own
        self._calls = calls
        self._posts = Posts(own)
        self.posts = self._posts.below(options.namespace)
        """Where the keys lie, as far as that is known."""
        self.kv = KV(calls, self.posts)
        self.lease = LeaseClient(calls)
        self._watches = WatchHub(calls)
        self.watch = self._watches.watch
        self.concurrency = Concurrency(self, calls)
        self._views: dict[bytes, NamespacedClient] = {}
        self.cluster = Cluster(own)
        self.maintenance = Maintenance(own)
        self.auth = Auth(own)
        self._autosync = AutoSync(own, self.cluster, self.maintenance, own.endpoints)

    @classmethod
    async def open(
        cls,
        options: ClientOptions | None = None,
        *,
        write_gate: WriteGate | None = None,
        observer: Observer | None = None,
        renew: Renew | None = None,
    ) -> Client:
        """Checks the options and logs in if there are credentials; without them nothing is sent yet.

        ``write_gate`` is asked before every write, ``observer`` is told of every request that was sent. ``renew`` reads
        password or token again when etcd refuses them.
        """
        client = cls(options or ClientOptions(), write_gate, observer, renew)
        try:
            await client._sender.login(client.options.dial_timeout)
            if client.options.reject_old_cluster:
                await check_versions(client.maintenance, client.endpoints, client.options.dial_timeout)
            if client.options.auto_sync_interval:
                client._autosync.start(client.options.auto_sync_interval)
        except BaseException:
            await client.aclose()
            raise
        return client

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints in use now."""
        return self._sender.endpoints

    @property
    def revision(self) -> int:
        """The newest revision that any answer told so far, 0 before the first; events of watches do not count."""
        return self._sender.revision

    @property
    def cluster_id(self) -> int:
        """The cluster that answered first, whose client this is; 0 before any answer."""
        return self._sender.pool.cluster_id if isinstance(self._sender, Caller) else 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """What was sent, or would be, to log in; renewed ones and those of the options."""
        return self._sender.tokens.secrets

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token: not before a login, and not where authentication is off."""
        return self._sender.tokens.current is not None

    def leads_to(self, endpoint: str) -> int:
        """The ID of the cluster that answered last at one of the endpoints; 0 when none did."""
        return self._sender.pool.leads_to(endpoint) if isinstance(self._sender, Caller) else 0

    def set_endpoints(self, *endpoints: str | Iterable[str]) -> None:
        """Replaces the endpoints, seeds of the synchronisation included; calls in flight on those left out finish."""
        flat: list[str] = []
        for given in endpoints:
            flat.extend([given] if isinstance(given, str) else given)
        self._sender.set_endpoints(tuple(flat))
        self._autosync.seeds = self._sender.endpoints

    async def sync(self, timeout: float | None = None) -> tuple[str, ...]:
        """Adopts the reachable client URLs of all started voters, keeping the configured endpoints; returns the result.

        Learners stay out; a URL is taken only if a member of this very cluster answers there. ``timeout`` is in seconds
        (``None``: 9 s, 0: no limit); when it passes nothing changes.
        """
        return await self._autosync.sync(timeout)

    def namespaced(self, prefix: KeyLike) -> NamespacedClient:
        """The keys below ``prefix`` as if they were the whole store: ``kv``, ``watch``, ``lease`` and ``concurrency``.

        Asked again for the same prefix it is the same object; it lives as long as this client.
        """
        view = self._views.get(to_bytes(prefix))
        if view is None:
            view = self._views[to_bytes(prefix)] = NamespacedClient(self._calls, prefix, self.posts)
        return view

    def ordered(self) -> KV:
        """Keys and values with reads that never go back in time, for serializable reads; ``StaleRead`` if they must."""
        return KV(OrderedCalls(self._calls), self.posts)

    async def aclose(self) -> None:
        """Ends everything at once; whatever still waits raises ``ClosedError``. Safe to repeat."""
        self._sender.refuse_new()
        await self._posts.aclose()
        for view in self._views.values():
            await view.aclose()
        await self._watches.aclose()
        await self.lease.aclose()
        await self._autosync.aclose()
        await self._sender.aclose()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


@asynccontextmanager
async def connect(
    options: ClientOptions | None = None, *, write_gate: WriteGate | None = None, observer: Observer | None = None
) -> AsyncIterator[Client]:
    """``async with connect(options) as client``: opened, and closed at the end."""
    client = await Client.open(options, write_gate=write_gate, observer=observer)
    try:
        yield client
    finally:
        await client.aclose()
