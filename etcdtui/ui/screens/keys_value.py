"""The right pane of the Keys screen: what is known about the selected key, and its value in one of its views."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.decoding.result import Decoded
from etcdtui.core.keytree import Row
from etcdtui.core.types import KeyValue, LeaseTimeToLive
from etcdtui.core.units import format_count, format_size, format_ttl
from etcdtui.ui.screens.keys_head import PaneHead
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.toned import Toned
from etcdtui.ui.widgets.viewer import ValueViewer

MASKED_WORDS = "masked by the profile: x shows it"
GAP = "  "


class Facts(Toned):
    """The lines between the head and the value."""

    DEFAULT_CSS = "Facts { height: auto; width: 1fr; max-height: 8; }"

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Text] = []

    def show(self, lines: Sequence[Text]) -> None:
        if list(lines) != self.lines:
            self.lines = list(lines)
            self.refresh(layout=True)

    def render(self) -> Text:
        width = max(1, self.size.width)
        shown = []
        for line in self.lines:
            cut = line.copy()
            cut.truncate(width, overflow="ellipsis")
            shown.append(cut)
        return Text("\n").join(shown)


def lease_words(lease: int, ttl: LeaseTimeToLive | None) -> str:
    """The lease as hex and what is left of it; empty without a lease."""
    if not lease:
        return ""
    if ttl is None:
        return f"lease {lease:016x}"
    if ttl.ttl < 0:
        return f"lease {lease:016x} gone"
    return f"lease {lease:016x}  TTL {format_ttl(ttl.ttl)} of {format_ttl(ttl.granted_ttl)}"


class ValuePane(Vertical):
    """Shows one key, one folder, or why there is nothing to show."""

    DEFAULT_CSS = """
    ValuePane { height: 1fr; width: 1fr; }
    ValuePane > .bar { height: 1; color: $foreground 60%; }
    """

    def __init__(self, *, first_view: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.first_view = first_view
        self.head = PaneHead()
        self.facts = Facts()
        self.viewer = ValueViewer(id="value")
        self.bar = PaneHead(id="value-bar")
        self.kv: KeyValue | None = None
        self.decoded: Decoded | None = None
        self.revealed = False
        self.hidden = False
        self.ttl: LeaseTimeToLive | None = None
        self.as_of = ""

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.facts
        yield self.viewer
        yield self.bar

    # --- what is shown -----------------------------------------------------------------------------------

    def show_words(self, title: Text, *lines: Text) -> None:
        """No value: a folder, a note, a failure."""
        self.kv = self.decoded = self.ttl = None
        self.head.show(title)
        self.facts.show(lines)
        self.viewer.show_lines(())
        self.bar.show(Text())

    def show_folder(self, row: Row, note: str = "") -> None:
        count = f"{format_count(row.count)} keys" if row.count >= 0 else "keys not counted yet"
        lines = [safe(f"folder  {count}")]
        if row.name in row.level.changed:
            lines.append(safe("something below changed since you looked", self.facts.tone("warn")))
        if note:
            lines.append(safe(note, self.facts.tone("dim")))
        self.show_words(safe(row.path, limit=400), *lines)

    def show_value(self, kv: KeyValue, decoded: Decoded, *, hidden: bool, keep_view: bool) -> None:
        """``hidden`` when the key's value is masked; ``keep_view`` stays in the chosen view and place."""
        self.kv, self.decoded, self.hidden = kv, decoded, hidden
        self.show_facts()
        if hidden:
            self.viewer.show_lines((MASKED_WORDS,))
        else:
            view = self.viewer.view_name if keep_view else self.first_view
            self.viewer.show(decoded, len(kv.value), view=view, keep_place=keep_view)
        self._show_bar()

    @property
    def view_name(self) -> str:
        return "" if self.decoded is None or self.hidden else self.viewer.view_name

    def next_view(self) -> None:
        if self.decoded is not None and not self.hidden:
            self.viewer.next_view()
            self._show_bar()

    def lines(self) -> Sequence[str]:
        """Every line of the view that is shown, not made safe; none of a masked value."""
        if self.decoded is None or self.hidden:
            return ()
        return next((view.lines() for view in self.decoded.views if view.name == self.view_name), ())

    def on_value_viewer_shown(self, event: ValueViewer.Shown) -> None:
        self._show_bar()

    def show_facts(self) -> None:
        """Head and facts of the key, as wide as the pane allows."""
        kv, decoded = self.kv, self.decoded
        if kv is None or decoded is None:
            return
        tone = self.facts.tone
        first = f"{format_size(len(kv.value))}{GAP}ver {kv.version}{GAP}mod {kv.mod_revision}"
        if self.size.width >= 44:
            first += f"{GAP}create {kv.create_revision}"
        lines = [Text.assemble(safe(decoded.kind, tone("good")), GAP, safe(first))]
        if decoded.how and self.size.width >= 60:
            lines[0].append_text(safe(f"{GAP}({decoded.how})", tone("dim")))
        if lease := lease_words(kv.lease, self.ttl):
            lines.append(safe(lease, tone("accent")))
        if decoded.managed_by:
            lines.append(safe(f"managed by {decoded.managed_by}: look, do not touch", tone("warn")))
        if decoded.problem:
            lines.append(safe(decoded.problem, tone("bad"), limit=300))
        # Facts and hints come out of the value, so a masked value has none.
        if not self.hidden:
            lines += [safe(f"{fact.name}: {fact.value}", limit=300) for fact in decoded.facts[:4]]
        if decoded.hints and not self.hidden:
            lines.append(safe("hint: " + ", ".join(decoded.hints), tone("dim"), limit=300))
        if self.as_of:
            lines.append(safe(self.as_of, tone("warn")))
        self.head.show(safe(kv.key, limit=400))
        self.facts.show(lines)

    def _show_bar(self) -> None:
        name = "masked" if self.hidden else self.view_name
        words = f"view: {name}  v next view" + (
            "  x reveal" if self.hidden or (self.decoded and self.decoded.masked) else ""
        )
        self.bar.show(safe(words, self.facts.tone("dim")))

    def on_resize(self) -> None:
        self.show_facts()
