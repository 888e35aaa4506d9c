"""The members side by side, and what the cluster can still lose.

Every row comes from a member's own ``Status``; members are matched by ``header.member_id``, never by address, because
tunnels and proxies make addresses lie.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from etcdtui.core.errors import EtcdError
from etcdtui.core.types import Alarm, EndpointStatus, Member
from etcdtui.core.value import record
from etcdtui.services.cluster.health import ClusterHealth, EndpointHealth


@record()
class Quorum:
    """Voting members only. ``spare`` is how many more may fail; negative means no quorum now.

    ``unseen`` members are not asked, because no endpoint of the profile leads to them: they may be up or down.
    ``leader``: one that answers knows a leader, so there is a majority, whoever does not answer from here.
    """

    voters: int
    up: int
    unseen: int = 0
    leader: bool = False

    @property
    def needed(self) -> int:
        return self.voters // 2 + 1

    @property
    def spare(self) -> int:
        return self.up - self.needed

    def without(self, *, voting: bool, up: bool, seen: bool = True) -> Quorum:
        """After removing one member."""
        return Quorum(self.voters - voting, self.up - (voting and up), self.unseen - (voting and not seen), self.leader)

    @property
    def known(self) -> bool:
        """False while nobody answers: then the way there may be what is down."""
        return self.up > 0 or self.leader

    @property
    def lost(self) -> bool:
        """True when even all members out of sight would not make a majority, and nobody knows a leader."""
        return self.known and not self.leader and self.up + self.unseen < self.needed

    def words(self) -> str:
        if not self.voters:
            return "QUORUM not known: the members are behind a proxy"
        if not self.known:
            return f"QUORUM not known: nobody answers, {self.needed} of {self.voters} needed"
        if self.lost:
            return f"NO QUORUM: {self.needed} of {self.voters} needed, {self.up} up"
        if self.unseen:
            return f"QUORUM {self.needed} of {self.voters} needed, {self.up} up, {self.unseen} not seen from here"
        if self.up < self.needed:
            return f"QUORUM holds (there is a leader), {self.up} of {self.voters} answer from here"
        return f"QUORUM {self.needed} of {self.voters} needed, {self.up} up: can lose {self.spare} more"


@record()
class MemberRow:
    """One member. ``status`` is ``None`` when it did not answer or may not be asked; sizes in bytes, lag in entries.

    ``quota`` is 0 when nobody tells it. ``busy`` is what we are doing to it.
    """

    member: Member
    endpoint: str = ""
    up: bool = False
    status: EndpointStatus | None = None
    rtt: float = 0.0
    since: float = 0.0
    problem: EtcdError | None = None
    lag: int | None = None
    quota: int = 0
    busy: str = ""

    @property
    def name(self) -> str:
        return self.member.name or ("(not started)" if not self.member.client_urls else f"{self.member.id:x}")

    @property
    def seen(self) -> bool:
        """Whether an endpoint of the profile leads to it; one that was never started can be nowhere else."""
        return bool(self.endpoint) or not self.member.client_urls

    @property
    def role(self) -> str:
        if self.status is None:
            return "learner" if self.member.is_learner else "?"
        if self.status.is_leader:
            return "LEADER"
        return "learner" if self.status.is_learner else "follower"

    def furthest(self) -> tuple[bool, int]:
        """To order members by who can tell the most: those that answer, by their revision."""
        header = self.status.header if self.status is not None else None
        return self.up and not self.member.is_learner, header.revision if header is not None else 0

    @property
    def apply_lag(self) -> int | None:
        return None if self.status is None else max(0, self.status.raft_index - self.status.raft_applied_index)

    @property
    def quota_share(self) -> float | None:
        """How full it is; ``None`` when size or quota is not known."""
        return self.status.db_size / self.quota if self.status is not None and self.quota else None

    @property
    def state(self) -> str:
        """``ok``, ``DOWN``, ``not started``, ``not reached``, what we do to it, or the reason of a refusal."""
        if self.busy:
            return self.busy
        if not self.member.name and not self.member.client_urls:
            return "not started"
        if self.status is not None:
            return "ok"
        if self.up:
            return "not allowed"
        if not self.endpoint:
            return "not reached" if self.problem is not None else "no endpoint"
        return "DOWN"


@record()
class ClusterView:
    """The members screen as data. ``limited`` is a sentence when the server did not allow all of it."""

    health: ClusterHealth
    rows: tuple[MemberRow, ...]
    alarms: tuple[Alarm, ...] | None = None
    limited: str = ""

    @property
    def quorum(self) -> Quorum:
        if self.health.proxy and not self.health.members:
            return Quorum(0, 0)
        voters = [row for row in self.rows if not row.member.is_learner]
        up = sum(row.up for row in voters)
        leader = any(row.status is not None and row.status.leader for row in self.rows)
        return Quorum(len(voters), up, sum(not row.seen for row in voters), leader)

    @property
    def leader(self) -> MemberRow | None:
        return next((row for row in self.rows if row.member.id == self.health.leader_id), None)

    @property
    def learners(self) -> int:
        return sum(row.member.is_learner for row in self.rows)

    def row(self, member_id: int) -> MemberRow | None:
        return next((row for row in self.rows if row.member.id == member_id), None)


NO_QUOTAS: Mapping[int, int] = {}


def view_of(
    health: ClusterHealth,
    alarms: tuple[Alarm, ...] | None = None,
    limited: str = "",
    quotas: Mapping[int, int] = NO_QUOTAS,
) -> ClusterView:
    """Rows by name, from what the health monitor already knows: no request is sent for them.

    ``quotas`` in bytes by member ID, from elsewhere, for members whose Status does not tell it.
    """
    by_member = {e.member_id: e for e in health.endpoints if e.member_id}
    unreached = {e.member_id: e.error for e in health.unreached}
    commits = [e.status.raft_index for e in health.endpoints if e.status]
    newest = max(commits, default=0)
    if health.proxy and not health.members:
        rows = tuple(
            MemberRow(Member(0, f"behind {e.endpoint}", (), (e.endpoint,)), e.endpoint, e.up, e.status, e.rtt, e.since,
                      e.error)
            for e in health.endpoints
        )  # fmt: skip
        return ClusterView(health, rows, alarms, limited)
    members = health.members or tuple(Member(e.member_id, "", (), (e.endpoint,)) for e in health.endpoints)
    named = sorted(members, key=lambda member: (not member.name, _natural(member.name), member.id))
    known = (_row(m, by_member.get(m.id), newest, unreached.get(m.id), quotas.get(m.id, health.quota)) for m in named)
    return ClusterView(health, tuple(known), alarms, limited)


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Numbers inside names by their size: ``etcd-2`` comes before ``etcd-10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part)) if part.isdecimal() and part.isascii() else (1, part) for part in parts)


def _row(
    member: Member, endpoint: EndpointHealth | None, newest: int, unreached: EtcdError | None, quota: int
) -> MemberRow:
    if endpoint is None:
        return MemberRow(member, problem=unreached)
    if endpoint.status is not None and endpoint.status.db_size_quota > 0:
        quota = endpoint.status.db_size_quota
    lag = max(0, newest - endpoint.status.raft_index) if endpoint.status else None
    return MemberRow(
        member, endpoint.endpoint, endpoint.up, endpoint.status, endpoint.rtt, endpoint.since, endpoint.error, lag,
        quota, endpoint.busy,
    )  # fmt: skip


def down_words(row: MemberRow, now: float | None = None) -> str:
    """``DOWN 6m``: how long a member has not answered."""
    if row.state != "DOWN" or not row.since:
        return row.state
    seconds = int(max(0.0, (time.time() if now is None else now) - row.since))
    for unit, size, most in (("s", 1, 60), ("m", 60, 60 * 60), ("h", 60 * 60, 48 * 60 * 60)):
        if seconds < most:
            return f"DOWN {seconds // size}{unit}"
    return f"DOWN {seconds // (24 * 60 * 60)}d"
