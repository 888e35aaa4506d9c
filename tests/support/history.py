"""A cluster with a history of everything, and what it saved: the two sides of every test of a snapshot."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from etcdtui.client import Client, ClientOptions, Op, connect
from etcdtui.core.types import AlarmType, Permission, PermissionType
from tests.support.server import Server

ROOT = "root"
PASSWORD = "only-for-this-test"
KEYS = (
    [b"/app/%d" % i for i in range(12)] + [b"/app/deep/%d" % i for i in range(5)] + [b"/zoo", b"\x00\xff", b"a", b"a\0"]
)


@dataclass
class Story:
    """``revisions`` may all be read: from the compacted one to the newest."""

    server: Server
    path: Path
    compacted: int
    newest: int
    leases: dict[int, int]

    @property
    def revisions(self) -> range:
        return range(self.compacted, self.newest + 1)

    @asynccontextmanager
    async def live(self) -> AsyncIterator[Client]:
        """A client of the cluster that was saved; it has changed nothing since."""
        options = ClientOptions(endpoints=self.server.endpoints, username=ROOT, password=PASSWORD)
        async with connect(options) as client:
            yield client


async def tell(server: Server, folder: Path, seed: int, changes: int = 220) -> Story:
    """Puts, deletes, transactions of several keys, leases, compaction, users, roles and an alarm; then a snapshot."""
    dice = random.Random(seed)
    leases: dict[int, int] = {}
    compacted = 1
    async with connect(ClientOptions(endpoints=server.endpoints)) as client:
        for ttl in (900, 1800):
            lease = await client.lease.grant(ttl)
            leases[lease.id] = ttl
        for number in range(changes):
            await _change(client, dice, list(leases))
            if number == changes // 2:
                now = (await client.kv.get(b"a")).header
                assert now is not None
                compacted = now.revision - dice.randrange(3)
                await client.kv.compact(compacted, physical=True)
        await client.kv.put(b"/lone", b"held", lease=next(iter(leases)))
        await client.auth.role_add("reader")
        await client.auth.role_grant_permission("reader", Permission(PermissionType.READ, b"/app/", b"/app0"))
        await client.auth.role_grant_permission("reader", Permission(PermissionType.READWRITE, b"/zoo"))
        await client.auth.user_add("anna", PASSWORD)
        await client.auth.user_grant_role("anna", "reader")
        await client.auth.user_add(ROOT, PASSWORD)
        await client.auth.user_grant_role(ROOT, ROOT)
        await client.auth.enable()
    async with connect(ClientOptions(endpoints=server.endpoints, username=ROOT, password=PASSWORD)) as client:
        member = (await client.cluster.members())[0].id
        await client.maintenance.activate(member, AlarmType.NOSPACE)
        path = folder / "saved.db"
        await client.maintenance.save_snapshot(path)
        await client.maintenance.disarm()
        header = (await client.kv.get(b"a")).header
        assert header is not None
        return Story(server, path, compacted, header.revision, leases)


async def _change(client: Client, dice: random.Random, leases: list[int]) -> None:
    """One revision, or none where there was nothing to delete."""
    key = dice.choice(KEYS)
    lease = dice.choice([0, 0, 0, *leases])
    kind = dice.random()
    if kind < 0.6:
        await client.kv.put(key, dice.randbytes(dice.choice([0, 3, 40, 40, 6000])), lease=lease)
    elif kind < 0.75:
        await client.kv.delete(key)
    elif kind < 0.8:
        await client.kv.delete(b"/app/deep/", prefix=True)
    else:
        keys = dice.sample(KEYS, 4)
        await client.kv.txn(
            success=[*(Op.put(one, dice.randbytes(9), lease=lease) for one in keys[:3]), Op.delete(keys[3])]
        )
