"""Put, delete, compact, sizes."""

from __future__ import annotations

import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from etcdtui.client._wire import methods
from etcdtui.pb import rpc_pb2
from tests.conformance.support import rev
from tests.support import Server, eventually

pytestmark = pytest.mark.matrix

MIB = 1024 * 1024


async def test_001_first_put(client: Client) -> None:
    put = await client.kv.put("k", "v")
    kv = (await client.kv.get("k")).kvs[0]
    assert (kv.key, kv.value, kv.version, kv.lease) == (b"k", b"v", 1, 0)
    assert kv.mod_revision == kv.create_revision == rev(put)
    assert put.prev_kv is None


async def test_002_put_again(client: Client) -> None:
    first = rev(await client.kv.put("k", "v"))
    second = rev(await client.kv.put("k", "w"))
    kv = (await client.kv.get("k")).kvs[0]
    assert (kv.version, kv.create_revision, kv.mod_revision) == (2, first, second)


async def test_003_put_after_delete_starts_anew(client: Client) -> None:
    first = rev(await client.kv.put("k", "v"))
    assert (await client.kv.delete("k")).deleted == 1
    again = rev(await client.kv.put("k", "v"))
    kv = (await client.kv.get("k")).kvs[0]
    assert (kv.version, kv.create_revision) == (1, again)
    assert again > first + 1


async def test_004_005_empty_key(client: Client) -> None:
    for call in (client.kv.put("", "v"), client.kv.get(""), client.kv.delete("")):
        with pytest.raises(errors.EmptyKey, match="key is not provided") as caught:
            await call
        assert caught.value.code == "INVALID_ARGUMENT"
        assert caught.value.applied == "no"


async def test_004_005_empty_key_as_the_server_says_it(client: Client) -> None:
    with pytest.raises(errors.EmptyKey, match="key is not provided") as put:
        await client.caller.unary(methods.PUT, rpc_pb2.PutRequest(value=b"v"))
    with pytest.raises(errors.EmptyKey, match="key is not provided") as got:
        await client.caller.unary(methods.RANGE, rpc_pb2.RangeRequest())
    for caught in (put, got):
        assert caught.value.code == "INVALID_ARGUMENT"
        assert caught.value.applied == "no"
        assert caught.value.endpoint in client.endpoints


async def test_006_previous_pair(client: Client) -> None:
    assert (await client.kv.put("k", "1", prev_kv=True)).prev_kv is None
    previous = (await client.kv.put("k", "2", prev_kv=True)).prev_kv
    assert previous is not None
    assert (previous.key, previous.value, previous.version) == (b"k", b"1", 1)


async def test_007_ignore_with_something_to_ignore(client: Client) -> None:
    await client.kv.put("k", "v")
    with pytest.raises(errors.ValueProvided, match="value is provided"):
        await client.kv.put("k", "w", ignore_value=True)
    with pytest.raises(errors.LeaseProvided, match="lease is provided"):
        await client.kv.put("k", "w", lease=7, ignore_lease=True)
    with pytest.raises(errors.ValueProvided, match="value is provided"):
        await client.caller.unary(methods.PUT, rpc_pb2.PutRequest(key=b"k", value=b"w", ignore_value=True))
    with pytest.raises(errors.LeaseProvided, match="lease is provided"):
        await client.caller.unary(methods.PUT, rpc_pb2.PutRequest(key=b"k", lease=7, ignore_lease=True))
    assert (await client.kv.get("k")).kvs[0].version == 1


async def test_008_ignore_on_a_missing_key(client: Client) -> None:
    with pytest.raises(errors.KeyNotFound, match="key not found"):
        await client.kv.put("missing", "", ignore_value=True)
    with pytest.raises(errors.KeyNotFound, match="key not found"):
        await client.kv.put("missing", "v", ignore_lease=True)


async def test_010_011_leases_of_a_key(client: Client) -> None:
    lease = await client.lease.grant(60)
    await client.kv.put("k", "1", lease=lease.id)
    await client.kv.put("k", "2", ignore_lease=True)
    kept = (await client.kv.get("k")).kvs[0]
    assert (kept.value, kept.lease) == (b"2", lease.id)
    await client.kv.put("k", "", ignore_value=True, ignore_lease=True)
    touched = (await client.kv.get("k")).kvs[0]
    assert (touched.value, touched.lease, touched.version) == (b"2", lease.id, 3)
    await client.kv.put("k", "3")
    assert (await client.kv.get("k")).kvs[0].lease == 0


async def test_ignore_value_alone_drops_the_lease(client: Client) -> None:
    lease = await client.lease.grant(60)
    await client.kv.put("k", "1", lease=lease.id)
    await client.kv.put("k", "", ignore_value=True)
    kv = (await client.kv.get("k")).kvs[0]
    assert (kv.value, kv.lease) == (b"1", 0)


async def test_012_unknown_lease(client: Client) -> None:
    with pytest.raises(errors.LeaseNotFound, match="requested lease not found") as caught:
        await client.kv.put("k", "v", lease=123456)
    assert caught.value.code == "NOT_FOUND"
    assert (await client.kv.get("k")).count == 0


async def test_013_deleting_nothing_makes_no_revision(client: Client) -> None:
    before = rev(await client.kv.put("k", "v"))
    answer = await client.kv.delete("other")
    assert (answer.deleted, rev(answer)) == (0, before)
    assert rev(await client.kv.get("k")) == before


async def test_delete_a_range_with_previous_pairs(client: Client) -> None:
    for key in "abc":
        await client.kv.put(key, key.upper())
    answer = await client.kv.delete("a", range_end="c", prev_kv=True)
    assert answer.deleted == 2
    assert [(kv.key, kv.value) for kv in answer.prev_kvs] == [(b"a", b"A"), (b"b", b"B")]
    assert [kv.key for kv in (await client.kv.get("", prefix=True)).kvs] == [b"c"]


async def test_015_bytes_are_kept(client: Client) -> None:
    key, value = b"\x00\xff", bytes(range(256)) * 4 + b"\x00\x00"
    await client.kv.put(key, value)
    kv = (await client.kv.get(key)).kvs[0]
    assert (kv.key, kv.value) == (key, value)


async def test_016_the_servers_request_limit(client: Client) -> None:
    await client.kv.put("abc", bytes(1_572_804))
    with pytest.raises(errors.RequestTooLarge, match="request is too large") as caught:
        await client.kv.put("abc", bytes(1_572_864))
    assert (caught.value.code, caught.value.applied) == ("INVALID_ARGUMENT", "no")
    assert (await client.kv.get("abc")).kvs[0].version == 1


async def test_017_message_limits(etcd: Server, client: Client) -> None:
    before = rev(await client.kv.put("k", "v"))
    with pytest.raises(errors.MessageTooLarge, match="nothing was sent") as local:
        await client.kv.put("k", bytes(3 * MIB))
    assert (local.value.code, local.value.applied) == ("RESOURCE_EXHAUSTED", "no")
    async with connect(ClientOptions(endpoints=etcd.endpoints, max_request_bytes=8 * MIB)) as raised:
        with pytest.raises(errors.MessageTooLarge, match="received message larger than max") as remote:
            await raised.kv.put("k", bytes(3 * MIB))
    assert (remote.value.code, remote.value.applied) == ("RESOURCE_EXHAUSTED", "no")
    assert rev(await client.kv.get("k")) == before


async def test_018_a_large_answer(etcd: Server, client: Client) -> None:
    for number in range(6):
        await client.kv.put(f"big/{number}", bytes([number]) * 900_000)
    answer = await client.kv.get("big/", prefix=True)
    assert [kv.value for kv in answer.kvs] == [bytes([n]) * 900_000 for n in range(6)]
    async with connect(ClientOptions(endpoints=etcd.endpoints, max_recv_bytes=2 * MIB)) as small:
        with pytest.raises(errors.MessageTooLarge, match="max_recv_bytes") as caught:
            await small.kv.get("big/", prefix=True)
        assert caught.value.applied == "no"


async def test_055_compact_current_same_and_future(client: Client) -> None:
    await client.kv.put("k", "1")
    now = rev(await client.kv.put("k", "2"))
    await client.kv.compact(now)
    with pytest.raises(errors.Compacted, match="compacted") as again:
        await client.kv.compact(now)
    assert again.value.code == "OUT_OF_RANGE"
    with pytest.raises(errors.FutureRevision, match="future revision") as future:
        await client.kv.compact(now + 1000)
    assert future.value.code == "OUT_OF_RANGE"


async def test_056_compact_zero_is_refused(nowhere: Client) -> None:
    with pytest.raises(errors.BadArgument, match="revision 0"):
        await nowhere.kv.compact(0)
    with pytest.raises(ValueError, match="revision"):
        await nowhere.kv.compact(-1)


async def test_057_physical_compaction_frees_space(etcd: Server, client: Client) -> None:
    for _ in range(60):
        last = await client.kv.put("k", bytes(100_000))

    async def used() -> int:
        return (await client.maintenance.status(etcd.endpoint)).db_size_in_use

    async def fallen() -> bool:
        await client.kv.put("a write", "releases freed pages")
        return await used() < before - 4_000_000

    async def grown() -> bool:
        return await used() > 5_900_000

    await eventually(grown, 10)
    before = await used()
    await client.kv.compact(rev(last), physical=True, timeout=30)
    await eventually(fallen, 5)
