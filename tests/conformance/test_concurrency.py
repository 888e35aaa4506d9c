"""Locks, elections, sessions, transactional memory, namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator

import pytest

from etcdtui.client import Client, Compare, Op, errors
from etcdtui.client.concurrency import Election, Mutex, Session, Stm
from tests.conformance.support import events, within
from tests.support import Server, eventually
from tests.support.timing import Stopwatch

pytestmark = pytest.mark.matrix


@contextlib.asynccontextmanager
async def etcdctl(server: Server, *args: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running etcdctl of the version under test; ended by SIGTERM."""
    ctl = server.cluster.binary.etcdctl
    assert ctl is not None
    env = {**os.environ, "ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": server.endpoint}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(str(ctl), *args, env=env, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    return (await within(10, process.stdout.readline())).strip()


async def _waiting(client: Client, name: str, count: int) -> bool:
    return (await client.kv.get(f"{name}/", prefix=True)).count == count


async def test_153_the_key_of_a_lock(client: Client) -> None:
    async with Session(client, ttl=10) as session:
        mutex = Mutex(session, "lock")
        await mutex.lock()
        kv = (await client.kv.get("lock/", prefix=True)).kvs[0]
        assert kv.key == mutex.key == f"lock/{session.lease_id:x}".encode()
        assert (kv.value, kv.lease, kv.create_revision) == (b"", session.lease_id, mutex.revision)
        await mutex.unlock()
        assert (await client.kv.get("lock/", prefix=True)).count == 0


async def test_153_etcdctl_waits_behind_the_library(etcd: Server, client: Client) -> None:
    async with Session(client, ttl=10) as session:
        async with Mutex(session, "lock"), contextlib.AsyncExitStack() as stack:
            process = await stack.enter_async_context(etcdctl(etcd, "lock", "lock"))
            await eventually(lambda: _waiting(client, "lock", 2), 10)
            printed = asyncio.create_task(_line(process))
            assert not (await asyncio.wait([printed], timeout=0.3))[0]
            stack.push_async_callback(_expect, printed, b"lock/")
            waiting = stack.pop_all()
        async with waiting:
            pass


async def _expect(printed: asyncio.Task[bytes], start: bytes) -> None:
    assert (await printed).startswith(start)


async def test_153_the_library_waits_behind_etcdctl(etcd: Server, client: Client) -> None:
    async with Session(client, ttl=10) as session:
        mutex = Mutex(session, "lock")
        async with etcdctl(etcd, "lock", "lock") as process:
            assert (await _line(process)).startswith(b"lock/")
            with pytest.raises(errors.Locked):
                await mutex.try_lock()
            waiting = asyncio.create_task(mutex.lock())
            await eventually(lambda: _waiting(client, "lock", 2), 10)
            assert not waiting.done()
        await within(10, waiting)
        await mutex.unlock()


async def test_154_a_session_locks_twice(client: Client) -> None:
    async with Session(client, ttl=10) as session:
        first, second = Mutex(session, "lock"), Mutex(session, "lock")
        await first.lock()
        await within(2, second.lock())
        assert (first.key, first.revision) == (second.key, second.revision)
        await first.unlock()


async def test_156_a_waiter_whose_lease_is_gone(client: Client) -> None:
    async with Session(client, ttl=30) as holder, Session(client, ttl=30) as other, Mutex(holder, "lock"):
        waiting = asyncio.create_task(Mutex(other, "lock").lock())
        await eventually(lambda: _waiting(client, "lock", 2))
        began = Stopwatch()
        await client.lease.revoke(other.lease_id)
        with pytest.raises(errors.SessionExpired):
            await within(5, waiting)
        assert began.fair() < 2.0, "not only at the next renewal"


async def test_158_159_a_holder_that_lost_its_lease(client: Client) -> None:
    async with Session(client, ttl=2) as holder, Session(client, ttl=30) as next_one:
        lost, waiter = Mutex(holder, "lock"), Mutex(next_one, "lock")
        await lost.lock()
        guarded = ([lost.is_owner()], [Op.put("protected", "holder")])
        assert (await client.kv.txn(*guarded)).succeeded
        waiting = asyncio.create_task(waiter.lock())
        await eventually(lambda: _waiting(client, "lock", 2))
        await client.lease.revoke(holder.lease_id)
        await within(5, waiting)
        await within(5, holder.done.wait())
        # A server that is slow to answer lets the TTL pass first.
        assert isinstance(holder.cause, (errors.LeaseNotFound, errors.KeepAliveLost))
        assert not (await client.kv.txn(*guarded)).succeeded
        with pytest.raises(errors.NotOwner):
            await lost.unlock()
        assert (await client.kv.txn([waiter.is_owner()], [Op.put("protected", "next")])).succeeded
        await waiter.unlock()


async def test_158_an_abandoned_lock_is_free_when_its_lease_expired(client: Client) -> None:
    async with Session(client, ttl=1) as holder, Session(client, ttl=30) as other:
        await Mutex(holder, "lock").lock()
        await holder.orphan()
        mutex = Mutex(other, "lock")
        await within(8, mutex.lock())
        await mutex.unlock()


async def test_160_try_lock_leaves_nothing(client: Client) -> None:
    async with Session(client, ttl=30) as holder, Session(client, ttl=30) as other, Mutex(holder, "lock") as held:
        with pytest.raises(errors.Locked):
            await Mutex(other, "lock").try_lock()
        with pytest.raises(errors.DeadlineExceeded):
            await Mutex(other, "lock").lock(timeout=0.2)
        giving_up = asyncio.create_task(Mutex(other, "lock").lock())
        await eventually(lambda: _waiting(client, "lock", 2))
        giving_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await giving_up
        assert [kv.key for kv in (await client.kv.get("lock/", prefix=True)).kvs] == [held.key]


async def test_locks_exclude_each_other(client: Client) -> None:
    inside = 0
    order: list[int] = []

    async def worker(number: int) -> None:
        nonlocal inside
        async with Session(client, ttl=30) as session, Mutex(session, "lock"):
            inside += 1
            assert inside == 1
            await client.kv.put("work", str(number))
            order.append(number)
            inside -= 1

    await within(20, asyncio.gather(*(worker(n) for n in range(8))))
    assert sorted(order) == list(range(8))


async def test_161_an_election(client: Client) -> None:
    async with Session(client, ttl=30) as one, Session(client, ttl=30) as two:
        first, second = Election(one, "chief"), Election(two, "chief")
        await first.campaign("one")
        leader = await first.leader()
        assert (leader.key, leader.value) == (f"chief/{one.lease_id:x}".encode(), b"one")
        waiting = asyncio.create_task(second.campaign("two"))
        await eventually(lambda: _waiting(client, "chief", 2))
        await first.proclaim("one again")
        changed = await second.leader()
        assert (changed.value, changed.create_revision) == (b"one again", leader.create_revision)
        assert not waiting.done()
        await first.resign()
        await within(5, waiting)
        assert (await first.leader()).value == b"two"
        with pytest.raises(errors.NotOwner):
            await first.proclaim("too late")
        assert (await client.kv.txn([second.is_leader()])).succeeded


async def test_161_observers_see_every_change(etcd: Server, client: Client) -> None:
    async with Session(client, ttl=30) as session:
        election = Election(session, "chief")
        observing = election.observe()
        first = asyncio.ensure_future(anext(observing))
        await election.campaign("one")
        assert (await within(5, first)).value == b"one"
        following = asyncio.ensure_future(anext(observing))
        await election.proclaim("two")
        assert (await within(5, following)).value == b"two"
        await election.resign()
        following = asyncio.ensure_future(anext(observing))
        async with etcdctl(etcd, "elect", "chief", "three"):
            assert (await within(10, following)).value == b"three"
        await observing.aclose()  # type: ignore[attr-defined]  # an async generator


async def test_162_an_election_without_candidates(client: Client) -> None:
    with pytest.raises(errors.NoElectionLeader) as caught:
        await client.concurrency.elections.leader("unknown")
    assert (caught.value.code, caught.value.retryable) == ("UNKNOWN", False)
    async with Session(client, ttl=10) as session:
        with pytest.raises(errors.NoElectionLeader):
            await Election(session, "unknown").leader()


async def test_the_servers_own_election(client: Client) -> None:
    lease = await client.lease.grant(60)
    service = client.concurrency.elections
    term = await service.campaign("chief", lease.id, "one")
    assert term.key == f"chief/{lease.id:x}".encode()
    await service.proclaim(term, "two")
    assert (await service.leader("chief")).value == b"two"
    await service.resign(term)
    with pytest.raises(errors.NotOwner):
        await service.proclaim(term, "three")


async def test_164_the_servers_own_lock(client: Client) -> None:
    key = await client.concurrency.locks.lock("lock")
    name, _, suffix = key.rpartition(b"/")
    left = await client.lease.time_to_live(int(suffix, 16), keys=True)
    assert (name, left.granted_ttl, left.keys) == (b"lock", 60, (key,))
    assert 55 <= left.ttl <= 60
    async with Session(client, ttl=10) as session:
        with pytest.raises(errors.Locked):
            await Mutex(session, "lock").try_lock()
        await client.concurrency.locks.unlock(key)
        await within(5, Mutex(session, "lock").lock())
    with pytest.raises(errors.LeaseNotFound):
        await client.concurrency.locks.lock("lock", 12345)


async def test_166_transfers_under_contention(client: Client) -> None:
    accounts = [f"account/{n}" for n in range(5)]
    for account in accounts:
        await client.kv.put(account, "100")
    dice = random.Random(1)

    async def transfer() -> None:
        source, target = dice.sample(accounts, 2)
        amount = dice.randint(1, 20)

        async def move(stm: Stm) -> None:
            left, right = int(await stm.get(source) or 0), int(await stm.get(target) or 0)
            stm.put(source, str(left - amount))
            stm.put(target, str(right + amount))

        await client.concurrency.transact(move)

    async def worker() -> None:
        for _ in range(10):
            await transfer()

    before = (await client.kv.get(accounts[0])).header
    await within(30, asyncio.gather(*(worker() for _ in range(10))))
    after = await client.kv.get("account/", prefix=True)
    assert sum(int(kv.value) for kv in after.kvs) == 500
    assert before is not None
    assert after.header is not None
    assert after.header.revision == before.revision + 100, "each transfer is one write"


async def test_167_a_namespace_is_never_left(client: Client) -> None:
    for key in ("ns", "ns.", "ns/", "ns/a", "ns/b", "ns0", "z"):
        await client.kv.put(key, key)
    inner = client.namespaced("ns/")
    assert [kv.key for kv in (await inner.kv.get("", prefix=True)).kvs] == [b"a", b"b"], "no key is empty, here too"
    assert [kv.key for kv in (await inner.kv.get("b", from_key=True)).kvs] == [b"b"]
    assert [kv.key for kv in (await inner.kv.get("\0", range_end=b"\0")).kvs] == [b"a", b"b"]
    with pytest.raises(errors.EmptyKey):
        await inner.kv.get("")
    lease = await client.lease.grant(60)
    await client.kv.put("outside", "v", lease=lease.id)
    await inner.kv.put("inside", "v", lease=lease.id)
    assert (await inner.lease.time_to_live(lease.id, keys=True)).keys == (b"inside",)
    async with inner.watch("", prefix=True) as watcher:
        await client.kv.put("z", "outside")
        done = await inner.kv.txn([Compare.version("a", "=", 1)], [Op.put("c", "v"), Op.get("", prefix=True)])
        assert done.succeeded
        assert [e.kv.key for e in await events(watcher, 1)] == [b"c"]
    removed = await inner.kv.delete("", from_key=True, prev_kv=True)
    assert [kv.key for kv in removed.prev_kvs] == [b"a", b"b", b"c", b"inside"]
    rest = [kv.key for kv in (await client.kv.get("", prefix=True)).kvs]
    assert rest == [b"ns", b"ns.", b"ns/", b"ns0", b"outside", b"z"]
