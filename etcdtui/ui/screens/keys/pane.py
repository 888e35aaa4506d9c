"""The right pane of the Keys screen: what is known about the selected key, and its value in one of its views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from etcdtui.core.decoding.result import Decoded
from etcdtui.core.keytree import Row
from etcdtui.core.types import KeyValue, LeaseTimeToLive
from etcdtui.core.units import format_count
from etcdtui.ui.bindings import VALUE, bindings_for
from etcdtui.ui.screens.keys.facts import Facts
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.panehead import PaneHead
from etcdtui.ui.widgets.viewer import ValueViewer

MASKED_WORDS = "masked by the profile: x shows it"


class ValuePane(Vertical):
    """Shows one key, one folder, or why there is nothing to show; ``/``, ``n`` and ``N`` find text in the value."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(VALUE)]
    DEFAULT_CSS = """
    ValuePane { height: 1fr; width: 1fr; }
    ValuePane > .bar { height: 1; color: $foreground 60%; }
    ValuePane > #find { display: none; background: $boost; }
    ValuePane > #find.-shown { display: block; }
    """

    def __init__(self, *, first_view: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.first_view = first_view
        self.head = PaneHead()
        self.facts = Facts()
        self.viewer = ValueViewer(id="value")
        self.find_field = Field(placeholder="text inside the value", max_length=500, id="find")
        self.bar = PaneHead(id="value-bar")
        self.kv: KeyValue | None = None
        self.decoded: Decoded | None = None
        self.revealed = False
        self.forced = False
        self.hidden = False
        self.ttl: LeaseTimeToLive | None = None
        self.as_of = ""
        self.needle = ""
        self.found = True

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.facts
        yield self.viewer
        yield self.find_field
        yield self.bar

    # --- what is shown -----------------------------------------------------------------------------------

    def show_words(self, title: Text, *lines: Text) -> None:
        """No value: a folder, a note, a failure."""
        self.kv = self.decoded = self.ttl = None
        self.end_find()
        self.head.show(title)
        self.facts.show([[line] for line in lines])
        self.viewer.show_lines(())
        self.bar.show(Text())

    def show_folder(self, row: Row, note: str = "") -> None:
        keys = "1 key" if row.count == 1 else f"{format_count(row.count)} keys"
        count = keys if row.count >= 0 else "keys not counted yet"
        lines = [safe(f"folder  {count}")]
        if row.name in row.level.changed:
            lines.append(safe("something below changed since you looked", self.facts.tone("warn")))
        if note:
            lines.append(safe(note, self.facts.tone("dim")))
        self.show_words(safe(row.path, limit=400), *lines)

    def show_value(self, kv: KeyValue, decoded: Decoded, *, hidden: bool, keep_view: bool) -> None:
        """``hidden`` when the key's value is masked; ``keep_view`` stays in the chosen view and place."""
        if self.kv is not None and self.kv.key != kv.key:
            self.end_find()
        self.kv, self.decoded, self.hidden = kv, decoded, hidden
        self.show_facts()
        if hidden:
            self.viewer.show_lines((MASKED_WORDS,))
        else:
            view = self.viewer.view_name if keep_view else self.first_view
            self.viewer.show(decoded, len(kv.value), view=view, keep_place=keep_view)
        self.show_bar()

    @property
    def view_name(self) -> str:
        return "" if self.decoded is None or self.hidden else self.viewer.view_name

    @property
    def can_be_forced(self) -> bool:
        """Whether the value was too large to be parsed without being asked to."""
        return self.decoded is not None and self.decoded.unparsed and not self.hidden

    def next_view(self) -> None:
        if self.decoded is not None and not self.hidden:
            self.viewer.next_view()
            self.show_bar()

    def lines(self) -> Sequence[str]:
        """Every line of the view that is shown, not made safe; none of a masked value."""
        if self.decoded is None or self.hidden:
            return ()
        return next((view.lines() for view in self.decoded.views if view.name == self.view_name), ())

    def on_value_viewer_shown(self, event: ValueViewer.Shown) -> None:
        if self.needle:
            self.found = self.viewer.find(self.needle)
        self.show_bar()

    def show_facts(self) -> None:
        """Head and facts of the key."""
        if self.kv is None or self.decoded is None:
            return
        self.head.show(safe(self.kv.key, limit=400))
        self.facts.show(self.facts.of_key(self.kv, self.decoded, self.ttl, hidden=self.hidden, as_of=self.as_of))

    def show_bar(self) -> None:
        """The line below the value: which view this is, and what can be done with it."""
        if self.decoded is None:
            self.bar.show(Text())
            return
        words = ["masked" if self.hidden else f"view: {self.view_name}"]
        if self.needle:
            words = ["n next  N previous  esc ends" if self.found else "not found here  esc ends"]
        elif not self.hidden:
            several = len(self.decoded.views) > 1 or self.decoded.unparsed
            words += ["v parses it" if self.decoded.unparsed else "v next view"] if several else []
            words += ["/ finds"] if self.viewer.has_focus else ["tab, / finds"]
        if self.hidden or self.decoded.masked:
            words.append("x reveal")
        shown = safe("  ".join(words), self.facts.tone("dim"))
        if self.needle:
            shown = Text.assemble(safe(f"find: {self.needle}  ", self.facts.tone("warn"), limit=40), shown)
        self.bar.show(shown)

    def on_resize(self) -> None:
        self.show_facts()

    def on_descendant_focus(self) -> None:
        self.show_bar()

    def on_descendant_blur(self) -> None:
        self.show_bar()

    # --- finding text inside the value -------------------------------------------------------------------

    def action_find_in_value(self) -> None:
        if self.decoded is None or self.hidden:
            return
        self.find_field.add_class("-shown")
        self.find_field.focus()

    def action_next_match(self) -> None:
        self._step(1)

    def action_previous_match(self) -> None:
        self._step(-1)

    def _step(self, step: int) -> None:
        if self.needle:
            self.found = self.viewer.find_next(step)
            self.show_bar()
        else:
            self.action_find_in_value()

    def end_find(self) -> bool:
        """Stop looking for text; False when none was looked for."""
        shown = self.find_field.has_class("-shown")
        had = shown or bool(self.needle)
        self.needle, self.found = "", True
        self.find_field.remove_class("-shown")
        with self.find_field.prevent(Field.Changed):
            self.find_field.value = ""
        if had:
            self.viewer.find("")
            self.show_bar()
        if shown and self.find_field.has_focus:
            self.viewer.focus()
        return had

    def on_input_changed(self, event: Field.Changed) -> None:
        event.stop()
        self.needle = event.value
        self.found = self.viewer.find(event.value) if event.value else True
        self.show_bar()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        if self.needle:
            self.find_field.remove_class("-shown")
            self.viewer.focus()
        else:
            self.end_find()
