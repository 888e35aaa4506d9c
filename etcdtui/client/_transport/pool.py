"""The connections in use: probing, the watchdog for silent members, the cluster-ID check, endpoint-addressed calls.

A probe is one Status call: any answer, even a refusal, shows that the member is reachable; a full one also tells its
cluster, whether it is a learner and whether it knows a leader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container

from etcdtui.client._transport.balancer import Balancer, Slot, Tier
from etcdtui.client._transport.channels import endpoint_of
from etcdtui.client._transport.connection import Cancellable, Connection, Metadata
from etcdtui.client._transport.failures import failure_of
from etcdtui.client._transport.shelter import breaks_off_badly
from etcdtui.client._transport.tls import TlsMaterial, load_material
from etcdtui.client._transport.tls_probe import explain_plain, explain_protocol, explain_tls
from etcdtui.client._wire import methods
from etcdtui.client._wire.endpoints import Endpoint, parse_endpoints
from etcdtui.client._wire.versions import tells_progress_early
from etcdtui.client.options import ClientOptions
from etcdtui.core import errors as e
from etcdtui.core.safe_text import safe_text
from etcdtui.core.tasks import background
from etcdtui.pb import rpc_pb2

__all__ = ["Pool"]

LOG = logging.getLogger("etcdtui.client")

TICK = 0.25
"""Seconds between looks at reads in flight; a member silent for a whole tick is probed."""
SILENT_PROBE = 0.5
"""Seconds a connected member has to answer a probe before its reads are moved elsewhere."""
CONNECT_PROBE = 3.0
"""Seconds a probe may take to connect, at least; a dial timeout above that counts instead."""
SLOWER = 3.0
"""Round trips that a probe of a connected member may take, where that is more."""
EXPLAIN_AGAIN = 1.0
"""Seconds for which a reason that was found is told again without another handshake."""
GREETING_GRACE = 0.25
"""Seconds the first call waits for the other endpoints, so that a wrong cluster is found before anything is written."""
MAX_EXTRA = 64
"""Connections kept to endpoints that are not in the configured set."""
_DRAIN = 5.0
"""Seconds that calls in flight get on an endpoint that was taken out."""


class Pool:
    """``metadata`` gives what a probe sends along (the token)."""

    def __init__(self, options: ClientOptions, metadata: Callable[[], Metadata | None]) -> None:
        self.options = options
        self.cluster_id = 0
        self.balancer: Balancer[Connection] = Balancer()
        self._metadata = metadata
        self._material: TlsMaterial | None = None
        self._extra: dict[str, Connection] = {}
        self._probes: dict[Slot[Connection], asyncio.Task[None]] = {}
        self._draining: dict[Connection, asyncio.Task[None]] = {}
        self._faults: dict[str, e.EtcdError] = {}
        self._foreign: dict[str, str] = {}
        self._leads_to: dict[str, int] = {}
        """The cluster that answered last at each endpoint."""
        self._timer: asyncio.TimerHandle | None = None
        self._seen: dict[Connection, tuple[int, frozenset[Cancellable]]] = {}
        self._explained: dict[str, tuple[float, e.EtcdError | None]] = {}
        self._greeted = False
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self.set_endpoints(options.endpoints)

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(slot.name for slot in self.balancer.slots)

    def set_endpoints(self, texts: tuple[str, ...]) -> None:
        """Takes ``texts`` into use at once; those left out finish their calls and are closed."""
        parsed = [endpoint_of(self.options, one.text) for one in parse_endpoints(texts)]
        old = {slot.name: slot for slot in self.balancer.slots}
        slots = tuple(old.pop(p.text) if p.text in old else Slot(p.text, self._connect(p)) for p in parsed)
        self.balancer.replace(slots)
        self._foreign.clear()
        for slot in old.values():
            self._faults.pop(slot.name, None)
            for stream in tuple(slot.item.streams):
                stream.abort()
            self._drain(slot.item)

    def quick(self, avoid: Container[str] = ()) -> Slot[Connection] | None:
        """A connected endpoint without waiting, or ``None``; starts probes of others that are due."""
        balancer = self.balancer
        if not self._greeted:
            return None
        if not balancer.all_good:
            self._probe_due()
        if self._foreign:
            raise self.why()
        for _ in balancer.slots:
            slot = balancer.pick(avoid)
            if slot is None:
                return None
            if slot.item.ready():
                return slot
            balancer.stale(slot)
            self._probe_due()
        return None

    async def acquire(self, avoid: Container[str], until: float | None) -> Slot[Connection]:
        """A connected endpoint, probing all that may be probed. Raises why none is there. ``until`` is loop time."""
        first = not self._greeted
        self._probe_due()
        while True:
            self._greeted = True
            slot = self.quick(avoid)
            if slot is not None:
                if first and self._probes:
                    self._greeted = False
                    await asyncio.wait(self._probes.values(), timeout=GREETING_GRACE)
                    first = False
                    continue
                return slot
            if not self._probes:
                raise self.why()
            left = None if until is None else max(0.0, until - self._loop.time())
            await asyncio.wait(self._probes.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if left is not None and self._loop.time() >= (until or 0.0):
                slot = self.quick(avoid)
                if slot is None:
                    raise self.why()
                return slot

    def lost(self, slot: Slot[Connection]) -> None:
        """A call on ``slot`` found its member unreachable or silent."""
        self.balancer.failed(slot, self._loop.time())

    def find(self, endpoint: str) -> Connection:
        """The connection for one endpoint, in use or made for the purpose; its channel may still have to be opened."""
        for slot in self.balancer.slots:
            if slot.name == endpoint:
                return slot.item
        parsed = endpoint_of(self.options, endpoint)
        for slot in self.balancer.slots:
            if slot.item.endpoint.address == parsed.address and slot.name.split("://")[0] == endpoint.split("://")[0]:
                return slot.item
        found = self._extra.get(parsed.text)
        if found is None:
            if len(self._extra) >= MAX_EXTRA:
                oldest = next((n for n, c in self._extra.items() if not c.pending and not c.streams), None)
                if oldest is not None:
                    self._drain(self._extra.pop(oldest))
            found = self._extra[parsed.text] = self._connect(parsed)
        return found

    def name_of(self, member_id: int) -> str:
        """The endpoint at which a probe met the member; empty when none did."""
        return next((s.name for s in self.balancer.slots if s.item.member_id == member_id), "")

    def leads_to(self, endpoint: str) -> int:
        """The ID of the cluster that answered last at the endpoint, 0 when none did."""
        return self._leads_to.get(endpoint, 0)

    def check_cluster(self, cluster_id: int, endpoint: str) -> None:
        """The first cluster seen is the client's; another one is an error."""
        if cluster_id == 0:
            return
        self._leads_to[endpoint] = cluster_id
        if cluster_id == self.cluster_id:
            return
        if self.cluster_id == 0:
            self.cluster_id = cluster_id
            return
        others = [name for name in self.endpoints if self._leads_to.get(name) == self.cluster_id]
        where = ", ".join(others) or "before"
        text = f"it leads to cluster {cluster_id:x}, {where} to cluster {self.cluster_id:x}"
        if endpoint in self.endpoints:
            self._foreign[endpoint] = text
        raise e.ClusterMismatch(text, endpoint=endpoint)

    def watch_silence(self) -> None:
        """Arms the watchdog; it disarms itself when nothing is in flight."""
        if self._timer is None and not self.closed:
            self._timer = self._loop.call_later(TICK, self._tick)

    async def explain(self, connection: Connection, error: e.EtcdError, until: float | None = None) -> e.EtcdError:
        """A better reason for a failed connection, where one plain TLS handshake finds it; ``until`` is loop time."""
        if _names_no_host(error):  # gRPC's own words for a certificate without alternative names
            error = e.Unavailable(error.message, endpoint=connection.name, code=error.code, applied="no")
        elif not isinstance(error, e.Unavailable) or isinstance(error, e.TlsError) or connection.ready():
            return error
        now = self._loop.time()
        told_at, told = self._explained.get(connection.name, (float("-inf"), None))
        if now - told_at < EXPLAIN_AGAIN and told is not None:
            return told
        try:
            await connection.reload_if_changed()
        except e.EtcdError as broken:
            return broken
        reason = await self._reason(connection, error, until)
        self._explained[connection.name] = (now, reason)
        is_news = reason is not None and (told is None or told.message != reason.message)
        if reason is not None and is_news and LOG.hasHandlers():  # without one Python would write to the terminal
            LOG.warning("%s: %s", connection.name, safe_text(reason.message, limit=2000).text)
        return reason or error

    async def _reason(
        self, connection: Connection, error: e.EtcdError, until: float | None
    ) -> e.TlsError | e.NotEtcd | None:
        timeout = min(self.options.dial_timeout or CONNECT_PROBE, CONNECT_PROBE)
        if until is not None:
            timeout = min(timeout, until - self._loop.time())
        if timeout <= 0 or "connection refused" in error.message.lower():
            return None
        endpoint, material = connection.endpoint, connection.material
        try:
            if material is not None:
                pinned = connection.pin.digest if connection.pin is not None else None
                words = await explain_tls(endpoint, material, timeout, pinned=pinned)
            else:
                words = await explain_plain(endpoint, timeout)
            if words is not None:
                return e.TlsError(words, endpoint=connection.name, code=error.code)
            words = await explain_protocol(endpoint, material, timeout)
        except (OSError, ValueError, TimeoutError):
            return None
        return None if words is None else e.NotEtcd(words, endpoint=connection.name, code=error.code)

    async def aclose(self) -> None:
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        tasks = [*self._probes.values(), *self._draining.values()]
        for task in tasks:
            task.cancel()
        connections = (*(slot.item for slot in self.balancer.slots), *self._extra.values(), *self._draining)
        await asyncio.gather(*(connection.aclose() for connection in connections))
        await asyncio.gather(*tasks, return_exceptions=True)

    def _connect(self, endpoint: Endpoint) -> Connection:
        secure = endpoint.uses_tls(self.options.tls is not None)
        if secure and self._material is None:
            self._material = load_material(self.options.tls)
        return Connection(endpoint, self.options, self._material if secure else None)

    def _drain(self, connection: Connection) -> None:
        task = background(connection.drain(_DRAIN), f"etcd drain {connection.name}")
        self._draining[connection] = task
        task.add_done_callback(lambda _: self._draining.pop(connection, None))

    def why(self) -> e.EtcdError:
        """Why no endpoint can be used; a TLS refusal outranks a refused connection."""
        for name, text in self._foreign.items():
            return e.ClusterMismatch(text, endpoint=name)
        faults = [self._faults[name] for name in self.endpoints if name in self._faults]
        if not faults:
            return e.Unavailable("no endpoint answers", applied="no")
        if all(isinstance(f, (e.TlsError, e.ConfigError, e.NotEtcd)) for f in faults):
            return faults[0]
        lines = list(dict.fromkeys(f"{f.endpoint}: {f.message}" for f in faults))
        return e.Unavailable("no endpoint can be reached; " + "; ".join(lines[:5]), applied="no", code=faults[0].code)

    def _probe_due(self) -> None:
        for slot in self.balancer.due(self._loop.time()):
            self._probe(slot, max(CONNECT_PROBE, self.options.dial_timeout))

    def _probe(self, slot: Slot[Connection], timeout: float) -> None:
        if slot in self._probes or self.closed:
            return
        task = background(self._ask(slot, timeout), f"etcd probe {slot.name}")
        self._probes[slot] = task
        task.add_done_callback(lambda _: self._probes.pop(slot, None))

    async def _ask(self, slot: Slot[Connection], timeout: float) -> None:
        connection = slot.item
        try:
            tier = await self._status_tier(connection, timeout)
        except e.ClusterMismatch:
            self.balancer.failed(slot, self._loop.time())
        except e.EtcdError as error:
            reason = await self.explain(connection, error)
            self._faults[slot.name] = reason
            self.balancer.failed(slot, self._loop.time())
            if connection.greeted and self.balancer.pick() is not None:
                connection.evict()
        else:
            self._faults.pop(slot.name, None)
            self._foreign.pop(slot.name, None)
            self.balancer.answered(slot, tier, self._loop.time())
            if tier is Tier.LEADERLESS and (other := self.balancer.pick()) is not None and other.tier is Tier.GOOD:
                connection.evict()

    async def _status_tier(self, connection: Connection, timeout: float) -> Tier:
        await connection.open(timeout)
        stood, began = connection.ready(), self._loop.time()
        call = connection.call_for(methods.STATUS)(rpc_pb2.StatusRequest(), timeout=timeout, metadata=self._metadata())
        try:
            status = await call
        except Exception as error:  # noqa: BLE001 - failure_of re-raises what is not gRPC's
            failure = failure_of(error, connection.name)
            if not failure.from_server:
                raise failure.error from None
            connection.answers += 1
            connection.greeted = True
            return Tier.LEARNER if isinstance(failure.error, e.LearnerRefused) else Tier.GOOD
        if stood:
            connection.rtt = self._loop.time() - began
        connection.answers += 1
        connection.greeted = True
        connection.member_id = status.header.member_id
        connection.fragile = breaks_off_badly(status.version)
        connection.hasty = tells_progress_early(status.version)
        self.check_cluster(status.header.cluster_id, connection.name)
        if status.isLearner:
            return Tier.LEARNER
        return Tier.GOOD if status.leader else Tier.LEADERLESS

    def _tick(self) -> None:
        self._timer = None
        busy = False
        slots = self.balancer.slots
        for slot in slots:
            connection = slot.item
            if not connection.pending:
                self._seen.pop(connection, None)
                continue
            busy = True
            answers, calls = self._seen.get(connection, (-1, frozenset()))
            if answers == connection.answers and not calls.isdisjoint(connection.pending) and len(slots) > 1:
                self._probe(slot, max(SILENT_PROBE, SLOWER * connection.rtt))
            self._seen[connection] = (connection.answers, frozenset(connection.pending))
        if busy:
            self.watch_silence()


def _names_no_host(error: e.EtcdError) -> bool:
    """gRPC finds out with each call, not with the handshake, that a certificate has no alternative name."""
    return "does not match ssl server name" in error.message.lower()
