"""Names alone: everything once and in order, at one revision, in few requests and without an object a key."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Sequence

import pytest

from etcdtui.client import errors
from etcdtui.client.key_lists import KeyLists, KeyRange
from etcdtui.core import ranges
from etcdtui.services.reads import browse
from etcdtui.services.reads.reading import Reads
from etcdtui.services.reads.scan_keys import scan_keys
from tests.conftest import ServerFactory
from tests.services.looking_support import Large, PagedStream, as_counts, expected, fill, odd_keys, reading
from tests.support import Server

SEPARATORS = (b"/",)
CROWDED = {b"/registry", b"/registry/", b"/registry//", b"/registry/a/b", b"/registry/\xff\xff", b"/registry0", b"/reh"}


async def names(reads: Reads, prefix: bytes = b"", within: tuple[bytes, bytes] = ranges.ALL) -> list[bytes]:
    return [key async for batch in scan_keys(reads, prefix, within=within) for key in batch.keys]


@pytest.mark.matrix
async def test_every_name_once_and_in_order(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        keys = sorted(set(odd_keys(5, 900)) | {b"/flat/%05d" % n for n in range(6_000)} | CROWDED)
        await fill(reads.client, keys)
        assert await names(reads) == keys
        for within in ((b"/registry/", b"/registry0"), (b"/registry/\xff", b"\0"), (b"\0", b"/registry//")):
            low, end = within
            inside = [key for key in keys if key >= low and (end == ranges.FROM_KEY or key < end)]
            assert await names(reads, within=within) == inside
        assert await names(reads, b"/flat/") == [key for key in keys if key.startswith(b"/flat/")]
        assert await names(reads, b"/flat/", (b"/flat/00010", b"/flat/00012")) == [b"/flat/00010", b"/flat/00011"]
        assert await names(reads, b"/none/") == []


@pytest.mark.parametrize("cut_after", [0, 3_000, 10**9])
async def test_a_streamed_scan_that_is_cut_goes_on_behind_its_last_name(etcd: Server, cut_after: int) -> None:
    async with reading(etcd.endpoint) as plain:
        keys = sorted(set(odd_keys(5, 900)) | {b"/flat/%05d" % n for n in range(6_000)})
        await fill(plain.client, keys)
        reads = PagedStream(plain.client)
        reads.cut_after = cut_after
        assert await names(reads) == keys
        assert (
            await names(reads, b"/flat/", (b"/flat/00010", b"/flat/05012"))
            == keys[keys.index(b"/flat/00010") : keys.index(b"/flat/05012")]
        )


async def test_a_scan_is_of_one_revision_while_others_write(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        keys = [b"/flat/%05d" % n for n in range(12_000)]
        await fill(reads.client, keys)
        found: list[bytes] = []
        revisions = set()
        async for batch in scan_keys(reads, b"/flat/"):
            revisions.add(batch.revision)
            found += batch.keys
            await reads.client.kv.put(b"/flat/zz%05d" % len(found), b"")
            await reads.client.kv.delete(keys[-1])
        assert found == keys
        assert len(revisions) == 1


async def test_a_scan_takes_few_requests(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        kinds = (b"pods", b"events", b"secrets", b"leases")
        await fill(reads.client, [b"/registry/%s/ns-%03d/%05d" % (kinds[n % 4], n % 97, n) for n in range(15_000)])
        before = reads.requests
        assert len(await names(reads)) == 15_000
        assert reads.requests - before <= 30


async def test_names_cost_little_more_memory_than_their_bytes(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/flat/%05d" % n for n in range(5_000)])
        wanted = [KeyRange(b"/flat/", b"/flat0", 0)]
        await reads.keys(wanted)
        tracemalloc.start()
        try:
            answer = await reads.keys(wanted)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        plain = sum(map(sys.getsizeof, answer.lists[0].keys)) + sys.getsizeof(answer.lists[0].keys)
        assert answer.lists[0].count == 5_000
        assert held < plain * 1.5


class Disturbed(Large):
    """Another client writes before every request."""

    async def keys(self, wanted: Sequence[KeyRange], revision: int = 0, *, guess: int = 0) -> KeyLists:
        number = self.asked = getattr(self, "asked", 0) + 1
        await self.client.kv.put(b"/a/%05d" % number, b"")
        await self.client.kv.put(b"/z/%05d" % number, b"")
        answer = await super().keys(wanted, revision, guess=guess)
        self.revisions.add(revision)
        return answer

    revisions: set[int]


async def test_a_walk_in_many_requests_is_of_one_revision(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        keys = [b"/%s/%03d" % (name, n) for name in (b"b", b"k", b"q", b"x") for n in range(500)]
        await fill(reads.client, keys)
        disturbed = Disturbed(reads.client)
        disturbed.revisions = set()
        assert as_counts(await browse.children(disturbed, b"/", SEPARATORS)) == expected(keys, b"/", SEPARATORS)
        assert len(disturbed.revisions) == 1 and 0 not in disturbed.revisions
        assert disturbed.asked > 1


async def test_a_huge_level_takes_few_requests(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        kinds = (b"clusterroles", b"configmaps", b"controllers", b"events", b"leases", b"pods", b"secrets", b"services")
        keys = [b"/registry/%s/ns-%03d/%05d" % (kinds[n % 8], n % 97, n) for n in range(16_000)]
        keys += [b"/config/app/%d" % n for n in range(50)] + [b"lock/%d" % n for n in range(50)]
        await fill(reads.client, keys)
        for prefix in (b"", b"/registry/"):
            before = reads.requests
            assert as_counts(await browse.children(reads, prefix, SEPARATORS)) == expected(keys, prefix, SEPARATORS)
            assert reads.requests - before <= 24


async def test_ranges_in_one_request_are_of_one_revision_and_pinned_on_request(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        kv = reads.client.kv
        for key in (b"a", b"b", b"c"):
            await kv.put(key, b"long value")
        asked = [KeyRange(b"a", b"c", 1), KeyRange(b"b", b"", 0), KeyRange(b"x", b"y", 0)]
        before = await kv.keys(asked)
        assert [(one.keys, one.count) for one in before.lists] == [([b"a"], 2), ([b"b"], 1), ([], 0)]
        await kv.delete(b"b")
        assert (await kv.keys(asked[1:2])).lists[0].keys == []
        assert (await kv.keys(asked, revision=before.revision)).lists == before.lists
        inside = await reads.client.namespaced(b"a").kv.keys([KeyRange(b"\x00", b"\x00", 0)])
        assert inside.lists[0].count == 0


async def test_too_many_ranges_are_read_in_parts(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=["--max-txn-ops=4"])
    async with reading(server.endpoint) as reads:
        keys = [b"/k/%02d" % n for n in range(40)]
        await fill_singly(reads, keys)
        wanted = [KeyRange(key, b"", 0) for key in keys]
        with pytest.raises(errors.TooManyOps):
            await reads.client.kv.keys(wanted)
        assert [one.keys for one in (await reads.keys(wanted)).lists] == [[key] for key in keys]
        assert await names(reads, b"/k/") == keys


async def fill_singly(reads: Reads, keys: Sequence[bytes]) -> None:
    for key in keys:
        await reads.client.kv.put(key, b"")
