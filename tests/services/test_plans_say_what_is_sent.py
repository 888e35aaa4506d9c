"""A plan says all that is sent, and nothing else is: names, commands, counts, leases, transactions."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.core.errors import BadArgument, WriteRefused
from etcdtui.core.plan import WritePlan
from etcdtui.core.ranges import prefix_range
from etcdtui.core.txn import CompareSpec, OpSpec, TxnSpec
from etcdtui.services.writing import deleting, moving
from etcdtui.services.writing.deleting import Marked, plan_delete_keys
from etcdtui.services.writing.editing import plan_edit
from etcdtui.services.writing.run import Report
from etcdtui.services.writing.txns import Evaluated, evaluate, plan_txn
from etcdtui.services.writing.undo import plan_undo
from etcdtui.services.writing.writes import Writes
from tests.services.writing_support import carry_out, everything, must_get, undone, writes_on
from tests.support.server import Server


def shown(plan: WritePlan) -> str:
    lines = [*(fact.line for fact in plan.facts), *plan.listing, *plan.lines]
    return "\n".join("".join(p if isinstance(p, str) else p.decode() for p in one.parts) for one in lines)


def run_lines(etcd: Server, lines: str) -> None:
    for command in lines.split("\n"):
        words = shlex.split(command)
        env = os.environ | {"ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": etcd.url}
        subprocess.run(
            [str(etcd.cluster.binary.etcdctl), *words[1:]], env=env, check=True, timeout=20, capture_output=True
        )


async def test_a_delete_review_names_everything_marked_and_its_etcdctl_lines_cover_all(
    etcd: Server, tmp_path: Path
) -> None:
    kept = (b"/app/b", b"/app/webs", b"/z")
    for key in (b"/app/a", b"/app/web/1", b"/app/web/2", b"/db/1", b"it's", *kept):
        await etcd.put(key, b"v")
    async with writes_on(etcd.endpoint, tmp_path) as writes:

        async def marked() -> list[Marked]:
            found = [Marked(key, (await must_get(writes, key),)) for key in (b"/app/a", b"it's")]
            for folder in (b"/app/web/", b"/db/"):
                kvs = (await deleting.preview_prefix(writes, folder)).kvs
                found.append(Marked(folder, kvs, folder=True))
            return found

        before = await everything(writes)
        plan = plan_delete_keys(writes.guard, await marked()).plan
        assert plan.named == (b"/app/a", b"it's", b"/app/web/", b"/db/")
        assert (plan.action, plan.changes) == ("delete keys", 5)
        for words in ("5 keys", "folder /app/web/   2 keys -> deleted", "folder /db/   1 key -> deleted", "key it's"):
            assert words in shown(plan)
        run_lines(etcd, plan.etcdctl)
        assert sorted(await everything(writes)) == sorted(kept)
        for key, (value, _) in before.items():
            await etcd.put(key, value)
        report = await carry_out(writes, plan_delete_keys(writes.guard, await marked()))
        assert (report.complete, report.count) == (True, 5)
        assert sorted(await everything(writes)) == sorted(kept)
        last = writes.audit.records[-1]
        assert {fact.name for fact in last.facts} >= {b"/app/web/", b"/db/", b"/app/a"}


async def test_undo_of_a_two_key_rename_does_not_say_four_keys(etcd: Server, tmp_path: Path) -> None:
    for key in (b"/a/1", b"/a/2"):
        await etcd.put(key, key)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        found = await deleting.preview_prefix(writes, b"/a/")
        moved = await carry_out(writes, moving.plan_move(writes.guard, found, b"/a/", b"/b/"))
        assert (moved.count, writes.audit.records[-1].changes) == (2, 2)
        (entry,) = writes.undo.entries
        undo = await plan_undo(writes, entry)
        assert undo.write is not None
        assert (undo.write.plan.changes, "2 keys" in shown(undo.write.plan)) == (2, True)
        report = await undone(writes, undo)
        assert (report.complete, report.count, writes.audit.records[-1].changes) == (True, 2, 2)
        again = await plan_undo(writes, writes.undo.entries[-1])
        assert again.write is not None and again.write.plan.changes == 2


@pytest.mark.parametrize("held", [False, True])
async def test_a_put_with_a_lease_on_an_existing_key_sets_the_lease_and_says_so(
    etcd: Server, tmp_path: Path, held: bool
) -> None:
    old, new = [int((await etcd.call("lease/grant", TTL=300))["ID"]) for _ in range(2)]
    await etcd.put(b"/foo", b"v", lease=old if held else 0)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        base, ttl = await must_get(writes, b"/foo"), await writes.lease_ttl(new)
        write = plan_edit(writes.guard, b"/foo", base, b"w", lease=new, ttl=ttl)
        before = f"{old:x}" if held else "none"
        assert f"lease {before} -> {new:x} (TTL " in shown(write.plan).replace("   ", " ")
        assert f"--lease={new:x}" in write.plan.etcdctl
        assert (await carry_out(writes, write)).complete
        assert await everything(writes) == {b"/foo": (b"w", new)}
        kept = plan_edit(writes.guard, b"/foo", await must_get(writes, b"/foo"), b"x", ttl=ttl)
        assert f"keeps lease {new:x}" in shown(kept.plan)
        assert (await carry_out(writes, kept)).complete
        assert await everything(writes) == {b"/foo": (b"x", new)}
        unknown = plan_edit(writes.guard, b"/foo", await must_get(writes, b"/foo"), b"y", lease=77, ttl=None)
        assert "that lease is not found" in shown(unknown.plan)


PUT = OpSpec("put", b"/a", value=b"1")
REFUSED = {
    "put twice": TxnSpec((), (PUT, PUT)),
    "put and deleted": TxnSpec((), (PUT, OpSpec("del", *prefix_range(b"/")))),
    "put and deleted, in ELSE": TxnSpec((), (), (PUT, OpSpec("del", b"/a"))),
    "empty key": TxnSpec((), (OpSpec("put", b"", value=b"1"),)),
    "a lease of 70 bits": TxnSpec((), (OpSpec("put", b"/a", value=b"1", lease=2**70),)),
    "a revision of 70 bits": TxnSpec((CompareSpec("mod", b"/a", "=", 2**70),), (PUT,)),
    "a negative version of 70 bits": TxnSpec((CompareSpec("version", b"/a", "<", -(2**70)),), (PUT,)),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_transaction_that_no_server_takes_is_told_before_the_review_and_never_called_may_be_written(
    etcd: Server, tmp_path: Path, kind: str
) -> None:
    spec = REFUSED[kind]
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        assert spec.problem()
        write = plan_txn(spec, await evaluate(writes, TxnSpec(spec.compares, (PUT,))))
        assert write.plan.blocked == spec.problem()
        with pytest.raises(WriteRefused):
            await carry_out(writes, write)
        assert list(writes.audit.records) == []


async def test_what_cannot_even_be_encoded_is_on_record_as_not_sent(etcd: Server, tmp_path: Path) -> None:
    """Whatever slips through the checks: a request that was never built cannot have been written."""

    class Unchecked(TxnSpec):
        def problem(self) -> str:
            return ""

    async with writes_on(etcd.endpoint, tmp_path) as writes:
        spec = Unchecked((), (OpSpec("put", b"/a", value=b"1", lease=2**70),))
        write = plan_txn(spec, await _unseen(writes, spec))
        with pytest.raises(BadArgument):
            await carry_out(writes, write)
        (line,) = writes.audit.records
        assert line.result.startswith("error: ") and not line.result.endswith("may be written")
        assert await everything(writes) == {}


async def _unseen(writes: Writes, spec: TxnSpec) -> Evaluated:
    return replace(await evaluate(writes, TxnSpec((), (PUT,))), spec=spec)


def test_a_report_counts_things_and_not_steps() -> None:
    plan = WritePlan("move folder", b"/a/", 2, None, changes=3)  # type: ignore[arg-type]
    assert Report(plan, total=6).each == 2
    assert Report(plan, total=3).each == 1
