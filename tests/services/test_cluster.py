"""Members: quorum arithmetic, what is blocked, and rows of a real cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcdtui.client import Client, ClientOptions
from etcdtui.core.types import Alarm, AlarmType, EndpointStatus, Member, ResponseHeader
from etcdtui.services.cluster import members as cluster
from etcdtui.services.cluster import view as cluster_view
from etcdtui.services.cluster.hashes import check_hashes
from etcdtui.services.cluster.health import ClusterHealth, EndpointHealth, HealthMonitor
from etcdtui.services.cluster.view import ClusterView, MemberRow, Quorum
from tests.support import Server, eventually


def status(member: int, leader: int, *, db: int = 100, quota: int = 0, index: int = 50) -> EndpointStatus:
    return EndpointStatus(
        "e", ResponseHeader(9, member, 10, 2), "3.5.1", db, db // 2, leader, index, 2, index, db_size_quota=quota
    )


def row(member: int, *, up: bool = True, learner: bool = False, leader: int = 1, lag: int = 0) -> MemberRow:
    known = Member(member, f"m{member}", (f"http://p{member}:2380",), (f"http://c{member}:2379",), learner)
    return MemberRow(known, f"c{member}:2379", up, status(member, leader) if up else None, lag=lag)


def view(*rows: MemberRow, alarms: tuple[Alarm, ...] = ()) -> ClusterView:
    return ClusterView(ClusterHealth(leader_id=1, revision=5000), rows, alarms)


@pytest.mark.parametrize(
    ("voters", "up", "spare"), [(1, 1, 0), (2, 2, 0), (3, 3, 1), (3, 2, 0), (3, 1, -1), (4, 4, 1), (5, 5, 2)]
)
def test_quorum(voters: int, up: int, spare: int) -> None:
    assert Quorum(voters, up).spare == spare


def test_removing_is_blocked_when_the_rest_would_have_no_majority() -> None:
    healthy, down = row(1), row(3, up=False)
    assert cluster.remove_plan(view(healthy, row(2), down), healthy).blocked
    assert not cluster.remove_plan(view(healthy, row(2), down), down).blocked
    assert cluster.remove_plan(view(healthy), healthy).blocked
    assert not cluster.remove_plan(view(healthy, row(2), row(3)), row(2)).blocked


def test_the_leader_moves_only_to_a_member_that_can_lead() -> None:
    rows = view(row(1), row(2), row(3, learner=True), row(4, up=False), row(5, lag=5000))
    assert [bool(cluster.move_leader_plan(rows, r).blocked) for r in rows.rows[1:]] == [False, True, True, True]


def test_a_member_is_added_as_a_learner_and_not_while_one_is_down() -> None:
    plan = cluster.add_plan(view(row(1), row(2), row(3)), "new", ("http://p4:2380",))
    assert "--learner" in plan.etcdctl and not plan.blocked
    assert "remove it first" in cluster.add_plan(view(row(1), row(2, up=False)), "new", ("http://p:2380",)).blocked
    lines = cluster.add_environment(view(row(1)), "new", ("http://p4:2380",))
    assert 'ETCD_INITIAL_CLUSTER="m1=http://p1:2380,new=http://p4:2380"' in lines


def test_who_is_away_is_told_in_good_grammar() -> None:
    down = [row(1), row(2, up=False), row(3, up=False)]
    blocked = cluster.add_plan(view(*down), "new", ("http://p:2380",)).blocked
    assert blocked == "m2, m3 are down: remove them first, an add raises the majority needed"
    unseen = MemberRow(row(2).member)
    blocked = cluster.add_plan(view(row(1), unseen), "new", ("http://p:2380",)).blocked
    assert blocked == "m2 is not seen from here: connect to it too, an add raises the majority needed"
    assert cluster.defrag_plan(view(*down), down[0]).blocked.startswith("m2, m3 are down")


def test_members_out_of_sight_are_neither_up_nor_a_lost_quorum() -> None:
    seen_from_one = view(row(1), MemberRow(row(2).member), MemberRow(row(3).member))
    assert seen_from_one.quorum.words() == "QUORUM 2 of 3 needed, 1 up, 2 not seen from here"
    assert view(row(1, leader=0), row(2, up=False), row(3, up=False)).quorum.words().startswith("NO QUORUM")


def test_rows_come_by_name_with_numbers_by_their_size() -> None:
    names = ["etcd-10", "etcd-2", "", "etcd-1", "b"]
    members = tuple(Member(9 - i, name, (), (f"http://c{i}",)) for i, name in enumerate(names))
    rows = cluster_view.view_of(ClusterHealth(members=members)).rows
    assert [known.member.name for known in rows] == ["b", "etcd-1", "etcd-2", "etcd-10", ""]


@pytest.mark.parametrize(
    ("up", "learner_down", "said"),
    [((True, True, True), False, False), ((True, True, False), False, True), ((True, False, False), False, False),
     ((True, True, True), True, False), ((True, True, True, False, False), False, True),
     ((True, True, True, True, False), False, False)],
)  # fmt: skip
def test_no_spare_member_is_said_when_one_more_failure_takes_the_majority(
    up: tuple[bool, ...], learner_down: bool, said: bool
) -> None:
    members = [Member(i, f"m{i}", (), (f"http://c{i}",)) for i in range(1, len(up) + 1)]
    endpoints = [EndpointHealth(f"c{i}", well, member_id=i) for i, well in enumerate(up, 1)]
    if learner_down:
        members.append(Member(99, "learner", (), ("http://l",), True))
        endpoints.append(EndpointHealth("l", False, member_id=99))
    assert ClusterHealth(members=tuple(members), endpoints=tuple(endpoints)).no_spare_member is said
    out_of_sight = ClusterHealth(members=tuple(members), endpoints=tuple(endpoints[1:]))
    assert not out_of_sight.no_spare_member


def test_how_long_a_member_is_down_has_the_unit_that_reads_best() -> None:
    down = MemberRow(row(1).member, "c1", False, since=1000.0)
    told = [cluster_view.down_words(down, 1000.0 + age) for age in (5, 65, 7300, 200_000)]
    assert told == ["DOWN 5s", "DOWN 1m", "DOWN 2h", "DOWN 2d"]


def test_a_corrupt_alarm_is_not_disarmed_and_a_full_member_neither() -> None:
    full, empty = sized(row(1), 95, 100), sized(row(2), 20, 100)
    nospace, corrupt = Alarm(1, AlarmType.NOSPACE), Alarm(2, AlarmType.CORRUPT)
    assert "still too full: m1 95%" in cluster.clear_plan(view(full, empty), [Alarm(2, AlarmType.NOSPACE)]).blocked
    assert "not known how full: m1" in cluster.clear_plan(view(row(1), empty), [nospace]).blocked
    assert not cluster.clear_plan(view(empty), [nospace]).blocked
    assert cluster.clear_plan(view(empty), [nospace, corrupt]).blocked
    assert cluster.clear_plan(view(empty), []).blocked
    both = cluster.clear_plan(view(sized(row(1), 1, 100), empty), [nospace, Alarm(2, AlarmType.NOSPACE)])
    assert [fact.name for fact in both.facts[:2]] == [b"m1", b"m2"] and both.scope.members == frozenset({1, 2})


def sized(known: MemberRow, size: int, quota: int) -> MemberRow:
    assert known.status is not None
    return replace(known, status=replace(known.status, db_size=size), quota=quota)


def test_defragmenting_waits_for_a_majority_without_the_member_and_for_who_joins_or_lags() -> None:
    three = (row(1), row(2), row(3))
    assert not cluster.why_no_defrag(view(*three), three[1])
    assert "m3 is down" in cluster.why_no_defrag(view(row(1), row(2), row(3, up=False)), three[1])
    five = (*three, row(4), row(5, up=False))
    assert not cluster.why_no_defrag(view(*five), three[1])
    assert any(b"m5 is down" in line.parts for line in cluster.defrag_plan(view(*five), three[1]).lines)
    assert "m4 is joining" in cluster.why_no_defrag(view(*three, row(4, learner=True)), three[1])
    assert "m3 lags" in cluster.why_no_defrag(view(row(1), row(2), row(3, lag=2000)), three[1])
    assert not cluster.why_no_defrag(view(row(1)), row(1))
    lines = cluster.defrag_plan(view(*three), three[0]).lines
    assert any("it is the leader" in str(line.parts) for line in lines)
    assert any("before 3.5.6" in str(line.parts) for line in lines)


def test_compaction_outside_of_the_history_is_blocked_and_keeping_little_is_the_worst_class() -> None:
    assert cluster.compact_plan(view(row(1)), 9000, 1000).blocked
    assert (
        cluster.compact_plan(view(row(1)), 4900, 1000).action_class
        > cluster.compact_plan(view(row(1)), 3000, 1000).action_class
    )


async def test_rows_of_a_real_cluster_follow_a_killed_member(cluster3: Server) -> None:
    client = await Client.open(ClientOptions(endpoints=tuple(cluster3.endpoints)))
    try:
        monitor = HealthMonitor(client)

        async def shown() -> ClusterView:
            return cluster_view.view_of(await monitor.poll())

        async def all_known() -> bool:
            rows = (await shown()).rows
            return len(rows) == 3 and all(r.up and r.status and r.name for r in rows)

        await eventually(all_known, timeout=15)
        leader = await cluster3.leader()
        now = await shown()
        assert now.quorum == Quorum(3, 3, leader=True)
        assert sum(r.role == "LEADER" for r in now.rows) == 1
        assert (await check_hashes(client, now)).verdict == "equal on 3 of 3"

        victim = next(m for m in cluster3.members if m is not leader)
        await victim.kill()

        async def one_down() -> bool:
            rows = (await shown()).rows
            return sum(r.state == "DOWN" for r in rows) == 1 and sum(r.up for r in rows) == 2

        await eventually(one_down, timeout=15)
        await victim.restart()
        await eventually(all_known, timeout=20)
    finally:
        await client.aclose()
