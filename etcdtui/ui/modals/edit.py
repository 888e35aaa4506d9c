"""The editor for one value: a text area within limits, and every form in which the value can be written as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.widgets import Static

from etcdtui.core.units import format_size
from etcdtui.services.values.formats import kind_of
from etcdtui.services.writing import forms
from etcdtui.services.writing.forms import Form
from etcdtui.ui import limits
from etcdtui.ui.bindings import EDITOR, bindings_for
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.spawn import after
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.area import Area
from etcdtui.ui.widgets.syntax import syntax_of

KEEP_AFTER = 1.0
"""Seconds without typing after which the text is kept as a draft, so that no end of the program loses it."""


COUNTED = 16 * 1024
"""Characters of a text up to which it is read at each letter, to tell how long the value is."""


class EditDialog(Dialog[tuple[str, bytes]]):
    """Dismisses with ``("review", value)``, ``("draft", value)`` or ``("lease", value)`` to choose its lease; ``None``
    when nothing was changed. ``lease`` tells in a few words the one that the key will have.

    Without ``drafts`` it says that esc leaves things as they were.

    ``keep`` is given the value whenever typing pauses and when the program ends under the dialog.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(EDITOR)]
    DEFAULT_CSS = """
    EditDialog > .dialog { width: 100%; height: 100%; }
    EditDialog TextArea, EditDialog TextArea:focus { height: 1fr; border: none; padding: 0; }
    """
    hints = (("ctrl+s", "review"), ("ctrl+l", "format"), ("ctrl+t", "hex ..."), ("esc", "keep as draft"))

    def __init__(
        self,
        key: bytes,
        value: bytes,
        *,
        size_limit: int,
        original: bytes | None = None,
        keep: Callable[[bytes], object] = lambda value: None,
        drafts: bool = True,
        lease: str = "",
    ) -> None:
        super().__init__()
        self.lease = lease
        if not drafts:
            self.hint_line.show((*self.hints[:-1], ("esc", "leave it as it was")))
        self.kept = False
        self._store = keep
        self._pause: Timer | None = None
        self._answered = False
        self.key = key
        self._started_with = self._laid_out_from = value
        self.shown = forms.first(value)
        self.size_limit = size_limit
        self.original = original
        text = self.shown.text
        self.area = Area(text, syntax=_syntax(text), show_line_numbers=True, id="editor")
        self.notice = Static(Text(), markup=False)

    @property
    def exact(self) -> bool:
        """Whether the text area took the text without changing it."""
        return self.area.text == self.shown.text

    def title_text(self) -> Text:
        form = f" as {self.shown.name}" if self.shown.name else ""
        key = safe(self.key, "bold", limit=limits.LINE)
        told = f"   {self.lease} (ctrl+g)" if self.lease else ""
        return Text.assemble("edit", safe(form), "  ", key, (told, "dim"), no_wrap=True)

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
        if not self._answered and (self.kept or self._is_changed()):
            self.kept = True
            self._store(self._draft())

    def _is_changed(self) -> bool:
        return not self.area.read_only and self._draft() != self._started_with

    def on_unmount(self) -> None:
        self._keep_now()

    def _draft(self) -> bytes:
        """The bytes as far as the text is a value, else the text as it stands."""
        try:
            return self._read()
        except ValueError:
            return self.area.text.encode("utf-8", "surrogateescape")

    def _answer(self, answer: tuple[str, bytes] | None) -> None:
        self._answered = True
        self.dismiss(answer)

    def _read(self) -> bytes:
        """The bytes that the text stands for; raises ``ValueError`` with a sentence."""
        return self.shown.read(self.area.text)

    def _count(self) -> None:
        size = len(self.area.text) if self.shown.counts else self._bytes()
        left = "" if size <= self.size_limit else f"   over the limit of {format_size(self.size_limit)}"
        if self.exact or not self.area.read_only:
            self.notice.update(Text(f"{format_size(size)}{left}" if size >= 0 else ""))

    def _bytes(self) -> int:
        """How long the value is now, -1 where the text is none, or where that takes too long to find out."""
        if len(self.area.text) > COUNTED:
            return -1
        try:
            return len(self._read())
        except ValueError:
            return -1

    def value(self) -> bytes | None:
        """The bytes of the text, or ``None`` (and a notice) when the text is not a value."""
        try:
            return self._read()
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

    def action_lease(self) -> None:
        value = self.value()
        if value is not None:
            self._answer(("lease", value))

    # --- other forms -------------------------------------------------------------------------------------

    def action_format(self) -> None:
        """Lay it out; what was on one line is saved on one line, at the second time not; the third goes back."""
        value = self.value()
        if value is None:
            return
        state = self.shown.id
        try:
            if state == forms.FORMATTED:
                form = forms.first(forms.put_back(self.area.text, self._laid_out_from))
            elif state == forms.ONE_LINE:
                form = replace(forms.laid_out(value, kept=True), text=self.area.text)
            else:
                form = forms.laid_out(value)
                self._laid_out_from = value
        except ValueError as error:
            self.notice.update(safe(str(error), limit=200))
            return
        self._show(form)

    def action_other_form(self) -> None:
        """The value as hex, as base64, as a number or a time, and back to its text."""
        value = self.value()
        if value is not None:
            self._show(forms.another(value, self.shown.id))

    def _show(self, form: Form) -> None:
        """Go on editing in another form; one that this editor cannot hold is not gone to."""
        if form.too_big:
            self.notice.update(safe(f"{form.name or 'text'}: too large for the editor here", limit=200))
            return
        before = self.shown, self.area.text
        self.area.syntax = _syntax(form.text)
        if form.text != self.area.text:
            self.area.load_text(form.text)
        if self.area.text != form.text:
            self.area.load_text(before[1])
            self.notice.update(Text("this form would be changed by the editor here"))
            return
        self.shown = form
        self.area.read_only = False
        self._title()
        self._count()

    def _title(self) -> None:
        self.query_one(".dialog-title", Static).update(self.title_text())

    def action_cancel(self) -> None:
        if not self._is_changed() and self.original in (None, self._started_with):
            self._answer(None)
            return
        self._answer(("draft", self._draft()))


def _syntax(text: str) -> str:
    """What a text is coloured as: which document it is, not how the value is stored."""
    return syntax_of(kind_of(text.encode("utf-8", "surrogateescape")))
