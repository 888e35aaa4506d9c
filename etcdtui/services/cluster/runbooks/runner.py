"""Runs a runbook one step at a time: looks first, writes down, does it, looks again; stops at the first surprise.

The file on disk is written before a step is sent and after it has ended. So a program that is killed in between leaves
a step marked as running, and ``open`` looks at the cluster to find out whether it was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan, line
from etcdtui.core.value import Value
from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.cluster.runbooks.action import Action, Tell
from etcdtui.services.cluster.runbooks.actions import action_of
from etcdtui.services.cluster.runbooks.context import Context, Surprise
from etcdtui.services.cluster.runbooks.spec import Kind, Runbook, StepLog, StepSpec, StepState
from etcdtui.services.cluster.runbooks.store import RunbookStore
from etcdtui.services.cluster.view import ClusterView
from etcdtui.services.writing.committing import Unknown
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.run import WriteRun

CUT = "the program ended while this ran"
METHODS = frozenset(
    {
        *("KV/Compact", "KV/Put", "KV/DeleteRange", "Maintenance/Defragment", "Maintenance/Alarm"),
        *("Maintenance/MoveLeader", "Cluster/MemberAdd", "Cluster/MemberPromote", "Maintenance/Downgrade"),
    }
)
"""What the steps of a course may call once the course is confirmed; removing a member is confirmed by itself."""
ALONE = frozenset({Kind.QUORUM})
"""Runbooks that are read while the cluster has no leader."""


class Ahead(Value):
    """The next step as it stands now. ``needless`` says why it can be left out, ``why_not`` why it cannot be done;
    ``write`` is its request, ``heavy`` that it wants a confirmation of its own."""

    view: ClusterView
    step: StepSpec | None = None
    facts: tuple[str, ...] = ()
    etcdctl: str = ""
    explain: str = ""
    needless: str = ""
    why_not: str = ""
    write: AdminWrite | None = None
    heavy: bool = False

    @property
    def ready(self) -> bool:
        return self.step is not None and not self.why_not


class Runner:
    """One runbook under way. ``changed`` is called whenever it is another, with words about what goes on."""

    def __init__(self, ctx: Context, store: RunbookStore, book: Runbook, changed: Callable[[str], None]) -> None:
        self.ctx = ctx
        self.book = book
        self.course: Confirmed | None = None
        self._store = store
        self._changed = changed
        self._working = False

    # --- begin and end -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Own it on disk, write it down, and settle what was under way when the program ended before.

        Raises ``RunbookBusy`` and ``OSError``.
        """
        await asyncio.to_thread(self._store.lock, self.book.id)
        if self.book.open:
            await self._settle()
            await self._save()

    async def close(self) -> None:
        """Leave it as it is: it can be gone on with later. One of which nothing was done is forgotten."""
        if self.book.untouched:
            await asyncio.to_thread(self._store.remove, self.book.id)
        await asyncio.to_thread(self._store.unlock, self.book.id)

    async def stop(self, why: str = "stopped by you") -> None:
        """End it for good, on record."""
        if self.book.open:
            self.book = replace(self.book, ended=why)
            await self._save()
            await self._record(f"{why} after {self.book.progress}")
        self._changed(why)

    @property
    def working(self) -> bool:
        """A step is under way."""
        return self._working

    def course_plan(self) -> WritePlan:
        """The whole of it as something to agree to; it is never sent itself."""
        facts = [Fact(f"{n + 1:>2}", step.title.encode()) for n, step in enumerate(self.book.steps)]
        lines = [
            line("each step is shown before it runs and waits for enter; it stops at the first surprise", tone="dim"),
            line("removing a member is confirmed by itself", tone="dim") if self._removes else line(""),
        ]
        return WritePlan(
            action="plan",
            target=self.book.title.encode(),
            action_class=ActionClass.R3,
            scope=Scope(METHODS, members=None),
            target_word=self.book.title,
            lines=tuple(one for one in lines if one.parts != ("",)),
            facts=tuple(facts),
            changes=0,
        )

    @property
    def _removes(self) -> bool:
        return any(step.action == "remove" for step in self.book.steps)

    # --- looking -----------------------------------------------------------------------------------------

    async def ahead(self) -> Ahead:
        """Look at the cluster and tell what comes next."""
        view = await self.ctx.look()
        step = self.book.current
        if step is None or not self.book.open:
            return Ahead(view)
        action = action_of(step.action)
        if action is None:
            return Ahead(view, step, why_not=f"this version does not know the step {step.action!r}")
        try:
            if why := self._surprise(view):
                return Ahead(view, step, action.facts(step, view), explain=action.explain, why_not=why)
            needless = await action.needless(self.ctx, step, view)
            why_not = "" if needless else action.why_not(self.ctx, step, view)
            write = None if needless or why_not else action.write(self.ctx, step, view)
            return Ahead(
                view,
                step,
                action.facts(step, view),
                "" if needless else action.etcdctl(self.ctx, step, view),
                action.explain,
                needless,
                why_not or (self.ctx.writes.guard.refusal(write.plan) if write is not None else ""),
                write,
                write is not None and self._is_heavy(write.plan),
            )
        except EtcdError as error:
            return Ahead(view, step, explain=action.explain, why_not=str(error))

    def _is_heavy(self, plan: WritePlan) -> bool:
        return plan.action_class > ActionClass.R3 or not plan.scope.methods <= METHODS

    def _surprise(self, view: ClusterView) -> str:
        """What is not as it was when this began; empty when all is as expected."""
        health = view.health
        if health.cluster_id and health.cluster_id != self.book.cluster_id:
            return "another cluster answers at these endpoints"
        if not health.answering:
            return "nobody answers"
        if self.book.kind in ALONE:
            return ""
        if health.state is State.NO_LEADER:
            return "there is no leader: nothing can be changed"
        if "CORRUPT" in health.alarms and self.book.kind not in (Kind.HASHES, Kind.CORRUPT):
            return "a member raised CORRUPT: the members disagree about the data; see Doctor"
        now, then = {row.member.id for row in view.rows}, set(self.book.members)
        if then and now != then:
            came = ", ".join(row.name for row in view.rows if row.member.id not in then)
            gone = ", ".join(f"{member:x}" for member in then - now)
            parts = [f"{came} came" if came else "", f"{gone} went" if gone else ""]
            return f"the members are others than when this began: {'; '.join(part for part in parts if part)}"
        return ""

    # --- doing -------------------------------------------------------------------------------------------

    async def go(self, confirmed: Confirmed | None = None) -> bool:
        """Do the next step, and what follows it by itself; False when it stopped on the way.

        A request needs the course to be confirmed, or ``confirmed`` for that very request.
        """
        self._working = True
        try:
            while True:
                ahead = await self.ahead()
                if not await self._one(ahead, confirmed):
                    return False
                confirmed = None
                step = self.book.current
                if step is None:
                    await self._finish()
                    return True
                action = action_of(step.action)
                if action is None or not action.auto:
                    return True
        finally:
            self._working = False

    async def skip(self) -> bool:
        """Leave out the next step where that is allowed; False where it is not."""
        step = self.book.current
        if step is None or not (step.optional or self.log.state in (StepState.UNKNOWN, StepState.FAILED)):
            return False
        await self._write_log(
            replace(self.log, state=StepState.SKIPPED, ended=self.ctx.clock(), words="left out by you")
        )
        if self.book.current is None:
            await self._finish()
        return True

    async def edit(self, **args: str) -> None:
        """Give the next step other arguments; what was derived from the old ones goes."""
        step = self.book.current
        if step is not None and self.log.state is not StepState.RUNNING:
            kept = {name: value for name, value in step.args.items() if name != "revision"}
            step = replace(step, args={**kept, **args})
            action = action_of(step.action)
            title = action.title(step) if action is not None else step.title
            self.book = self.book.with_step(self.book.index, replace(step, title=title))
            await self._save()

    async def again(self, index: int) -> bool:
        """Go back to a step and do it and what follows once more; False where that step is still to come.

        What was done stays done: a step that is not needed any more says so.
        """
        if not self.book.open or self._working or not 0 <= index < self.book.index:
            return False
        for number in range(index, len(self.book.steps)):
            step = self.book.steps[number]
            kept = {name: value for name, value in step.args.items() if name not in ("revision", "before")}
            self.book = self.book.with_step(number, replace(step, args=kept)).with_log(number, StepLog())
        await self._save()
        return True

    @property
    def log(self) -> StepLog:
        return self.book.logs[min(self.book.index, len(self.book.logs) - 1)]

    async def _one(self, ahead: Ahead, confirmed: Confirmed | None) -> bool:
        """One step; its result is in its log."""
        step = ahead.step
        if step is None or not self.book.open:
            return False
        action = action_of(step.action)
        if action is None or ahead.why_not:
            await self._write_log(replace(self.log, state=StepState.FAILED, words=ahead.why_not))
            return False
        if ahead.needless:
            now = self.ctx.clock()
            skipped = StepLog(StepState.SKIPPED, now, now, ahead.facts, (), ahead.needless)
            await self._write_log(skipped)
            return True
        step = await action.prepare(self.ctx, step, ahead.view)
        self.book = self.book.with_step(self.book.index, step)
        began = StepLog(StepState.RUNNING, self.ctx.clock(), 0.0, ahead.facts)
        await self._write_log(began)
        try:
            words = await self._run(action, step, ahead, confirmed)
        except EtcdError as error:
            maybe = error.applied == "maybe"
            state = StepState.UNKNOWN if maybe else StepState.FAILED
            said = error.message if isinstance(error, Surprise) else str(error)
            await self._end(began, state, said)
            return False
        except OSError as error:
            await self._end(began, StepState.FAILED, f"the disk refuses: {error.strerror}")
            return False
        except asyncio.CancelledError:
            if action.outside or action.auto:  # nothing was sent: it is simply not done yet
                await self._end(began, StepState.TODO, "left while it waited")
            raise
        await self._end(began, StepState.DONE, words)
        if step.action in ("add", "remove"):
            view = await self.ctx.look()
            members = tuple(row.member.id for row in view.rows)
            notes = (*self.book.notes, *action.notes(step, ahead.view))
            self.book = replace(self.book, members=members, notes=notes)
            await self._save()
        return True

    async def _run(self, action: Action, step: StepSpec, ahead: Ahead, confirmed: Confirmed | None) -> str:
        tell: Tell = self._changed
        with action.around(self.ctx, step):
            write = action.write(self.ctx, step, ahead.view)
            if write is None:
                return await action.run(self.ctx, step, ahead.view, tell)
            agreed = self._agreed(write, confirmed)
            report = await WriteRun(self.ctx.writes, write).send(agreed)
        if report.dry is not None:
            return f"dry run, nothing was sent: {report.dry.words}"
        if isinstance(report.stopped, Unknown):
            raise Surprise(f"the answer was lost: {report.stopped.reason}", applied="maybe")
        self.ctx.monitor.poll_soon()
        more = await action.afterwards(self.ctx, step, tell)
        return f"{write.done}; {more}" if more else write.done

    def _agreed(self, write: AdminWrite, confirmed: Confirmed | None) -> Confirmed:
        """The confirmation of this request: its own, or the one of the course."""
        if confirmed is not None and confirmed.plan.action == write.plan.action:
            write.plan = confirmed.plan
            return confirmed
        if self.course is None:
            raise Surprise("the plan was not confirmed")
        return self.ctx.writes.guard.confirm_step(self.course, write.plan)

    async def _end(self, began: StepLog, state: StepState, words: str) -> None:
        after: tuple[str, ...] = ()
        step = self.book.current
        action = action_of(step.action) if step is not None else None
        if step is not None and action is not None and state is not StepState.TODO:
            with suppress(EtcdError):
                view = self.ctx.doctor.view if state is StepState.FAILED else await self.ctx.look()
                after = action.facts(step, view)
        await self._write_log(replace(began, state=state, ended=self.ctx.clock(), after=after, words=words))

    async def _finish(self) -> None:
        self.book = replace(self.book, ended="done")
        await self._save()
        await self._record(f"done, {self.book.progress}")
        self._changed("done")

    # --- after the program ended in the middle -----------------------------------------------------------

    async def _settle(self) -> None:
        """Find out what came of a step that ran when the program ended."""
        log, step = self.log, self.book.current
        if step is None or log.state is not StepState.RUNNING:
            return
        action = action_of(step.action)
        done: bool | None = None
        if action is not None:
            view = await self.ctx.look()
            with suppress(EtcdError):
                done = False if action.auto or action.outside else await action.seen(self.ctx, step, view, log)
        now = self.ctx.clock()
        if done:
            await self._write_log(replace(log, state=StepState.DONE, ended=now, words=f"{CUT}; seen to be done"))
            if step.action in ("add", "remove") and action is not None:
                notes = (*self.book.notes, *action.notes(step, view))
                self.book = replace(self.book, members=tuple(row.member.id for row in view.rows), notes=notes)
        elif done is False:
            await self._write_log(replace(log, state=StepState.TODO, words=f"{CUT}; it is not done"))
        else:
            words = f"{CUT}; whether it was done cannot be seen: do it again, or leave it out"
            await self._write_log(replace(log, state=StepState.UNKNOWN, words=words))

    # --- on disk and on record ---------------------------------------------------------------------------

    async def _write_log(self, log: StepLog) -> None:
        self.book = self.book.with_log(self.book.index, log)
        await self._save()
        self._changed(log.words)

    async def _save(self) -> None:
        await asyncio.to_thread(self._store.save, self.book)

    async def _record(self, result: str) -> None:
        """The report, as a line of Activity with a fact for each step and the notes."""
        facts = [
            Fact(f"{n + 1} {log.state.value}", step.title.encode(), "", log.words.encode())
            for n, (step, log) in enumerate(zip(self.book.steps, self.book.logs, strict=True))
        ]
        facts += [Fact("settings", b"", "", note.encode()) for note in self.book.notes]
        plan = WritePlan(
            action="plan", target=self.book.title.encode(), action_class=ActionClass.R3, scope=Scope(frozenset()),
            facts=tuple(facts), changes=0,
        )  # fmt: skip
        started = self.ctx.writes.clock() - max(0.0, self.ctx.clock() - self.book.begun)
        await self.ctx.writes.record(plan, result, started)


def report_lines(book: Runbook) -> list[str]:
    """The whole of it for people: steps, facts before and after, what came of them."""
    lines = [f"{book.title}: {book.ended or 'open'}, {book.progress}"]
    for number, (step, log) in enumerate(zip(book.steps, book.logs, strict=True), 1):
        lines.append(f"{number:>3} {log.state.value:<8} {step.title}")
        lines += [f"      before: {fact}" for fact in log.before]
        lines += [f"      after:  {fact}" for fact in log.after]
        if log.words:
            lines.append(f"      {log.words}")
    lines += [f"    {note}" for note in book.notes]
    return lines
