"""Every check of the Doctor made to fire and to fall silent, on one look at a cluster that is else healthy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from etcdtui.client.http import Certificate
from etcdtui.core.errors import PermissionDenied, Unavailable
from etcdtui.core.types import Alarm, AlarmType, HashKV
from etcdtui.services.cluster.doctor.checks import CHECKS, Streaks, examine
from etcdtui.services.cluster.doctor.finding import Severity
from etcdtui.services.cluster.doctor.inputs import Inputs, LeaseFacts, ReadProbe
from etcdtui.services.cluster.endpoint_health import ClusterHealth, EndpointHealth
from etcdtui.services.cluster.hashes import HashAnswer, HashCheck
from etcdtui.services.cluster.metrics import COMMIT, FSYNC, PEER_RTT, MemberMetrics, read_scrape
from etcdtui.services.cluster.samples import Samples
from etcdtui.services.cluster.scraping import HttpFacts
from etcdtui.services.cluster.versions import faults_of, unsafe_defrag
from tests.services.doctor_support import (
    GB,
    NOW,
    endpoint,
    finding,
    health,
    healthy,
    inputs,
    judged,
    member,
    scraped,
    severity,
    status,
)
from tests.support.metrics import MetricsText

SKIP, OK, INFO, WARN, CRIT = Severity.SKIP, Severity.OK, Severity.INFO, Severity.WARN, Severity.CRIT
NEEDS_DEMAND = {"agreement", "growth", "certificates"}
"""Checks that say SKIP on a healthy plaintext cluster that was just opened."""


def test_a_healthy_cluster_has_nothing_to_tell() -> None:
    found = {f.id: f.severity for f in examine(inputs(), Streaks())}
    assert {name for name, seen in found.items() if seen is not OK} == NEEDS_DEMAND
    assert len(found) == len(CHECKS) == len({check.id for check in CHECKS})
    assert all(check.formula and check.threshold and check.source and check.meaning for check in CHECKS)


def one_down() -> ClusterHealth:
    return health(endpoint(1, status(1)), endpoint(2, status(2)), endpoint(3, None))


def only_one(leader: int = 0) -> ClusterHealth:
    left = status(1, leader=leader)
    return health(endpoint(1, left), endpoint(2, None), endpoint(3, None), leader=leader)


def behind(**changes: object) -> ClusterHealth:
    """Member 2 is another in some way."""
    return health(endpoint(1, status(1)), endpoint(2, status(2, **changes)), endpoint(3, status(3)))


def learning() -> ClusterHealth:
    listed = (member(1), member(2), member(3), member(4, learner=True))
    return health(*(endpoint(n, status(n)) for n in (1, 2, 3)), members=listed)


def never_started() -> ClusterHealth:
    return health(
        *(endpoint(n, status(n)) for n in (1, 2, 3)), members=(member(1), member(2), member(3), member(4, name=""))
    )


def seen(*spreads: tuple[float, int]) -> Samples:
    """Samples in which member 2 was that far behind at that many seconds ago."""
    samples = Samples()
    for ago, spread in spreads:
        at = [status(n) for n in (1, 2, 3)]
        header = replace(at[1].header, revision=5000 - spread)  # type: ignore[type-var]  # it has one
        at[1] = replace(at[1], header=header)
        samples.note(health(*(endpoint(n + 1, s) for n, s in enumerate(at))), NOW - ago)
    return samples


def changed(times: int) -> Samples:
    """The leader went from 1 to 2 and back that often, in the last minutes."""
    samples = Samples()
    samples.note(healthy(), NOW - 600)
    for n in range(times):
        leads = 2 if n % 2 == 0 else 1
        told = health(*(endpoint(m, status(m, leader=leads, raft_term=3 + n)) for m in (1, 2, 3)), leader=leads)
        samples.note(told, NOW - 500 + n)
    return samples


def growing(per_hour: int, *, last: int) -> Samples:
    samples = Samples()
    for minute in range(30):
        size = last - per_hour * (29 - minute) // 60
        samples.note(healthy(db_size=size, db_size_in_use=size), NOW - (29 - minute) * 60)
    return samples


def differing(ago: float) -> Samples:
    samples = Samples()
    samples.differ_since = NOW - ago
    return samples


def slow_for_a_minute(text: MetricsText) -> MemberMetrics:
    metrics = MemberMetrics()
    text.values["etcd_debugging_mvcc_slow_watcher_total"] = 2
    for ago in (60, 45, 30, 15, 0):
        metrics = metrics.with_scrape(read_scrape(text.text(), NOW - ago))
    return metrics


def failing_for_long(each_second: float) -> MemberMetrics:
    text, metrics = MetricsText(2), MemberMetrics()
    for ago in range(900, -1, -30):
        text.values["etcd_server_proposals_failed_total"] = (900 - ago) * each_second
        metrics = metrics.with_scrape(read_scrape(text.text(), NOW - ago))
    return metrics


def set_value(name: str, value: float) -> Callable[[MetricsText], object]:
    return lambda text: text.values.update({name: value})


def observed(name: str, seconds: float, *, peer: str = "") -> Callable[[MetricsText], object]:
    return lambda text: text.observe(name, seconds, 10_000, peer=peer)


def failures(count: int) -> Callable[[MetricsText], object]:
    return lambda text: text.answers.update({"Unavailable": count})


def hashes(*values: tuple[int, int], missing: str = "") -> HashCheck:
    rows = inputs().view.rows
    answers = [HashAnswer(row, HashKV(h, compacted)) for row, (h, compacted) in zip(rows, values, strict=False)]
    if missing:
        answers.append(HashAnswer(rows[-1], None, missing, False))
    return HashCheck(5000, tuple(answers))


LOST_READ = ReadProbe(0.0, "no answer within 2 s")
IN_A_WEEK, IN_A_MONTH = NOW + 6 * 86400, NOW + 29 * 86400

CASES: list[tuple[str, str, Severity, Inputs]] = [
    ("alarms", "NOSPACE", CRIT, inputs(alarms=(Alarm(1, AlarmType.NOSPACE),))),
    ("alarms", "CORRUPT", CRIT, inputs(alarms=(Alarm(1, AlarmType.CORRUPT),))),
    (
        "alarms", "told by Status only", CRIT,
        inputs(health(endpoint(1, status(1)), alarms=("NOSPACE",)), alarms=None, alarms_why="denied"),
    ),
    ("quorum", "one of three down", WARN, inputs(one_down())),
    ("quorum", "two of three down", CRIT, inputs(only_one())),
    ("quorum", "two of three out of reach, yet there is a leader", WARN, inputs(only_one(leader=2))),
    ("quorum", "a cluster of one", INFO, inputs(healthy(1))),
    ("quorum", "nobody answers", SKIP, inputs(health(endpoint(1, None), endpoint(2, None), leader=0))),
    ("leader", "none", CRIT, inputs(only_one())),
    ("leader", "two are named", WARN, inputs(behind(leader=3), samples=differing(9.0))),
    ("leader", "two are named for a moment", OK, inputs(behind(leader=3), samples=differing(2.0))),
    ("leader", "nobody answers", SKIP, inputs(health(endpoint(1, None), leader=0))),
    ("agreement", "equal", OK, inputs(hashes=hashes((7, 4), (7, 4), (7, 4)))),
    ("agreement", "different", CRIT, inputs(hashes=hashes((7, 4), (7, 4), (8, 4)))),
    ("agreement", "compacted apart", WARN, inputs(hashes=hashes((7, 4), (7, 5), (8, 6)))),
    ("unstarted", "a member without a name", WARN, inputs(never_started())),
    ("even", "four voters", INFO, inputs(health(*(endpoint(n, status(n)) for n in (1, 2, 3, 4))))),
    ("learner", "for a moment", INFO, inputs(learning())),
    ("leader-changes", "one", WARN, inputs(samples=changed(1))),
    ("leader-changes", "four", CRIT, inputs(samples=changed(4))),
    ("leader-changes", "counted", WARN, inputs(metrics=set_value("etcd_server_leader_changes_seen_total", 4))),
    ("leader-changes", "counted often", CRIT, inputs(metrics=set_value("etcd_server_leader_changes_seen_total", 7))),
    ("raft-lag", "1,001", WARN, inputs(behind(raft_index=7999, raft_applied_index=7999))),
    ("raft-lag", "1,000", OK, inputs(behind(raft_index=8000, raft_applied_index=8000))),
    ("raft-lag", "5,001", CRIT, inputs(behind(raft_index=3999, raft_applied_index=3999))),
    ("apply-lag", "501", WARN, inputs(behind(raft_applied_index=8499))),
    ("apply-lag", "5,001", CRIT, inputs(behind(raft_applied_index=3999))),
    ("quota", "80 %", WARN, inputs(behind(db_size=GB * 16 // 10 + 1))),
    ("quota", "79 %", OK, inputs(behind(db_size=GB * 158 // 100))),
    ("quota", "95 %", CRIT, inputs(behind(db_size=GB * 19 // 10 + 1))),
    ("quota", "not told", SKIP, inputs(healthy(db_size_quota=0))),
    ("quota", "told by the profile", WARN, inputs(healthy(db_size_quota=0), quota=GB * 3 // 10)),
    ("growth", "in three hours", WARN, inputs(samples=growing(GB // 4, last=2 * GB - GB * 3 // 4))),
    ("growth", "in half an hour", CRIT, inputs(samples=growing(GB, last=2 * GB - GB // 2))),
    ("growth", "in a week", OK, inputs(samples=growing(GB // 100, last=GB))),
    ("fragmentation", "40 % in use", WARN, inputs(behind(db_size=GB, db_size_in_use=GB * 4 // 10))),
    ("fragmentation", "a small file", OK, inputs(behind(db_size=GB // 8, db_size_in_use=GB // 80))),
    ("large-quota", "16 GB", INFO, inputs(healthy(db_size_quota=16 * GB))),
    (
        "compaction", "a million kept", WARN,
        inputs(replace(healthy(), revision=2_000_000), metrics=set_value("etcd_debugging_mvcc_compact_revision", 5000)),
    ),
    ("leases", "many", WARN, inputs(leases=LeaseFacts(10_001))),
    ("leases", "many without keys", WARN, inputs(leases=LeaseFacts(5_000, 100, 2_000))),
    ("leases", "not allowed", SKIP, inputs(leases=None, leases_why="permission denied")),
    ("defrag-safety", "3.5.1", INFO, inputs(healthy(version="3.5.1"))),
    ("wal-fsync", "16 ms", WARN, inputs(metrics=observed(FSYNC, 0.015))),
    ("wal-fsync", "1 s", CRIT, inputs(metrics=observed(FSYNC, 0.9))),
    ("backend-commit", "64 ms", WARN, inputs(metrics=observed(COMMIT, 0.06))),
    ("backend-commit", "0.5 s", CRIT, inputs(metrics=observed(COMMIT, 0.5))),
    ("peer-rtt", "128 ms", WARN, inputs(metrics=observed(PEER_RTT, 0.1, peer="3"))),
    ("peer-rtt", "0.5 s", CRIT, inputs(metrics=observed(PEER_RTT, 0.5, peer="3"))),
    ("linear-read", "0.2 s", WARN, inputs(read=ReadProbe(0.2))),
    ("linear-read", "1.5 s", CRIT, inputs(read=ReadProbe(1.5))),
    ("linear-read", "none", CRIT, inputs(read=LOST_READ)),
    ("linear-read", "refused, which proves a leader", OK, inputs(read=ReadProbe(0.01, "not allowed", True))),
    ("failed-proposals", "some", WARN, inputs(metrics=set_value("etcd_server_proposals_failed_total", 35))),
    ("failed-proposals", "many for 15 min", CRIT, inputs(scrapes=failing_for_long(6))),
    ("failed-proposals", "few for 15 min", WARN, inputs(scrapes=failing_for_long(2))),
    ("pending-proposals", "101", WARN, inputs(metrics=set_value("etcd_server_proposals_pending", 101))),
    ("pending-proposals", "1,001", CRIT, inputs(metrics=set_value("etcd_server_proposals_pending", 1001))),
    ("grpc-errors", "2 %", WARN, inputs(metrics=failures(20))),
    ("grpc-errors", "10 %", CRIT, inputs(metrics=failures(120))),
    ("grpc-errors", "nine", OK, inputs(metrics=failures(9))),
    ("slow-watchers", "for a minute", WARN, inputs(scrapes=slow_for_a_minute(MetricsText(2)))),
    ("slow-watchers", "now", OK, inputs(metrics=set_value("etcd_debugging_mvcc_slow_watcher_total", 2))),
    (
        "slow-watchers", "many events wait", CRIT,
        inputs(metrics=set_value("etcd_debugging_mvcc_pending_events_total", 10_001)),
    ),
    ("fds", "81 %", WARN, inputs(metrics=set_value("process_open_fds", 810))),
    ("fds", "96 %", CRIT, inputs(metrics=set_value("process_open_fds", 960))),
    ("versions", "patches differ", INFO, inputs(behind(version="3.6.13"))),
    ("versions", "neighbours", INFO, inputs(behind(version="3.7.1"))),
    ("versions", "two minors apart", CRIT, inputs(behind(version="3.4.42"))),
    ("bad-versions", "3.5.1", CRIT, inputs(healthy(version="3.5.1"))),
    ("bad-versions", "old, with auth", WARN, inputs(healthy(version="3.5.27"), auth=True)),
    ("bad-versions", "old, without auth", OK, inputs(healthy(version="3.5.27"), auth=False)),
    ("downgrade", "under way", INFO, inputs(healthy(downgrade_enabled=True, downgrade_target="3.5.0"))),
    ("health", "data corruption", WARN, inputs(facts=HttpFacts(healthy=True, not_ready=("data_corruption",)))),
    ("health", "unhealthy", WARN, inputs(facts=HttpFacts(healthy=False, reason="RAFT NO LEADER"))),
    ("clock", "2 s ahead", WARN, inputs(facts=HttpFacts(skew=(2.0, 3.1)))),
    ("clock", "9 s behind", CRIT, inputs(facts=HttpFacts(skew=(-10.0, -9.0)))),
    ("clock", "half a second", OK, inputs(facts=HttpFacts(skew=(-0.4, 0.7)))),
    ("certificates", "a week", CRIT, inputs(tls=True, own_certificate=Certificate("us", IN_A_WEEK))),
    ("certificates", "a month", WARN, inputs(tls=True, facts=HttpFacts(certificate=Certificate("m2", IN_A_MONTH)))),
    ("certificates", "a year", OK, inputs(tls=True, own_certificate=Certificate("us", NOW + 365 * 86400))),
    ("access", "one without metrics", INFO, inputs(scrapes=MemberMetrics(why="connection refused"))),
    ("wal-fsync", "nobody's metrics", SKIP, replace(inputs(), looks=tuple(
        replace(look, metrics=MemberMetrics(why="refused")) for look in inputs().looks))),
]  # fmt: skip


@pytest.mark.parametrize(("check_id", "what", "wanted", "given"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_it_fires(check_id: str, what: str, wanted: Severity, given: Inputs) -> None:
    verdict = judged(check_id, given)
    assert verdict.severity is wanted, verdict
    assert verdict.line
    if wanted >= WARN:
        assert verdict.evidence and verdict.todo


def test_every_check_was_made_to_fire() -> None:
    apart = {"revision-spread", "client-rtt"}  # below, as they need a history of their own
    assert {check.id for check in CHECKS} - {case[0] for case in CASES} == apart


def test_a_spread_of_revisions_counts_while_it_grows() -> None:
    far = behind()
    two = status(2)
    assert two.header is not None
    far = health(
        endpoint(1, status(1)),
        endpoint(2, replace(two, header=replace(two.header, revision=2000))),
        endpoint(3, status(3)),
    )
    assert severity("revision-spread", inputs(far, samples=seen((9, 1500), (6, 2000), (3, 2500), (0, 3000)))) is WARN
    assert severity("revision-spread", inputs(far, samples=seen((9, 3000), (6, 3000), (3, 3000), (0, 3000)))) is OK
    minute = [(float(ago), 1100 + (66 - ago) * 20) for ago in range(66, -1, -3)]
    assert severity("revision-spread", inputs(far, samples=seen(*minute))) is CRIT
    assert severity("revision-spread", inputs()) is OK


def test_a_long_way_to_one_member() -> None:
    def at(rtt: float) -> Inputs:
        cluster = health(endpoint(1, status(1)), endpoint(2, status(2), rtt=rtt), endpoint(3, status(3)))
        return inputs(cluster)

    assert [severity("client-rtt", at(rtt)) for rtt in (0.004, 0.04, 0.2, 1.2)] == [OK, OK, WARN, CRIT]
    assert "tunnel" in " ".join(judged("client-rtt", replace(at(0.2), tunnel=True)).evidence)


def test_a_learner_is_told_when_it_stays_one_for_more_than_ten_minutes() -> None:
    samples = Samples()
    samples.note(learning(), NOW - 700)
    samples.note(learning(), NOW)
    assert severity("learner", inputs(learning(), samples=samples)) is WARN


def test_compaction_that_stands_still_while_revisions_come() -> None:
    samples = Samples()
    for minute in range(61, 0, -1):
        samples.note_compaction(4000, 5000 - minute * 50, NOW - minute * 60)
    assert severity("compaction", inputs(samples=samples)) is WARN
    quiet = Samples()
    for minute in range(61, 0, -1):
        quiet.note_compaction(4000, 5000, NOW - minute * 60)
    assert severity("compaction", inputs(samples=quiet)) is OK


def test_a_limited_user_sees_reasons_and_no_blank() -> None:
    denied = [
        EndpointHealth(f"e{n}", True, None, PermissionDenied("permission denied"), 0.01, NOW, n) for n in (1, 2, 3)
    ]
    given = inputs(replace(health(*denied), leader_id=0, leader_name=""), alarms=None, alarms_why="permission denied")
    found = {f.id: f for f in examine(given, Streaks())}
    assert found["raft-lag"].severity is SKIP and "not told to this user" in found["raft-lag"].title
    assert found["leader"].severity is OK and found["quorum"].severity is OK
    assert "m1: Status: permission denied" in found["access"].evidence
    assert all(f.title for f in found.values())


def test_a_dead_tunnel_is_not_called_a_lost_quorum() -> None:
    dead = [EndpointHealth(f"e{n}", False, None, Unavailable("timed out"), 0.0, NOW, n) for n in (1, 2, 3)]
    found = examine(inputs(health(*dead, leader=0)), Streaks())
    assert not [f for f in found if f.severity >= WARN]
    assert "timed out" in " ".join(finding("quorum", inputs(health(*dead, leader=0))).evidence)


def test_a_figure_must_hold_for_two_samples_to_be_yellow_and_three_to_be_red() -> None:
    streaks = Streaks()
    high = inputs(metrics=observed(FSYNC, 0.9))

    def settled(given: Inputs, number: int) -> Severity:
        return finding("wal-fsync", replace(given, rounds={"metrics": number}), streaks).severity

    assert settled(high, 1) is OK
    assert settled(high, 1) is OK  # the same scrape looked at again is no new sample
    assert settled(high, 2) is WARN
    assert settled(high, 3) is CRIT
    assert settled(inputs(), 4) is OK
    assert settled(high, 5) is OK
    waiting = finding("wal-fsync", replace(high, rounds={"metrics": 1}))
    assert waiting.waits and "must hold" in waiting.title


def test_what_must_not_wait_does_not() -> None:
    for check_id, given in (("quorum", inputs(only_one())), ("leader", inputs(only_one())), CASES[0][::3]):
        assert finding(check_id, given).severity is CRIT


def test_since_start_is_shown_and_not_judged() -> None:
    text = MetricsText(2)
    text.observe(FSYNC, 0.9)
    once = MemberMetrics().with_scrape(read_scrape(text.text(), NOW))
    given = inputs(scrapes=once)
    everyone = replace(given, looks=tuple(replace(look, metrics=once) for look in given.looks))
    verdict = judged("wal-fsync", everyone)
    assert verdict.severity is SKIP and "since start" in verdict.evidence[0]


def test_versions_with_known_faults() -> None:
    assert [fault.critical for fault in faults_of("3.5.0", False)] == [True]
    assert faults_of("3.5.3", False) == ()
    assert len(faults_of("3.5.27", True)) == 2 and len(faults_of("3.5.28", True)) == 1
    assert faults_of("3.5.33", True) == () and faults_of("3.7.1", True) == ()
    assert len(faults_of("3.7.0", True)) == 1 and len(faults_of("3.4.41", True)) == 1
    assert "if authentication is on" in faults_of("3.6.8", None)[0].words


def test_versions_on_which_defragmenting_is_unsafe() -> None:
    told = {"3.4.37": 1, "3.4.38": 0, "3.5.5": 2, "3.5.6": 1, "3.5.22": 1, "3.5.23": 0, "3.6.4": 1, "3.6.5": 0}
    assert {version: len(unsafe_defrag(version)) for version in told} == told
    assert unsafe_defrag("3.7.0") == ()


def test_the_verdict_of_hashes_counts_everybody() -> None:
    assert hashes((7, 4), (7, 4), missing="DOWN").verdict == "equal on 2 of 3; m3 not asked (DOWN)"
    assert hashes((7, 4), (7, 4), (8, 4)).verdict.startswith("DIFFERS: m3 has 00000008, m1 and m2 have 00000007")
    assert [row.name for row in hashes((7, 4), (7, 4), (8, 4)).odd] == ["m3"]
    assert hashes((7, 4), (8, 4)).odd == ()
    assert "not comparable: 1 of 2" in hashes((7, 4), missing="DOWN").verdict


def test_figures_of_a_member_that_is_scraped() -> None:
    assert scraped(1).p99(FSYNC) is not None
