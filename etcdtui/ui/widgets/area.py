"""A field of several lines that does not blink and whose ends ctrl+home and ctrl+end reach."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import TextArea

from etcdtui.ui.bindings import AREA, bindings_for
from etcdtui.ui.widgets.footer import TypedInto


class Area(TextArea, TypedInto):
    """Textual's text area with its rough edges off."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(AREA)]

    def __init__(self, text: str = "", *, show_line_numbers: bool = False, id: str | None = None) -> None:
        super().__init__(text, soft_wrap=False, show_line_numbers=show_line_numbers, tab_behavior="indent", id=id)
        self.cursor_blink = False

    def action_text_start(self, select: bool = False) -> None:
        self.move_cursor((0, 0), select=select)

    def action_text_end(self, select: bool = False) -> None:
        self.move_cursor(self.document.end, select=select)
