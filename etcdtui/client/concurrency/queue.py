"""Waiting in line by creation revision: what a mutex and an election share.

Every waiter owns the key ``<name>/<lease id in hex>``; the one created first is the holder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client.concurrency.session import Session
from etcdtui.client.shape import EtcdClient
from etcdtui.client.txn import Compare
from etcdtui.core import errors
from etcdtui.core.tasks import awaited
from etcdtui.core.types import EventType, KeyValue, ResponseHeader

CLEANUP_TIMEOUT = 5.0
"""Seconds for giving a leadership back; the lease removes the key otherwise."""
WITHDRAW_GRACE = 1.0
"""Seconds that giving up waits for its own key to be taken back, beyond the time limit of the wait."""


class Contender:
    """One place in the line under ``name``: ``key`` and ``revision`` tell it from earlier ones."""

    def __init__(self, session: Session, name: KeyLike) -> None:
        self.session = session
        self.prefix = to_bytes(name, "the name") + b"/"
        self.key = b""
        self.revision = 0
        self.header: ResponseHeader | None = None

    def _still_first(self) -> Compare:
        return Compare.create_revision(self.key or self.prefix, "=", self.revision or -1)

    def _own_key(self) -> bytes:
        if not self.session.alive:
            raise self.session.expired()
        return own_key(self.prefix, self.session.lease_id)

    async def _in_time(
        self, key: bytes, wait: Callable[[], Coroutine[object, object, None]], timeout: float | None, late: str
    ) -> None:
        """Wait; giving up, for whatever reason, leaves the line, unless the session is first there already."""
        ours = key in self.session.keys
        try:
            async with asyncio.timeout(timeout or None):
                await self.session.withdrawn(key)
                await wait()
        except TimeoutError:
            await self._withdraw(key, ours)
            raise errors.DeadlineExceeded(f"{late} within {timeout:g} s") from None
        except BaseException:
            await self._withdraw(key, ours)
            raise
        self.session.keys.add(key)

    async def _withdraw(self, key: bytes, ours: bool) -> None:
        """A silent cluster is not waited for: the session goes on taking the key back."""
        if ours:
            return
        self.key, self.revision = b"", 0
        await asyncio.wait({self.session.withdraw(key)}, timeout=WITHDRAW_GRACE)


def own_key(prefix: bytes, lease_id: int) -> bytes:
    return prefix + f"{lease_id:x}".encode()


async def first_created(client: EtcdClient, prefix: bytes, timeout: float | None = None) -> tuple[KeyValue | None, int]:
    """The key under ``prefix`` that was created first, and the revision of the answer."""
    got = await client.kv.get(prefix, prefix=True, sort_target="create", sort_order="ascend", limit=1, timeout=timeout)
    return (got.kvs[0] if got.kvs else None), got.header.revision if got.header else 0


async def wait_for_turn(session: Session, prefix: bytes, key: bytes, revision: int) -> None:
    """Return when no key under ``prefix`` is older than ``key``, created at ``revision``.

    ``SessionExpired`` as soon as the own key is gone or the session is over.
    """
    client = session.client
    turn = awaited(_older_gone(client, prefix, revision), "turn")
    lost = awaited(_own_key_lost(client, key, revision), "own key")
    over = awaited(_over(session), "session over")
    tasks = (turn, lost, over)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if turn not in done:
            raise session.expired()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    mine = await client.kv.get(key)
    if not mine.kvs or mine.kvs[0].create_revision != revision:
        raise session.expired()


async def wait_deleted(client: EtcdClient, key: bytes, after: int) -> None:
    """Return when ``key`` was deleted after revision ``after``, or when history does not tell any more."""
    try:
        async with client.watch(key, start_revision=after + 1, no_put=True) as watcher:
            async for batch in watcher:
                if any(event.type is EventType.DELETE for event in batch.events):
                    return
    except errors.Compacted:
        return


async def _older_gone(client: EtcdClient, prefix: bytes, revision: int) -> None:
    while True:
        older = await client.kv.get(
            prefix,
            prefix=True,
            sort_target="create",
            sort_order="descend",
            limit=1,
            max_create_revision=revision - 1,
        )
        if not older.kvs:
            return
        after = older.header.revision if older.header else older.kvs[0].mod_revision
        await wait_deleted(client, older.kvs[0].key, after)


async def _own_key_lost(client: EtcdClient, key: bytes, revision: int) -> None:
    after = revision
    while True:
        await wait_deleted(client, key, after)
        mine = await client.kv.get(key)
        if not mine.kvs or mine.kvs[0].create_revision != revision:
            return
        after = mine.header.revision if mine.header else after


async def _over(session: Session) -> None:
    await session.done.wait()
