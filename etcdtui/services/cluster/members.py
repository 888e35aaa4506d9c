"""The maintenance that people do on the members: what each change is, and why it is refused or confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from etcdtui.client import Client
from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, WritePlan, line
from etcdtui.core.quoting import shell_quote
from etcdtui.core.types import Alarm, AlarmType
from etcdtui.core.units import format_size
from etcdtui.services.cluster.versions import unsafe_defrag
from etcdtui.services.cluster.view import ClusterView, MemberRow

LAG_LIMIT = 1_000
"""Raft entries behind the leader above which a member must not become one."""
DISARM_SHARE = 0.8
PROMOTES = "etcd before 3.5.31 and 3.6.12 makes a learner a voter by this"


async def read_alarms(client: Client) -> tuple[tuple[Alarm, ...] | None, str]:
    """Active alarms, or ``None`` and why they are not known."""
    try:
        return tuple(await client.maintenance.alarms()), ""
    except EtcdError as error:
        return None, f"alarms: {error.title}"


# -- plans -----------------------------------------------------------------------------------------------------


def _plan(
    action: str,
    target: str,
    rpc: str,
    etcdctl: str,
    facts: Sequence[Fact],
    lines: Sequence[PlanLine],
    *,
    level: ActionClass = ActionClass.R3,
    member: int | None = None,
    blocked: str = "",
    word: str = "",
    undo: str = "",
) -> WritePlan:
    return WritePlan(
        action=action,
        target=target.encode(),
        action_class=level,
        scope=Scope(frozenset({rpc}), members=None if member is None else frozenset({member})),
        target_word=word or target,
        facts=tuple(facts),
        lines=tuple(lines),
        etcdctl=f"etcdctl {etcdctl}",
        changes=0,
        undo=undo,
        blocked=blocked,
    )


def move_leader_plan(view: ClusterView, row: MemberRow) -> WritePlan:
    blocked = ""
    if row.member.is_learner:
        blocked = "a learner can not become leader; promote it first"
    elif not row.up:
        blocked = "the member does not answer"
    elif row.lag is not None and row.lag > LAG_LIMIT:
        blocked = f"the member is {row.lag} entries behind; the limit is {LAG_LIMIT}"
    leader = view.leader
    facts = [Fact("leader", b"", (leader.name if leader else "?").encode(), row.name.encode())]
    lines = [line("one election: requests are retried, leases start their clocks again", tone="dim")]
    return _plan(
        "move leader", row.name, "Maintenance/MoveLeader", f"move-leader {row.member.id:x}", facts, lines,
        member=row.member.id, blocked=blocked,
    )  # fmt: skip


def remove_plan(view: ClusterView, row: MemberRow) -> WritePlan:
    """Blocked when the members that stay up would not be a majority of the members that stay."""
    before = view.quorum
    after = before.without(voting=not row.member.is_learner, up=row.up, seen=row.seen)
    blocked = ""
    if before.voters == 1 and not row.member.is_learner:
        blocked = "this is the only voting member"
    elif after.spare < 0:
        blocked = f"the rest would have no quorum: {after.up} of {after.voters} up, {after.needed} needed"
    facts = [
        Fact("member", row.name.encode(), f"{row.role}, {'answers now' if row.up else 'does not answer'}", "removed"),
        Fact("quorum", b"", before.words().removeprefix("QUORUM "), after.words().removeprefix("QUORUM "), "warn"),
    ]
    lines = [
        line("its process ends by itself; its data must be wiped before it can join again", tone="dim"),
    ]
    if row.role == "LEADER":
        lines.append(line("it is the leader: move the leadership first for a softer landing", tone="warn"))
    return _plan(
        "member remove", row.name, "Cluster/MemberRemove", f"member remove {row.member.id:x}", facts, lines,
        level=ActionClass.R4, member=row.member.id, blocked=blocked, undo="the member's data is given up",
    )  # fmt: skip


def away(rows: Iterable[MemberRow]) -> str:
    """``a, b are down; c is not seen from here``: which of these members do not answer; empty when all do."""
    absent = [row for row in rows if not row.up]
    parts = []
    for words, seen in (("down", True), ("not seen from here", False)):
        names = [row.name for row in absent if row.seen is seen]
        if names:
            parts.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {words}")
    return "; ".join(parts)


def why_no_add(view: ClusterView) -> str:
    """Why no member can be added now, as a sentence; empty when one can. Names in it are the server's."""
    absent = [row for row in view.rows if not row.member.is_learner and not row.up]
    if not absent:
        return ""
    them = "it" if len(absent) == 1 else "them"
    first = f"remove {them} first" if any(row.seen for row in absent) else f"connect to {them} too"
    return f"{away(absent)}: {first}, an add raises the majority needed"


def add_plan(view: ClusterView, name: str, peer_urls: tuple[str, ...], *, learner: bool = True) -> WritePlan:
    blocked = why_no_add(view)
    if not blocked and learner and view.learners:
        blocked = "there is a learner already; promote or remove it first"
    now = view.quorum.voters
    voters = now + (not learner)
    urls = ",".join(peer_urls)
    facts = [
        Fact("member", name.encode(), "", "a learner" if learner else "a voting member at once"),
        Fact("its peer URLs", b"", "", urls.encode()),
        Fact("majority needed", b"", f"{now // 2 + 1} of {now}", f"{voters // 2 + 1} of {voters}"),
        *(Fact("its etcd is started with", b"", "", text.encode()) for text in add_environment(view, name, peer_urls)),
    ]
    lines = [line("a learner does not vote until it is promoted", tone="dim")] if learner else []
    flag = " --learner" if learner else ""
    return _plan(
        "member add", name, "Cluster/MemberAdd",
        f"member add {shell_quote(name.encode())} --peer-urls={shell_quote(urls.encode())}{flag}", facts, lines,
        blocked=blocked, word=name,
    )  # fmt: skip


def add_environment(view: ClusterView, name: str, peer_urls: tuple[str, ...]) -> tuple[str, ...]:
    """The settings with which the new member's etcd is to be started."""
    known = [f"{row.member.name}={url}" for row in view.rows if row.member.name for url in row.member.peer_urls]
    initial = ",".join([*known, *(f"{name}={url}" for url in peer_urls)])
    return (
        f'ETCD_NAME="{name}"',
        f'ETCD_INITIAL_CLUSTER="{initial}"',
        f'ETCD_INITIAL_ADVERTISE_PEER_URLS="{",".join(peer_urls)}"',
        'ETCD_INITIAL_CLUSTER_STATE="existing"',
    )


def update_plan(row: MemberRow, peer_urls: tuple[str, ...]) -> WritePlan:
    before, after = (", ".join(urls).encode() for urls in (row.member.peer_urls, peer_urls))
    facts = [Fact("peer URLs of", row.name.encode(), before, after)]
    lines = [line(PROMOTES, tone="warn")] if row.member.is_learner else []
    return _plan(
        "member update", row.name, "Cluster/MemberUpdate",
        f"member update {row.member.id:x} --peer-urls={shell_quote(','.join(peer_urls).encode())}", facts, lines,
        member=row.member.id,
    )  # fmt: skip


def promote_plan(row: MemberRow) -> WritePlan:
    lag = "not known" if row.lag is None else f"{row.lag} entries"
    return _plan(
        "member promote", row.name, "Cluster/MemberPromote", f"member promote {row.member.id:x}",
        [Fact("member", row.name.encode(), f"{row.role}, behind the leader by: {lag}", "a voting member")], (),
        member=row.member.id, blocked="" if row.member.is_learner else "only a learner can be promoted",
    )  # fmt: skip


def why_no_defrag(view: ClusterView, row: MemberRow) -> str:
    """Why a member cannot be defragmented now, as a sentence; empty when it can.

    It serves nothing meanwhile, so the others must be a majority without it; and some versions harm their data when a
    member catches up at that time, so nobody may be joining or lagging.
    """
    if row.member.is_learner:
        return "a learner refuses to be defragmented; promote it first"
    if not row.up or row.status is None:
        return f"{row.name} does not answer"
    others = [other for other in view.rows if other.member.id != row.member.id]
    without = view.quorum.without(voting=True, up=row.up)
    if without.voters and without.up < view.quorum.needed:
        gone = away(other for other in others if not other.member.is_learner)
        return f"{gone}: defragmenting would take the majority away" if gone else ""
    if joining := [other.name for other in view.rows if other.member.is_learner or other.state == "not started"]:
        return f"{', '.join(joining)} is joining: wait until it votes, or remove it"
    if late := [other.name for other in view.rows if max(other.lag or 0, other.apply_lag or 0) > LAG_LIMIT]:
        return f"{', '.join(late)} lags behind: wait until it has caught up"
    return ""


def defrag_plan(view: ClusterView, row: MemberRow) -> WritePlan:
    status = row.status
    gain = format_size(max(0, status.db_size - status.db_size_in_use)) if status else "?"
    size = f"{format_size(status.db_size) if status else '?'}, {row.role}"
    facts = [Fact("database of", row.name.encode(), size, f"at least {gain} less")]
    lines = [
        line("reads and writes on this member stop while it runs; giving up here does not stop it", tone="warn"),
    ]
    if row.role == "LEADER" and view.quorum.voters > 1:
        lines.append(line("it is the leader: defragment the others first, or move the leadership before", tone="warn"))
    others = [other for other in view.rows if other.member.id != row.member.id]
    if gone := away(other for other in others if not other.member.is_learner):
        lines.append(line(gone.encode(), ": one failure more while it runs and nothing can be written", tone="warn"))
    if status is not None:
        lines += [line(f"{status.version}: ", words, tone="warn") for words in unsafe_defrag(status.version)]
    blocked = why_no_defrag(view, row)
    return _plan(
        "defrag", row.name, "Maintenance/Defragment",
        f"--endpoints={shell_quote(row.endpoint.encode())} defrag", facts, lines, blocked=blocked,
    )  # fmt: skip


def compact_plan(view: ClusterView, revision: int, keep: int) -> WritePlan:
    current = view.health.revision
    kept = current - revision
    level = ActionClass.R4 if kept < keep else ActionClass.R3
    facts = [Fact("compact to", str(revision).encode(), f"now at revision {current}", f"the last {kept} stay")]
    lines = [
        line("history below it and watches from it are gone for ever", tone="warn"),
    ]
    blocked = "" if 0 < revision <= current else f"the revision must be between 1 and {current}"
    return _plan(
        "compact", str(revision), "KV/Compact", f"compact --physical {revision}", facts, lines, level=level,
        blocked=blocked, undo="what is compacted is gone",
    )  # fmt: skip


def why_not_clear(view: ClusterView) -> str:
    """Why NOSPACE cannot be cleared now, naming the members; empty when it can.

    Every member must be below 80 % of its quota: the alarm is the cluster's, and the next write raises it again.
    """
    full, unknown = [], []
    for row in view.rows:
        if row.member.is_learner or row.state == "not started":
            continue
        if row.quota_share is None:
            unknown.append(f"{row.name} ({'does not answer' if row.status is None else 'quota not known'})")
        elif row.quota_share >= DISARM_SHARE:
            full.append(f"{row.name} {row.quota_share:.0%}")
    if full:
        return f"still too full: {', '.join(full)} of the quota; below {DISARM_SHARE:.0%} on every member is needed"
    if unknown:
        return f"not known how full: {', '.join(unknown)}; quota_bytes in the profile tells it for old servers"
    return ""


def clear_plan(view: ClusterView, alarms: Sequence[Alarm]) -> WritePlan:
    """Clear every NOSPACE alarm at once, as ``etcdctl alarm disarm`` does."""
    found = [alarm for alarm in alarms if alarm.type is AlarmType.NOSPACE]
    blocked = why_not_clear(view)
    if not found:
        blocked = "no NOSPACE alarm is raised"
    elif len(found) < len(alarms):
        blocked = "a CORRUPT alarm is raised too: find out first which member differs"
    facts = []
    for alarm in found:
        row = view.row(alarm.member_id)
        facts.append(
            Fact("alarm NOSPACE of", (row.name if row else f"{alarm.member_id:x}").encode(), "raised", "cleared")
        )
    facts += [
        Fact("database of", row.name.encode(), "", f"{row.quota_share:.0%} of its quota")
        for row in view.rows
        if row.quota_share is not None
    ]
    lines = [line("it comes back with the next write where the database is over its quota", tone="dim")]
    plan = _plan("alarm disarm", "NOSPACE", "Maintenance/Alarm", "alarm disarm", facts, lines, blocked=blocked)
    scope = Scope(plan.scope.methods, members=frozenset(alarm.member_id for alarm in found))
    return replace(plan, scope=scope)
