"""Checks about the database: quota, growth, fragmentation, compaction, leases, and when defragmenting is unsafe."""

from __future__ import annotations

from etcdtui.core.units import counted, format_count, format_size, format_ttl
from etcdtui.services.cluster.doctor.checks_members import MIXIN, OWN, STATUS_LINE, nobody, not_told
from etcdtui.services.cluster.doctor.finding import Check, Severity, Verdict, info, ok, skip
from etcdtui.services.cluster.doctor.inputs import HTTP, LEASES, METRICS, STATUS, Inputs, MemberLook
from etcdtui.services.cluster.samples import fit_line
from etcdtui.services.cluster.versions import unsafe_defrag

QUOTA_WARN, QUOTA_CRIT = 0.80, 0.95
GROWTH_AHEAD, GROWTH_CRIT = 4 * 3600.0, 3600.0
GROWTH_LEAST = 600.0
"""Seconds of samples without which a fit says nothing."""
FRAGMENTED = 0.5
FRAGMENTED_LEAST = 100 * 1024 * 1024
"""Bytes in use below which fragmentation does not matter."""
SUGGESTED_QUOTA = 8 * 1024**3
KEPT_WARN = 1_000_000
STANDS_FOR = 3600.0
MANY_LEASES, MANY_EMPTY = 10_000, 1_000


def quota_use(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    shares, unknown, evidence = [], [], []
    for look in inputs.answering:
        quota, who = inputs.quota_of(look)
        size = look.status.db_size if look.status else 0
        if not quota:
            unknown.append(look.name)
            continue
        shares.append((size / quota, look.name))
        evidence.append(f"{look.name}: {format_size(size)} of {format_size(quota)} (told by {who})")
    if not shares:
        return skip(
            "the quota is not known",
            "etcd before 3.6 tells it in /metrics only",
            todo="Make /metrics reachable, or set quota_bytes in the profile.",
        )
    if unknown:
        evidence.append(f"not known of {', '.join(unknown)}")
    worst, name = max(shares)
    severity = Severity.CRIT if worst >= QUOTA_CRIT else Severity.WARN if worst >= QUOTA_WARN else Severity.OK
    if severity is Severity.OK:
        return ok(f"at most {worst:.0%} of the quota", *evidence)
    todo = "Compact and defragment (o, N on Members), find what grows (C on Keys), or raise the quota."
    return Verdict(severity, f"{name} uses {worst:.0%} of its quota", tuple(evidence), todo, (STATUS_LINE,))


def growth(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    worst: tuple[float, str, str] | None = None
    evidence, seconds = [], 0.0
    for look in inputs.answering:
        quota, _ = inputs.quota_of(look)
        points = [
            (sample.at, float(sample.members[look.row.member.id].db))
            for sample in (*inputs.samples.coarse, *list(inputs.samples.fine)[-1:])
            if look.row.member.id in sample.members
        ]
        fit = fit_line(points)
        if fit is None or fit.seconds < GROWTH_LEAST or not quota:
            seconds = max(seconds, fit.seconds if fit else 0.0)
            continue
        words = f"{look.name}: {format_size(int(abs(fit.per_second) * 3600))} an hour"
        evidence.append(f"{words}{' less' if fit.per_second < 0 else ''}, over {format_ttl(fit.seconds)}")
        if fit.per_second > 0:
            left = max(0.0, quota - fit.last) / fit.per_second
            worst = min(worst or (left, "", ""), (left, look.name, format_ttl(left)))
            if not worst[1]:
                worst = (left, look.name, format_ttl(left))
    if not evidence:
        return skip(f"needs {format_ttl(GROWTH_LEAST)} of samples and the quota; there are {format_ttl(seconds)}")
    if worst is None or worst[0] > GROWTH_AHEAD:
        return ok("the quota is not reached in 4 hours", *evidence)
    severity = Severity.CRIT if worst[0] <= GROWTH_CRIT else Severity.WARN
    todo = "Find what grows (C on Keys), compact (o, c on Members), or raise the quota before it is reached."
    return Verdict(severity, f"{worst[1]} reaches its quota in {worst[2]}", tuple(evidence), todo)


def fragmentation(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    found, evidence = [], []
    for look in inputs.answering:
        status = look.status
        if status is None or not status.db_size:
            continue
        share = status.db_size_in_use / status.db_size
        gain = format_size(max(0, status.db_size - status.db_size_in_use))
        evidence.append(f"{look.name}: {share:.0%} of {format_size(status.db_size)} in use, gains at least {gain}")
        if status.db_size_in_use > FRAGMENTED_LEAST and share < FRAGMENTED:
            found.append((share, look.name, gain))
    if not found:
        return ok("no file is half empty (or it is small)", *evidence)
    share, name, gain = min(found)
    todo = "Defragment one member after the other, the leader last: o, D on Members."
    lines = tuple(_defrag_line(look) for look in inputs.answering)
    words = f"{name}: {share:.0%} of the file in use, defragmenting frees at least {gain}"
    return Verdict(Severity.WARN, words, tuple(evidence), todo, lines)


def _defrag_line(look: MemberLook) -> str:
    return f"etcdctl --endpoints={look.row.endpoint} defrag"


def large_quota(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    quotas = [(inputs.quota_of(look)[0], look.name) for look in inputs.answering]
    known = [(quota, name) for quota, name in quotas if quota]
    if not known:
        return skip("the quota is not known")
    most, name = max(known)
    if most > SUGGESTED_QUOTA:
        return info(
            f"{name} has a quota of {format_size(most)}; etcd suggests 8 GB at most",
            "a larger file makes restarts, snapshots and defragmenting slow",
        )
    return ok(f"at most {format_size(most)}")


def compaction(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    compacted = inputs.compacted()
    revision = inputs.view.health.revision
    if compacted is None:
        return skip("where history is compacted is not told (no /metrics)")
    kept = revision - max(compacted, 0)
    at = "never" if compacted <= 0 else f"at {format_count(compacted)}"
    evidence = [f"now at revision {format_count(revision)}, compacted {at}"]
    stood = _stood(inputs, compacted)
    if stood is not None:
        evidence.append(f"not moved for {format_ttl(stood[0])}, {format_count(stood[1])} revisions since")
    todo = (
        "Let something compact regularly: --auto-compaction-retention, or the kube-apiserver; o, c on Members compacts"
        " now."
    )
    line = (f"etcdctl compact --physical {max(1, revision - inputs.keep_revisions)}",)
    if kept > KEPT_WARN:
        return Verdict(Severity.WARN, f"{counted(kept, 'revision')} kept", tuple(evidence), todo, line)
    if stood is not None and stood[0] >= STANDS_FOR and stood[1] > inputs.keep_revisions:
        return Verdict(Severity.WARN, "compaction stands still for an hour", tuple(evidence), todo, line)
    return ok(f"{counted(kept, 'revision')} kept, compacted {at}", *evidence)


def _stood(inputs: Inputs, compacted: int) -> tuple[float, int] | None:
    """For how many seconds the compacted revision has not moved, and how many revisions came meanwhile."""
    same = []
    for at, known, revision in reversed(inputs.samples.compactions):
        if known != compacted:
            break
        same.append((at, revision))
    if not same:
        return None
    at, revision = same[-1]
    return inputs.at - at, inputs.view.health.revision - revision


def lease_count(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    facts = inputs.leases
    if facts is None:
        return skip(f"not listed: {inputs.leases_why or 'not asked yet'}")
    evidence = [f"{format_count(facts.count)} in all"]
    if facts.empty is not None:
        evidence.append(
            f"about {format_count(facts.empty)} without keys, from {format_count(facts.looked_at)} looked at"
        )
    words = counted(facts.count, "lease")
    if facts.count > MANY_LEASES or (facts.empty or 0) > MANY_EMPTY:
        todo = "Look for a client that grants a lease for every request; share one, or revoke what is empty."
        title = f"{words}, about {format_count(facts.empty or 0)} of them empty" if facts.empty else words
        return Verdict(Severity.WARN, title, tuple(evidence), todo, ("etcdctl lease list",))
    return ok(words, *evidence)


def defrag_safety(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    found = {look.name: unsafe_defrag(look.status.version) for look in inputs.answering if look.status}
    evidence = tuple(f"{name}: {words}" for name, all_words in found.items() for words in all_words)
    if not evidence:
        return ok("defragmenting is safe on these versions")
    names = ", ".join(name for name, words in found.items() if words)
    return info(
        f"think before a defragmentation of {names}", *evidence,
        todo="Save a snapshot first, and do not defragment while a member joins or lags. Better: upgrade.",
    )  # fmt: skip


CHECKS = (
    Check(
        "quota", "quota", "db size / quota", "80 %: warning; 95 %: critical",
        f"{MIXIN} etcdDatabaseQuotaLowSpace (95 %); {OWN} (80 %)",
        "A full database takes no writes until somebody frees space and clears the alarm.", STATUS, quota_use,
    ),
    Check(
        "growth", "growth", "straight line through the db sizes seen, 4 hours ahead",
        "reaches the quota in 4 h: warning; in 1 h: critical", f"{MIXIN} etcdExcessiveDatabaseGrowth",
        "At this pace the database will be full.", STATUS, growth,
    ),
    Check(
        "fragmentation", "space", "in use / db size, where more than 100 MB are in use", "below 50 %: warning",
        f"{MIXIN} etcdDatabaseHighFragmentationRatio",
        "The file keeps space that compaction freed; only defragmenting gives it back.", STATUS, fragmentation,
    ),
    Check(
        "large-quota", "quota", "quota", "above 8 GB: info", "etcd's suggested maximum",
        "Beyond 8 GB restarts and snapshots get slow.", STATUS, large_quota, fact=True,
    ),
    Check(
        "compaction", "history", "current revision - compacted revision, and whether it moves",
        "more than 1,000,000, or not moving for 1 h: warning", OWN,
        "Without compaction the database grows with every write.", METRICS, compaction,
    ),
    Check(
        "leases", "leases", "leases, and how many of them have no keys", "10,000, or 1,000 empty: warning", OWN,
        "Leases cost memory and leader time; empty ones are a client's mistake.", LEASES, lease_count, fact=True,
    ),
    Check(
        "defrag-safety", "defrag", "version against etcd's changelogs",
        "before 3.5.6, or before 3.4.38 / 3.5.23 / 3.6.5: info", "etcd changelogs",
        "These versions can harm their data when they are defragmented at a bad moment.", HTTP, defrag_safety,
        fact=True,
    ),
)  # fmt: skip
