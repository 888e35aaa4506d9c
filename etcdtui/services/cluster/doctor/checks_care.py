"""Checks about what people look after: versions, downgrades, clocks, certificates, and what could not be seen."""

from __future__ import annotations

import time
from itertools import combinations

from etcdtui.core.units import format_ttl
from etcdtui.services.cluster.doctor.checks_members import MIXIN, OWN, STATUS_LINE, nobody, not_told
from etcdtui.services.cluster.doctor.finding import Check, Severity, Verdict, graded, info, ok, skip
from etcdtui.services.cluster.doctor.inputs import HTTP, METRICS, STATUS, Inputs
from etcdtui.services.cluster.versions import faults_of, version_order

CLOCK_WARN, CLOCK_CRIT = 1.0, 5.0
DAY = 86400.0
CERTIFICATE_WARN, CERTIFICATE_CRIT = 30 * DAY, 7 * DAY


def versions(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    told = {look.name: look.status.version for look in inputs.answering if look.status}
    cluster = next((look.metrics.latest.cluster_version for look in inputs.looks if look.metrics.latest), "")
    evidence = tuple(f"{name}: {version}" for name, version in told.items())
    if cluster:
        evidence = (*evidence, f"cluster version {cluster}")
    minors = {version_order(version)[:2] for version in told.values()}
    if len(minors) > 1:
        distance = max(m[1] for m in minors) - min(m[1] for m in minors)
        majors = {m[0] for m in minors}
        if len(majors) > 1 or distance > 1:
            words = "the members are more than one minor version apart"
            todo = "etcd supports neighbouring minors only: bring all members to one version, one minor at a time."
            return Verdict(Severity.CRIT, words, evidence, todo, (STATUS_LINE,))
        return info(
            "two minor versions run side by side (an upgrade under way?)", *evidence, todo="Finish the upgrade."
        )
    if len(set(told.values())) > 1:
        return info("the members run different patch versions", *evidence, todo="Bring them to the same one.")
    version = next(iter(told.values()), "")
    return ok(f"all members {version}{f', cluster {cluster}' if cluster else ''}", *evidence)


def bad_versions(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    by_words: dict[str, list[str]] = {}
    worst = Severity.OK
    for look in inputs.answering:
        for fault in faults_of(look.status.version if look.status else "", inputs.auth):
            by_words.setdefault(fault.words, []).append(look.name)
            worst = max(worst, Severity.CRIT if fault.critical else Severity.WARN)
    if not by_words:
        return ok("nothing is known against these versions that would concern this cluster")
    evidence = tuple(f"{', '.join(names)}: {words}" for words, names in by_words.items())
    known = sorted({look.status.version for look in inputs.answering if look.status}, key=version_order)
    return Verdict(
        worst,
        f"faults are known of {', '.join(known)}",
        evidence,
        "Upgrade to a version without them: one member after the other, the leader last.",
    )


def downgrade(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    running = [(look.name, look.status.downgrade_target) for look in inputs.answering
               if look.status and look.status.downgrade_enabled]  # fmt: skip
    if not running:
        return ok("none under way")
    target = running[0][1]
    return info(
        f"a downgrade to {target} is under way",
        *(f"{name}: {known}" for name, known in running),
        todo="Replace the binaries member by member, or cancel it.",
        etcdctl=("etcdctl downgrade cancel",),
    )


def clock(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    known = [(look.facts, look.name) for look in inputs.looks if look.facts is not None and look.facts.skew is not None]
    if not known:
        return skip("no clock is told over HTTP", *_why_http(inputs))
    worst, words = 0.0, ""
    evidence = []
    for facts, name in known:
        least = facts.least_skew or 0.0
        evidence.append(f"{name}: {_skew_words(least)} ours")
        if abs(least) > abs(worst):
            worst, words = least, f"the clock of {name} is {_skew_words(least)} ours"
    for (one, first), (other, second) in combinations(known, 2):
        if one.skew is None or other.skew is None:
            continue
        apart = max(one.skew[0] - other.skew[1], other.skew[0] - one.skew[1], 0.0)
        if apart > abs(worst):
            worst, words = apart, f"the clocks of {first} and {second} are {apart:.1f} s apart"
    severity = graded(abs(worst), CLOCK_WARN, CLOCK_CRIT)
    if severity is Severity.OK:
        return ok("no difference of more than a second to see", *evidence)
    todo = "Look at NTP there and here. Leases do not suffer; certificates, JWT and logs do."
    return Verdict(severity, words, tuple(evidence), todo)


def _skew_words(seconds: float) -> str:
    if abs(seconds) < 1:
        return "as"
    return f"{abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'}"


def _why_http(inputs: Inputs) -> tuple[str, ...]:
    return tuple(f"{look.name}: {look.facts.why}" for look in inputs.looks if look.facts is not None and look.facts.why)


def certificates(inputs: Inputs) -> Verdict:
    if not inputs.tls:
        return skip("not TLS")
    if verdict := nobody(inputs):
        return verdict
    ends = [
        (look.facts.certificate.not_after, look.name)
        for look in inputs.looks
        if look.facts is not None and look.facts.certificate is not None
    ]
    if inputs.own_certificate is not None:
        ends.append((inputs.own_certificate.not_after, "our client certificate"))
    missing = tuple(
        f"{look.name}: {look.facts.certificate_why or look.facts.why}"
        for look in inputs.looks
        if look.facts is not None and look.facts.certificate is None and (look.facts.certificate_why or look.facts.why)
    )
    if not ends:
        return skip("no certificate could be read", *missing)
    evidence = tuple(f"{name}: ends {_day(end)}, in {_left(end - inputs.at)}" for end, name in ends) + missing
    soonest, name = min(ends)
    left = soonest - inputs.at
    severity = Severity.CRIT if left < CERTIFICATE_CRIT else Severity.WARN if left < CERTIFICATE_WARN else Severity.OK
    if severity is Severity.OK:
        return ok(f"the first one ends in {_left(left)} ({name})", *evidence)
    words = f"the certificate of {name} has ended" if left <= 0 else f"the certificate of {name} ends in {_left(left)}"
    if name.startswith("our "):
        words = words.replace("the certificate of our", "our")
    return Verdict(severity, words, evidence, "Renew it; etcd reads new files by itself.")


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def _left(seconds: float) -> str:
    return format_ttl(seconds) if seconds < 2 * DAY else f"{int(seconds // DAY)} days"


def own_health(inputs: Inputs) -> Verdict:
    """What the members' own health endpoints say."""
    if verdict := nobody(inputs):
        return verdict
    known = [look for look in inputs.looks if look.facts is not None and not look.facts.why]
    if not known:
        return skip("no member tells its health over HTTP", *_why_http(inputs))
    evidence, unwell = [], []
    for look in known:
        facts = look.facts
        if facts is None:
            continue
        parts = [part for part in facts.not_ready if look.voter or part != "non_learner"]
        words = ", ".join(parts) or (facts.reason if facts.healthy is False and look.voter else "")
        evidence.append(f"{look.name}: {words or 'healthy'}")
        if words:
            unwell.append(look)
    if not unwell:
        return ok("the members call themselves healthy", *evidence)
    lines = tuple(f"curl -s '{_url(inputs, look.row.endpoint)}/readyz?verbose'" for look in unwell)
    names = [look.name for look in unwell]
    one = len(names) == 1
    words = f"{', '.join(names)} {'says of itself that it is' if one else 'say of themselves that they are'} not well"
    return Verdict(Severity.WARN, words, tuple(evidence), "See what the other findings say.", lines)


def _url(inputs: Inputs, endpoint: str) -> str:
    return endpoint if "://" in endpoint else f"{'https' if inputs.tls else 'http'}://{endpoint}"


def access(inputs: Inputs) -> Verdict:
    """What could not be seen, and why: silence would look like health."""
    evidence = [inputs.view.health.proxy] if inputs.view.health.proxy else []
    for look in inputs.looks:
        if not look.row.endpoint and look.row.state != "not started":
            evidence.append(f"{look.name}: {look.row.state}")
            continue
        if look.metrics.latest is None and look.row.up and inputs.rounds.get(METRICS):
            evidence.append(f"{look.name}: /metrics: {look.metrics.why}")
        if look.row.up and look.row.status is None and look.row.problem is not None:
            evidence.append(f"{look.name}: Status: {look.row.problem.message}")
    if inputs.alarms is None and inputs.alarms_why:
        evidence.append(f"alarms: {inputs.alarms_why}")
    if inputs.auth is None and inputs.auth_why:
        evidence.append(f"authentication: {inputs.auth_why}")
    if inputs.leases is None and inputs.leases_why:
        evidence.append(f"leases: {inputs.leases_why}")
    if not evidence:
        return ok("everything that is looked at can be seen")
    if not inputs.anybody:
        return skip("nobody answers", *evidence)
    measured = inputs.rounds.get(METRICS, 0)
    without = sum(look.metrics.latest is None and look.row.up for look in inputs.looks) if measured else 0
    words = f"/metrics not readable on {without} of {len(inputs.looks)}" if without else "some inputs cannot be seen"
    return info(words, *evidence, todo="Findings that need them say SKIP. metrics.urls in the profile can help.")


CHECKS = (
    Check(
        "versions", "version", "versions of all members", "patch differs: info; minor differs by more than 1: critical",
        "etcd's upgrade policy", "Members of different versions are for the time of an upgrade only.", STATUS, versions,
        fact=True,
    ),
    Check(
        "bad-versions", "version", "version against etcd's changelogs and advisories",
        "known fault: warning; 3.5.0 to 3.5.2: critical", "etcd changelogs, post-mortem, advisories",
        "This version has a known fault that can concern this cluster.", STATUS, bad_versions, fact=True,
    ),
    Check(
        "downgrade", "version", "Status.downgradeInfo (3.6 and later)", "under way: info", "etcd 3.6",
        "While a downgrade is under way members of the older version may join.", STATUS, downgrade, fact=True,
    ),
    Check(
        "health", "health", "/health and /readyz of each member", "not well: warning", f"{MIXIN}; etcd's probes",
        "The member itself says that it cannot serve.", HTTP, own_health,
    ),
    Check(
        "clock", "clock", "HTTP Date against our clock and each other", "1 s: warning; 5 s: critical", OWN,
        "Leases use monotonic time, so this is a hint for certificates, JWT and logs.", HTTP, clock,
    ),
    Check(
        "certificates", "certs", "end of our certificate and the servers'", "30 days: warning; 7 days: critical",
        "kubeadm practice", "A member or client with an ended certificate is shut out.", HTTP, certificates, fact=True,
    ),
    Check(
        "access", "access", "what could not be asked", "any: info", OWN,
        "What cannot be seen is not known to be well.", STATUS, access, fact=True,
    ),
)  # fmt: skip
