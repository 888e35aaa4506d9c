"""New, clone, rename and move: a key or a folder, never over an existing key, the lease carried along.

A folder moves in transactions of whole pairs (put the target, delete the source, both guarded), with a journal on
disk so that a move cut at any point can be resumed or rolled back.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan, last_segment, line
from etcdtui.core.ranges import prefix_range
from etcdtui.core.steps import Group, Step, pack, scope_ranges
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.core.value import record
from etcdtui.services.values.kubernetes import MAGIC_BYTES
from etcdtui.services.writing.deleting import Preview, preview, preview_prefix
from etcdtui.services.writing.etcdctl import steps_command
from etcdtui.services.writing.guard import Guard
from etcdtui.services.writing.journal import MAX_PAIRS, MoveJournal, Pair, new_path
from etcdtui.services.writing.run import Report, StepsWrite
from etcdtui.services.writing.writes import Writes

SHOWN_KEYS = 1000


class MoveWrite(StepsWrite):
    """Put each target, delete its source; ``keep`` leaves the source (a clone).

    ``pairs`` are source keys as seen and their target names. With more than one transaction a journal is in the
    folder ``journals`` from before the first key moves until the last one has. ``journal`` is the one that a
    recovery finishes.
    """

    def __init__(
        self,
        plan: WritePlan,
        pairs: Sequence[tuple[KeyValue, bytes]],
        *,
        keep: bool = False,
        journals: Path | None = None,
        journal: MoveJournal | None = None,
    ) -> None:
        super().__init__(plan, [move_group(kv, target, keep) for kv, target in pairs])
        self.pairs = tuple(pairs)
        self.keep = keep
        self.journal = journal
        self._journals = None if keep else journals

    async def prepare(self, writes: Writes) -> None:
        if self._journals is not None and len(pack(self.groups)) > 1:
            self.journal = journal_of(writes, self, self._journals)
            await asyncio.to_thread(self.journal.write)

    async def finish(self, writes: Writes, report: Report) -> None:
        if self.journal is not None and report.complete:
            await asyncio.to_thread(self.journal.drop)


def move_group(kv: KeyValue, target: bytes, keep: bool) -> Group:
    put = Step(target, None, kv.value, kv.lease)
    return (put,) if keep else (put, Step(kv.key, kv, None))


def plan_move(
    guard: Guard, found: Preview, source: bytes, target: bytes, *, keep: bool = False, journals: Path | None = None
) -> MoveWrite:
    """Rename or (``keep``) clone what was previewed: one key, or a folder whose prefix is replaced."""
    pairs = tuple((kv, target + kv.key[len(source) :]) for kv in found.kvs)
    groups = [move_group(kv, name, keep) for kv, name in pairs]
    steps = [s for g in groups for s in g]
    batches = pack(groups)
    puts, deletes = scope_ranges(steps)
    verb = "clone" if keep else "move"
    leased = sum(bool(kv.lease) for kv, _ in pairs)
    size = sum(len(kv.value) for kv, _ in pairs)
    many = f"{len(pairs)} keys" if len(pairs) != 1 else "1 key"
    what = f"{many}, {format_size(size)}, {leased} with a lease, which goes along"
    facts = (Fact("", b"", "", what, "head"), Fact("clone" if keep else "name", b"", source, target))
    lines = []
    if pairs and source[-1:] == b"/" != target[-1:]:
        lines.append(line("the new name does not end in / as the old one does: keys become names such as ",
                          pairs[0][1], tone="warn"))  # fmt: skip
    if not keep:
        lines.append(line("watchers see a DELETE and a new key; versions start again at 1", tone="dim"))
        lines.append(line("not atomic for readers of both names", tone="warn"))
    if len(batches) > 1:
        lines.append(line(f"{len(batches)} transactions: not atomic as a whole; a journal lets a cut move resume",
                          tone="warn"))  # fmt: skip
    lines.append(line("guarded: sources still as seen, no target exists; nothing is overwritten"))
    return MoveWrite(
        WritePlan(
            facts=facts,
            action=f"{verb} {'key' if len(pairs) == 1 else 'folder'}",
            target=source,
            action_class=ActionClass.R1 if keep and len(pairs) == 1 else ActionClass.R2,
            scope=Scope(frozenset({"KV/Txn"}), puts=puts, deletes=deletes),
            target_word=escape_key(last_segment(source)),
            lines=tuple(lines),
            listing=tuple(line("  ", kv.key, " -> ", name) for kv, name in pairs[:SHOWN_KEYS] if len(pairs) > 1),
            condition="mod(source) = seen, create(target) = 0",
            etcdctl=steps_command(batches[0], namespace=guard.policy.namespace) if batches else "",
            keys=tuple(s.key for s in steps),
            values=tuple((kv.key, kv.value[:MAGIC_BYTES]) for kv, _ in pairs),
            changes=len(pairs),
            size=sum(s.size for s in steps),
            blocked=_blocked(pairs, source, target),
        ),
        pairs,
        keep=keep,
        journals=journals,
    )


def _blocked(pairs: Sequence[tuple[KeyValue, bytes]], source: bytes, target: bytes) -> str:
    if not pairs:
        return "there is no key to move"
    if source == target:
        return "source and target are the same"
    if len(pairs) > MAX_PAIRS:
        return f"more than {MAX_PAIRS} keys: move smaller folders one by one"
    names = {name for _, name in pairs}
    if b"" in names:
        return "a target name would be empty"
    if names & {kv.key for kv, _ in pairs}:
        return "source and target overlap: a moved key would land on one that has not moved yet"
    return ""


def journal_of(writes: Writes, move: MoveWrite, folder: Path) -> MoveJournal:
    pairs = tuple(
        Pair(kv.key, target, kv.mod_revision, kv.lease, hashlib.sha256(kv.value).hexdigest())
        for kv, target in move.pairs
    )
    revision = max((kv.mod_revision for kv, _ in move.pairs), default=0)
    source = move.plan.target
    first = move.pairs[0]
    target = first[1][: len(first[1]) - len(first[0].key) + len(source)]
    return MoveJournal(
        new_path(folder), writes.profile, writes.guard.cluster_id, source, target, pairs, revision, time.time()
    )


@record()
class MoveState:
    """Where every pair of a cut move stands. ``odd`` pairs are neither: somebody else touched them since."""

    waiting: tuple[tuple[KeyValue, bytes], ...]
    moved: tuple[tuple[KeyValue, bytes], ...]
    odd: tuple[bytes, ...]


async def inspect(writes: Writes, journal: MoveJournal) -> MoveState:
    """What has moved, at one revision. ``moved`` pairs name the target as it is now and its old name."""
    waiting: list[tuple[KeyValue, bytes]] = []
    moved: list[tuple[KeyValue, bytes]] = []
    odd: list[bytes] = []
    found = await preview_prefix(writes, journal.source)
    # At one revision: the last transaction of the program that was cut may still be on its way.
    others = await preview(writes, *prefix_range(journal.target), at=found.revision)
    sources = {kv.key: kv for kv in found.kvs}
    targets = {kv.key: kv for kv in others.kvs}
    for pair in journal.pairs:
        source, target = sources.get(pair.source), targets.get(pair.target)
        if source is not None and source.mod_revision == pair.mod and target is None:
            waiting.append((source, pair.target))
        elif source is None and target is not None and _is(pair, target):
            moved.append((target, pair.source))
        else:
            odd.append(pair.source)
    return MoveState(tuple(waiting), tuple(moved), tuple(odd))


def _is(pair: Pair, kv: KeyValue) -> bool:
    return kv.version == 1 and kv.lease == pair.lease and hashlib.sha256(kv.value).hexdigest() == pair.sha


def plan_recovery(guard: Guard, journal: MoveJournal, state: MoveState, *, back: bool) -> MoveWrite:
    """Finish a cut move, or (``back``) undo what it had done; odd pairs are left alone and named."""
    pairs = state.moved if back else state.waiting
    source, target = (journal.target, journal.source) if back else (journal.source, journal.target)
    groups = [move_group(kv, name, False) for kv, name in pairs]
    puts, deletes = scope_ranges([s for g in groups for s in g])
    words = "put back" if back else "still to move"
    facts = (
        Fact("a move was cut:", b"", journal.source, journal.target, "head"),
        Fact("", b"", f"{len(state.moved)} keys had moved, {len(state.waiting)} had not", f"{len(pairs)} {words}"),
    )
    lines = [
        line("guarded: sources still as seen, no target exists; nothing is overwritten"),
    ]
    if state.odd:
        lines.append(line(f"{len(state.odd)} were changed by somebody else since and stay, such as ", state.odd[0],
                          tone="warn"))  # fmt: skip
    return MoveWrite(
        WritePlan(
            facts=facts,
            action="roll back move" if back else "resume move",
            target=source,
            action_class=ActionClass.R2,
            scope=Scope(frozenset({"KV/Txn"}), puts=puts, deletes=deletes),
            target_word=escape_key(last_segment(target)),
            lines=tuple(lines),
            condition="mod(source) = seen, create(target) = 0",
            keys=tuple(s.key for g in groups for s in g),
            values=tuple((kv.key, kv.value[:MAGIC_BYTES]) for kv, _ in pairs),
            changes=len(pairs),
        ),
        pairs,
        journal=journal,
    )
