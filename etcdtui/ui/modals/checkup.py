"""The doctor of a connection: each step as it is over, its time, and what mends the one that failed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from etcdtui.ui import limits
from etcdtui.ui.bindings import CHECKUP, bindings_for
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe

if TYPE_CHECKING:  # only named here
    from etcdtui.services.session.checkup import Step

Steps = Callable[[], AsyncIterator["Step"]]
AREA_WIDTH = 11
TONES = {"OK": "good", "WARN": "warn", "FAIL": "bad", "SKIP": "dim"}


class CheckupDialog(Dialog[None]):
    """``steps`` looks again each time it is called; ``name`` is the profile's."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(CHECKUP)]
    DEFAULT_CSS = """
    CheckupDialog > .dialog { width: 100%; height: 1fr; }
    CheckupDialog VerticalScroll { height: 1fr; }
    CheckupDialog VerticalScroll Static { height: auto; }
    """
    hints = (("r", "again"), ("esc", "close"))

    def __init__(self, name: str, steps: Steps) -> None:
        super().__init__()
        self._profile = name
        self._steps = steps
        self.told: list[Step] = []
        self.body = Static(Text("looking ..."), markup=False)

    def title_text(self) -> Text:
        return Text.assemble("Connection of ", safe(self._profile, "bold", limit=limits.NAME))

    def compose_dialog(self) -> ComposeResult:
        with VerticalScroll():
            yield self.body

    def on_mount(self) -> None:
        self.action_refresh()

    def action_refresh(self) -> None:
        spawn(self, self._look, "look", exclusive=True)

    async def _look(self) -> None:
        self.told = []
        self._show("looking ...")
        async for step in self._steps():
            self.told.append(step)
            self._show("looking ...")
        bad = sum(step.verdict.name == "FAIL" for step in self.told)
        self._show("all of it works" if not bad else f"{bad} of {len(self.told)} steps failed")

    def _show(self, last: str) -> None:
        lines = [self._line(step) for step in self.told]
        self.body.update(Text("\n").join([*lines, safe(last, "italic")]))

    def _line(self, step: Step) -> Text:
        tone = self.hint_line.tone(TONES[step.verdict.name])
        took = f"  {step.seconds * 1000:.0f} ms" if step.seconds else ""
        where = safe(f"{step.endpoint}  " if step.endpoint else "", "dim", limit=limits.WORDS)
        line = Text.assemble(
            safe(f"{step.verdict.value:<5}", tone), safe(step.area.ljust(AREA_WIDTH)), where,
            safe(step.words, limit=limits.DETAIL), safe(took, "dim"),
        )  # fmt: skip
        if step.todo and step.verdict.name in ("FAIL", "WARN"):
            line.append("\n" + " " * (5 + AREA_WIDTH)).append_text(safe(step.todo, tone, limit=limits.DETAIL))
        return line
