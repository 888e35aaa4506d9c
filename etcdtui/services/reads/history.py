"""Older versions of a key, and what was deleted or changed below a prefix, by plain reads at old revisions.

Never by a watch from an old revision: that makes the server read every revision of every key under a lock.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from enum import Enum

from etcdtui.core import ranges
from etcdtui.core.errors import Compacted
from etcdtui.core.types import KeyValue
from etcdtui.core.value import record
from etcdtui.services.reads.reading import Reads, Want
from etcdtui.services.reads.scan import scan

MAX_VERSIONS = 500
MAX_KEYS = 200_000
"""Keys of a prefix compared between two revisions."""
DROP_KEYS = 20_000
"""Keys below a prefix that are counted at many revisions to find where some went away."""
STEPS = 4
"""Counts for each doubling of the distance."""
DELETIONS = 200
"""Deleted keys whose deletion is looked for."""
NEAR = 64
PROBES = 32
"""Revisions looked at one by one, then doubling steps, to find an earlier life of a key."""


class Mark(Enum):
    """What ends or interrupts a walk back."""

    COMPACTED = "compacted"
    CREATED = "created"
    DELETED = "deleted"
    LIMIT = "limit"


@record()
class Version:
    """One version that still exists in history; ``current`` when it is the key's value now."""

    kv: KeyValue
    current: bool = False


@record()
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
        life = await _earlier_life(reads, key, head)
        if life is None:
            return
        kv, gone = life
        yield Break(Mark.DELETED, gone)
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
            life = await _earlier_life(reads, key, kv.create_revision - 1)
            if life is None:
                return
            older, gone = life
            yield Break(Mark.DELETED, gone)
        yield Version(older)
        limit -= 1
        kv = older


async def _at(reads: Reads, key: bytes, revision: int) -> KeyValue | None:
    if revision < 1:
        return None
    return next(iter((await reads.one(Want(key, values=True), revision)).kvs), None)


async def _earlier_life(reads: Reads, key: bytes, below: int) -> tuple[KeyValue, int] | None:
    """The last version from before ``below`` and the revision that deleted it.

    Looked for at every one of the nearest revisions, then at doubling distances, all in one request; a short life far
    back, between two probes, can be missed.
    """
    distances = [*range(NEAR), *(NEAR + (1 << step) for step in range(PROBES))]
    oldest = 1
    for _ in range(2):
        probes = sorted({max(oldest, below - distance) for distance in distances if below >= oldest}, reverse=True)
        try:
            results = await reads.many([Want(key, revision=probe) for probe in probes])
        except Compacted:
            head = await reads.one(Want(key))
            oldest = await _first_kept(reads, 1, head.header.revision if head.header else below, key)
            continue
        for index, result in enumerate(results):
            if result.kvs:
                absent = probes[index - 1] if index else below + 1
                found = await _at(reads, key, probes[index])
                return None if found is None else await _last_version(reads, key, found, probes[index], absent)
        return None
    return None


async def _last_version(reads: Reads, key: bytes, kv: KeyValue, present: int, absent: int) -> tuple[KeyValue, int]:
    """Bisect between a revision with the key and a later one without it."""
    while absent - present > 1:
        middle = (present + absent) // 2
        there = await _at(reads, key, middle)
        if there is None:
            absent = middle
        else:
            kv, present = there, middle
    return kv, absent


async def _first_kept(reads: Reads, compacted: int, kept: int, key: bytes) -> int:
    while kept - compacted > 1:
        middle = (compacted + kept) // 2
        try:
            await reads.one(Want(key, limit=1), middle)
        except Compacted:
            compacted = middle
        else:
            kept = middle
    return kept


@record()
class Reach:
    """How far back the tree can be shown: ``oldest`` is the lowest revision that can be read, ``head`` the newest."""

    oldest: int
    head: int

    @property
    def compacted(self) -> bool:
        return self.oldest > 1


async def reach(reads: Reads, key: bytes = ranges.ALL[0]) -> Reach:
    """Found by bisection with reads of a single ``key`` that may be read, about twenty of them."""
    result = await reads.one(Want(key))
    head = result.header.revision if result.header else 0
    if head <= 1:
        return Reach(head, head)
    try:
        await reads.one(Want(key), 1)
    except Compacted:
        return Reach(await _first_kept(reads, 1, head, key), head)
    return Reach(1, head)


@record()
class Drop:
    """Revision ``revision`` left ``lost`` keys fewer below a prefix than there were just before."""

    revision: int
    lost: int


async def newest_drop(
    reads: Reads, prefix: bytes, reach: Reach, *, within: tuple[bytes, bytes] = ranges.ALL
) -> Drop | None:
    """The newest deletion that counts give away: near ones, then at doubling distances, then by bisection.

    One that new keys make up for, or keys that came and went between two counts, are not seen. ``None`` too when there
    are too many keys to count that often.
    """
    area = ranges.intersect(ranges.prefix_range(prefix), within)
    if area is None or reach.head <= reach.oldest:
        return None
    distances = [*range(NEAR), *(int(2 ** (step / STEPS)) for step in range(PROBES * STEPS))]
    probes = sorted({max(reach.oldest, reach.head - distance) for distance in distances}, reverse=True)

    now, _ = await reads.about(prefix, within)
    if now > DROP_KEYS:
        return None

    async def counts(revisions: list[int]) -> list[int]:
        wants = [Want(*area, count_only=True, revision=revision, guess=max(1, now)) for revision in revisions]
        return [result.count for result in await reads.many(wants)]

    now = (await counts(probes[:1]))[0]
    found = [now, *await counts(probes[1:])]
    at = next((i for i in range(len(found) - 1) if found[i + 1] > found[i]), None)
    if at is None:
        return None
    low, high = (probes[at + 1], found[at + 1]), (probes[at], found[at])
    while high[0] - low[0] > 1:
        middle = (low[0] + high[0]) // 2
        count = (await counts([middle]))[0]
        if count > high[1]:
            low = (middle, count)
        else:
            high = (middle, count)
    return Drop(high[0], low[1] - high[1])


class Change(Enum):
    DELETED = "deleted"
    CHANGED = "changed"
    NEW = "new"


@record()
class KeyChange:
    """One key that differs between two revisions; 0 stands for "did not exist".

    ``gone`` is the revision of a deletion, 0 as long as nobody looked for it.
    """

    key: bytes
    change: Change
    old_revision: int
    new_revision: int
    old_version: int = 0
    new_version: int = 0
    gone: int = 0


@record()
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


async def with_deletions(reads: Reads, found: Since, *, limit: int = DELETIONS) -> Since:
    """The same, the first ``limit`` deleted keys with the revision that deleted them, by bisecting all at once."""
    present = {one.key: found.old for one in found.changes if one.change is Change.DELETED}
    present = dict(list(present.items())[:limit])
    absent = dict.fromkeys(present, found.new)
    while open_ones := [key for key in present if absent[key] - present[key] > 1]:
        middles = [(key, (present[key] + absent[key]) // 2) for key in open_ones]
        results = await reads.many([Want(key, revision=middle) for key, middle in middles])
        for (key, middle), result in zip(middles, results, strict=True):
            (present if result.kvs else absent)[key] = middle
    changes = tuple(replace(one, gone=absent.get(one.key, 0)) for one in found.changes)
    return Since(found.old, found.new, changes, found.complete)


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
