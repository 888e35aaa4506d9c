"""The editor for one value: a text area within limits, escapes or hex where text would not survive."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.widgets import Static, TextArea

from etcdtui.core.units import format_size
from etcdtui.services.writing.editing import Editable, EditMode, to_value
from etcdtui.ui import limits
from etcdtui.ui.bindings import EDITOR, bindings_for
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.spawn import after
from etcdtui.ui.text import safe

KEEP_AFTER = 1.0
"""Seconds without typing after which the text is kept as a draft, so that no end of the program loses it."""


class EditDialog(Dialog[tuple[str, bytes]]):
    """Dismisses with ``("review", value)`` or ``("draft", value)``; ``None`` when nothing was changed.

    ``keep`` is given the value whenever typing pauses and when the program ends under the dialog.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(EDITOR)]
    DEFAULT_CSS = """
    EditDialog > .dialog { width: 100%; height: 100%; }
    EditDialog TextArea, EditDialog TextArea:focus { height: 1fr; border: none; padding: 0; }
    """
    hints = (("ctrl+s", "review"), ("esc", "keep as draft"))

    def __init__(
        self,
        key: bytes,
        shown: Editable,
        *,
        size_limit: int,
        original: bytes | None = None,
        keep: Callable[[bytes], object] = lambda value: None,
    ) -> None:
        super().__init__()
        self.kept = False
        self._store = keep
        self._pause: Timer | None = None
        self._answered = False
        self.key = key
        self.shown = shown
        self.size_limit = size_limit
        self.original = original
        self.area = TextArea(shown.text, soft_wrap=False, show_line_numbers=True, tab_behavior="indent", id="editor")
        self.area.cursor_blink = False
        self.notice = Static(Text(), markup=False)

    @property
    def exact(self) -> bool:
        """Whether the text area took the text without changing it."""
        return self.area.text == self.shown.text

    def title_text(self) -> Text:
        kind = "" if self.shown.mode is EditMode.TEXT else f" as {self.shown.mode.value}"
        return Text.assemble(f"edit{kind}  ", safe(self.key, "bold", limit=limits.LINE))

    def compose_dialog(self) -> ComposeResult:
        yield self.area
        yield self.notice

    def on_mount(self) -> None:
        if not self.exact:
            self.notice.update(Text("this text would be changed by the editor; use E for $EDITOR"))
            self.area.read_only = True
        self.area.focus()
        self._count()

    def on_text_area_changed(self) -> None:
        self._count()
        if self._pause is not None:
            self._pause.stop()
        self._pause = after(self, KEEP_AFTER, self._keep_now)

    def _keep_now(self) -> None:
        if not self._answered and (self.kept or self.area.text != self.shown.text):
            self.kept = True
            self._store(self._draft())

    def on_unmount(self) -> None:
        self._keep_now()

    def _draft(self) -> bytes:
        """The bytes as far as the text is a value, else the text as it stands."""
        try:
            return to_value(self.shown.mode, self.area.text)
        except ValueError:
            return self.area.text.encode("utf-8", "surrogateescape")

    def _answer(self, answer: tuple[str, bytes] | None) -> None:
        self._answered = True
        self.dismiss(answer)

    def _count(self) -> None:
        size = len(self.area.text) if self.shown.mode is not EditMode.HEX else len("".join(self.area.text.split())) // 2
        left = "" if size <= self.size_limit else f"   over the limit of {format_size(self.size_limit)}"
        if self.exact or not self.area.read_only:
            self.notice.update(Text(f"{format_size(size)}{left}"))

    def value(self) -> bytes | None:
        """The bytes of the text, or ``None`` (and a notice) when the text is not a value."""
        try:
            return to_value(self.shown.mode, self.area.text)
        except ValueError as error:
            self.notice.update(safe(str(error), limit=200))
            return None

    def action_review(self) -> None:
        value = self.value()
        if value is None:
            return
        if value == self.original:
            self.notice.update(Text("nothing is changed"))
            return
        self._answer(("review", value))

    def action_cancel(self) -> None:
        if self.area.text == self.shown.text and (self.original is None or self._same_as_original()):
            self._answer(None)
            return
        self._answer(("draft", self._draft()))

    def _same_as_original(self) -> bool:
        try:
            return to_value(self.shown.mode, self.area.text) == self.original
        except ValueError:
            return False
