"""Listings show what a full read shows, whoever writes meanwhile, on servers with limits, and at their cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from etcdtui.client.key_lists import KeyLists, KeyRange
from etcdtui.core import ranges
from etcdtui.core.errors import Compacted
from etcdtui.core.keytree import Level, State
from etcdtui.core.listing import LEAF, UNKNOWN, child_of
from etcdtui.services.reads import browse
from etcdtui.services.reads.browse import Listing
from etcdtui.services.reads.reading import Reads, Want, older_than_streams
from tests.conftest import ServerFactory
from tests.services.looking_support import Large, PagedStream, as_counts, expected, fill, odd_keys, reading
from tests.support import Server, eventually

SEPARATORS = (b"/",)


def folders(keys: list[bytes], separators: tuple[bytes, ...]) -> list[bytes]:
    """Every folder prefix of a key space, the root first."""
    found = {b""}
    for key in keys:
        above = b""
        while True:
            name, folder = child_of(key[len(above) :], separators)
            if not folder:
                break
            above += name
            found.add(above)
    return sorted(found)


@pytest.mark.matrix
@pytest.mark.parametrize("separators", [(b"/",), (b"/", b":"), ()])
async def test_every_level_shows_what_etcdctl_lists(etcd: Server, separators: tuple[bytes, ...]) -> None:
    async with reading(etcd.endpoint) as reads:
        keys = odd_keys(7)
        await fill(reads.client, keys)
        listed = {kv.key for kv in (await reads.client.kv.get(b"\0", from_key=True, keys_only=True)).kvs}
        assert listed == set(keys)
        for prefix in folders(keys, separators):
            for known in (UNKNOWN, 10):
                found = await browse.children(reads, prefix, separators, known_count=known)
                assert as_counts(found) == expected(keys, prefix, separators), prefix


async def test_the_names_are_those_of_etcdctl_get_keys_only(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        keys = [b"/a", b"/a/b", b"//x", b"plain", b"p/q/r", b"/t/"]
        await fill(reads.client, keys)
        printed = etcd.etcdctl("get", "", "--prefix", "--keys-only").split()
        for prefix in ("", "/a/", "//", "p/", "/t/"):
            rows = await browse.children(reads, prefix.encode(), SEPARATORS)
            inside = [key.encode() for key in printed if key.startswith(prefix)]
            assert as_counts(rows) == expected(inside, prefix.encode(), SEPARATORS)


async def test_a_listing_is_of_one_revision_while_others_write(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        client = reads.client
        await fill(client, [b"/d/%02d/%03d" % (n % 40, n) for n in range(9_000)])
        stop = asyncio.Event()

        async def write() -> None:
            number = 0
            while not stop.is_set():
                await client.kv.put(b"/d/new-%04d" % number, b"")
                await client.kv.delete(b"/d/%02d/%03d" % (number % 40, number))
                number += 1

        writer = asyncio.create_task(write())
        try:
            for _ in range(5):
                listing = Listing(reads, b"/d/", SEPARATORS)
                found: dict[bytes, int] = {}
                async for page in listing.pages():
                    found.update({row.name: row.count for rows in page.rows for row in rows})
                    found.update(page.counts)
                then = await client.kv.get(b"/d/", prefix=True, keys_only=True, revision=listing.revision)
                assert found == expected([kv.key for kv in then.kvs], b"/d/", SEPARATORS)
        finally:
            stop.set()
            await writer


async def test_a_compaction_on_the_way_starts_the_level_again_and_says_so(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        client = reads.client
        keys = [b"/flat/%05d" % n for n in range(8_000)]
        await fill(client, keys)
        listing = Listing(reads, b"/flat/", SEPARATORS, page_keys=300)
        restarts = 0
        found: set[bytes] = set()
        first = True
        async for page in listing.pages():
            if page.restarted:
                restarts += 1
                found.clear()
            found.update(row.name for rows in page.rows for row in rows)
            if first:
                first = False
                revision = (await client.kv.put(b"/other", b"")).header
                assert revision is not None
                await client.kv.compact(revision.revision)
        assert restarts >= 1
        assert found == {key[len(b"/flat/") :] for key in keys}


async def test_a_listing_of_a_compacted_revision_asked_for_is_an_error(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"a"])
        for _ in range(3):
            done = await reads.client.kv.put(b"a", b"x")
        assert done.header is not None
        await reads.client.kv.compact(done.header.revision)
        with pytest.raises(Compacted):
            await browse.children(reads, b"", SEPARATORS, revision=done.header.revision - 1)


async def test_a_server_that_takes_few_operations_at_once_is_read_in_parts(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=["--max-txn-ops=8"])
    async with reading(server.endpoint, large=True) as reads:
        keys = [b"/k/%d/%d" % (n % 9, n) for n in range(200)]
        for key in keys:
            await reads.client.kv.put(key, b"")
        assert as_counts(await browse.children(reads, b"", SEPARATORS)) == {b"/k/": 200}
        assert as_counts(await browse.children(reads, b"/k/", SEPARATORS)) == expected(keys, b"/k/", SEPARATORS)
        assert reads.max_ops <= 8


async def test_closing_a_listing_cancels_what_is_in_flight(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/flat/%05d" % n for n in range(5_000)])
        before = asyncio.all_tasks()
        listing = Listing(reads, b"/flat/", SEPARATORS, page_keys=200)
        async with aclosing(listing.pages()) as pages:
            async for page in pages:
                assert page.hole is not None and page.total in (UNKNOWN, 5_000)
                break
        await eventually(lambda: asyncio.all_tasks() <= before)


async def test_a_refresh_finds_new_gone_and_changed_rows_by_its_gaps(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        client = reads.client
        await fill(client, [b"/p/a/1", b"/p/a/2", b"/p/b", b"/p/c", b"/p/d/1", b"/p/e/1"])
        level = Level(b"/p/", SEPARATORS, state=State.READY)
        level.insert(await browse.children(reads, b"/p/", SEPARATORS))
        await client.kv.delete(b"/p/a/1")
        await client.kv.delete(b"/p/d/1")
        await client.kv.put(b"/p/bb", b"")
        await fill(client, [b"/p/z/9", b"/p/z/a/1", b"/p/z/a/2"])
        await client.kv.put(b"/p/c", b"changed")
        requests = reads.requests
        result = await browse.refresh(reads, b"/p/", SEPARATORS, level.children(), *ranges.prefix_range(b"/p/"))
        assert reads.requests - requests <= 3
        for region in result.regions:
            level.replace(region)
        assert level.names == [b"a/", b"b", b"bb", b"c", b"e/", b"z/"]
        assert set(level.changed) == {b"bb", b"z/"}
        assert level.counts[level.find(b"z/")] == 3, "a new folder is counted"
        assert level.sample(0) == b"/p/a/2", "another known key stands for the folder"
        seen = {name: version for region in result.regions for name, _, version in region.seen}
        assert seen[b"c"] == 2


async def test_a_refresh_that_finds_very_much_asks_for_a_new_listing(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/p/a/1", b"/p/z/1"])
        rows = await browse.children(reads, b"/p/", SEPARATORS)
        await fill(reads.client, [b"/p/m%03d" % n for n in range(200)])
        result = await browse.refresh(reads, b"/p/", SEPARATORS, rows, *ranges.prefix_range(b"/p/"))
        assert result.relist


async def test_details_carry_the_lease_and_stop_at_their_budget(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        client = reads.client
        lease = await client.lease.grant(60)
        keys = [b"/v/%02d" % n for n in range(30)]
        for key in keys:
            await client.kv.put(key, b"x" * 100_000)
        await client.kv.put(b"/v/00", b"abc", lease=lease.id)
        found: dict[bytes, browse.Detail] = {}
        async for part in browse.details(reads, keys, budget=1_000_000):
            found.update(part)
        assert found[b"/v/00"] == browse.Detail(3, 2, found[b"/v/00"].mod_revision, lease.id)
        assert 8 <= len(found) < 30


async def test_a_huge_folder_is_counted_and_not_read(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/big/%d/%d" % (n % 3, n) for n in range(12_000)] + [b"/one"])
        listing = Listing(reads, b"", SEPARATORS)
        async for page in listing.pages():
            last = page
        assert last.done and last.total == 12_001
        assert listing.survey.keys_seen < 2_000
        assert as_counts(await browse.children(reads, b"", SEPARATORS)) == {b"/big/": 12_000, b"/one": LEAF}


async def test_without_a_leader_reads_go_on_serializably_and_say_stale(cluster3: Server) -> None:
    async with reading(cluster3.members[0].endpoint) as reads:
        await fill(reads.client, [b"/a/1", b"/a/2", b"/b"])
        leaderless = False
        from_one = type(reads)(reads.client, leaderless=lambda: leaderless)
        fresh_before = not from_one.stale
        for member in cluster3.members[1:]:
            await member.kill()
        leaderless = True
        assert fresh_before and from_one.stale
        assert as_counts(await browse.children(from_one, b"", SEPARATORS)) == {b"/a/": 2, b"/b": LEAF}


async def test_a_read_under_way_when_the_leader_is_lost_does_not_wait_for_its_deadline(cluster3: Server) -> None:
    async with reading(cluster3.members[0].endpoint) as reads:
        await fill(reads.client, [b"/a/1", b"/b"])
        for member in cluster3.members[1:]:
            await member.kill()
        from_one = type(reads)(reads.client, leaderless=lambda: waiting.done())
        from_one.deadline = 60.0
        waiting = asyncio.create_task(asyncio.sleep(0.5))  # until health finds out
        async with asyncio.timeout(20):
            found = await browse.children(from_one, b"", SEPARATORS)
        assert as_counts(found) == {b"/a/": 1, b"/b": LEAF}
        assert from_one.stale


async def test_such_a_server_is_read_by_single_ranges_at_one_revision(etcd: Server) -> None:
    async with reading(etcd.endpoint) as plain:
        keys = [b"/k/%d/%d" % (n % 9, n) for n in range(200)]
        await fill(plain.client, keys)
        reads = type(plain)(plain.client, version=lambda: "3.5.1")
        assert as_counts(await browse.children(reads, b"/k/", SEPARATORS)) == expected(keys, b"/k/", SEPARATORS)
        before = reads.requests
        await reads.many([Want(b"/k/1/1"), Want(b"/k/2/2")])
        assert reads.requests - before == 2


FLAT = [b"/flat/%05d" % n for n in range(12_000)] + [b"/flat/7%02d/%d" % (n % 50, n) for n in range(700)]


async def flat_level(reads: Reads) -> dict[bytes, int]:
    return as_counts(await browse.children(reads, b"/flat/", SEPARATORS))


@pytest.mark.matrix
async def test_a_flat_level_is_streamed_where_the_server_does_that(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, FLAT)
        assert await flat_level(reads) == expected(FLAT, b"/flat/", SEPARATORS)
        version = (await reads.client.maintenance.status(etcd.endpoint)).version
        assert reads.streams is not older_than_streams(version)
        before = reads.requests
        await flat_level(reads)
        assert reads.streams is (reads.requests - before <= 2)  # the first request and one stream


@pytest.mark.parametrize("cut_after", [0, 3_000, 10**9])
async def test_a_stream_that_is_cut_is_finished_in_counted_ranges(etcd: Server, cut_after: int) -> None:
    async with reading(etcd.endpoint) as plain:
        await fill(plain.client, FLAT)
        reads = PagedStream(plain.client)
        reads.cut_after = cut_after
        assert await flat_level(reads) == expected(FLAT, b"/flat/", SEPARATORS)


async def test_a_streamed_level_is_of_one_revision_and_says_how_far_it_is(etcd: Server) -> None:
    async with reading(etcd.endpoint) as plain:
        await fill(plain.client, FLAT)
        listing = Listing(PagedStream(plain.client), b"/flat/", SEPARATORS)
        found: dict[bytes, int] = {}
        seen, done = [], []
        async for page in listing.pages():
            found.update({row.name: row.count for rows in page.rows for row in rows} | dict(page.counts))
            seen.append(page.keys_seen)
            done.append(page.done)
            assert page.total in (UNKNOWN, len(FLAT))
            await plain.client.kv.delete(FLAT[-len(seen)])
            await plain.client.kv.put(b"/flat/%05d-new" % (len(seen) * 600), b"")
        assert found == expected(FLAT, b"/flat/", SEPARATORS)
        assert seen == sorted(seen)
        assert done == [False] * (len(done) - 1) + [True]
        assert len(done) > 5


async def test_the_end_key_leaves_the_stream(etcd: Server) -> None:
    async with reading(etcd.endpoint) as plain:
        keys = [b"/flat/x%05d" % n for n in range(12_000)]
        await fill(plain.client, keys)
        listing = Listing(PagedStream(plain.client), b"/flat/", SEPARATORS)
        last: list[bytes] = []
        async with aclosing(listing.pages()) as pages:
            async for page in pages:
                last.append(max((rows[-1].name for rows in page.rows), default=b""))
                listing.from_end = listing.from_end or len(last) == 4
        at = last.index(b"x11999")
        assert last[3] < b"x05000"
        assert 4 <= at <= 8
        assert len(last) > at + 2


async def test_a_compaction_under_a_stream_starts_the_level_again(etcd: Server) -> None:
    async with reading(etcd.endpoint) as plain:
        await fill(plain.client, FLAT)

        class Compacting(PagedStream):
            times = 1

            async def stream(self, start: bytes, end: bytes, revision: int = 0) -> AsyncGenerator[list[bytes], None]:
                if self.times:
                    self.times -= 1
                    header = (await self.client.kv.put(b"/x", b"")).header
                    assert header is not None
                    await self.client.kv.compact(header.revision)
                async with aclosing(super().stream(start, end, revision)) as parts:
                    async for keys in parts:
                        yield keys

        pages = [page async for page in Listing(Compacting(plain.client), b"/flat/", SEPARATORS).pages()]
        assert [page.restarted for page in pages].count(True) == 1
        assert pages[-1].done
        again = pages[[page.restarted for page in pages].index(True) :]
        found = {row.name for page in again for rows in page.rows for row in rows}
        assert found == set(expected(FLAT, b"/flat/", SEPARATORS))


class WrittenMeanwhile(PagedStream):
    """What holds most keys is answered first, and somebody adds a key after every answer."""

    async def keys(self, wanted: Sequence[KeyRange], revision: int = 0, *, guess: int = 0) -> KeyLists:
        if not any(one.start <= FLAT[0] < one.end for one in wanted):
            await self.first.wait()
        answer = await super().keys(wanted, revision, guess=guess)
        await self.client.kv.put(b"/flat/zz%05d" % self.requests, b"")
        self.first.set()
        return answer

    first: asyncio.Event


async def test_a_stream_begins_when_all_is_counted_also_while_others_write(etcd: Server) -> None:
    async with reading(etcd.endpoint) as plain:
        await fill(plain.client, FLAT)
        reads = WrittenMeanwhile(plain.client)
        reads.first = asyncio.Event()
        pages = [page async for page in Listing(reads, b"/flat/", SEPARATORS).pages()]
        assert {page.total for page in pages} <= {UNKNOWN, len(FLAT)}
        assert pages[-1].total == len(FLAT)
        names = {row.name for page in pages for rows in page.rows for row in rows}
        assert names == set(expected(FLAT, b"/flat/", SEPARATORS))


class Held(Large):
    """What asks for something inside ``held`` is not answered before ``release``."""

    held = b"/registry/pods/"

    async def keys(self, wanted: Sequence[KeyRange], revision: int = 0, *, guess: int = 0) -> KeyLists:
        if any(one.start.startswith(self.held) for one in wanted):
            await self.release.wait()
        return await super().keys(wanted, revision, guess=guess)

    release: asyncio.Event


async def test_folders_are_there_before_they_are_counted_and_say_so(etcd_server: ServerFactory) -> None:
    keys = [b"/registry/%s/%04d" % (kind, n) for kind in (b"leases", b"pods", b"events") for n in range(600)]
    keys += [b"/app/one", b"/zoo", b"plain"]
    async with reading((await etcd_server()).endpoint) as plain:
        await fill(plain.client, keys)
        reads = Held(plain.client)
        reads.release = asyncio.Event()
        rows: dict[bytes, int] = {}
        named: set[bytes] = set()
        async for page in Listing(reads, b"", SEPARATORS).pages():
            named |= {row.name for row in page.named}
            named -= set(page.gone)
            rows.update({row.name: row.count for part in page.rows for row in part} | dict(page.counts))
            if not reads.release.is_set():
                assert page.total == UNKNOWN and not page.done and page.share < 1
                if b"/registry/" in named:
                    assert rows.get(b"/registry/", UNKNOWN) == UNKNOWN, "its parts are not all counted yet"
                    assert dict(page.guesses)[b"/registry/"] > 0
                    reads.release.set()
        assert rows == {b"/registry/": 1_800, b"/app/": 1, b"/zoo": LEAF, b"plain": LEAF}
        assert named <= rows.keys()
        assert page.done and page.total == len(keys) and page.share == 1 and not page.guesses


async def test_a_store_known_to_be_small_takes_one_request(etcd: Server) -> None:
    async with reading(etcd.endpoint) as plain:
        keys = odd_keys(3, 400)
        await fill(plain.client, keys)
        reads = Reads(plain.client, most_keys=lambda: 5_000)
        found = await browse.children(reads, b"", SEPARATORS)
        assert as_counts(found) == expected(keys, b"", SEPARATORS)
        assert reads.requests == 1
        for prefix in folders(keys, SEPARATORS):
            assert as_counts(await browse.children(reads, prefix, SEPARATORS)) == expected(keys, prefix, SEPARATORS)
        more = [b"/flat/%05d" % n for n in range(3_000)] + [b"/deep/%d/%d" % (n % 7, n) for n in range(2_000)]
        await fill(plain.client, more)
        for prefix in (b"", b"/flat/", b"/deep/"):
            found = await browse.children(reads, prefix, SEPARATORS)
            assert as_counts(found) == expected(sorted({*keys, *more}), prefix, SEPARATORS), prefix
