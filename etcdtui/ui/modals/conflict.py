"""Not written, because somebody changed the key meanwhile: theirs, yours, and the merge when there is one."""

from __future__ import annotations

from rich.text import Text

from etcdtui.core.plan import PlanLine, line
from etcdtui.core.types import KeyValue
from etcdtui.services.values.valuediff import NOTHING, Hiding, changes
from etcdtui.ui.modals.ask import AskDialog

MERGE, THEIRS, MINE = "m", "t", "e"
SHOWN = 6


class ConflictDialog(AskDialog):
    """Dismisses with ``m`` (merge and review), ``t`` (take theirs), ``e`` (edit mine), ``None`` (keep the draft)."""

    escape_words = "keep draft"

    def __init__(
        self,
        base: KeyValue | None,
        theirs: KeyValue | None,
        mine: bytes,
        merged: bytes | None,
        why_not: str = "",
        hidden: Hiding = NOTHING,
    ) -> None:
        lines = [self._first(base, theirs)]
        before = base.value if base else b""
        if theirs is not None:
            lines += _side("THEIRS", before, theirs.value, hidden)
        lines += _side("YOURS ", before, mine, hidden)
        if merged is not None:
            lines.append(line("the two changes touch different places: a merge is possible", tone="add"))
        elif why_not:
            lines.append(line(why_not, tone="warn"))
        answers = [(THEIRS, "take theirs"), (MINE, "edit mine")] if theirs is not None else [(MINE, "edit mine as new")]
        if merged is not None:
            answers.insert(0, (MERGE, "merge both and review"))
        super().__init__(Text("not written: somebody changed this key"), lines, answers)

    @staticmethod
    def _first(base: KeyValue | None, theirs: KeyValue | None) -> PlanLine:
        if theirs is None:
            return line("the key was deleted meanwhile; your text is kept as a draft", tone="warn")
        was = f"yours is based on rev {base.mod_revision} (ver {base.version})" if base else "yours was a new key"
        return line(f"{was}; it is now rev {theirs.mod_revision} (ver {theirs.version})", tone="head")


def _side(name: str, before: bytes, after: bytes, hidden: Hiding) -> list[PlanLine]:
    told = changes(before, after, hidden)
    lines = [line(f"{name}  ", change) for change in told[:SHOWN]]
    if len(told) > SHOWN:
        lines.append(line(f"{name}  ... {len(told) - SHOWN} more", tone="dim"))
    return lines
