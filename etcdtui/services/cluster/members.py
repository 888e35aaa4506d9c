"""The maintenance that people do on the members: what each change is, and why it is refused or confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from etcdtui.client import Client
from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, WritePlan, line
from etcdtui.core.quoting import shell_quote
from etcdtui.core.types import Alarm, AlarmType, HashKV
from etcdtui.core.units import format_size
from etcdtui.core.value import record
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


@record()
class HashCheck:
    """Agreement of the members at one revision. ``answers`` holds a hash or the reason why there is none."""

    revision: int
    answers: tuple[tuple[MemberRow, HashKV | EtcdError], ...]

    @property
    def verdict(self) -> str:
        """``equal``, ``DIFFERS`` or why the answers can not be compared."""
        hashes = [answer for _, answer in self.answers if isinstance(answer, HashKV)]
        if len(hashes) < 2:
            return "not comparable: fewer than two members answered"
        groups: dict[int, set[int]] = {}
        for answer in hashes:
            groups.setdefault(answer.compact_revision, set()).add(answer.hash)
        if any(len(values) > 1 for values in groups.values()):
            return "DIFFERS"
        return "equal" if len(groups) == 1 else "not comparable: members are compacted at different revisions"

    @property
    def differs(self) -> bool:
        """The members hold different data."""
        return self.verdict == "DIFFERS"


async def check_hashes(client: Client, view: ClusterView) -> HashCheck:
    """Hash the key space of every member at the lowest revision that all have reached.

    Reads the whole key bucket on each member. Hashes count as comparable only with the same compact revision.
    """
    rows = [row for row in view.rows if row.status is not None and row.status.header is not None]
    revision = min((row.status.header.revision for row in rows if row.status and row.status.header), default=0)

    async def one(row: MemberRow) -> HashKV | EtcdError:
        try:
            return await client.maintenance.hash_kv(row.endpoint, revision=revision)
        except EtcdError as error:
            return error

    answers = await asyncio.gather(*(one(row) for row in rows))
    return HashCheck(revision, tuple(zip(rows, answers, strict=True)))


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


def defrag_plan(view: ClusterView, row: MemberRow) -> WritePlan:
    status = row.status
    gain = format_size(max(0, status.db_size - status.db_size_in_use)) if status else "?"
    others_away = away(other for other in view.rows if other is not row)
    blocked = f"{others_away}: defragmenting would take another member away" if others_away else ""
    size = f"{format_size(status.db_size) if status else '?'}, {row.role}"
    facts = [Fact("database of", row.name.encode(), size, f"at least {gain} less")]
    lines = [
        line("reads and writes on this member stop while it runs; giving up here does not stop it", tone="warn"),
    ]
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


def disarm_plan(view: ClusterView, alarm: Alarm) -> WritePlan:
    """A CORRUPT alarm is refused: it must be found out first which member differs."""
    row = view.row(alarm.member_id)
    status = row.status if row else None
    quota = status.db_size_quota if status else 0
    blocked = ""
    if alarm.type is AlarmType.CORRUPT:
        blocked = "compare the members' hashes and replace the odd one out; disarming would hide the damage"
    elif status and quota and status.db_size > DISARM_SHARE * quota:
        blocked = f"the database is still {format_size(status.db_size)} of {format_size(quota)}: compact and defragment"
    facts = [
        Fact(f"alarm {alarm.type.name} of", (row.name if row else f"{alarm.member_id:x}").encode(), "raised", "cleared")
    ]
    lines = [
        line("it comes back with the next write if the database is still over its quota", tone="dim"),
    ]
    return _plan(
        "alarm disarm", alarm.type.name, "Maintenance/Alarm", "alarm disarm", facts, lines, member=alarm.member_id,
        blocked=blocked,
    )  # fmt: skip
