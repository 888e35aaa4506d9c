"""A field of several lines, coloured as a document, that does not blink; ctrl+home and ctrl+end reach its ends."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import TextArea

from etcdtui.ui.bindings import AREA, bindings_for
from etcdtui.ui.widgets.footer import TypedInto
from etcdtui.ui.widgets.syntax import tones
from etcdtui.ui.widgets.toned import Toned


class Area(TextArea, TypedInto, Toned):
    """Textual's text area with its rough edges off; ``syntax`` is one of ``syntax.SYNTAXES``, or empty."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(AREA)]

    def __init__(
        self, text: str = "", *, syntax: str = "", show_line_numbers: bool = False, id: str | None = None
    ) -> None:
        super().__init__(text, soft_wrap=False, show_line_numbers=show_line_numbers, tab_behavior="indent", id=id)
        self.cursor_blink = False
        self.syntax = syntax

    def get_line(self, line_index: int) -> Text:
        """The line as it is drawn."""
        line = super().get_line(line_index)
        for start, end, tone in tones(line.plain, self.syntax):
            line.stylize(self.tone(tone), start, end)
        return line

    def action_text_start(self, select: bool = False) -> None:
        self.move_cursor((0, 0), select=select)

    def action_text_end(self, select: bool = False) -> None:
        self.move_cursor(self.document.end, select=select)
