"""What a key held before an event, known from the events themselves.

A server looks up the earlier pair of every event it is asked for one, which under a hot load or in a replay is what
costs most. Every event of the range comes by here in order, so what a key held before its next event is what its last
one left; only the first event of a key since the watch began leaves that open, and it can be read at the revision
before.
"""

from __future__ import annotations

from collections.abc import Sequence

from etcdtui.client import Client, Op
from etcdtui.core.errors import EtcdError
from etcdtui.core.types import Event, EventType, KeyValue, RangeResult
from etcdtui.services.tail.entries import Seen

KEYS = 50_000
BYTES = 32 * 1024 * 1024
"""What is remembered at most; the keys that changed longest ago are forgotten first."""
OPS = 100
"""Keys looked up in one transaction; a server allows 128 by default."""


class Before:
    """The last pair of every key that came by, within bounds."""

    def __init__(self, keys: int = KEYS, size: int = BYTES) -> None:
        self._last: dict[bytes, KeyValue] = {}
        self._most = keys
        self._size = self._room = size

    def of(self, event: Event) -> tuple[KeyValue | None, bool]:
        """The pair before ``event`` and whether that is known; every event is asked for once, in order."""
        kv = event.kv
        last = self._last
        before = last.pop(kv.key, None)
        deleted = event.type is EventType.DELETE
        if not deleted:
            last[kv.key] = kv
            self._room -= len(kv.value)
        if before is not None:
            self._room += len(before.value)
        if self._room < 0 or len(last) > self._most:
            self._forget()
        if event.prev_kv is not None:
            return event.prev_kv, True
        if deleted:
            return before, before is not None
        if kv.version == 1:
            return None, True
        if before is not None and before.version + 1 == kv.version and before.create_revision == kv.create_revision:
            return before, True
        return None, False

    def clear(self) -> None:
        """Something was missed: what is remembered may be out of date."""
        self._last.clear()
        self._room = self._size

    def _forget(self) -> None:
        while self._last and (len(self._last) > self._most or self._room < 0):
            self._room += len(self._last.pop(next(iter(self._last))).value)


async def look_up(client: Client, entries: Sequence[Seen]) -> None:
    """Read what the keys of ``entries`` held before; what cannot be read (compacted, refused) stays unknown."""
    wanted = [entry for entry in entries if entry.open and entry.revision > 1]
    for at in range(0, len(wanted), OPS):
        part = wanted[at : at + OPS]
        ops = [Op.get(entry.event.kv.key, revision=entry.revision - 1) for entry in part]
        try:
            results: Sequence[object] = (await client.kv.txn(success=ops)).responses
        except EtcdError:
            results = await _one_by_one(client, part)
        for entry, result in zip(part, results, strict=True):
            entry.open = False
            if isinstance(result, RangeResult) and result.kvs:
                entry.before = result.kvs[0]


async def _one_by_one(client: Client, entries: Sequence[Seen]) -> list[RangeResult | None]:
    """One of them may be compacted away, which refuses a whole transaction."""
    out: list[RangeResult | None] = []
    for entry in entries:
        try:
            out.append(await client.kv.get(entry.event.kv.key, revision=entry.revision - 1))
        except EtcdError:
            out.append(None)
    return out
