"""A healthy cluster of three as the checks see it, to be made ill in one point at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from etcdtui.core.types import Alarm, EndpointStatus, Member, ResponseHeader
from etcdtui.services.cluster.doctor.checks import CHECKS, Streaks, examine
from etcdtui.services.cluster.doctor.finding import Check, Finding, Severity, Verdict
from etcdtui.services.cluster.doctor.inputs import Inputs, LeaseFacts, MemberLook, ReadProbe
from etcdtui.services.cluster.endpoint_health import ClusterHealth, EndpointHealth, State
from etcdtui.services.cluster.metrics import MemberMetrics, read_scrape
from etcdtui.services.cluster.samples import Samples
from etcdtui.services.cluster.scraping import HttpFacts
from etcdtui.services.cluster.view import ClusterView, view_of
from tests.support.metrics import MetricsText

NOW = 1_000_000.0
GB = 1024**3


def status(number: int, **changes: object) -> EndpointStatus:
    """The Status of member ``number``; member 1 leads."""
    base = EndpointStatus(
        f"e{number}", ResponseHeader(0xABC, number, 5000, 2), "3.6.14", GB // 4, GB // 5, 1, 9000, 2, 9000,
        db_size_quota=2 * GB,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]  # a test names fields


def endpoint(number: int, told: EndpointStatus | None, *, rtt: float = 0.002) -> EndpointHealth:
    return EndpointHealth(f"e{number}", told is not None, told, None, rtt, NOW, number)


def member(number: int, *, learner: bool = False, name: str | None = None) -> Member:
    known = f"m{number}" if name is None else name
    urls = (f"http://e{number}",) if known else ()
    return Member(number, known, (f"http://p{number}",), urls, learner)


def health(
    *endpoints: EndpointHealth, members: tuple[Member, ...] = (), alarms: tuple[str, ...] = (), leader: int = 1
) -> ClusterHealth:
    up = sum(e.up for e in endpoints)
    state = State.CONNECTED if leader and up else State.NO_LEADER if up else State.LOST
    listed = members or tuple(member(e.member_id) for e in endpoints)
    return ClusterHealth(
        state=state, members_up=up, members_total=len(endpoints), members_listed=len(listed), leader_id=leader,
        leader_name=f"m{leader}" if leader else "", revision=5000, cluster_id=0xABC, endpoints=endpoints,
        members=listed, alarms=alarms,
    )  # fmt: skip


def healthy(*numbers: int, **changes: object) -> ClusterHealth:
    """Three members, all well; ``changes`` are of every Status."""
    return health(*(endpoint(n, status(n, **changes)) for n in (numbers or (1, 2, 3))))


def scraped(
    number: int, change: Callable[[MetricsText], object] = lambda _: None, *, apart: float = 15.0
) -> MemberMetrics:
    """Two scrapes of a member, changed between them."""
    text = MetricsText(number)
    text.values.update(
        {
            "etcd_server_leader_changes_seen_total": 3,
            "etcd_server_proposals_failed_total": 5,
            "etcd_server_proposals_pending": 0,
            "etcd_debugging_mvcc_slow_watcher_total": 0,
            "etcd_debugging_mvcc_pending_events_total": 0,
            "etcd_debugging_mvcc_compact_revision": 4000,
            "process_open_fds": 100,
            "process_max_fds": 1000,
            "etcd_server_has_leader": 1,
        }
    )
    for name in ("etcd_disk_wal_fsync_duration_seconds", "etcd_disk_backend_commit_duration_seconds"):
        text.observe(name, 0.001)
    text.observe("etcd_network_peer_round_trip_time_seconds", 0.001, peer=f"{number % 3 + 1:x}")
    text.answers["OK"] = 1000
    metrics = MemberMetrics().with_scrape(read_scrape(text.text(), NOW - apart), f"e{number}")
    for name in ("etcd_disk_wal_fsync_duration_seconds", "etcd_disk_backend_commit_duration_seconds"):
        text.observe(name, 0.001)
    text.observe("etcd_network_peer_round_trip_time_seconds", 0.001, peer=f"{number % 3 + 1:x}")
    text.answers["OK"] = 2000
    change(text)
    return metrics.with_scrape(read_scrape(text.text(), NOW))


def inputs(
    cluster: ClusterHealth | None = None,
    *,
    metrics: Callable[[MetricsText], object] = lambda _: None,
    scrapes: MemberMetrics | None = None,
    read: ReadProbe | None = None,
    facts: HttpFacts | None = None,
    alarms: tuple[Alarm, ...] | None = (),
    samples: Samples | None = None,
    **changes: object,
) -> Inputs:
    """A look at ``cluster``; ``metrics``, ``read`` and ``facts`` are those of member 2."""
    cluster = cluster or healthy()
    view: ClusterView = view_of(cluster, alarms)
    well = HttpFacts(server_version="3.6.14", cluster_version="3.6.0", healthy=True, ready=True, skew=(-0.5, 0.6))
    if samples is None:
        samples = Samples()
        for n in range(5):
            samples.note(cluster, NOW - 10 + 2 * n)
    looks = []
    for row in view.rows:
        second = row.member.id == 2
        seen = (
            scrapes if second and scrapes is not None else scraped(row.member.id, metrics if second else lambda _: None)
        )
        looks.append(
            MemberLook(
                row,
                (read if second and read else ReadProbe(0.004)) if row.up else None,
                seen if row.up else MemberMetrics(why="connection refused"),
                (facts if second and facts else well) if row.up else None,
            )
        )
    base = Inputs(
        at=NOW, view=view, looks=tuple(looks), alarms=alarms, auth=False, leases=LeaseFacts(3), samples=samples,
        rounds={"status": 1, "metrics": 2},
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]  # a test names fields


def check(check_id: str) -> Check:
    return next(check for check in CHECKS if check.id == check_id)


def judged(check_id: str, given: Inputs) -> Verdict:
    """What one look says, whatever it takes to settle."""
    return check(check_id).judge(given)


def severity(check_id: str, given: Inputs) -> Severity:
    return judged(check_id, given).severity


def finding(check_id: str, given: Inputs, streaks: Streaks | None = None) -> Finding:
    return next(f for f in examine(given, streaks or Streaks()) if f.id == check_id)
