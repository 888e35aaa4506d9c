"""Put back what was: any version of a key, or the keys of a prefix that existed at a revision and are gone now.

Looking for a good revision walks back with plain reads, never with a watch on old revisions: such a watch makes a
server read every revision of every key.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcdtui.core.errors import Compacted, FutureRevision
from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Scope, WritePlan, last_segment, line
from etcdtui.core.ranges import prefix_range
from etcdtui.core.steps import Group, Step, pack, scope_ranges
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.services.guard import Guard
from etcdtui.services.writes import Writes

KEYS_LIMIT = 50_000
SHOWN_KEYS = 200


@dataclass(frozen=True, slots=True)
class Undelete:
    """Keys that lived at ``revision`` and do not exist now. ``compacted``: older deletions cannot be seen."""

    prefix: bytes
    revision: int
    kvs: tuple[KeyValue, ...]
    reads: int
    compacted: bool = False


@dataclass(frozen=True, slots=True)
class RestorePlan:
    plan: WritePlan
    groups: tuple[Group, ...]
    lost_leases: tuple[int, ...] = ()


async def find_deleted(writes: Writes, prefix: bytes) -> Undelete:
    """The newest revision at which a key of ``prefix`` lived that is gone now: doubling back, then bisection."""
    reads = 1
    now = await _keys(writes, prefix, 0)
    alive, top = now[0], now[1]
    step, good, bad = 1, 0, top
    compacted = False
    while top - step > 0 and not good:
        try:
            reads += 1
            keys, _ = await _keys(writes, prefix, top - step)
            if keys - alive:
                good = top - step
            else:
                bad = top - step
            step *= 2
        except (Compacted, FutureRevision):
            compacted = True
            break
    if not good and bad > 1:
        low = max(0, top - step)
        good, bad, more, compacted = await _first_readable(writes, prefix, alive, low, bad)
        reads += more
    while good and bad - good > 1:
        middle = (good + bad) // 2
        reads += 1
        keys, _ = await _keys(writes, prefix, middle)
        if keys - alive:
            good = middle
        else:
            bad = middle
    if not good:
        return Undelete(prefix, 0, (), reads, compacted)
    return await undeletable(writes, prefix, good, reads=reads, compacted=compacted)


async def _first_readable(
    writes: Writes, prefix: bytes, alive: frozenset[bytes], low: int, high: int
) -> tuple[int, int, int, bool]:
    """Between an unreadable ``low`` and ``high``: the oldest readable revision, and whether keys are missing since."""
    reads = 0
    bad = high
    compacted = False
    while high - low > 1:
        middle = (low + high) // 2
        reads += 1
        try:
            keys, _ = await _keys(writes, prefix, middle)
        except (Compacted, FutureRevision):
            low, compacted = middle, True
            continue
        if keys - alive:
            return middle, bad, reads, compacted
        high = bad = middle
    return 0, bad, reads, compacted


async def undeletable(
    writes: Writes, prefix: bytes, revision: int, *, reads: int = 0, compacted: bool = False
) -> Undelete:
    """What lived under ``prefix`` at ``revision`` and is gone now."""
    alive, _ = await _keys(writes, prefix, 0)
    key, end = prefix_range(prefix)
    kvs: list[KeyValue] = []
    async for page in writes.client.kv.pages(key, range_end=end, page_size=500, revision=revision):
        kvs.extend(kv for kv in page.kvs if kv.key not in alive)
        if len(kvs) > KEYS_LIMIT:
            break
    return Undelete(prefix, revision, tuple(kvs[:KEYS_LIMIT]), reads, compacted)


async def _keys(writes: Writes, prefix: bytes, revision: int) -> tuple[frozenset[bytes], int]:
    key, end = prefix_range(prefix)
    found = await writes.client.kv.get(key, range_end=end, revision=revision, keys_only=True, limit=KEYS_LIMIT)
    return frozenset(kv.key for kv in found.kvs), found.header.revision if found.header else 0


async def live_lease(writes: Writes, lease: int) -> int:
    """The lease if it is still alive, else 0."""
    return lease if lease and await writes.lease_ttl(lease) is not None else 0


async def plan_undelete(writes: Writes, found: Undelete) -> RestorePlan:
    """Create the keys again with their values; a lease only if it still lives."""
    lost: set[int] = set()
    alive = {lease: await live_lease(writes, lease) for lease in {kv.lease for kv in found.kvs if kv.lease}}
    steps: list[Step] = []
    for kv in found.kvs:
        lease = alive.get(kv.lease, 0)
        if kv.lease and not lease:
            lost.add(kv.lease)
        steps.append(Step(kv.key, None, kv.value, lease))
    groups = tuple((s,) for s in steps)
    batches = len(pack(groups))
    lines = [
        line(f"{len(steps)} keys that lived at rev {found.revision} and are gone now", tone="head"),
        *(line("+ ", kv.key, f"   {format_size(len(kv.value))}", tone="add") for kv in found.kvs[:SHOWN_KEYS]),
        line("guarded: create = 0, an existing key is never overwritten"),
    ]
    if lost:
        names = ", ".join(f"{lease:x}" for lease in sorted(lost)[:4])
        lines.append(line(f"{len(lost)} leases are gone ({names}): their keys come back without one", tone="warn"))
    if batches > 1:
        lines.append(line(f"{batches} transactions: not atomic as a whole", tone="warn"))
    if found.compacted:
        lines.append(line("older history has been compacted away: older deletions cannot be seen", tone="dim"))
    plan = WritePlan(
        action="undelete",
        target=found.prefix,
        action_class=ActionClass.R1 if len(steps) == 1 else ActionClass.R2,
        scope=Scope(frozenset({"KV/Txn"}), puts=scope_ranges(steps)[0]),
        target_word=escape_key(last_segment(found.prefix)),
        lines=tuple(lines),
        condition="create(key) = 0",
        keys=tuple(s.key for s in steps),
        changes=len(steps),
        blocked="" if steps else "no deleted key is found in the history that is left",
    )
    return RestorePlan(plan, groups, tuple(sorted(lost)))


async def plan_restore(guard: Guard, writes: Writes, version: KeyValue, now: KeyValue | None) -> RestorePlan:
    """Put an old version of a key back: over what is there now (its lease kept), or as a new key."""
    lost: tuple[int, ...] = ()
    lease = 0
    if now is None:
        lease = await live_lease(writes, version.lease)
        lost = (version.lease,) if version.lease and not lease else ()
    step = Step(version.key, now, version.value, lease, keep_lease=now is not None)
    condition = f"still at rev {now.mod_revision}" if now else "the key does not exist now"
    lines = [
        line(f"version {version.version} of rev {version.mod_revision} comes back", tone="head"),
        line("condition: ", condition, ", else nothing is written"),
        line((f"keeps lease {now.lease:x}" if now.lease else "no lease") if now else
             (f"lease {lease:x}" if lease else "no lease")),
    ]  # fmt: skip
    if lost:
        lines.append(line(f"its lease {lost[0]:x} is gone: the key comes back without one", tone="warn"))
    plan = WritePlan(
        action="restore",
        target=version.key,
        action_class=ActionClass.R1,
        scope=Scope(frozenset({"KV/Txn"}), puts=((version.key, b""),)),
        target_word=escape_key(last_segment(version.key)),
        lines=tuple(lines),
        condition=condition,
        keys=(version.key,),
        values=((version.key, now.value[:8]),) if now else (),
        size=len(version.value),
        blocked="it is what the key holds now" if now and now.value == version.value else "",
    )
    return RestorePlan(plan, ((step,),), lost)
