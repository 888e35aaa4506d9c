"""Delete a key, marked keys or a prefix: previewed, guarded by revision, with before-images in the trash first.

A prefix delete is one transaction guarded by ``mod(range) < R+1``: nothing goes if anything was written since the
preview at R. Above ``ATOMIC_KEYS`` or ``ATOMIC_BYTES`` it runs in pages, each guarded, and the plan says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from etcdtui.client import Compare, Op
from etcdtui.core.errors import EtcdError, NoSpace
from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, PlanLine, Scope, WritePlan, last_segment, line
from etcdtui.core.ranges import next_key, prefix_range
from etcdtui.core.steps import Step, pack
from etcdtui.core.types import DeleteResult, KeyValue, TxnResult
from etcdtui.core.units import format_size
from etcdtui.core.value import Value
from etcdtui.services.values.kubernetes import MAGIC_BYTES, is_kubernetes, kubectl_hint, other_owner
from etcdtui.services.values.valuediff import NOTHING, Hiding
from etcdtui.services.values.valuediff import preview as preview_of
from etcdtui.services.writing.etcdctl import del_command, steps_command
from etcdtui.services.writing.guard import Guard
from etcdtui.services.writing.trash import Trash
from etcdtui.services.writing.writes import CUT_SHORT, BatchReport, Writes, error_words

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


def plan_delete_key(guard: Guard, kv: KeyValue, *, ttl: int | None = None, hidden: Hiding = NOTHING) -> WritePlan:
    """Delete one key if it is still what was seen."""
    lines = [
        line(f"{format_size(len(kv.value))}, ver {kv.version}, mod {kv.mod_revision}", tone="head"),
        line("- ", preview_of(kv.value, hidden), tone="remove"),
        line(f"lease {kv.lease:x}" + (f" (TTL {ttl}s)" if ttl is not None else "") if kv.lease else "no lease"),
        line("whoever watches it sees a DELETE; etcd does not tell who watches", tone="dim"),
        line(f"condition: still at rev {kv.mod_revision}, else nothing is deleted"),
    ]
    lines += _owner_lines(guard.whole(kv.key), kv.value)
    return WritePlan(
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


def _owner_lines(key: bytes, value: bytes) -> list[PlanLine]:
    if is_kubernetes(key, value[:MAGIC_BYTES]):
        hint = kubectl_hint(key)
        return [
            line("this key belongs to the kube-apiserver", tone="warn"),
            line("Deleting it here skips finalizers, admission, RBAC and audit, and leaves", tone="warn"),
            line("its children behind. The apiserver may keep serving it from its cache.", tone="warn"),
            *([line("Safer:  ", hint, "   (look at metadata.finalizers)")] if hint else []),
        ]
    owner = other_owner(key)
    return [line(f"{owner.name} manages this key. {owner.advice}", tone="warn")] if owner else []


def plan_delete_keys(guard: Guard, kvs: Sequence[KeyValue]) -> WritePlan:
    """Delete marked keys, each only if it is still what was seen."""
    batches = pack([(Step(kv.key, kv, None),) for kv in kvs])
    over = len(kvs) > guard.policy.delete_keys
    return WritePlan(
        action="delete keys",
        target=kvs[0].key if kvs else b"",
        action_class=ActionClass.R4 if over else ActionClass.R2,
        scope=Scope(DELETING, deletes=tuple((kv.key, b"") for kv in kvs)),
        target_word=escape_key(last_segment(kvs[0].key)) if kvs else "",
        lines=(*_count_lines(kvs, over, guard), *_atomic_lines(len(batches)),
               line("guarded: each key only if it is still as seen")),
        listing=_key_lines(kvs),
        condition="mod(key) = seen",
        etcdctl="\n".join(del_command(kv.key, namespace=guard.policy.namespace) for kv in kvs[:128]),
        keys=tuple(kv.key for kv in kvs),
        values=tuple((kv.key, kv.value[:MAGIC_BYTES]) for kv in kvs),
        changes=len(kvs),
        blocked=_protected(guard, kvs),
    )  # fmt: skip


def plan_delete_range(guard: Guard, found: Preview, label: bytes, trash: Path | None) -> WritePlan:
    """Delete everything in a previewed range; ``label`` is what the person asked for (the prefix)."""
    whole = found.key in (b"", b"\0") and found.end == b"\0"
    prefix = not whole and (found.key, found.end) == prefix_range(label)
    label = b"" if whole else label
    over = len(found.kvs) > guard.policy.delete_keys
    pages = -(-len(found.kvs) // PAGE_KEYS) if found.paged else 1
    lines = _count_lines(found.kvs, over, guard, found.revision)
    lines += _reach_lines(found, label) if prefix else []
    if trash is not None:
        lines.append(line("before-images: saved to ", str(trash)))
    lines.append(line(f"guarded: nothing is deleted if any key changed since rev {found.revision}"))
    lines += _atomic_lines(pages)
    return WritePlan(
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


def _reach_lines(found: Preview, prefix: bytes) -> list[PlanLine]:
    """A prefix that ends inside of a name takes the names beside it too: ``/a/b`` is a prefix of ``/a/bc``."""
    if not prefix[-1:].isalnum():
        return []
    beside = next((kv.key for kv in found.kvs if kv.key[len(prefix) :][:1].isalnum()), None)
    return [] if beside is None else [line("it ends inside of a name: this goes too: ", beside, tone="warn")]


def _count_lines(kvs: Sequence[KeyValue], over: bool, guard: Guard, revision: int = 0) -> list[PlanLine]:
    size = sum(len(kv.key) + len(kv.value) for kv in kvs)
    leased = sum(bool(kv.lease) for kv in kvs)
    kubernetes = sum(is_kubernetes(guard.whole(kv.key), kv.value[:MAGIC_BYTES]) for kv in kvs)
    at = f", read at rev {revision}" if revision else ""
    lines = [line(f"{len(kvs)} keys, {format_size(size)}{at}     {leased} have a lease     {kubernetes} kubernetes",
                  tone="head")]  # fmt: skip
    if over:
        lines.append(line(f"more than this profile's limit of {guard.policy.delete_keys} keys", tone="warn"))
    return lines


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


class Deleted(Value):
    """``count`` keys went; ``changed`` says that a key was written since the preview, so (the rest) did not go."""

    count: int
    revision: int = 0
    changed: bool = False
    pages_left: int = 0
    unknown: str = ""
    dry: bool = False


async def delete_keys(
    writes: Writes, plan: WritePlan, kvs: Sequence[KeyValue], trash: Trash | None = None
) -> BatchReport:
    """Run ``plan_delete_key`` or ``plan_delete_keys``; more than one key goes to the trash first."""
    path = None
    if trash is not None and len(kvs) > 1:
        path = trash.path_for(max(kv.mod_revision for kv in kvs))
        await asyncio.to_thread(
            trash.put, path, kvs, cluster_id=writes.guard.cluster_id, revision=0, prefix=plan.target
        )
    return await writes.apply_batches(plan, [(Step(kv.key, kv, None),) for kv in kvs], trash=path)


async def delete_range(
    writes: Writes,
    plan: WritePlan,
    found: Preview,
    trash: Trash | None = None,
    trash_path: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Deleted:
    """Run ``plan_delete_range``: before-images to the trash, then the guarded delete or its pages."""
    started = writes.clock()
    if writes.guard.dry_run:
        await writes.record(plan, (), "dry: THEN", started, dry=True)
        return Deleted(0, dry=True)
    if trash is not None and trash_path is not None:
        await asyncio.to_thread(
            trash.put, trash_path, found.kvs, cluster_id=found.cluster_id, revision=found.revision, prefix=plan.target
        )
    gone: list[tuple[KeyValue, int]] = []
    result = Deleted(0)
    pages = _pages(found)
    try:
        with writes.guard.permit(plan):
            for number, (key, end, kvs) in enumerate(pages):
                part = await _delete_page(writes, key, end, kvs, found.revision, gone)
                stop = part.changed or bool(part.unknown)
                left = len(pages) - number - (0 if stop else 1)
                result = Deleted(len(gone), part.revision or result.revision, part.changed, left, part.unknown)
                if stop:
                    break
                if on_progress:
                    on_progress(len(gone), len(found.kvs))
    except EtcdError as error:
        await writes.record(plan, (), error_words(error), started, changes=len(gone))
        _remember(writes, plan, gone, trash_path, "")
        raise
    except BaseException:
        await writes.record(plan, (), CUT_SHORT, started, changes=len(gone))
        _remember(writes, plan, gone, trash_path, "")
        raise
    words = "UNKNOWN" if result.unknown else "CONFLICT" if result.changed and not gone else f"rev {result.revision}"
    record = await writes.record(plan, (), words, started, revision=result.revision, changes=len(gone))
    if trash is not None and trash_path is not None and len(gone) != len(found.kvs) and not result.unknown:
        await _rewrite(trash, trash_path, [kv for kv, _ in gone], found, plan)
    _remember(writes, plan, gone, trash_path, record.id)
    return result


async def untouched(writes: Writes, found: Preview) -> bool:
    """Whether the condition of a delete of the range holds now: nothing in it was written since the preview."""
    newer = await writes.client.kv.get(
        found.key, range_end=found.end or None, min_mod_revision=found.revision + 1, keys_only=True, limit=1
    )
    return not newer.kvs


async def _rewrite(trash: Trash, path: Path, kvs: Sequence[KeyValue], found: Preview, plan: WritePlan) -> None:
    """Only what we deleted belongs in the trash: a key that somebody else deleted is not ours to bring back."""
    if not kvs:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return
    await asyncio.to_thread(
        trash.put, path, kvs, cluster_id=found.cluster_id, revision=found.revision, prefix=plan.target
    )


def _remember(
    writes: Writes, plan: WritePlan, gone: Sequence[tuple[KeyValue, int]], trash: Path | None, id_: str
) -> None:
    if gone:
        written = tuple((Step(kv.key, kv, None), revision) for kv, revision in gone)
        writes.remember(plan, written, id_ or f"{plan.action}-{gone[0][1]}", trash=trash)


def _pages(found: Preview) -> list[tuple[bytes, bytes, Sequence[KeyValue]]]:
    """The whole range at once, or pages that touch each other and cover exactly the range."""
    if not found.paged:
        return [(found.key, found.end, found.kvs)]
    pages: list[tuple[bytes, bytes, Sequence[KeyValue]]] = []
    low = found.key
    start = 0
    while start < len(found.kvs):
        part = found.kvs[start : start + PAGE_KEYS]
        start += PAGE_KEYS
        high = found.end if start >= len(found.kvs) else next_key(part[-1].key)
        pages.append((low, high, part))
        low = high
    return pages


async def _delete_page(
    writes: Writes,
    key: bytes,
    end: bytes,
    kvs: Sequence[KeyValue],
    revision: int,
    gone: list[tuple[KeyValue, int]],
) -> Deleted:
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
            return await _delete_page_while_full(writes, key, end, revision, gone)
        except EtcdError as error:
            if error.applied != "maybe" and not lost:
                raise
            lost = True
            if writes.clock() >= deadline:
                return Deleted(0, unknown=str(error))
            await asyncio.sleep(0.25)
    at = answer.header.revision if answer.header else 0
    if answer.succeeded:
        mine = _prev_kvs(answer)
        if lost and not mine:
            mine = tuple(kvs)
        gone.extend((kv, at) for kv in mine)
        return Deleted(len(mine), at)
    if lost:
        return await _settle_changed(writes, kvs, gone)
    return Deleted(0, changed=True)


async def _delete_page_while_full(
    writes: Writes, key: bytes, end: bytes, revision: int, gone: list[tuple[KeyValue, int]]
) -> Deleted:
    """Etcd before 3.5.2 refuses every transaction while its database is full; a plain delete it takes.

    Checking first is enough then: for as long as the alarm stands no key can get another value.
    """
    newer = await writes.client.kv.get(key, range_end=end, min_mod_revision=revision + 1, limit=1, keys_only=True)
    if newer.kvs:
        return Deleted(0, changed=True)
    answer = await writes.client.kv.delete(key, range_end=end, prev_kv=True)
    at = answer.header.revision if answer.header else 0
    gone.extend((kv, at) for kv in answer.prev_kvs)
    return Deleted(len(answer.prev_kvs), at)


async def _settle_changed(writes: Writes, kvs: Sequence[KeyValue], gone: list[tuple[KeyValue, int]]) -> Deleted:
    """After a lost answer something is there again: were the previewed keys deleted or not?"""
    now = [await writes.get(kv.key) for kv in kvs[:SETTLE_TRIES]]
    kept = [kv for kv, n in zip(kvs, now, strict=False) if n is not None and n.create_revision == kv.create_revision]
    if kept:
        return Deleted(0, changed=True)
    gone.extend((kv, 0) for kv in kvs)
    return Deleted(len(kvs), changed=False)


def _prev_kvs(answer: TxnResult) -> tuple[KeyValue, ...]:
    first = answer.responses[0] if answer.responses else None
    return first.prev_kvs if isinstance(first, DeleteResult) else ()
