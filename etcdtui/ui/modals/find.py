"""Find a key by its path: the server completes it level by level; bookmarks and recent places are offered too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError, escape_key, parse_key
from etcdtui.core.units import format_count
from etcdtui.services.tree.navigation import SUGGESTED, Suggestion
from etcdtui.ui.bindings import FIND, bindings_for
from etcdtui.ui.errors import error_line
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe
from etcdtui.ui.typeahead import Hold, hold_keys
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.lines import LineView

SHOWN = SUGGESTED
PAUSE = 0.08
ROWS_MOST = 12


Complete = Callable[[bytes], Awaitable[tuple[list[Suggestion], bool]]]
"""Given what is typed: children of its folder that start so, and whether these are all of the folder's."""


def _common(paths: Sequence[bytes]) -> bytes:
    """The longest start of all; the first and the last in order decide."""
    low, high = min(paths), max(paths)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:same]


class SuggestionList(LineView):
    """The suggestions; enter takes one."""

    DEFAULT_CSS = "SuggestionList { height: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[Suggestion] = ()

    @property
    def row_count(self) -> int:
        return len(self.rows)

    def render_row(self, index: int, width: int) -> Text:
        row = self.rows[index]
        right = row.note or (format_count(row.count) if row.count >= 0 else "")
        name = safe(row.path, limit=max(8, width * 2))
        name.truncate(max(1, width - len(right) - 2), overflow="ellipsis")
        name.pad_right(max(1, width - name.cell_len - len(right) - 1))
        return Text.assemble(name, safe(right, self.tone("dim")), no_wrap=True, end="")


class FindDialog(Dialog[bytes]):
    """Dismisses with the key or prefix to go to. Binary bytes are typed as ``\\xNN``."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(FIND)]
    hints = (("enter", "go"), ("tab", "complete"), ("down", "choose"), ("esc", "cancel"))

    def __init__(
        self,
        complete: Complete,
        folder_of: Callable[[bytes], bytes],
        *,
        places: Sequence[Suggestion] = (),
    ) -> None:
        super().__init__()
        self._complete = complete
        self._folder_of = folder_of
        self._places = tuple(places)
        self._levels: dict[bytes, list[Suggestion]] = {}
        self._partial = False
        self._answered: bytes | None = None
        """What was typed when the server answered last."""
        self._tab_at: bytes | None = None
        self._tab = Hold()
        """What was typed before a tab that came ahead of the answer, and the keys after it."""
        self.field = Field(placeholder="/path/of/a/key, or k8s:NAME", max_length=4096)
        self.list = SuggestionList()
        self.note = Static(Text(), markup=False)

    def title_text(self) -> Text:
        return Text("find a key by path")

    def compose_dialog(self) -> ComposeResult:
        yield self.field
        yield self.list
        yield self.note

    def on_mount(self) -> None:
        self.field.focus()
        self._suggest()

    def on_unmount(self) -> None:
        self._tab.release()

    def on_resize(self) -> None:
        self.list.styles.height = min(ROWS_MOST, self.rows_free(2))

    def on_input_changed(self, event: Field.Changed) -> None:
        event.stop()
        self._suggest()

    def _typed(self) -> bytes | None:
        try:
            return parse_key(self.field.value)
        except KeySyntaxError as problem:
            self.note.update(safe(str(problem)))
            return None

    def _suggest(self) -> None:
        typed = self._typed()
        if typed is not None:
            spawn(self, partial(self._fill, typed), "complete", exclusive=True)

    async def _fill(self, typed: bytes) -> None:
        await self._ask(typed)
        self._answered = typed
        if self._tab_at == typed:
            self._complete_typed(typed)
        self._tab_at = None
        self._tab.release()

    async def _ask(self, typed: bytes) -> None:
        folder = self._folder_of(typed)
        words = typed.lower()
        if words:
            places = [place for place in self._places if words in place.path.lower() or self._named(place, words)]
        else:
            places = list(self._places)
        self._show(self._ordered(typed, self._matching(folder, typed), places))
        if folder in self._levels:
            self._partial = False
            return
        self.note.update(Text("asking the server…"))
        try:
            found, whole = await self._complete(typed)
        except EtcdError as error:
            self.note.update(error_line(error))
            return
        if whole:
            self._levels[folder] = found
        self._partial = not whole
        self._show(self._ordered(typed, found if self._partial else self._matching(folder, typed), places))
        if self._partial and len(found) >= SHOWN:
            self.note.update(Text(f"the first {SHOWN} of more: type on"))

    @staticmethod
    def _ordered(typed: bytes, found: list[Suggestion], places: list[Suggestion]) -> list[Suggestion]:
        """Places first until something is typed, then what the server has."""
        return ([*found, *places] if typed else [*places, *found])[:SHOWN]

    @staticmethod
    def _named(place: Suggestion, words: bytes) -> bool:
        return words in place.note.encode().lower()

    def _matching(self, folder: bytes, typed: bytes) -> list[Suggestion]:
        return [one for one in self._levels.get(folder, ()) if one.path.startswith(typed)]

    def _show(self, rows: list[Suggestion]) -> None:
        self.list.rows = rows
        self.list.cursor = 0
        self.list.model_changed()
        self.note.update(Text("" if rows else "nothing known starts like this"))

    def action_complete(self) -> None:
        """As much as all suggestions of the server have in common, or the one under the cursor."""
        typed = self._typed()
        if typed is None:
            return
        if self.list.has_focus and self.list.rows:
            self._take(self.list.rows[self.list.cursor].path)
        elif self._answered == typed:
            self._complete_typed(typed)
        else:  # what is typed after it is for the path that it makes
            self._tab.release()
            self._tab_at, self._tab = typed, hold_keys(self.app)

    def _complete_typed(self, typed: bytes) -> None:
        """What only this run remembers may not be there: the server's names count where it has any."""
        rows = [row for row in self.list.rows if row.path.startswith(typed)]
        paths = [row.path for row in rows if not row.note] or [row.path for row in rows]
        if not self.list.rows or (self._partial and len(paths) >= SHOWN):
            return
        found = _common(paths) if paths else self.list.rows[0].path
        if found == typed and len(paths) > 1:
            self.note.update(Text(f"{len(paths)} names start like this: type on, or down to choose"))
        else:
            self._take(found)

    def _take(self, found: bytes) -> None:
        self.field.focus()
        self.field.value = escape_key(found)
        self.field.cursor_position = len(self.field.value)

    def action_into_list(self) -> None:
        if self.list.row_count:
            self.list.focus()

    def action_into_field(self) -> None:
        self.field.focus()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        self.dismiss(self.list.rows[event.index].path)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        typed = self._typed()
        if typed is not None:
            self.dismiss(typed)
