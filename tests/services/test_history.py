"""Versions by walking back, earlier lives, compaction told, and what changed below a prefix."""

from __future__ import annotations

from etcdtui.services.reads import history
from etcdtui.services.reads.history import Break, Change, Mark, Version
from etcdtui.services.reads.reading import Reads
from tests.services.looking_support import fill, reading
from tests.support import Server


async def walk(reads: Reads, key: bytes) -> list[str]:
    """``7`` for a version's value, ``created`` and so on for a break."""
    return [
        row.kv.value.decode() if isinstance(row, Version) else row.mark.value
        async for row in history.versions(reads, key)
    ]


async def test_every_version_comes_newest_first_among_other_writes(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        for number in range(6):
            await reads.client.kv.put(b"/every", b"%d" % number)
            await fill(reads.client, [b"/noise/%d/%d" % (number, n) for n in range(20)])
        assert await walk(reads, b"/every") == ["5", "4", "3", "2", "1", "0", "created"]


async def test_lives_before_a_deletion_are_found(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        kv = reads.client.kv
        await kv.put(b"/lives", b"old1")
        await kv.put(b"/lives", b"old2")
        await kv.delete(b"/lives")
        await kv.put(b"/lives", b"new")
        assert await walk(reads, b"/lives") == ["new", "created", "deleted", "old2", "old1", "created"]
        await kv.delete(b"/lives")
        await fill(reads.client, [b"/noise/%d" % n for n in range(9)])
        assert (await walk(reads, b"/lives"))[:2] == ["deleted", "new"]


async def test_a_deletion_is_told_with_its_own_revision(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        kv = reads.client.kv
        await kv.put(b"/when", b"1")
        await fill(reads.client, [b"/noise/%d/%d" % (n, n) for n in range(300)])
        for number in range(100):
            await kv.put(b"/other", b"%d" % number)
        gone = (await kv.delete(b"/when")).header
        for number in range(100):
            await kv.put(b"/other", b"%d" % number)
        rows = [row async for row in history.versions(reads, b"/when")]
        assert gone is not None
        assert rows[0] == Break(Mark.DELETED, gone.revision)


async def test_the_newest_drop_below_a_prefix_is_found_by_counts(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        kv = reads.client.kv
        await fill(reads.client, [b"/drop/%d" % n for n in range(12)])
        await kv.delete(b"/drop/0")
        for number in range(90):
            await kv.put(b"/busy", b"%d" % number)
        gone = (await kv.delete(b"/drop/1", prefix=True)).header
        for number in range(130):
            await kv.put(b"/busy", b"%d" % number)
        assert gone is not None
        reach = await history.reach(reads)
        before = reads.requests
        drop = await history.newest_drop(reads, b"/drop/", reach)
        assert drop == history.Drop(gone.revision, 3)
        assert reads.requests - before < 20
        assert await history.newest_drop(reads, b"/busy", reach) is None
        found = await history.since(reads, b"/drop/", drop.revision - 1)
        assert [change.key for change in found.changes] == [b"/drop/1", b"/drop/10", b"/drop/11"]


async def test_what_compaction_took_is_told_with_its_number(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        for number in range(5):
            done = await reads.client.kv.put(b"/compact", b"%d" % number)
        assert done.header is not None
        await reads.client.kv.compact(done.header.revision - 1)
        rows = [row async for row in history.versions(reads, b"/compact")]
        assert [row.kv.value for row in rows if isinstance(row, Version)] == [b"4", b"3"]
        last = rows[-1]
        assert isinstance(last, Break) and last.mark is Mark.COMPACTED and last.missing == 3
        reach = await history.reach(reads)
        assert (reach.oldest, reach.head) == (done.header.revision - 1, done.header.revision)


async def test_changes_below_a_prefix_since_a_revision(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        kv = reads.client.kv
        await fill(reads.client, [b"/p/gone", b"/p/kept", b"/p/edited", b"/q/other"])
        before = (await kv.get(b"/p/kept")).header
        assert before is not None
        await kv.delete(b"/p/gone")
        await kv.put(b"/p/edited", b"2")
        await kv.put(b"/p/fresh", b"1")
        await kv.put(b"/q/other", b"2")
        result = await history.since(reads, b"/p/", before.revision)
        assert [(c.key, c.change) for c in result.changes] == [
            (b"/p/edited", Change.CHANGED),
            (b"/p/fresh", Change.NEW),
            (b"/p/gone", Change.DELETED),
        ]
        assert result.complete
        part = await history.since(reads, b"/p/", before.revision, max_keys=1)
        assert not part.complete


async def test_each_deletion_below_a_prefix_has_its_own_revision(etcd: Server) -> None:
    for key in ("/p/a", "/p/b", "/p/stays"):
        base = await etcd.put(key, "1")
    await etcd.put("/p/a", "2")
    gone = []
    for key in ("/p/a", "/p/b"):
        await etcd.delete(key)
        gone.append(await etcd.put("/noise", "1") - 1)
    async with reading(etcd.endpoint) as reads:
        found = await history.since(reads, b"/p/", base)
        told = await history.with_deletions(reads, found)
        assert {one.key: (one.change, one.gone) for one in told.changes} == {
            b"/p/a": (Change.DELETED, gone[0]),
            b"/p/b": (Change.DELETED, gone[1]),
        }
        few = await history.with_deletions(reads, found, limit=1)
        assert [one.gone for one in few.changes] == [gone[0], 0]
