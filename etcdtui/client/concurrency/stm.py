"""Software transactional memory: a function that reads and writes keys runs again until nobody was in its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import TypeVar

from etcdtui.client._transport.deadline import Deadline
from etcdtui.client._wire.choices import choice
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client.shape import EtcdClient
from etcdtui.client.txn import Compare, Op
from etcdtui.core import errors
from etcdtui.core.types import KeyValue, RangeResult

MAX_ATTEMPTS = 1000
T = TypeVar("T")


class Isolation(Enum):
    """What a commit insists on, strongest first."""

    SERIALIZABLE_SNAPSHOT = "all reads at one revision; nothing read or written was changed by others since"
    SERIALIZABLE = "all reads at one revision; nothing read was changed by others since"
    REPEATABLE_READS = "a key read twice gives the same; nothing read was changed by others since"
    READ_COMMITTED = "no check"


class Conflict(Exception):
    """The view of an attempt cannot be kept up; it starts over."""


class Stm:
    """One attempt, handed to the function: reads go to etcd once per key, writes are kept until the commit."""

    def __init__(self, client: EtcdClient, isolation: Isolation, deadline: Deadline | None = None) -> None:
        self._client = client
        self._isolation = isolation
        self._deadline = deadline
        self._pinned = isolation in (Isolation.SERIALIZABLE_SNAPSHOT, Isolation.SERIALIZABLE)
        self._revision = 0
        self._known: dict[bytes, KeyValue | None] = {}
        self._reads: dict[bytes, KeyValue | None] = {}
        self._writes: dict[bytes, Op] = {}
        self._values: dict[bytes, bytes | None] = {}

    async def get(self, key: KeyLike) -> bytes | None:
        """The value, own writes included; ``None`` when there is no such key."""
        wanted = to_bytes(key)
        if wanted in self._values:
            return self._values[wanted]
        found = await self._read(wanted)
        return found.value if found is not None else None

    async def revision(self, key: KeyLike) -> int:
        """The key's modification revision in etcd, 0 when there is no such key."""
        found = await self._read(to_bytes(key))
        return found.mod_revision if found is not None else 0

    def put(self, key: KeyLike, value: KeyLike, *, lease: int = 0) -> None:
        written = to_bytes(key)
        self._values[written] = to_bytes(value, "the value")
        self._writes[written] = Op.put(written, self._values[written] or b"", lease=lease)

    def delete(self, key: KeyLike) -> None:
        written = to_bytes(key)
        self._values[written] = None
        self._writes[written] = Op.delete(written)

    async def prefetch(self, keys: Iterable[bytes]) -> None:
        """Read keys in one round trip; they count as read only when the function asks for them."""
        wanted = list(keys)
        if not wanted:
            return
        done = await self._client.kv.txn(success=[Op.get(key) for key in wanted], timeout=self._left())
        self._learn(wanted, done.responses)
        if self._pinned and done.header is not None:
            self._revision = done.header.revision

    async def commit(self) -> Stm | None:
        """Write what was written. ``None`` when done, else the next attempt, which knows what was read anew."""
        compares = self._compares()
        if not self._writes and not compares:
            return None
        again = [Op.get(key) for key in self._reads] if compares else []
        done = await self._client.kv.txn(compares, list(self._writes.values()), again, timeout=self._left())
        if done.succeeded:
            return None
        retry = Stm(self._client, self._isolation, self._deadline)
        retry._learn(list(self._reads), done.responses)
        if retry._pinned and done.header is not None:
            retry._revision = done.header.revision
        return retry

    def _left(self) -> float | None:
        return None if self._deadline is None else self._deadline.left()

    async def _read(self, key: bytes) -> KeyValue | None:
        if key in self._reads and self._isolation is not Isolation.READ_COMMITTED:
            return self._reads[key]
        if key in self._known:
            found = self._known.pop(key)
        else:
            found = await self._fetch(key)
        self._reads[key] = found
        return found

    async def _fetch(self, key: bytes) -> KeyValue | None:
        serializable = self._isolation is Isolation.REPEATABLE_READS
        try:
            got = await self._client.kv.get(
                key, revision=self._revision, serializable=serializable, timeout=self._left()
            )
        except errors.Compacted:
            raise Conflict from None
        if self._pinned and not self._revision and got.header is not None:
            self._revision = got.header.revision
        return got.kvs[0] if got.kvs else None

    def _compares(self) -> list[Compare]:
        if self._isolation is Isolation.READ_COMMITTED:
            return []
        compares = [
            Compare.mod_revision(key, "=", found.mod_revision if found is not None else 0)
            for key, found in self._reads.items()
        ]
        if self._isolation is Isolation.SERIALIZABLE_SNAPSHOT and self._revision:
            unread = [key for key in self._writes if key not in self._reads]
            compares += [Compare.mod_revision(key, "<", self._revision + 1) for key in unread]
        return compares

    def _learn(self, keys: list[bytes], responses: tuple[object, ...]) -> None:
        for key, response in zip(keys, responses, strict=True):
            if isinstance(response, RangeResult):
                self._known[key] = response.kvs[0] if response.kvs else None


async def transact(
    client: EtcdClient,
    function: Callable[[Stm], Awaitable[T]],
    *,
    isolation: Isolation | str = Isolation.SERIALIZABLE_SNAPSHOT,
    prefetch: Iterable[KeyLike] = (),
    max_attempts: int = MAX_ATTEMPTS,
    timeout: float | None = None,
) -> T:
    """Run ``function`` and commit what it wrote, again and again until no other writer interfered.

    The function must have no effects but through the ``Stm`` it is given. ``DeadlineExceeded`` after ``max_attempts``
    conflicts, or when all of it takes longer than ``timeout`` seconds (``None``: each request has the command timeout,
    the whole no limit). A commit whose fate is unknown raises an error with ``applied`` "maybe" and is not repeated.
    At most 128 keys can be read and 128 written, the server's limit for a transaction.
    """
    wanted = [to_bytes(key) for key in prefetch]
    level = choice(Isolation, isolation, "the isolation")
    deadline = None if timeout is None else Deadline(timeout)
    attempt: Stm | None = None
    for _ in range(max_attempts):
        if attempt is None:
            attempt = Stm(client, level, deadline)
            await attempt.prefetch(wanted)
        try:
            result = await function(attempt)
        except Conflict:
            attempt = None
            continue
        attempt = await attempt.commit()
        if attempt is None:
            return result
    raise errors.DeadlineExceeded(f"other writers interfered {max_attempts} times", applied="no")
