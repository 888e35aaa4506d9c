"""The frame of every dialog: a titled box in the middle, hints on its last line, esc closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from etcdtui.ui.bindings import DIALOG, bindings_for
from etcdtui.ui.widgets.toned import Toned

ResultT = TypeVar("ResultT")

SHORT = 16
"""Terminals of at most so many rows have no empty lines in dialogs."""
FRAME = 5
"""Rows that are never a dialog's content: the title of the program, the border, the dialog's title and its hints."""


class Hints(Toned):
    """Keys and what they do, on one line; the text is ours, keys first."""

    DEFAULT_CSS = "Hints { height: 1; width: 1fr; }"

    def __init__(self, hints: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.hints = tuple(hints)

    def show(self, hints: Sequence[tuple[str, str]]) -> None:
        self.hints = tuple(hints)
        self.refresh()

    def render(self) -> Text:
        line = Text(no_wrap=True, end="")
        for number, (key, label) in enumerate(self.hints):
            line.append("   " if number else "").append(key, self.tone("accent")).append(f" {label}", self.tone("dim"))
        return line


class Dialog(ModalScreen[ResultT]):
    """A subclass gives ``title_text``, ``compose_dialog`` and ``hints``; esc dismisses with ``None``.

    The first line of the terminal stays free: it tells how the cluster is, and whether it can be written to.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(DIALOG)]
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > .dialog {
            width: 80; max-width: 100%; height: auto; max-height: 100%;
            margin-top: 1; padding: 0 1; border: round $primary; background: $surface;
            & > .dialog-title { height: 1; text-style: bold; margin-bottom: 1; }
            & > Hints { margin-top: 1; }
        }
        &.-short > .dialog { & > .dialog-title { margin-bottom: 0; } & > Hints { margin-top: 0; } }
    }
    """

    VERTICAL_BREAKPOINTS = [(0, "-short"), (SHORT + 1, "-tall")]
    hints: ClassVar[tuple[tuple[str, str], ...]] = (("esc", "close"),)

    def __init__(self) -> None:
        super().__init__()
        # Kept and never looked for: a dialog that is told to mount while the program ends has no children yet.
        self.box = Vertical(classes="dialog")
        self.hint_line = Hints(self.hints)

    def title_text(self) -> Text:
        """The safe text of the title."""
        return Text()

    def compose_dialog(self) -> ComposeResult:
        """What stands between title and hints."""
        yield from ()

    def compose(self) -> ComposeResult:
        title = self.title_text()
        title.no_wrap = True
        with self.box:
            yield Static(title, classes="dialog-title", markup=False)
            yield from self.compose_dialog()
            yield self.hint_line

    def rows_free(self, others: int = 0) -> int:
        """Rows for what scrolls, so that the hints stay visible below it and ``others`` beside it."""
        height = self.room.height
        return max(1, height - FRAME - (0 if height <= SHORT else 2) - others)

    @property
    def room(self) -> Size:
        """The size of the terminal, before the first layout too."""
        return self.size or self.app.size

    def action_cancel(self) -> None:
        self.dismiss(None)
