"""Steps of upkeep: snapshot, compaction, defragmentation, alarms, leadership, and waiting between them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan
from etcdtui.core.quoting import shell_quote
from etcdtui.core.units import format_latency, format_size, format_ttl
from etcdtui.services.cluster import members
from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.services.cluster.doctor.inputs import MemberLook
from etcdtui.services.cluster.metrics import FSYNC, SNAPSHOT_APPLY
from etcdtui.services.cluster.runbooks.action import Action, Tell
from etcdtui.services.cluster.runbooks.context import (
    LAG_SMALL,
    Context,
    Surprise,
    row_of,
    size_words,
    well_words,
)
from etcdtui.services.cluster.runbooks.spec import StepLog, StepSpec
from etcdtui.services.cluster.snapshots import save_snapshot
from etcdtui.services.cluster.view import ClusterView, MemberRow
from etcdtui.services.writing.files import typed_path

WELL_FOR = 120.0
"""Seconds a member has to come back; then it is a surprise."""
STEADY_FOR = 5.0
"""Seconds without a change after which the size in use does not fall any more."""
SPACE_FOR = 60.0
"""Seconds after which nobody waits longer for that: members tell it late while nothing is written."""
PROBE_KEY = b"etcdtui-probe-"


def sizes(view: ClusterView) -> tuple[str, ...]:
    """The database of every started member."""
    return tuple(size_words(row) for row in view.rows if row.state != "not started")


class Snapshot(Action):
    explain = "The whole database into a new file, verified by its checksum; readable by you only."
    asks = ("path", "file of the snapshot")

    def title(self, step: StepSpec) -> str:
        return f"{step.title.rpartition(' to ')[0]} to {step.args['path']}"

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        endpoint = self._row(step, view).endpoint
        return f"etcdctl --endpoints={shell_quote(endpoint.encode())} snapshot save {shell_quote(self._path(step))}"

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return (f"file: {step.args['path']}", f"from {size_words(self._row(step, view))}")

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        row = self._row(step, view)
        if not row.up or row.status is None:
            return f"{row.name} does not answer: {row.state}"
        return "that file exists; e gives it another name" if typed_path(step.args["path"]).exists() else ""

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        row = self._row(step, view)

        def progress(done: int, total: int) -> None:
            tell(f"{format_size(done)} of {format_size(total)}")

        saved = await save_snapshot(ctx.writes, typed_path(step.args["path"]), row.endpoint, progress)
        return f"{format_size(saved.size)}, sha256 {saved.sha256[:16]} verified: {saved.path}"

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        return await asyncio.to_thread(typed_path(step.args["path"]).exists)  # it gets its name when it is whole

    @staticmethod
    def _path(step: StepSpec) -> bytes:
        return str(Path(step.args["path"])).encode("utf-8", "surrogateescape")

    @staticmethod
    def _row(step: StepSpec, view: ClusterView) -> MemberRow:
        """The named member, else a follower that answers, so that the leader is left alone."""
        if step.member:
            return row_of(view, step.member)
        able = [row for row in view.rows if row.status is not None and not row.member.is_learner]
        if not able:
            raise Surprise("no member can be asked for a snapshot")
        return min(able, key=lambda row: row.role == "LEADER")


class Compact(Action):
    explain = "Older revisions are forgotten on all members; watches and reads from before end. Keys stay as they are."
    asks = ("keep", "revisions to keep")

    def title(self, step: StepSpec) -> str:
        return f"compact, keeping the last {step.number('keep')} revisions"

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        target = self._target(step, view)
        return f"etcdctl compact --physical {target}" if target > 0 else ""

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return (f"now at revision {view.health.revision}, keeps the last {step.number('keep')}", *sizes(view))

    async def needless(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        compacted = await ctx.compacted()
        kept, keep = view.health.revision - compacted, step.number("keep")
        if self._target(step, view) <= max(compacted, 0) or kept <= keep:
            at = f"history is compacted at {compacted} already" if compacted else "there is little history"
            return f"{at}: {kept} revisions are kept, {keep} should stay (e changes that)"
        return ""

    async def prepare(self, ctx: Context, step: StepSpec, view: ClusterView) -> StepSpec:
        return replace(step, args={**step.args, "revision": str(self._target(step, view))})

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        return ctx.admin.compact(view, self._target(step, view), ctx.keep_revisions)

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        return await ctx.compacted() >= step.number("revision", 1)

    @staticmethod
    def _target(step: StepSpec, view: ClusterView) -> int:
        return step.number("revision") or view.health.revision - step.number("keep")


class WaitSpace(Action):
    auto = True
    explain = "Compaction goes on in the background; defragmenting gives back what it has freed by then."

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return sizes(view)

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        began = steady = ctx.clock()
        known: dict[int, int] = {}
        while True:
            told = {row.member.id: row.status.db_size_in_use for row in view.rows if row.status is not None}
            if told != known:
                known, steady = told, ctx.clock()
            tell("in use " + ", ".join(f"{row_of(view, m).name} {format_size(size)}" for m, size in told.items()))
            now = ctx.clock()
            if now - steady >= STEADY_FOR:
                return f"the size in use is steady for {STEADY_FOR:g} s"
            if now - began >= SPACE_FOR:
                return f"the size in use still changes after {format_ttl(SPACE_FOR)}; going on"
            view = await ctx.watch()


class Defragment(Action):
    explain = "The member rewrites its database file. It serves nothing while it does; the others go on."

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return f"etcdctl --endpoints={shell_quote(row_of(view, step.member).endpoint.encode())} defrag"

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return (size_words(row_of(view, step.member)),)

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        row = row_of(view, step.member)
        if why := members.why_no_defrag(view, row):
            return why
        busy = [look.name for look in _looks(ctx) if (look.metrics.value(SNAPSHOT_APPLY) or 0) > 0]
        if busy:
            return f"{', '.join(busy)} applies a snapshot: wait until that is over"
        unwell = [
            words for other in view.rows if not other.member.is_learner and other.up and (words := well_words(other))
        ]
        return "; ".join(unwell)

    async def prepare(self, ctx: Context, step: StepSpec, view: ClusterView) -> StepSpec:
        status = row_of(view, step.member).status
        return replace(step, args={**step.args, "before": str(status.db_size if status else 0)})

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        return ctx.admin.defragment(view, row_of(view, step.member))

    def around(self, ctx: Context, step: StepSpec) -> AbstractContextManager[object]:
        return ctx.monitor.busy(step.member, "defragmenting")

    async def afterwards(self, ctx: Context, step: StepSpec, tell: Tell) -> str:
        return await wait_well(ctx, step.member, tell)

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        """A smaller file tells that it was done; one of the same size tells nothing."""
        row = row_of(view, step.member)
        before = step.number("before")
        if row.status is not None and before and row.status.db_size < before:
            return True
        return None


class WaitWell(Action):
    auto = True
    explain = "The member answers, keeps up with the leader, and serves reads again before anything else is done."

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return (size_words(row_of(view, step.member)),)

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        return await wait_well(ctx, step.member, tell)


async def wait_well(ctx: Context, member: int, tell: Tell, limit: float = WELL_FOR) -> str:
    """Wait until a member is healthy; raises ``Surprise`` when it is not in time."""
    began = ctx.clock()
    while True:
        await ctx.monitor.poll()
        row = row_of(ctx.doctor.view, member)
        why = well_words(row)
        if not why:
            try:
                await ctx.client.maintenance.read_through(row.endpoint, timeout=2.0)
            except EtcdError as error:
                why = f"{row.name} serves no reads through the leader: {error.message}"
            else:
                return f"{row.name} is healthy, {row.lag or 0} entries behind"
        if ctx.clock() - began >= limit:
            raise Surprise(f"not healthy after {format_ttl(limit)}: {why}")
        tell(why)
        await ctx.sleep(ctx.poll)


class Pause(Action):
    auto = True
    explain = "Time to see whether all is well; enter goes on at once."
    asks = ("seconds", "seconds to pause")

    def title(self, step: StepSpec) -> str:
        return f"pause {step.number('seconds')} s"

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        seconds = float(step.number("seconds", 60))
        began = ctx.clock()
        ctx.go_on.clear()
        while not ctx.go_on.is_set():
            left = seconds - (ctx.clock() - began)
            if left <= 0:
                return f"waited {format_ttl(seconds)}"
            tell(f"{format_ttl(left + 0.99)} left; enter goes on at once")
            view = await ctx.watch()
            if unwell := [row.name for row in view.rows if not row.member.is_learner and row.state == "DOWN"]:
                raise Surprise(f"{', '.join(unwell)} failed meanwhile")
        return f"gone on after {format_ttl(ctx.clock() - began)}"


def rank_targets(view: ClusterView, looks: Sequence[MemberLook]) -> list[tuple[MemberRow, str]]:
    """Members that can lead, the best first, each with the reasons."""
    by_id = {look.row.member.id: look for look in looks}
    found = []
    for row in view.rows:
        if row.member.is_learner or row.status is None or row.role == "LEADER" or (row.lag or 0) > LAG_SMALL:
            continue
        look = by_id.get(row.member.id)
        fsync = look.metrics.p99(FSYNC) if look is not None else None
        value = fsync.value if fsync is not None and fsync.value is not None else None
        disk = f"fsync p99 {format_latency(value)}" if value is not None else "disk not known"
        words = f"{row.lag or 0} behind, {disk}, answers in {format_latency(row.rtt)}"
        found.append(((value if value is not None else 1.0, row.rtt, row.name), row, words))
    return [(row, words) for _, row, words in sorted(found, key=lambda one: one[0])]


def _looks(ctx: Context) -> tuple[MemberLook, ...]:
    return ctx.doctor.inputs.looks if ctx.doctor.inputs is not None else ()


class MoveLeader(Action):
    explain = "One election: requests are retried, leases start their clocks again."

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        target = self._target(ctx, step, view)
        return f"etcdctl move-leader {target.member.id:x}" if target else ""

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        term = max((row.status.raft_term for row in view.rows if row.status), default=0)
        over = view.leader is not None and view.leader.member.id == step.member
        reasons = () if over else step.args.get("text", "").splitlines()
        return (f"leader {view.leader.name if view.leader else 'none'}, term {term}", *reasons)

    async def needless(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        wanted = step.number("away")
        if wanted and view.leader is not None and view.leader.member.id != wanted:
            return f"{view.leader.name} leads already"
        return "a single voting member leads always" if view.quorum.voters == 1 else ""

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return "" if self._target(ctx, step, view) else "no other member can lead: each is down, behind or a learner"

    async def prepare(self, ctx: Context, step: StepSpec, view: ClusterView) -> StepSpec:
        target = self._target(ctx, step, view)
        return replace(step, member=target.member.id if target else 0)

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        target = self._target(ctx, step, view)
        return ctx.admin.move_leader(view, target) if target is not None else None

    async def afterwards(self, ctx: Context, step: StepSpec, tell: Tell) -> str:
        began = ctx.clock()
        while ctx.clock() - began < WELL_FOR:
            view = await ctx.watch()
            told = {row.status.leader for row in view.rows if row.status is not None}
            if told == {step.member}:
                return "all members name it as the leader"
            tell("waiting until all members name the new leader")
        raise Surprise("the members do not agree about the leader")

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        return view.leader is not None and view.leader.member.id == step.member

    @staticmethod
    def _target(ctx: Context, step: StepSpec, view: ClusterView) -> MemberRow | None:
        if step.member:
            return view.row(step.member)
        ranked = rank_targets(view, _looks(ctx))
        return ranked[0][0] if ranked else None


class ClearAlarms(Action):
    explain = "Writes work again. The next write raises the alarm again where a member is still over its quota."

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return "etcdctl alarm disarm"

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        raised = [
            f"{alarm.type.name} of {row.name if (row := view.row(alarm.member_id)) else 'a member that is gone'}"
            for alarm in view.alarms or ()
        ]
        return (", ".join(raised) or "no alarm", *sizes(view))

    async def needless(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return "no alarm is raised" if view.alarms == () else ""

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return ctx.admin.clear_alarms(view, view.alarms or ()).plan.blocked

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        return ctx.admin.clear_alarms(view, view.alarms or ())

    async def afterwards(self, ctx: Context, step: StepSpec, tell: Tell) -> str:
        await ctx.doctor.read_alarms()
        if ctx.doctor.view.alarms:
            raise Surprise("an alarm is raised again: a member is still over its quota")
        return "no alarm is raised"

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        return None if view.alarms is None else not view.alarms


class Probe(Action):
    explain = "Puts a key of our own, reads it back and deletes it: proves that writes work."

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        key = shell_quote(self._key(step))
        return f"etcdctl put {key} probe && etcdctl get {key} && etcdctl del {key}"

    async def prepare(self, ctx: Context, step: StepSpec, view: ClusterView) -> StepSpec:
        return replace(step, args={**step.args, "key": step.args.get("key") or secrets.token_hex(4)})

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        key = self._key(step)
        plan = WritePlan(
            action="probe",
            target=key,
            action_class=ActionClass.R1,
            scope=Scope(frozenset({"KV/Put", "KV/DeleteRange"}), puts=((key, b""),), deletes=((key, b""),)),
            keys=(key,),
            etcdctl=self.etcdctl(ctx, step, view),
            facts=(Fact("key", key, "", "put, read back, deleted"),),
        )
        return AdminWrite(plan, partial(self._probe, ctx, key), "a key was put, read back and deleted")

    @staticmethod
    async def _probe(ctx: Context, key: bytes) -> None:
        await ctx.client.kv.put(key, b"probe")
        found = await ctx.client.kv.get(key)
        await ctx.client.kv.delete(key)
        if not found.kvs or found.kvs[0].value != b"probe":
            raise Surprise("the key that was put was not read back")

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        return None

    @staticmethod
    def _key(step: StepSpec) -> bytes:
        return PROBE_KEY + step.args.get("key", "").encode()
