"""Services by name: who offers one, and where; in the form of Go's ``clientv3/naming/endpoints``.

Each endpoint is a key ``<target>/<name>`` whose value is a JSON object with ``Op``, ``Addr`` and ``Metadata``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from types import TracebackType

from etcdtui.client._transport.deadline import Deadline
from etcdtui.client._transport.stream_policy import Backoff
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client.cache import Cache, CacheChanges
from etcdtui.client.concurrency.session import Session
from etcdtui.client.shape import EtcdClient
from etcdtui.client.txn import Op
from etcdtui.core import errors
from etcdtui.core.tasks import background
from etcdtui.core.types import Ack, KeyValue
from etcdtui.core.value import Value

DEFAULT_TTL = 10
"""Seconds after which an endpoint that is not renewed is gone."""
FIRST_PAUSE = 0.1
PAUSE_CAP = 2.0


class ServiceEndpoint(Value):
    """Where a service is reached; ``metadata`` is anything that JSON can hold."""

    address: str
    metadata: object = None


Found = dict[str, ServiceEndpoint]


class Naming:
    """The endpoints of one target: ``Naming(client, "services/web")``. Names are what follows ``target`` and a ``/``.

    What stands there and is no endpoint is passed over. ``timeout`` is in seconds, ``None`` the command timeout, 0 no
    limit.
    """

    def __init__(self, client: EtcdClient, target: KeyLike) -> None:
        self.target = to_bytes(target, "the target")
        if not self.target:
            raise ValueError("a target is needed")
        self._client = client

    async def add(
        self, name: str, address: str, metadata: object = None, *, lease: int = 0, timeout: float | None = None
    ) -> Ack:
        """Put one endpoint, in place of one of the same name; with ``lease`` it goes when that does."""
        return await self.update({name: ServiceEndpoint(address, metadata)}, lease=lease, timeout=timeout)

    async def remove(self, name: str, *, timeout: float | None = None) -> Ack:
        return await self.update(remove=(name,), timeout=timeout)

    async def update(
        self,
        add: Mapping[str, ServiceEndpoint] | None = None,
        remove: Iterable[str] = (),
        *,
        lease: int = 0,
        timeout: float | None = None,
    ) -> Ack:
        """Several changes at once, all or none."""
        ops = [Op.put(self._key(name), _encoded(endpoint), lease=lease) for name, endpoint in (add or {}).items()]
        ops += [Op.delete(self._key(name)) for name in remove]
        return Ack((await self._client.kv.txn(success=ops, timeout=timeout)).header)

    async def list(self, *, serializable: bool = False, timeout: float | None = None) -> Found:
        """All endpoints by name."""
        found = await self._client.kv.get(self._key(""), prefix=True, serializable=serializable, timeout=timeout)
        return self._found(found.kvs)

    def watch(self, timeout: float | None = None) -> NamingWatch:
        """``async with naming.watch() as live``: ``live.now``, and ``async for found in live`` after each change.

        ``timeout`` is for entering; lost connections and compactions are waited out.
        """
        return NamingWatch(self, Cache(self._client, self._key(""), prefix=True, timeout=timeout))

    def registered(
        self, name: str, address: str, metadata: object = None, *, ttl: int = DEFAULT_TTL, timeout: float | None = None
    ) -> Registration:
        """``async with naming.registered("web-1", "10.0.0.7:80")``: an endpoint as long as the block runs.

        It is gone at the end, or ``ttl`` seconds after the process died. When its lease is lost all the same (a network
        that was away for longer), it is put again as soon as possible. ``timeout`` is for entering.
        """
        return Registration(self, name, ServiceEndpoint(address, metadata), ttl, timeout)

    def _key(self, name: str) -> bytes:
        return self.target + b"/" + name.encode()

    def _found(self, pairs: Iterable[KeyValue]) -> Found:
        found: Found = {}
        for kv in pairs:
            endpoint = _decoded(kv.value)
            if endpoint is not None:
                found[kv.key[len(self.target) + 1 :].decode(errors="replace")] = endpoint
        return found


class NamingWatch:
    """The endpoints of a target as they are now. Iterating gives them at once, then after each change; who reads slowly
    gets the newest only."""

    def __init__(self, naming: Naming, cache: Cache) -> None:
        self._naming = naming
        self._cache = cache
        self._changes: CacheChanges | None = None
        self._shown: Found | None = None

    async def __aenter__(self) -> NamingWatch:
        await self._cache.__aenter__()
        self._changes = self._cache.changes()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._cache.aclose()

    @property
    def now(self) -> Found:
        return self._naming._found(self._cache.items())

    def __aiter__(self) -> NamingWatch:
        return self

    async def __anext__(self) -> Found:
        if self._changes is None:
            raise RuntimeError("use it as: async with naming.watch() as live")
        while self._shown is not None and self.now == self._shown:
            try:
                await anext(self._changes)
            except errors.WatchOverflow:
                self._changes = self._cache.changes()  # only what is there in the end counts
        self._shown = self.now
        return dict(self._shown)


class Registration:
    """One endpoint that stands as long as its block; ``session`` is the one that keeps it now."""

    def __init__(self, naming: Naming, name: str, endpoint: ServiceEndpoint, ttl: int, timeout: float | None) -> None:
        self.session: Session | None = None
        self._naming, self._name, self._endpoint = naming, name, endpoint
        self._ttl, self._timeout = ttl, timeout
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Registration:
        if self._keeping is not None:
            raise RuntimeError("a registration is entered once")
        self.session = await self._register(self._timeout)
        self._keeping = background(self._keep(self.session), f"etcd endpoint {self._name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self.session is not None:
            try:
                await self.session.close()
            except errors.EtcdError:
                pass  # the lease takes the endpoint with it

    async def _register(self, timeout: float | None) -> Session:
        deadline = Deadline(timeout or 0.0)
        session = await Session(self._naming._client, self._ttl).start(timeout)
        try:
            left = timeout if deadline.at is None else deadline.left(applied="maybe")
            await self._naming.update({self._name: self._endpoint}, lease=session.lease_id, timeout=left)
        except BaseException:
            await session.orphan()
            raise
        return session

    async def _keep(self, session: Session) -> None:
        pause = Backoff(FIRST_PAUSE, PAUSE_CAP)
        while True:
            await session.done.wait()
            try:
                self.session = session = await self._register(None)
                pause.reset()
            except errors.ClosedError:
                return
            except errors.EtcdError:
                await asyncio.sleep(pause.next())


def _encoded(endpoint: ServiceEndpoint) -> bytes:
    if not endpoint.address and endpoint.metadata is None:
        raise errors.BadArgument("an endpoint needs an address or metadata")
    try:
        text = json.dumps({"Op": 0, "Addr": endpoint.address, "Metadata": endpoint.metadata})
    except (TypeError, ValueError) as error:
        raise errors.BadArgument(f"the metadata cannot be written as JSON: {error}") from None
    return text.encode()


def _decoded(value: bytes) -> ServiceEndpoint | None:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    named = {str(key).lower(): item for key, item in found.items()}  # Go reads the names in any case
    address = named.get("addr", "")
    return ServiceEndpoint(address, named.get("metadata")) if isinstance(address, str) else None
