"""Makes ``docs/keys.md`` from the table of actions: ``python -m tests.docs.keys``."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from textual.binding import Binding

from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.bindings import (
    ACTIONS,
    APP,
    FIXED,
    GROUP_TITLES,
    GROUPS,
    LIST,
    PROFILES,
    TABLE,
    VALUE,
    Action,
    actions_for,
    key_words,
)
from etcdtui.ui.commands import COMMANDS
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.legend import SIGNS
from etcdtui.ui.screens import MAIN
from etcdtui.ui.screens.census import CensusScreen
from etcdtui.ui.screens.doctor.plan import PlanScreen
from etcdtui.ui.screens.history.screen import HistoryScreen
from etcdtui.ui.screens.keys.pane import ValuePane
from etcdtui.ui.screens.profiles.screen import ProfilesScreen
from etcdtui.ui.screens.search import SearchScreen
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.table import LineTable

WIDTH = 120
PAGE = Path(__file__).parents[2] / "docs" / "keys.md"
HEAD = """\
# Keys

Made from the table of actions in `etcdtui/ui/bindings.py`; only what is bound is listed. `?` shows the same for the
screen you are on, `o` every action there and why one is off, `ctrl+p` finds any of them by name.

The word in the last column is the action's id: `keymap:` in the configuration gives an action other keys, for example
`keymap: {find: "f,ctrl+t"}`.
"""
TAIL = """\
## Commands

`:` reads etcdctl's grammar; a leading `etcdctl` may stay, and its global flags (`--endpoints` and the like) are ignored
with a notice. Nothing is written without the review that the key of the same name shows.

{commands}

`lease`, `member`, `endpoint`, `alarm`, `compact`, `defrag`, `move-leader`, `snapshot`, `user`, `role` and `auth` open
the screen where that is done.

## Signs and words

{signs}

## In dialogs

`esc` closes without doing anything. A review names its own keys on its last line. In the editor `ctrl+s` goes to the
review. Typed confirmations want the name that is shown, never "yes".
"""

ABOVE: dict[type[ClusterScreen], str] = {
    HistoryScreen: "Keys",
    CensusScreen: "Keys",
    SearchScreen: "Keys",
    PlanScreen: "Members and Doctor",
}
"""Screens above others, and where they are opened."""


def bound(place: str) -> list[Action]:
    """The rows of ``place`` that something really binds."""
    screens = _screens()
    owner: type = {APP: EtcdtuiApp, LIST: LineView, TABLE: LineTable, VALUE: ValuePane, PROFILES: ProfilesScreen}.get(
        place, screens.get(place, object)
    )
    own = list(owner.__dict__.get("BINDINGS", ()))
    if place in screens:  # a screen may say in words of its own what a key of its list does
        own += [*LineView.__dict__["BINDINGS"], *LineTable.__dict__["BINDINGS"], *EtcdtuiApp.__dict__["BINDINGS"]]
    ids = {binding.id for binding in own if isinstance(binding, Binding)}
    rows = list({row.key_slot: row for row in reversed(actions_for(place)) if row.key_slot in ids}.values())[::-1]
    if place == APP:
        rows = [row for row in rows if not row.id.startswith("go_") or int(row.id[3:]) in MAIN]
    return rows


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections(), TAIL.format(commands=_commands(), signs=_signs())])


def _commands() -> str:
    rows = [f"| {', '.join(map(_code, one.usage))} | {one.help} |" for one in COMMANDS]
    return "\n".join(["| command | does |", "|---|---|", *rows])


def _signs() -> str:
    rows = [
        f"| {place if place != APP else 'everywhere'} | {_code(sign)} | {_cell(meaning)} |"
        for place, signs in SIGNS.items()
        for sign, meaning in signs
    ]
    return "\n".join(["| where | sign | means |", "|---|---|---|", *rows])


def _sections() -> Iterator[str]:
    yield _section("Everywhere", _with_one_row_of_screens(bound(APP)))
    yield _section("In lists and trees", bound(LIST))
    yield _section("In tables", bound(TABLE))
    yield _section("In the pane with a value", bound(VALUE))
    for number, kind in _mains().items():
        about = " ".join(kind.about.split())
        yield _section(f"{number} {kind.label}", bound(kind.screen_name), about)
    for above, below in ABOVE.items():
        yield _section(f"{above.label}, from {below}", bound(above.screen_name), " ".join(above.about.split()))
    yield _section("Profiles", bound(PROFILES))


def _section(title: str, actions: Iterable[Action], about: str = "") -> str:
    rows = sorted(actions, key=lambda action: GROUPS.index(action.group))
    lines = [f"## {title}", ""]
    if about:
        lines += [textwrap.fill(about, WIDTH), ""]
    lines += ["| keys | does | as in etcdctl | group | id |", "|---|---|---|---|---|"]
    lines += [
        f"| {_keys(a)} | {_cell(a.help)} | {_code(a.etcdctl)} | {GROUP_TITLES[a.group]} | `{a.key_slot}` |"
        for a in rows
    ]
    return "\n".join([*lines, ""])


def _with_one_row_of_screens(actions: list[Action]) -> list[Action]:
    """The numbers in one row instead of one each."""
    others = [a for a in actions if not a.id.startswith("go_")]
    numbers = ",".join(a.keys for a in actions if a.id.startswith("go_"))
    return [*others, Action("go_N", numbers, "screen", "Go to the screen of that number.", (APP,), "screens")]


def _keys(action: Action) -> str:
    return " ".join(_code(key) for key in key_words(action.keys).split(" "))


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _mains() -> dict[int, type[ClusterScreen]]:
    return {number: entry.load() for number, entry in MAIN.items()}


def _screens() -> dict[str, type[ClusterScreen]]:
    return {kind.screen_name: kind for kind in (*ABOVE, *_mains().values())}


def unlisted() -> list[Action]:
    """Rows of the table that nothing binds yet."""
    listed = {(place, row.id) for place in _places() for row in bound(place)}
    rows = [row for row in ACTIONS if row.group != FIXED]
    return [row for row in rows if not any((place, row.id) in listed for place in row.screens)]


def _places() -> tuple[str, ...]:
    return (APP, LIST, TABLE, VALUE, PROFILES, *_screens())


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
