"""Steps that change who is in the cluster, and steps that people do on the machines while the plan waits."""

from __future__ import annotations

from functools import partial

from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan, line
from etcdtui.core.types import HashKV
from etcdtui.services.cluster import members
from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.services.cluster.runbooks.action import Action, Tell
from etcdtui.services.cluster.runbooks.context import LAG_SMALL, Context, Surprise, row_of, well_words
from etcdtui.services.cluster.runbooks.spec import StepLog, StepSpec
from etcdtui.services.cluster.runbooks.upkeep import wait_well
from etcdtui.services.cluster.versions import version_order
from etcdtui.services.cluster.view import ClusterView, MemberRow

READY_SHARE = 0.9
"""The part of the leader's log that a learner must have before etcd promotes it."""
TAKEN_BACK = "etcdctl downgrade cancel takes it back while no member is older"


def quorum_facts(view: ClusterView) -> tuple[str, ...]:
    """What the cluster can lose."""
    return (view.quorum.words(), *(f"{row.name}: {row.role}, {row.state}" for row in view.rows))


class Remove(Action):
    explain = "The member's process ends by itself, if it runs. Its data must be wiped before it can join again."

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return f"etcdctl member remove {step.member:x}"

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return quorum_facts(view)

    async def needless(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return "" if view.row(step.member) else "it is no longer in the cluster"

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return ctx.admin.remove_member(view, row_of(view, step.member)).plan.blocked

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        return ctx.admin.remove_member(view, row_of(view, step.member))

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        return view.row(step.member) is None


class Add(Action):
    explain = "Announced as a learner: it does not vote, and nothing depends on it, until it is promoted."

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return self._write(ctx, step, view).plan.etcdctl

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return quorum_facts(view)

    async def needless(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        row = _by_urls(view, step)
        return f"it is announced already: {row.member.id:x}" if row is not None else ""

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return self._write(ctx, step, view).plan.blocked

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        return self._write(ctx, step, view)

    def notes(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return members.add_environment(view, step.args["name"], _urls(step))

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        return _by_urls(view, step) is not None

    @staticmethod
    def _write(ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite:
        return ctx.admin.add_member(view, step.args["name"], _urls(step))


def _urls(step: StepSpec) -> tuple[str, ...]:
    return tuple(url.strip() for url in step.args.get("urls", "").split(",") if url.strip())


def _by_urls(view: ClusterView, step: StepSpec) -> MemberRow | None:
    """The member with the peer URLs of the step."""
    urls = set(_urls(step))
    return next((row for row in view.rows if set(row.member.peer_urls) == urls), None)


class WaitJoined(Action):
    outside = True
    explain = "Start etcd on the new machine with the settings below; this waits until it answers and has caught up."

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        row = _by_urls(view, step)
        if row is None:
            return ("not in the cluster",)
        lag = "" if row.lag is None else f", {row.lag} entries behind"
        return (f"{row.name}: {row.state}{lag}",)

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        while True:
            ctx.monitor.poll_soon()
            await ctx.monitor.poll()
            row = _by_urls(ctx.doctor.view, step)
            if row is None:
                raise Surprise("the new member is no longer in the cluster")
            if row.status is not None and row.lag is not None and row.lag <= LAG_SMALL:
                return f"{row.name} has caught up"
            if row.state == "not reached" and row.problem is not None:
                tell(f"started, and not reached from here: {row.problem.message} ({', '.join(row.member.client_urls)})")
            else:
                tell(f"{row.state}" + ("" if row.lag is None else f", {row.lag} entries behind"))
            await ctx.sleep(ctx.poll)


class Promote(Action):
    explain = "From then on it votes and counts for the majority."

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        row = _by_urls(view, step)
        return f"etcdctl member promote {row.member.id:x}" if row is not None else ""

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return quorum_facts(view)

    async def needless(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        row = _by_urls(view, step)
        return "it votes already" if row is not None and not row.member.is_learner else ""

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        row = _by_urls(view, step)
        if row is None:
            return "it is no longer in the cluster"
        if row.status is not None and row.lag is not None:
            leader = max((r.status.raft_index for r in view.rows if r.status), default=0)
            if leader and row.status.raft_index < READY_SHARE * leader:
                return f"it has {row.status.raft_index / leader:.0%} of the leader's log; etcd wants {READY_SHARE:.0%}"
        return ctx.admin.promote(row).plan.blocked

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        row = _by_urls(view, step)
        return ctx.admin.promote(row) if row is not None else None

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        row = _by_urls(view, step)
        return row is not None and not row.member.is_learner


class WaitRestart(Action):
    """A person restarts a member, with other binaries or not, while the plan watches it go and come back."""

    outside = True
    explain = "Restart etcd on that machine now; this waits until it has been away and is healthy again."

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        row = row_of(view, step.member)
        return (f"{row.name}: {row.status.version if row.status else '?'}, {row.role}, {row.state}",)

    async def needless(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        wanted, row = step.args.get("version", ""), row_of(view, step.member)
        if wanted and row.status is not None and _minor(row.status.version) == _minor(wanted):
            return f"{row.name} runs {row.status.version} already"
        return ""

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        others = [row for row in view.rows if row.member.id != step.member and not row.member.is_learner]
        if gone := members.away(others):
            return f"{gone}: restarting another member could cost the majority"
        return "; ".join(words for row in others if row.up and (words := well_words(row)))

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        before = row_of(view, step.member)
        was, away = before.status.version if before.status else "", before.state == "DOWN"
        wanted = step.args.get("version", "")
        while True:
            view = await ctx.watch()
            row = row_of(view, step.member)
            away = away or row.state == "DOWN"
            version = row.status.version if row.status is not None else ""
            if version and ((wanted and _minor(version) == _minor(wanted)) or (away and not wanted)):
                words = await wait_well(ctx, step.member, tell)
                return f"{words}, runs {version}" + (f" (was {was})" if was and was != version else "")
            if away and version and wanted:
                tell(f"it is back with {version}; {wanted} is wanted")
            else:
                tell("it is away" if not version else f"still runs {version}; waiting for its restart")

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        return None


def _minor(version: str) -> tuple[int, ...]:
    return version_order(version)[:2]


class Advice(Action):
    """What people have to know or do themselves; nothing is sent."""

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return step.args.get("lines", "")

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return tuple(line for line in step.args.get("text", "").splitlines() if line)

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        return "read"


class Healthy(Action):
    """All members are up and keep up; nothing begins otherwise."""

    auto = True
    explain = "Nothing begins while a member is away, joins, or lags."

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        return quorum_facts(view)

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        started = [row for row in view.rows if row.state != "not started"]
        unwell = [words for row in started if (words := well_words(row))]
        if len(started) < len(view.rows):
            unwell.append("a member was added and never started")
        return "; ".join(unwell)

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        return "all members are healthy"


class Hashes(Action):
    explain = "Reads all keys of every member at one revision; needs root where authentication is on."

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return "etcdctl endpoint hashkv --cluster -w table"

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        tell("every member hashes its keys")
        check = await ctx.doctor.compare_hashes()
        told = [
            f"{one.row.name} {_hash(one.hash)}" if one.hash else f"{one.row.name}: {one.why}" for one in check.answers
        ]
        if check.differs:
            raise Surprise(f"the members hold different data at revision {check.revision}: {check.odd_words()}")
        return f"revision {check.revision}: {check.verdict} ({', '.join(told)})"


def _hash(told: HashKV) -> str:
    return f"{told.hash:08x}"


class Downgrade(Action):
    """Validate, enable or cancel a downgrade (etcd 3.6 and later)."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.explain = {
            "validate": "Asks the cluster whether it could go to that version; changes nothing.",
            "enable": "Members of the older version may join from then on; features of the newer one go off.",
            "cancel": "The cluster version goes up again once all members run the newer version.",
        }[what]

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        return f"etcdctl downgrade {self._what} {step.args.get('version', '')}".strip()

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        told = [row.status for row in view.rows if row.status is not None]
        on = sorted({status.downgrade_target for status in told if status.downgrade_enabled})
        versions = sorted({f"{status.version}, storage {status.storage_version or '?'}" for status in told})
        return (*versions, f"downgrade to {', '.join(on)} under way" if on else "no downgrade under way")

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        told = [row for row in view.rows if row.status is not None]
        if any(row.status.downgrade_enabled for row in told if row.status):  # members are older by its own doing
            return ""
        old = [row.name for row in told if row.status and version_order(row.status.version) < (3, 6)]
        return f"{', '.join(old)} is older than 3.6: downgrades begin there" if old else ""

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        answer = await ctx.client.maintenance.downgrade("validate", step.args["version"])
        return f"possible; the cluster version is {answer.version}"

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        if self._what == "validate":
            return None
        version = step.args.get("version", "")
        plan = WritePlan(
            action=f"downgrade {self._what}",
            target=version.encode() or b"downgrade",
            action_class=ActionClass.R4 if self._what == "enable" else ActionClass.R3,
            scope=Scope(frozenset({"Maintenance/Downgrade"})),
            target_word=version,
            etcdctl=self.etcdctl(ctx, step, view),
            changes=0,
            facts=(Fact("cluster", b"", "", f"downgrade to {version}" if version else "no downgrade"),),
            lines=() if self._what == "cancel" else (line(TAKEN_BACK, tone="dim"),),
        )
        call = partial(ctx.client.maintenance.downgrade, self._what, version)
        return AdminWrite(plan, call, f"downgrade {self._what} was sent")

    async def afterwards(self, ctx: Context, step: StepSpec, tell: Tell) -> str:
        """A cancel that failed is reported as a success by the server: only Status tells."""
        wanted = self._what == "enable"
        for _ in range(30):
            view = await ctx.watch()
            told = [row.status.downgrade_enabled for row in view.rows if row.status is not None]
            if told and all(on is wanted for on in told):
                return "all members say so"
            tell("waiting until all members say so")
        raise Surprise("the members do not show it")

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        told = [row.status.downgrade_enabled for row in view.rows if row.status is not None]
        return None if not told else all(on is (self._what == "enable") for on in told)
