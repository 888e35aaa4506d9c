"""Older versions of a key, and what was deleted or changed below a prefix, by plain reads at old revisions.

Never by a watch from an old revision: that makes the server read every revision of every key under a lock.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum

from etcdtui.core import ranges
from etcdtui.core.errors import Compacted, FutureRevision
from etcdtui.core.types import KeyValue
from etcdtui.services.reading import Reads, Want
from etcdtui.services.scan import scan

MAX_VERSIONS = 500
MAX_KEYS = 200_000
"""Keys of a prefix compared between two revisions."""
NEAR = 64
PROBES = 32
"""Revisions looked at one by one, then doubling steps, to find an earlier life of a key."""


class Mark(Enum):
    """What ends or interrupts a walk back."""

    COMPACTED = "compacted"
    CREATED = "created"
    DELETED = "deleted"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Version:
    """One version that still exists in history; ``current`` when it is the key's value now."""

    kv: KeyValue
    current: bool = False


@dataclass(frozen=True, slots=True)
class Break:
    """A line between or after versions. ``revision`` is where; ``missing`` how many older versions are gone."""

    mark: Mark
    revision: int
    missing: int = 0


async def versions(
    reads: Reads, key: bytes, *, revision: int = 0, limit: int = MAX_VERSIONS
) -> AsyncGenerator[Version | Break, None]:
    """From the newest back: each older version is what the key was just before the newer one was written.

    A key that does not exist now, or was created anew, is looked for in its earlier lives.
    """
    result = await reads.one(Want(key, values=True), revision)
    head = revision or (result.header.revision if result.header else 0)
    kv = result.kvs[0] if result.kvs else None
    if kv is None:
        yield Break(Mark.DELETED, head)
        kv = await _earlier_life(reads, key, head)
        if kv is None:
            return
        yield Version(kv)
    else:
        yield Version(kv, current=not revision)
    async with aclosing(_older(reads, key, kv, limit - 1)) as older:
        async for item in older:
            yield item


async def _older(reads: Reads, key: bytes, kv: KeyValue | None, limit: int) -> AsyncGenerator[Version | Break, None]:
    while kv is not None:
        if limit <= 0:
            yield Break(Mark.LIMIT, kv.mod_revision, kv.version - 1)
            return
        try:
            older = await _at(reads, key, kv.mod_revision - 1)
        except Compacted as error:
            yield Break(Mark.COMPACTED, error.compact_revision or kv.mod_revision, kv.version - 1)
            return
        if older is None:
            yield Break(Mark.CREATED, kv.create_revision)
            older = await _earlier_life(reads, key, kv.create_revision - 1)
            if older is None:
                return
            yield Break(Mark.DELETED, older.mod_revision)
        yield Version(older)
        limit -= 1
        kv = older


async def _at(reads: Reads, key: bytes, revision: int) -> KeyValue | None:
    if revision < 1:
        return None
    return next(iter((await reads.one(Want(key, values=True), revision)).kvs), None)


async def _earlier_life(reads: Reads, key: bytes, below: int) -> KeyValue | None:
    """The last version from before ``below``: looked for at every one of the nearest revisions, then at doubling
    distances, all in one request; a short life far back, between two probes, can be missed."""
    distances = [*range(NEAR), *(NEAR + (1 << step) for step in range(PROBES))]
    oldest = 1
    for _ in range(2):
        probes = sorted({max(oldest, below - distance) for distance in distances if below >= oldest}, reverse=True)
        try:
            results = await reads.many([Want(key, revision=probe) for probe in probes])
        except Compacted:
            head = await reads.one(Want(key))
            oldest = await _first_kept(reads, 1, head.header.revision if head.header else below)
            continue
        for index, result in enumerate(results):
            if result.kvs:
                absent = probes[index - 1] if index else below + 1
                found = await _at(reads, key, probes[index])
                return None if found is None else await _last_version(reads, key, found, probes[index], absent)
        return None
    return None


async def _last_version(reads: Reads, key: bytes, kv: KeyValue, present: int, absent: int) -> KeyValue:
    """Bisect between a revision with the key and a later one without it."""
    while absent - present > 1:
        middle = (present + absent) // 2
        there = await _at(reads, key, middle)
        if there is None:
            absent = middle
        else:
            kv, present = there, middle
    return kv


async def _first_kept(reads: Reads, compacted: int, kept: int) -> int:
    while kept - compacted > 1:
        middle = (compacted + kept) // 2
        try:
            await reads.one(Want(b"\0", limit=1), middle)
        except Compacted:
            compacted = middle
        else:
            kept = middle
    return kept


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the tree can be shown: ``oldest`` is the lowest revision that can be read, ``head`` the newest."""

    oldest: int
    head: int

    @property
    def compacted(self) -> bool:
        return self.oldest > 1


async def reach(reads: Reads) -> Reach:
    """Found by bisection with single-key reads, about twenty of them."""
    result = await reads.one(Want(b"\0"))
    head = result.header.revision if result.header else 0
    if head <= 1:
        return Reach(head, head)
    try:
        await reads.one(Want(b"\0"), 1)
    except Compacted:
        return Reach(await _first_kept(reads, 1, head), head)
    return Reach(1, head)


async def check_revision(reads: Reads, revision: int) -> str:
    """Empty when the store can be shown as of ``revision``; else a sentence that says why not and what can."""
    try:
        await reads.one(Want(b"\0"), revision)
    except Compacted:
        oldest = (await reach(reads)).oldest
        return f"Revision {revision} is compacted away; history reaches back to revision {oldest}."
    except FutureRevision:
        return f"Revision {revision} does not exist yet."
    return ""


class Change(Enum):
    DELETED = "deleted"
    CHANGED = "changed"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key that differs between two revisions; 0 stands for "did not exist"."""

    key: bytes
    change: Change
    old_revision: int
    new_revision: int
    old_version: int = 0
    new_version: int = 0


@dataclass(frozen=True, slots=True)
class Since:
    """All changes below a prefix between two revisions; ``complete`` is False when it was cut at the limit."""

    old: int
    new: int
    changes: tuple[KeyChange, ...]
    complete: bool = True


async def since(
    reads: Reads,
    prefix: bytes,
    old: int,
    *,
    new: int = 0,
    within: tuple[bytes, bytes] = ranges.ALL,
    max_keys: int = MAX_KEYS,
) -> Since:
    """What was deleted, changed or added below ``prefix`` after revision ``old``. Raises ``Compacted``."""
    before, _, complete_before = await _keys(reads, prefix, old, within, max_keys)
    after, head, complete_after = await _keys(reads, prefix, new, within, max_keys)
    changes = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        kind = Change.DELETED if now is None else Change.NEW if was is None else Change.CHANGED
        changes.append(KeyChange(key, kind, *_pair(was, now)))
    return Since(old, head, tuple(changes), complete_before and complete_after)


def _pair(was: tuple[int, int] | None, now: tuple[int, int] | None) -> tuple[int, int, int, int]:
    old, new = was or (0, 0), now or (0, 0)
    return old[0], new[0], old[1], new[1]


async def _keys(
    reads: Reads, prefix: bytes, revision: int, within: tuple[bytes, bytes], limit: int
) -> tuple[dict[bytes, tuple[int, int]], int, bool]:
    """Mod revision and version of every key below ``prefix``."""
    found: dict[bytes, tuple[int, int]] = {}
    head = revision
    async for batch in scan(reads, prefix, within=within, revision=revision):
        head = batch.revision
        found.update((kv.key, (kv.mod_revision, kv.version)) for kv in batch.kvs)
        if len(found) >= limit:
            return found, head, False
    return found, head, True
