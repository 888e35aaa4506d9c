"""Pick one of a list by arrows or by typing a part of its name; the palette, the menu and theme choice are pickers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import field
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from etcdtui.core.value import Value
from etcdtui.ui import limits
from etcdtui.ui.bindings import PICKER, bindings_for
from etcdtui.ui.modals.dialog import SHORT, Dialog
from etcdtui.ui.spawn import painted
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.lines import LineView

LABEL_WIDTH = 22
KEY_WIDTH = 10
SCATTERED = 3
"""Letters from which on they need not stand together to be found."""
WIDTH = 100
BESIDE = 5
"""Columns of the dialog that are not the list's: the frame, and the scroll bar."""
TOLD = 2
"""Rows below the list for what is said of the item under the cursor."""


class Item(Value):
    """One choice. ``reason`` says why it is off and is shown in place of ``note``; ``key`` are letters that pick it."""

    value: str
    label: Text
    note: Text = field(default_factory=Text)
    key: str = ""
    reason: Text = field(default_factory=Text)
    group: str = ""
    also: str = ""
    """Other words that it is found by; not shown."""

    @property
    def words(self) -> str:
        return f"{self.label.plain} {self.note.plain} {self.group} {self.also}".casefold()


def matching(items: Sequence[Item], typed: str) -> list[Item]:
    """The items that hold every typed word, the best first; an item of which only the letters of a word come one after
    the other in its label is found too, last."""
    words = typed.casefold().split()
    if not words:
        return list(items)
    ranked = [(rank, at, item) for at, item in enumerate(items) if (rank := _rank(item, words)) is not None]
    return [item for _, _, item in sorted(ranked, key=lambda one: one[:2])]


def _rank(item: Item, words: Sequence[str]) -> int | None:
    """How far an item is from what was typed; ``None`` when it is not meant."""
    label, everything = item.label.plain.casefold(), item.words
    worst = 0
    for word in words:
        if label.startswith(word):
            rank = 0
        elif f" {word}" in f" {label}":
            rank = 1
        elif f" {word}" in f" {everything}":
            rank = 2
        elif word in everything:
            rank = 3
        elif _in_order(word, label):
            rank = 4
        else:
            return None
        worst = max(worst, rank)
    return worst


def _in_order(letters: str, text: str) -> bool:
    """Whether the letters come in this order, the first at the beginning of a word."""
    at = f" {text}".find(f" {letters[0]}")
    if at < 0 or len(letters) < SCATTERED:
        return False
    for letter in letters:
        at = text.find(letter, at) + 1
        if not at:
            return False
    return True


class ItemLines(LineView):
    """The rows of a picker."""

    DEFAULT_CSS = "ItemLines { height: auto; }"
    is_led = True

    def __init__(self, items: Sequence[Item]) -> None:
        super().__init__()
        self.items = list(items)

    @property
    def row_count(self) -> int:
        return len(self.items)

    def row_key(self, index: int) -> Hashable | None:
        return self.items[index].value if index < len(self.items) else None

    def set_items(self, items: Sequence[Item]) -> None:
        self.items = list(items)
        self.cursor = 0
        self.model_changed()

    def is_cut(self, item: Item, width: int) -> bool:
        """Whether a row of ``width`` cells is too narrow for everything about the item."""
        words = item.note.cell_len + (item.reason.cell_len + len("off:   ") if item.reason else 0)
        return len(self._key(item, width)) + self._label_width(width) + 2 + words > width

    def _label_width(self, width: int) -> int:
        """All labels whole where nothing stands beside them, else as far as that leaves most of the row."""
        longest = max((one.label.cell_len for one in self.items), default=0)
        if not any(one.note or one.reason for one in self.items):
            return longest
        return min(max(longest, LABEL_WIDTH if width >= limits.NARROW else 0), max(LABEL_WIDTH, width // 3))

    def render_row(self, index: int, width: int) -> Text:
        item = self.items[index]
        off = bool(item.reason)
        line = Text(no_wrap=True).append(self._key(item, width), self.tone("accent"))
        label = item.label.copy()
        label.truncate(self._label_width(width), overflow="ellipsis", pad=True)
        if off:
            label.stylize(self.tone("dim"))
        line.append_text(label).append("  ")
        if off:
            line.append("off: ", self.tone("warn")).append_text(item.reason).append("  ")
        note = item.note.copy()
        if off:
            note.stylize(self.tone("dim"))
        line.append_text(note)
        line.truncate(width, overflow="ellipsis")
        return line

    def _key(self, item: Item, width: int) -> str:
        """The letters, in a column of their own; only the first one where there is little room."""
        if not any(one.key for one in self.items):
            return " "
        if width >= limits.NARROW:
            return f" {item.key:<{KEY_WIDTH}}"
        first = [one.key.partition(" ")[0] for one in self.items]
        return f" {item.key.partition(' ')[0]:<{max(map(len, first)) + 1}}"


class PickerDialog(Dialog[str]):
    """Dismisses with the value of the picked item. With ``typing`` every letter narrows the list; without, letters
    that are an item's key pick it at once and ``/`` begins to narrow."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(PICKER)]
    DEFAULT_CSS = """
    PickerDialog .dialog { width: 100; }  /* WIDTH */
    PickerDialog Field { display: none; margin-bottom: 1; }
    PickerDialog.-typing Field { display: block; }
    PickerDialog.-short Field { margin-bottom: 0; }
    PickerDialog .told { display: none; height: 2; padding: 0 1; color: $foreground; }
    PickerDialog.-told.-tall .told { display: block; }
    """
    hints = (("enter", "pick"), ("esc", "close"))

    def __init__(
        self,
        title: Text,
        items: Sequence[Item],
        *,
        typing: bool = True,
        current: str = "",
        placeholder: str = "type to narrow",
        preview: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        self._preview = preview
        self._heading = title
        self.all_items = list(items)
        self.lines = ItemLines(items)
        self.told = Static(Text(), classes="told", markup=False)
        self.field = Field(placeholder=placeholder, max_length=200)
        self.typing = typing
        self._current = current

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        yield self.field
        yield self.lines
        yield self.told

    def on_mount(self) -> None:
        self.set_class(self.typing, "-typing")
        (self.field if self.typing else self.lines).focus()
        if not self.typing:
            self.hint_line.show((("enter", "do it"), ("/", "search"), ("esc", "close")))
        found = next((i for i, item in enumerate(self.all_items) if item.value == self._current), 0)
        self.lines.cursor = found
        self._fit()
        self._tell()

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        event.stop()
        self._tell()
        self._try_out()

    def _try_out(self) -> None:
        """Show what picking the item under the cursor would do, where that can be shown."""
        if self._preview is not None and self.lines.items:
            self._preview(self.lines.items[self.lines.cursor].value)

    def _tell(self) -> None:
        """All that is said of the item under the cursor: its row may be too narrow for it."""
        item = self.lines.items[self.lines.cursor] if self.lines.items else None
        if item is not None and not self.lines.is_cut(item, self.lines.scrollable_content_region.width):
            item = None
        told = Text()
        if item is not None:
            told.append("off: " if item.reason else "").append_text(item.reason)
            told.append("  " if item.reason else "").append_text(item.note)
        self.told.update(told)

    def on_resize(self) -> None:
        self._fit()
        painted(self, self._tell)

    def _fit(self) -> None:
        short = self.room.height <= SHORT
        width = min(WIDTH, self.room.width) - BESIDE
        self.set_class(any(self.lines.is_cut(item, width) for item in self.all_items), "-told")
        field = 0 if not self.typing else 1 if short else 2
        told = TOLD if self.has_class("-told") and not short else 0
        self.lines.styles.max_height = self.rows_free(field + told)

    def action_narrow(self) -> None:
        if not self.typing:
            self.typing = True
            self.add_class("-typing")
            self._fit()
            self.field.focus()

    def on_input_changed(self, event: Field.Changed) -> None:
        self.lines.set_items(matching(self.all_items, event.value))
        self._tell()
        if event.value:
            self._try_out()

    def on_key(self, event: events.Key) -> None:
        if self.typing or event.character is None:
            return
        item = next((item for item in self.all_items if event.character in item.key.split()), None)
        if item is not None:
            event.stop()
            event.prevent_default()
            self._choose(item)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        self.action_pick()

    def action_move(self, rows: int) -> None:
        self.lines.move_cursor(rows)

    def action_pick(self) -> None:
        if self.lines.items:
            self._choose(self.lines.items[self.lines.cursor])

    def _choose(self, item: Item) -> None:
        if not item.reason:
            self.dismiss(item.value)
