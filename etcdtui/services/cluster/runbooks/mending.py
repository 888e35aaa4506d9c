"""Which plan mends what: for a finding of Doctor's, and whether one can be begun as the cluster is now."""

from __future__ import annotations

from etcdtui.services.cluster.doctor.finding import Finding, Severity
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.cluster.runbooks.spec import Kind
from etcdtui.services.cluster.versions import version_order
from etcdtui.services.cluster.view import ClusterView

BY_FINDING = {
    "agreement": Kind.CORRUPT,
    "quota": Kind.NOSPACE,
    "fragmentation": Kind.MAINTENANCE,
    "leader-changes": Kind.LEADER,
    "wal-fsync": Kind.LEADER,
    "backend-commit": Kind.LEADER,
    "versions": Kind.UPGRADE,
    "bad-versions": Kind.UPGRADE,
    "downgrade": Kind.DOWNGRADE,
}
WORDS = {
    Kind.NOSPACE: "free space",
    Kind.MAINTENANCE: "rolling maintenance",
    Kind.RESTART: "rolling restart",
    Kind.REPLACE: "replace a member",
    Kind.LEADER: "move the leadership",
    Kind.HASHES: "compare hashes",
    Kind.CORRUPT: "CORRUPT",
    Kind.QUORUM: "quorum lost",
    Kind.UPGRADE: "upgrade",
    Kind.DOWNGRADE: "downgrade",
}
READING = frozenset({Kind.QUORUM, Kind.HASHES, Kind.CORRUPT})
"""Plans that change nothing, and are of use without a leader."""


def mends(finding: Finding) -> Kind | None:
    """The plan for a finding; ``None`` where there is none, or nothing to mend."""
    if finding.id == "agreement" and finding.severity is Severity.SKIP:
        return Kind.HASHES
    if finding.severity < (Severity.INFO if finding.id == "downgrade" else Severity.WARN):
        return None
    if finding.id == "alarms":
        return Kind.CORRUPT if "CORRUPT" in finding.title else Kind.NOSPACE
    if finding.id in ("quorum", "leader"):
        return Kind.QUORUM if finding.severity is Severity.CRIT else None
    if finding.id == "agreement" and finding.severity < Severity.CRIT:
        return Kind.HASHES
    return BY_FINDING.get(finding.id)


def why_not_begin(kind: Kind, view: ClusterView) -> str:
    """Why a plan is of no use now, as a sentence; empty when it can be begun. A locked profile may look at any."""
    if kind not in READING and (why := view.health.why_no_writes):
        return why
    told = [row.status for row in view.rows if row.status is not None]
    running = any(status.downgrade_enabled for status in told)
    if kind is Kind.DOWNGRADE and not running and any(version_order(status.version) < (3, 6) for status in told):
        return "downgrades begin with etcd 3.6 on every member"
    if kind is Kind.LEADER and view.quorum.voters == 1:
        return "a single voting member leads always"
    if kind is Kind.QUORUM and view.health.state is not State.NO_LEADER and not view.quorum.lost:
        return "there is a leader: nothing is lost"
    return ""
