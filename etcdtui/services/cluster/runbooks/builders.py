"""The plans there are: which steps they have, for the cluster as it is now."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from etcdtui.core.errors import BadArgument
from etcdtui.core.quoting import shell_quote
from etcdtui.core.units import format_size
from etcdtui.core.value import Value
from etcdtui.services.cluster import members
from etcdtui.services.cluster.doctor.inputs import Inputs, MemberLook
from etcdtui.services.cluster.runbooks.context import Context, row_of
from etcdtui.services.cluster.runbooks.spec import Kind, Runbook, StepSpec, fresh
from etcdtui.services.cluster.runbooks.upkeep import rank_targets
from etcdtui.services.cluster.snapshots import free_path
from etcdtui.services.cluster.versions import version_order
from etcdtui.services.cluster.view import ClusterView, MemberRow

PAUSE = 60
"""Seconds between two members, so that trouble has time to show."""


def _new(ctx: Context, view: ClusterView, kind: Kind, title: str, steps: Sequence[StepSpec]) -> Runbook:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(ctx.clock()))
    return fresh(
        Runbook(
            id=f"{stamp}-{kind.value}-{secrets.token_hex(3)}",
            kind=kind,
            title=title,
            profile=ctx.profile,
            cluster_id=view.health.cluster_id,
            begun=ctx.clock(),
            steps=tuple(steps),
            members=tuple(row.member.id for row in view.rows),
        )
    )


def _snapshot(ctx: Context, view: ClusterView, row: MemberRow | None = None) -> StepSpec:
    names = "".join(c if c.isalnum() or c in "._-" else "_" for c in ctx.profile) or "etcd"
    member = f"-{row.name}" if row is not None else ""
    safe_member = "".join(c if c.isalnum() or c in "._-" else "_" for c in member)
    path = free_path(ctx.folder / f"{names}{safe_member}-{view.health.revision}.db")
    of = f" of {row.name}" if row is not None else ""
    return StepSpec(
        f"snapshot{member}", "snapshot", f"save a snapshot{of} to {path}", row.member.id if row else 0,
        {"path": str(path)}, optional=True,
    )  # fmt: skip


def _in_order(view: ClusterView) -> list[MemberRow]:
    """Voters that were started, followers first, the leader last."""
    rows = [row for row in view.rows if not row.member.is_learner and row.member.client_urls]
    return sorted(rows, key=lambda row: row.role == "LEADER")


def _defrags(view: ClusterView, rows: Sequence[MemberRow], *, pause: int) -> list[StepSpec]:
    steps: list[StepSpec] = []
    for number, row in enumerate(rows):
        if number and pause:
            steps.append(StepSpec(f"pause {number}", "pause", f"pause {pause} s", 0, {"seconds": str(pause)}))
        role = "the leader, last" if row.role == "LEADER" and len(rows) > 1 else row.role
        steps.append(StepSpec(f"defrag {row.member.id:x}", "defrag", f"defragment {row.name} ({role})", row.member.id))
    return steps


def nospace(ctx: Context, view: ClusterView, *, pause: int = 0) -> Runbook:
    """Free space and clear NOSPACE: story 1.1. Without pauses by default: writes are refused meanwhile."""
    keep = ctx.keep_revisions
    steps = [
        _snapshot(ctx, view),
        StepSpec("compact", "compact", f"compact, keeping the last {keep} revisions", 0, {"keep": str(keep)}),
        StepSpec("wait", "wait-space", "wait until the size in use falls no more"),
        *_defrags(view, _in_order(view), pause=pause),
        StepSpec("clear", "clear", "clear the alarms, when every member is below 80 % of its quota"),
        StepSpec("probe", "probe", "probe: put, read back and delete a key", optional=True),
    ]
    return _new(ctx, view, Kind.NOSPACE, "NOSPACE: free space and clear the alarms", steps)


def maintenance(ctx: Context, view: ClusterView, *, pause: int = PAUSE) -> Runbook:
    """Defragment one member after the other, the leadership moved away before its turn: story 1.15."""
    rows = _in_order(view)
    followers, leaders = [r for r in rows if r.role != "LEADER"], [r for r in rows if r.role == "LEADER"]
    steps = [StepSpec("healthy", "healthy", "all members are healthy"), _snapshot(ctx, view)]
    steps += _defrags(view, followers, pause=pause)
    for leader in leaders:
        if followers:
            if pause:
                steps.append(StepSpec("pause", "pause", f"pause {pause} s", 0, {"seconds": str(pause)}))
            args = {"away": str(leader.member.id)}
            steps.append(StepSpec("move", "move-leader", f"move the leadership away from {leader.name}", 0, args))
        steps.append(StepSpec(f"defrag {leader.member.id:x}", "defrag", f"defragment {leader.name}", leader.member.id))
    return _new(ctx, view, Kind.MAINTENANCE, "rolling maintenance: defragment every member", steps)


def restart(ctx: Context, view: ClusterView, *, version: str = "", title: str = "") -> Runbook:
    """Members restarted one after the other by a person, the leader last, watched from here; with a ``version`` only
    those that do not run it yet."""
    rows = [row for row in _in_order(view) if not (version and row.status and _runs(row.status.version, version))]
    steps = [StepSpec("healthy", "healthy", "all members are healthy"), _snapshot(ctx, view)]
    what = f"upgrade to {version} and restart" if version else "restart"
    for row in rows:
        if row.role == "LEADER" and view.quorum.voters > 1:
            args = {"away": str(row.member.id)}
            steps.append(StepSpec("move", "move-leader", f"move the leadership away from {row.name}", 0, args))
        args = {"version": version} if version else {}
        steps.append(StepSpec(f"restart {row.member.id:x}", "restart", f"{what} {row.name}", row.member.id, args))
    kind = Kind.UPGRADE if version else Kind.RESTART
    return _new(ctx, view, kind, title or "rolling restart", steps)


def _runs(version: str, wanted: str) -> bool:
    """Whether a version is of the wanted minor."""
    return version_order(version)[:2] == version_order(wanted)[:2]


def replace_member(ctx: Context, view: ClusterView, row: MemberRow, name: str, urls: tuple[str, ...]) -> Runbook:
    """Another member in the place of one: story 1.3. One that is down goes first, for an add would raise the majority;
    one that runs goes last."""
    if not name or not urls:
        raise BadArgument("the new member needs a name and its peer URLs")
    args = {"name": name, "urls": ",".join(urls)}
    remove = StepSpec("remove", "remove", f"remove {row.name}", row.member.id)
    add = [
        StepSpec("add", "add", f"announce {name} as a learner at {', '.join(urls)}", 0, args),
        StepSpec("join", "wait-joined", f"start {name} on its machine; it catches up", 0, args),
        StepSpec("promote", "promote", f"promote {name}: it votes", 0, args),
    ]
    steps = [_snapshot(ctx, view), *([remove, *add] if not row.up else [*add, remove])]
    return _new(ctx, view, Kind.REPLACE, f"replace {row.name} by {name}", steps)


def slow_leader(ctx: Context, view: ClusterView, looks: Sequence[MemberLook]) -> Runbook:
    """Move the leadership to the member that is best for it, with reasons: story 1.5."""
    ranked = rank_targets(view, looks)
    text = "\n".join(f"{row.name}: {words}" for row, words in ranked) or "no other member can lead"
    if ranked:
        best, words = ranked[0]
        title = f"move the leadership to {best.name} ({words})"
        steps = [StepSpec("move", "move-leader", title, best.member.id, {"text": text})]
    else:
        steps = [StepSpec("why", "advice", "who could lead", 0, {"text": text})]
    return _new(ctx, view, Kind.LEADER, "slow leader: move the leadership", steps)


def hash_check(ctx: Context, view: ClusterView, *, corrupt: bool = False) -> Runbook:
    """Do the members agree, and what to do when they do not: story 1.6."""
    steps = [StepSpec("hashes", "hashes", "compare the hashes of all members")]
    if corrupt:
        steps = [StepSpec("hashes", "hashes", "compare the hashes of all members", optional=True)]
        steps += [
            _snapshot(ctx, view, row) for row in view.rows if row.status is not None and not row.member.is_learner
        ]
        text = (
            "Do not clear the alarm: it would hide the damage, and the members go on apart.\n"
            "With three members or more, the one whose hash stands alone is the damaged one.\n"
            "With no majority, compare the snapshots with etcdutl and decide which data is right.\n"
            "Replace the odd one out: remove it, wipe its data folder, add it again as a learner, promote it.\n"
            "The alarm goes with the member that raised it; check the hashes again before writing."
        )
        lines = "etcdutl snapshot status FILE -w table\netcdutl hashkv FILE"
        steps.append(StepSpec("what", "advice", "find and replace the odd one out", 0, {"text": text, "lines": lines}))
    if corrupt:
        return _new(ctx, view, Kind.CORRUPT, "CORRUPT: find the member that differs", steps)
    return _new(ctx, view, Kind.HASHES, "do the members agree", steps)


def quorum_lost(ctx: Context, view: ClusterView) -> Runbook:
    """What is known without a majority, a snapshot of a survivor, and the two ways out: story 1.4."""
    up = [row for row in view.rows if row.status is not None]
    text = [view.quorum.words()]
    for row in view.rows:
        size = f", {format_size(row.status.db_size)}, revision {_revision(row)}" if row.status is not None else ""
        text.append(f"{row.name}: {row.state}{size}   peer {', '.join(row.member.peer_urls)}")
    steps = [StepSpec("known", "advice", "what is known", 0, {"text": "\n".join(text)})]
    saved = "SNAPSHOT.db"
    if up:
        survivor = _snapshot(ctx, view, max(up, key=_revision))
        saved = survivor.args["path"]
        steps.append(survivor)
    missing = [row.name for row in view.rows if not row.member.is_learner and not row.up]
    needed = max(1, view.quorum.needed - view.quorum.up)
    back = (
        f"Bring back {needed} of {', '.join(missing) or 'the members'}: start its etcd with its old data folder.\n"
        "That is enough; nothing is lost. The cluster elects a leader by itself.\n"
        "A machine that is gone but whose data folder was saved counts too: put the folder back, keep its peer URL."
    )
    steps.append(StepSpec("back", "advice", "way 1: bring a member back", 0, {"text": back}))
    steps.append(_restore(ctx, view, saved))
    return _new(ctx, view, Kind.QUORUM, "quorum lost: what is known, and the ways out", steps)


def _revision(row: MemberRow) -> int:
    return row.status.header.revision if row.status is not None and row.status.header is not None else 0


def _restore(ctx: Context, view: ClusterView, saved: str) -> StepSpec:
    """The commands of a restore with the names of this cluster filled in, for the tool of its version."""
    started = [row for row in view.rows if not row.member.is_learner and row.member.peer_urls]
    cluster = ",".join(f"{row.member.name or row.name}={row.member.peer_urls[0]}" for row in started)
    token = f"restored-{time.strftime('%Y%m%d', time.gmtime(ctx.clock()))}"
    tool, bumps = restore_tool(view.health.version)
    bump = " --bump-revision 1000000000 --mark-compacted" if bumps else ""
    lines = ["# stop every member first; then on each machine, with the same snapshot file:"]
    for row in started:
        member = row.member.name or row.name
        lines.append(
            f"{tool} snapshot restore {shell_quote(saved.encode())} "
            f"--name {shell_quote(member.encode())} --initial-cluster {shell_quote(cluster.encode())} "
            f"--initial-advertise-peer-urls {shell_quote(row.member.peer_urls[0].encode())} "
            f"--initial-cluster-token {token}{bump} "
            f"--data-dir {shell_quote(f'/var/lib/etcd-{member}'.encode())}"
        )
    seen = (
        "--bump-revision and --mark-compacted make watchers see that the past is gone."
        if bumps
        else f"Watchers cannot see that the past is gone: {BUMPS_WORDS} can (--bump-revision --mark-compacted)."
    )
    text = (
        "Only when no majority can come back: everything after the snapshot is lost.\n"
        f"{seen}\n"
        "Start all members with the new data folders and --initial-cluster-state new, and the same token.\n"
        "etcdtui never runs these."
    )
    args = {"text": text, "lines": "\n".join(lines)}
    return StepSpec("restore", "advice", "way 2: restore a snapshot into a new cluster", 0, args)


BUMPS = {(3, 4): (3, 4, 27), (3, 5): (3, 5, 10)}
BUMPS_WORDS = "etcdutl of 3.5.10 and later"


def restore_tool(version: str) -> tuple[str, bool]:
    """The tool of a version that restores snapshots, and whether it can raise the revisions; a version that is not
    known is taken for a new one."""
    order = version_order(version) if version else (3, 6, 0)
    return "etcdutl" if order >= (3, 5) else "ETCDCTL_API=3 etcdctl", order >= BUMPS.get((order[0], order[1]), (0,))


def downgrade(ctx: Context, view: ClusterView) -> Runbook:
    """One minor version down, or back from there: etcd 3.6 and later."""
    told = [row.status for row in view.rows if row.status is not None]
    running = next((status.downgrade_target for status in told if status.downgrade_enabled), "")
    if running:
        steps = [StepSpec("cancel", "downgrade-cancel", f"cancel the downgrade to {running}")]
        return _new(ctx, view, Kind.DOWNGRADE, "cancel the downgrade", steps)
    lowest = min((version_order(status.version)[:2] for status in told), default=(3, 6))
    target = f"{lowest[0]}.{lowest[1] - 1}"
    steps = [
        StepSpec("healthy", "healthy", "all members are healthy"),
        StepSpec("validate", "downgrade-validate", f"ask whether {target} is possible", 0, {"version": target}),
        _snapshot(ctx, view),
        StepSpec("enable", "downgrade-enable", f"enable the downgrade to {target}", 0, {"version": target}),
    ]
    for row in _in_order(view):
        title = f"replace the binary of {row.name} by {target} and restart it"
        steps.append(StepSpec(f"restart {row.member.id:x}", "restart", title, row.member.id, {"version": target}))
    return _new(ctx, view, Kind.DOWNGRADE, f"downgrade to {target}", steps)


def upgrade_problems(view: ClusterView, inputs: Inputs | None) -> tuple[str, ...]:
    """What stands against an upgrade now, as sentences; empty when nothing is known to."""
    found = []
    told = {row.name: version_order(row.status.version)[:2] for row in view.rows if row.status is not None}
    if len(told) < len(view.rows):
        silent = members.away(view.rows)
        found.append(f"{silent or 'a member'}: the version of every member must be known")
    if told:
        minors = {minor[1] for minor in told.values()}
        if max(minors) - min(minors) > 1 or len({minor[0] for minor in told.values()}) > 1:
            found.append("the members are more than one minor version apart; bring them together first")
    if joining := [row.name for row in view.rows if row.member.is_learner or row.state == "not started"]:
        found.append(f"{', '.join(joining)} is joining: promote or remove it first")
    if view.health.alarms:
        found.append(f"an alarm is raised: {', '.join(view.health.alarms)}")
    if any(row.status is not None and row.status.downgrade_enabled for row in view.rows):
        found.append("a downgrade is under way: cancel it first")
    if inputs is not None and inputs.hashes is not None and inputs.hashes.differs:
        found.append("the members hold different data")
    return tuple(found)


def upgrade(ctx: Context, view: ClusterView, inputs: Inputs | None) -> Runbook:
    """Whether the cluster can go to the next minor version, what to do, and in which order."""
    told = [version_order(row.status.version)[:2] for row in view.rows if row.status is not None]
    lowest, highest = min(told, default=(3, 5)), max(told, default=(3, 5))
    target = f"{highest[0]}.{highest[1]}" if lowest != highest else f"{highest[0]}.{highest[1] + 1}"
    problems = upgrade_problems(view, inputs)
    waiting = [row for row in _in_order(view) if row.status is None or not _runs(row.status.version, target)]
    order = ", then ".join(row.name for row in waiting)
    text = [
        *(f"stands against it: {problem}" for problem in problems),
        *(() if problems else ("nothing that is known stands against it",)),
        f"from {lowest[0]}.{lowest[1]} to {target}: one minor version at a time, one member at a time",
        f"in this order: {order} (the leader last)",
        "take the newest patch of the present version first, and a snapshot: the only other way back is a downgrade"
        " (3.6 and later)",
    ]
    check = StepSpec("check", "advice", f"upgrade check: {'not now' if problems else 'can begin'}", 0,
                     {"text": "\n".join(text)})  # fmt: skip
    if problems:
        return _new(ctx, view, Kind.UPGRADE, f"upgrade check to {target}", [check])
    book = restart(ctx, view, version=target, title=f"upgrade to {target}")
    return _new(ctx, view, Kind.UPGRADE, f"upgrade to {target}", [check, *book.steps])


class Wish(Value):
    """Which plan is wanted; ``member``, ``name`` and ``urls`` say who is replaced, and by whom."""

    kind: Kind
    member: int = 0
    name: str = ""
    urls: tuple[str, ...] = ()


def build(ctx: Context, view: ClusterView, inputs: Inputs | None, wish: Wish) -> Runbook:
    """A new plan for the cluster as it is now; raises ``EtcdError`` where it cannot be made."""
    match wish.kind:
        case Kind.NOSPACE:
            return nospace(ctx, view)
        case Kind.MAINTENANCE:
            return maintenance(ctx, view)
        case Kind.RESTART:
            return restart(ctx, view)
        case Kind.REPLACE:
            return replace_member(ctx, view, row_of(view, wish.member), wish.name, wish.urls)
        case Kind.LEADER:
            return slow_leader(ctx, view, inputs.looks if inputs is not None else ())
        case Kind.QUORUM:
            return quorum_lost(ctx, view)
        case Kind.DOWNGRADE:
            return downgrade(ctx, view)
        case Kind.UPGRADE:
            return upgrade(ctx, view, inputs)
        case Kind.HASHES | Kind.CORRUPT:
            return hash_check(ctx, view, corrupt=wish.kind is Kind.CORRUPT)
