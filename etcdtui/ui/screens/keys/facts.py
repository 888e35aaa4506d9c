"""The lines between the name of a key and its value: what it is, its revisions, its lease, who manages it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.geometry import Size

from etcdtui.core.decoding.result import Decoded, Fact
from etcdtui.core.types import KeyValue, LeaseTimeToLive
from etcdtui.core.units import format_size, format_ttl
from etcdtui.services.values.kubernetes import is_kubernetes, kubectl_hint
from etcdtui.ui import limits
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.toned import Toned

if TYPE_CHECKING:  # only named here: no key waits for it
    from etcdtui.services.values.families.family import Named

KUBECTL_PARTS = re.compile(r" (?=-)")
"""Where a long kubectl line may be broken."""
FACTS_SHOWN = 12
KUBERNETES = ("managed by kube-apiserver:", "look, do not touch")
ALARMING = frozenset({"deletionTimestamp", "finalizers"})
"""Facts that explain why an object does not go away."""

Line = Sequence[Text]
"""Pieces that stay whole: a line breaks between them."""


class Facts(Toned):
    """Lines of pieces, broken between pieces where the pane is too narrow."""

    GAP = "  "
    DEFAULT_CSS = "Facts { height: auto; width: 1fr; max-height: 8; background: $boost; }"

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[list[Text]] = []

    def show(self, lines: Sequence[Line]) -> None:
        wanted = [list(line) for line in lines]
        if wanted != self.lines:
            self.lines = wanted
            self.refresh(layout=True)

    def flow(self, width: int) -> list[Text]:
        """The rows at a width; a piece wider than that is cut."""
        rows: list[Text] = []
        for line in self.lines:
            row = Text()
            for piece in line:
                cut = piece.copy()
                cut.truncate(max(1, width), overflow="ellipsis")
                if row.plain and row.cell_len + len(self.GAP) + cut.cell_len > width:
                    rows.append(row)
                    row = Text()
                row.append_text(Text.assemble(self.GAP if row.plain else "", cut))
            rows.append(row)
        return rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.flow(width))

    def render(self) -> Text:
        return Text("\n", no_wrap=True).join(self.flow(max(1, self.size.width)))

    # --- what is known -----------------------------------------------------------------------------------

    def of_key(
        self,
        kv: KeyValue,
        decoded: Decoded,
        ttl: LeaseTimeToLive | None,
        *,
        hidden: bool,
        as_of: str = "",
        named: Named | None = None,
    ) -> list[Line]:
        """Everything about one key; facts and hints come out of the value, so a ``hidden`` one has none."""
        tone = self.tone
        first = [safe(decoded.kind, tone("good")), safe(format_size(len(kv.value))), safe(f"ver {kv.version}")]
        first += [safe(f"mod {kv.mod_revision}"), safe(f"create {kv.create_revision}")]
        if decoded.how and self.size.width >= limits.NARROW:
            first.append(safe(f"({decoded.how})", tone("dim"), limit=80))
        lines: list[Line] = [first]
        if kv.lease:
            lines.append([safe(words, tone("accent")) for words in lease_pieces(kv.lease, ttl)])
        told = is_kubernetes(kv.key) and decoded.facts and not hidden  # by the object itself
        if named is not None and not told:
            lines.append(
                [safe(f"{named.family.name}:", tone("dim")), safe(named.name, tone("head"), limit=limits.LINE)]
            )
        if owner := owner_words(kv, decoded, named):
            lines.append([safe(words, tone("warn")) for words in owner])
        if decoded.problem:
            lines.append([safe(decoded.problem, tone("bad"), limit=limits.LINE)])
        if not hidden and decoded.facts:
            lines.append([self._fact(fact) for fact in decoded.facts[:FACTS_SHOWN]])
        if not hidden and decoded.hints:
            lines.append([safe("hint: " + ", ".join(decoded.hints), tone("dim"), limit=limits.LINE)])
        if is_kubernetes(kv.key) and (kubectl := kubectl_hint(kv.key)):
            lines.append([safe(words, tone("dim"), limit=limits.LINE) for words in KUBECTL_PARTS.split(kubectl)])
        if as_of:
            lines.append([safe(as_of, tone("warn"))])
        return lines

    def _fact(self, fact: Fact) -> Text:
        style = self.tone("bad") if fact.name in ALARMING else ""
        return Text.assemble(safe(f"{fact.name} ", self.tone("dim")), safe(fact.value, style, limit=limits.LINE))


def owner_words(kv: KeyValue, decoded: Decoded, named: Named | None) -> tuple[str, ...]:
    """Who manages the key, when that is known, and what to use instead of this program."""
    if decoded.managed_by or is_kubernetes(kv.key, kv.value[:8]):
        return KUBERNETES
    if named is None or not named.family.advice:
        return ()
    return f"managed by {named.family.name}:", named.family.advice[:1].lower() + named.family.advice[1:]


def lease_pieces(lease: int, ttl: LeaseTimeToLive | None) -> list[str]:
    """The lease as hex, and what is left of it."""
    if not lease:
        return []
    if ttl is None:
        return [f"lease {lease:016x}"]
    left = "gone" if ttl.ttl < 0 else f"TTL {format_ttl(ttl.ttl)} of {format_ttl(ttl.granted_ttl)}"
    return [f"lease {lease:016x}", left]


def lease_words(lease: int, ttl: LeaseTimeToLive | None) -> str:
    """The same in one string; empty without a lease."""
    return "  ".join(lease_pieces(lease, ttl))
