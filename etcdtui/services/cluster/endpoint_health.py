"""What is known of a cluster's health, as values: the screens need these and nothing that speaks to a server."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from etcdtui.core.chart import LEAST_BYTES_A_KEY
from etcdtui.core.errors import ClusterMismatch, EtcdError
from etcdtui.core.value import Value

if TYPE_CHECKING:  # only named here; these values are on the way to the first paint
    from etcdtui.core.types import EndpointStatus, Member

WARN_QUOTA = 0.8


class State(Enum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"
    NO_LEADER = "no leader"
    DENIED = "denied"
    LOGIN = "login"
    """Members answer, and want a user."""
    RESTRICTED = "restricted"
    """Members answer and serve this user, but tell it neither leader nor quota."""
    TLS = "tls"
    STILL = "still"
    """A file: nobody is asked, and nothing changes."""


class EndpointHealth(Value):
    """One endpoint's last answer. ``error`` is None when it answered; ``rtt`` in seconds, ``since`` Unix seconds.

    ``status`` is None when it answered that Status is not allowed, and then ``error`` tells so with ``up`` True.
    """

    endpoint: str
    up: bool = False
    status: EndpointStatus | None = None
    error: EtcdError | None = None
    rtt: float = 0.0
    since: float = 0.0
    member_id: int = 0
    busy: str = ""
    """What we are doing to it, while it answers nothing because of that; it counts as up."""


class ClusterHealth(Value):
    """What is known now; ``words`` is a sentence for the status line, empty when all is well.

    ``members_total`` counts the members behind our endpoints, ``members_listed`` all members of the cluster (0 when
    unknown). ``leader_name`` is empty when there is none, ``revision`` 0 when unknown, ``quota_used`` a share or None.
    ``db_size`` and ``db_in_use`` are bytes of the largest member, 0 when unknown.
    """

    state: State = State.CONNECTING
    members_up: int = 0
    members_total: int = 0
    members_listed: int = 0
    leader_id: int = 0
    leader_name: str = ""
    revision: int = 0
    words: str = ""
    alarms: tuple[str, ...] = ()
    quota_used: float | None = None
    db_size: int = 0
    db_in_use: int = 0
    cluster_id: int = 0
    version: str = ""
    endpoints: tuple[EndpointHealth, ...] = ()
    members: tuple[Member, ...] = ()
    as_of: float = 0.0
    rtt: float = 0.0
    unreached: tuple[EndpointHealth, ...] = ()
    """Members that no endpoint leads to and that do not answer at their own client URLs from here."""
    quota: int = 0
    """What the profile says, in bytes, for members that do not tell theirs; 0 when it says nothing."""
    proxy: str = ""
    """Why something between us and the members is believed to answer; empty when nothing tells so."""

    @property
    def most_keys(self) -> int:
        """More keys than this cannot be in the store, of all revisions that are kept; 0 when unknown."""
        return self.db_in_use // LEAST_BYTES_A_KEY

    @property
    def answering(self) -> bool:
        """True when somebody answers, whatever the answer."""
        return self.members_up > 0

    @property
    def no_spare_member(self) -> bool:
        """True when a voting member is down and the next one to fail takes the majority.

        False while some are out of sight: no endpoint of the profile leads to them.
        """
        voters = [member for member in self.members if not member.is_learner]
        up = {endpoint.member_id: endpoint.up for endpoint in self.endpoints if endpoint.member_id}
        if any(member.client_urls and member.id not in up for member in voters):
            return False
        running = sum(up.get(member.id, False) for member in voters)
        return running < len(voters) and running == len(voters) // 2 + 1

    @property
    def mismatch(self) -> bool:
        """True when another cluster answers at one of the endpoints."""
        return any(isinstance(endpoint.error, ClusterMismatch) for endpoint in self.endpoints)

    @property
    def why_no_writes(self) -> str:
        """Why no write could succeed now, as a sentence; empty when one may. A full database still takes deletes."""
        if self.mismatch:
            return "another cluster answers at one of the endpoints: nothing is written"
        if self.state is State.NO_LEADER:
            return "NO LEADER: nothing can be written until a majority of the members is back"
        if self.state is State.LOGIN or (self.state is State.DENIED and self.answering):
            return "etcd wants a login, L logs in: nothing can be written before"
        if self.state in (State.LOST, State.TLS, State.DENIED):
            return "nobody answers: nothing can be written now"
        if self.state is State.STILL:
            return "a snapshot stands still: nothing can be written into it"
        return ""

    @property
    def why_no_puts(self) -> str:
        """Why no value can be stored now, as a sentence; empty when one may be."""
        if "NOSPACE" in self.alarms:
            return "NOSPACE: the database is full and takes no new values; deleting works"
        return self.why_no_writes

    @property
    def well(self) -> bool:
        if self.state is State.STILL:
            return not self.alarms
        fine = self.state in (State.CONNECTED, State.RESTRICTED)
        return fine and self.members_up == self.members_total and not self.alarms
