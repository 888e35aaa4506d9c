"""What ``/metrics`` of one member says, as numbers: pure reading of texts and of what changed between two of them.

Histograms and counters are cumulative since the member started. A quantile or a rate needs two scrapes of the same
start; with one there is only "since start". Every series is optional: versions and settings differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from etcdtui.core.value import Value

WINDOW = 60.0
"""Seconds that quantiles and rates look back at most, so that they tell of now."""
KEEP_FOR = 900.0
"""Seconds that scrapes are kept: leader changes and failed proposals are judged over 15 minutes."""

FSYNC = "etcd_disk_wal_fsync_duration_seconds"
COMMIT = "etcd_disk_backend_commit_duration_seconds"
PEER_RTT = "etcd_network_peer_round_trip_time_seconds"
LEADER_CHANGES = "etcd_server_leader_changes_seen_total"
COMMITTED = "etcd_server_proposals_committed_total"
PENDING = "etcd_server_proposals_pending"
FAILED = "etcd_server_proposals_failed_total"
SLOW_APPLIES = "etcd_server_slow_apply_total"
QUOTA = "etcd_server_quota_backend_bytes"
WATCHERS = "etcd_debugging_mvcc_watcher_total"
WATCH_STREAMS = "etcd_debugging_mvcc_watch_stream_total"
SLOW_WATCHERS = "etcd_debugging_mvcc_slow_watcher_total"
PENDING_EVENTS = "etcd_debugging_mvcc_pending_events_total"
COMPACTED = "etcd_debugging_mvcc_compact_revision"
SNAPSHOT_APPLY = "etcd_server_snapshot_apply_in_progress_total"
DEFRAG = "etcd_disk_defrag_inflight"
OPEN_FDS, MAX_FDS = "process_open_fds", "process_max_fds"
STARTED = "process_start_time_seconds"

PLAIN = frozenset(
    {
        *("etcd_server_has_leader", "etcd_server_is_leader", "etcd_server_is_learner", LEADER_CHANGES, COMMITTED),
        *("etcd_server_proposals_applied_total", PENDING, FAILED, QUOTA, SLOW_APPLIES),
        *("etcd_server_slow_read_indexes_total", "etcd_server_read_indexes_failed_total"),
        *("etcd_server_heartbeat_send_failures_total", SNAPSHOT_APPLY),
        *("etcd_mvcc_db_total_size_in_bytes", "etcd_mvcc_db_total_size_in_use_in_bytes", DEFRAG),
        *(WATCHERS, WATCH_STREAMS, SLOW_WATCHERS, PENDING_EVENTS, COMPACTED),
        *("etcd_debugging_mvcc_current_revision", "etcd_debugging_mvcc_keys_total"),
        *("etcd_debugging_lease_granted_total", "etcd_debugging_lease_revoked_total"),
        *(OPEN_FDS, MAX_FDS, STARTED, "process_resident_memory_bytes"),
    }
)
HISTOGRAMS = frozenset({FSYNC, COMMIT, PEER_RTT})
SERVER_ID = "etcd_server_id"
CLUSTER_VERSION = "etcd_cluster_version"
PEER_FAILURES = "etcd_network_peer_sent_failures_total"
HANDLED = "grpc_server_handled_total"
BAD_CODES = frozenset(
    "Unknown FailedPrecondition ResourceExhausted Internal Unavailable DataLoss DeadlineExceeded".split()  # noqa: SIM905
)
"""The gRPC codes that etcd's monitoring mixin counts as failures."""

_NAME = re.compile(r"(?:# (?:HELP|TYPE) )?([A-Za-z_:][A-Za-z0-9_:]*)")
_LABELLED = frozenset({SERVER_ID, CLUSTER_VERSION, PEER_FAILURES, HANDLED})
_WANTED = PLAIN | _LABELLED | {f"{name}{end}" for name in HISTOGRAMS for end in ("", "_bucket", "_count", "_sum")}


class Histogram(Value):
    """Cumulative counts by upper bound in seconds, the last of them for everything."""

    buckets: tuple[tuple[float, float], ...]

    @property
    def count(self) -> float:
        return self.buckets[-1][1] if self.buckets else 0.0

    def minus(self, earlier: Histogram) -> Histogram | None:
        """What came since; ``None`` when the two do not fit together."""
        if [bound for bound, _ in self.buckets] != [bound for bound, _ in earlier.buckets]:
            return None
        grown = tuple((b, now - was) for (b, now), (_, was) in zip(self.buckets, earlier.buckets, strict=True))
        return Histogram(grown) if all(count >= 0 for _, count in grown) else None

    def quantile(self, share: float) -> float | None:
        """As Prometheus' ``histogram_quantile``: linear inside a bucket; the last finite bound above all of them."""
        if self.count <= 0:
            return None
        rank = share * self.count
        low, below = 0.0, 0.0
        for bound, count in self.buckets:
            if count >= rank:
                if math.isinf(bound):
                    return low
                return low + (bound - low) * (rank - below) / (count - below) if count > below else bound
            low, below = bound, count
        return low


class Scrape(Value):
    """One member's metrics at one time. ``histograms`` by name and peer (empty but for the peers' round trips);
    ``peer_failures`` by peer; ``handled`` are all unary gRPC answers and ``bad`` those with a failure's code."""

    at: float
    member_id: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
    histograms: Mapping[tuple[str, str], Histogram] = field(default_factory=dict)
    peer_failures: Mapping[str, float] = field(default_factory=dict)
    handled: float = 0.0
    bad: float = 0.0
    cluster_version: str = ""

    @property
    def started(self) -> float:
        """When the process started, Unix seconds; 0 when not told."""
        return self.values.get(STARTED, 0.0)


class Measured(Value):
    """A number, and what it is of: ``since_start`` when there was no earlier scrape, ``seconds`` and ``count`` of what
    it was taken from; ``value`` is ``None`` when nothing happened in that time."""

    value: float | None
    since_start: bool = False
    seconds: float = 0.0
    count: float = 0.0


def wanted_lines(text: str) -> str:
    """Only the lines that are used: without the many counters of calls that never came, a sixth of all."""
    kept = []
    for text_line in text.splitlines():
        named = _NAME.match(text_line)
        if named is None or named[1] not in _WANTED:
            continue
        if named[1] == HANDLED and text_line.endswith(" 0"):
            continue
        kept.append(text_line)
    return "\n".join(kept) + "\n"


def read_scrape(text: str, at: float) -> Scrape:
    """Parse the text of ``/metrics``; raises ``ValueError`` for anything else."""
    from prometheus_client.parser import text_string_to_metric_families  # only wanted where metrics are read

    values: dict[str, float] = {}
    buckets: dict[tuple[str, str], list[tuple[float, float]]] = {}
    failures: dict[str, float] = {}
    member_id, version, handled, bad = 0, "", 0.0, 0.0
    for family in text_string_to_metric_families(wanted_lines(text)):
        for sample in family.samples:
            name, labels, value = sample.name, sample.labels, float(sample.value)
            if name in PLAIN:
                values[name] = value
            elif name.endswith("_bucket") and "le" in labels:
                peer = labels.get("To", "")
                buckets.setdefault((name.removesuffix("_bucket"), peer), []).append((float(labels["le"]), value))
            elif name == HANDLED:
                if labels.get("grpc_type") != "unary":  # a watch that its client ends counts as a failure there
                    continue
                handled += value
                bad += value if labels.get("grpc_code") in BAD_CODES else 0.0
            elif name == PEER_FAILURES:
                failures[labels.get("To", "")] = value
            elif name == SERVER_ID:
                member_id = _hexadecimal(labels.get("server_id", ""))
            elif name == CLUSTER_VERSION:
                version = labels.get("cluster_version", "")
    histograms = {key: Histogram(tuple(sorted(found))) for key, found in buckets.items()}
    return Scrape(at, member_id, values, histograms, failures, handled, bad, version)


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


class MemberMetrics(Value):
    """Scrapes of one member, oldest first, or ``why`` there is none now; ``url`` is where they come from."""

    scrapes: tuple[Scrape, ...] = ()
    why: str = ""
    url: str = ""

    @property
    def latest(self) -> Scrape | None:
        """The newest one; ``None`` while there is a reason why there is none."""
        return self.scrapes[-1] if self.scrapes and not self.why else None

    def with_scrape(self, scrape: Scrape, url: str = "") -> MemberMetrics:
        """With one more; those of an earlier start of the process, and old ones, are dropped."""
        kept = [s for s in self.scrapes if s.started == scrape.started and scrape.at - s.at <= KEEP_FOR]
        return MemberMetrics((*kept, scrape), "", url or self.url)

    def without(self, why: str) -> MemberMetrics:
        """The last attempt failed."""
        return MemberMetrics(self.scrapes, why, self.url)

    def value(self, name: str) -> float | None:
        """A gauge or a counter as it is now."""
        return self.latest.values.get(name) if self.latest else None

    def earlier(self, window: float) -> Scrape | None:
        """The oldest scrape inside the window, or the one just before the newest; ``None`` when there is only one."""
        if self.latest is None or len(self.scrapes) < 2:
            return None
        before = self.scrapes[:-1]
        return next((s for s in before if self.latest.at - s.at <= window), before[-1])

    def p99(self, name: str, peer: str = "", *, window: float = WINDOW) -> Measured | None:
        """The time that one in a hundred exceeds, in seconds; ``None`` when the series is not told."""
        newest = self.latest.histograms.get((name, peer)) if self.latest else None
        if newest is None or self.latest is None:
            return None
        before = self.earlier(window)
        if before is not None and (was := before.histograms.get((name, peer))) is not None:
            grown = newest.minus(was)
            if grown is not None:
                return Measured(grown.quantile(0.99), False, self.latest.at - before.at, grown.count)
        return Measured(newest.quantile(0.99), True, 0.0, newest.count)

    def peers(self, name: str = PEER_RTT) -> tuple[str, ...]:
        """The peers, by ID in hex, for which the histogram is told."""
        return tuple(peer for known, peer in (self.latest.histograms if self.latest else ()) if known == name)

    def grown(self, name: str, *, window: float = WINDOW) -> Measured | None:
        """By how much a counter grew; ``None`` when that is not known."""
        before = self.earlier(window)
        if before is None or self.latest is None or name not in self.latest.values or name not in before.values:
            return None
        seconds = self.latest.at - before.at
        return Measured(max(0.0, self.latest.values[name] - before.values[name]), False, seconds)

    def rate(self, name: str, *, window: float = WINDOW) -> float | None:
        """By how much a counter grows in a second."""
        grown = self.grown(name, window=window)
        return None if grown is None or grown.value is None or not grown.seconds else grown.value / grown.seconds

    def bad_share(self, *, window: float = WINDOW) -> Measured | None:
        """The share of gRPC answers that were failures, with how many there were."""
        before = self.earlier(window)
        if before is None or self.latest is None:
            return None
        count = self.latest.handled - before.handled
        if count < 0:
            return None
        bad = max(0.0, self.latest.bad - before.bad)
        return Measured(bad / count if count else None, False, self.latest.at - before.at, count)


def spread(values: Iterable[float]) -> float:
    """How far apart the largest and the smallest are; 0 for none."""
    known = list(values)
    return max(known) - min(known) if known else 0.0


def sources_words(metrics: Sequence[MemberMetrics]) -> str:
    """``/metrics on 2 of 3``."""
    return f"/metrics on {sum(m.latest is not None for m in metrics)} of {len(metrics)}"
