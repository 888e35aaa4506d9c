"""Scan, search and census read everything once, in order, and say what they cost."""

from __future__ import annotations

import pytest

from etcdtui.core.search import FilterError
from etcdtui.core.types import KeyValue
from etcdtui.services.reads import census, search
from etcdtui.services.reads.scan import scan
from etcdtui.services.reads.search import How, Query
from etcdtui.services.reads.throttle import Throttle
from tests.services.looking_support import fill, odd_keys, reading
from tests.support import Server


@pytest.mark.parametrize("values", [False, True])
async def test_a_scan_gives_every_key_once_and_in_order(etcd: Server, values: bool) -> None:
    async with reading(etcd.endpoint) as reads:
        keys = sorted(set(odd_keys(3, 900)) | {b"/flat/%05d" % n for n in range(6_000)})
        await fill(reads.client, keys, b"value")
        found: list[KeyValue] = []
        async for batch in scan(reads, b"", values=values):
            assert batch.total == len(keys)
            found += batch.kvs
        assert [kv.key for kv in found] == keys
        assert {kv.value for kv in found} == ({b"value"} if values else {b""})


async def test_a_scan_below_a_prefix_can_go_on_after_a_key(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/a/%02d" % n for n in range(50)] + [b"/b"])
        found = [kv.key async for batch in scan(reads, b"/a/", after=b"/a/47") for kv in batch.kvs]
        assert found == [b"/a/48", b"/a/49"]


async def test_large_values_are_read_a_few_at_a_time(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [], b"")
        for number in range(40):
            await reads.client.kv.put(b"/v/%02d" % number, b"x" * 300_000)
        sizes = [sum(len(kv.value) for kv in batch.kvs) async for batch in scan(reads, b"/v/", values=True)]
        assert sum(sizes) == 40 * 300_000


async def hits_of(
    reads_endpoint: str, query: Query, max_hits: int = search.MAX_HITS
) -> tuple[list[bytes], search.Progress]:
    async with reading(reads_endpoint) as reads:
        found = []
        last = None
        async for progress in search.search(reads, query, max_hits=max_hits):
            found += [hit.key for hit in progress.hits]
            last = progress
        assert last is not None and last.done
        return found, last


async def test_search_by_substring_glob_and_regex_in_names_and_values(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/app/db.json", b"/app/DB", b"/other/db.yaml", b"\xffdb"], b"host: pg-1\n")
        await fill(reads.client, [b"/app/plain"], b"nothing here")
    everything = [b"/app/DB", b"/app/db.json", b"/other/db.yaml", b"\xffdb"]
    assert (await hits_of(etcd.endpoint, Query("db")))[0] == everything
    assert (await hits_of(etcd.endpoint, Query("DB")))[0] == [b"/app/DB"]
    assert (await hits_of(etcd.endpoint, Query("db", prefix=b"/app/")))[0] == [b"/app/DB", b"/app/db.json"]
    assert (await hits_of(etcd.endpoint, Query("*.json", How.GLOB)))[0] == [b"/app/db.json"]
    assert (await hits_of(etcd.endpoint, Query(r"d[ab]\.y", How.REGEX)))[0] == [b"/other/db.yaml"]
    found, last = await hits_of(etcd.endpoint, Query("pg-1", values=True))
    assert found == everything and last.seen == 5 and last.bytes_read > 0
    found, last = await hits_of(etcd.endpoint, Query("db"), max_hits=2)
    assert found == everything[:2] and last.full
    with pytest.raises(FilterError):
        await hits_of(etcd.endpoint, Query("(", How.REGEX))


@pytest.mark.matrix
async def test_what_a_person_types_means_the_same_as_in_the_filter_line(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        client = reads.client
        lease = await client.lease.grant(60)
        await fill(client, [b"/a/one.json", b"/a/two.yaml", b"/b/one.txt"], b"host: pg-1")
        await client.kv.put(b"/b/big", b"x" * 5_000)
        await client.kv.put(b"/b/leased", b"1", lease=lease.id)
    typed = {
        "one": [b"/a/one.json", b"/b/one.txt"],
        "/a/ one": [b"/a/one.json"],
        "one !txt": [b"/a/one.json"],
        "*.yaml": [b"/a/two.yaml"],
        "/b/*": [b"/b/big", b"/b/leased", b"/b/one.txt"],
        "^//one[.]/": [b"/a/one.json", b"/b/one.txt"],
        "size:>1k": [b"/b/big"],
        "lease:yes": [b"/b/leased"],
        "~atw": [b"/a/two.yaml"],
        "value:pg-1": [b"/a/one.json", b"/a/two.yaml", b"/b/one.txt"],
        "value:host pg-1 !json": [b"/a/one.json", b"/a/two.yaml", b"/b/one.txt"],
    }
    for words, keys in typed.items():
        assert (await hits_of(etcd.endpoint, search.query_of(words)))[0] == keys, words
    with pytest.raises(FilterError):
        await hits_of(etcd.endpoint, search.query_of("  "))


async def test_the_price_is_told_before(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/a/%03d" % n for n in range(200)], b"x" * 50)
        names = await search.cost(reads, Query("x", prefix=b"/a/"))
        assert (names.keys, names.value_bytes) == (200, 0)
        values = await search.cost(reads, Query("x", prefix=b"/a/", values=True))
        assert (values.keys, values.value_bytes) == (200, 10_000)


async def test_a_census_counts_without_reading_and_measures_on_request(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/a/%03d" % n for n in range(300)] + [b"/b/1"], b"x" * 10)
        await reads.client.kv.put(b"/b/1", b"y" * 500)
        counted = [result async for result in census.count(reads, b"", (b"/",))][-1]
        assert {name: entry.keys for name, entry in counted.entries.items()} == {b"/a/": 300, b"/b/": 1}
        assert counted.done and counted.size == 0
        measured = [result async for result in census.measure(reads, b"", (b"/",), bytes_per_second=0)][-1]
        big = measured.entries[b"/b/"]
        assert (big.size, big.largest, big.largest_key, big.versions) == (504, 500, b"/b/1", 2)
        assert measured.done and measured.measured == 301


async def test_a_throttle_waits_for_what_was_spent() -> None:
    now = 0.0
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        now += seconds

    throttle = Throttle(100, lambda: now, pause)
    for _ in range(3):
        await throttle.spend(50)
    assert waits == [0.5, 0.5]
