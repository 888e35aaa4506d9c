"""The members side by side, and what the cluster can still lose.

Every row comes from a member's own ``Status``; members are matched by ``header.member_id``, never by address, because
tunnels and proxies make addresses lie.
"""

from __future__ import annotations

import re
import time

from etcdtui.core.errors import EtcdError
from etcdtui.core.types import Alarm, EndpointStatus, Member
from etcdtui.core.value import record
from etcdtui.services.cluster.health import ClusterHealth, EndpointHealth


@record()
class Quorum:
    """Voting members only. ``spare`` is how many more may fail; negative means no quorum now.

    ``unseen`` members are not asked, because no endpoint of the profile leads to them: they may be up or down.
    """

    voters: int
    up: int
    unseen: int = 0

    @property
    def needed(self) -> int:
        return self.voters // 2 + 1

    @property
    def spare(self) -> int:
        return self.up - self.needed

    def without(self, *, voting: bool, up: bool, seen: bool = True) -> Quorum:
        """After removing one member."""
        return Quorum(self.voters - voting, self.up - (voting and up), self.unseen - (voting and not seen))

    @property
    def lost(self) -> bool:
        """True when even all members out of sight would not make a majority."""
        return self.up + self.unseen < self.needed

    def words(self) -> str:
        if self.lost:
            return f"NO QUORUM: {self.needed} of {self.voters} needed, {self.up} up"
        if self.unseen:
            return f"QUORUM {self.needed} of {self.voters} needed, {self.up} up, {self.unseen} not seen from here"
        return f"QUORUM {self.needed} of {self.voters} needed, {self.up} up: can lose {self.spare} more"


@record()
class MemberRow:
    """One member. ``status`` is ``None`` when it did not answer or may not be asked; sizes in bytes, lag in entries."""

    member: Member
    endpoint: str = ""
    up: bool = False
    status: EndpointStatus | None = None
    rtt: float = 0.0
    since: float = 0.0
    problem: EtcdError | None = None
    lag: int | None = None

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

    @property
    def apply_lag(self) -> int | None:
        return None if self.status is None else max(0, self.status.raft_index - self.status.raft_applied_index)

    @property
    def state(self) -> str:
        """``ok``, ``DOWN 6m``, ``not started``, ``not reached`` or the reason of a refusal."""
        if not self.member.name and not self.member.client_urls:
            return "not started"
        if self.status is not None:
            return "ok"
        if self.up:
            return "not allowed"
        if not self.endpoint:
            return "no endpoint"
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
        voters = [row for row in self.rows if not row.member.is_learner]
        return Quorum(len(voters), sum(row.up for row in voters), sum(not row.seen for row in voters))

    @property
    def leader(self) -> MemberRow | None:
        return next((row for row in self.rows if row.member.id == self.health.leader_id), None)

    @property
    def learners(self) -> int:
        return sum(row.member.is_learner for row in self.rows)

    def row(self, member_id: int) -> MemberRow | None:
        return next((row for row in self.rows if row.member.id == member_id), None)


def view_of(health: ClusterHealth, alarms: tuple[Alarm, ...] | None = None, limited: str = "") -> ClusterView:
    """Rows by name, from what the health monitor already knows: no request is sent for them."""
    by_member = {e.member_id: e for e in health.endpoints if e.member_id}
    commits = [e.status.raft_index for e in health.endpoints if e.status]
    newest = max(commits, default=0)
    members = health.members or tuple(Member(e.member_id, "", (), (e.endpoint,)) for e in health.endpoints)
    named = sorted(members, key=lambda member: (not member.name, _natural(member.name), member.id))
    return ClusterView(health, tuple(_row(m, by_member.get(m.id), newest) for m in named), alarms, limited)


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Numbers inside names by their size: ``etcd-2`` comes before ``etcd-10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part)) if part.isdecimal() and part.isascii() else (1, part) for part in parts)


def _row(member: Member, endpoint: EndpointHealth | None, newest: int) -> MemberRow:
    if endpoint is None:
        return MemberRow(member)
    lag = max(0, newest - endpoint.status.raft_index) if endpoint.status else None
    return MemberRow(
        member, endpoint.endpoint, endpoint.up, endpoint.status, endpoint.rtt, endpoint.since, endpoint.error, lag
    )


def down_words(row: MemberRow, now: float | None = None) -> str:
    """``DOWN 6m``: how long a member has not answered."""
    if row.state != "DOWN" or not row.since:
        return row.state
    seconds = int(max(0.0, (time.time() if now is None else now) - row.since))
    for unit, size, most in (("s", 1, 60), ("m", 60, 60 * 60), ("h", 60 * 60, 48 * 60 * 60)):
        if seconds < most:
            return f"DOWN {seconds // size}{unit}"
    return f"DOWN {seconds // (24 * 60 * 60)}d"
