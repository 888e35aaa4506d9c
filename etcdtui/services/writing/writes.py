"""What one opened profile has for its writes: client, guard, audit and undo memory. ``run.py`` uses them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import field
from pathlib import Path

from etcdtui.client import Client
from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import Fact, WritePlan
from etcdtui.core.steps import Batch
from etcdtui.core.types import KeyValue
from etcdtui.core.value import record
from etcdtui.services.values.kubernetes import COMPACT_KEY, PREFIXES
from etcdtui.services.writing.audit import Audit, AuditRecord
from etcdtui.services.writing.committing import RESOLVE_FOR, Committing, Outcome
from etcdtui.services.writing.guard import Guard
from etcdtui.services.writing.undolog import Back, Change, UndoEntry, UndoLog

DRY_READS = 50
"""Reads of a dry run under way at once."""


@record(frozen=False)
class Writes:
    """Everything one opened profile needs for its writes. ``resolve_for``: seconds a lost answer is asked for again."""

    client: Client
    guard: Guard
    audit: Audit
    state: Path
    profile: str = ""
    trash_on: bool = True
    undo: UndoLog = field(default_factory=UndoLog)
    resolve_for: float = RESOLVE_FOR
    clock: Callable[[], float] = time.monotonic

    # -- reading and the transaction ---------------------------------------------------------------------------

    async def commit(self, steps: Batch) -> Outcome:
        """Send the steps as one transaction under the caller's permit and find out what came of it."""
        return await Committing(self.client, self.resolve_for, self.clock).commit(steps)

    async def look(self, steps: Batch) -> tuple[KeyValue | None, ...]:
        """The keys of the steps as they are now, read a bounded number at a time."""
        found: list[KeyValue | None] = []
        for start in range(0, len(steps), DRY_READS):
            found += await asyncio.gather(*(self.get(s.key) for s in steps[start : start + DRY_READS]))
        return tuple(found)

    async def get(self, key: bytes) -> KeyValue | None:
        found = await self.client.kv.get(key)
        return found.kvs[0] if found.kvs else None

    async def lease_ttl(self, lease: int) -> int | None:
        """Seconds left of a lease, ``None`` when it is gone or may not be asked for."""
        if not lease:
            return None
        try:
            answer = await self.client.lease.time_to_live(lease)
        except EtcdError:
            return None
        return answer.ttl if answer.ttl > 0 else None

    # -- the record --------------------------------------------------------------------------------------------

    async def record(
        self,
        plan: WritePlan,
        result: str,
        started: float,
        *,
        steps: Batch = (),
        changes: Sequence[Change] = (),
        count: int = 0,
        revision: int = 0,
        dry: bool = False,
        undo_of: str = "",
        facts: Sequence[Fact] = (),
    ) -> AuditRecord:
        """Write the audit line of a plan. ``steps`` are what it would change, ``changes`` what it did."""
        single = steps[0] if len(steps) == 1 else None
        record = self.audit.make(
            plan.action,
            plan.target,
            result,
            targets=tuple(c.key for c in changes) or tuple(s.key for s in steps) or plan.keys,
            changes=count or len(changes) or len(steps) or plan.changes,
            guard=plan.condition,
            before=single.before.value if single and single.before else None,
            after=single.value if single else None,
            revision=revision,
            duration=self.clock() - started,
            dry=dry,
            undo_of=undo_of,
            cluster_id=self.guard.cluster_id,
            endpoint=",".join(self.client.endpoints),
            facts=(*plan.facts, *facts),
        )
        await self.audit.add(record)
        return record

    def remember(
        self, plan: WritePlan, changes: Sequence[Change], id_: str, *, trash: Path | None = None,
        granted: Sequence[int] = (), each: int = 1, back: Back | None = None,
    ) -> None:  # fmt: skip
        """Keep what an undo of these changes needs; ``granted`` are leases that were granted for them, ``each`` how
        many of the changes are one thing to a person."""
        entry = UndoEntry(
            id_,
            plan.action,
            plan.target,
            tuple(changes),
            trash,
            plan.undo,
            plan.etcdctl,
            granted=tuple(sorted(granted)),
            each=each,
            named=plan.named,
            back=back,
        )
        self.undo.add(entry)


async def holds_kubernetes(writes: Writes) -> bool:
    """Whether an apiserver keeps its objects here; no when that cannot be read."""
    namespace = writes.guard.policy.namespace
    if namespace:
        return any(namespace.startswith(prefix) for prefix in PREFIXES) or await _holds_any(writes, namespace)
    try:
        marker = await writes.client.kv.get(COMPACT_KEY, count_only=True)
        return marker.count > 0 or await _any_below(writes, PREFIXES[0])
    except EtcdError:
        return False


async def _holds_any(writes: Writes, namespace: bytes) -> bool:
    """Whether a namespace that ends before an apiserver's prefix does has such keys in it."""
    for prefix in PREFIXES:
        if prefix.startswith(namespace):
            try:
                found = await _any_below(writes, prefix[len(namespace) :])
            except EtcdError:
                return False
            if found:
                return True
    return False


async def _any_below(writes: Writes, prefix: bytes) -> bool:
    """Whether there is a key that starts so: to count them all would hold up writes where there are millions."""
    async with aclosing(writes.client.kv.pages(prefix, prefix=True, keys_only=True, page_size=1)) as pages:
        async for page in pages:
            return bool(page.kvs)
    return False
