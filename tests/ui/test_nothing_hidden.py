"""Every action of the program is found from everywhere, and the signs on the screens are explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.text import Text

from etcdtui.core.etcdctl_grammar import VERBS
from etcdtui.ui.bindings import ACTIONS, APP, FIXED, KEYS, LIST, TABLE, VALUE, actions_for
from etcdtui.ui.commands import COMMANDS, DO, palette_items
from etcdtui.ui.legend import SIGNS, signs_of
from etcdtui.ui.modals.help import LINES_TITLE, SIGNS_TITLE, help_rows
from etcdtui.ui.modals.picker import Item, PickerDialog, matching
from etcdtui.ui.screens import MAIN
from etcdtui.ui.widgets.tabs import Tab
from tests.support import Server, eventually
from tests.ui.test_shell import profile, running

TABS = tuple(Tab(number, entry.label) for number, entry in MAIN.items())


def _items() -> list[Item]:
    here = actions_for(KEYS, VALUE, LIST, APP)
    return palette_items(TABS, KEYS, here, (), {}, lambda _: "")


@pytest.mark.parametrize(
    ("typed", "label", "where"),
    [
        ("defrag", "maintain", "on Members"),
        ("import", "import FILE", "after the review"),
        ("user", "user add NAME", "on Auth"),
        ("snapshot", "maintain", "on Members"),
        ("grant lease", "grant", "on Leases"),
        ("restore", "restore", "in History"),
        ("dry run", "dry run", "on Txn"),
        ("movldr", "move leader", "on Members"),
    ],
)
def test_from_keys_the_palette_finds(typed: str, label: str, where: str) -> None:
    found = matching(_items(), typed)
    assert any(item.label.plain == label and where in item.note.plain for item in found[:8]), [
        (item.label.plain, item.note.plain) for item in found[:8]
    ]


def test_every_action_of_every_screen_is_in_the_palette() -> None:
    """Actions of places that are not there are not."""
    items = _items()
    there = {item.value for item in items}
    names = {entry.screen_name for entry in MAIN.values()}
    for action in ACTIONS:
        if action.group in ("move", "screens", FIXED) or set(action.screens) & {TABLE, "profiles"}:
            continue
        lives = [place for place in action.screens if place in names]
        if not lives and set(action.screens) <= {"locks"}:
            assert not any(action.id in value for value in there)
            continue
        common = action.id in ("back", "refresh", "copy", "reveal")
        assert common or any(value.endswith(action.id) for value in there), action.id
    assert not any("Locks" in item.note.plain for item in items if "locks" not in names)


def test_the_best_match_is_first() -> None:
    items = [
        Item(name, Text(name), Text(note)) for name, note in (("find", "x"), ("copy", "find a copy"), ("refind", ""))
    ]
    assert [item.value for item in matching(items, "find")] == ["find", "copy", "refind"]
    assert [item.value for item in matching(items, "cpy")] == ["copy"]
    assert matching(items, "zzz") == []


def test_the_lines_listed_are_those_understood() -> None:
    listed = {usage.split()[0] for command in COMMANDS for usage in command.usage}
    assert listed == set(VERBS) - {"set"}


def test_help_explains_the_signs_and_the_lines() -> None:
    rows = help_rows(actions_for(KEYS, APP), {}, signs=signs_of(KEYS, APP), lines=[("import FILE", "brings back")])
    headings = [row.heading for row in rows if row.heading]
    assert SIGNS_TITLE in headings
    assert LINES_TITLE in headings
    assert {"*", "L", "+"} <= {row.keys for row in rows}
    heading, row = help_rows((), {}, "ran out", signs=SIGNS["watch"])
    assert heading.heading == SIGNS_TITLE
    assert row.keys == "DEL~"


async def test_what_lives_elsewhere_is_gone_to_and_begun(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("ctrl+p", *"maintain", "enter")
        await eventually(
            lambda: isinstance(app.screen, PickerDialog) and "maintenance" in app.screen.title_text().plain
        )
        assert app.shown is not None
        assert app.shown.screen_name == "members"
        await pilot.press("escape", "ctrl+p", *"can i", "enter")
        await eventually(lambda: app.shown is not None and app.shown.screen_name == "auth")
        await eventually(lambda: "can I" in app.shown.status_line.render().plain if app.shown else False)


async def test_an_action_here_comes_before_one_elsewhere(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("ctrl+p", *"delete")
        dialog = app.screen
        assert isinstance(dialog, PickerDialog)
        await eventually(lambda: dialog.lines.items[0].value == f"{DO}delete")
