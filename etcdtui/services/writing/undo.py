"""Undo of what this run did: each key back to its exact before-state, if it is still as we left it, else a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, WritePlan, last_segment, line
from etcdtui.core.steps import Group, Step, pack, scope_ranges
from etcdtui.core.types import KeyValue
from etcdtui.core.units import counted
from etcdtui.core.value import record
from etcdtui.services.values.kubernetes import MAGIC_BYTES
from etcdtui.services.values.valuediff import Hiding, line_diff, preview
from etcdtui.services.writing.etcdctl import steps_command
from etcdtui.services.writing.restore import live_lease
from etcdtui.services.writing.run import Report, StepsWrite, Write
from etcdtui.services.writing.undolog import UNDO, Change, UndoEntry
from etcdtui.services.writing.writes import Writes

READ_CHUNK = 50
SHOWN_KEYS = 1000


class UndoWrite(StepsWrite):
    """Put back what an entry changed; it counts as undone when all of it is, else what is left of it can be."""

    def __init__(self, plan: WritePlan, groups: Sequence[Group], entry: UndoEntry) -> None:
        super().__init__(plan, groups)
        self.entry = entry
        self.undo_of = entry.id

    async def finish(self, writes: Writes, report: Report) -> None:
        done = {change.key: change.revision for change in report.changes}
        writes.undo.put_back(self.entry, done)
        if report.complete:
            self.entry.undone = True
        else:
            self.entry.changes = tuple(change for change in self.entry.changes if change.key not in done)


@record()
class UndoPlan:
    """What an undo would do: ``write``, or ``reason`` says why it is not possible."""

    entry: UndoEntry
    write: Write | None
    reason: str = ""
    lost_leases: tuple[int, ...] = ()

    @property
    def possible(self) -> bool:
        return self.write is not None


async def plan_undo(writes: Writes, entry: UndoEntry, hiding: Callable[[bytes], Hiding] | None = None) -> UndoPlan:
    """Read every key the action touched and plan its way back; all or nothing.

    With ``hiding``, what the profile masks of a key's value, the plan of a single key shows the change itself.
    """
    if entry.undone:
        return UndoPlan(entry, None, "it was undone already")
    if entry.back is not None:
        write: Write = await entry.back()
        write.undo_of = entry.id
        return UndoPlan(entry, write)
    if entry.never or not entry.changes:
        return UndoPlan(entry, None, entry.never or "it changed no key")
    steps: list[Step] = []
    lost: set[int] = set()
    for start in range(0, len(entry.changes), READ_CHUNK):
        part = entry.changes[start : start + READ_CHUNK]
        found = await asyncio.gather(*(writes.get(c.key) for c in part))
        for change, now in zip(part, found, strict=True):
            if why := _changed_since(change, now):
                return UndoPlan(entry, None, why)
            step, gone = await _step_back(writes, change, now)
            if step is not None:
                steps.append(step)
            lost |= gone
    groups = _group(entry, steps)
    shown = _change_lines(steps[0], hiding(steps[0].key)) if hiding and len(steps) == 1 else []
    plan = _plan(writes.guard.policy.namespace, entry, steps, groups, lost, shown)
    return UndoPlan(entry, UndoWrite(plan, groups, entry), lost_leases=tuple(sorted(lost)))


def _changed_since(change: Change, now: KeyValue | None) -> str:
    name = escape_key(change.key)
    if change.after is None:
        return f"{name} exists again (rev {now.mod_revision})" if now is not None else ""
    if now is None:
        return f"{name} was deleted since"
    if now.mod_revision != change.revision:
        return f"{name} was changed since (rev {now.mod_revision})"
    return ""


async def _step_back(writes: Writes, change: Change, now: KeyValue | None) -> tuple[Step | None, set[int]]:
    before = change.before
    if before is None:
        return (Step(change.key, now, None), set()) if now else (None, set())
    if now is not None and now.lease == before.lease:
        return Step(change.key, now, before.value, keep_lease=True), set()
    lease = await live_lease(writes, before.lease)
    lost = {before.lease} if before.lease and not lease else set()
    return Step(change.key, now, before.value, lease), lost


def _group(entry: UndoEntry, steps: list[Step]) -> tuple[Group, ...]:
    """A pair that moved together goes back together: undo steps of one revision stay one group while they fit.

    Within it what is put goes first, so that a pair which does not fit is there twice for a moment, never not at all.
    """
    by_revision: dict[int, list[Step]] = {}
    revisions = {c.key: c.revision for c in entry.changes}
    for step in steps:
        by_revision.setdefault(revisions[step.key], []).append(step)
    groups: list[Group] = []
    for part in by_revision.values():
        part.sort(key=lambda step: step.value is None)
        groups += [tuple(batch) for batch in pack([(s,) for s in part])]
    return tuple(groups)


def _plan(
    namespace: bytes,
    entry: UndoEntry,
    steps: list[Step],
    groups: tuple[Group, ...],
    lost: set[int],
    shown: list[PlanLine],
) -> WritePlan:
    puts, deletes = scope_ranges(steps)
    things = -(-len(steps) // entry.each)
    lines = [line("condition: every key still as it was left, else nothing is written")]
    gone = [f"lease {lease:x} is gone: its keys come back without one" for lease in sorted(lost)[:4]]
    lines.extend(line(words, tone="warn") for words in gone)
    if entry.granted:
        names = ", ".join(f"{lease:x}" for lease in entry.granted[:4])
        lines.append(line(f"{len(entry.granted)} leases granted for it ({names}) stay until their time is over"))
    if any(step.before is None for step in steps):
        lines.append(line("a key that is created again begins at version 1", tone="dim"))
    batches = pack(groups)
    if len(batches) > 1:
        lines.append(line(f"{len(batches)} transactions: not atomic as a whole", tone="warn"))
    lines.extend(shown)
    return WritePlan(
        facts=(
            Fact(f"undo {entry.action}:", b", ".join(entry.named) or entry.target, "", counted(things, "key"), "head"),
        ),
        action=UNDO,
        listing=tuple(_step_line(step) for step in steps[:SHOWN_KEYS]),
        target=entry.target,
        named=entry.named,
        action_class=ActionClass.R1 if len(steps) == 1 else ActionClass.R2,
        scope=Scope(frozenset({"KV/Txn"}), puts=puts, deletes=deletes),
        target_word=escape_key(last_segment(entry.target)),
        lines=tuple(lines),
        condition="every key still as we left it",
        etcdctl=steps_command(steps, namespace=namespace),
        keys=tuple(s.key for s in steps),
        values=tuple((s.key, s.before.value[:MAGIC_BYTES]) for s in steps if s.before),
        changes=things,
    )


def _change_lines(step: Step, hidden: Hiding) -> list[PlanLine]:
    """What is in the key now against what comes back."""
    now = step.before.value if step.before else b""
    if step.value is None:
        return [line("- ", preview(now, hidden), tone="remove")]
    return line_diff(now, step.value, hidden)


def _step_line(step: Step) -> PlanLine:
    verb = (
        "delete " if step.value is None else "create again " if step.before is None else "write the earlier value of "
    )
    return line(verb, step.key, tone="remove" if step.value is None else "add")
