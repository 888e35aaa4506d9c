"""Everything that the checks look at, as values: who answered what, and why something is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from statistics import median

from etcdtui.client.http import Certificate
from etcdtui.core.types import Alarm, EndpointStatus
from etcdtui.core.value import Value
from etcdtui.services.cluster.hashes import HashCheck
from etcdtui.services.cluster.metrics import MemberMetrics
from etcdtui.services.cluster.samples import Samples
from etcdtui.services.cluster.scraping import HttpFacts
from etcdtui.services.cluster.view import ClusterView, MemberRow

STATUS, READ, METRICS, HTTP, ALARMS, LEASES = "status", "read", "metrics", "http", "alarms", "leases"
"""Where a figure comes from: each is read as often as it changes, and counts as a new sample only then."""


class ReadProbe(Value):
    """A read through the leader at one member: how long it took, or why it failed.

    ``proves_leader``: the member refused it for want of a right, which it does only with a leader.
    """

    seconds: float = 0.0
    why: str = ""
    proves_leader: bool = False

    @property
    def works(self) -> bool:
        return not self.why or self.proves_leader


class LeaseFacts(Value):
    """``empty`` is an estimate from ``looked_at`` leases, ``None`` where none was looked at."""

    count: int
    looked_at: int = 0
    empty: int | None = None


class MemberLook(Value):
    """One member, and what it told over the three ways."""

    row: MemberRow
    read: ReadProbe | None = None
    metrics: MemberMetrics = MemberMetrics(why="not read yet")
    facts: HttpFacts | None = None

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def status(self) -> EndpointStatus | None:
        return self.row.status

    @property
    def voter(self) -> bool:
        return not self.row.member.is_learner

    @property
    def has_leader(self) -> bool | None:
        """Whether it knows a leader by its metrics, where Status is not told."""
        told = self.metrics.value("etcd_server_has_leader")
        return None if told is None else told > 0


class Inputs(Value):
    """One look at the cluster. ``alarms`` is ``None`` with the reason in ``alarms_why``, and so on.

    ``auth`` is ``None`` when it could not be found out. ``quota`` in bytes is the profile's word, 0 for none.
    ``rounds`` counts for each source how often it was read. ``tls`` and ``tunnel`` (all endpoints are this machine)
    say how the members are reached.
    """

    at: float
    view: ClusterView
    looks: tuple[MemberLook, ...] = ()
    alarms: tuple[Alarm, ...] | None = None
    alarms_why: str = ""
    auth: bool | None = None
    auth_why: str = ""
    user: str = ""
    leases: LeaseFacts | None = None
    leases_why: str = ""
    hashes: HashCheck | None = None
    hashes_at: float = 0.0
    own_certificate: Certificate | None = None
    tls: bool = False
    tunnel: bool = False
    quota: int = 0
    keep_revisions: int = 1000
    samples: Samples = field(default_factory=Samples)
    rounds: Mapping[str, int] = field(default_factory=dict)

    @property
    def answering(self) -> tuple[MemberLook, ...]:
        """Members whose Status is known now."""
        return tuple(look for look in self.looks if look.status is not None)

    @property
    def anybody(self) -> bool:
        return self.view.health.answering

    @property
    def read_works(self) -> bool:
        """A read through the leader worked somewhere: there is a leader and a majority."""
        return any(look.read is not None and look.read.works for look in self.looks)

    @property
    def leader_known(self) -> bool:
        """Somebody knows a leader: by its Status, which is the newest; where that is not told, by a read or metrics."""
        if self.answering:
            return any(look.status.leader for look in self.answering if look.status)
        return self.read_works or any(look.has_leader for look in self.looks)

    def name(self, member_id: int) -> str:
        """The member's name, else its ID in hex."""
        row = self.view.row(member_id)
        return row.name if row is not None else f"{member_id:x}"

    def quota_of(self, look: MemberLook) -> tuple[int, str]:
        """The member's quota in bytes and who told it; 0 when it is not known."""
        if look.status is not None and look.status.db_size_quota > 0:
            return look.status.db_size_quota, "Status"
        told = look.metrics.value("etcd_server_quota_backend_bytes")
        if told:
            return int(told), "/metrics"
        return (self.quota, "the profile") if self.quota else (0, "")

    def rtt_of(self, look: MemberLook) -> float | None:
        """The member's round trip as the median of the last five polls, in seconds."""
        last = [s.members[look.row.member.id].rtt for s in self.samples.since(60) if look.row.member.id in s.members]
        return median(last[-5:]) if last else None

    def compacted(self) -> int | None:
        """The revision up to which history is gone; -1 for never, ``None`` when nobody told."""
        told = [value for look in self.looks if (value := look.metrics.value(COMPACTED)) is not None]
        if told:
            return int(max(told))
        if self.hashes is not None and self.hashes.compacted is not None:
            return self.hashes.compacted
        return None


COMPACTED = "etcd_debugging_mvcc_compact_revision"
