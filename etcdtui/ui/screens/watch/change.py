"""One event in full: before and after, the difference, and the values decoded."""

from __future__ import annotations

import asyncio

from rich.text import Text

from etcdtui.core.plan import PlanLine, line
from etcdtui.services.tail import changes
from etcdtui.services.tail.entries import Gap, Mark, Seen
from etcdtui.services.tail.veil import Veil
from etcdtui.services.values.decoders import ValueDecoders
from etcdtui.services.values.valuediff import NOTHING, Look, field_changes, view
from etcdtui.ui import limits
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines

DETAIL_LINES = 4000
LINES, FIELDS, AFTER, BEFORE = "difference by lines", "difference by fields", "value after", "value before"
VIEWS = (LINES, FIELDS, AFTER, BEFORE)
_TONES = {"add": "added", "remove": "removed", "warn": "warn", "dim": "muted", "head": "head"}
_HIDDEN = "masked by the profile: x shows it"


class ChangePane(DetailLines):
    """Shows an entry of a tail; ``view`` is one of ``VIEWS``, ``revealed`` without its mask."""

    def __init__(self, veil: Veil, decoders: ValueDecoders) -> None:
        super().__init__()
        self.view = LINES
        self.revealed = False
        self._veil = veil
        self._decoders = decoders
        self._shown: tuple[object, ...] = ()

    @property
    def decodes(self) -> bool:
        """Whether this view wants the value decoded, which ``show_decoded`` does."""
        return self.view in (AFTER, BEFORE)

    def show_entry(self, entry: Seen | Mark | Gap | None) -> bool:
        """Show it; False when it is on the screen as it is. One that is still open is made again each time."""
        settled = isinstance(entry, Seen) and not entry.open and not entry.unsettled
        facts = (entry, self.view, self.revealed)
        if facts == self._shown and (settled or self.decodes or not isinstance(entry, Seen)):
            return False
        self._shown = facts
        if isinstance(entry, Seen):
            head = self._head(entry)
            self.show([head, *(self._plan_line(one) for one in self._lines(entry)[:DETAIL_LINES])])
        elif isinstance(entry, Gap):
            self.show([Text(" gap", self.tone("head")), safe(f" {entry.reason}", limit=limits.DETAIL)])
        else:
            self.show([safe(f" {entry.words}", limit=limits.DETAIL)] if entry is not None else [])
        return True

    async def show_decoded(self, entry: Seen) -> None:
        """One side's value as the Keys screen shows it; large ones and commands of the profile take a moment."""
        facts = self._shown
        value = entry.kv.value if self.view is AFTER else entry.before.value if entry.before is not None else None
        if value is None or (self.view is AFTER and entry.deleted):
            words = "the key was deleted" if self.view is AFTER else "no such key, or not known"
            lines = [line(words, tone="dim")]
        elif self._veil.is_whole(entry.kv.key) and not self.revealed:
            lines = [line(_HIDDEN, tone="dim")]
        else:
            decoded = await self._decoders.decode(entry.kv.key, value, reveal=self.revealed)
            problem = f": {decoded.problem}" if decoded.problem else ""
            lines = [line(f"{decoded.kind}{problem}", tone="dim")]
            if decoded.views:
                made = await asyncio.to_thread(decoded.views[0].lines)
                lines += [line("  ", made[at]) for at in range(min(len(made), DETAIL_LINES))]
        if facts == self._shown:
            self.show([self._head(entry), *(self._plan_line(one) for one in lines)])

    def next_view(self) -> None:
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]

    def is_masked(self, entry: Seen) -> bool:
        """Whether the profile hides something of this event."""
        values = [entry.kv.value] if entry.before is None else [entry.kv.value, entry.before.value]
        return any(self._veil.cover(entry.kv.key, value)[1] for value in values)

    def _head(self, entry: Seen) -> Text:
        return Text.assemble(
            " change: ",
            safe(entry.kv.key, self.tone("key"), limit=400),
            f"  rev {entry.revision}  {self.view}",
            ("  revealed" if self.revealed else "", self.tone("warn")),
        )

    def _lines(self, entry: Seen) -> list[PlanLine]:
        if self.decodes:
            return []
        cover = NOTHING if self.revealed else self._veil.hiding(entry.kv.key)
        if self.view is LINES:
            return changes.details(entry, cover)
        after = b"" if entry.deleted else entry.kv.value
        before = entry.before.value if entry.before is not None else b""
        facts = changes.facts(entry)
        if cover.whole or field_changes(before, after, cover) is None:
            return [*facts, line(_HIDDEN if cover.whole else "not a document on both sides: v goes on", tone="dim")]
        return [*facts, *view(before, after, cover, Look(fields=True, revealed=self.revealed))]

    def _plan_line(self, one: PlanLine) -> Text:
        style = self.tone(_TONES[one.tone]) if one.tone in _TONES else ""
        return Text.assemble(" ", *(safe(part, style, limit=limits.DETAIL) for part in one.parts))
