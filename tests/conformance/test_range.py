"""Reading ranges."""

from __future__ import annotations

import pytest

from etcdtui.client import Client, errors
from etcdtui.client._transport.server_streams import messages
from etcdtui.client._wire import methods
from etcdtui.core.ranges import prefix_end
from etcdtui.core.types import KeyValue
from etcdtui.pb import rpc_pb2
from tests.conformance.support import fill, rev
from tests.support import Server, requires_server

pytestmark = pytest.mark.matrix


def names(kvs: tuple[KeyValue, ...]) -> list[bytes]:
    return [kv.key for kv in kvs]


async def test_019_020_limit(client: Client) -> None:
    await fill(client, [f"k{n}" for n in range(10)])
    three = await client.kv.get("k", prefix=True, limit=3)
    assert (len(three.kvs), three.more, three.count) == (3, True, 10)
    assert names(three.kvs) == [b"k0", b"k1", b"k2"]
    all_ten = await client.kv.get("k", prefix=True, limit=10)
    assert (len(all_ten.kvs), all_ten.more, all_ten.count) == (10, False, 10)


async def test_021_count_only(client: Client) -> None:
    await fill(client, [f"k{n}" for n in range(10)])
    answer = await client.kv.get("k", prefix=True, limit=3, count_only=True)
    assert (answer.kvs, answer.more, answer.count) == ((), False, 10)


async def test_022_revision_filters_do_not_change_the_count(client: Client) -> None:
    revisions = [rev(await client.kv.put(f"k{n}", "v")) for n in range(6)]
    newer = await client.kv.get("k", prefix=True, min_mod_revision=revisions[4])
    assert (names(newer.kvs), newer.count) == ([b"k4", b"k5"], 6)
    older = await client.kv.get("k", prefix=True, max_create_revision=revisions[1])
    assert (names(older.kvs), older.count) == ([b"k0", b"k1"], 6)
    both = await client.kv.get("k", prefix=True, min_create_revision=revisions[2], max_mod_revision=revisions[3])
    assert names(both.kvs) == [b"k2", b"k3"]


async def test_024_the_two_newest(client: Client) -> None:
    for key in ("k3", "k1", "k4", "k2"):
        await client.kv.put(key, "v")
    answer = await client.kv.get("k", prefix=True, sort_target="mod", sort_order="descend", limit=2)
    assert names(answer.kvs) == [b"k2", b"k4"]


async def test_sorting_without_an_order_still_sorts_before_the_cut(client: Client) -> None:
    for key in ("k3", "k1", "k4", "k2"):
        await client.kv.put(key, "v")
    answer = await client.kv.get("k", prefix=True, sort_target="mod", limit=2)
    assert names(answer.kvs) == [b"k3", b"k1"]


async def test_026_sorted_by_value_without_values(client: Client) -> None:
    for key, value in (("k1", "c"), ("k2", "a"), ("k3", "b")):
        await client.kv.put(key, value)
    answer = await client.kv.get("k", prefix=True, sort_target="value", sort_order="ascend", keys_only=True)
    assert names(answer.kvs) == [b"k2", b"k3", b"k1"]
    assert {kv.value for kv in answer.kvs} == {b""}


async def test_027_keys_only_and_the_lease(etcd: Server, client: Client) -> None:
    lease = await client.lease.grant(60)
    await client.kv.put("k", "v", lease=lease.id)
    kv = (await client.kv.get("k", keys_only=True)).kvs[0]
    assert kv.value == b""
    assert kv.lease == (0 if etcd.version >= (3, 7, 0) else lease.id)


async def test_028_prefixes(client: Client) -> None:
    stored = [b"a", b"a\xfe", b"a\xff", b"a\xff\xff", b"ab", b"b", b"\xff", b"\xff\xff", b"\xff\xff\xff"]
    for key in stored:
        await client.kv.put(key, "v")
    for prefix, end in ((b"a", b"b"), (b"a\xff", b"b"), (b"\xff\xff", b"\0")):
        assert prefix_end(prefix) == end
        found = names((await client.kv.get(prefix, prefix=True)).kvs)
        assert found == sorted(key for key in stored if key.startswith(prefix))


async def test_029_030_everything_and_from_a_key(client: Client) -> None:
    stored = [b"\0", b"a", b"m", b"z", b"\xff"]
    for key in stored:
        await client.kv.put(key, "v")
    assert names((await client.kv.get("", prefix=True)).kvs) == stored
    assert names((await client.kv.get("", from_key=True)).kvs) == stored
    assert names((await client.kv.get("m", from_key=True)).kvs) == [b"m", b"z", b"\xff"]
    assert (await client.kv.get("z", range_end="a")).count == 0


async def test_032_033_revisions(client: Client) -> None:
    old = rev(await client.kv.put("k", "old"))
    now = rev(await client.kv.put("k", "new"))
    answer = await client.kv.get("k", revision=old)
    assert (answer.kvs[0].value, rev(answer)) == (b"old", now)
    with pytest.raises(errors.FutureRevision, match="future revision") as caught:
        await client.kv.get("k", revision=now + 1)
    assert (caught.value.code, caught.value.applied) == ("OUT_OF_RANGE", "no")


async def test_034_reading_at_and_below_the_compaction(client: Client) -> None:
    await client.kv.put("k", "1")
    compacted = rev(await client.kv.put("k", "2"))
    await client.kv.put("k", "3")
    await client.kv.compact(compacted)
    assert (await client.kv.get("k", revision=compacted)).kvs[0].value == b"2"
    with pytest.raises(errors.Compacted, match="compacted") as caught:
        await client.kv.get("k", revision=compacted - 1)
    assert caught.value.code == "OUT_OF_RANGE"


async def test_036_unknown_sorting_is_never_sent(nowhere: Client) -> None:
    with pytest.raises(ValueError, match="SortTarget"):
        await nowhere.kv.get("k", sort_target=7, sort_order=1)
    with pytest.raises(ValueError, match="SortOrder"):
        await nowhere.kv.get("k", sort_target=1, sort_order=9)
    with pytest.raises(ValueError, match="limit"):
        await nowhere.kv.get("k", limit=-1)


async def test_037_prefix_with_from_key_is_never_sent(nowhere: Client) -> None:
    for call in (nowhere.kv.get, nowhere.kv.delete):
        with pytest.raises(ValueError, match="exclude each other"):
            await call("k", prefix=True, from_key=True)
        with pytest.raises(ValueError, match="range_end"):
            await call("k", prefix=True, range_end="z")


async def test_039_pages_are_one_revision(client: Client) -> None:
    keys = [f"k{n:05d}" for n in range(5000)]
    await fill(client, keys)
    whole = await client.kv.get("k", prefix=True)
    paged: list[KeyValue] = []
    number = 0
    async for page in client.kv.pages("k", prefix=True, page_size=700):
        assert len(page.kvs) <= 700
        paged += page.kvs
        number += 1
        if number == 1:
            await client.kv.put("k00002x", "late")
            await client.kv.delete("k04999")
    assert tuple(paged) == whole.kvs
    assert number == 8


async def _streamed(client: Client) -> list[bytes]:
    request = rpc_pb2.RangeRequest(key=b"k", range_end=b"l")
    got: list[bytes] = []
    async for chunk in messages(client.caller, methods.RANGE_STREAM, request):
        got += [kv.key for kv in chunk.range_response.kvs]
    return got


@requires_server(">=3.7")
async def test_039_range_stream_equals_range(client: Client) -> None:
    await fill(client, [f"k{n:05d}" for n in range(5000)])
    assert await _streamed(client) == names((await client.kv.get("k", prefix=True)).kvs)


@requires_server("<3.7")
async def test_039_115_range_stream_is_not_supported(client: Client) -> None:
    with pytest.raises(errors.NotSupported) as caught:
        await _streamed(client)
    assert (caught.value.code, caught.value.applied) == ("UNIMPLEMENTED", "no")


async def test_pages_end_with_a_compaction(client: Client) -> None:
    await fill(client, [f"k{n:05d}" for n in range(300)])
    old = rev(await client.kv.get("k"))
    for _ in range(3):
        last = await client.kv.put("other", "v")
    await client.kv.compact(rev(last))
    with pytest.raises(errors.Compacted):
        async for _ in client.kv.pages("k", prefix=True, page_size=100, revision=old):
            pass
