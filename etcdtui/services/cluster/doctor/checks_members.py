"""Checks about who is there and whether they agree: quorum, leader, lag, alarms, learners, hashes."""

from __future__ import annotations

import time

from etcdtui.core.types import AlarmType
from etcdtui.core.units import counted, format_count, format_size, format_ttl
from etcdtui.services.cluster.doctor.finding import Check, Severity, Verdict, graded, info, ok, skip
from etcdtui.services.cluster.doctor.inputs import ALARMS, METRICS, STATUS, Inputs
from etcdtui.services.cluster.metrics import KEEP_FOR, LEADER_CHANGES
from etcdtui.services.cluster.samples import CHANGES_FOR
from etcdtui.services.cluster.view import down_words

LAG_WARN, LAG_CRIT = 1_000, 5_000
"""Entries; etcd keeps 5,000 for followers to catch up from, then it sends a whole snapshot."""
APPLY_WARN, APPLY_CRIT = 500, 5_000
"""Entries; above 5,000 a member refuses requests."""
SPREAD_WARN = 1_000
SPREAD_FOR = 60.0
CHANGES_CRIT = 4
DIFFER_FOR = 5.0
LEARNER_FOR = 600.0
STATUS_LINE = "etcdctl endpoint status --cluster -w table"
NO_LEADER = "NO LEADER: nothing can be written"
PEERS = "A majority of the members must be up and reach each other on their peer URLs."
MIXIN = "etcd mixin"
OWN = "etcdtui"


def nobody(inputs: Inputs) -> Verdict | None:
    """The answer of a check that cannot be made while nobody answers."""
    if inputs.anybody:
        return None
    unheard = [(e.endpoint, e.error) for e in inputs.view.health.endpoints if e.error is not None]
    return skip("not known: nobody answers", *(f"{endpoint}: {error.message}" for endpoint, error in unheard))


def not_told(inputs: Inputs) -> Verdict | None:
    """Somebody answers, and Status is not told to this user."""
    if verdict := nobody(inputs):
        return verdict
    if not inputs.answering:
        why = next((look.row.problem.message for look in inputs.looks if look.row.problem is not None), "")
        return skip("Status is not told to this user on this version", *((why,) if why else ()))
    return None


def quorum(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    q = inputs.view.quorum
    if not q.voters:
        words = inputs.view.health.proxy or "the member list is not told"
        if inputs.leader_known:
            return info(f"{words}: there is a leader, how many members may fail is not known")
        return skip(f"{words}: the members are not seen")
    rows = [look.row for look in inputs.looks if look.voter]
    evidence = [f"{row.name}: {down_words(row, inputs.at)}" for row in rows if not row.up]
    lines = (STATUS_LINE, "etcdctl endpoint health --cluster")
    if q.up < q.needed and inputs.leader_known:
        words = f"{q.up} of {q.voters} voters answer from here, and yet there is a majority: there is a leader"
        severity = Severity.INFO if all(not row.seen or row.up for row in rows) else Severity.WARN
        todo = "Give an endpoint for each member, or look at the network."
        return Verdict(severity, words, tuple(evidence), todo, at_once=True)
    if q.lost:
        return Verdict(
            Severity.CRIT,
            f"NO QUORUM: {q.needed} of {q.voters} needed, {q.up} up",
            tuple(evidence),
            "Bring back a member, or restore a snapshot: enter shows both ways.",
            lines,
            at_once=True,
        )
    if q.unseen:
        known = "there is a majority" if inputs.leader_known else "whether there is a majority is not known"
        return info(f"{q.up} of {q.voters} voters seen from here; {known}", *evidence)
    away = [row.name for row in rows if not row.up]
    if away:
        spare = "no spare member" if q.spare == 0 else f"can lose {q.spare} more"
        verb = "is" if len(away) == 1 else "are"
        return Verdict(
            Severity.CRIT if q.spare < 0 else Severity.WARN,
            f"{', '.join(away)} {verb} away, {q.up} of {q.voters} up: {spare}",
            tuple(evidence),
            "Bring it back, or replace it: o, x on its row of Members.",
            lines,
            at_once=True,
        )
    words = f"{q.up} of {q.voters} up, {q.needed} needed: can lose {q.spare}"
    if q.spare == 0:
        return info(words, f"a cluster of {q.voters} has no member to spare by its size")
    return ok(words)


def even_voters(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    voters = inputs.view.quorum.voters
    if not voters:
        return skip("the members are not seen")
    if voters % 2 == 0:
        return info(
            f"{voters} voters tolerate no more than {voters - 1}",
            f"the majority of {voters} is {voters // 2 + 1}, of {voters - 1} it is {(voters - 1) // 2 + 1}",
            todo="Remove one member, or add one.",
        )
    return ok(f"{counted(voters, 'voter')}")


def leader(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    statuses = [(look.name, look.status) for look in inputs.looks if look.status is not None]
    if not statuses:
        if inputs.leader_known:
            return ok("there is a leader: a read through it works, or metrics say so")
        if any(look.has_leader is False for look in inputs.looks):
            told_by = tuple(
                f"{look.name}: etcd_server_has_leader 0" for look in inputs.looks if look.has_leader is False
            )
            return Verdict(Severity.CRIT, NO_LEADER, told_by, PEERS, (STATUS_LINE,), at_once=True)
        return not_told(inputs) or skip("not known")
    told = {(status.leader, status.raft_term) for _, status in statuses}
    evidence = tuple(
        f"{name}: leader {inputs.name(status.leader) if status.leader else 'none'}, term {status.raft_term}"
        for name, status in statuses
    )
    if all(not status.leader for _, status in statuses):
        return Verdict(Severity.CRIT, NO_LEADER, evidence, PEERS, (STATUS_LINE,), at_once=True)
    name = inputs.view.health.leader_name
    if len(told) > 1:
        seconds = inputs.at - inputs.samples.differ_since if inputs.samples.differ_since else 0.0
        words = f"the members name different leaders or terms for {format_ttl(seconds)}"
        todo = "Look whether the members reach each other on their peer URLs."
        severity = Severity.WARN if seconds > DIFFER_FOR else Severity.OK
        return Verdict(severity, words, evidence, todo, (STATUS_LINE,), at_once=True)
    return ok(f"{name} leads, all agree, term {statuses[0][1].raft_term}", *evidence)


def leader_changes(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    counted_by = []
    for look in inputs.looks:
        grown = look.metrics.grown(LEADER_CHANGES, window=KEEP_FOR)
        if grown is not None and grown.value is not None:
            counted_by.append((grown.value, grown.seconds, look.name))
    seen = inputs.samples.changes_within(CHANGES_FOR, inputs.at)
    if counted_by:
        value, seconds, name = max(counted_by)
        number = max(int(value), seen)
        how = f"{name} counted {int(value)} in {format_ttl(seconds)}, {seen} seen by us"
    else:
        number, seconds = seen, min(inputs.samples.seconds, CHANGES_FOR)
        how = f"seen by us in {format_ttl(seconds)} (no /metrics)"
    severity = Severity.CRIT if number >= CHANGES_CRIT else Severity.WARN if number >= 1 else Severity.OK
    log = tuple(
        f"{time.strftime('%H:%M:%S', time.localtime(change.at))}  "
        f"{inputs.name(change.before) if change.before else 'nobody'} -> "
        f"{inputs.name(change.after) if change.after else 'nobody'}  term {change.term}"
        for change in list(inputs.samples.changes)[-6:]
    )
    todo = (
        "Look at disk and peer latency, and at what starves the leader's machine; o, L on Members moves the leadership."
        if number
        else ""
    )
    words = f"{counted(number, 'leader change')} in {format_ttl(min(seconds, CHANGES_FOR))}"
    return Verdict(severity, words, (how, *log), todo, at_once=True)


def raft_lag(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    lags = [(look.row.lag or 0, look.name) for look in inputs.answering]
    worst, name = max(lags)
    evidence = tuple(f"{n}: {format_count(lag)}" for lag, n in lags)
    severity = graded(worst, LAG_WARN, LAG_CRIT)
    if severity is Severity.OK:
        return ok(f"at most {format_count(worst)} entries behind", *evidence)
    todo = "Look at that member's disk and network; above 5,000 it needs a whole snapshot to catch up."
    return Verdict(severity, f"{name} is {format_count(worst)} entries behind", evidence, todo, (STATUS_LINE,))


def apply_lag(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    lags = [(look.row.apply_lag or 0, look.name) for look in inputs.answering]
    worst, name = max(lags)
    evidence = tuple(f"{n}: {format_count(lag)}" for lag, n in lags)
    severity = graded(worst, APPLY_WARN, APPLY_CRIT)
    if severity is Severity.OK:
        return ok(f"at most {format_count(worst)} entries not applied", *evidence)
    words = f"{name} has {format_count(worst)} entries to apply"
    todo = "Look at its disk and CPU, and for reads of very large ranges; above 5,000 it refuses requests."
    return Verdict(severity, words, evidence, todo, (STATUS_LINE,))


def revision_spread(inputs: Inputs) -> Verdict:
    if verdict := not_told(inputs):
        return verdict
    spreads = [
        (sample.at, max(m.revision for m in sample.members.values()) - min(m.revision for m in sample.members.values()))
        for sample in inputs.samples.since(SPREAD_FOR + 10)
        if len(sample.members) == len(inputs.answering) and sample.members
    ]
    revisions = [look.status.header.revision for look in inputs.answering if look.status and look.status.header]
    now = max(revisions, default=0) - min(revisions, default=0)
    evidence = tuple(
        f"{look.name}: revision {look.status.header.revision}"
        for look in inputs.answering
        if look.status and look.status.header
    )
    if now <= SPREAD_WARN or len(spreads) < 2:
        return ok(f"spread {format_count(now)}", *evidence)
    before = [spread for at, spread in spreads if inputs.at - at >= SPREAD_FOR]
    growing = now > spreads[max(0, len(spreads) - 4)][1]
    if not growing:
        return ok(f"spread {format_count(now)}, not growing", *evidence)
    if before and now > before[-1] > SPREAD_WARN and all(s > SPREAD_WARN for _, s in spreads):
        severity, words = Severity.CRIT, f"the revisions grow apart for a minute: spread {format_count(now)}"
    else:
        severity, words = Severity.WARN, f"the revisions grow apart: spread {format_count(now)}"
    return Verdict(severity, words, evidence, "The slow member falls behind: look at its disk and network.")


def agreement(inputs: Inputs) -> Verdict:
    check = inputs.hashes
    if check is None:
        return skip(
            "hashes not compared: reads all keys of each member, so only on demand",
            todo="o, h on Members compares them now.",
        )
    clock = time.strftime("%H:%M:%S", time.localtime(inputs.hashes_at))
    evidence = tuple(f"{a.row.name}: {a.words()}" for a in check.answers)
    words = f"hashes at revision {check.revision} ({clock}): {check.verdict}"
    line = (f"etcdctl endpoint hashkv --cluster --rev {check.revision} -w table",)
    if check.differs:
        todo = "Do not disarm a CORRUPT alarm. Snapshot of each member, then replace the odd one out: o, C on Members."
        return Verdict(Severity.CRIT, words, evidence, todo, line, at_once=True)
    if check.equal:
        return Verdict(Severity.OK, words, evidence, "", line)
    return Verdict(Severity.WARN, words, evidence, "Compare again; a member that was not asked is not known.", line)


def alarms(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    raised = [(alarm.type.name, inputs.name(alarm.member_id)) for alarm in inputs.alarms or ()]
    words = inputs.view.health.alarms
    if inputs.alarms is None and not words:
        if not inputs.answering:
            return skip("alarms are not told", inputs.alarms_why)
        return ok("none told by Status", f"the list of alarms: {inputs.alarms_why}")
    if inputs.alarms is None:
        raised = [(word, "a member") for word in words]
    if not raised:
        return ok("none")
    names: dict[str, list[str]] = {}
    for kind, name in raised:
        names.setdefault(kind, []).append(name)
    title = "; ".join(f"{kind} raised by {', '.join(by)}" for kind, by in names.items())
    corrupt = AlarmType.CORRUPT.name in names
    meaning = (
        "The members disagree about the data. Writes and deletes are refused, reads may differ from member to member."
        if corrupt
        else 'Writes are refused ("database space exceeded") until space is freed AND the alarm is cleared. Reads and'
        " deletes still work."
    )
    todo = (
        "Do not disarm. Compare the hashes, keep a snapshot of each member, replace the odd one out: o, C on Members."
        if corrupt
        else "Compact, defragment each member, then clear the alarms: o, N on Members does it step by step."
    )
    line = ("etcdctl alarm list", STATUS_LINE)
    told = tuple(f"{kind}: {', '.join(by)}" for kind, by in names.items()) + _space(inputs)
    return Verdict(Severity.CRIT, title, told, todo, line, at_once=True, meaning=meaning)


def _space(inputs: Inputs) -> tuple[str, ...]:
    """How full each member is, and how much history could go."""
    told = []
    for look in inputs.answering:
        status, (quota, _) = look.status, inputs.quota_of(look)
        if status is not None:
            of = f" of {format_size(quota)} quota ({status.db_size / quota:.0%})" if quota else ", quota not known"
            told.append(f"{look.name}: {format_size(status.db_size)}{of}, {format_size(status.db_size_in_use)} in use")
    compacted, revision = inputs.compacted(), inputs.view.health.revision
    if compacted is not None:
        told.append(f"history: {counted(revision - max(0, compacted), 'revision')} kept, now at {revision}")
    return tuple(told)


def learners(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    found = [look for look in inputs.looks if look.row.member.is_learner]
    if not found:
        return ok("no learner")
    evidence, waits = [], []
    for look in found:
        since = inputs.samples.learners.get(look.row.member.id, inputs.at)
        seen = inputs.at - since
        lag = "lag not known" if look.row.lag is None else f"{format_count(look.row.lag)} entries behind"
        evidence.append(f"{look.name}: {lag}, seen as a learner for {format_ttl(seen)}")
        if seen > LEARNER_FOR:
            waits.append(look.name)
    names = ", ".join(look.name for look in found)
    if waits:
        todo = "Promote it when it has caught up (o, p on Members), or remove it (d there)."
        return Verdict(
            Severity.WARN, f"{', '.join(waits)} is a learner for more than 10 min", tuple(evidence), todo, at_once=True
        )
    return info(f"{names}: a learner, does not vote yet", *evidence)


def unstarted(inputs: Inputs) -> Verdict:
    if verdict := nobody(inputs):
        return verdict
    found = [row for row in inputs.view.rows if row.state == "not started"]
    if not found:
        return ok("every member was started")
    urls = tuple(f"{row.member.id:x}: {', '.join(row.member.peer_urls)}" for row in found)
    voting = [row for row in found if not row.member.is_learner]
    words = "a member was added and never started" + (": it counts for the quorum" if voting else "")
    lines = tuple(f"etcdctl member remove {row.member.id:x}" for row in found)
    todo = "Start it with the settings that adding it printed, or remove it (d on Members)."
    return Verdict(Severity.WARN, words, urls, todo, lines, at_once=True)


CHECKS = (
    Check(
        "alarms", "alarm", "the list of alarms", "any alarm: critical", "etcd",
        "A member raised an alarm; the cluster refuses writes until it is cleared.", ALARMS, alarms,
    ),
    Check(
        "quorum", "quorum", "voters n, up h, needed floor(n/2)+1, spare = h - needed",
        "spare 0 with a member away: warning; h < needed: critical", f"raft; {MIXIN} etcdInsufficientMembers",
        "Below the majority nothing can be written; without a spare member the next failure stops the cluster.",
        STATUS, quorum,
    ),
    Check(
        "leader", "leader", "all members that answer name the same leader and term",
        "different for more than 5 s: warning; none: critical", f"{MIXIN} etcdNoLeader",
        "Only a leader can commit writes.", STATUS, leader,
    ),
    Check(
        "agreement", "hash", "HashKV of all members at one revision with one compacted revision",
        "not comparable: warning; different: critical", "etcd v3.5 data inconsistency post-mortem",
        "Different hashes mean that members hold different data.", STATUS, agreement, fact=True,
    ),
    Check(
        "unstarted", "members", "members without a name", "any: warning", "etcd membership",
        "A member that never started counts for the quorum as if it were down.", STATUS, unstarted, fact=True,
    ),
    Check(
        "even", "voters", "voters n is even", "even: info", "raft",
        "An even number of voters adds a machine that can fail and no tolerance.", STATUS, even_voters, fact=True,
    ),
    Check(
        "learner", "learner", "how long a learner is seen", "more than 10 min: warning", OWN,
        "A learner does not vote; one that is never promoted adds no tolerance.", STATUS, learners, fact=True,
    ),
    Check(
        "leader-changes", "leader", "growth of etcd_server_leader_changes_seen_total, else changes seen by us",
        "1 in 15 min: warning; 4 in 15 min: critical", f"{MIXIN} etcdHighNumberOfLeaderChanges",
        "Each change stops writes for an election; many of them mean slow disks or a bad network.",
        METRICS, leader_changes,
    ),
    Check(
        "raft-lag", "raft", "highest committed index - the member's", "1,000: warning; 5,000: critical",
        f"{OWN}; etcd's default of 5,000 catch-up entries",
        "A member far behind serves old data to serializable reads and cannot take over.", STATUS, raft_lag,
    ),
    Check(
        "apply-lag", "raft", "raftIndex - raftAppliedIndex", "500: warning; 5,000: critical",
        "etcd's maxGapBetweenApplyAndCommitIndex", "A member that cannot keep up with applying refuses requests.",
        STATUS, apply_lag,
    ),
    Check(
        "revision-spread", "raft", "highest - lowest revision of Status answers asked together",
        "1,000 and growing: warning; growing for 60 s: critical", OWN,
        "A member's data falls behind. By itself this is no corruption.", STATUS, revision_spread,
    ),
)  # fmt: skip
