"""Opening profiles, and health that tells the truth and heals, on real clusters."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from etcdtui.config.schema import ENVIRONMENTS, Auth, Environment, Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import ConfigError, EtcdError, WriteRefused
from etcdtui.core.listing import WALK
from etcdtui.core.types import EndpointStatus, ResponseHeader
from etcdtui.services.cluster.health import ClusterHealth, State, alarm_words, leader_of
from etcdtui.services.cluster.versions import version_order
from etcdtui.services.session.session import Overrides, Session, read_credentials
from tests.support import Server, eventually
from tests.support.timing import Stopwatch


def profile_of(server: Server, **changes: object) -> Profile:
    plain = Profile(
        name="here", environment="dev", env=ENVIRONMENTS["dev"], read_only=False, endpoints=server.endpoints
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the tests name fields of Profile


@asynccontextmanager
async def opened(profile: Profile, overrides: Overrides | None = None) -> AsyncIterator[Session]:
    session = await Session.open(profile, overrides or Overrides())
    try:
        yield session
    finally:
        await session.aclose()


async def until(session: Session, wanted: Callable[[ClusterHealth], bool], within: float) -> ClusterHealth:
    """The first health that is as wanted; the test's limit is what an operator would wait."""
    async with asyncio.timeout(within), aclosing(session.health_updates()) as updates:
        async for health in updates:
            if wanted(health):
                return health
    raise AssertionError("health updates ended")


async def test_an_open_session_knows_members_leader_and_revision(cluster3: Server) -> None:
    await cluster3.put(b"a", b"1")
    async with opened(profile_of(cluster3)) as session:
        health = session.health
        assert (health.members_up, health.members_total, health.state) == (3, 3, State.CONNECTED)
        assert health.leader_name in {member.name for member in cluster3.members}
        assert health.revision > 1
        assert health.words == ""
        assert session.identity == "-"


async def test_a_killed_member_is_told_within_three_seconds_and_comes_back_by_itself(cluster3: Server) -> None:
    async with opened(profile_of(cluster3)) as session:
        victim = cluster3.members[1]
        await victim.kill()
        lost = await until(session, lambda health: health.members_up == 2, within=3.0)
        assert lost.members_total == 3
        assert victim.name in lost.words
        await victim.restart()
        healed = await until(session, lambda health: health.members_up == 3, within=6.0)
        assert healed.words == ""


async def test_a_frozen_member_counts_as_down(cluster3: Server) -> None:
    async with opened(profile_of(cluster3)) as session:
        cluster3.members[2].pause()
        try:
            health = await until(session, lambda health: health.members_up == 2, within=4.0)
            assert health.state in (State.CONNECTED, State.NO_LEADER)
        finally:
            cluster3.members[2].resume()


async def test_without_a_majority_it_says_no_leader_and_not_lost(cluster3: Server) -> None:
    async with opened(profile_of(cluster3)) as session:
        for member in cluster3.members[1:]:
            await member.kill()
        health = await until(session, lambda health: health.state is State.NO_LEADER, within=10.0)
        assert health.members_up == 1
        assert "NO LEADER" in health.words
        assert health.leader_name == ""


async def test_nobody_answering_is_told_with_the_time_since_when(cluster3: Server) -> None:
    async with opened(profile_of(cluster3, read_only=True)) as session:
        session.guard.unlock("here")
        assert session.guard.state_word == "WRITES ON"
        for member in cluster3.members:
            await member.kill()
        health = await until(session, lambda health: health.state is State.LOST, within=5.0)
        assert health.words.startswith("no answer since ")
        assert health.words.endswith("retrying")
        assert session.guard.state_word == "READ-ONLY"


async def test_opening_fails_in_time_when_nobody_answers() -> None:
    nobody = Profile(name="nobody", endpoints=("127.0.0.1:1",), dial_timeout=0.5)
    started = Stopwatch()
    with pytest.raises(EtcdError):
        await Session.open(nobody)
    assert started.fair() < 5


async def test_no_write_passes_without_a_permit(etcd: Server) -> None:
    async with opened(profile_of(etcd)) as session:
        with pytest.raises(WriteRefused):
            await session.client.kv.put(b"a", b"1")
        assert (await session.client.kv.get(b"a")).count == 0


async def test_another_cluster_behind_the_endpoints_locks_writes(etcd: Server, cluster3: Server) -> None:
    async with opened(profile_of(etcd)) as session:
        assert session.guard.state_word == "WRITES ON"
        session.client.set_endpoints(*cluster3.endpoints)
        health = await until(session, lambda health: health.mismatch, within=5.0)
        assert "different clusters" in health.words
        assert session.guard.state_word == "READ-ONLY"
        assert "another cluster" in session.guard.locked_because


async def test_flags_make_a_session_stricter(etcd: Server) -> None:
    async with opened(profile_of(etcd), Overrides(read_only=True, dry_run=True)) as session:
        assert session.guard.state_word == "READ-ONLY"
        assert session.guard.dry_run


async def test_a_password_command_is_run_beside_the_loop() -> None:
    command = (sys.executable, "-c", "print('s3cret')")
    profile = Profile(name="p", env=Environment(), auth=Auth(user="bob", password_command=command))
    credentials = await read_credentials(profile)
    assert credentials.user == "bob"
    assert credentials.password is not None
    assert credentials.password.reveal() == "s3cret"
    assert "s3cret" not in repr(credentials)


async def test_a_failing_password_command_is_a_sentence() -> None:
    profile = Profile(name="p", auth=Auth(user="bob", password_command=(sys.executable, "-c", "raise SystemExit(3)")))
    with pytest.raises(ConfigError, match="exit code 3"):
        await read_credentials(profile)


async def test_a_typed_password_answers_a_profile_that_asks() -> None:
    profile = Profile(name="p", auth=Auth(user="bob", prompt=True))
    credentials = await read_credentials(profile, Secret("typed"))
    assert credentials.password == Secret("typed")


def status(member: int, leader: int, term: int, *errors: str) -> EndpointStatus:
    header = ResponseHeader(cluster_id=1, member_id=member, revision=1, raft_term=term)
    return EndpointStatus("e", header, "3.5.1", 1, 1, leader, 1, term, 1, errors)


def test_the_leader_is_who_the_latest_term_says_not_who_answers() -> None:
    assert leader_of([status(1, 2, 5), status(2, 2, 5), status(3, 3, 4)]) == 2
    assert leader_of([status(1, 0, 9), status(2, 2, 8)]) == 2
    assert leader_of([status(1, 0, 9)]) == 0


def test_the_oldest_version_is_found_by_its_numbers() -> None:
    assert min(["3.5.16", "3.5.6", "3.6.0-rc.1"], key=version_order) == "3.5.6"


def test_alarms_are_read_from_what_members_say() -> None:
    assert alarm_words([status(1, 1, 1, "memberID:10501334649042878790 alarm:NOSPACE ")]) == ("NOSPACE",)
    assert alarm_words([status(1, 1, 1)]) == ()


async def test_health_bounds_the_keys_that_can_be_in_the_store(etcd: Server) -> None:
    async with opened(profile_of(etcd)) as session:
        for n in range(300):
            await etcd.put(b"k%03d" % n, b"")
        health = await session.monitor.poll()
        assert health.db_in_use > 0
        assert 300 <= health.most_keys <= health.db_in_use // 40
        assert session.reads.small_store is (health.most_keys <= WALK)


async def test_a_first_look_has_asked_before_it_is_taken_and_leaves_nothing(etcd: Server) -> None:
    await etcd.put(b"/app/one", b"1")
    before = asyncio.all_tasks()
    async with opened(profile_of(etcd)) as session:
        look = session.look_first()
        assert (await look.start()).roots == ()
        listing = look.take_listing()
        assert listing is not None and look.take_listing() is None
        await etcd.put(b"/later/one", b"1")
        names = [row.name async for page in listing.pages() for rows in page.rows for row in rows]
        assert b"/app/" in names
        await session.look_first().start()
    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_a_profile_that_says_where_to_start_is_not_looked_at_as_a_whole(etcd: Server) -> None:
    async with opened(profile_of(etcd, start=("/app/",))) as session:
        look = session.take_first_look()
        assert [root.prefix for root in (await look.start()).roots] == [b"/app/"]
        assert look.take_listing() is None
        await look.close()
