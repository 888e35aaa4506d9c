"""Free transactions of the builder: evaluated with reads first, run under the same guard, undone when they can be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from etcdtui.client import Compare, Op
from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, Tone, WritePlan, last_segment, line
from etcdtui.core.steps import MAX_BYTES, MAX_OPS
from etcdtui.core.txn_text import CompareSpec, OpSpec, TxnSpec, compare_text, op_text
from etcdtui.core.types import DeleteResult, KeyValue, PutResult, TxnResult
from etcdtui.core.units import format_size
from etcdtui.core.value import record
from etcdtui.services.values.formats import check_syntax
from etcdtui.services.values.kubernetes import MAGIC_BYTES
from etcdtui.services.writing.committing import Unknown
from etcdtui.services.writing.etcdctl import txn_command
from etcdtui.services.writing.run import DryRun, Progress, Report, Write, error_words
from etcdtui.services.writing.undolog import Change
from etcdtui.services.writing.writes import Writes

BEFORE_KEYS = 1000
"""Before-images kept for the undo of one transaction."""


@record()
class Evaluated:
    """A transaction against the cluster as it is now: each compare with the present value and whether it holds."""

    spec: TxnSpec
    now: tuple[int | bytes | None, ...]
    holds: tuple[bool, ...]
    before: tuple[KeyValue, ...]
    complete: bool

    @property
    def branch(self) -> str:
        return "THEN" if all(self.holds) else "ELSE"


async def evaluate(writes: Writes, spec: TxnSpec) -> Evaluated:
    """Dry run: read what the conditions look at, and the keys that could be written."""
    now: list[int | bytes | None] = []
    holds: list[bool] = []
    for compare in spec.compares:
        kv = await writes.get(compare.key)
        value = _now(compare, kv)
        now.append(value)
        holds.append(_holds(compare, value))
    before: dict[bytes, KeyValue] = {}
    complete = True
    for op in spec.writes:
        pages = writes.client.kv.pages(op.key, range_end=op.end or None, page_size=BEFORE_KEYS)
        async with aclosing(pages):
            async for found in pages:
                before |= {kv.key: kv for kv in found.kvs}
                complete = complete and not found.more
                break
    return Evaluated(spec, tuple(now), tuple(holds), tuple(before.values()), complete)


def _now(compare: CompareSpec, kv: KeyValue | None) -> int | bytes | None:
    if kv is None:
        return None if compare.target == "value" else 0
    numbers = {"mod": kv.mod_revision, "create": kv.create_revision, "version": kv.version, "lease": kv.lease}
    return kv.value if compare.target == "value" else numbers[compare.target]


def _holds(compare: CompareSpec, now: int | bytes | None) -> bool:
    """etcd's rule: a value of a missing key compares as false, whatever the sign."""
    wanted = compare.operand
    if isinstance(now, bytes) and isinstance(wanted, bytes):
        return _sign(compare.sign, (now > wanted) - (now < wanted))
    if isinstance(now, int) and isinstance(wanted, int):
        return _sign(compare.sign, (now > wanted) - (now < wanted))
    return False


def _sign(sign: str, order: int) -> bool:
    return {"=": order == 0, "!=": order != 0, "<": order < 0, ">": order > 0}[sign]


def request_of(spec: TxnSpec) -> tuple[list[Compare], list[Op], list[Op]]:
    """Conditions, THEN and ELSE as the client takes them; answers bring the previous values along."""
    return [_compare(c) for c in spec.compares], [_op(o) for o in spec.success], [_op(o) for o in spec.failure]


class TxnWrite(Write):
    """A free transaction, sent once: a lost answer cannot be settled, for nothing in it is a guard of ours.

    Before-images come with the answer: an undo must not lose what others wrote since the review.
    """

    def __init__(self, plan: WritePlan, seen: Evaluated) -> None:
        self.plan = plan
        self.seen = seen

    async def try_out(self, writes: Writes) -> DryRun:
        self.seen = await evaluate(writes, self.seen.spec)
        return DryRun(self.seen.branch == "THEN", f"{self.seen.branch} would run")

    async def send(self, writes: Writes, report: Report, progress: Progress) -> None:
        spec = self.seen.spec
        try:
            result = await writes.client.kv.txn(*request_of(spec))
        except EtcdError as error:
            if error.applied != "maybe":
                raise
            report.stopped, report.words = Unknown(str(error)), error_words(error)
            return
        branch, ops = ("THEN", spec.success) if result.succeeded else ("ELSE", spec.failure)
        report.answer = result
        report.revision = result.header.revision if result.header else 0
        report.facts.append(Fact("branch", b"", "", f"{branch} ran"))
        report.words = f"{branch} rev {report.revision}"
        report.changes += _changes(ops, result, report.revision)
        report.total = len(report.changes)


def plan_txn(spec: TxnSpec, seen: Evaluated, target: bytes = b"", *, namespace: bytes = b"") -> TxnWrite:
    """A free transaction: always at least R2, since its branch is decided by the server."""
    puts = tuple((o.key, b"") for o in spec.writes if o.kind == "put")
    deletes = tuple((o.key, o.end) for o in spec.writes if o.kind == "del")
    written = tuple(dict.fromkeys([*(o.key for o in spec.writes if o.kind == "put"), *(kv.key for kv in seen.before)]))
    first = target or (spec.writes[0].key if spec.writes else spec.compares[0].key if spec.compares else b"")
    blocked = spec.problem()
    if spec.ops > MAX_OPS:
        blocked = f"{spec.ops} operations; a server takes {MAX_OPS} by default"
    elif spec.size > MAX_BYTES:
        blocked = f"{format_size(spec.size)}; a server takes {format_size(MAX_BYTES)} by default"
    head = f"{spec.ops} of {MAX_OPS} operations, {format_size(spec.size)}   now: {seen.branch} would run"
    facts = [Fact("", b"", "", head, "head")]
    for compare, holds in zip(spec.compares, seen.holds, strict=True):
        now = str(holds).lower()
        shown = ("IF   ", compare_text(compare)[:200], f"   now {now}")
        facts.append(Fact(f"IF {compare.target}", compare.key, "", f"now {now}", shown=shown))
    for branch, ops in (("THEN", spec.success), ("ELSE", spec.failure)):
        facts += [_op_fact(branch, op, "add" if seen.branch == branch else "dim") for op in ops]
    lines = _broken(spec, seen)
    if not seen.complete:
        lines.append(line(f"more than {BEFORE_KEYS} keys are written: it cannot be undone from here", tone="warn"))
    plan = WritePlan(
        facts=tuple(facts),
        action="txn",
        target=first,
        action_class=ActionClass.R2,
        scope=Scope(frozenset({"KV/Txn"}), puts=puts, deletes=deletes, listed=seen.complete),
        target_word=escape_key(last_segment(first)) or "txn",
        lines=tuple(lines),
        condition=f"{len(spec.compares)} compares",
        etcdctl=txn_command(spec, namespace=namespace),
        keys=written,
        values=tuple((kv.key, kv.value[:MAGIC_BYTES]) for kv in seen.before),
        changes=max(1, len(written)),
        size=spec.size,
        blocked=blocked,
        undo="" if seen.complete else "it wrote more keys than are kept",
    )
    return TxnWrite(plan, seen)


def _op_fact(branch: str, op: OpSpec, tone: Tone) -> Fact:
    """What a branch does; the value is in the review only."""
    name = op.key if not op.end else b" .. ".join((op.key, op.end))
    size = f", {format_size(len(op.value))}" if op.kind == "put" else ""
    shown = (f"{branch} ", op_text(op)[:200])
    return Fact(f"{branch} {op.kind}", name, "", f"{'range' if op.end else 'key'}{size}", tone, shown)


def _broken(spec: TxnSpec, seen: Evaluated) -> list[PlanLine]:
    """A value that is not any more what it was: quotes that a shell-like line takes away are easily lost."""
    before = {kv.key: kv.value for kv in seen.before}
    out = []
    for op in spec.writes:
        found = check_syntax(before.get(op.key), op.value) if op.kind == "put" else None
        if found is not None and found.problem:
            out.append(line("BROKEN ", found.kind, "  ", op.key, f": {found.problem}", tone="warn"))
    return out


def _changes(ops: Sequence[OpSpec], result: TxnResult, revision: int) -> tuple[Change, ...]:
    """What a branch did to each key: a server takes no two operations that write the same one."""
    changes: list[Change] = []
    for op, answer in zip(ops, result.responses, strict=True):
        if isinstance(answer, PutResult):
            before = answer.prev_kv
            value = before.value if op.ignore_value and before is not None else op.value
            changes.append(Change(op.key, before, value, revision))
        elif isinstance(answer, DeleteResult):
            changes += [Change(kv.key, kv, None, revision) for kv in answer.prev_kvs]
    return tuple(changes)


def _compare(spec: CompareSpec) -> Compare:
    operand = spec.operand
    if spec.target == "value":
        return Compare.value(spec.key, spec.sign, operand if isinstance(operand, bytes) else str(operand).encode())
    number = operand if isinstance(operand, int) else 0
    build = {
        "mod": Compare.mod_revision,
        "create": Compare.create_revision,
        "version": Compare.version,
        "lease": Compare.lease,
    }[spec.target]
    return build(spec.key, spec.sign, number)


def _op(spec: OpSpec) -> Op:
    end = spec.end or None
    if spec.kind == "put":
        return Op.put(
            spec.key,
            spec.value,
            lease=spec.lease,
            ignore_lease=spec.ignore_lease,
            ignore_value=spec.ignore_value,
            prev_kv=True,
        )
    if spec.kind == "del":
        return Op.delete(spec.key, range_end=end, prev_kv=True)
    wanted = spec.options
    return Op.get(
        spec.key,
        range_end=end,
        revision=wanted.revision,
        limit=wanted.limit,
        sort_target=wanted.sort_by or None,
        sort_order=wanted.order or None,
        keys_only=wanted.keys_only,
        count_only=wanted.count_only,
        serializable=wanted.serializable,
        min_create_revision=wanted.min_create,
        max_create_revision=wanted.max_create,
        min_mod_revision=wanted.min_mod,
        max_mod_revision=wanted.max_mod,
    )
