"""Compare two prefixes, of one cluster or of two, and copy chosen differences, guarded by what was compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan, last_segment, line
from etcdtui.core.steps import Step, pack, scope_ranges
from etcdtui.core.types import KeyValue
from etcdtui.core.value import record
from etcdtui.services.values.kubernetes import MAGIC_BYTES
from etcdtui.services.writing.run import StepsWrite
from etcdtui.services.writing.transfer import Export

SHOWN_KEYS = 1000


@record()
class DiffRow:
    """One name below both prefixes. Only key and value are compared; leases and revisions differ by nature."""

    name: bytes
    kind: Literal["left", "right", "differs", "same"]
    left: KeyValue | None
    right: KeyValue | None


def compare(left: Export, right: Export) -> list[DiffRow]:
    """Every name of both sides in order."""
    a = {kv.key[len(left.header.prefix) :]: kv for kv in left.kvs}
    b = {kv.key[len(right.header.prefix) :]: kv for kv in right.kvs}
    rows: list[DiffRow] = []
    for name in sorted(a.keys() | b.keys()):
        mine, theirs = a.get(name), b.get(name)
        if mine is None:
            kind: Literal["left", "right", "differs", "same"] = "right"
        elif theirs is None:
            kind = "left"
        else:
            kind = "same" if mine.value == theirs.value else "differs"
        rows.append(DiffRow(name, kind, mine, theirs))
    return rows


def counts(rows: Iterable[DiffRow]) -> dict[str, int]:
    out = {"left": 0, "right": 0, "differs": 0, "same": 0}
    for row in rows:
        out[row.kind] += 1
    return out


def plan_copy(rows: Sequence[DiffRow], right_prefix: bytes) -> StepsWrite:
    """Copy the left side of the chosen rows to the right prefix; nothing on the right is deleted, leases stay."""
    steps: list[Step] = []
    for row in rows:
        if row.left is not None and row.kind in ("left", "differs"):
            key = right_prefix + row.name
            steps.append(Step(key, row.right, row.left.value, keep_lease=row.right is not None))
    groups = tuple((s,) for s in steps)
    new = sum(s.before is None for s in steps)
    facts = (Fact("keys below", right_prefix or b"everything", "", f"{new} new, {len(steps) - new} changed", "head"),)
    lines = [
        line("guarded: every key on the right is still as compared, else it is not written"),
        line("new keys get no lease, changed ones keep theirs"),
    ]
    if len(pack(groups)) > 1:
        lines.append(line(f"{len(pack(groups))} transactions: not atomic as a whole", tone="warn"))
    plan = WritePlan(
        facts=facts,
        action="copy differences",
        listing=tuple(line("+ " if s.before is None else "~ ", s.key, tone="add") for s in steps[:SHOWN_KEYS]),
        target=right_prefix,
        action_class=ActionClass.R2,
        scope=Scope(frozenset({"KV/Txn"}), puts=scope_ranges(steps)[0]),
        target_word=escape_key(last_segment(right_prefix)),
        lines=tuple(lines),
        condition="every key still as compared",
        keys=tuple(s.key for s in steps),
        values=tuple((s.key, s.before.value[:MAGIC_BYTES]) for s in steps if s.before),
        changes=len(steps),
        size=sum(s.size for s in steps),
        blocked="" if steps else "nothing to copy",
    )
    return StepsWrite(plan, groups)
