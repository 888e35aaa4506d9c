"""One question for every write of every screen: show the plan, ask as the guard says, answer yes or no.

::

    @work(exclusive=True, group="write", exit_on_error=False)
    async def revoke(self) -> None:
        plan = WritePlan(...)
        if await confirm_write(self.app, self.session.guard, plan):
            with self.session.guard.permit(plan):
                await self.session.client.lease.revoke(lease)
            await self.session.writes.record(plan, (), "ok", started)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from textual.app import App

from etcdtui.core.plan import PlanLine, WritePlan
from etcdtui.services.values.valuediff import Look
from etcdtui.services.writing.guard import Guard
from etcdtui.ui.modals.review import RUN, ReviewDialog


async def confirm_write(
    app: App[object],
    guard: Guard,
    plan: WritePlan,
    *,
    dry: Callable[[], Awaitable[str]] | None = None,
    verb: str = "write",
    diff: Callable[[Look], Sequence[PlanLine]] | None = None,
) -> bool:
    """Whether the person agreed; call it from a worker. Nothing is sent here, and nothing without ``guard.permit``."""
    answer = await app.push_screen_wait(ReviewDialog(plan, guard, dry=dry, verb=verb, diff=diff))
    return answer == RUN
