"""Find a key by any part of its path: names that are loaded or remembered, and what the server has that starts so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Protocol

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError, escape_key, parse_key
from etcdtui.core.units import format_count
from etcdtui.core.value import record
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
ROWS_MOST = 12
THERE, GONE = "\u2713", "not there"


class Source(Protocol):
    """What the dialog asks: ``services.tree.finding.Finding``."""

    @property
    def separators(self) -> tuple[bytes, ...]: ...

    def folder_of(self, typed: bytes, /) -> bytes:
        """The folder whose children complete what is typed."""

    def places(self) -> list[Suggestion]:
        """Where one comes back to."""

    def told(self, one: Suggestion, /) -> Suggestion:
        """With what the server said of it."""

    def matching(self, typed: bytes, /) -> Awaitable[list[Suggestion]]:
        """Loaded and remembered names with that anywhere in their path."""

    def complete(self, typed: bytes, /) -> Awaitable[tuple[list[Suggestion], bool]]:
        """Children of the folder that is typed which start so, and whether these are all of the folder's."""

    def confirm(self, paths: Sequence[bytes], /) -> Awaitable[None]:
        """Ask the server which of them are there."""

    def confirmed(self, found: Iterable[Suggestion], /) -> None:
        """The server has these."""


@record()
class Picked:
    """A path to go to, or ``words`` to search all keys for. ``hold`` keeps the keys that were typed after it."""

    path: bytes = b""
    words: str = ""
    hold: Hold = Hold()


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
        self.words: list[str] = []

    @property
    def row_count(self) -> int:
        return len(self.rows)

    def render_row(self, index: int, width: int) -> Text:
        row = self.rows[index]
        right = row.note or (format_count(row.count) if row.count >= 0 else "")
        if row.there is False:
            right = f"{right}  {GONE}" if right else GONE
        name = safe(row.path, self.tone("dim") if row.there is False else "", limit=max(8, width * 2))
        name.highlight_words(self.words, self.tone("hit"), case_sensitive=False)
        name.truncate(max(1, width - len(right) - 4), overflow="ellipsis")
        name.pad_right(max(1, width - name.cell_len - len(right) - 3))
        sign = Text(f"{THERE} " if row.there else "  ", self.tone("good"))
        return Text.assemble(sign, name, safe(right, self.tone("dim")), no_wrap=True, end="")


class FindDialog(Dialog[Picked]):
    """Dismisses with where to go. Binary bytes are typed as ``\\xNN``.

    What is typed is a path when it starts like one that is there or with a separator; else enter takes the nearest
    name that has it anywhere.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(FIND)]
    hints = (
        ("enter", "go"),
        ("tab", "complete"),
        ("down", "choose"),
        ("ctrl+f", "search all keys"),
        ("esc", "cancel"),
    )

    def __init__(self, source: Source, *, is_jump: Callable[[bytes], bool] = lambda _: False) -> None:
        """``is_jump`` knows words such as ``k8s:NAME``, which are no paths and lead somewhere."""
        super().__init__()
        self._source = source
        self._is_jump = is_jump
        self._levels: dict[bytes, list[Suggestion]] = {}
        self._partial = False
        self._answered: bytes | None = None
        """What was typed when everything about it was known last."""
        self._waits: tuple[str, bytes] | None = None
        """The key that came before the answer, and what was typed then."""
        self._hold = Hold()
        """Of that key: the keys after it."""
        self.field = Field(placeholder="any part of a path, /path/of/a/key, or k8s:NAME", max_length=4096)
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
        self._hold.release()

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

    # --- what is offered ---------------------------------------------------------------------------------

    def _suggest(self) -> None:
        typed = self._typed()
        if typed is not None:
            spawn(self, partial(self._fill, typed), "complete", exclusive=True)

    async def _fill(self, typed: bytes) -> None:
        await self._ask(typed)
        self._answered = typed
        waits, self._waits = self._waits, None
        if waits is not None and waits[1] == typed:
            if waits[0] == "enter":
                self._go(typed)
            else:
                self._complete_typed(typed)
        self._hold.release()

    async def _ask(self, typed: bytes) -> None:
        """Show what is known at once, then what the server says."""
        source, folder = self._source, self._source.folder_of(typed)
        known = [one for one in self._levels.get(folder, ()) if one.path.startswith(typed)]
        near = await source.matching(typed) if typed else source.places()
        self._show(typed, known, near)
        try:
            if folder not in self._levels:
                self.note.update(Text("asking the server…"))
                known, whole = await source.complete(typed)
                source.confirmed(known)
                if whole:
                    self._levels[folder] = known
                self._partial = not whole
                known = [one for one in known if one.path.startswith(typed)]
            else:
                self._partial = False
            self._show(typed, known, near)
            await source.confirm([one.path for one in near])
        except EtcdError as error:
            self.note.update(error_line(error))
            return
        self._show(typed, known, near)
        if self._partial and len(known) >= SHOWN:
            self.note.update(Text(f"the first {SHOWN} of more: type on"))

    def _show(self, typed: bytes, found: Sequence[Suggestion], near: Sequence[Suggestion]) -> None:
        """Each path once; what starts so first, but places where nothing is typed; what is not there last.

        The folder that is typed stands in the line: what is in it is offered.
        """
        near = [one for one in near if one.path != typed or not typed.endswith(self._source.separators)]
        rows: dict[bytes, Suggestion] = {}
        for one in (*found, *near) if typed else (*near, *found):
            same = rows.get(one.path, one)
            rows[one.path] = replace(same, count=max(same.count, one.count), note=same.note or one.note)
        told = sorted((self._source.told(one) for one in rows.values()), key=lambda one: one.there is False)
        here = self.list.rows[self.list.cursor].path if self.list.has_focus and self.list.rows else None
        self.list.rows = told[:SHOWN]
        self.list.words = [word for word in escape_key(typed).split(" ") if word]
        self.list.cursor = next((at for at, one in enumerate(self.list.rows) if one.path == here), 0)
        self.list.model_changed()
        self.note.update(self._note(typed))

    def _note(self, typed: bytes) -> Text:
        if not self.list.rows:
            return Text("nothing loaded or remembered has this; ctrl+f searches all keys")
        if (taken := self._taken(typed)) != typed and typed:
            return Text.assemble("enter goes to ", safe(taken, limit=200))
        return Text("")

    # --- what a key means --------------------------------------------------------------------------------

    def _starting(self, typed: bytes) -> list[Suggestion]:
        return [row for row in self.list.rows if row.path.startswith(typed) and row.there]

    def _is_path(self, typed: bytes) -> bool:
        return self._is_plainly_path(typed) or bool(self._starting(typed))

    def _is_plainly_path(self, typed: bytes) -> bool:
        """Whether that is known without the server."""
        return typed.startswith(self._source.separators) or self._is_jump(typed)

    def _taken(self, typed: bytes) -> bytes:
        """Where enter goes."""
        if self._is_path(typed):
            return typed
        return self._nearest(typed)

    def _nearest(self, typed: bytes) -> bytes:
        return next((row.path for row in self.list.rows if row.there), typed)

    def _wait(self, key: str, typed: bytes) -> None:
        """What is typed after the key is for what comes of it."""
        self._hold.release()
        self._waits, self._hold = (key, typed), hold_keys(self.app)

    def action_complete(self) -> None:
        """As much as all names of the server have in common, or the one under the cursor."""
        typed = self._typed()
        if typed is None:
            return
        if self.list.has_focus and self.list.rows:
            self._take(self.list.rows[self.list.cursor].path)
        elif self._answered == typed:
            self._complete_typed(typed)
        else:
            self._wait("tab", typed)

    def _complete_typed(self, typed: bytes) -> None:
        """Only to what the server has: what is remembered may not be there."""
        paths = [row.path for row in self._starting(typed)]
        if self._partial and len(paths) >= SHOWN:
            return
        found = _common(paths) if paths else self._nearest(typed)
        if found != typed:
            self._take(found)
        elif len(paths) > 1:
            self.note.update(Text(f"{len(paths)} names start like this: type on, or down to choose"))
        elif not paths:
            self.note.update(Text("no name that is there has this; ctrl+f searches all keys"))

    def _take(self, found: bytes) -> None:
        self.field.focus()
        self.field.value = escape_key(found)
        self.field.cursor_position = len(self.field.value)

    def _go(self, typed: bytes) -> None:
        hold, self._hold = self._hold, Hold()
        self.dismiss(Picked(self._taken(typed), hold=hold))

    def action_into_list(self) -> None:
        if self.list.row_count:
            self.list.focus()

    def action_into_field(self) -> None:
        self.field.focus()

    def action_search_all(self) -> None:
        """Whatever part of a name is typed, on the server."""
        self.dismiss(Picked(words=self.field.value.strip()))

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        event.stop()
        self.dismiss(Picked(self.list.rows[event.index].path))

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        typed = self._typed()
        if typed is None:
            return
        if self._is_plainly_path(typed) or self._answered == typed:
            self._go(typed)
        else:
            self._wait("enter", typed)
