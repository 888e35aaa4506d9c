"""Namespaced views and ordered reads; numbers in the docstrings are those of the conformance list."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from etcdtui.client import Client, ClientOptions, Compare, Op, connect, errors
from etcdtui.client.concurrency import Mutex, Session
from etcdtui.client.views import NamespacedClient
from etcdtui.core.types import RangeResult, TxnResult, WriteIntent
from tests.conftest import ServerFactory
from tests.support.server import Server


@pytest.fixture
async def client(etcd: Server) -> AsyncIterator[Client]:
    async with connect(ClientOptions(endpoints=etcd.endpoints)) as opened:
        for key in ("a", "ns", "ns/1", "ns/2", "ns0", "z"):
            await opened.kv.put(key, key)
        yield opened


@pytest.fixture
def inside(client: Client) -> NamespacedClient:
    return client.namespaced("ns/")


def keys(found: RangeResult) -> list[bytes]:
    return [kv.key for kv in found.kvs]


async def test_no_range_leaves_the_namespace(inside: NamespacedClient) -> None:
    """167"""
    assert keys(await inside.kv.get("", prefix=True)) == [b"1", b"2"]
    assert keys(await inside.kv.get("2", from_key=True)) == [b"2"]
    assert keys(await inside.kv.get("", from_key=True)) == [b"1", b"2"]
    assert keys(await inside.kv.get("1", range_end="2")) == [b"1"]
    assert keys(await inside.kv.get("1")) == [b"1"]
    with pytest.raises(errors.EmptyKey):
        await inside.kv.get("")
    pages = [keys(page) async for page in inside.kv.pages("", prefix=True, page_size=1)]
    assert pages == [[b"1"], [b"2"]]


async def test_writes_land_below_the_prefix(client: Client, inside: NamespacedClient) -> None:
    put = await inside.kv.put("1", "new", prev_kv=True)
    assert put.prev_kv is not None and put.prev_kv.key == b"1"
    assert (await client.kv.get("ns/1")).kvs[0].value == b"new"
    gone = await inside.kv.delete("", prefix=True, prev_kv=True)
    assert [kv.key for kv in gone.prev_kvs] == [b"1", b"2"]
    assert keys(await client.kv.get("", prefix=True)) == [b"a", b"ns", b"ns0", b"z"]


async def test_transactions_are_translated_to_the_last_nesting(client: Client, inside: NamespacedClient) -> None:
    done = await inside.kv.txn(
        [Compare.version("", ">", 0, prefix=True), Compare.value("1", "=", "ns/1")],
        [Op.put("3", "v"), Op.get("", prefix=True), Op.txn([], [Op.delete("2", prev_kv=True)])],
    )
    assert done.succeeded
    _, listed, nested = done.responses
    assert isinstance(listed, RangeResult) and keys(listed) == [b"1", b"2", b"3"]
    assert isinstance(nested, TxnResult)
    assert keys(await client.kv.get("ns/", prefix=True)) == [b"ns/1", b"ns/3"]


async def test_a_watch_sees_only_the_namespace(client: Client, inside: NamespacedClient) -> None:
    async with inside.watch("", prefix=True, prev_kv=True) as watcher:
        await client.kv.put("ns0", "outside")
        await client.kv.put("ns/1", "inside")
        batch = await asyncio.wait_for(anext(watcher), 5.0)
    (event,) = batch.events
    assert event.kv.key == b"1"
    assert event.prev_kv is not None and event.prev_kv.key == b"1"


async def test_a_lease_tells_only_its_keys_inside(client: Client, inside: NamespacedClient) -> None:
    """167"""
    lease = await inside.lease.grant(60)
    await inside.kv.put("mine", "v", lease=lease.id)
    await client.kv.put("other", "v", lease=lease.id)
    assert (await inside.lease.time_to_live(lease.id, keys=True)).keys == (b"mine",)


async def test_recipes_work_inside(client: Client, inside: NamespacedClient) -> None:
    async with Session(inside, ttl=10) as session, Mutex(session, "job") as mutex:
        assert keys(await client.kv.get("ns/job/", prefix=True)) == [b"ns/" + mutex.key]
    with pytest.raises(ValueError, match="Lock/Lock"):
        await inside.concurrency.locks.lock("job")


async def test_the_write_gate_is_asked_by_the_names_of_the_store(etcd: Server) -> None:
    asked: list[WriteIntent] = []
    async with connect(ClientOptions(endpoints=etcd.endpoints), write_gate=asked.append) as client:
        inside = client.namespaced("ns/")
        await inside.kv.put("k", "v")
        await inside.kv.delete("", prefix=True)
    assert asked[0].puts == (b"ns/k",)
    assert asked[1].deletes == ((b"ns/\0", b"ns0"),)


async def test_a_view_ends_with_its_client(etcd: Server) -> None:
    client = await Client.open(ClientOptions(endpoints=etcd.endpoints))
    assert client.namespaced("x/") is client.namespaced(b"x/")
    async with client.namespaced("x/").watch("k") as watcher:
        reading = asyncio.create_task(anext(watcher))
        await asyncio.sleep(0)
        await client.aclose()
        with pytest.raises(errors.ClosedError):
            await asyncio.wait_for(reading, 2.0)


async def test_ordered_reads_never_go_back(etcd_server: ServerFactory, tmp_path: Path) -> None:
    """A member set back to an older copy of its data is a member that lags behind."""
    server = await etcd_server()
    member = server.members[0]
    async with connect(ClientOptions(endpoints=server.endpoints)) as client:
        ordered = client.ordered()
        await ordered.put("k", "old")
        await member.stop()
        shutil.copytree(member.data_dir, tmp_path / "copy")
        await member.start()
        await ordered.put("k", "new")
        assert (await ordered.get("k", serializable=True)).kvs[0].value == b"new"
        await member.stop()
        shutil.rmtree(member.data_dir)
        shutil.copytree(tmp_path / "copy", member.data_dir)
        await member.start()
        plain = await client.kv.get("k", serializable=True)
        assert plain.kvs[0].value == b"old"
        with pytest.raises(errors.StaleRead):
            await ordered.get("k", serializable=True)
