"""The last line but one: where we are, the filter, how fresh it is; and short news for a few seconds."""

from __future__ import annotations

from rich.text import Text
from textual.timer import Timer

from etcdtui.ui import limits
from etcdtui.ui.spawn import after
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.toned import Toned

FLASH_SECONDS = 6.0
BETWEEN = "  "


class StatusLine(Toned):
    """The first part on the left, the others on the right, trouble before all; a flash replaces them, never cut."""

    DEFAULT_CSS = "StatusLine { height: 1; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.parts: tuple[Text, ...] = ()
        self.trouble = Text()
        self._flash = Text()
        self._timer: Timer | None = None

    def set_parts(self, *parts: Text) -> None:
        """Safe texts; empty ones are left out."""
        if parts != self.parts:
            self.parts = parts
            self.refresh()

    def set_trouble(self, words: str) -> None:
        """A sentence about the connection that stays until it is over; empty when all is well."""
        trouble = safe(words, self.tone("bad"), limit=limits.LINE) if words else Text()
        if trouble != self.trouble:
            self.trouble = trouble
            self.refresh()

    def flash(self, message: str | Text, tone: str = "accent", seconds: float = FLASH_SECONDS) -> None:
        """Say something for a while; a ``str`` is made safe here."""
        style = self.tone(tone)
        text = message.copy() if isinstance(message, Text) else safe(message, limit=limits.LINE)
        self._flash = Text.assemble((text.plain, style)) if not text.spans else text
        if self._timer is not None:
            self._timer.stop()
        self._timer = after(self, seconds, self.clear_flash)
        self.refresh()

    def flash_more(self, words: str) -> None:
        """Something beside what stands there."""
        self.flash(Text("  ").join(part for part in (self._flash, safe(words, limit=limits.LINE)) if part), "warn")

    def clear_flash(self) -> None:
        """End the flash before its time."""
        if self._flash:
            self._flash = Text()
            self.refresh()

    def render(self) -> Text:
        """Where we are on the left, facts about it on the right, where they stay while the place changes."""
        if self._flash:
            left, right = _joined(self._flash, self.trouble), Text()
        else:
            left, right = _joined(self.trouble, *self.parts[:1]), _joined(*self.parts[1:])
        width = max(1, self.size.width - 2)
        gap = width - left.cell_len - right.cell_len
        line = Text.assemble(left, " " * gap, right) if gap > len(BETWEEN) else _joined(left, right)
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
        return Text.assemble(" ", line, no_wrap=True, end="")


def _joined(*parts: Text) -> Text:
    return Text(BETWEEN).join(part for part in parts if part)
