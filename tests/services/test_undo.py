"""Undo of every kind of change there is: the exact state before, or nothing and the reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from etcdtui.core.keypath import escape_key
from etcdtui.core.ranges import prefix_range
from etcdtui.core.txn_text import parse_txn
from etcdtui.core.types import KeyValue
from etcdtui.services.writing import deleting, moving
from etcdtui.services.writing.compare import Area, compare, plan_copy
from etcdtui.services.writing.deleting import Marked, Preview
from etcdtui.services.writing.editing import plan_edit
from etcdtui.services.writing.journal import read
from etcdtui.services.writing.restore import find_deleted, plan_restore, plan_undelete
from etcdtui.services.writing.run import StepsWrite
from etcdtui.services.writing.transfer import plan_import, read_prefix
from etcdtui.services.writing.trash import Trash
from etcdtui.services.writing.txns import evaluate, plan_txn
from etcdtui.services.writing.undo import plan_undo
from etcdtui.services.writing.undolog import UNDO, UndoEntry, UndoLog
from etcdtui.services.writing.writes import Writes
from tests.services.writing_support import carry_out, everything, must_get, undone, writes_on
from tests.support.server import Server

Act = Callable[[Writes, int, Path], Awaitable[object]]
"""Changes the keys of ``start``; the number is the lease that some of them have."""


async def start(etcd: Server) -> int:
    lease = int((await etcd.call("lease/grant", TTL=600))["ID"])
    for name, value, held in (
        (b"/a/1", b"one", 0), (b"/a/2\xff\x00", b"\x00\xff\n", lease), (b"/a/3/x", b"", 0),
        (b"/ab", b"not mine", lease),
        (b"/b/1", b"other", 0), (b"/b/3/x", b"held", lease),
    ):  # fmt: skip
        await etcd.put(name, b"earlier", lease=held)
        await etcd.put(name, value, lease=held)
    return lease


async def entry_of(writes: Writes) -> UndoEntry:
    entry = writes.undo.entries[-1]
    assert not entry.undone
    return entry


async def _edit(writes: Writes, lease: int, folder: Path) -> None:
    for key in (b"/a/2\xff\x00", b"/a/1"):
        base = await must_get(writes, key)
        assert (await carry_out(writes, plan_edit(writes.guard, key, base, b"new"))).complete


async def _new(writes: Writes, lease: int, folder: Path) -> None:
    assert (await carry_out(writes, plan_edit(writes.guard, b"/new", None, b"x", lease=lease))).complete


async def _restore(writes: Writes, lease: int, folder: Path) -> None:
    now = await must_get(writes, b"/b/3/x")
    old = (await writes.client.kv.get(b"/b/3/x", revision=now.mod_revision - 1)).kvs[0]
    made = await plan_restore(writes.guard, writes, old, now)
    assert (await carry_out(writes, made)).complete


async def _delete_key(writes: Writes, lease: int, folder: Path) -> None:
    kv = await must_get(writes, b"/a/2\xff\x00")
    assert (await carry_out(writes, deleting.plan_delete_key(writes.guard, kv))).complete


async def _delete_keys(writes: Writes, lease: int, folder: Path) -> None:
    marked = [Marked(key, (await must_get(writes, key),)) for key in (b"/a/1", b"/ab", b"/b/3/x")]
    trash = Trash(folder / "trash", "test")
    assert (await carry_out(writes, deleting.plan_delete_keys(writes.guard, marked, trash))).complete


async def _delete_prefix(writes: Writes, lease: int, folder: Path) -> None:
    found = await deleting.preview_prefix(writes, b"/a/")
    done = await carry_out(writes, deleting.plan_delete_range(writes.guard, found, b"/a/"))
    assert done.count == 3


async def _move(writes: Writes, source: bytes, target: bytes, *, keep: bool) -> None:
    if source.endswith(b"/"):
        found = await deleting.preview_prefix(writes, source)
    else:
        kv = await must_get(writes, source)
        found = Preview(source, b"", (kv,), kv.mod_revision)
    assert (await carry_out(writes, moving.plan_move(writes.guard, found, source, target, keep=keep))).complete


async def _move_key(writes: Writes, lease: int, folder: Path) -> None:
    await _move(writes, b"/a/2\xff\x00", b"/c/moved", keep=False)


async def _move_folder(writes: Writes, lease: int, folder: Path) -> None:
    await _move(writes, b"/a/", b"/c/", keep=False)


async def _clone_key(writes: Writes, lease: int, folder: Path) -> None:
    await _move(writes, b"/a/2\xff\x00", b"/a/2-copy", keep=True)


async def _clone_folder(writes: Writes, lease: int, folder: Path) -> None:
    await _move(writes, b"/a/", b"/c/", keep=True)


async def _recover(writes: Writes, folder: Path, *, back: bool) -> None:
    """A move of three keys that was cut after the first."""
    found = await deleting.preview_prefix(writes, b"/a/")
    move = moving.plan_move(writes.guard, found, b"/a/", b"/c/")
    journal = moving.journal_of(writes, move, folder / "journal")
    journal.write()
    assert (await carry_out(writes, StepsWrite(move.plan, move.groups[:1]))).complete
    writes.undo.entries.clear()
    kept = read(journal.path)
    assert kept is not None
    again = moving.plan_recovery(writes.guard, kept, await moving.inspect(writes, kept), back=back)
    assert (await carry_out(writes, again)).complete


async def _undelete(writes: Writes, lease: int, folder: Path) -> None:
    await _delete_prefix(writes, lease, folder)
    made = await plan_undelete(writes, await find_deleted(writes, b"/a/"))
    assert len((await carry_out(writes, made)).changes) == 3


async def _import(writes: Writes, lease: int, folder: Path) -> None:
    """A new key, a changed one, one that gets another lease, and a lease that is granted again for it."""
    export = await read_prefix(writes, b"/a/")
    gone = lease + 1
    kvs = (
        KeyValue(b"/a/1", b"changed", 1, 1, 1, 0),
        KeyValue(b"/a/2\xff\x00", b"\x00\xff\n", 1, 1, 1, gone),
        KeyValue(b"/a/new", b"n", 1, 1, 1, lease),
    )
    export.header.leases[gone] = 300
    made = await plan_import(writes, type(export)(export.header, kvs))
    assert made.regrant == ((gone, 300),)
    assert (await carry_out(writes, made)).complete


async def _copy(writes: Writes, lease: int, folder: Path) -> None:
    rows = (await compare(Area(writes, b"/a/", False), Area(writes, b"/b/", False))).rows
    assert len((await carry_out(writes, plan_copy(rows, b"/b/"))).changes) == 3


async def _txn(writes: Writes, lease: int, folder: Path) -> None:
    text = (
        f'version("/a/1") = "2"\n\nput --lease={lease:x} /a/1 2\nput /new n\ndel --prefix /b/\nget /ab\n\nput /no x\n'
    )
    seen = await evaluate(writes, parse_txn(text))
    assert (await carry_out(writes, plan_txn(seen.spec, seen))).answer is not None


async def _undo(writes: Writes, lease: int, folder: Path) -> None:
    """An undo is a change as any other; the state before it is what is to be had again."""
    assert (await undone(writes, await plan_undo(writes, await entry_of(writes)))).complete


KINDS: dict[str, tuple[list[Act], Act]] = {
    "edit": ([], _edit),
    "new": ([], _new),
    "restore": ([], _restore),
    "delete key": ([], _delete_key),
    "delete keys": ([], _delete_keys),
    "delete prefix": ([], _delete_prefix),
    "move key": ([], _move_key),
    "move folder": ([], _move_folder),
    "clone key": ([], _clone_key),
    "clone folder": ([], _clone_folder),
    "import": ([], _import),
    "copy differences": ([], _copy),
    "txn": ([], _txn),
    "undo": ([_clone_folder], _undo),
    "undo of a delete": ([_delete_prefix], _undo),
}
"""What is done before, and the change that is undone."""


async def versions(writes: Writes) -> dict[bytes, int]:
    page = await writes.client.kv.get(b"\0", from_key=True)
    return {kv.key: kv.create_revision for kv in page.kvs}


@pytest.mark.parametrize("kind", KINDS)
async def test_undo_restores_the_exact_state_before(etcd: Server, tmp_path: Path, kind: str) -> None:
    earlier, act = KINDS[kind]
    lease = await start(etcd)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        for one in earlier:
            await one(writes, lease, tmp_path)
        before, born = await everything(writes), await versions(writes)
        known = len(writes.undo.entries)
        await act(writes, lease, tmp_path)
        assert await everything(writes) != before
        entries = list(writes.undo.entries)[known:]
        removed = {c.key for entry in entries for c in entry.changes if c.after is None}
        for entry in reversed(entries):
            undo = await plan_undo(writes, entry)
            assert undo.lost_leases == ()
            assert (await undone(writes, undo)).complete, undo.reason
            assert writes.audit.records[-1].undo_of == entry.id
            assert (await plan_undo(writes, entry)).reason == "it was undone already"
        assert await everything(writes) == before
        kept = {key: at for key, at in born.items() if key not in removed}
        assert {key: at for key, at in (await versions(writes)).items() if key in kept} == kept, "not created anew"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_another_changed_since_is_not_undone_and_named(etcd: Server, tmp_path: Path, kind: str) -> None:
    earlier, act = KINDS[kind]
    lease = await start(etcd)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        for one in earlier:
            await one(writes, lease, tmp_path)
        await act(writes, lease, tmp_path)
        entry = await entry_of(writes)
        change = entry.changes[-1]
        await etcd.put(change.key, b"theirs")
        theirs = await everything(writes)
        undo = await plan_undo(writes, entry)
        assert not undo.possible
        assert undo.reason.startswith(f"{escape_key(change.key)} ")
        assert "exists again" in undo.reason if change.after is None else "was changed since" in undo.reason
        if change.after is not None:
            await etcd.delete(change.key)
            theirs = await everything(writes)
            assert (await plan_undo(writes, entry)).reason.endswith(" was deleted since")
        assert await everything(writes) == theirs


@pytest.mark.parametrize("kind", KINDS)
async def test_a_change_between_the_plan_and_the_undo_stops_it(etcd: Server, tmp_path: Path, kind: str) -> None:
    earlier, act = KINDS[kind]
    lease = await start(etcd)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        for one in earlier:
            await one(writes, lease, tmp_path)
        await act(writes, lease, tmp_path)
        entry = await entry_of(writes)
        undo = await plan_undo(writes, entry)
        await etcd.put(entry.changes[0].key, b"theirs")
        theirs = await everything(writes)
        report = await undone(writes, undo)
        assert not report.complete
        assert report.changes == []
        assert not entry.undone
        assert await everything(writes) == theirs


@pytest.mark.parametrize("back", [False, True])
async def test_a_recovered_move_is_undone_as_far_as_it_went(etcd: Server, tmp_path: Path, back: bool) -> None:
    lease = await start(etcd)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        before = await everything(writes)
        await _recover(writes, tmp_path, back=back)
        at_once = await everything(writes)
        assert (at_once == before) is back
        entry = await entry_of(writes)
        assert (await undone(writes, await plan_undo(writes, entry))).complete
        cut = await everything(writes)
        assert cut[b"/c/1"] == before[b"/a/1"]
        assert cut[b"/a/2\xff\x00"] == (b"\x00\xff\n", lease)
        assert sorted(cut.values()) == sorted(before.values())


async def test_undo_of_an_undelete_takes_the_keys_away_again(etcd: Server, tmp_path: Path) -> None:
    lease = await start(etcd)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        before = await everything(writes)
        await _undelete(writes, lease, tmp_path)
        assert await everything(writes) == before
        assert (await undone(writes, await plan_undo(writes, await entry_of(writes)))).complete
        assert await everything(writes) == {k: v for k, v in before.items() if not k.startswith(b"/a/")}


async def test_u_after_u_walks_back_one_change_after_the_other(etcd: Server, tmp_path: Path) -> None:
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        seen: list[dict[bytes, tuple[bytes, int]]] = [await everything(writes)]
        lease = int((await etcd.call("lease/grant", TTL=600))["ID"])
        await carry_out(writes, plan_edit(writes.guard, b"/k", None, b"1", lease=lease))
        seen.append(await everything(writes))
        for value in (b"2", b"3"):
            base = await must_get(writes, b"/k")
            await carry_out(writes, plan_edit(writes.guard, b"/k", base, value))
            seen.append(await everything(writes))
        await _move(writes, b"/k", b"/other", keep=False)
        for state in reversed(seen):
            entry = writes.undo.last()
            assert entry is not None
            undo = await plan_undo(writes, entry)
            assert (await undone(writes, undo)).complete, undo.reason
            assert await everything(writes) == state
        assert writes.undo.last() is None
        assert [entry.action for entry in writes.undo.entries][-4:] == [UNDO] * 4


async def test_undo_of_an_import_tells_of_the_leases_it_granted(etcd: Server, tmp_path: Path) -> None:
    lease = await start(etcd)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        await _import(writes, lease, tmp_path)
        undo = await plan_undo(writes, await entry_of(writes))
        assert undo.write is not None
        words = str([shown.parts for shown in undo.write.plan.lines])
        assert f"1 leases granted for it ({lease + 1:x}) stay until their time is over" in words


async def test_a_lease_that_ended_meanwhile_is_told_and_the_key_comes_back(etcd: Server, tmp_path: Path) -> None:
    lease = await start(etcd)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        await _delete_key(writes, lease, tmp_path)
        await etcd.call("lease/revoke", ID=lease)
        undo = await plan_undo(writes, await entry_of(writes))
        assert undo.lost_leases == (lease,)
        assert undo.write is not None
        words = str([shown.parts for shown in undo.write.plan.lines])
        assert f"lease {lease:x} is gone" in words
        assert "begins at version 1" in words
        assert (await undone(writes, undo)).complete
        assert (await everything(writes))[b"/a/2\xff\x00"] == (b"\x00\xff\n", 0)


async def test_what_another_wrote_between_evaluation_and_transaction_comes_back(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/k", b"seen")
    await etcd.put(b"/d/1", b"seen")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        seen = await evaluate(writes, parse_txn("\nput /k mine\nput /n mine\ndel --prefix /d/\n"))
        for key in (b"/k", b"/n", b"/d/1", b"/d/2"):
            await etcd.put(key, b"theirs")
        theirs = await everything(writes)
        await carry_out(writes, plan_txn(seen.spec, seen))
        assert (await undone(writes, await plan_undo(writes, await entry_of(writes)))).complete
        assert await everything(writes) == theirs


async def test_an_undo_that_stops_half_way_goes_on_with_what_is_left(etcd: Server, tmp_path: Path) -> None:
    names = [b"/m/%03d" % i for i in range(200)]
    for name in names:
        await etcd.put(name, name)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        before = await everything(writes)
        await _move(writes, b"/m/", b"/n/", keep=False)
        entry = await entry_of(writes)
        undo = await plan_undo(writes, entry)
        mine = await must_get(writes, b"/n/150")
        await etcd.put(b"/n/150", b"theirs")
        report = await undone(writes, undo)
        assert 0 < len(report.changes) < 400
        again = await plan_undo(writes, entry)
        assert again.reason.startswith("/n/150 was changed since")
        half = await everything(writes)
        assert sorted([*half]) == sorted({k.replace(b"/m/", b"/n/") if k not in half else k for k in names})
        entry.changes = tuple(c for c in entry.changes if c.key not in (b"/n/150", b"/m/150"))
        assert (await undone(writes, await plan_undo(writes, entry))).complete
        left = await everything(writes)
        assert left.pop(b"/n/150") == (b"theirs", 0)
        assert left == {k: v for k, v in before.items() if k != b"/m/150"}
        assert mine.value == b"/m/150"


async def test_before_images_too_large_for_memory_name_their_file(etcd: Server, tmp_path: Path) -> None:
    await start(etcd)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        writes.undo = UndoLog(bytes_limit=10)
        trash = Trash(tmp_path / "trash", "test")
        found = await deleting.preview(writes, *prefix_range(b"/a/"))
        write = deleting.plan_delete_range(writes.guard, found, b"/a/", trash)
        path = write.trash
        assert path is not None
        await carry_out(writes, write)
        undo = await plan_undo(writes, await entry_of(writes))
        assert undo.reason == f"its before-images did not fit into memory; :import {path} brings them back"
        assert [kv.key for kv in trash.read(path)] == [kv.key for kv in found.kvs]
