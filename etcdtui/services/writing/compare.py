"""Compare two prefixes, of one cluster, of two, or of a cluster and a snapshot of it, and copy chosen differences.

What is copied is guarded by what was compared. Both sides are read in pages and merged: only what differs is kept.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Literal

from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan, last_segment, line
from etcdtui.core.ranges import prefix_range
from etcdtui.core.steps import Step, pack, scope_ranges
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.core.value import record
from etcdtui.services.values.kubernetes import MAGIC_BYTES
from etcdtui.services.writing.run import StepsWrite
from etcdtui.services.writing.transfer import EXPORT_BYTES_LIMIT, TransferError
from etcdtui.services.writing.writes import Writes

SHOWN_KEYS = 1000
PAGE = 1000
"""Keys of one answer."""

Kind = Literal["left", "right", "differs"]
OnCompared = Callable[[int], None]


@record()
class DiffRow:
    """One name that is not the same on both sides. Only key and value are compared; leases and revisions differ by
    nature."""

    name: bytes
    kind: Kind
    left: KeyValue | None
    right: KeyValue | None


@record()
class Area:
    """What is compared of one side: everything below ``prefix``, or with ``alone`` the key of that name."""

    writes: Writes
    prefix: bytes
    alone: bool


@record(frozen=False)
class Compared:
    """The names that differ, in order, and how many are equal; both sides were read at one revision each."""

    rows: list[DiffRow]
    same: int
    left_revision: int
    right_revision: int

    def count(self, kind: Kind) -> int:
        return sum(row.kind == kind for row in self.rows)


async def compare(
    left: Area, right: Area, *, on_compared: OnCompared | None = None, limit: int = EXPORT_BYTES_LIMIT
) -> Compared:
    """Both sides merged. ``on_compared`` is told now and then how many names were looked at.

    Raises ``TransferError`` when what differs has more than ``limit`` bytes.
    """
    found = Compared([], 0, 0, 0)
    seen = size = 0
    ours, theirs = _Side(left), _Side(right)
    async with aclosing(ours.keys) as lefts, aclosing(theirs.keys) as rights:
        mine, other = await anext(lefts, None), await anext(rights, None)
        while mine is not None or other is not None:
            name, its = ours.name(mine), theirs.name(other)
            kv, before = mine, other
            if its is None or (name is not None and name < its):
                kind, before = "left", None
            elif name is None or its < name:
                kind, kv, name = "right", None, its
            else:
                kind = "differs"
            same = kv is not None and before is not None and kv.value == before.value
            if same:
                found.same += 1
            else:
                found.rows.append(DiffRow(name or b"", kind, kv, before))  # type: ignore[arg-type]  # one of three words
                size += sum(len(one.key) + len(one.value) for one in (kv, before) if one is not None)
                if size > limit:
                    raise TransferError(f"More than {format_size(limit)} differ: compare a smaller prefix.")
            if kv is not None:
                mine = await anext(lefts, None)
            if before is not None:
                other = await anext(rights, None)
            seen += 1
            if on_compared is not None and seen % PAGE == 0:
                on_compared(seen)
    found.left_revision, found.right_revision = ours.revision, theirs.revision
    return found


class _Side:
    """The keys of one side, page after page."""

    def __init__(self, area: Area) -> None:
        self.revision = 0
        self._area = area
        self.keys = self._read()

    def name(self, kv: KeyValue | None) -> bytes | None:
        return None if kv is None else kv.key[len(self._area.prefix) :]

    async def _read(self) -> AsyncGenerator[KeyValue, None]:
        key, end = (self._area.prefix, None) if self._area.alone else prefix_range(self._area.prefix)
        pages = self._area.writes.client.kv.pages(key, range_end=end, page_size=PAGE)
        async with aclosing(pages):
            async for page in pages:
                if page.header is not None and not self.revision:
                    self.revision = page.header.revision
                for kv in page.kvs:
                    yield kv


def plan_copy(rows: Sequence[DiffRow], right_prefix: bytes, *, source: str = "") -> StepsWrite:
    """Copy the left side of the chosen rows to the right prefix; nothing on the right is deleted, leases stay.

    ``source`` names a snapshot that they are taken back from.
    """
    steps: list[Step] = []
    for row in rows:
        if row.left is not None and row.kind in ("left", "differs"):
            key = right_prefix + row.name
            steps.append(Step(key, row.right, row.left.value, keep_lease=row.right is not None))
    groups = tuple((s,) for s in steps)
    new = sum(s.before is None for s in steps)
    facts = (Fact("keys below", right_prefix or b"everything", "", f"{new} new, {len(steps) - new} changed", "head"),)
    lines = [line(f"taken back from {source}", tone="head")] if source else []
    lines += [
        line("guarded: every key on the right is still as compared, else it is not written"),
        line("new keys get no lease, changed ones keep theirs"),
    ]
    if len(pack(groups)) > 1:
        lines.append(line(f"{len(pack(groups))} transactions: not atomic as a whole", tone="warn"))
    plan = WritePlan(
        facts=facts,
        action="take back from a snapshot" if source else "copy differences",
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
