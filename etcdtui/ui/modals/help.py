"""All keys of a screen, searchable: what it is for, its own keys with their etcdctl line, then those of everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from etcdtui.core.value import record
from etcdtui.ui import limits
from etcdtui.ui.bindings import GROUP_TITLES, GROUPS, HELP, Action, bindings_for, key_words, keys_of
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.lines import LineView

SIGNS_TITLE = "Signs and words"
LINES_TITLE = "Lines of :"
KEYS_WIDTH = 14
LABEL_WIDTH = 16
EXAMPLE_WIDTH = 40
ETCDCTL_COLUMN = 60
"""Columns a help sentence may fill before the etcdctl line starts."""


@record()
class HelpRow:
    """A heading, a sentence, or an action with its keys; a blank row has nothing."""

    heading: str = ""
    keys: str = ""
    label: str = ""
    help: str = ""
    etcdctl: str = ""
    example: str = ""

    def holds(self, words: Sequence[str]) -> bool:
        text = f"{self.example} {self.keys} {self.label} {self.help} {self.etcdctl}".casefold()
        return all(word in text for word in words)


def help_rows(
    actions: Sequence[Action],
    keymap: Mapping[str, str],
    typed: str = "",
    *,
    signs: Sequence[tuple[str, str]] = (),
    lines: Sequence[tuple[str, str]] = (),
    lines_first: bool = False,
) -> list[HelpRow]:
    """The rows of the actions by group, of the signs and of the lines of ``:``; only those with every typed word."""
    words = typed.casefold().split()
    by_heading = {
        GROUP_TITLES[group]: [
            HelpRow("", key_words(keys_of(action, keymap)), action.label, action.help, action.etcdctl)
            for action in _once(actions)
            if action.group == group
        ]
        for group in GROUPS
    }
    by_heading[SIGNS_TITLE] = [HelpRow("", sign, "", meaning) for sign, meaning in signs]
    told = [HelpRow(example=example, help=does) for example, does in lines]
    by_heading = {LINES_TITLE: told, **by_heading} if lines_first else {**by_heading, LINES_TITLE: told}
    rows: list[HelpRow] = []
    for heading, all_rows in by_heading.items():
        wanted = [row for row in all_rows if row.holds(words)]
        if wanted:
            rows += [*([HelpRow()] if rows else []), HelpRow(heading=heading), *wanted]
    return rows or [HelpRow(help="nothing matches; backspace widens the search")]


def _once(actions: Sequence[Action]) -> list[Action]:
    """Of the rows of an id the first: it is the one about this screen."""
    first: dict[str, Action] = {}
    for action in actions:
        first.setdefault(action.id, action)
    return list(first.values())


class HelpLines(LineView):
    """The rows of the help."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[HelpRow] = []

    @property
    def row_count(self) -> int:
        return len(self.rows)

    def set_rows(self, rows: list[HelpRow]) -> None:
        self.rows = rows
        self.model_changed()
        self.scroll_to(y=0, animate=False, force=True)

    def render_row(self, index: int, width: int) -> Text:
        row = self.rows[index]
        if row.heading:
            return Text(row.heading, self.tone("head"), no_wrap=True)
        if row.example:
            line = safe(f" {row.example:<{EXAMPLE_WIDTH}}  ", self.tone("accent"))
            line.no_wrap = True
            line.append(row.help, self.tone("dim"))
            line.truncate(width, overflow="ellipsis")
            return line
        line = Text(no_wrap=True)
        keys, label = (KEYS_WIDTH, LABEL_WIDTH) if width >= limits.NARROW else (KEYS_WIDTH // 2, 0)
        line.append(f" {row.keys:<{keys}} ", self.tone("accent"))
        line.append(f"{row.label:<{label}} " if row.label else "").append(row.help, self.tone("dim"))
        if row.etcdctl:
            start = max(line.cell_len + 2, min(width - len(row.etcdctl) - 1, KEYS_WIDTH + LABEL_WIDTH + ETCDCTL_COLUMN))
            if start + len(row.etcdctl) <= width:
                line.append(" " * (start - line.cell_len)).append(row.etcdctl, self.tone("key"))
        line.truncate(width, overflow="ellipsis")
        return line


class HelpDialog(Dialog[None]):
    """``about`` is what the screen is for, ``signs`` what is seen there, ``lines`` what ``:`` takes; ``facts`` the last
    line: files and versions."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(HELP)]
    DEFAULT_CSS = """
    HelpDialog > .dialog { width: 110; height: 100%; margin: 1 2 0 2; }
    HelpDialog .help-about { height: auto; margin-bottom: 1; }
    HelpDialog Field { margin-bottom: 1; }
    HelpDialog.-short > .dialog { margin: 1 0 0 0; }
    HelpDialog.-short .help-about, HelpDialog.-short .help-facts { display: none; }
    HelpDialog.-short Field { margin-bottom: 0; }
    HelpDialog .help-facts { height: auto; max-height: 2; margin-top: 1; color: $foreground; }
    """
    hints = (("/", "search"), ("j k", "scroll"), ("esc", "close"))

    def __init__(
        self,
        title: Text,
        about: Text,
        actions: Sequence[Action],
        keymap: Mapping[str, str],
        facts: Text,
        *,
        signs: Sequence[tuple[str, str]] = (),
        lines: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__()
        self._heading = title
        self._about = about
        self._facts = facts
        self.lines_first = False
        self.actions = tuple(actions)
        self.keymap = dict(keymap)
        self.signs = tuple(signs)
        self.command_lines = tuple(lines)
        self.field = Field(placeholder="/ searches keys, words and etcdctl lines", max_length=100)
        self.lines = HelpLines()

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        yield Static(self._about, classes="help-about", markup=False)
        yield self.field
        yield self.lines
        yield Static(self._facts, classes="help-facts", markup=False)

    def on_mount(self) -> None:
        self.lines.show_cursor = False
        self._show()
        self.lines.focus()

    def show_commands(self, typed: str) -> None:
        """The lines of ``:`` before the keys, those with the typed words."""
        self.lines_first = True
        self.field.value = typed
        self._show(typed)

    def _show(self, typed: str = "") -> None:
        signs, lines = self.signs, self.command_lines
        rows = help_rows(self.actions, self.keymap, typed, signs=signs, lines=lines, lines_first=self.lines_first)
        self.lines.set_rows(rows)

    def action_search(self) -> None:
        self.field.focus()

    def action_scroll_lines(self, rows: int) -> None:
        self.lines.move_cursor(rows)

    def on_input_changed(self, event: Field.Changed) -> None:
        self._show(event.value)

    def on_input_submitted(self) -> None:
        self.lines.focus()

    def action_cancel(self) -> None:
        if self.field.has_focus and self.field.value:
            self.field.value = ""
            self.lines.focus()
            return
        self.dismiss(None)
