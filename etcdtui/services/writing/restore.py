"""Put back what was: any version of a key, or the keys of a prefix that existed at a revision and are gone now.

Looking for a good revision walks back with plain reads, never with a watch on old revisions: such a watch makes a
server read every revision of every key.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import aclosing

from etcdtui.core.errors import Compacted, FutureRevision, PermissionDenied
from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan, last_segment, line
from etcdtui.core.ranges import prefix_range
from etcdtui.core.steps import Group, Step, pack, scope_ranges
from etcdtui.core.types import KeyValue
from etcdtui.core.units import counted, format_size
from etcdtui.core.value import record
from etcdtui.services.writing.etcdctl import steps_command
from etcdtui.services.writing.guard import Guard
from etcdtui.services.writing.run import StepsWrite
from etcdtui.services.writing.writes import Writes

KEYS_LIMIT = 50_000
NAMES_AT_ONCE = 5_000
SEARCH_READS = 200
"""Reads spent on looking for deleted keys."""
SHOWN_KEYS = 1000


@record()
class Undelete:
    """Keys that lived at ``revision`` and do not exist now. ``compacted``: older deletions cannot be seen."""

    prefix: bytes
    revision: int
    kvs: tuple[KeyValue, ...]
    reads: int
    compacted: bool = False


class RestoreWrite(StepsWrite):
    """Put keys back; ``lost_leases`` are gone, their keys come back without one."""

    def __init__(self, plan: WritePlan, groups: Sequence[Group], lost_leases: Sequence[int] = ()) -> None:
        super().__init__(plan, groups)
        self.lost_leases = tuple(lost_leases)


async def find_deleted(writes: Writes, prefix: bytes) -> Undelete:
    """The newest revision found at which a key of ``prefix`` lived that is gone now.

    Samples go back in doubling steps, then halve the largest gaps between samples (what lived only for a few
    revisions hides there), at most ``SEARCH_READS`` reads; a bisection finds the end of that life.
    """
    search = _Search(writes, prefix, *await _keys(writes, prefix, 0))
    found = await search.double_back() or await search.fill_gaps()
    if not found:
        return Undelete(prefix, 0, (), search.reads, search.compacted)
    newest = await search.last_before(found)
    return await undeletable(writes, prefix, newest, reads=search.reads, compacted=search.compacted)


class _Search:
    """Revisions looked at so far. ``low`` is the highest known to be unreadable (compacted, or 0)."""

    def __init__(self, writes: Writes, prefix: bytes, alive: frozenset[bytes], head: int) -> None:
        self.writes = writes
        self.prefix = prefix
        self.alive = alive
        self.head = head
        self.low = 0
        self.clear = [head]
        self.reads = 1
        self.compacted = False

    async def misses(self, revision: int) -> bool:
        """Whether a key lived at ``revision`` that is gone now; an unreadable revision raises ``low``."""
        self.reads += 1
        try:
            keys, _ = await _keys(self.writes, self.prefix, revision)
        except (Compacted, FutureRevision):
            self.low, self.compacted = max(self.low, revision), True
            return False
        if keys - self.alive:
            return True
        self.clear.append(revision)
        return False

    async def double_back(self) -> int:
        step = 1
        while self.head - step > self.low:
            if await self.misses(self.head - step):
                return self.head - step
            step *= 2
        return 0

    async def fill_gaps(self) -> int:
        while self.reads < SEARCH_READS:
            known = sorted({self.low, *(r for r in self.clear if r > self.low)})
            gap, start = max(((b - a, a) for a, b in itertools.pairwise(known)), default=(0, 0))
            if gap < 2:
                return 0
            if await self.misses(start + gap // 2):
                return start + gap // 2
        return 0

    async def last_before(self, good: int) -> int:
        """The last revision of the stretch from ``good`` on at which something is missing now."""
        bad = min(r for r in self.clear if r > good)
        while bad - good > 1:
            middle = (good + bad) // 2
            if await self.misses(middle):
                good = middle
            else:
                bad = middle
        return good


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
    names: list[bytes] = []
    at = 0
    pages = writes.client.kv.pages(key, range_end=end, page_size=NAMES_AT_ONCE, revision=revision, keys_only=True)
    async with aclosing(pages):
        async for page in pages:
            at = page.header.revision if page.header else at
            names += [kv.key for kv in page.kvs]
            if len(names) >= KEYS_LIMIT:
                break
    return frozenset(names[:KEYS_LIMIT]), at


async def live_lease(writes: Writes, lease: int) -> int:
    """The lease, or 0 when it is gone. One that may not be asked about is taken for alive: if it is not, the server
    refuses the write, and nothing comes back without its lease untold. Raises ``EtcdError``."""
    if not lease:
        return 0
    try:
        answer = await writes.client.lease.time_to_live(lease)
    except PermissionDenied:
        return lease
    return lease if answer.ttl > 0 else 0


async def plan_undelete(writes: Writes, found: Undelete) -> RestoreWrite:
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
    what = f"{counted(len(steps), 'key')} that lived at rev {found.revision}"
    lines = [
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
        facts=(Fact("", b"", f"{what} and are gone now", "created again", "head"),),
        action="undelete",
        listing=tuple(
            line("+ ", kv.key, f"   {format_size(len(kv.value))}", tone="add") for kv in found.kvs[:SHOWN_KEYS]
        ),
        target=found.prefix,
        action_class=ActionClass.R1 if len(steps) == 1 else ActionClass.R2,
        scope=Scope(frozenset({"KV/Txn"}), puts=scope_ranges(steps)[0]),
        target_word=escape_key(last_segment(found.prefix)),
        lines=tuple(lines),
        condition="create(key) = 0",
        keys=tuple(s.key for s in steps),
        changes=len(steps),
        etcdctl=steps_command(steps, namespace=writes.guard.policy.namespace),
        blocked="" if steps else "no deleted key is found in the history that is left",
    )
    return RestoreWrite(plan, groups, tuple(sorted(lost)))


async def plan_restore(guard: Guard, writes: Writes, version: KeyValue, now: KeyValue | None) -> RestoreWrite:
    """Put an old version of a key back: over what is there now (its lease kept), or as a new key."""
    lost: tuple[int, ...] = ()
    lease = 0
    if now is None:
        lease = await live_lease(writes, version.lease)
        lost = (version.lease,) if version.lease and not lease else ()
    step = Step(version.key, now, version.value, lease, keep_lease=now is not None)
    condition = f"still at rev {now.mod_revision}" if now else "the key does not exist now"
    back = f"version {version.version} of rev {version.mod_revision}"
    before = f"version {now.version} of rev {now.mod_revision}" if now else "does not exist"
    lines = [
        line("condition: ", condition, ", else nothing is written"),
        line((f"keeps lease {now.lease:x}" if now.lease else "no lease") if now else
             (f"lease {lease:x}" if lease else "no lease")),
    ]  # fmt: skip
    if lost:
        lines.append(line(f"its lease {lost[0]:x} is gone: the key comes back without one", tone="warn"))
    plan = WritePlan(
        facts=(Fact("", b"", before, f"{back} comes back", "head"),),
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
        etcdctl=steps_command((step,), namespace=guard.policy.namespace),
        blocked="it is what the key holds now" if now and now.value == version.value else "",
    )
    return RestoreWrite(plan, ((step,),), lost)
