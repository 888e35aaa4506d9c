"""Delete a key, marked keys or a prefix: previewed, guarded by revision, with before-images in the trash first.

A prefix delete is one transaction guarded by ``mod(range) < R+1``: nothing goes if anything was written since the
preview at R. Above ``ATOMIC_KEYS`` or ``ATOMIC_BYTES`` it runs in pages, each guarded, and the plan says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from etcdtui.client import Compare, Op
from etcdtui.core.errors import EtcdError, NoSpace
from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, WritePlan, last_segment, line
from etcdtui.core.ranges import next_key, prefix_range
from etcdtui.core.steps import Step, pack
from etcdtui.core.types import DeleteResult, KeyValue, TxnResult
from etcdtui.core.units import counted, format_size
from etcdtui.core.value import Value
from etcdtui.services.values.kubernetes import MAGIC_BYTES, is_kubernetes, kubectl_hint
from etcdtui.services.values.valuediff import NOTHING, Hiding
from etcdtui.services.values.valuediff import preview as preview_of
from etcdtui.services.writing.committing import Refused, Unknown
from etcdtui.services.writing.etcdctl import del_command, steps_command
from etcdtui.services.writing.guard import Guard
from etcdtui.services.writing.run import DryRun, Progress, Report, StepsWrite, Write
from etcdtui.services.writing.trash import Trash
from etcdtui.services.writing.writes import Writes

DELETING = frozenset({"KV/Txn", "KV/DeleteRange"})
"""A transaction, and for a full database that refuses transactions the plain delete."""
ATOMIC_KEYS = 10_000
ATOMIC_BYTES = 64 * 1024 * 1024
PAGE_KEYS = 1000
PREVIEW_BYTES = 1024 * 1024 * 1024
SHOWN_KEYS = 1000
SETTLE_TRIES = 40


class Preview(Value):
    """What a range holds at one revision."""

    key: bytes
    end: bytes
    kvs: tuple[KeyValue, ...]
    revision: int
    cluster_id: int = 0

    @property
    def size(self) -> int:
        return sum(len(kv.key) + len(kv.value) for kv in self.kvs)

    @property
    def paged(self) -> bool:
        return len(self.kvs) > ATOMIC_KEYS or self.size > ATOMIC_BYTES


class TooLarge(Exception):
    """The range holds more bytes than a preview keeps; the message is a sentence."""


async def preview(writes: Writes, key: bytes, end: bytes, *, at: int = 0) -> Preview:
    """Read the whole range at one revision: the newest, or ``at``."""
    kvs: list[KeyValue] = []
    size = revision = cluster = 0
    async for page in writes.client.kv.pages(key, range_end=end, page_size=500, revision=at):
        if page.header and not revision:
            revision, cluster = at or page.header.revision, page.header.cluster_id
        kvs.extend(page.kvs)
        size += sum(len(kv.key) + len(kv.value) for kv in page.kvs)
        if size > PREVIEW_BYTES:
            raise TooLarge(f"More than {format_size(PREVIEW_BYTES)} under it: delete smaller folders one by one.")
    return Preview(key, end, tuple(kvs), revision, cluster)


async def preview_prefix(writes: Writes, prefix: bytes) -> Preview:
    """The preview of everything that starts with ``prefix``, which must end where a folder ends (``b"/a/b/"``)."""
    return await preview(writes, *prefix_range(prefix))


class ListedDelete(StepsWrite):
    """Delete keys one by one that are known; before-images of more than one go to the trash first."""

    def __init__(self, plan: WritePlan, kvs: Sequence[KeyValue], trash: Trash | None = None) -> None:
        super().__init__(plan, [(Step(kv.key, kv, None),) for kv in kvs])
        self._trash = trash if len(kvs) > 1 else None
        self._path = self._trash.path_for(max(kv.mod_revision for kv in kvs)) if self._trash else None

    @property
    def trash(self) -> Path | None:
        return self._path

    async def prepare(self, writes: Writes) -> None:
        if self._trash is not None and self._path is not None:
            kvs = [step.before for step in self.steps if step.before is not None]
            cluster, target = writes.guard.cluster_id, self.plan.target
            await asyncio.to_thread(self._trash.put, self._path, kvs, cluster_id=cluster, revision=0, prefix=target)


def plan_delete_key(guard: Guard, kv: KeyValue, *, ttl: int | None = None, hidden: Hiding = NOTHING) -> ListedDelete:
    """Delete one key if it is still what was seen."""
    lines = [
        line("- ", preview_of(kv.value, hidden), tone="remove"),
        line(f"lease {kv.lease:x}" + (f" (TTL {ttl}s)" if ttl is not None else "") if kv.lease else "no lease"),
        line("whoever watches it sees a DELETE; etcd does not tell who watches", tone="dim"),
        line(f"condition: still at rev {kv.mod_revision}, else nothing is deleted"),
    ]
    lines += _owner_lines(guard, kv.key, kv.value)
    plan = WritePlan(
        facts=(
            Fact(
                "key", b"", f"{format_size(len(kv.value))}, ver {kv.version}, mod {kv.mod_revision}", "deleted", "head"
            ),
        ),
        action="delete key",
        target=kv.key,
        action_class=ActionClass.R2,
        scope=Scope(DELETING, deletes=((kv.key, b""),)),
        target_word=escape_key(last_segment(kv.key)),
        lines=tuple(lines),
        condition=f"mod = {kv.mod_revision}",
        etcdctl=steps_command((Step(kv.key, kv, None),), namespace=guard.policy.namespace),
        keys=(kv.key,),
        values=((kv.key, kv.value[:MAGIC_BYTES]),),
    )
    return ListedDelete(plan, [kv])


def _owner_lines(guard: Guard, shown: bytes, value: bytes) -> list[PlanLine]:
    key = guard.whole(shown)
    if is_kubernetes(key, value[:MAGIC_BYTES]):
        hint = kubectl_hint(key)
        return [
            line("this key belongs to the kube-apiserver", tone="warn"),
            line("Deleting it here skips finalizers, admission, RBAC and audit, and leaves", tone="warn"),
            line("its children behind. The apiserver may keep serving it from its cache.", tone="warn"),
            *([line("Safer:  ", hint, "   (look at metadata.finalizers)")] if hint else []),
        ]
    named = guard.families.recognise(shown)
    return [line(words, tone="warn") for words in named.warnings] if named is not None else []


class Marked(Value):
    """A thing that a person marked: a key, or a folder with all that it holds."""

    path: bytes
    kvs: tuple[KeyValue, ...]
    folder: bool = False


def plan_delete_keys(guard: Guard, marked: Sequence[Marked], trash: Trash | None = None) -> ListedDelete:
    """Delete what is marked, each key only if it is still what was seen; everything marked is named."""
    found = {kv.key: kv for one in marked for kv in one.kvs}
    kvs = [found[key] for key in sorted(found)]
    over = len(kvs) > guard.policy.delete_keys
    names = tuple(one.path for one in marked)
    first = names[0] if names else b""
    facts = [Fact("", b"", _count(kvs, guard), "deleted", "head")]
    if any(one.folder for one in marked):
        kind = {True: "folder", False: "key"}
        facts += [Fact(kind[one.folder], one.path, _keys(len(one.kvs)), "deleted", "remove") for one in marked]
    plan = WritePlan(
        action="delete keys",
        target=first,
        named=names,
        facts=tuple(facts),
        action_class=ActionClass.R4 if over else ActionClass.R2,
        scope=Scope(DELETING, deletes=tuple((kv.key, b"") for kv in kvs)),
        target_word=escape_key(last_segment(first)),
        lines=(*_over_lines(over, guard), *_atomic_lines(len(pack([(Step(kv.key, kv, None),) for kv in kvs]))),
               line("guarded: each key only if it is still as seen")),
        listing=_key_lines(kvs),
        condition="mod(key) = seen",
        etcdctl="\n".join(_del_of(one, guard.policy.namespace) for one in marked),
        keys=tuple(kv.key for kv in kvs),
        values=tuple((kv.key, kv.value[:MAGIC_BYTES]) for kv in kvs),
        changes=len(kvs),
        blocked=_protected(guard, kvs) or ("" if kvs else "none of the marked keys exists now"),
    )  # fmt: skip
    return ListedDelete(plan, kvs, trash)


def _del_of(one: Marked, namespace: bytes) -> str:
    return del_command(*(prefix_range(one.path) if one.folder else (one.path, b"")), namespace=namespace)


def _keys(count: int) -> str:
    return counted(count, "key")


def plan_delete_range(guard: Guard, found: Preview, label: bytes, trash: Trash | None = None) -> RangeDelete:
    """Delete everything in a previewed range; ``label`` is what the person asked for (the prefix)."""
    path = trash.path_for(found.revision) if trash is not None else None
    whole = found.key in (b"", b"\0") and found.end == b"\0"
    prefix = not whole and (found.key, found.end) == prefix_range(label)
    label = b"" if whole else label
    over = len(found.kvs) > guard.policy.delete_keys
    pages = -(-len(found.kvs) // PAGE_KEYS) if found.paged else 1
    lines = _over_lines(over, guard)
    lines += _reach_lines(found, label) if prefix else []
    if path is not None:
        lines.append(line("before-images: saved to ", str(path)))
    lines.append(line(f"guarded: nothing is deleted if any key changed since rev {found.revision}"))
    lines += _atomic_lines(pages)
    kind, name = ("prefix", label) if prefix else ("range", b" .. ".join((found.key, found.end)))
    if whole:
        kind, name = "every key", b""
    plan = WritePlan(
        facts=(Fact(kind, name, _count(found.kvs, guard, found.revision), "deleted", "head"),),
        action="delete every key" if whole else "delete prefix" if prefix else "delete range from",
        target=label,
        action_class=ActionClass.R4 if over or whole or not label.strip(b"/") else ActionClass.R2,
        scope=Scope(DELETING, deletes=((found.key, found.end),), listed=True),
        target_word=escape_key(last_segment(label)) or guard.policy.profile,
        lines=tuple(lines),
        listing=_key_lines(found.kvs),
        condition=f"mod(range) < {found.revision + 1}",
        etcdctl=del_command(found.key, found.end, namespace=guard.policy.namespace),
        keys=tuple(kv.key for kv in found.kvs),
        values=tuple((kv.key, kv.value[:MAGIC_BYTES]) for kv in found.kvs),
        changes=len(found.kvs),
        blocked=_protected(guard, found.kvs) or ("" if found.kvs else "there is no key in it"),
    )
    return RangeDelete(plan, found, trash, path)


def _reach_lines(found: Preview, prefix: bytes) -> list[PlanLine]:
    """A prefix that ends inside of a name takes the names beside it too: ``/a/b`` is a prefix of ``/a/bc``."""
    if not prefix[-1:].isalnum():
        return []
    beside = next((kv.key for kv in found.kvs if kv.key[len(prefix) :][:1].isalnum()), None)
    return [] if beside is None else [line("it ends inside of a name: this goes too: ", beside, tone="warn")]


def _count(kvs: Sequence[KeyValue], guard: Guard, revision: int = 0) -> str:
    size = sum(len(kv.key) + len(kv.value) for kv in kvs)
    leased = sum(bool(kv.lease) for kv in kvs)
    kubernetes = sum(is_kubernetes(guard.whole(kv.key), kv.value[:MAGIC_BYTES]) for kv in kvs)
    at = f", read at rev {revision}" if revision else ""
    return f"{_keys(len(kvs))}, {format_size(size)}{at}, {leased} with a lease, {kubernetes} kubernetes"


def _over_lines(over: bool, guard: Guard) -> list[PlanLine]:
    limit = guard.policy.delete_keys
    return [line(f"more than this profile's limit of {limit} keys", tone="warn")] if over else []


def _key_lines(kvs: Sequence[KeyValue]) -> tuple[PlanLine, ...]:
    lines = [line("  ", kv.key, f"   {format_size(len(kv.value))}") for kv in kvs[:SHOWN_KEYS]]
    if len(kvs) > SHOWN_KEYS:
        lines.append(line(f"  ... {len(kvs) - SHOWN_KEYS} more, the last is ", kvs[-1].key))
    return tuple(lines)


def _atomic_lines(parts: int) -> list[PlanLine]:
    if parts <= 1:
        return []
    return [line(f"not atomic: {parts} transactions, each guarded; it stops at the first that fails", tone="warn")]


def _protected(guard: Guard, kvs: Sequence[KeyValue]) -> str:
    hits = [kv.key for kv in kvs if guard.key_refusal(kv.key)]
    if not hits:
        return ""
    return f"{len(hits)} protected keys inside, the first is {escape_key(hits[0])}: {guard.key_refusal(hits[0])}"


class RangeDelete(Write):
    """Delete a range if nothing in it was written since the preview; a large one in pages, each guarded."""

    def __init__(self, plan: WritePlan, found: Preview, trash: Trash | None, path: Path | None) -> None:
        self.plan = plan
        self.found = found
        self._trash = trash
        self._path = path

    @property
    def trash(self) -> Path | None:
        return self._path

    async def try_out(self, writes: Writes) -> DryRun:
        if not await untouched(writes, self.found):
            return DryRun(False, f"a key changed since rev {self.found.revision}: nothing would be deleted")
        return DryRun(True, f"every condition holds now: THEN would run, {self.plan.changes} changes")

    async def prepare(self, writes: Writes) -> None:
        await self._keep(self.found.kvs)

    async def _keep(self, kvs: Sequence[KeyValue]) -> None:
        found = self.found
        if self._trash is not None and self._path is not None:
            await asyncio.to_thread(
                self._trash.put,
                self._path,
                kvs,
                cluster_id=found.cluster_id,
                revision=found.revision,
                prefix=self.plan.target,
            )

    async def send(self, writes: Writes, report: Report, progress: Progress) -> None:
        report.total = len(self.found.kvs)
        for key, end, kvs in _pages(self.found):
            await _delete_page(writes, report, key, end, kvs, self.found.revision)
            if report.stopped is not None:
                return
            progress(len(report.changes), report.total)

    async def finish(self, writes: Writes, report: Report) -> None:
        """Only what we deleted belongs in the trash: a key that somebody else deleted is not ours to bring back."""
        if self._path is None or len(report.changes) == report.total or isinstance(report.stopped, Unknown):
            return
        mine = [change.before for change in report.changes if change.before is not None]
        if mine:
            await self._keep(mine)
        else:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)


async def untouched(writes: Writes, found: Preview) -> bool:
    """Whether the condition of a delete of the range holds now: nothing in it was written since the preview."""
    for key, end, _ in _pages(found, ATOMIC_KEYS):
        newer = await writes.client.kv.get(
            key, range_end=end or None, min_mod_revision=found.revision + 1, keys_only=True, limit=1
        )
        if newer.kvs:
            return False
    return True


def _pages(found: Preview, page_keys: int = PAGE_KEYS) -> list[tuple[bytes, bytes, Sequence[KeyValue]]]:
    """The whole range at once, or pages that touch each other and cover exactly the range."""
    if not found.paged:
        return [(found.key, found.end, found.kvs)]
    pages: list[tuple[bytes, bytes, Sequence[KeyValue]]] = []
    low = found.key
    start = 0
    while start < len(found.kvs):
        part = found.kvs[start : start + page_keys]
        start += page_keys
        high = found.end if start >= len(found.kvs) else next_key(part[-1].key)
        pages.append((low, high, part))
        low = high
    return pages


async def _delete_page(
    writes: Writes, report: Report, key: bytes, end: bytes, kvs: Sequence[KeyValue], revision: int
) -> None:
    """One guarded delete; a lost answer is settled by asking again, which can delete nothing that was not shown."""
    compare = [Compare.mod_revision(key, "<", revision + 1, range_end=end)]
    ops = [Op.delete(key, range_end=end, prev_kv=True)]
    deadline = writes.clock() + writes.resolve_for
    lost = False
    while True:
        try:
            answer = await writes.client.kv.txn(compare, ops, [])
            break
        except NoSpace:
            await _delete_page_while_full(writes, report, key, end, revision)
            return
        except EtcdError as error:
            if error.applied != "maybe" and not lost:
                raise
            lost = True
            if writes.clock() >= deadline:
                report.stopped = Unknown(str(error))
                return
            await asyncio.sleep(0.25)
    report.settled = report.settled or lost
    if answer.succeeded:
        mine = _prev_kvs(answer)
        if lost and not mine:
            mine = tuple(kvs)
        _gone(report, mine, answer.header.revision if answer.header else 0)
    elif lost:
        await _settle_changed(writes, report, kvs)
    else:
        report.stopped = Refused(())


def _gone(report: Report, kvs: Sequence[KeyValue], revision: int) -> None:
    report.wrote((Step(kv.key, kv, None) for kv in kvs), revision)


async def _delete_page_while_full(writes: Writes, report: Report, key: bytes, end: bytes, revision: int) -> None:
    """Etcd before 3.5.2 refuses every transaction while its database is full; a plain delete it takes.

    Checking first is enough then: for as long as the alarm stands no key can get another value.
    """
    newer = await writes.client.kv.get(key, range_end=end, min_mod_revision=revision + 1, limit=1, keys_only=True)
    if newer.kvs:
        report.stopped = Refused(())
        return
    answer = await writes.client.kv.delete(key, range_end=end, prev_kv=True)
    _gone(report, answer.prev_kvs, answer.header.revision if answer.header else 0)


async def _settle_changed(writes: Writes, report: Report, kvs: Sequence[KeyValue]) -> None:
    """After a lost answer something is there again: were the previewed keys deleted or not?"""
    now = [await writes.get(kv.key) for kv in kvs[:SETTLE_TRIES]]
    kept = [kv for kv, n in zip(kvs, now, strict=False) if n is not None and n.create_revision == kv.create_revision]
    if kept:
        report.stopped = Refused(())
    else:
        _gone(report, kvs, 0)


def _prev_kvs(answer: TxnResult) -> tuple[KeyValue, ...]:
    first = answer.responses[0] if answer.responses else None
    return first.prev_kvs if isinstance(first, DeleteResult) else ()
