"""Transactions: compares, branches, nesting, limits, and what the builders refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from etcdtui.client import Client, Compare, Op, errors
from etcdtui.client._wire.txn_writes import is_read_only, write_intent
from etcdtui.client.txn import txn_request
from etcdtui.core.types import DeleteResult, PutResult, RangeResult, TxnResult


async def test_create_if_absent_and_else(client: Client) -> None:
    compare = [Compare.create_revision("k", "=", 0)]
    first = await client.kv.txn(compare, [Op.put("k", "v")], [Op.get("k")])
    second = await client.kv.txn(compare, [Op.put("k", "w")], [Op.get("k")])
    assert first.succeeded
    assert not second.succeeded
    found = second.responses[0]
    assert isinstance(found, RangeResult)
    assert found.kvs[0].value == b"v"


async def test_a_missing_key_compares_as_zero_but_never_by_value(client: Client) -> None:
    async def holds(compare: Compare) -> bool:
        return (await client.kv.txn([compare])).succeeded

    for make in (Compare.version, Compare.create_revision, Compare.mod_revision, Compare.lease):
        assert await holds(make("none", "=", 0))
        assert await holds(make("none", "<", 1))
        assert not await holds(make("none", ">", 0))
        assert not await holds(make("none", "!=", 0))
    for op in ("=", "!="):
        assert not await holds(Compare.value("none", op, ""))
    await client.kv.put("r1", "x")
    await client.kv.put("r2", "x")
    assert await holds(Compare.value("r", "=", "x", prefix=True))
    assert await holds(Compare.version("r1", "=", 1, range_end="r9"))
    assert not await holds(Compare.version("r1", ">", 1, range_end="r9"))


async def test_order_kinds_and_nesting(client: Client) -> None:
    await client.kv.put("c", "1")
    result = await client.kv.txn(
        [],
        [
            Op.put("a", "1"),
            Op.get("a"),
            Op.txn([Compare.value("c", "=", "1")], [Op.put("b", "2", prev_kv=True), Op.get("b")], [Op.get("x")]),
            Op.delete("c", prev_kv=True),
        ],
    )
    put, got, nested, deleted = result.responses
    assert isinstance(put, PutResult)
    assert isinstance(got, RangeResult)
    assert got.kvs[0].value == b"1"
    assert isinstance(nested, TxnResult)
    assert nested.succeeded
    assert isinstance(nested.responses[1], RangeResult)
    assert isinstance(deleted, DeleteResult)
    assert deleted.prev_kvs[0].value == b"1"
    assert result.header is not None
    assert nested.responses[1].kvs[0].mod_revision == result.header.revision


async def test_limits_and_refusals_of_the_server(client: Client) -> None:
    before = (await client.kv.get("k")).header
    assert len((await client.kv.txn([], [Op.put(f"k{n}", "") for n in range(128)])).responses) == 128
    with pytest.raises(errors.TooManyOps):
        await client.kv.txn([], [Op.put(f"k{n}", "") for n in range(129)])
    with pytest.raises(errors.TooManyOps):
        await client.kv.txn([Compare.version("k", "=", 0)] * 129)
    with pytest.raises(errors.DuplicateKey):
        await client.kv.txn([], [Op.put("k", "1"), Op.put("k", "2")])
    with pytest.raises(errors.DuplicateKey):
        await client.kv.txn([], [Op.put("k", "1"), Op.delete("k", prefix=True)])
    await client.kv.txn([], [Op.delete("k"), Op.delete("k")])
    assert before is not None
    with pytest.raises(errors.FutureRevision):
        await client.kv.txn([], [Op.put("k", "v"), Op.get("k", revision=before.revision + 1000)])
    assert (await client.kv.get("k")).kvs == ()


def test_the_builders_refuse_nonsense() -> None:
    cases: tuple[Callable[[], object], ...] = (
        lambda: Op.delete("k", lease=1),
        lambda: Op.put("k", "v", limit=1),
        lambda: Op.get("k", lease=1),
        lambda: Op.get("k", timeout=1),
        lambda: Op.get("k", sort_target=9, sort_order=1),
        lambda: Op.get("k", prefix=True, from_key=True),
        lambda: Compare.version("k", "~", 0),  # type: ignore[arg-type]  # an unknown operator
        lambda: Compare.version("k", "=", "0"),  # type: ignore[arg-type]  # not a number
        lambda: Compare.version("k", "=", 2**63),
        lambda: txn_request([Op.get("k")]),  # type: ignore[list-item]  # operations and conditions mixed up
        lambda: txn_request([], [Compare.version("k", "=", 0)]),  # type: ignore[list-item]  # the reverse
    )
    for case in cases:
        with pytest.raises(ValueError):
            case()
    for empty in (lambda: Op.get(""), lambda: Op.put("", "v"), lambda: Compare.version("", "=", 0)):
        with pytest.raises(errors.EmptyKey):
            empty()
    nested = Op.get("k")
    for _ in range(31):
        nested = Op.txn([], [nested])
    with pytest.raises(ValueError, match="nested deeper"):
        txn_request([], [Op.txn([], [nested])])


def test_what_counts_as_a_read() -> None:
    reads = txn_request([Compare.version("k", "=", 0)], [Op.get("k"), Op.txn([], [Op.get("k")])])
    assert is_read_only(reads)
    writes = txn_request([], [Op.get("k")], [Op.txn([], [], [Op.put("p", "v"), Op.delete("d", prefix=True)])])
    assert not is_read_only(writes)
    intent = write_intent(writes)
    assert (intent.puts, intent.deletes) == ((b"p",), ((b"d", b"e"),))


@pytest.mark.matrix
async def test_exists_and_missing_of_a_key_and_of_a_range(client: Client) -> None:
    await client.kv.put("e/1", "")
    for condition, holds in (
        (Compare.exists("e/1"), True),
        (Compare.missing("e/1"), False),
        (Compare.exists("e/2"), False),
        (Compare.missing("e/2"), True),
        (Compare.exists("e/", prefix=True), True),
        (Compare.missing("e/", prefix=True), False),
        (Compare.exists("f/", prefix=True), False),
        (Compare.missing("f", range_end="g"), True),
    ):
        assert (await client.kv.txn([condition])).succeeded is holds, condition
