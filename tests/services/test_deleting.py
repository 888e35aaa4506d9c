"""Delete: exactly what was previewed, guarded, with before-images kept and undo to the exact state before."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.core.errors import WriteRefused
from etcdtui.core.plan import ActionClass, WritePlan
from etcdtui.core.ranges import prefix_range
from etcdtui.core.types import WriteIntent
from etcdtui.services.writing import deleting
from etcdtui.services.writing.committing import Refused
from etcdtui.services.writing.deleting import (
    Marked,
    plan_delete_key,
    plan_delete_keys,
    plan_delete_range,
    preview_prefix,
)
from etcdtui.services.writing.guard import GuardPolicy
from etcdtui.services.writing.run import Report
from etcdtui.services.writing.trash import KEEP_DAYS, Trash, trash_of
from etcdtui.services.writing.undo import plan_undo
from etcdtui.services.writing.writes import Writes
from tests.services.writing_support import carry_out, everything, must_get, undone, writes_on
from tests.support.server import Server


async def delete_prefix(writes: Writes, prefix: bytes) -> Report:
    found = await preview_prefix(writes, prefix)
    return await carry_out(writes, plan_delete_range(writes.guard, found, prefix, trash_of(writes)))


async def test_deleting_a_folder_never_touches_its_neighbours(etcd: Server, tmp_path: Path) -> None:
    for key in (b"/a/b", b"/a/b/", b"/a/b/1", b"/a/b/\xff\xff", b"/a/b0", b"/a/bc", b"/a/b.d"):
        await etcd.put(key, b"x")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        done = await delete_prefix(writes, b"/a/b/")
        assert (done.count, done.complete) == (3, True)
        assert sorted(await everything(writes)) == [b"/a/b", b"/a/b.d", b"/a/b0", b"/a/bc"]


@pytest.mark.parametrize("paged", [False, True])
async def test_undo_of_a_prefix_delete_restores_values_and_leases(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paged: bool
) -> None:
    if paged:
        monkeypatch.setattr(deleting, "ATOMIC_KEYS", 50)
        monkeypatch.setattr(deleting, "PAGE_KEYS", 40)
    lease = int((await etcd.call("lease/grant", TTL=100))["ID"])
    for i in range(150):
        await etcd.put(b"/x/%03d" % i, b"\xff\x00%d" % i, lease=lease if i % 2 else 0)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        before = await everything(writes)
        done = await delete_prefix(writes, b"/x/")
        assert (done.count, done.complete) == (150, True)
        assert await everything(writes) == {}
        entry = writes.undo.last()
        assert entry is not None
        assert entry.trash is not None
        assert entry.trash.stat().st_mode & 0o777 == 0o600
        kept = {kv.key: (kv.value, kv.lease) for kv in Trash(tmp_path / "trash", "test").read(entry.trash)}
        assert kept == before
        undo = await plan_undo(writes, entry)
        assert undo.possible
        assert (await undone(writes, undo)).complete
        assert await everything(writes) == before
        assert (await plan_undo(writes, entry)).reason == "it was undone already"


async def test_the_review_says_how_far_a_delete_reaches(etcd: Server, tmp_path: Path) -> None:
    for key in (b"/a/b", b"/a/b/1", b"/a/bc", b"z"):
        await etcd.put(key, b"v")
    async with writes_on(etcd.endpoint, tmp_path) as writes:

        async def planned(key: bytes, end: bytes, label: bytes) -> WritePlan:
            return plan_delete_range(writes.guard, await deleting.preview(writes, key, end), label).plan

        def words(plan: WritePlan) -> list[str]:
            return ["".join(p if isinstance(p, str) else p.decode() for p in row.parts) for row in plan.lines]

        cut = await planned(*prefix_range(b"/a/b"), b"/a/b")
        assert cut.action == "delete prefix" and any("this goes too: /a/bc" in row for row in words(cut))
        whole_name = await planned(*prefix_range(b"/a/b/"), b"/a/b/")
        assert not any("goes too" in row for row in words(whole_name))
        assert (await planned(b"/a/b", b"/a/bd", b"/a/b")).action == "delete range from"
        everything = await planned(b"\0", b"\0", b"\0")
        assert (everything.action, everything.target) == ("delete every key", b"")
        assert everything.target_word == writes.guard.policy.profile


async def test_a_change_since_the_preview_stops_the_delete(etcd: Server, tmp_path: Path) -> None:
    for key in (b"/x/1", b"/x/2"):
        await etcd.put(key, b"old")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        found = await preview_prefix(writes, b"/x/")
        write = plan_delete_range(writes.guard, found, b"/x/")
        await etcd.put(b"/x/3", b"new since")
        done = await carry_out(writes, write)
        assert (done.count, done.stopped) == (0, Refused(()))
        assert len(await everything(writes)) == 3


async def test_the_trash_holds_only_what_we_deleted(etcd: Server, tmp_path: Path) -> None:
    for key in (b"/x/1", b"/x/2"):
        await etcd.put(key, b"v")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        found = await preview_prefix(writes, b"/x/")
        trash = Trash(tmp_path / "trash", "../evil name")
        write = plan_delete_range(writes.guard, found, b"/x/", trash)
        path = write.trash
        assert path is not None and path.parent == tmp_path / "trash"
        await etcd.delete(b"/x/2")
        assert (await carry_out(writes, write)).count == 1
        assert [kv.key for kv in trash.read(path)] == [b"/x/1"]


def test_the_trash_forgets_after_a_week(tmp_path: Path) -> None:
    now = 1e9
    trash = Trash(tmp_path, "p", lambda: now)
    path = trash.path_for(5)
    trash.put(path, (), cluster_id=1, revision=5, prefix=b"/")
    mtime = path.stat().st_mtime
    now = mtime + KEEP_DAYS * 86400 - 1
    assert trash.expire() == 0
    now += 2
    assert trash.expire() == 1
    assert not path.exists()


async def test_one_key_and_marked_keys(etcd: Server, tmp_path: Path) -> None:
    for key in (b"/1", b"/2", b"/3"):
        await etcd.put(key, key)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        before = await everything(writes)
        kv = await must_get(writes, b"/1")
        assert (await carry_out(writes, plan_delete_key(writes.guard, kv))).complete
        marked = [Marked(k, (await must_get(writes, k),)) for k in (b"/2", b"/3")]
        assert (await carry_out(writes, plan_delete_keys(writes.guard, marked, trash_of(writes)))).complete
        for entry in reversed(writes.undo.entries):
            assert (await undone(writes, await plan_undo(writes, entry))).complete
            break
        entry = writes.undo.entries[0]
        assert (await undone(writes, await plan_undo(writes, entry))).complete
        assert await everything(writes) == before


async def test_a_key_written_since_is_not_deleted(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/1", b"a")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        kv = await must_get(writes, b"/1")
        await etcd.put(b"/1", b"b")
        report = await carry_out(writes, plan_delete_key(writes.guard, kv))
        assert isinstance(report.stopped, Refused)
        assert await etcd.get(b"/1") == b"b"


async def test_classes_and_protection(etcd: Server, tmp_path: Path) -> None:
    for i in range(4):
        await etcd.put(b"/x/%d" % i, b"v")
    policy = GuardPolicy(profile="p", read_only=False, confirm="type", protect=("/x/3",), delete_keys=3)
    async with writes_on(etcd.endpoint, tmp_path, policy=policy) as writes:
        found = await preview_prefix(writes, b"/x/")
        write = plan_delete_range(writes.guard, found, b"/x/")
        plan = write.plan
        assert plan.action_class is ActionClass.R4
        assert plan.target_word == "x/"
        assert "protected" in plan.blocked
        with pytest.raises(WriteRefused):
            await carry_out(writes, write)
        root = plan_delete_range(writes.guard, await preview_prefix(writes, b""), b"").plan
        assert (root.action_class, root.target_word) == (ActionClass.R4, "p")
        assert len(await everything(writes)) == 4


async def test_dry_run_sends_nothing(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/x/1", b"v")
    sent: list[WriteIntent] = []
    policy = GuardPolicy(profile="p", environment="dev", read_only=False, confirm="ask", dry_run=True)
    async with writes_on(etcd.endpoint, tmp_path, policy=policy) as writes:
        writes.guard.hook = sent.append
        assert (await delete_prefix(writes, b"/x/")).dry
        assert await etcd.get(b"/x/1") == b"v"
        assert sent == []
        assert writes.audit.records[-1].dry
