"""Transactional memory; numbers in the docstrings are those of the conformance list."""

from __future__ import annotations

import asyncio
import random

import pytest

from etcdtui.client import Client, errors
from etcdtui.client.concurrency import Isolation, Stm, transact

ACCOUNTS = [f"acc/{n}" for n in range(4)]


async def value(client: Client, key: str) -> bytes:
    return (await client.kv.get(key)).kvs[0].value


@pytest.mark.parametrize(
    "isolation", [Isolation.SERIALIZABLE_SNAPSHOT, Isolation.SERIALIZABLE, Isolation.REPEATABLE_READS]
)
async def test_transfers_under_contention_keep_the_sum(client: Client, isolation: Isolation) -> None:
    """166"""
    for account in ACCOUNTS:
        await client.kv.put(account, "100")
    dice = random.Random(7)

    async def transfers() -> None:
        for _ in range(10):
            source, target = dice.sample(ACCOUNTS, 2)
            amount = dice.randint(1, 10)

            async def move(stm: Stm, source: str = source, target: str = target, amount: int = amount) -> None:
                left, right = await stm.get(source), await stm.get(target)
                assert left is not None and right is not None
                stm.put(source, str(int(left) - amount))
                stm.put(target, str(int(right) + amount))

            await transact(client, move, isolation=isolation)

    await asyncio.gather(*(transfers() for _ in range(10)))
    assert sum([int(await value(client, account)) for account in ACCOUNTS]) == 100 * len(ACCOUNTS)


async def test_own_writes_are_seen_and_others_are_not(client: Client) -> None:
    await client.kv.put("k", "old")

    async def work(stm: Stm) -> tuple[bytes | None, ...]:
        before = await stm.get("k")
        stm.put("k", "new")
        written = await stm.get("k")
        stm.delete("k")
        return before, written, await stm.get("k"), await stm.get("missing")

    assert await client.concurrency.transact(work) == (b"old", b"new", None, None)
    assert (await client.kv.get("k")).kvs == ()


async def test_a_conflict_runs_the_function_again_with_the_new_value(client: Client) -> None:
    await client.kv.put("k", "1")
    seen: list[bytes | None] = []

    async def work(stm: Stm) -> None:
        seen.append(await stm.get("k"))
        if len(seen) == 1:
            await client.kv.put("k", "2")
        stm.put("k", "done")

    await client.concurrency.transact(work)
    assert seen == [b"1", b"2"]
    assert await value(client, "k") == b"done"


@pytest.mark.parametrize(("isolation", "attempts"), [(Isolation.SERIALIZABLE_SNAPSHOT, 2), (Isolation.SERIALIZABLE, 1)])
async def test_only_the_snapshot_level_checks_keys_written_unread(
    client: Client, isolation: Isolation, attempts: int
) -> None:
    await client.kv.put("read", "1")
    ran = 0

    async def work(stm: Stm) -> None:
        nonlocal ran
        ran += 1
        await stm.get("read")
        if ran == 1:
            await client.kv.put("written", "by another")
        stm.put("written", "by us")

    await client.concurrency.transact(work, isolation=isolation)
    assert ran == attempts


async def test_reads_are_of_one_revision(client: Client) -> None:
    await client.kv.put("a", "1")
    await client.kv.put("b", "1")
    ran = 0

    async def work(stm: Stm) -> tuple[bytes | None, bytes | None]:
        nonlocal ran
        ran += 1
        left = await stm.get("a")
        if ran == 1:
            await client.kv.put("a", "2")
            await client.kv.put("b", "2")
        right = await stm.get("b")
        assert left == right
        return left, right

    assert await client.concurrency.transact(work) == (b"2", b"2")


async def test_read_committed_checks_nothing(client: Client) -> None:
    await client.kv.put("k", "1")

    async def work(stm: Stm) -> list[bytes | None]:
        seen = [await stm.get("k")]
        await client.kv.put("k", "2")
        seen.append(await stm.get("k"))
        stm.put("k", "3")
        return seen

    assert await client.concurrency.transact(work, isolation=Isolation.READ_COMMITTED) == [b"1", b"2"]
    assert await value(client, "k") == b"3"


async def test_endless_conflicts_end(client: Client) -> None:
    await client.kv.put("k", "0")

    async def work(stm: Stm) -> None:
        await stm.get("k")
        await client.kv.put("k", "again")
        stm.put("k", "never")

    with pytest.raises(errors.DeadlineExceeded, match="interfered 3 times"):
        await transact(client, work, max_attempts=3)
    assert await value(client, "k") == b"again"


async def test_prefetched_keys_need_no_read_of_their_own(client: Client) -> None:
    await client.kv.put("k", "1")

    async def work(stm: Stm) -> int:
        assert await stm.get("k") == b"1"
        assert await stm.get("missing") is None
        return await stm.revision("k")

    got = await client.concurrency.transact(work, prefetch=["k", "missing"])
    assert got == (await client.kv.get("k")).kvs[0].mod_revision
