"""The one policy about writing."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etcdtui.client import Client, ClientOptions, Op
from etcdtui.client._wire import methods
from etcdtui.client._wire.methods import Effect, Method
from etcdtui.client.concurrency.rpc import LeaderKey
from etcdtui.config.schema import ENVIRONMENTS, Profile
from etcdtui.core.errors import WriteRefused
from etcdtui.core.plan import ActionClass, ConfirmKind, Scope, WritePlan, glob_matches, glob_touches
from etcdtui.core.types import Permission, PermissionType, WriteIntent
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.guard import Guard, GuardPolicy, UnlockKind, policy_of
from tests.services.writing_support import agreed, writes_on
from tests.support.server import Server

DEV = GuardPolicy(profile="dev1", environment="dev", read_only=False, confirm="ask-danger", unlock="key")
STAGING = GuardPolicy(profile="stg", environment="staging", read_only=False, confirm="ask", unlock="key")
PROD = GuardPolicy(profile="prod-eu", environment="prod", read_only=True, confirm="type", unlock="name")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def plan(
    level: ActionClass = ActionClass.R1, *, puts: tuple[bytes, ...] = (b"/a",), deletes: tuple[bytes, ...] = (),
    **more: Any,
) -> WritePlan:  # fmt: skip
    scope = Scope(
        frozenset({"KV/Txn", "KV/Put", "KV/DeleteRange"}),
        puts=tuple((k, b"") for k in puts),
        deletes=tuple((k, b"") for k in deletes),
    )
    return WritePlan("put", b"/config/old/", level, scope, target_word="old/", keys=(*puts, *deletes), **more)


def test_prod_starts_read_only_and_unlocks_by_its_name_only() -> None:
    guard = Guard(PROD, Clock())
    assert guard.state_word == "READ-ONLY"
    assert guard.unlock_requirement().word == "prod-eu"
    assert not guard.unlock("yes")
    assert not guard.unlock("")
    assert guard.state_word == "READ-ONLY"
    assert guard.unlock("prod-eu")
    assert guard.state_word == "WRITES ON"


def test_an_unlock_ends_after_idle_time_and_a_touch_starts_it_again() -> None:
    clock = Clock()
    guard = Guard(PROD, clock)
    guard.unlock("prod-eu")
    clock.now += 800
    assert guard.relock_in() == pytest.approx(100)
    guard.touch()
    clock.now += 899
    assert guard.writable
    clock.now += 2
    assert guard.state_word == "READ-ONLY"
    assert "idle" in guard.locked_because
    guard.touch()
    assert guard.state_word == "READ-ONLY"


def test_losing_the_connection_or_meeting_another_cluster_locks() -> None:
    guard = Guard(PROD, Clock())
    guard.observe_cluster(1)
    guard.unlock("prod-eu")
    guard.connection_lost()
    assert guard.state_word == "READ-ONLY"
    dev = Guard(DEV, Clock())
    dev.observe_cluster(1)
    dev.connection_lost()
    assert dev.writable
    dev.observe_cluster(2)
    assert not dev.writable


def test_read_only_from_the_command_line_cannot_be_unlocked() -> None:
    guard = Guard(policy_of(Profile(name="p", read_only=False), forced_read_only=True), Clock())
    assert guard.state_word == "READ-ONLY"
    assert guard.unlock_requirement().kind is UnlockKind.NEVER
    assert guard.locked_words() == "READ-ONLY: started with --read-only"
    assert not guard.unlock("p")


def test_a_kubernetes_store_without_environment_becomes_production() -> None:
    guard = Guard(GuardPolicy(profile="x", read_only=False, confirm="ask", unlock="key", relock_after=0.0), Clock())
    assert guard.writable
    guard.note_kubernetes_store()
    assert guard.state_word == "READ-ONLY"
    assert guard.unlock_requirement().word == "x"
    assert guard.confirmation(plan(ActionClass.R2)).kind is ConfirmKind.TYPE
    guard.unlock("x")
    assert guard.relock_in() is not None


R1, R2, R3, R4 = ActionClass.R1, ActionClass.R2, ActionClass.R3, ActionClass.R4
REVIEW, ASK, TYPE = ConfirmKind.REVIEW, ConfirmKind.ASK, ConfirmKind.TYPE


@pytest.mark.parametrize(
    ("policy", "level", "kind", "word"),
    [
        (DEV, R1, REVIEW, ""), (DEV, R2, ASK, ""), (DEV, R3, ASK, ""), (DEV, R4, TYPE, "old/"),
        (STAGING, R1, REVIEW, ""), (STAGING, R2, ASK, ""), (STAGING, R3, TYPE, "stg"), (STAGING, R4, TYPE, "old/"),
        (PROD, R1, REVIEW, ""), (PROD, R2, TYPE, "old/"), (PROD, R3, TYPE, "prod-eu"), (PROD, R4, TYPE, "old/"),
    ],
)  # fmt: skip
def test_class_and_environment_decide_the_confirmation(
    policy: GuardPolicy, level: ActionClass, kind: ConfirmKind, word: str
) -> None:
    asked = Guard(policy, Clock()).confirmation(plan(level))
    assert (asked.kind, asked.word) == (kind, word)
    assert bool(asked.phrase) == (policy is PROD and level is R4)


def test_typing_wants_the_name_and_the_second_line() -> None:
    asked = Guard(PROD, Clock()).confirmation(plan(R4))
    assert not asked.accepts("yes", "I have a snapshot: rev 5")
    assert not asked.accepts("old/", "")
    assert not asked.accepts("old/", "I have a snapshot: rev")
    assert asked.accepts("old/", "I have a snapshot: rev 1204")


def test_who_saved_a_snapshot_here_need_not_say_so_for_a_quarter_of_an_hour() -> None:
    clock = Clock()
    guard = Guard(PROD, clock)
    guard.note_snapshot()
    assert not guard.confirmation(plan(R4)).phrase
    clock.now += 15 * 60
    assert guard.confirmation(plan(R4)).phrase


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("/registry/**", b"/registry/pods/a/b", True),
        ("/registry/**", b"/registryx", False),
        ("/service/*/leader", b"/service/pg/leader", True),
        ("/service/*/leader", b"/service/a/b/leader", False),
        ("**/token", b"/a/b/token", True),
        ("**/token", b"token", True),
        ("/a.b", b"/axb", False),
        ("/bin/*", b"/bin/\xff\n\x00", True),
    ],
)
def test_globs(pattern: str, key: bytes, matches: bool) -> None:
    assert glob_matches(pattern, key) is matches
    assert glob_touches(pattern, key, b"") is matches


def test_protected_keys_are_never_written_whatever_the_permit_says() -> None:
    guard = Guard(GuardPolicy(profile="p", read_only=False, confirm="ask", protect=("/keep/**",)), Clock())
    wanted = plan(puts=(b"/keep/a",))
    assert "protects" in guard.refusal(wanted)
    with pytest.raises(WriteRefused), guard.permit(agreed(guard, wanted)):
        pass
    sneaky = WritePlan(
        "put", b"/", R2, Scope(frozenset({"KV/Put", "KV/DeleteRange"}), ((b"\0", b"\0"),), ((b"\0", b"\0"),))
    )
    with guard.permit(agreed(guard, sneaky)):
        guard.gate(WriteIntent("KV/Put", puts=(b"/free",)))
        with pytest.raises(WriteRefused):
            guard.gate(WriteIntent("KV/Put", puts=(b"/keep/a",)))
        with pytest.raises(WriteRefused):
            guard.gate(WriteIntent("KV/DeleteRange", deletes=((b"/k", b"/l"),)))
        guard.gate(WriteIntent("KV/DeleteRange", deletes=((b"/x", b"/y"),)))


def test_kubernetes_keys_need_the_profile_to_allow_them() -> None:
    pod = plan(R2, puts=(), deletes=(b"/registry/pods/ns/web",))
    assert "kube-apiserver" in Guard(DEV, Clock()).refusal(pod)
    allowed = Guard(GuardPolicy(profile="p", read_only=False, confirm="ask", allow_kubernetes_writes=True), Clock())
    assert allowed.refusal(pod) == ""
    magic = plan(puts=(b"/elsewhere",), values=((b"/elsewhere", b"k8s\0\n\x0c"),))
    assert "protobuf" in allowed.refusal(magic)


def test_the_allow_list_limits_even_an_unlocked_profile() -> None:
    guard = Guard(GuardPolicy(profile="p", read_only=False, confirm="ask", allow=frozenset({"put"})), Clock())
    with guard.permit(agreed(guard, plan(R2, deletes=(b"/b",)))):
        guard.gate(WriteIntent("KV/Put", puts=(b"/a",)))
        with pytest.raises(WriteRefused, match="delete"):
            guard.gate(WriteIntent("KV/DeleteRange", deletes=((b"/b", b""),)))


def test_a_permit_covers_its_scope_dies_with_its_block_and_belongs_to_one_guard() -> None:
    guard, other = Guard(DEV, Clock()), Guard(DEV, Clock())
    inside = WriteIntent("KV/Put", puts=(b"/a",))
    with guard.permit(agreed(guard, plan())):
        guard.gate(inside)
        for wrong in (WriteIntent("KV/Put", puts=(b"/ab",)), WriteIntent("KV/Compact"), WriteIntent("Auth/UserAdd")):
            with pytest.raises(WriteRefused):
                guard.gate(wrong)
        with pytest.raises(WriteRefused):
            other.gate(inside)
        guard.lock()
        with pytest.raises(WriteRefused):
            guard.gate(inside)
    guard.unlock()
    with pytest.raises(WriteRefused):
        guard.gate(inside)


def test_a_permit_is_given_for_nothing_but_what_this_guard_saw_agreed_to_and_once() -> None:
    guard, other = Guard(DEV, Clock()), Guard(DEV, Clock())
    mine, theirs = plan(), plan()
    confirmed = guard.confirm(mine)
    for wrong in (Confirmed(mine), other.confirm(mine), other.confirm(theirs)):
        with pytest.raises(WriteRefused, match="not confirmed"), guard.permit(wrong):
            pass
    with pytest.raises(AttributeError, match="frozen"):
        confirmed.plan = theirs
    with guard.permit(confirmed) as permit:
        used = [permit.used]
        guard.gate(WriteIntent("KV/Put", puts=(b"/a",)))
        assert [*used, permit.used] == [False, True]
    with pytest.raises(WriteRefused, match="sent already"), guard.permit(confirmed):
        pass


def test_a_plan_is_confirmed_only_by_what_has_to_be_typed() -> None:
    guard = Guard(GuardPolicy(profile="prod-eu", environment="prod", read_only=False, confirm="type"), Clock())
    for typed, second in (("", ""), ("yes", ""), ("old", ""), ("old/", ""), ("old/", "I have a snapshot: rev")):
        with pytest.raises(WriteRefused, match="does not match"):
            guard.confirm(plan(R4), typed, second)
    assert guard.confirm(plan(R4), "old/", "I have a snapshot: rev 17").plan == plan(R4)
    guard.lock()
    with pytest.raises(WriteRefused, match="READ-ONLY"):
        guard.confirm(plan(R4), "old/", "I have a snapshot: rev 17")


def test_a_batch_longer_than_the_idle_time_is_not_locked_half_way() -> None:
    clock = Clock()
    guard = Guard(PROD, clock)
    guard.unlock("prod-eu")
    with guard.permit(agreed(guard, plan())):
        for _ in range(4):
            clock.now += 600
            assert guard.writable
            guard.gate(WriteIntent("KV/Put", puts=(b"/a",)))
    clock.now += 901
    assert not guard.writable


async def test_a_task_that_outlives_the_block_has_no_permit() -> None:
    guard = Guard(DEV, Clock())
    go = asyncio.Event()

    async def late() -> None:
        await go.wait()
        guard.gate(WriteIntent("KV/Put", puts=(b"/a",)))

    with guard.permit(agreed(guard, plan())):
        task = asyncio.create_task(late())
    go.set()
    with pytest.raises(WriteRefused):
        await task


def test_dry_run_gives_no_permit() -> None:
    guard = Guard(policy_of(Profile(name="d", read_only=False, env=ENVIRONMENTS["dev"]), dry_run=True), Clock())
    with pytest.raises(WriteRefused, match="dry run"), guard.permit(agreed(guard, plan())):
        pass


async def test_every_mutating_call_of_the_client_is_refused_without_a_permit(etcd: Server, tmp_path: Path) -> None:
    seen: set[str] = set()

    def watch(gate: Callable[[WriteIntent], None]) -> Callable[[WriteIntent], None]:
        def wrapped(intent: WriteIntent) -> None:
            seen.add(intent.method)
            gate(intent)

        return wrapped

    guard = Guard(DEV, Clock())
    client = await Client.open(ClientOptions(endpoints=(etcd.endpoint,)), write_gate=watch(guard.gate))
    try:
        before = await client.kv.get(b"\0", count_only=True)
        leader = LeaderKey(b"e", b"e/1", 1, 1)
        calls: list[Callable[[], Any]] = [
            lambda: client.kv.put(b"a", b"b"),
            lambda: client.kv.delete(b"a"),
            lambda: client.kv.txn((), [Op.put(b"a", b"b")]),
            lambda: client.kv.txn((), [], [Op.delete(b"a")]),
            lambda: client.kv.txn((), [Op.txn((), [Op.put(b"n", b"v")])]),
            lambda: client.kv.compact(1),
            lambda: client.lease.grant(10),
            lambda: client.lease.revoke(1),
            lambda: client.lease.keep_alive_once(1),
            lambda: client.cluster.add(("http://127.0.0.1:1",)),
            lambda: client.cluster.remove(1),
            lambda: client.cluster.update(1, ("http://127.0.0.1:1",)),
            lambda: client.cluster.promote(1),
            lambda: client.maintenance.activate(1, "NOSPACE"),
            lambda: client.maintenance.defragment(etcd.endpoint),
            lambda: client.maintenance.move_leader(1),
            lambda: client.maintenance.downgrade("cancel", ""),
            lambda: client.auth.enable(),
            lambda: client.auth.disable(),
            lambda: client.auth.user_add("u", "p"),
            lambda: client.auth.user_delete("u"),
            lambda: client.auth.user_change_password("u", "p"),
            lambda: client.auth.user_grant_role("u", "r"),
            lambda: client.auth.user_revoke_role("u", "r"),
            lambda: client.auth.role_add("r"),
            lambda: client.auth.role_delete("r"),
            lambda: client.auth.role_grant_permission("r", Permission(PermissionType.READ, b"k")),
            lambda: client.auth.role_revoke_permission("r", b"k"),
            lambda: client.concurrency.locks.lock(b"l"),
            lambda: client.concurrency.locks.unlock(b"l"),
            lambda: client.concurrency.elections.campaign(b"e", 1, b"v"),
            lambda: client.concurrency.elections.proclaim(leader, b"v"),
            lambda: client.concurrency.elections.resign(leader),
        ]
        for call in calls:
            with pytest.raises(WriteRefused):
                result = call()
                if inspect.isawaitable(result):
                    await result
        after = await client.kv.get(b"\0", count_only=True)
        assert before.header and after.header
        assert before.header.revision == after.header.revision
        mutating = {m.name for m in vars(methods).values() if isinstance(m, Method) and m.effect is Effect.WRITE}
        assert len(mutating) > 25
        assert mutating - seen == set()
    finally:
        await client.aclose()


async def test_a_covered_write_goes_through_and_an_uncovered_one_beside_it_does_not(
    etcd: Server, tmp_path: Path
) -> None:
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        with writes.guard.permit(agreed(writes.guard, plan())):
            await writes.client.kv.put(b"/a", b"1")
            with pytest.raises(WriteRefused):
                await writes.client.kv.put(b"/b", b"1")
        assert await etcd.get(b"/a") == b"1"
        assert await etcd.get(b"/b") is None


def test_a_course_needs_no_second_name_after_an_unlock_by_name() -> None:
    guard = Guard(GuardPolicy(profile="prod-eu", environment="prod", read_only=True, confirm="type", unlock="name"))
    course = WritePlan("plan", b"NOSPACE", ActionClass.R3, Scope(frozenset({"Maintenance/Defragment"})))
    assert guard.confirm_by_unlock(course) is None
    assert guard.unlock("prod-eu")
    confirmed = guard.confirm_by_unlock(course)
    assert confirmed is not None
    guard.begin_course(confirmed)
    step = WritePlan("defrag", b"m1", ActionClass.R3, Scope(frozenset({"Maintenance/Defragment"})))
    with guard.permit(guard.confirm_step(confirmed, step)):
        guard.gate(WriteIntent("Maintenance/Defragment"))
    with guard.permit(guard.confirm_step(confirmed, step)):
        pass
    other = WritePlan("member remove", b"m1", ActionClass.R4, Scope(frozenset({"Cluster/MemberRemove"})))
    with pytest.raises(WriteRefused, match="by itself"):
        guard.confirm_step(confirmed, other)
    with pytest.raises(WriteRefused), guard.permit(confirmed):  # the course itself is never sent
        pass
    assert guard.confirm_by_unlock(other) is None
    guard.lock()
    assert guard.confirm_by_unlock(course) is None
    with pytest.raises(WriteRefused, match="READ-ONLY"):
        guard.confirm_step(confirmed, step)
