"""The editor for one value: a text area within limits, escapes or hex where text would not survive."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static, TextArea

from etcdtui.core.units import format_size
from etcdtui.services.editing import Editable, EditMode, to_value
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.text import safe

TITLE_LIMIT = 100


class EditDialog(Dialog[tuple[str, bytes]]):
    """Dismisses with ``("review", value)`` or ``("draft", value)``; ``None`` when nothing was changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "review", show=False, priority=True),
        Binding("escape", "cancel", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    EditDialog > .dialog { width: 100%; height: 100%; }
    EditDialog TextArea { height: 1fr; border: none; padding: 0; }
    """
    hints = (("ctrl+s", "review"), ("esc", "keep as draft"))

    def __init__(self, key: bytes, shown: Editable, *, size_limit: int, original: bytes | None = None) -> None:
        super().__init__()
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
        return Text.assemble(f"edit{kind}  ", safe(self.key, "bold", limit=TITLE_LIMIT))

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
        self.dismiss(("review", value))

    def action_cancel(self) -> None:
        if self.area.text == self.shown.text and (self.original is None or self._same_as_original()):
            self.dismiss(None)
            return
        try:
            value = to_value(self.shown.mode, self.area.text)
        except ValueError:
            value = self.area.text.encode("utf-8", "surrogateescape")
        self.dismiss(("draft", value))

    def _same_as_original(self) -> bool:
        try:
            return to_value(self.shown.mode, self.area.text) == self.original
        except ValueError:
            return False
