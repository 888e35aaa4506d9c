"""What a kind of step can do. The runner asks in this order: is it needed, may it be done now, then does it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.services.cluster.runbooks.context import Context
from etcdtui.services.cluster.runbooks.spec import StepLog, StepSpec
from etcdtui.services.cluster.view import ClusterView

Tell = Callable[[str], None]


class Action:
    """One kind of step. ``auto`` follows the step before it by itself; ``leaves_alone`` changes nothing by us, and
    ``outside`` waits for what a person does on a machine."""

    auto = False
    outside = False
    explain = ""
    asks: tuple[str, str] | None = None
    """The argument that a person may change before the step runs, and words to ask for it."""

    def title(self, step: StepSpec) -> str:
        """What the step is called with the arguments it has now."""
        return step.title

    def etcdctl(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        """The line of etcdctl that does the same; empty when there is none."""
        return ""

    def facts(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        """What is looked at before and after it."""
        return ()

    async def needless(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        """Why it needs not be done, as a sentence; empty when it has to be."""
        return ""

    def why_not(self, ctx: Context, step: StepSpec, view: ClusterView) -> str:
        """Why it cannot be done now; empty when it can."""
        return ""

    async def prepare(self, ctx: Context, step: StepSpec, view: ClusterView) -> StepSpec:
        """The step with everything decided, as it is written down before it is sent."""
        return step

    def write(self, ctx: Context, step: StepSpec, view: ClusterView) -> AdminWrite | None:
        """The request, where it is one that changes something."""
        return None

    async def run(self, ctx: Context, step: StepSpec, view: ClusterView, tell: Tell) -> str:
        """Do what is no such request: read, wait. Returns what came of it; raises ``EtcdError`` to stop the plan."""
        return ""

    async def afterwards(self, ctx: Context, step: StepSpec, tell: Tell) -> str:
        """What has to be seen after a request before the step counts as done; more words about it."""
        return ""

    def around(self, ctx: Context, step: StepSpec) -> AbstractContextManager[object]:
        """What holds while it runs."""
        return nullcontext()

    async def seen(self, ctx: Context, step: StepSpec, view: ClusterView, log: StepLog) -> bool | None:
        """After the program ended in the middle: whether it was done; ``None`` when that cannot be seen."""
        return False

    def notes(self, step: StepSpec, view: ClusterView) -> tuple[str, ...]:
        """Lines to keep with the runbook once it is done, such as settings for a machine."""
        return ()
