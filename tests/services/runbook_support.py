"""Runbooks on real clusters without a screen: every confirmation is given, waits are short."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from etcdtui.config.schema import ENVIRONMENTS, Profile
from etcdtui.services.cluster.runbooks.context import Context
from etcdtui.services.cluster.runbooks.runner import Runner
from etcdtui.services.cluster.runbooks.spec import Runbook
from etcdtui.services.cluster.runbooks.store import RunbookStore
from etcdtui.services.session.session import Overrides, Session
from tests.services.writing_support import agreed


@asynccontextmanager
async def runbooks_on(
    endpoints: Sequence[str], folder: Path, *, keep: int = 1000, quota: int | None = None, environment: str = "dev"
) -> AsyncIterator[Context]:
    """An opened profile, for runbooks that keep their files in ``folder``."""
    profile = Profile(
        name="here", endpoints=tuple(endpoints), environment=environment, env=ENVIRONMENTS[environment],
        read_only=environment == "prod", keep_revisions=keep, quota_bytes=quota, audit=str(folder / "audit.jsonl"),
    )  # fmt: skip
    session = await Session.open(profile, Overrides())
    try:
        context = session.runbooks(folder)
        context.poll = 0.1
        yield context
    finally:
        await session.aclose()


async def begun(context: Context, book: Runbook, folder: Path, told: list[str] | None = None) -> Runner:
    """A runner of the runbook whose course a person agreed to."""
    words = told if told is not None else []
    runner = Runner(context, RunbookStore(folder), book, words.append)
    await runner.open()
    agree(runner)
    return runner


def agree(runner: Runner) -> None:
    guard = runner.ctx.writes.guard
    confirmed = agreed(guard, runner.course_plan())
    guard.begin_course(confirmed)
    runner.course = confirmed


async def to_the_end(runner: Runner) -> Runbook:
    """Every step, each confirmed by itself where it wants that; stops where the runbook stops."""
    while runner.book.open:
        ahead = await runner.ahead()
        confirmed = None
        if ahead.write is not None and ahead.heavy:
            confirmed = agreed(runner.ctx.writes.guard, ahead.write.plan)
        if not await runner.go(confirmed):
            return runner.book
    return runner.book


def states(book: Runbook) -> list[str]:
    return [log.state.value for log in book.logs]


def words(book: Runbook) -> dict[str, str]:
    return {step.id: log.words for step, log in zip(book.steps, book.logs, strict=True)}
