"""The right pane of the Keys screen: what is known about the selected key, and its value in one of its views."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from etcdtui.core.keytree import Row
from etcdtui.core.tree import Path
from etcdtui.core.units import format_count
from etcdtui.services import values
from etcdtui.services.tree.value import CursorValue
from etcdtui.ui import limits
from etcdtui.ui.bindings import VALUE, bindings_for
from etcdtui.ui.errors import error_line
from etcdtui.ui.screens.keys.facts import Facts
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.panehead import PaneHead, PaneTitle
from etcdtui.ui.widgets.viewer import ValueViewer

if TYPE_CHECKING:  # only named here: no key waits for it
    from etcdtui.services.values.families.family import Named

MASKED_WORDS = "masked by the profile: x shows it"
PLACE = 400
"""Characters of a name."""
NOTE_PARTS = re.compile(r"(?<=[.,;]) | · ")
"""Where a sentence in place of rows is broken for the pane."""
NOTE_LINES = 4


class ValuePane(Vertical):
    """Shows one key, one folder, or why there is nothing to show; ``/``, ``n`` and ``N`` find text in the value."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(VALUE)]
    DEFAULT_CSS = """
    ValuePane { height: 1fr; width: 1fr; }
    ValuePane > .bar { height: 1; color: $foreground 60%; }
    ValuePane > #find { display: none; background: $boost; }
    ValuePane > #find.-shown { display: block; }
    """

    def __init__(
        self,
        value: CursorValue,
        *,
        name_of: Callable[[bytes], Named | None] = lambda key: None,
        first_view: str = "",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.name_of = name_of
        self.value = value
        self.first_view = first_view
        self.head = PaneTitle()
        self.facts = Facts()
        self.viewer = ValueViewer(id="value")
        self.find_field = Field(placeholder="text inside the value", max_length=500, id="find")
        self.bar = PaneHead(id="value-bar")
        self.shown_key = b""
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
        self.shown_key = b""
        self.end_find()
        self.head.show(title)
        self.facts.show([[line] for line in lines])
        self.viewer.show_lines(())
        self.bar.show(Text())

    def show_row(self, row: Row | None) -> None:
        """A row without a value: a folder, or the sentence in place of a level's rows."""
        if row is not None and not row.is_note:
            self._show_folder(row)
            return
        note = row.level.note if row is not None else ""
        pieces = [safe(piece, limit=PLACE) for piece in NOTE_PARTS.split(note, NOTE_LINES)]
        self.show_words(safe(row.path if row is not None else b"", limit=PLACE), *pieces)

    def _show_folder(self, row: Row) -> None:
        keys = "1 key" if row.count == 1 else f"{format_count(row.count)} keys"
        about = f"about {format_count(row.guess)} keys, not counted yet" if row.guess else "keys not counted yet"
        count = keys if row.count >= 0 else about
        lines = [safe(f"folder  {count}")]
        if (named := self.name_of(row.path)) is not None:
            lines.append(safe(named.words, self.facts.tone("head"), limit=PLACE))
        if row.name in row.level.changed:
            lines.append(safe("something below changed since you looked", self.facts.tone("warn")))
        if row.name.endswith(b"/") and row.level.find(row.name.rstrip(b"/")) >= 0:
            words = "there is also a key of this name, shown as a row of its own"
            lines.append(safe(words, self.facts.tone("dim")))
        self.show_words(safe(row.path, limit=PLACE), *lines)

    def show_absent(self, path: bytes, *lines: str) -> None:
        """A key that was named and does not exist."""
        words = [safe("no such key", self.facts.tone("warn")), *(safe(line) for line in lines)]
        self.show_words(safe(path, limit=PLACE), *words)

    def show_value(self, *, keep_view: bool) -> None:
        """What is known of the key under the cursor now; ``keep_view`` stays in the chosen view and place."""
        value = self.value
        title = safe(value.key or b"", limit=PLACE)
        if value.error is not None:
            self.show_words(title, error_line(value.error), safe("r to retry"))
        elif value.waiting:
            self.show_words(title, safe("waiting for the server…", self.facts.tone("dim")))
        elif value.gone:
            self.show_words(title, safe("this key was deleted; H shows what it was"))
        elif value.kv is None or value.decoded is None:
            self.show_words(Text())
        else:
            if self.shown_key != value.kv.key:
                self.end_find()
            self.shown_key = value.kv.key
            self.show_facts()
            if value.hidden:
                self.viewer.show_lines((MASKED_WORDS,))
            else:
                view = self.viewer.view_name if keep_view else self.first_view
                self.viewer.show(value.decoded, len(value.kv.value), view=view, keep_place=keep_view)
            self.show_bar()

    @property
    def view_name(self) -> str:
        """The view that is shown of the value; empty when none is."""
        shown = self.shown_key and self.value.decoded is not None and not self.value.hidden
        return self.viewer.view_name if shown else ""

    def next_view(self) -> None:
        if self.view_name:
            self.viewer.next_view()
            self.show_bar()

    def lines(self) -> Sequence[str]:
        """Every line of the view that is shown, not made safe; none of a masked value."""
        decoded, name = self.value.decoded, self.view_name
        if decoded is None or not name:
            return ()
        return next((view.lines() for view in decoded.views if view.name == name), ())

    def on_value_viewer_shown(self, event: ValueViewer.Shown) -> None:
        if self.needle:
            self.found = self.viewer.find(self.needle)
        self.show_bar()

    def show_facts(self) -> None:
        """Head and facts of the key."""
        value = self.value
        if not self.shown_key or value.kv is None or value.decoded is None:
            return
        as_of = f"as of revision {value.revision}" if value.revision else ""
        self.head.show(safe(value.kv.key, limit=PLACE), self._tabs())
        self.facts.show(
            self.facts.of_key(
                value.kv,
                value.decoded,
                value.ttl,
                hidden=value.hidden,
                as_of=as_of,
                named=self.name_of(value.kv.key),
            )
        )

    def _tabs(self) -> Text:
        """The views there are, the shown one marked."""
        decoded = self.value.decoded
        if self.value.hidden or decoded is None or not decoded.views:
            return Text()
        shown = self.viewer.view_name or decoded.views[0].name
        words = [
            safe(view.name, "bold underline" if view.name == shown else "not bold", limit=limits.TINY_NAME)
            for view in decoded.views
        ]
        return Text(" | ", style="not bold").join(words)

    def show_bar(self) -> None:
        """The tabs of the views, and below the value what can be done with it."""
        if self.shown_key:
            self.head.show(self.head.left, self._tabs())
        value, decoded = self.value, self.value.decoded
        if not self.shown_key or decoded is None:
            self.bar.show(Text())
            return
        words = ["masked"] if value.hidden else []
        if self.needle:
            words = ["n next  N previous  esc ends" if self.found else "not found here  esc ends"]
        elif not value.hidden:
            several = len(decoded.views) > 1 or decoded.unparsed
            words += ["v parses it" if decoded.unparsed else "v next view"] if several else []
            words += ["/ finds"] if self.viewer.has_focus else ["tab, / finds"]
            words += ["enter edits"] if self.viewer.show_cursor else []
        if value.hidden or decoded.masked:
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

    # --- one field of the value --------------------------------------------------------------------------

    class LineChosen(Message):
        """Enter on a line of a view of fields."""

        def __init__(self, line: int) -> None:
            super().__init__()
            self.line = line

    def action_edit_field(self) -> None:
        """The field under the cursor of the view."""
        if (line := self.viewer.cursor_line) >= 0:
            self.post_message(self.LineChosen(line))

    def path_at(self, line: int) -> Path | None:
        """The field that begins on a line of the view, ``None`` where none does. In a thread."""
        found: Path | None = values.fields.path_at(self.viewer.view_name, self.viewer.lines(), line)
        return found

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        self.action_edit_field()

    # --- finding text inside the value -------------------------------------------------------------------

    def action_find_in_value(self) -> None:
        if not self.view_name:
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
