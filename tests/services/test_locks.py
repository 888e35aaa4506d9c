"""Locks out of keys: etcdctl, Go's recipes and the servers' own services are the judges."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from etcdtui.client import Client, ClientOptions, connect
from etcdtui.client.concurrency import Mutex, Session
from etcdtui.config.schema import LOCKS
from etcdtui.core import ranges
from etcdtui.core.types import KeyValue
from etcdtui.services.cluster.admin import Admin
from etcdtui.services.cluster.health import ClusterHealth
from etcdtui.services.cluster.leases import LeaseBook, LeaseRow
from etcdtui.services.cluster.locks.book import LockBook, areas_of
from etcdtui.services.cluster.locks.plans import break_plan
from etcdtui.services.cluster.locks.recognise import Lock, LockKind, Place, recognise
from etcdtui.services.cluster.reads import ClusterReads
from etcdtui.services.cluster.view import view_of
from tests.conftest import ServerFactory
from tests.services.writing_support import carry_out, writes_on
from tests.support import Server, eventually


def kv(key: str, rev: int, *, lease: int = 0, value: bytes = b"") -> KeyValue:
    return KeyValue(key.encode(), value, rev, rev, 1, lease)


def only(*kvs: KeyValue, patterns: Sequence[str] = LOCKS) -> Lock:
    (lock,) = recognise(kvs, patterns)
    return lock


def test_a_queue_is_in_order_of_creation_and_not_of_names() -> None:
    lock = only(kv("/x/b", 7, lease=0xB), kv("/x/a", 9, lease=0xA), kv("/x/c", 8, lease=0xC))
    assert (lock.kind, lock.name, lock.guess) == (LockKind.LOCK, b"/x", "")
    assert [(one.key, one.place, one.behind) for one in lock.queue] == [
        (b"/x/b", Place.HOLDS, 0), (b"/x/c", Place.WAITS, 1), (b"/x/a", Place.WAITS, 2),
    ]  # fmt: skip
    assert lock.waiters == 2 and not lock.orphan


def test_what_only_looks_like_a_lock_is_called_a_guess() -> None:
    orphan = only(kv("/locks/old/694d81f0b7c2aa13", 5), kv("/locks/old/694d81f0b7c2aa14", 6))
    assert (orphan.kind, orphan.waiters, orphan.orphan) == (LockKind.GUESS, 1, True) and "guessed" in orphan.guess
    assert not recognise([kv("/data/old/694d81f0b7c2aa13", 5)], LOCKS), "off the patterns a hex name tells nothing"
    leader = only(kv("/app/leader", 5, lease=7, value=b"me"))
    assert leader.kind is LockKind.LEADER_GUESS and "guessed" in leader.guess
    assert not recognise([kv("/app/leader", 5, value=b"me")], LOCKS)
    single = only(kv("/locks/nightly", 5, lease=7, value=b"me"))
    assert single.kind is LockKind.LEADER and single.holder is not None and single.single
    assert only(kv("/locks/forgotten", 5)).orphan


def test_a_key_below_the_name_blocks_whoever_came_later_and_nobody_before() -> None:
    first = only(kv("/x/a", 5, lease=0xA), kv("/x/stray/deep", 6), kv("/x/c", 7, lease=0xC))
    assert [one.place for one in first.queue] == [Place.HOLDS, Place.BLOCKS, Place.WAITS]
    blocked = only(kv("/x/stray", 4), kv("/x/a", 5, lease=0xA), kv("/x/later", 6))
    assert [one.key for one in blocked.queue] == [b"/x/stray", b"/x/a"]
    assert blocked.holder is None and blocked.orphan and blocked.waiters == 1


def test_elections_patroni_and_read_write_locks_are_told_apart() -> None:
    assert only(kv("/e/a", 5, lease=0xA, value=b"n1"), kv("/e/b", 6, lease=0xB, value=b"n2")).kind is LockKind.ELECTION
    mixed = only(kv("/e/a", 5, lease=0xA, value=b"n1"), kv("/e/b", 6, lease=0xB))
    assert mixed.kind is LockKind.EITHER and mixed.guess
    pg = only(
        kv("/service/pg/initialize", 2, value=b"71"),
        kv("/service/pg/leader", 9, lease=7, value=b"node-1"),
        kv("/service/pg/members/node-1", 8, lease=7, value=b"{}"),
    )
    assert (pg.kind, pg.name, pg.guess) == (LockKind.PATRONI, b"/service/pg/leader", "")
    stamp = "1700000000000000000"
    lock = only(
        kv(f"/rw/read/{stamp}", 5, lease=1),
        kv(f"/rw/write/{stamp}", 6, lease=2),
        kv(f"/rw/read/{stamp[:-1]}1", 7, lease=3),
    )
    assert lock.kind is LockKind.READ_WRITE
    assert [(one.place, one.behind) for one in lock.queue] == [(Place.HOLDS, 0), (Place.WAITS, 1), (Place.WAITS, 1)]


def test_a_kubernetes_lease_tells_its_holder_and_node_heartbeats_are_no_locks() -> None:
    spec = (
        b'{"kind":"Lease","spec":{"holderIdentity":"cp-2_6d0c","leaseDurationSeconds":15,'
        b'"renewTime":"2026-11-28T06:00:00.000000Z","leaseTransitions":3}}'
    )
    lock = only(
        kv("/registry/leases/kube-system/kube-scheduler", 5, value=spec),
        kv("/registry/leases/kube-node-lease/n1", 6, value=spec),
    )
    assert (lock.kind, lock.name) == (LockKind.KUBE, b"kube-system/kube-scheduler")
    assert lock.kube is not None and (lock.kube.holder, lock.kube.duration, lock.kube.transitions) == (
        "cp-2_6d0c",
        15,
        3,
    )
    assert lock.kube.renewed == 1795845600.0 and not lock.orphan
    assert only(kv("/registry/leases/a/b", 5, value=b"k8s\0garbage"), kv("/l/a", 1, lease=10)).name == b"/l"


def test_patterns_say_where_to_read_and_leave_node_heartbeats_out() -> None:
    assert areas_of(["/locks/**", "/service/*/leader"]) == [
        ranges.prefix_range(b"/locks/"), ranges.prefix_range(b"/service/"),
    ]  # fmt: skip
    assert areas_of(["/one"]) == [(b"/one", b""), ranges.prefix_range(b"/one/")]
    low, high = areas_of(["/registry/leases/*/*"])
    assert not ranges.holds(low, b"/registry/leases/kube-node-lease/n1")
    assert not ranges.holds(high, b"/registry/leases/kube-node-lease/n1")
    assert ranges.holds(low, b"/registry/leases/kube-a/x") and ranges.holds(high, b"/registry/leases/z/x")


# -- on a real etcd ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def followed(client: Client, patterns: Sequence[str] = LOCKS) -> AsyncIterator[LockBook]:
    async def everything() -> Sequence[tuple[bytes, bytes]]:
        return (ranges.ALL,)

    book = LockBook(client, LeaseBook(client), patterns, everything)
    task = asyncio.get_running_loop().create_task(book.follow(lambda: None))
    try:
        yield book
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def named(book: LockBook, name: bytes) -> Lock | None:
    book.refresh()
    return next((lock for lock in book.locks if lock.name == name), None)


def etcdctl(server: Server, *words: str) -> subprocess.Popen[bytes]:
    command = [str(server.cluster.binary.etcdctl), f"--endpoints={server.endpoint}", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.matrix
async def test_queues_of_etcdctl_are_read_as_etcdctl_serves_them_and_a_broken_lock_is_handed_over(
    etcd: Server, tmp_path: Path
) -> None:
    """Locks off every pattern too: their leases lead to them."""
    with ExitStack() as ended:

        def begin(*words: str) -> None:
            process = etcdctl(etcd, *words)
            ended.callback(process.wait)
            ended.callback(process.kill)

        begin("lock", "/locks/job")
        begin("elect", "/far/scheduler", "n1")
        await eventually(lambda: etcd.etcdctl("get", "--prefix", "/far/", "--keys-only").strip() != "")
        async with connect(ClientOptions(endpoints=(etcd.endpoint,))) as client, followed(client) as book:
            await eventually(lambda: named(book, b"/locks/job") is not None)
            await eventually(lambda: named(book, b"/far/scheduler") is not None)
            far = named(book, b"/far/scheduler")
            assert far is not None and far.kind is LockKind.ELECTION and far.queue[0].value == b"n1"
            for _ in range(3):
                begin("lock", "/locks/job")
            await eventually(lambda: (lock := named(book, b"/locks/job")) is not None and lock.waiters == 3)
            lock = named(book, b"/locks/job")
            assert lock is not None and lock.kind is LockKind.LOCK and lock.holder is not None
            first = etcd.etcdctl(
                "get", "--prefix", "/locks/job/", "--sort-by=CREATE", "--order=ASCEND", "--keys-only"
            ).split()
            assert [one.key.decode() for one in lock.queue] == first

            async with writes_on(etcd.endpoint, tmp_path) as writes:
                admin = Admin(writes.client, lambda: view_of(ClusterHealth()))
                await book.leases.read([lock.holder.lease])
                write = admin.break_lock(lock, lock.holder, book.leases.rows[lock.holder.lease])
                assert write.plan.keys == (lock.holder.key,)
                await carry_out(writes, write)
                audited = writes.audit.records[-1]
                assert audited.action == "lock break" and audited.target == b"/locks/job"
            second = lock.queue[1].key
            await eventually(lambda: (now := named(book, b"/locks/job")) is not None
                             and now.holder is not None and now.holder.key == second)  # fmt: skip
            now = named(book, b"/locks/job")
            assert now is not None
            (handover,) = book.handovers_of(now)
            assert handover.before is not None and handover.before.key == lock.holder.key and handover.revision


@pytest.mark.matrix
async def test_fifty_of_ours_wait_beside_etcdctl_in_one_order(etcd: Server) -> None:
    process = etcdctl(etcd, "lock", "/locks/busy")
    options = ClientOptions(endpoints=(etcd.endpoint,))
    try:
        async with connect(options) as client, followed(client) as book:
            await eventually(lambda: named(book, b"/locks/busy") is not None)
            sessions = [Session(client, ttl=60) for _ in range(50)]
            for session in sessions:
                await session.__aenter__()
            tasks = [asyncio.ensure_future(Mutex(session, "/locks/busy").lock()) for session in sessions]
            try:
                await eventually(lambda: (lock := named(book, b"/locks/busy")) is not None and lock.waiters == 50)
                lock = named(book, b"/locks/busy")
                assert lock is not None
                revisions = [one.create_revision for one in lock.queue]
                assert revisions == sorted(revisions) and [one.behind for one in lock.queue] == list(range(51))
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                for session in sessions:
                    await session.__aexit__(None, None, None)
    finally:
        process.kill()
        process.wait()


@pytest.mark.matrix
async def test_a_stray_key_blocks_etcdctl_as_we_say(etcd: Server) -> None:
    etcd.etcdctl("put", "/locks/b/deep/stray", "v")
    process = etcdctl(etcd, "lock", "/locks/b")
    try:
        async with connect(ClientOptions(endpoints=(etcd.endpoint,))) as client, followed(client) as book:
            await eventually(lambda: (lock := named(book, b"/locks/b")) is not None and len(lock.queue) == 2)
            lock = named(book, b"/locks/b")
            assert lock is not None and lock.holder is None and lock.waiters == 1
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (LeaseRow(0xA, ttl=-1), "gone already"),
        (LeaseRow(0xA, ttl=5, granted=10, keys=(b"/other",)), "not on that lease"),
    ],
)
def test_a_break_of_what_is_not_there_is_blocked(row: LeaseRow, why: str) -> None:
    lock = only(kv("/x/a", 5, lease=0xA), kv("/x/b", 6, lease=0xB))
    assert why in break_plan(lock, lock.queue[0], row).blocked


def test_a_break_lists_all_that_hangs_on_the_lease_and_who_is_next() -> None:
    lock = only(kv("/x/a", 5, lease=0xA), kv("/x/b", 6, lease=0xB))
    plan = break_plan(lock, lock.queue[0], LeaseRow(0xA, ttl=5, granted=10, keys=(b"/x/a", b"/y")))
    assert plan.keys == (b"/x/a", b"/y") and not plan.blocked
    assert [fact.name for fact in plan.facts if fact.what == "next"] == [b"b"]
    assert any(fact.what == "other keys on that lease" for fact in plan.facts)


async def test_a_limited_user_sees_the_locks_of_what_it_may_read(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    lease = server.etcdctl("lease", "grant", "300").split()[1]
    word = lease.lstrip("0")
    for name in ("/locks/mine", "/locks/other", "/far/away"):
        server.etcdctl("put", f"{name}/{word}", "", f"--lease={lease}")
    server.etcdctl("role", "add", "r")
    server.etcdctl("role", "grant-permission", "r", "--prefix=true", "read", "/locks/mine/")
    for user, role in (("root", "root"), ("bob", "r")):
        server.etcdctl("user", "add", f"{user}:pw")
        server.etcdctl("user", "grant-role", user, role)
    server.etcdctl("auth", "enable")
    options = ClientOptions(endpoints=(server.endpoint,), username="bob", password="pw")
    async with connect(options) as client:
        book = ClusterReads(client, "bob", locks=LOCKS).lock_book()
        task = asyncio.get_running_loop().create_task(book.follow(lambda: None))
        try:
            await eventually(lambda: book.looked)
            await eventually(lambda: named(book, b"/locks/mine") is not None)
            assert [lock.name for lock in book.locks] == [b"/locks/mine"]
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
