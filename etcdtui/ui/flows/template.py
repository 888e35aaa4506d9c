"""The template of every write flow: review, send what was reviewed, tell what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import PlanLine
from etcdtui.services.session.session import Session
from etcdtui.services.tail.veil import Veil
from etcdtui.services.values.valuediff import Look
from etcdtui.services.writing.committing import Unknown
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.deleting import TooLarge
from etcdtui.services.writing.run import Report, StepsWrite, Write, WriteRun
from etcdtui.services.writing.transfer import TransferError
from etcdtui.services.writing.writes import Writes
from etcdtui.ui import limits
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Face
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.modals.review import ReviewDialog
from etcdtui.ui.text import safe
from etcdtui.ui.typeahead import answered_last

Failure = (EtcdError, OSError, TransferError, TooLarge)
"""What a flow expects to go wrong; anything else is a fault of ours."""
Diff = Callable[[Look], Sequence[PlanLine]]
Done = Callable[[Report], Text | str]
LOST = " (the answer was lost; reading again shows that it was written)"
LOOKED_AT = 128
"""Changes of a write whose etcdctl lines can be copied; of more there are none."""
RUNS_FOR = 1.0
"""Seconds that keys wait for what was agreed to: they mean what stands on the screen after it."""
UNDECIDED = "The answer was lost, so it may or may not have been written"


class Flow:
    """The flows of one screen. Call them from a worker: they wait for dialogs. Expected failures end as a flash.

    ``reload`` shows what changed under a prefix. ``session`` is whose cluster is written, the screen's where none is
    given.
    """

    def __init__(self, face: Face, reload: Callable[[bytes], None], session: Session | None = None) -> None:
        self.face = face
        self.reload = reload
        self.session = session or face.session

    @property
    def writes(self) -> Writes:
        return self.session.writes

    def flash(self, words: str | Text, tone: str = "accent") -> None:
        self.face.flash(words, tone)

    def failed(self, error: Exception) -> None:
        self.flash(error_line(error), "bad")

    async def ask(self, title: str | Text, explain: str = "", *, value: str = "") -> str:
        """One line from the person, empty when the dialog was closed."""
        heading = title if isinstance(title, Text) else safe(title, limit=limits.WORDS)
        dialog = PromptDialog(heading, safe(explain, "dim") if explain else None, value=value)
        return await self.face.app.push_screen_wait(dialog) or ""

    # --- the template ------------------------------------------------------------------------------------

    async def run(
        self, write: Write, verb: str, done: Done, *, tries: bool = True, diff: Diff | None = None, place: bytes = b""
    ) -> Report | None:
        """Review, send, tell; the report when something was sent. ``done`` tells a success, ``place`` is shown anew.

        ``tries`` offers the dry run in the review.
        """
        confirmed = await self.review(write, verb, tries=tries, diff=diff)
        if not isinstance(confirmed, Confirmed):
            return None
        report = await self.send(write, confirmed)
        if report is None:
            return None
        self.tell(report, done)
        self.reload(place)
        return report if report.dry is None else None

    async def review(
        self, write: Write, verb: str, *, tries: bool = True, editing: bool = False, diff: Diff | None = None
    ) -> Confirmed | str | None:
        """What the person answers: the confirmation, ``edit`` or ``draft`` where it is an edit, or nothing."""

        async def dry() -> str:
            return (await WriteRun(self.writes, write).dry_run()).words

        dialog = ReviewDialog(
            write.plan,
            self.writes.guard,
            dry=dry if tries else None,
            editing=editing,
            diff=diff,
            masked=self._is_masked(write),
            verb=verb,
        )
        return await self.face.app.push_screen_wait(dialog)

    def _is_masked(self, write: Write) -> bool:
        """Whether it writes a value that the profile masks, all or part of it."""
        steps = write.steps if isinstance(write, StepsWrite) else ()
        veil = Veil(self.session.profile.mask)
        return any(step.value is not None and veil.cover(step.key, step.value)[1] for step in steps[:LOOKED_AT])

    async def send(self, write: Write, confirmed: Confirmed) -> Report | None:
        """Send what was confirmed; ``None`` when it failed, which is told."""
        answered_last(RUNS_FOR)
        try:
            return await WriteRun(self.writes, write, self._progress).send(confirmed)
        except Failure as error:
            self.failed(error)
            return None

    def _progress(self, done: int, total: int) -> None:
        if done < total:
            self.flash(f"{done} of {total} written ...")

    def tell(self, report: Report, done: Done) -> None:
        """What came of a write, in one sentence."""
        planned = report.plan.changes
        so_far = f"{report.count} of {planned} written; " if planned > 1 else ""
        if report.dry is not None:
            self.flash(f"dry run: nothing was sent; {report.dry.words}", "warn")
        elif report.complete:
            words = done(report)
            told = words if isinstance(words, Text) else safe(words, limit=limits.WORDS)
            self.flash(told.append(LOST) if report.settled else told, "good")
        elif report.error is not None:
            self.flash(f"stopped after {report.count} of {planned}: {report.error}", "bad")
        elif isinstance(report.stopped, Unknown):
            self.flash(f"{so_far}{UNDECIDED}: {report.stopped.reason}", "bad")
        elif planned > 1:
            self.flash(f"{so_far}the rest was changed or exists meanwhile and is left as it is", "bad")
        else:
            self.flash("not written: it was changed meanwhile", "bad")
