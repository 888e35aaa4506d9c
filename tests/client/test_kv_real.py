"""Keys and values against a real server: every option, every refusal, paging."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from etcdtui.client import Client, ClientOptions, SortOrder, SortTarget, connect, errors
from tests.support.server import Server


async def _fill(client: Client, *keys: str) -> None:
    for key in keys:
        await client.kv.put(key, f"v-{key}")


async def test_revisions_and_versions(client: Client) -> None:
    first = await client.kv.put("k", "1")
    assert first.header is not None
    kv = (await client.kv.get("k")).kvs[0]
    assert (kv.version, kv.create_revision, kv.mod_revision) == (1, first.header.revision, first.header.revision)
    second = await client.kv.put("k", "2", prev_kv=True)
    assert second.prev_kv == kv
    assert second.header is not None
    assert second.header.revision == first.header.revision + 1
    deleted = await client.kv.delete("k", prev_kv=True)
    assert (deleted.deleted, deleted.prev_kvs[0].value) == (1, b"2")
    nothing = await client.kv.delete("k")
    assert nothing.deleted == 0
    assert nothing.header is not None
    assert deleted.header is not None
    assert nothing.header.revision == deleted.header.revision
    assert (await client.kv.put("k", "3", prev_kv=True)).prev_kv is None
    assert (await client.kv.get("k")).kvs[0].version == 1
    old = await client.kv.get("k", revision=first.header.revision)
    assert old.kvs[0].value == b"1"


async def test_bytes_survive(client: Client) -> None:
    key, value = b"\x00\xff\n", bytes(range(256))
    await client.kv.put(key, value)
    found = (await client.kv.get(key)).kvs[0]
    assert (found.key, found.value) == (key, value)
    with pytest.raises(TypeError):
        await client.kv.put(5, "v")  # type: ignore[arg-type]  # what a caller without a type checker may pass


async def test_ranges(client: Client) -> None:
    await _fill(client, "a", "a1", "a2", "b", "c")
    await client.kv.put(b"a\xff1", "x")
    get = client.kv.get

    async def keys(**options: object) -> list[bytes]:
        return [kv.key for kv in (await get(**options)).kvs]  # type: ignore[arg-type]  # options vary per case

    assert await keys(key="a", prefix=True) == [b"a", b"a1", b"a2", b"a\xff1"]
    assert await keys(key=b"a\xff", prefix=True) == [b"a\xff1"]
    assert await keys(key="a1", range_end="b") == [b"a1", b"a2", b"a\xff1"]
    assert await keys(key="b", from_key=True) == [b"b", b"c"]
    assert len(await keys(key="", prefix=True)) == len(await keys(key="", from_key=True)) == 6
    assert await keys(key="b", range_end="a") == []
    assert await keys(key=b"\xff\xff", prefix=True) == []
    limited = await get("", prefix=True, limit=4)
    assert (len(limited.kvs), limited.more, limited.count) == (4, True, 6)
    assert not (await get("", prefix=True, limit=6)).more
    counted = await get("", prefix=True, count_only=True, limit=1)
    assert (counted.kvs, counted.more, counted.count) == ((), False, 6)
    assert all(kv.value == b"" for kv in (await get("", prefix=True, keys_only=True)).kvs)


async def test_filters_and_sorting(client: Client) -> None:
    await _fill(client, "c", "a", "b")
    await client.kv.put("a", "zzz")
    newest = await client.kv.get("", prefix=True, sort_target="mod", sort_order="descend", limit=2)
    assert [kv.key for kv in newest.kvs] == [b"a", b"b"]
    oldest = await client.kv.get("", prefix=True, sort_target=SortTarget.CREATE, limit=1)
    assert [kv.key for kv in oldest.kvs] == [b"c"]
    unordered = await client.kv.get("", prefix=True, sort_target=SortTarget.MOD, sort_order=SortOrder.NONE, limit=1)
    assert [kv.key for kv in unordered.kvs] == [b"c"]
    by_value = await client.kv.get("", prefix=True, sort_target=4, sort_order=1, keys_only=True)
    assert [kv.key for kv in by_value.kvs] == [b"b", b"c", b"a"]
    backwards = await client.kv.get("", prefix=True, sort_order="desc")
    assert [kv.key for kv in backwards.kvs] == [b"c", b"b", b"a"]
    revision = newest.kvs[0].mod_revision
    filtered = await client.kv.get("", prefix=True, min_mod_revision=revision)
    assert ([kv.key for kv in filtered.kvs], filtered.count) == ([b"a"], 3)
    created = await client.kv.get("", prefix=True, max_create_revision=oldest.kvs[0].create_revision)
    assert [kv.key for kv in created.kvs] == [b"c"]


async def test_mistakes_are_refused_and_nothing_is_sent(client: Client, etcd: Server) -> None:
    kv = client.kv
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: kv.get("a", prefix=True, from_key=True),
        lambda: kv.get("a", prefix=True, range_end="b"),
        lambda: kv.get("a", sort_target=5, sort_order=1),
        lambda: kv.get("a", sort_target=-1),
        lambda: kv.get("a", sort_order=3),
        lambda: kv.get("a", sort_target="size"),
        lambda: kv.get("a", sort_order=True),
        lambda: kv.get("a", limit=-1),
        lambda: kv.get("a", revision=-1),
        lambda: kv.get("a", revision=2**63),
        lambda: kv.get("a", min_mod_revision=-5),
        lambda: kv.delete("a", prefix=True, from_key=True),
        lambda: kv.put("a", "v", lease=2**63),
        lambda: kv.compact(0),
        lambda: kv.compact(-1),
    )
    for call in calls:
        with pytest.raises(ValueError):
            await call()
    with pytest.raises(ValueError):
        kv.pages("a", prefix=True, from_key=True)
    with pytest.raises(ValueError):
        kv.pages("a", prefix=True, page_size=0)
    for empty in (kv.get(""), kv.put("", "v"), kv.delete("")):
        with pytest.raises(errors.EmptyKey, match="key is not provided"):
            await empty
    assert client.caller.pool.cluster_id == 0, "something was sent"


async def test_ignore_options_and_leases(client: Client) -> None:
    lease = (await client.lease.grant(60)).id
    with pytest.raises(errors.ValueProvided):
        await client.kv.put("k", "v", ignore_value=True)
    with pytest.raises(errors.LeaseProvided):
        await client.kv.put("k", "v", lease=lease, ignore_lease=True)
    with pytest.raises(errors.KeyNotFound):
        await client.kv.put("k", "", ignore_value=True)
    with pytest.raises(errors.LeaseNotFound):
        await client.kv.put("k", "v", lease=12345)
    await client.kv.put("k", "v", lease=lease)
    await client.kv.put("k", "w", ignore_lease=True)
    found = (await client.kv.get("k")).kvs[0]
    assert (found.value, found.lease) == (b"w", lease)
    await client.kv.put("k", "", ignore_value=True)
    found = (await client.kv.get("k")).kvs[0]
    assert (found.value, found.lease) == (b"w", 0)


async def test_sizes(client: Client, etcd: Server) -> None:
    with pytest.raises(errors.RequestTooLarge):
        await client.kv.put("k", b"x" * 1_572_864)
    with pytest.raises(errors.MessageTooLarge, match="nothing was sent") as caught:
        await client.kv.put("k", b"x" * 2_200_000)
    assert caught.value.applied == "no"
    for number in range(5):
        await client.kv.put(f"big{number}", b"x" * 1_100_000)
    found = await client.kv.get("big", prefix=True)
    assert sum(len(kv.value) for kv in found.kvs) == 5_500_000
    wide = ClientOptions(endpoints=(etcd.endpoint,), max_request_bytes=10_000_000)
    async with connect(wide) as sender:
        with pytest.raises(errors.MessageTooLarge, match="server's limit"):
            await sender.kv.put("k", b"x" * 2_200_000)
    narrow = ClientOptions(endpoints=(etcd.endpoint,), max_request_bytes=1_000_000, max_recv_bytes=3_000_000)
    async with connect(narrow) as reader:
        with pytest.raises(errors.MessageTooLarge, match="max_recv_bytes"):
            await reader.kv.get("big", prefix=True)
        paged = [kv.key async for page in reader.kv.pages("big", prefix=True) for kv in page.kvs]
        assert len(paged) == 5


async def test_compaction(client: Client) -> None:
    await _fill(client, "a", "b", "c")
    head = (await client.kv.get("a")).header
    assert head is not None
    revision = head.revision
    with pytest.raises(errors.FutureRevision):
        await client.kv.get("a", revision=revision + 1)
    with pytest.raises(errors.FutureRevision):
        await client.kv.compact(revision + 1)
    await client.kv.compact(revision, physical=True)
    assert (await client.kv.get("a", revision=revision)).kvs
    with pytest.raises(errors.Compacted):
        await client.kv.get("a", revision=revision - 1)
    with pytest.raises(errors.Compacted):
        await client.kv.compact(revision)


async def test_pages_are_one_revision(client: Client) -> None:
    await _fill(client, *(f"p{number:03}" for number in range(95)))
    seen: list[bytes] = []
    sizes: list[int] = []
    async for page in client.kv.pages("p", prefix=True, page_size=10):
        seen += [kv.key for kv in page.kvs]
        sizes.append(len(page.kvs))
        await client.kv.put("p0000", "meanwhile")
        await client.kv.delete("p050")
    assert seen == [f"p{number:03}".encode() for number in range(95)]
    assert max(sizes) == 10
    assert [page.count async for page in client.kv.pages("none", prefix=True)] == [0]
    last = [page.more async for page in client.kv.pages("p", prefix=True, page_size=30)]
    assert last == [True, True, True, False]


async def test_compaction_while_paging_is_told(client: Client) -> None:
    await _fill(client, *(f"p{number:03}" for number in range(50)))
    pages = client.kv.pages("p", prefix=True, page_size=10)
    page = await anext(pages)
    assert page.header is not None
    await client.kv.put("x", "y")
    head = (await client.kv.put("x", "z")).header
    assert head is not None
    await client.kv.compact(head.revision)
    with pytest.raises(errors.Compacted):
        async for _ in pages:
            pass


@pytest.mark.matrix
async def test_first_and_last_by_key_creation_change_and_value(client: Client) -> None:
    for key, value in (("f/b", "3"), ("f/c", "1"), ("f/a", "2")):
        await client.kv.put(key, value)
    await client.kv.put("f/b", "4")
    ends = {"key": (b"f/a", b"f/c"), "create": (b"f/b", b"f/a"), "mod": (b"f/c", b"f/b"), "value": (b"f/c", b"f/b")}
    for by, (first, last) in ends.items():
        lowest, highest = (
            await client.kv.first("f/", prefix=True, by=by),
            await client.kv.last("f/", prefix=True, by=by),
        )
        assert lowest.kv is not None and highest.kv is not None
        assert (lowest.kv.key, highest.kv.key, lowest.count) == (first, last, 3), by
    empty = await client.kv.last("none/", prefix=True, by=SortTarget.MOD)
    assert empty.kv is None and empty.header is not None
    with pytest.raises(ValueError):
        await client.kv.first("f/", prefix=True, by="colour")
