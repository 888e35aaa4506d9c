"""The engine of every key change: under a permit, in as many transactions as needed, on record, remembered for undo."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import field
from pathlib import Path

from etcdtui.client import Client
from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import WritePlan
from etcdtui.core.steps import Batch, Group, Step, pack
from etcdtui.core.types import KeyValue
from etcdtui.core.value import Value, record
from etcdtui.services.values.kubernetes import COMPACT_KEY, PREFIXES
from etcdtui.services.writing.audit import Audit, AuditRecord
from etcdtui.services.writing.committing import (
    RESOLVE_FOR,
    Committed,
    Committing,
    Outcome,
    Refused,
    Unknown,
    as_expected,
)
from etcdtui.services.writing.guard import Guard
from etcdtui.services.writing.undolog import Change, UndoEntry, UndoLog

DRY_READS = 50
"""Reads of a dry run under way at once."""


class DryRun(Value):
    """Nothing was sent. ``holds`` says whether the conditions hold now; ``found`` as in ``Refused``."""

    holds: bool
    found: tuple[KeyValue | None, ...] = ()


CUT_SHORT = "UNKNOWN: cut short, may be written"
"""The result of a write whose flow was cancelled, by a profile switch or the end of the program."""


class BatchReport(Value):
    """What came of a change in batches: steps written before it ended, and why it ended early (``None``: it did not).

    ``at`` is the index of the batch that was refused or unknown.
    """

    written: tuple[tuple[Step, int], ...]
    batches: int
    stopped: Refused | Unknown | None = None
    error: EtcdError | None = None
    at: int = 0

    @property
    def complete(self) -> bool:
        return self.stopped is None and self.error is None

    @property
    def revision(self) -> int:
        return self.written[-1][1] if self.written else 0


@record(frozen=False)
class Writes:
    """Everything one opened profile needs to change keys."""

    client: Client
    guard: Guard
    audit: Audit
    state: Path
    profile: str = ""
    trash_on: bool = True
    undo: UndoLog = field(default_factory=UndoLog)
    resolve_for: float = RESOLVE_FOR
    clock: Callable[[], float] = time.monotonic

    async def apply(
        self, plan: WritePlan, steps: Batch, *, undo_of: str = "", dry: bool = False
    ) -> Committed | Refused | Unknown | DryRun:
        """Run one confirmed transaction: permit, send, settle, audit, remember for undo."""
        started = self.clock()
        if dry or self.guard.dry_run:
            outcome = await self.dry_run(steps)
            await self.record(plan, steps, "dry: THEN" if outcome.holds else "dry: ELSE", started, dry=True)
            return outcome
        try:
            with self.guard.permit(plan):
                result = await self.commit(steps)
        except EtcdError as error:
            await self.record(plan, steps, error_words(error), started, undo_of=undo_of)
            raise
        except BaseException:
            await self.record(plan, steps, CUT_SHORT, started, undo_of=undo_of)
            raise
        written = tuple((s, result.revision) for s in steps) if isinstance(result, Committed) else ()
        record = await self.record(
            plan, steps, result_words(result), started, revision=_revision(result), undo_of=undo_of
        )
        if written:
            self.remember(plan, written, record.id)
        return result

    async def apply_batches(
        self,
        plan: WritePlan,
        groups: Iterable[Group],
        *,
        undo_of: str = "",
        trash: Path | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        before_batch: Callable[[Batch], None] | None = None,
    ) -> BatchReport:
        """Run a confirmed change in as many transactions as the limits need; stops at the first that is not written."""
        started = self.clock()
        batches = pack(groups)
        written: list[tuple[Step, int]] = []
        stopped: Refused | Unknown | None = None
        failure: EtcdError | None = None
        at = 0
        try:
            with self.guard.permit(plan):
                for at, batch in enumerate(batches):  # noqa: B007 - reported after the loop
                    if before_batch:
                        before_batch(batch)
                    result = await self.commit(batch)
                    if not isinstance(result, Committed):
                        stopped = result
                        break
                    written.extend((s, result.revision) for s in batch)
                    if on_progress:
                        on_progress(len(written), sum(len(b) for b in batches))
        except EtcdError as error:
            if not written:
                await self.record(plan, (), error_words(error), started, undo_of=undo_of)
                raise
            failure = error
        except BaseException:
            done = tuple(s for s, _ in written)
            words = f"{CUT_SHORT}, after {len(done)} of {sum(map(len, batches))}"
            record = await self.record(plan, done, words, started, undo_of=undo_of)
            if written:
                self.remember(plan, tuple(written), record.id, trash=trash)
            raise
        report = BatchReport(tuple(written), len(batches), stopped, failure, at)
        total = sum(map(len, batches))
        words = f"rev {report.revision}" if report.complete else f"stopped after {len(written)} of {total}"
        steps = tuple(s for s, _ in written)
        record = await self.record(plan, steps, words, started, revision=report.revision, undo_of=undo_of)
        if written:
            self.remember(plan, tuple(written), record.id, trash=trash)
        return report

    # -- the transaction ---------------------------------------------------------------------------------------

    async def commit(self, steps: Batch) -> Outcome:
        """Send the steps as one transaction under the caller's permit and find out what came of it."""
        return await Committing(self.client, self.resolve_for, self.clock).commit(steps)

    async def dry_run(self, steps: Batch) -> DryRun:
        """Evaluate the conditions with reads only, a bounded number at a time."""
        found: list[KeyValue | None] = []
        for start in range(0, len(steps), DRY_READS):
            found += await asyncio.gather(*(self.get(s.key) for s in steps[start : start + DRY_READS]))
        return DryRun(all(as_expected(s, kv) for s, kv in zip(steps, found, strict=True)), tuple(found))

    async def dry_run_groups(self, groups: Iterable[Group]) -> tuple[int, int]:
        """How many of the keys of a change in many steps are as expected now, and how many there are."""
        steps = tuple(step for group in groups for step in group)
        found = (await self.dry_run(steps)).found
        return sum(as_expected(s, kv) for s, kv in zip(steps, found, strict=True)), len(steps)

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
        steps: Batch,
        result: str,
        started: float,
        *,
        revision: int = 0,
        dry: bool = False,
        undo_of: str = "",
        changes: int = 0,
    ) -> AuditRecord:
        """Write the audit line of a plan."""
        single = steps[0] if len(steps) == 1 else None
        record = self.audit.make(
            plan.action,
            plan.target,
            result,
            targets=tuple(s.key for s in steps) or plan.keys,
            changes=changes or len(steps) or plan.changes,
            guard=plan.condition,
            before=single.before.value if single and single.before else None,
            after=single.value if single else None,
            revision=revision,
            duration=self.clock() - started,
            dry=dry,
            undo_of=undo_of,
            cluster_id=self.guard.cluster_id,
            endpoint=",".join(self.client.endpoints),
        )
        await self.audit.add(record)
        return record

    def remember(
        self, plan: WritePlan, written: tuple[tuple[Step, int], ...], id_: str, *, trash: Path | None = None
    ) -> UndoEntry:
        changes = tuple(Change(s.key, s.before, s.value, revision) for s, revision in written)
        granted = tuple(sorted(plan.scope.leases or ()))
        entry = UndoEntry(id_, plan.action, plan.target, changes, trash, plan.undo, plan.etcdctl, granted=granted)
        self.undo.add(entry)
        return entry


async def holds_kubernetes(writes: Writes) -> bool:
    """Whether an apiserver keeps its objects here; no when that cannot be read."""
    namespace = writes.guard.policy.namespace
    if namespace:
        return any(namespace.startswith(prefix) for prefix in PREFIXES) or await _holds_any(writes, namespace)
    try:
        marker = await writes.client.kv.get(COMPACT_KEY, count_only=True)
        return marker.count > 0 or (await writes.client.kv.get(PREFIXES[0], prefix=True, count_only=True)).count > 0
    except EtcdError:
        return False


async def _holds_any(writes: Writes, namespace: bytes) -> bool:
    """Whether a namespace that ends before an apiserver's prefix does has such keys in it."""
    for prefix in PREFIXES:
        if prefix.startswith(namespace):
            try:
                answer = await writes.client.kv.get(prefix[len(namespace) :], prefix=True, count_only=True)
            except EtcdError:
                return False
            if answer.count:
                return True
    return False


def error_words(error: EtcdError) -> str:
    """The result column of Activity for a write that failed; a lost answer says so."""
    return f"error: {error.title}" + (", may be written" if error.applied == "maybe" else "")


def result_words(result: Outcome) -> str:
    """The result column of Activity."""
    if isinstance(result, Committed):
        return f"rev {result.revision}"
    return "CONFLICT" if isinstance(result, Refused) else "UNKNOWN"


def _revision(result: Outcome) -> int:
    return result.revision if isinstance(result, Committed) else 0
