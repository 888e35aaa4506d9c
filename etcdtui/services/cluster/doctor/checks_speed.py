"""Checks about time and failures: disks, networks, proposals, answers, watchers, file descriptors."""

from __future__ import annotations

from etcdtui.core.units import format_count, format_latency, format_ttl
from etcdtui.services.cluster.doctor.checks_members import MIXIN, OWN, nobody
from etcdtui.services.cluster.doctor.finding import Check, Severity, Verdict, graded, ok, skip
from etcdtui.services.cluster.doctor.inputs import METRICS, READ, STATUS, Inputs, MemberLook
from etcdtui.services.cluster.metrics import (
    COMMIT,
    FAILED,
    FSYNC,
    KEEP_FOR,
    MAX_FDS,
    OPEN_FDS,
    PEER_RTT,
    PENDING,
    PENDING_EVENTS,
    SLOW_WATCHERS,
    WINDOW,
    Measured,
)

FSYNC_WARN, FSYNC_CRIT = 0.010, 0.500
COMMIT_WARN, COMMIT_CRIT = 0.025, 0.250
PEER_WARN, PEER_CRIT = 0.050, 0.150
RTT_TIMES, RTT_LEAST, RTT_CRIT = 3.0, 0.050, 1.0
"""A round trip is long from three times the best one and 50 ms more: below that it is noise."""
READ_WARN, READ_CRIT = 0.100, 1.0
FAILED_CRIT = 5.0
PENDING_WARN, PENDING_CRIT = 100, 1_000
BAD_WARN, BAD_CRIT, BAD_LEAST = 0.01, 0.05, 10
"""Shares of answers that failed; below ten failures a share says nothing."""
EVENTS_CRIT = 10_000
FDS_WARN, FDS_CRIT = 0.80, 0.95


def _no_metrics(inputs: Inputs) -> Verdict:
    why = tuple(f"{look.name}: {look.metrics.why or 'not told'}" for look in inputs.looks)
    return skip("not known: no /metrics", *why, todo="Make /metrics reachable; metrics.urls in the profile says where.")


def _p99(inputs: Inputs, name: str, what: str, warn: float, crit: float, todo: str, command: str) -> Verdict:
    """The worst member's quantile; "since start" is shown and not judged."""
    if verdict := nobody(inputs):
        return verdict
    measured = [(m, look.name) for look in inputs.looks if (m := look.metrics.p99(name)) is not None]
    return _times(inputs, measured, what, warn, crit, todo, command)


def _times(
    inputs: Inputs, measured: list[tuple[Measured, str]], what: str, warn: float, crit: float, todo: str, command: str
) -> Verdict:
    if not measured:
        return _no_metrics(inputs)
    evidence = [f"{name}: {measured_words(m)}" for m, name in measured]
    now = [(m.value, name) for m, name in measured if m.value is not None and not m.since_start]
    if not now:
        if all(m.since_start for m, _ in measured):
            return skip(f"{what}: a second scrape is needed for a figure of now", *evidence)
        return ok(
            f"{what}: nothing to measure in the last {format_ttl(max(m.seconds for m, _ in measured))}", *evidence
        )
    worst, name = max(now)
    severity = graded(worst, warn, crit)
    limits = f"(warn {format_latency(warn)}, crit {format_latency(crit)})"
    if severity is Severity.OK:
        return ok(f"{what} {format_latency(worst)} {limits}", *evidence)
    return Verdict(severity, f"{what} {format_latency(worst)} on {name} {limits}", tuple(evidence), todo, (command,))


def measured_words(measured: Measured) -> str:
    """``5 ms of 212 in 15s``, ``7 ms since start``, ``none in 15s``."""
    if measured.value is None:
        return "none since start" if measured.since_start else f"none in {format_ttl(measured.seconds)}"
    value = format_latency(measured.value)
    if measured.since_start:
        return f"{value} since start"
    return f"{value} of {format_count(int(measured.count))} in {format_ttl(measured.seconds)}"


def fsync(inputs: Inputs) -> Verdict:
    todo = "Give etcd a faster disk of its own; look at what else writes there (iostat -x, fio)."
    return _p99(inputs, FSYNC, "WAL fsync p99", FSYNC_WARN, FSYNC_CRIT, todo, _curl(inputs, FSYNC))


def commit(inputs: Inputs) -> Verdict:
    todo = "Give etcd a faster disk; look at large values and at the size of the database."
    return _p99(inputs, COMMIT, "commit p99", COMMIT_WARN, COMMIT_CRIT, todo, _curl(inputs, COMMIT))


def peer_rtt(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    measured = []
    for look in inputs.looks:
        for peer in look.metrics.peers():
            m = look.metrics.p99(PEER_RTT, peer)
            if m is not None:
                measured.append((m, f"{look.name} to {_peer_name(inputs, peer)}"))
    if not measured and inputs.view.quorum.voters == 1 and any(look.metrics.latest for look in inputs.looks):
        return ok("no peers: a cluster of one")
    todo = "Look at the network between these members; raise the election timeout only when distance is the reason."
    return _times(inputs, measured, "peer RTT p99", PEER_WARN, PEER_CRIT, todo, _curl(inputs, PEER_RTT))


def _peer_name(inputs: Inputs, peer: str) -> str:
    try:
        return inputs.name(int(peer, 16))
    except ValueError:
        return peer


def _curl(inputs: Inputs, name: str) -> str:
    url = next((look.metrics.url for look in inputs.looks if look.metrics.url), "ENDPOINT")
    where = url if "://" in url else f"{'https' if inputs.tls else 'http'}://{url}"
    where = where if where.endswith("/metrics") else f"{where}/metrics"
    return f"curl -s {where} | grep {name}"


def client_rtt(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    known = [(rtt, look.name) for look in inputs.looks if (rtt := inputs.rtt_of(look)) is not None]
    if not known:
        return skip("no member tells its Status to this user")
    evidence = [f"{name}: {format_latency(rtt)}" for rtt, name in known]
    if inputs.tunnel:
        evidence.append("all endpoints are on this machine: over a tunnel this is the tunnel")
    best, (worst, name) = min(known)[0], max(known)
    todo = "Look at that member's load and at the way to it."
    words = f"Status of {name} takes {format_latency(worst)}, the best {format_latency(best)}"
    if worst > RTT_CRIT:
        return Verdict(Severity.CRIT, words, tuple(evidence), todo)
    if worst > RTT_TIMES * best and worst - best > RTT_LEAST:
        return Verdict(Severity.WARN, words, tuple(evidence), todo)
    return ok(f"Status in {format_latency(worst)} at most", *evidence)


def linear_read(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    asked = [look for look in inputs.looks if look.read is not None and look.voter]
    if not asked:
        return skip("not asked yet")
    evidence, failed, times = [], [], []
    for look in asked:
        probe = look.read
        if probe is None:
            continue
        if probe.works:
            refused = " (not allowed, which proves a leader)" if probe.proves_leader else ""
            evidence.append(f"{look.name}: {format_latency(probe.seconds)}{refused}")
            times.append((probe.seconds, look.name))
        else:
            evidence.append(f"{look.name}: {probe.why}")
            failed.append(look)
    line = ("etcdctl endpoint health --cluster",)
    todo = "Look at the leader's load and disk, and at the network to it."
    unwell = [look for look in failed if look.row.up]
    if unwell or (failed and not times):
        names = ", ".join(look.name for look in (unwell or failed))
        return Verdict(Severity.CRIT, f"no read through the leader at {names}", tuple(evidence), todo, line)
    if not times:
        return skip("nobody was asked", *evidence)
    worst, name = max(times)
    severity = graded(worst, READ_WARN, READ_CRIT)
    if severity is Severity.OK:
        return ok(f"a read through the leader takes {format_latency(worst)} at most", *evidence)
    words = f"a read through the leader takes {format_latency(worst)} at {name}"
    return Verdict(severity, words, tuple(evidence), todo, line)


def failed_proposals(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    known: list[tuple[float, float, str]] = []
    for look in inputs.looks:
        grown = look.metrics.grown(FAILED, window=WINDOW)
        if grown is not None and grown.value is not None and grown.seconds:
            known.append((grown.value / grown.seconds, grown.seconds, look.name))
    if not known:
        return _unknown_rate(inputs, "failed proposals")
    evidence = tuple(f"{name}: {rate:.2f}/s over {format_ttl(seconds)}" for rate, seconds, name in known)
    worst, _, name = max(known)
    if worst <= 0:
        return ok("no proposal failed", *evidence)
    long = [
        grown.value / grown.seconds
        for look in inputs.looks
        if (grown := look.metrics.grown(FAILED, window=KEEP_FOR)) is not None
        and grown.value is not None
        and grown.seconds >= KEEP_FOR * 0.9
    ]
    severity = Severity.CRIT if long and max(long) > FAILED_CRIT else Severity.WARN
    todo = "Proposals fail while there is no leader or no majority: look at leader changes and at the members."
    return Verdict(severity, f"proposals fail on {name}: {worst:.2f}/s", evidence, todo)


def _unknown_rate(inputs: Inputs, what: str) -> Verdict:
    if any(look.metrics.latest for look in inputs.looks):
        return skip(f"{what}: a second scrape is needed for a rate")
    return _no_metrics(inputs)


def _gauges(inputs: Inputs, name: str) -> list[tuple[float, str]]:
    return [(value, look.name) for look in inputs.looks if (value := look.metrics.value(name)) is not None]


def pending_proposals(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    known = _gauges(inputs, PENDING)
    if not known:
        return _no_metrics(inputs)
    evidence = tuple(f"{name}: {format_count(int(value))}" for value, name in known)
    worst, name = max(known)
    severity = graded(worst, PENDING_WARN, PENDING_CRIT)
    if severity is Severity.OK:
        return ok(f"{format_count(int(worst))} pending at most", *evidence)
    todo = "The members cannot keep up: look at the disks and at who writes so much."
    return Verdict(severity, f"{format_count(int(worst))} proposals wait on {name}", evidence, todo)


def grpc_errors(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    known = [(m, look.name) for look in inputs.looks if (m := look.metrics.bad_share()) is not None]
    if not known:
        return _unknown_rate(inputs, "failed answers")
    evidence = tuple(
        f"{name}: {m.value or 0:.1%} of {format_count(int(m.count))} answers in {format_ttl(m.seconds)}"
        for m, name in known
    )
    judged = [(m.value, name) for m, name in known if m.value is not None and m.value * m.count >= BAD_LEAST]
    worst, name = max(judged, default=(0.0, ""))
    severity = graded(worst, BAD_WARN, BAD_CRIT)
    if severity is Severity.OK:
        return ok("few answers are failures", *evidence)
    todo = "Look into that member's log for the refused requests."
    return Verdict(severity, f"{worst:.1%} of the answers of {name} are failures", evidence, todo)


def slow_watchers(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    slow, events = _gauges(inputs, SLOW_WATCHERS), _gauges(inputs, PENDING_EVENTS)
    if not slow:
        return _no_metrics(inputs)
    evidence = tuple(f"{name}: {int(value)} slow" for value, name in slow)
    evidence += tuple(f"{name}: {format_count(int(value))} events pending" for value, name in events)
    most, at = max(events, default=(0.0, ""))
    todo = "Find the client that does not read its watches; events pile up in the member's memory."
    if most > EVENTS_CRIT:
        return Verdict(Severity.CRIT, f"{format_count(int(most))} events wait for watchers on {at}", evidence, todo)
    worst, name = max(slow)
    if worst > 0 and all(_slow_for(look, WINDOW) for look in inputs.looks if look.name == name):
        return Verdict(Severity.WARN, f"{int(worst)} watchers of {name} are slow for a minute", evidence, todo)
    return ok("no watcher is slow for long", *evidence)


def _slow_for(look: MemberLook, seconds: float) -> bool:
    """Whether every scrape of the last seconds had slow watchers, and there are scrapes that old."""
    newest = look.metrics.latest
    if newest is None:
        return False
    inside = [s for s in look.metrics.scrapes if newest.at - s.at <= seconds]
    covered = newest.at - inside[0].at >= seconds * 0.75
    return covered and all(s.values.get(SLOW_WATCHERS, 0) > 0 for s in inside)


def file_descriptors(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    shares = []
    for look in inputs.looks:
        used, most = look.metrics.value(OPEN_FDS), look.metrics.value(MAX_FDS)
        if used is not None and most:
            shares.append((used / most, look.name, int(used), int(most)))
    if not shares:
        return _no_metrics(inputs)
    evidence = tuple(f"{name}: {format_count(used)} of {format_count(most)}" for _, name, used, most in shares)
    worst, name, *_ = max(shares)
    severity = graded(worst, FDS_WARN, FDS_CRIT)
    if severity is Severity.OK:
        return ok(f"at most {worst:.0%} of the file descriptors", *evidence)
    todo = "Raise the limit (LimitNOFILE), and find the clients that keep connections open."
    return Verdict(severity, f"{name} uses {worst:.0%} of its file descriptors", evidence, todo)


CHECKS = (
    Check(
        "wal-fsync", "disk", f"99th percentile of {FSYNC}, between two scrapes", "10 ms: warning; 500 ms: critical",
        f"etcd FAQ (10 ms); {MIXIN} etcdHighFsyncDurations",
        "Every write waits for this; slow fsyncs make leaders lose their leadership.", METRICS, fsync,
    ),
    Check(
        "backend-commit", "disk", f"99th percentile of {COMMIT}, between two scrapes",
        "25 ms: warning; 250 ms: critical", f"etcd FAQ (25 ms); {MIXIN} etcdHighCommitDurations",
        "Slow commits hold up reads and writes of that member.", METRICS, commit,
    ),
    Check(
        "peer-rtt", "net", f"99th percentile of {PEER_RTT}, between two scrapes, per peer",
        "50 ms: warning; 150 ms: critical", f"{MIXIN} etcdMemberCommunicationSlow (150 ms); {OWN} (50 ms)",
        "Every write waits for a majority of the peers.", METRICS, peer_rtt,
    ),
    Check(
        "client-rtt", "net", "median of five Status calls",
        "3 times the best member and 50 ms more: warning; 1 s: critical", OWN,
        "The way from here to that member is slow, or the member is.", STATUS, client_rtt,
    ),
    Check(
        "linear-read", "read", "one read through the leader at each member",
        "100 ms: warning; 1 s or an error: critical",
        "etcd warns in its log at 100 ms", "This is what clients wait for.", READ, linear_read,
    ),
    Check(
        "failed-proposals", "raft", f"growth of {FAILED}", "any: warning; more than 5/s for 15 min: critical",
        f"{MIXIN} etcdHighNumberOfFailedProposals", "Writes were refused for want of a leader or a majority.",
        METRICS, failed_proposals,
    ),
    Check(
        "pending-proposals", "raft", PENDING, "100: warning; 1,000: critical", OWN,
        "Writes queue up at the leader.", METRICS, pending_proposals,
    ),
    Check(
        "grpc-errors", "answers", "unary gRPC answers with a failure's code / all of them",
        "1 %: warning; 5 %: critical (10 failures at least)", f"{MIXIN} etcdHighNumberOfFailedGRPCRequests",
        "Clients see errors.", METRICS, grpc_errors,
    ),
    Check(
        "slow-watchers", "watch", f"{SLOW_WATCHERS}, {PENDING_EVENTS}",
        "above 0 for 60 s: warning; more than 10,000 events waiting: critical", OWN,
        "Clients that do not read their watches fill the member's memory.", METRICS, slow_watchers,
    ),
    Check(
        "fds", "process", "open / most file descriptors", "80 %: warning; 95 %: critical", f"{MIXIN} etcdFdExhaustion",
        "Without descriptors the member takes no connections and cannot open its files.", METRICS, file_descriptors,
    ),
)  # fmt: skip
