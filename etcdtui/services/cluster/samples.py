"""What this program saw of the cluster so far: etcd keeps no times, so rates, growth and "since" come from here.

One sample for every health poll of the last quarter of an hour, one a minute for four hours. Nothing here asks anybody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from etcdtui.core.value import Value
from etcdtui.services.cluster.endpoint_health import ClusterHealth

FINE = 640
"""Samples kept of every poll: a quarter of an hour of them."""
MINUTE = 60.0
COARSE = 240
"""Samples kept of each minute: four hours."""
CHANGES = 100
"""Changes of the leader that are remembered."""
CHANGES_FOR = 900.0
"""Seconds over which changes of the leader are counted."""


class MemberSample(NamedTuple):
    """One member in one poll; sizes in bytes, ``rtt`` in seconds."""

    revision: int
    raft_index: int
    applied: int
    db: int
    in_use: int
    rtt: float


class Sample(NamedTuple):
    """One poll: when (Unix seconds), who led (0: nobody), and the members that answered by their ID."""

    at: float
    leader: int
    term: int
    members: dict[int, MemberSample]

    @property
    def revision(self) -> int:
        return max((m.revision for m in self.members.values()), default=0)


class LeaderChange(Value):
    """``at`` in Unix seconds; ``before`` and ``after`` are member IDs, 0 for none."""

    at: float
    before: int
    after: int
    term: int


class Samples:
    """The record of one session."""

    def __init__(self) -> None:
        self.fine: deque[Sample] = deque(maxlen=FINE)
        self.coarse: deque[Sample] = deque(maxlen=COARSE)
        self.changes: deque[LeaderChange] = deque(maxlen=CHANGES)
        self.count = 0
        self.leader_since = 0.0
        """When the present leader was first seen to lead, after another; 0 when it led before we looked."""
        self.learners: dict[int, float] = {}
        """Since when each learner is known."""
        self.compactions: deque[tuple[float, int, int]] = deque(maxlen=COARSE)
        """When, compacted at, and the revision then; one a minute."""
        self.differ_since = 0.0
        """Since when the members that answer name different leaders or terms; 0 while they agree."""
        self._leader = 0

    def note(self, health: ClusterHealth, at: float) -> None:
        """Take in what a poll told."""
        self.count += 1
        statuses = {e.member_id: e for e in health.endpoints if e.status is not None and e.member_id}
        members = {
            member_id: MemberSample(
                s.header.revision if s.header else 0,
                s.raft_index, s.raft_applied_index, s.db_size, s.db_size_in_use, endpoint.rtt,
            )
            for member_id, endpoint in statuses.items()
            if (s := endpoint.status) is not None
        }  # fmt: skip
        told = [e.status for e in statuses.values() if e.status is not None]
        term = max((s.raft_term for s in told), default=0)
        sample = Sample(at, health.leader_id, term, members)
        if members:
            self.fine.append(sample)
            if not self.coarse or at - self.coarse[-1].at >= MINUTE:
                self.coarse.append(sample)
            self._note_leader(health.leader_id, term, at)
        differ = len({(s.leader, s.raft_term) for s in told}) > 1
        self.differ_since = (self.differ_since or at) if differ else 0.0
        learners = {m.id for m in health.members if m.is_learner}
        self.learners = {member_id: self.learners.get(member_id, at) for member_id in learners}

    def _note_leader(self, leader: int, term: int, at: float) -> None:
        if leader == self._leader:
            return
        if self.count > 1:
            self.leader_since = at
            if self._leader or self.changes:
                self.changes.append(LeaderChange(at, self._leader, leader, term))
        self._leader = leader

    def note_compaction(self, compacted: int, revision: int, at: float) -> None:
        """The revision below which history is gone, as somebody told it."""
        if not self.compactions or at - self.compactions[-1][0] >= MINUTE:
            self.compactions.append((at, compacted, revision))

    @property
    def seconds(self) -> float:
        """How long has been looked."""
        known = self.coarse or self.fine
        return self.fine[-1].at - known[0].at if known and self.fine else 0.0

    def changes_within(self, seconds: float, now: float) -> int:
        """How often another leader was seen in the last seconds; losing it and finding one is one change."""
        return sum(change.after != 0 for change in self.changes if now - change.at <= seconds)

    def since(self, seconds: float) -> list[Sample]:
        """The samples of the last seconds, oldest first."""
        if not self.fine:
            return []
        newest = self.fine[-1].at
        return [sample for sample in self.fine if newest - sample.at <= seconds]

    def revision_rates(self, count: int, step: float) -> list[float | None]:
        """Writes a second in the last ``count`` steps of ``step`` seconds, oldest first; ``None`` before we looked."""
        return self._by_step(count, step, lambda first, last: _rate(first, last, lambda s: s.revision))

    def of_member(
        self, member_id: int, what: Callable[[MemberSample], float], count: int, step: float
    ) -> list[float | None]:
        """A figure of one member in the last steps, the mean of each."""

        def mean(first: int, last: int) -> float | None:
            known = [what(s.members[member_id]) for s in self._slice(first, last) if member_id in s.members]
            return sum(known) / len(known) if known else None

        if not self.fine:
            return [None] * count
        return [mean(*bounds) for bounds in self._bounds(count, step)]

    def _by_step(self, count: int, step: float, what: Callable[[Sample, Sample], float | None]) -> list[float | None]:
        found: list[float | None] = []
        for first, last in self._bounds(count, step):
            inside = self._slice(max(0, first - 1), last)
            found.append(what(inside[0], inside[-1]) if len(inside) > 1 else None)
        return found

    def _bounds(self, count: int, step: float) -> list[tuple[int, int]]:
        """Indices into ``fine`` of each step, first included, last not."""
        if not self.fine:
            return [(0, 0)] * count
        newest = self.fine[-1].at
        times = [sample.at for sample in self.fine]
        bounds, index = [], 0
        for number in range(count):
            low, high = newest - (count - number) * step, newest - (count - number - 1) * step
            while index < len(times) and times[index] <= low:
                index += 1
            end = index
            while end < len(times) and times[end] <= high:
                end += 1
            bounds.append((index, end))
        return bounds

    def _slice(self, first: int, last: int) -> list[Sample]:
        return [self.fine[index] for index in range(first, min(last, len(self.fine)))]


def _rate(first: Sample, last: Sample, what: Callable[[Sample], int]) -> float | None:
    seconds = last.at - first.at
    return max(0.0, (what(last) - what(first)) / seconds) if seconds > 0 else None


class Fit(Value):
    """A straight line through sizes: bytes a second, over how many seconds of samples."""

    per_second: float
    seconds: float
    last: float


def fit_line(points: Sequence[tuple[float, float]]) -> Fit | None:
    """Least squares through ``(Unix seconds, bytes)``; ``None`` with less than three points."""
    if len(points) < 3:
        return None
    start = points[0][0]
    xs, ys = [x - start for x, _ in points], [y for _, y in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    width = sum((x - mean_x) ** 2 for x in xs)
    if width <= 0:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / width
    return Fit(slope, xs[-1], ys[-1])


BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "._-=+*#@"


def sparkline(values: Iterable[float | None], *, ascii_only: bool = False) -> str:
    """One character a value, the highest of them full; a blank where nothing is known."""
    known = list(values)
    highest = max((v for v in known if v is not None), default=0.0)
    bars = ASCII_BARS if ascii_only else BARS
    if highest <= 0:
        return "".join(" " if v is None else bars[0] for v in known)
    return "".join(" " if v is None else bars[min(len(bars) - 1, int(v / highest * len(bars)))] for v in known)
