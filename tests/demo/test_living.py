"""The sample data is whole, and it lives."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from etcdtui.client import Client, ClientOptions
from etcdtui.core.ranges import prefix_range
from etcdtui.demo import sample
from etcdtui.demo.accounts import add_accounts
from etcdtui.demo.objects import message, varint
from etcdtui.demo.presence import ELECTION, LOCK, everybody, first_of
from etcdtui.demo.writer import (
    ELECT_EVERY,
    HAND_OVER_EVERY,
    MAX_BATCH,
    MAX_OPS,
    RENEW_EVERY,
    Life,
    batches,
    connect,
    seed,
)
from tests.support import Server

pytestmark = pytest.mark.matrix
PAIRS = list(sample.at_rest())


@pytest.fixture
async def client(etcd: Server) -> AsyncIterator[Client]:
    opened = await Client.open(ClientOptions(endpoints=etcd.endpoints))
    yield opened
    await opened.aclose()


async def under(server: Server, prefix: bytes) -> dict[bytes, bytes]:
    """Keys and values below a prefix, read without our client."""
    key, end = prefix_range(prefix)
    kvs = (await server.call("kv/range", key=key, range_end=end)).get("kvs", [])
    return {base64.b64decode(kv["key"]): base64.b64decode(kv.get("value", "")) for kv in kvs}


async def test_everything_arrives_byte_for_byte(etcd: Server, client: Client) -> None:
    inhabitants = await seed(client, PAIRS)
    stored = await under(etcd, b"")
    expected = dict(PAIRS)
    assert {key: stored.get(key) for key in expected} == expected
    assert len(await under(etcd, sample.FLAT_FOLDER)) == sample.FLAT_KEYS
    living = {key for presence in inhabitants for key, _ in presence.pairs()}
    assert set(stored) == set(expected) | living | {sample.VERSIONED_KEY}


async def test_one_key_has_a_history(etcd: Server, client: Client) -> None:
    await seed(client, PAIRS)
    found = (await client.kv.get(sample.VERSIONED_KEY)).kvs[0]
    assert found.version == sample.VERSIONS
    before = (await client.kv.get(sample.VERSIONED_KEY, revision=found.mod_revision - 1)).kvs[0]
    assert before.version == sample.VERSIONS - 1
    assert before.value != found.value


async def test_a_lock_has_a_queue_on_leases_that_name_the_keys(etcd: Server, client: Client) -> None:
    inhabitants = await seed(client, PAIRS)
    for folder, count in ((LOCK, 3), (ELECTION, 2)):
        keys = sorted(await under(etcd, folder))
        assert keys == sorted(folder + b"%x" % p.lease for p in inhabitants if p.folder == folder)
        assert len(keys) == count
        assert await first_of(client, folder) == next(p.key for p in inhabitants if p.folder == folder)


async def test_leases_are_renewed_and_come_back(etcd: Server, client: Client) -> None:
    inhabitants = [p for p in everybody() if p.folder == b"/services/cart/"]
    for presence in inhabitants:
        await presence.enter(client)
    life = Life(client, inhabitants)
    await client.lease.revoke(inhabitants[0].lease)
    assert inhabitants[0].key not in await under(etcd, b"/services/")
    kept = inhabitants[1].lease
    await life.tick(RENEW_EVERY)
    assert set(await under(etcd, b"/services/")) == {key for p in inhabitants for key, _ in p.pairs()}
    assert inhabitants[1].lease == kept


@pytest.mark.parametrize(("folder", "tick"), [(LOCK, HAND_OVER_EVERY), (ELECTION, ELECT_EVERY)])
async def test_the_holder_hands_over_to_the_next_in_line(
    etcd: Server, client: Client, folder: bytes, tick: int
) -> None:
    queue = [p for p in everybody() if p.folder == folder]
    for presence in queue:
        await presence.enter(client)
    await Life(client, queue).tick(tick)
    assert await first_of(client, folder) == queue[1].key
    assert set(await under(etcd, folder)) == {p.key for p in queue}


async def test_counters_move(etcd: Server, client: Client) -> None:
    life = Life(client, [])
    seen = []
    for number in range(1, 7):
        await life.tick(number)
        seen.append(await etcd.get("/stats/requests"))
    assert len(set(seen)) == 4
    assert "p50_ms" in json.loads(await etcd.get("/stats/latency.json") or b"{}")


async def test_there_are_users_and_roles_and_auth_is_off(etcd: Server, client: Client) -> None:
    await client.auth.role_add("root")
    await client.auth.user_add("ada", "demo")
    await add_accounts(client)
    await add_accounts(client)
    assert (await etcd.call("auth/user/get", name="ada"))["roles"] == ["app-writer", "locks"]
    assert "perm" in await etcd.call("auth/role/get", role="app-reader")
    assert await etcd.call("kv/put", key=b"k", value=b"v")


async def test_connect_waits_for_a_cluster_that_starts(etcd: Server) -> None:
    client = await connect(etcd.endpoints)
    await client.aclose()


def test_batches_fit_into_a_transaction() -> None:
    lots = list(batches(PAIRS))
    assert [pair for lot in lots for pair in lot] == PAIRS
    for lot in lots:
        assert len(lot) <= MAX_OPS
        assert len(lot) == 1 or sum(len(key) + len(value) for key, value in lot) <= MAX_BATCH


def test_no_key_is_there_twice_and_none_is_empty() -> None:
    keys = [key for key, _ in PAIRS]
    assert len(keys) == len(set(keys))
    assert b"" not in keys


def test_the_kinds_that_the_screens_must_cope_with_are_there() -> None:
    data = dict(PAIRS)
    assert b"/config/app" in data
    assert any(key.startswith(b"/config/app/") for key in data)
    assert b"plain" in data
    assert b"//double//slash" in data
    assert data[b"/registry/pods/default/web-1"].startswith(b"k8s\0")
    assert json.loads(gzip.decompress(data[b"/config/app/cache/index.json.gz"]))
    assert any(b"\x1b]52" in key for key in data)
    assert any(b"[@click=app.quit]" in key for key in data)


def test_protobuf_is_encoded_as_the_wire_wants() -> None:
    assert varint(300) == b"\xac\x02"
    assert message((1, "ab"), (2, 150)) == b"\x0a\x02ab\x10\x96\x01"
