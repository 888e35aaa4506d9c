"""Transactions."""

from __future__ import annotations

import pytest

from etcdtui.client import Client, Compare, Op, errors
from etcdtui.client._wire import methods
from etcdtui.core.types import DeleteResult, PutResult, RangeResult, TxnResult
from etcdtui.pb import rpc_pb2
from tests.conformance.support import rev

pytestmark = pytest.mark.matrix


async def test_040_create_once(client: Client) -> None:
    once = ([Compare.create_revision("k", "=", 0)], [Op.put("k", "1")], [Op.get("k")])
    first = await client.kv.txn(*once)
    assert first.succeeded
    again = await client.kv.txn(*once)
    assert not again.succeeded
    found = again.responses[0]
    assert isinstance(found, RangeResult)
    assert (found.kvs[0].value, found.kvs[0].mod_revision) == (b"1", rev(first))


async def test_042_a_missing_key_compares_as_zero(client: Client) -> None:
    for make in (Compare.version, Compare.create_revision, Compare.mod_revision, Compare.lease):
        assert (await client.kv.txn([make("missing", "=", 0)])).succeeded
        assert (await client.kv.txn([make("missing", "<", 1)])).succeeded
        assert not (await client.kv.txn([make("missing", ">", 0)])).succeeded
        assert not (await client.kv.txn([make("missing", "!=", 0)])).succeeded


async def test_a_value_compare_on_a_missing_key_never_holds(client: Client) -> None:
    for operator, operand in (("=", ""), ("!=", "x"), ("<", "x"), (">", "")):
        compare = Compare.value("missing", operator, operand)  # type: ignore[arg-type]  # taken from a table
        assert not (await client.kv.txn([compare])).succeeded


async def test_043_compares_of_a_range(client: Client) -> None:
    for key in ("k1", "k2", "k3"):
        await client.kv.put(key, "same")
    assert (await client.kv.txn([Compare.value("k", "=", "same", prefix=True)])).succeeded
    await client.kv.put("k2", "other")
    assert not (await client.kv.txn([Compare.value("k", "=", "same", prefix=True)])).succeeded
    assert (await client.kv.txn([Compare.version("k", ">", 0, range_end="l")])).succeeded
    assert not (await client.kv.txn([Compare.version("none/", ">", 0, prefix=True)])).succeeded
    assert (await client.kv.txn([Compare.version("none/", "=", 0, prefix=True)])).succeeded


async def test_044_reads_see_writes_before_them(client: Client) -> None:
    await client.kv.put("k", "old")
    done = await client.kv.txn(success=[Op.put("k", "new"), Op.get("k"), Op.put("l", "v")])
    seen = done.responses[1]
    assert isinstance(seen, RangeResult)
    assert seen.kvs[0].value == b"new"
    both = (await client.kv.get("", prefix=True)).kvs
    assert [kv.mod_revision for kv in both] == [rev(done)] * 2


async def test_045_nothing_to_do(client: Client) -> None:
    before = rev(await client.kv.put("k", "v"))
    done = await client.kv.txn([Compare.version("k", "=", 9)], [Op.put("k", "w")])
    assert (done.succeeded, done.responses, rev(done)) == (False, (), before)


async def test_046_the_limit_of_operations(client: Client) -> None:
    puts = [Op.put(f"k{n}", "v") for n in range(129)]
    assert (await client.kv.txn(success=puts[:128])).succeeded
    before = rev(await client.kv.get("k0"))
    compares = [Compare.version(f"k{n}", ">", 0) for n in range(129)]
    for call in (client.kv.txn([], puts), client.kv.txn([], [], puts), client.kv.txn(compares)):
        with pytest.raises(errors.TooManyOps, match="too many operations") as caught:
            await call
        assert caught.value.applied == "no"
    assert (await client.kv.txn(compares[:128], [Op.get("k0")])).succeeded
    assert rev(await client.kv.get("k0")) == before


async def test_nested_transactions_get_what_is_left(client: Client) -> None:
    fitting = Op.txn(success=[Op.put(f"k{n}", "v") for n in range(127)])
    done = await client.kv.txn(success=[fitting])
    inner = done.responses[0]
    assert isinstance(inner, TxnResult)
    assert inner.succeeded
    assert len(inner.responses) == 127
    with pytest.raises(errors.TooManyOps):
        await client.kv.txn(success=[Op.txn(success=[Op.put(f"k{n}", "v") for n in range(128)])])


async def test_049_duplicates(client: Client) -> None:
    await client.kv.put("k", "v")
    done = await client.kv.txn(success=[Op.delete("k"), Op.delete("k")])
    assert [r.deleted for r in done.responses if isinstance(r, DeleteResult)] == [1, 0]
    for branch in ([Op.put("k", "1"), Op.put("k", "2")], [Op.put("k1", "v"), Op.delete("k", prefix=True)]):
        with pytest.raises(errors.DuplicateKey, match="duplicate key"):
            await client.kv.txn(success=branch)
    assert (await client.kv.txn([], [Op.put("k", "1")], [Op.put("k", "2")])).succeeded


async def test_050_an_empty_operation(client: Client, nowhere: Client) -> None:
    with pytest.raises(ValueError, match="empty operation"):
        await nowhere.kv.txn(success=[Op(rpc_pb2.RequestOp())])
    with pytest.raises(errors.KeyNotFound, match="key not found"):
        await client.caller.unary(methods.TXN, rpc_pb2.TxnRequest(success=[rpc_pb2.RequestOp()]))


async def test_051_an_impossible_read_undoes_all(client: Client) -> None:
    before = rev(await client.kv.put("k", "v"))
    with pytest.raises(errors.FutureRevision) as caught:
        await client.kv.txn(success=[Op.put("k", "w"), Op.get("k", revision=before + 1000)])
    assert caught.value.applied == "no"
    kv = (await client.kv.get("k")).kvs[0]
    assert (kv.value, kv.mod_revision) == (b"v", before)


async def test_an_unknown_lease_undoes_all(client: Client) -> None:
    with pytest.raises(errors.LeaseNotFound):
        await client.kv.txn(success=[Op.put("a", "v"), Op.put("b", "v", lease=123456)])
    assert (await client.kv.get("", prefix=True)).count == 0


async def test_053_answers_follow_the_requests(client: Client) -> None:
    await client.kv.put("a", "1")
    done = await client.kv.txn(
        success=[
            Op.get("a"),
            Op.put("b", "2", prev_kv=True),
            Op.delete("a", prev_kv=True),
            Op.txn([Compare.version("a", ">", 0)], [Op.get("b"), Op.get("a")]),
            Op.get("c"),
        ]
    )
    kinds = [type(response) for response in done.responses]
    assert kinds == [RangeResult, PutResult, DeleteResult, TxnResult, RangeResult]
    deleted, nested = done.responses[2:4]
    assert isinstance(deleted, DeleteResult)
    assert deleted.prev_kvs[0].value == b"1"
    assert isinstance(nested, TxnResult)
    assert nested.succeeded, "branches are chosen before anything is written"
    inner, gone = nested.responses
    assert isinstance(inner, RangeResult)
    assert isinstance(gone, RangeResult)
    assert inner.kvs[0].value == b"2"
    assert gone.count == 0, "reads see what was written before them"


async def test_054_mistakes_of_the_builder(nowhere: Client) -> None:
    with pytest.raises(ValueError, match="lease"):
        Op.delete("k", lease=1)
    with pytest.raises(ValueError, match="limit"):
        Op.put("k", "v", limit=1)
    with pytest.raises(ValueError, match="prev_kv"):
        Op.get("k", prev_kv=True)
    with pytest.raises(ValueError, match="compare takes"):
        await nowhere.kv.txn([Op.get("k")])  # type: ignore[list-item]  # the mistake
    with pytest.raises(ValueError, match="success takes"):
        await nowhere.kv.txn([], [Compare.version("k", "=", 0)])  # type: ignore[list-item]  # the mistake
    with pytest.raises(ValueError, match="operator"):
        Compare.version("k", "~", 0)  # type: ignore[arg-type]  # the mistake
