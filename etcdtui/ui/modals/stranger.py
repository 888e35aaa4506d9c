"""The question when another cluster answers than the one that is known: the whole screen, both named, nothing cut."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from etcdtui.ui import limits
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field

if TYPE_CHECKING:  # only named here
    from etcdtui.services.session.session import Stranger

ANEW = "Was the cluster created anew, or restored from a snapshot? Then accept it: from now on it is the known one."
WRONG = (
    "If not, something leads to the wrong place: a tunnel, a name in DNS, a port that others use now. Until the other"
    " cluster is accepted, everything here is READ-ONLY, and ! does not unlock."
)
MIXED = "Nothing is written, and nothing of the others is listed, until all of them lead to one cluster."
MIXED_TODO = "Take the wrong ones out of the profile (P, then e), or mend the tunnel or the name behind them."


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else "now"


def _named(cluster_id: int, members: Sequence[str]) -> Text:
    names = f"  members {', '.join(members)}" if members else ""
    return Text.assemble(safe(f"{cluster_id:x}", "bold"), safe(names, limit=limits.DETAIL))


class StrangerDialog(Dialog[str]):
    """Dismisses with the profile's name once it was typed to accept the other cluster; ``None`` stays READ-ONLY."""

    DEFAULT_CSS = """
    StrangerDialog > .dialog { width: 100%; height: 1fr; border: round $error; }
    StrangerDialog VerticalScroll { height: 1fr; }
    StrangerDialog VerticalScroll Static { height: auto; margin-bottom: 1; }
    """
    hints = (("enter", "accept the other cluster"), ("esc", "stay READ-ONLY"))

    def __init__(self, profile: str, stranger: Stranger) -> None:
        super().__init__()
        self.profile = profile
        self.stranger = stranger
        self.field = Field(max_length=200)
        self.notice = Static(Text(), markup=False)

    def title_text(self) -> Text:
        if not self.stranger.whole:
            return Text("The endpoints of this profile lead to different clusters")
        return Text.assemble("ANOTHER CLUSTER answers for ", safe(self.profile, "bold", limit=limits.NAME))

    def compose_dialog(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            for words in self._words():
                yield Static(words, markup=False)
        if self.stranger.whole:
            named = safe(self.profile, "bold", limit=200)
            yield Static(Text.assemble("Type  ", named, "  to accept the other cluster:"), markup=False)
            yield self.field
        yield self.notice

    def _words(self) -> Sequence[Text]:
        stranger, known = self.stranger, self.stranger.known
        leads = [
            Text.assemble("  ", safe(one, limit=limits.DETAIL), safe(f"  leads to {found:x}"))
            for one, found in stranger.leads
        ]
        if not stranger.whole:
            return Text(MIXED), Text("\n").join(leads), Text(MIXED_TODO)
        seen = f"  last seen {_when(known.last)}" + (f", first {_when(known.first)}" if known.first else "")
        return (
            Text.assemble("known     ", _named(known.cluster_id, known.members), safe(seen)),
            Text.assemble("answering ", _named(stranger.cluster_id, stranger.members)),
            Text("\n").join(leads),
            Text(ANEW),
            Text(WRONG),
        )

    def on_mount(self) -> None:
        if self.stranger.whole:
            self.field.focus()
        else:
            self.hint_line.show((("esc", "stay READ-ONLY"),))

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        if event.value.strip() == self.profile:
            self.dismiss(event.value)
        else:
            self.notice.update(Text("That is not the profile's name."))
