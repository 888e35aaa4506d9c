"""The frame around the screens: profiles, write lock, palette, help, keys; on a real etcd, without a terminal."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.text import Text
from textual import events
from textual.pilot import Pilot

from etcdtui.config.launch import Launch
from etcdtui.config.schema import ENVIRONMENTS, Config, Profile
from etcdtui.config.secrets import Secret
from etcdtui.config.themes import load_themes, packaged_folder
from etcdtui.services.session.session import Session
from etcdtui.ui import bindings
from etcdtui.ui.app import APP_ACTIONS, EtcdtuiApp
from etcdtui.ui.bindings import (
    ACTIONS,
    APP,
    AREA,
    CHECKUP,
    CHOICE,
    COMMAND,
    DIALOG,
    EDITOR,
    FIND,
    FIXED,
    FORM,
    HELP,
    LINE,
    MESSAGE,
    PICKER,
    REVIEW,
    TEXT,
    actions_for,
    keymap_problems,
)
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.life import CrashReporter
from etcdtui.ui.modals.checkup import CheckupDialog
from etcdtui.ui.modals.choice import Choice
from etcdtui.ui.modals.command import CommandDialog, TextDialog
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.find import FindDialog
from etcdtui.ui.modals.form import FormDialog
from etcdtui.ui.modals.help import HelpDialog, help_rows
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.modals.picker import PickerDialog
from etcdtui.ui.modals.review import ReviewDialog
from etcdtui.ui.modals.unlock import UnlockDialog
from etcdtui.ui.screens.profiles.screen import ProfilesScreen
from etcdtui.ui.widgets.area import Area
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.footer import fit_hints
from tests.support import Server, eventually


def profile(name: str, environment: str, *endpoints: str) -> Profile:
    env = ENVIRONMENTS[environment]
    return Profile(
        name=name,
        environment=environment,
        env=env,
        read_only=env.read_only,
        endpoints=endpoints,
        dial_timeout=0.5,
    )


async def opener(wanted: Profile, password: Secret | None, *, shown: bool = True) -> Session:
    return await Session.open(wanted)


@asynccontextmanager
async def running(
    *profiles: Profile, tmp_path: Path, size: tuple[int, int] = (120, 40), keymap: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[EtcdtuiApp, Pilot[int]]]:
    """The app on the first profile, with all of them to choose from."""
    config = Config(profiles=profiles, keymap=keymap or {})
    launch = Launch(config=config, profile=profiles[0])
    themes = load_themes(packaged_folder()).themes
    app = EtcdtuiApp(launch, opener, CrashReporter(tmp_path), themes=themes)
    async with app.run_test(size=size) as pilot:
        await eventually(lambda: app.shown is not None and app.session is not None)
        await pilot.pause()
        yield app, pilot
    if app.session is not None:
        await app.session.aclose()


def title(app: EtcdtuiApp) -> str:
    assert app.shown is not None
    return app.shown.title_line.render().plain


async def test_the_title_says_who_where_and_whether_it_can_write(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, _):
        words = title(app)
        for part in ("here", "1/1 up", "leader ", "rev ", "WRITES ON", "PLAINTEXT"):
            assert part in words


async def test_a_narrow_title_gets_shorter_and_keeps_the_write_mode(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path, size=(44, 20)) as (app, _):
        words = title(app)
        assert len(words) <= 44
        assert "here" in words
        assert "[WRITES ON]" in words


async def test_production_unlocks_by_its_name_only_and_locks_again(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("prod-eu", "prod", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        assert "READ-ONLY" in title(app)
        await pilot.press("!")
        assert isinstance(app.screen, UnlockDialog)
        await pilot.press(*"prod", "enter")
        assert isinstance(app.screen, UnlockDialog)
        await pilot.press(*"-eu", "enter")
        await eventually(lambda: "WRITES ON" in title(app))
        assert "14:5" in title(app) or "15:00" in title(app)
        await pilot.press("!")
        await eventually(lambda: "READ-ONLY" in title(app))


async def test_a_failed_switch_changes_nothing_and_a_good_one_everything(etcd: Server, tmp_path: Path) -> None:
    one, bad = profile("one", "dev", etcd.endpoint), profile("bad", "dev", "127.0.0.1:1")
    two = replace(profile("two", "prod", etcd.endpoint))
    async with running(one, bad, two, tmp_path=tmp_path) as (app, pilot):
        before = app.session
        await pilot.press("P")
        screen = app.screen
        assert isinstance(screen, ProfilesScreen)
        screen.connect_to("bad")
        await eventually(lambda: isinstance(app.screen, MessageDialog), timeout=10)
        assert app.session is before
        await pilot.press("enter")
        screen.connect_to("two")
        await eventually(lambda: app.session is not before)
        await eventually(lambda: app.shown is not None and "two" in title(app) and "READ-ONLY" in title(app))
        assert len(app.screen_stack) == 1


async def test_help_lists_the_keys_and_searches_them(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("?")
        dialog = app.screen
        assert isinstance(dialog, HelpDialog)
        assert any(row.keys == "ctrl+p" for row in dialog.lines.rows)
        await pilot.press("/", *"unlock")
        await eventually(
            lambda: all("unlock" in (row.label + row.help).lower() for row in dialog.lines.rows if row.keys)
        )
        await pilot.press("escape", "escape")
        await eventually(lambda: app.screen is app.shown)


async def test_the_palette_runs_what_is_picked(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, PickerDialog)
        await pilot.press(*"unlock", "enter")
        await eventually(lambda: "READ-ONLY" in title(app))


async def test_numbers_go_to_screens_and_minus_comes_back(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("8")
        await eventually(lambda: app.shown is not None and app.shown.screen_name == "txn")
        await pilot.press("-")
        await eventually(lambda: app.shown is not None and app.shown.screen_name == "keys")


async def test_q_asks_and_q_again_quits(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("q")
        assert app.is_running
        await pilot.press("q")
        await eventually(lambda: app.return_code == 0 and not app.is_running)


async def test_a_users_keymap_is_obeyed(etcd: Server, tmp_path: Path) -> None:
    keymap = {"help": "f1"}
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path, keymap=keymap) as (app, pilot):
        await pilot.press("f1")
        assert isinstance(app.screen, HelpDialog)


def test_one_letter_is_one_verb() -> None:
    keys: dict[str, str] = {}
    for action in ACTIONS:
        if action.group != FIXED:
            assert keys.setdefault(action.key_slot, action.keys) == action.keys, action.id
        assert action.id.rpartition(".")[2].islower(), "an id is a verb"


def test_keys_stand_in_the_table_and_nowhere_else() -> None:
    """A key that is bound beside the table is in no help, no keymap and no clash check."""
    folder = Path(bindings.__file__).parent
    found = [
        f"{path.relative_to(folder)}:{node.lineno}"
        for path in folder.rglob("*.py")
        if path.name != "bindings.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Binding"
    ]
    assert found == []


def test_every_row_of_a_dialog_has_its_method() -> None:
    owners = {
        DIALOG: Dialog, MESSAGE: MessageDialog, CHOICE: Choice, PICKER: PickerDialog, REVIEW: ReviewDialog,
        EDITOR: EditDialog, TEXT: TextDialog, FIND: FindDialog, COMMAND: CommandDialog, HELP: HelpDialog, LINE: Field,
        AREA: Area, CHECKUP: CheckupDialog, FORM: FormDialog,
    }  # fmt: skip
    rows = [action for action in ACTIONS if action.group == FIXED]
    assert {action.screens[0] for action in rows} == set(owners)
    assert [a.id for a in rows if not hasattr(owners[a.screens[0]], a.method)] == []


def test_every_action_of_the_application_has_its_method() -> None:
    for action in actions_for(APP):
        if action.id in APP_ACTIONS:
            assert hasattr(EtcdtuiApp, action.method), action.id


@pytest.mark.parametrize(
    ("keymap", "words"),
    [
        ({"delte": "x"}, "delete"),
        ({"delete": "not-a-key"}, "not-a-key"),
        ({"find": "d"}, "both"),
        ({"run": "e"}, "'edit' and 'run' in txn"),
        ({"quit": "plus"}, "'review.more' and 'quit'"),
        ({"review.copy": "z"}, "unknown"),
    ],
)
def test_mistakes_in_a_keymap_are_told(keymap: dict[str, str], words: str) -> None:
    (problem,) = keymap_problems(keymap)[:1]
    assert words in problem, keymap_problems(keymap)


def test_the_example_keymap_is_good() -> None:
    assert keymap_problems({"delete": "d,delete", "find": "f,ctrl+t"}) == []


@pytest.mark.parametrize("width", [10, 20, 40, 80, 200])
def test_the_footer_always_ends_in_help(width: int) -> None:
    hints = [("enter", "open"), ("e", "edit"), ("y", "copy"), ("o", "menu")]
    fitted = fit_hints(hints, width)
    assert fitted[-1] == ("?", "help")
    assert 1 + sum(len(key) + len(label) + 3 for key, label in fitted) - 2 <= max(width, 8)


def test_the_menu_is_offered_as_long_as_anything_is() -> None:
    hints = [("enter", "open"), ("e", "edit"), ("M", "maintain"), ("o", "menu"), ("P", "profiles")]
    assert fit_hints(hints, 30) == [("enter", "open"), ("o", "menu"), ("?", "help")]


def test_help_says_so_when_nothing_matches() -> None:
    (row,) = help_rows(actions_for(APP), {}, "nosuchword")
    assert "nothing matches" in row.help


async def test_a_screen_that_was_hidden_when_the_theme_changed_has_its_colours(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        first = app.shown
        assert first is not None
        app.action_go(2)
        await eventually(lambda: app.shown is not first)
        before = first.background_colors, first.title_line.background_colors
        app.theme = "light"
        await pilot.pause()
        app.action_go(1)
        await eventually(lambda: app.shown is first)
        await pilot.pause()
        after = first.background_colors, first.title_line.background_colors
        assert before[0] != after[0]
        assert before[1] != after[1]


@pytest.mark.parametrize("theme", sorted(load_themes(packaged_folder()).themes))
async def test_every_theme_can_be_chosen_while_the_program_runs(etcd: Server, tmp_path: Path, theme: str) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        for name in ("light", theme):
            app.theme = name
            await pilot.pause()
        for key in ("?", "escape", "T", "escape", "n", "escape", "4", "P"):
            await pilot.press(key)
            await pilot.pause()
        assert app.theme == theme and app.is_running


async def test_a_paste_that_does_not_fit_is_told(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("f")
        await eventually(lambda: isinstance(app.focused, Field))
        field = app.focused
        assert isinstance(field, Field)
        field.post_message(events.Paste("A" * 1_000_000))
        await eventually(lambda: any("Nothing was pasted" in note.message for note in app._notifications))
        assert len(field.value) == 0
        field.post_message(events.Paste("/fits"))
        await eventually(lambda: field.value == "/fits")


async def test_news_of_the_cluster_while_the_program_ends_are_no_crash(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, _):
        screen = app.shown
    assert screen is not None
    with app._context():  # as a worker that is still running then
        screen.health = replace(screen.health, revision=screen.health.revision + 1)
        screen.actions_changed()


def inks(screen: ClusterScreen) -> list[object]:
    return [span.style for span in screen.status_line.render().spans]


async def test_colours_are_tried_out_while_choosing_and_esc_brings_those_from_before(
    etcd: Server, tmp_path: Path
) -> None:
    async with running(profile("one", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        shown = app.shown
        assert shown is not None
        shown.set_status(Text("place"), Text("live", style=shown.status_line.tone("good")))
        before, green = app.theme, shown.status_line.tone("good")
        await pilot.press("T")
        await eventually(lambda: isinstance(app.screen, PickerDialog))
        await pilot.press(*"nord")
        await eventually(lambda: app.theme == "nord")
        await eventually(
            lambda: shown.status_line.tone("good") in [span.style for span in shown.status_line.render().spans]
        )
        assert shown.status_line.tone("good") != green
        await pilot.press("escape")
        await eventually(lambda: app.theme == before)
        await eventually(lambda: green in inks(shown))
        await pilot.press("T", *"dracula", "enter")
        await eventually(lambda: app.theme == "dracula")
