"""The one way of a write: dry run, permit, send, settle a lost answer, record, remember for undo.

Every kind of write is a ``Write``: its plan, and how it is tried with reads and sent. What was reviewed is what is
sent: a run takes only the confirmation of the plan that its own write carries.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import field
from pathlib import Path
from typing import TypeVar

from etcdtui.core.errors import BadArgument, EtcdError, WriteRefused
from etcdtui.core.plan import Fact, WritePlan
from etcdtui.core.steps import Batch, Group, Step, pack
from etcdtui.core.types import KeyValue
from etcdtui.core.value import Value, record
from etcdtui.services.writing.committing import Committed, Refused, Unknown
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.undolog import Back, Change
from etcdtui.services.writing.writes import Writes

CUT_SHORT = "UNKNOWN: cut short, may be written"
"""The result of a write whose flow ended while it was sent, by a profile switch or the end of the program."""
NOT_SENT = "cut short, nothing was sent"
Progress = Callable[[int, int], None]
T = TypeVar("T")


class DryRun(Value):
    """Nothing was sent. ``holds`` says whether the write would be made now, ``words`` tells it in a sentence."""

    holds: bool
    words: str = ""
    found: tuple[KeyValue | None, ...] = ()
    """The keys of a write in steps, as they are."""


@record(frozen=False)
class Report:
    """What came of a write; filled in while it is sent, so that a run that is cut short leaves on record what is known.

    ``changes`` are the keys known to be written, of ``total`` steps. ``stopped`` says why the rest was not, ``error``
    what failed after a part was written. ``facts`` are what the answer told beyond the plan: a new ID, the branch that
    ran. ``answer`` is the server's. ``settled``: the answer was lost, and found out afterwards.
    """

    plan: WritePlan
    total: int = 0
    changes: list[Change] = field(default_factory=list)
    revision: int = 0
    stopped: Refused | Unknown | None = None
    error: EtcdError | None = None
    facts: list[Fact] = field(default_factory=list)
    answer: object = None
    settled: bool = False
    dry: DryRun | None = None
    granted: list[int] = field(default_factory=list)
    """Leases that were granted for it."""
    words: str = ""
    """The result column of Activity where it is not the usual one."""

    @property
    def complete(self) -> bool:
        """Everything was written."""
        return self.stopped is None and self.error is None and self.dry is None

    @property
    def each(self) -> int:
        """How many steps make one of the things that the plan counts: a key that moved is two."""
        return max(1, self.total // max(1, self.plan.changes))

    @property
    def count(self) -> int:
        """How many of the things that the plan counts are changed."""
        return len(self.changes) // self.each

    def wrote(self, steps: Iterable[Step], revision: int) -> None:
        """These steps are written."""
        self.changes += [Change(s.key, s.before, s.value, revision) for s in steps]
        self.revision = revision

    @property
    def result(self) -> str:
        """The result column of Activity."""
        if self.words:
            return self.words
        if self.complete:
            return f"rev {self.revision}" if self.revision else "ok"
        if self.changes:
            return f"stopped after {len(self.changes)} of {self.total}"
        return "UNKNOWN" if isinstance(self.stopped, Unknown) else "CONFLICT"


class Write(ABC):
    """A write before it happens. A subclass is one kind of write."""

    plan: WritePlan
    undo_of: str = ""
    """The audit line that it undoes."""

    @property
    def steps(self) -> Batch:
        """Its changes key by key, where they are known before."""
        return ()

    @property
    def trash(self) -> Path | None:
        """The file with its before-images."""
        return None

    @property
    def back(self) -> Back | None:
        """Plans the way back of what is no key; keys have theirs in their changes."""
        return None

    @abstractmethod
    async def try_out(self, writes: Writes) -> DryRun:
        """Evaluate with reads whether it would be made now."""

    async def prepare(self, writes: Writes) -> None:  # noqa: B027 - most kinds have nothing to prepare
        """What has to be on disk before anything is sent. What is raised here ends the run; nothing is on record."""

    @abstractmethod
    async def send(self, writes: Writes, report: Report, progress: Progress) -> None:
        """Send it under the permit that is open, settle lost answers, and fill in the report as it goes."""

    async def finish(self, writes: Writes, report: Report) -> None:  # noqa: B027 - nor anything to clean up
        """Clean up after a run that ended by itself, complete or not."""


class WriteRun:
    """One write on its way. ``progress`` is told steps done and steps in total."""

    def __init__(self, writes: Writes, write: Write, progress: Progress | None = None) -> None:
        self.writes = writes
        self.write = write
        self.plan = write.plan
        self._progress: Progress = progress or (lambda done, total: None)

    async def dry_run(self) -> DryRun:
        """Whether it would be made now, by reads alone; on record as a dry run. Raises ``EtcdError``."""
        started = self.writes.clock()
        why = self.writes.guard.refusal(self.plan)
        outcome = DryRun(False, why) if why else await self.write.try_out(self.writes)
        branch = "dry: THEN" if outcome.holds else "dry: ELSE"
        await self.writes.record(self.plan, branch, started, steps=self.write.steps, dry=True)
        return outcome

    async def send(self, confirmed: Confirmed) -> Report:
        """Send what was confirmed. Under ``--dry-run`` it is tried out instead.

        Raises ``WriteRefused`` for any other confirmation or when it may not run now, and ``EtcdError`` when nothing
        of it was written; ``OSError`` when what has to be on disk first cannot be written.
        """
        if confirmed.plan is not self.plan:
            raise WriteRefused("another plan was confirmed")
        if self.writes.guard.dry_run:
            return Report(self.plan, dry=await self.dry_run())
        await self.write.prepare(self.writes)
        started, report, used = self.writes.clock(), Report(self.plan), False
        try:
            with self.writes.guard.permit(confirmed) as permit:
                try:
                    await self.write.send(self.writes, report, self._progress)
                finally:
                    used = permit.used
        except EtcdError as error:
            if not report.changes:
                await self._record(report, error_words(error), started)
                raise
            report.error = error
        except (ValueError, OverflowError) as error:
            if used:
                await self._record(report, CUT_SHORT, started)
                raise
            refused = BadArgument(str(error))
            await self._record(report, error_words(refused), started)
            raise refused from error
        except BaseException:
            how = CUT_SHORT if used else NOT_SENT
            after = f", after {len(report.changes)} of {report.total}" if report.total > 1 else ""
            await self._record(report, how + after, started)
            raise
        await self._record(report, report.result, started, back=self.write.back if report.complete else None)
        await self.write.finish(self.writes, report)
        return report

    async def _record(self, report: Report, words: str, started: float, *, back: Back | None = None) -> None:
        """The audit line, and what an undo needs of what is known to be written."""
        line = await self.writes.record(
            self.plan,
            words,
            started,
            steps=self.write.steps,
            changes=report.changes,
            count=report.count,
            revision=report.revision,
            undo_of=self.write.undo_of,
            facts=report.facts,
        )
        if report.changes or back is not None:
            self.writes.remember(
                self.plan,
                report.changes,
                line.id,
                trash=self.write.trash,
                granted=report.granted,
                each=report.each,
                back=back,
            )


class StepsWrite(Write):
    """Guarded steps on single keys, packed into as many transactions as the limits need.

    It stops at the first transaction that is not written. Groups are never split.
    """

    def __init__(self, plan: WritePlan, groups: Sequence[Group]) -> None:
        self.plan = plan
        self.groups = tuple(groups)

    @property
    def steps(self) -> Batch:
        return tuple(step for group in self.groups for step in group)

    async def try_out(self, writes: Writes) -> DryRun:
        found = await writes.look(self.steps)
        bad = sum((kv.mod_revision if kv else 0) != s.expected for s, kv in zip(self.steps, found, strict=True))
        if len(self.steps) == 1:
            words = "the condition fails now: ELSE would run" if bad else "the condition holds now: THEN would run"
        elif bad:
            words = f"{bad} of {len(self.steps)} conditions fail now: ELSE would run for them"
        else:
            words = f"every condition holds now: THEN would run, {self.plan.changes} changes"
        return DryRun(not bad, words, found)

    async def send(self, writes: Writes, report: Report, progress: Progress) -> None:
        batches = pack(self.groups)
        report.total = sum(map(len, batches))
        for batch in batches:
            result = await writes.commit(batch)
            if not isinstance(result, Committed):
                report.stopped = result
                report.settled = isinstance(result, Refused) and result.settled
                return
            report.settled = report.settled or result.settled
            report.wrote(batch, result.revision)
            progress(len(report.changes), report.total)


async def on_record(
    writes: Writes, plan: WritePlan, read: Callable[[], Awaitable[T]], words: Callable[[T], str], cut: str
) -> T:
    """Do what only reads, yet is put on record because secrets leave the cluster with it.

    ``words`` tell what came of it, ``cut`` what is left when it is cut short.
    """
    started = writes.clock()
    try:
        found = await read()
    except EtcdError as error:
        await writes.record(plan, error_words(error), started)
        raise
    except BaseException:
        await writes.record(plan, cut, started)
        raise
    await writes.record(plan, words(found), started)
    return found


def error_words(error: EtcdError) -> str:
    """The result column of Activity for a write that failed; a lost answer says so."""
    return f"error: {error.title}" + (", may be written" if error.applied == "maybe" else "")
