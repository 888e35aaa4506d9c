"""Locks, elections and sessions; numbers in the docstrings are those of the conformance list."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from etcdtui.client import Client, ClientOptions, Op, connect, errors
from etcdtui.client.concurrency import Election, Mutex, Session
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.server import Server
from tests.support.timing import Stopwatch

pytestmark = pytest.mark.matrix
SOON = 5.0


@pytest.fixture
async def first(client: Client) -> AsyncIterator[Session]:
    async with Session(client, ttl=30) as session:
        yield session


@pytest.fixture
async def second(client: Client) -> AsyncIterator[Session]:
    async with Session(client, ttl=30) as session:
        yield session


async def in_line(client: Client, count: int) -> bool:
    return len(await keys_below(client, "lock/")) == count


async def keys_below(client: Client, prefix: str) -> list[bytes]:
    return [kv.key for kv in (await client.kv.get(prefix, prefix=True)).kvs]


async def start_waiting(client: Client, prefix: str, count: int) -> None:
    async def queued() -> bool:
        return len(await keys_below(client, prefix)) == count

    await eventually(queued)


async def test_the_layout_of_a_lock_is_that_of_go(client: Client, first: Session) -> None:
    """153"""
    async with Mutex(first, "job") as mutex:
        kv = (await client.kv.get(f"job/{first.lease_id:x}")).kvs[0]
        assert (kv.key, kv.value, kv.lease) == (mutex.key, b"", first.lease_id)
        assert kv.create_revision == mutex.revision
    assert await keys_below(client, "job/") == []


async def test_etcdctl_and_we_queue_behind_each_other(etcd: Server, client: Client, first: Session) -> None:
    """153"""
    mutex = Mutex(first, "job")
    await mutex.lock()
    ctl = etcd.cluster.binary.etcdctl
    assert ctl is not None
    theirs = await asyncio.create_subprocess_exec(
        ctl,
        f"--endpoints={etcd.endpoint}",
        "lock",
        "job",
        env={"ETCDCTL_API": "3"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await start_waiting(client, "job/", 2)
        assert theirs.stdout is not None
        await mutex.unlock()
        key = (await asyncio.wait_for(theirs.stdout.readline(), SOON)).strip()
        assert key.startswith(b"job/")
        ours = asyncio.create_task(mutex.lock())
        await start_waiting(client, "job/", 2)
        assert not ours.done()
        os.kill(theirs.pid, signal.SIGINT)
        await asyncio.wait_for(ours, SOON)
        assert mutex.held
    finally:
        if theirs.returncode is None and theirs.stdout is not None and not theirs.stdout.at_eof():
            theirs.kill()
        await theirs.communicate()


async def test_one_session_locks_twice_without_a_deadlock(client: Client, first: Session) -> None:
    """154"""
    one, two = Mutex(first, "job"), Mutex(first, "job")
    await asyncio.wait_for(one.lock(), SOON)
    await asyncio.wait_for(two.lock(), SOON)
    assert (one.key, one.revision) == (two.key, two.revision)


async def test_waiters_come_in_the_order_they_queued(client: Client, first: Session, second: Session) -> None:
    async with Session(client) as third:
        order: list[str] = []

        async def work(session: Session, name: str) -> None:
            async with Mutex(session, "job"):
                order.append(name)

        holder = Mutex(first, "job")
        await holder.lock()
        tasks = []
        for number, (session, name) in enumerate(((second, "second"), (third, "third"))):
            tasks.append(asyncio.create_task(work(session, name)))
            await start_waiting(client, "job/", number + 2)
        await holder.unlock()
        await asyncio.wait_for(asyncio.gather(*tasks), SOON)
        assert order == ["second", "third"]


async def test_a_waiter_whose_lease_is_revoked_hears_of_it_promptly(
    client: Client, first: Session, second: Session
) -> None:
    """156"""
    await Mutex(first, "job").lock()
    waiting = asyncio.create_task(Mutex(second, "job").lock())
    await start_waiting(client, "job/", 2)
    began = Stopwatch()
    await client.lease.revoke(second.lease_id)
    with pytest.raises(errors.SessionExpired):
        await asyncio.wait_for(waiting, SOON)
    assert began.fair() < 1.0


async def test_a_waiter_whose_key_is_deleted_hears_of_it_promptly(
    client: Client, first: Session, second: Session
) -> None:
    await Mutex(first, "job").lock()
    waiting = asyncio.create_task(Mutex(second, "job").lock())
    await start_waiting(client, "job/", 2)
    await client.kv.delete(f"job/{second.lease_id:x}")
    with pytest.raises(errors.SessionExpired):
        await asyncio.wait_for(waiting, SOON)


async def test_a_holder_that_died_is_followed_and_its_writes_are_fenced(client: Client, second: Session) -> None:
    """158, 159"""
    dead = await Session(client, ttl=2)
    mutex = Mutex(dead, "job")
    await mutex.lock()
    guard = mutex.is_owner()
    assert (await client.kv.txn([guard], [Op.put("data", "1")])).succeeded
    await dead.orphan()
    assert dead.done.is_set()
    await asyncio.wait_for(Mutex(second, "job").lock(), 10.0)
    assert not (await client.kv.txn([guard], [Op.put("data", "2")])).succeeded
    with pytest.raises(errors.NotOwner):
        await mutex.unlock()


async def test_a_session_notices_that_its_lease_is_gone(client: Client) -> None:
    """158"""
    async with Session(client, ttl=3) as session:
        await client.lease.revoke(session.lease_id)
        await asyncio.wait_for(session.done.wait(), SOON)
        assert isinstance(session.cause, errors.LeaseNotFound)
        with pytest.raises(errors.SessionExpired):
            await Mutex(session, "job").lock()


async def test_an_adopted_lease_that_does_not_exist_ends_the_session(client: Client) -> None:
    async with Session(client, lease_id=4711) as session:
        await asyncio.wait_for(session.done.wait(), SOON)
        assert isinstance(session.cause, errors.LeaseNotFound)


async def test_try_lock_leaves_nothing_behind(client: Client, first: Session, second: Session) -> None:
    """160"""
    await Mutex(first, "job").try_lock()
    with pytest.raises(errors.Locked):
        await Mutex(second, "job").try_lock()
    assert await keys_below(client, "job/") == [f"job/{first.lease_id:x}".encode()]


async def test_giving_up_takes_the_place_in_the_line_back(client: Client, first: Session, second: Session) -> None:
    await Mutex(first, "job").lock()
    with pytest.raises(errors.DeadlineExceeded):
        await Mutex(second, "job").lock(timeout=0.2)
    assert len(await keys_below(client, "job/")) == 1
    waiting = asyncio.create_task(Mutex(second, "job").lock())
    await start_waiting(client, "job/", 2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(await keys_below(client, "job/")) == 1


async def test_a_second_attempt_never_takes_the_lock_of_the_first(client: Client, first: Session) -> None:
    held, second = Mutex(first, "job"), Mutex(first, "job")
    await held.lock()
    attempt = asyncio.create_task(second.lock())
    await asyncio.sleep(0)
    attempt.cancel()
    await asyncio.gather(attempt, return_exceptions=True)
    assert (await client.kv.txn([held.is_owner()])).succeeded


async def test_unlocking_what_is_not_held(client: Client, first: Session) -> None:
    mutex = Mutex(first, "job")
    assert not (await client.kv.txn([mutex.is_owner()])).succeeded
    with pytest.raises(errors.NotOwner):
        await mutex.unlock()


async def test_an_election_from_campaign_to_resignation(client: Client, first: Session, second: Session) -> None:
    """161"""
    one, two = Election(first, "chief"), Election(second, "chief")
    await one.campaign("a")
    leader = await two.leader()
    assert (leader.key, leader.value) == (one.key, b"a")
    await one.proclaim("b")
    changed = await two.leader()
    assert (changed.value, changed.create_revision) == (b"b", leader.create_revision)
    running = asyncio.create_task(two.campaign("c"))
    await start_waiting(client, "chief/", 2)
    await one.resign()
    await asyncio.wait_for(running, SOON)
    assert (await one.leader()).value == b"c"
    with pytest.raises(errors.NotOwner):
        await one.proclaim("d")
    resumed = Election.resume(second, two.prefix, two.key, two.revision)
    await resumed.proclaim("e")
    assert (await one.leader()).value == b"e"


async def test_an_election_without_candidates(client: Client, first: Session) -> None:
    """162"""
    with pytest.raises(errors.NoElectionLeader):
        await Election(first, "nobody").leader()
    with pytest.raises(errors.NoElectionLeader):
        await client.concurrency.elections.leader("nobody")


async def test_giving_up_a_campaign_withdraws_it(client: Client, first: Session, second: Session) -> None:
    await Election(first, "chief").campaign("a")
    with pytest.raises(errors.DeadlineExceeded):
        await Election(second, "chief").campaign("b", timeout=0.2)
    assert len(await keys_below(client, "chief/")) == 1


async def test_observing_goes_on_through_elections_and_compaction(
    client: Client, first: Session, second: Session
) -> None:
    seen: list[bytes] = []

    async def observe() -> None:
        nonlocal seen
        async for leader in Election(second, "chief").observe():
            seen += [leader.value]

    observing = asyncio.create_task(observe())
    one, two = Election(first, "chief"), Election(second, "chief")
    await one.campaign("a")
    await eventually(lambda: seen == [b"a"])
    await one.proclaim("b")
    await eventually(lambda: seen == [b"a", b"b"])
    header = (await client.kv.get("any")).header
    assert header is not None
    await client.kv.compact(header.revision)
    await one.resign()
    await two.campaign("c")
    await eventually(lambda: seen == [b"a", b"b", b"c"])
    observing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await observing


async def test_the_lock_service_of_the_server(client: Client, first: Session) -> None:
    """164"""
    key = await client.concurrency.locks.lock("service")
    lease = int(key.rsplit(b"/", 1)[1], 16)
    assert 55 <= (await client.lease.time_to_live(lease)).ttl <= 60
    with pytest.raises(errors.DeadlineExceeded):
        await client.concurrency.locks.lock("service", first.lease_id, timeout=0.3)
    await client.concurrency.locks.unlock(key)
    assert await client.concurrency.locks.lock("service", first.lease_id) == f"service/{first.lease_id:x}".encode()


async def test_the_election_service_of_the_server(client: Client, first: Session) -> None:
    elections = client.concurrency.elections
    leader = await elections.campaign("chief", first.lease_id, "a")
    assert leader.key == f"chief/{first.lease_id:x}".encode()
    await elections.proclaim(leader, "b")
    assert (await elections.leader("chief")).value == b"b"
    async for observed in elections.observe("chief"):
        assert observed.value == b"b"
        break
    await elections.resign(leader)
    with pytest.raises(errors.NotOwner):
        await elections.proclaim(leader, "c")


async def test_a_lock_given_up_on_a_silent_cluster_ends_in_time_and_blocks_nobody(etcd_server: ServerFactory) -> None:
    """It took five seconds more, and its key stood in the line as long as its session lived."""
    server = await etcd_server()
    options = ClientOptions(endpoints=server.endpoints, command_timeout=30)
    async with (
        connect(options) as client,
        client.concurrency.session(30) as holder,
        client.concurrency.session(30) as other,
    ):
        held, waiter = Mutex(holder, "lock"), Mutex(other, "lock")
        await held.lock()
        waiting = asyncio.create_task(waiter.lock(timeout=1.0))
        await eventually(lambda: in_line(client, 2))
        server.members[0].pause()
        try:
            began = Stopwatch()
            with pytest.raises(errors.DeadlineExceeded):
                await waiting
            assert began.fair() < 4.0
        finally:
            server.members[0].resume()
        await eventually(lambda: in_line(client, 1), 20.0)
        await held.unlock()
        await asyncio.wait_for(waiter.lock(), 20)
        assert waiter.held
