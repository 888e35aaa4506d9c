"""Keys that live on a lease: what a running service, a lock's owner or a candidate leaves in etcd."""

from __future__ import annotations

import json

from etcdtui.client import Client, Op
from etcdtui.core.errors import EtcdError, LeaseNotFound
from etcdtui.core.ranges import prefix_range
from etcdtui.core.value import record

SERVICE_TTL = 15
LOCK_TTL = 20
SESSION_TTL = 3_600

LOCK = b"/locks/deploy/"
ELECTION = b"/elections/scheduler/"


@record(frozen=False)
class Presence:
    """Some keys on one lease of ``ttl`` seconds; an empty name stands for the lease's ID, as in etcd's recipes."""

    folder: bytes
    name: bytes
    value: bytes
    ttl: int
    health: bytes = b""
    lease: int = 0

    @property
    def key(self) -> bytes:
        """The main key; lock and election keys end in the lease ID as hex without padding."""
        return self.folder + (self.name or b"%x" % self.lease)

    def pairs(self) -> list[tuple[bytes, bytes]]:
        return [(self.key, self.value), *([(self.key + b"/health", self.health)] if self.health else [])]

    async def enter(self, client: Client) -> None:
        """Take a new lease and put the keys on it."""
        self.lease = (await client.lease.grant(self.ttl)).id
        await self._write(client)

    async def renew(self, client: Client) -> None:
        """Renew the lease; enter again when it is gone."""
        try:
            ttl = await client.lease.keep_alive_once(self.lease) if self.lease else 0
        except LeaseNotFound:
            ttl = 0
        if ttl <= 0:
            await self.enter(client)

    async def step_back(self, client: Client) -> None:
        """Give up the place in the queue and line up at its end, on the same lease."""
        await client.kv.delete(self.key)
        await self._write(client)

    async def _write(self, client: Client) -> None:
        """Put the keys; when that fails the lease is given up, so that the next renewal starts afresh."""
        try:
            await client.kv.txn(success=[Op.put(key, value, lease=self.lease) for key, value in self.pairs()])
        except EtcdError:
            self.lease = 0
            raise


def service(name: str, address: str, zone: str) -> Presence:
    value = json.dumps({"address": address, "zone": zone, "version": "1.20.0", "weight": 100}).encode()
    return Presence(f"/services/{name}/".encode(), address.encode(), value, SERVICE_TTL, health=b"passing")


def everybody() -> list[Presence]:
    """Three services with their instances, a lock with two that wait, an election with two candidates, a session."""
    zones = ("a", "b", "c")
    services = [
        service(name, f"10.0.{subnet}.{host}:8080", zones[host % 3])
        for subnet, (name, count) in enumerate((("cart", 3), ("search", 2), ("users", 2)), start=1)
        for host in range(11, 11 + count)
    ]
    waiting = [Presence(LOCK, b"", b"", LOCK_TTL) for _ in range(3)]
    candidates = [Presence(ELECTION, b"", f"node-{zone}".encode(), LOCK_TTL) for zone in zones[:2]]
    return [*services, *waiting, *candidates, Presence(b"/sessions/", b"ada", b'{"user": "ada"}', SESSION_TTL)]


async def first_of(client: Client, folder: bytes) -> bytes | None:
    """The key that holds a lock or leads an election: the one created first; ``None`` when nobody does."""
    key, end = prefix_range(folder)
    answer = await client.kv.get(key, range_end=end, sort_target="create", sort_order="ascend", limit=1, keys_only=True)
    return answer.kvs[0].key if answer.kvs else None
