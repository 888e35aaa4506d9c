"""A few lines to fill in at once, with what would come of them below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from etcdtui.config.secrets import Secret
from etcdtui.core.value import Value
from etcdtui.ui import limits
from etcdtui.ui.bindings import FORM, bindings_for
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field

ANSWER_LIMIT = 4096
LABEL_WIDTH = 16


class Line(Value):
    """One line of a form; ``secret`` is neither shown nor copied."""

    name: str
    label: str
    value: str = ""
    placeholder: str = ""
    secret: bool = False


class Filled(Value):
    """What was typed by the names of the lines; secrets apart."""

    texts: Mapping[str, str]
    secrets: Mapping[str, Secret]

    def __getitem__(self, name: str) -> str:
        return self.texts[name].strip()


class FormDialog(Dialog[Filled]):
    """Dismisses with what was filled in, ``None`` when closed; enter goes to the next line and ends on the last.

    ``problem`` says what is wrong with it, in a sentence, and keeps it open; ``preview`` gives safe lines that are
    shown below while typing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(FORM)]
    DEFAULT_CSS = """
    FormDialog .form-line { height: 1; }
    FormDialog .form-label { width: 16; height: 1; }
    FormDialog .form-preview { height: auto; margin-top: 1; }
    FormDialog.-short .form-preview { margin-top: 0; }
    """
    hints = (("enter", "next"), ("ctrl+s", "review"), ("esc", "cancel"))

    def __init__(
        self,
        title: Text,
        lines: Sequence[Line],
        *,
        problem: Callable[[Filled], str] = lambda _: "",
        preview: Callable[[Filled], Sequence[Text]] = lambda _: (),
    ) -> None:
        super().__init__()
        self._heading = title
        self._lines = tuple(lines)
        self._problem = problem
        self._preview = preview
        self.fields = {
            line.name: Field(line.value, placeholder=line.placeholder, password=line.secret, max_length=ANSWER_LIMIT)
            for line in lines
        }
        self.below = Static(Text(), classes="form-preview", markup=False)

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        for line in self._lines:
            with Horizontal(classes="form-line"):
                yield Static(Text(line.label), classes="form-label", markup=False)
                yield self.fields[line.name]
        yield self.below

    def on_mount(self) -> None:
        self.fields[self._lines[0].name].focus()
        self._show()

    def filled(self) -> Filled:
        """What stands there now."""
        texts = {one.name: self.fields[one.name].value for one in self._lines if not one.secret}
        return Filled(texts, {one.name: Secret(self.fields[one.name].value) for one in self._lines if one.secret})

    def on_input_changed(self, event: Field.Changed) -> None:
        event.stop()
        self._show()

    def _show(self, problem: str = "") -> None:
        shown = list(self._preview(self.filled()))
        if problem:
            shown.append(safe(problem, "bold", limit=limits.LINE))
        limit = self.rows_free(len(self._lines) + 1)
        self.below.update(Text("\n").join(shown[: max(1, limit)]))

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        fields = list(self.fields.values())
        at = next((i for i, field in enumerate(fields) if field is event.input), len(fields) - 1)
        if at + 1 < len(fields):
            fields[at + 1].focus()
        else:
            self.action_submit()

    def action_submit(self) -> None:
        filled = self.filled()
        if problem := self._problem(filled):
            self._show(problem)
        else:
            self.dismiss(filled)
