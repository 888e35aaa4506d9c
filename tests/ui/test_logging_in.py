"""Logging in while the program runs: the prompt comes by itself, holds what is typed, and another user can go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from etcdtui.config.schema import Auth, Login, Profile
from etcdtui.config.secrets import Secret
from etcdtui.services.cluster.health import State
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.modals.login import LoginDialog
from etcdtui.ui.modals.picker import PickerDialog
from etcdtui.ui.screens.keys.screen import KeysScreen
from tests.conftest import ServerFactory
from tests.support import Server, eventually
from tests.ui.test_connecting import _auth_on, _notice, _type_password, connected, profile_of, rows, started

QUICK = 15


@pytest.fixture
async def guarded(etcd_server: ServerFactory) -> Server:
    """A server with auth on: ann may read /app/, root all."""
    server = await etcd_server()
    await server.put("/app/one", "1")
    _auth_on(server)
    return server


def _is_asked(app: EtcdtuiApp) -> bool:
    return isinstance(app.screen, LoginDialog) and app.focused is not None


async def test_a_login_that_is_wanted_is_asked_for_and_typed_keys_run_nothing(guarded: Server, tmp_path: Path) -> None:
    async with started(profile_of(*guarded.endpoints), tmp_path) as (app, pilot):
        await connected(app, pilot)
        await eventually(lambda: _is_asked(app), QUICK)
        assert "LOGIN WANTED" in _notice(app)
        first = app.session
        await pilot.press(*"ann", "enter", *"nT!q", "enter")  # as keys: new, colours, unlock, quit
        await eventually(lambda: "wrong user name or password" in _notice(app), QUICK)
        assert app.session is first and isinstance(app.screen, LoginDialog) and app.theme == app.theme
        await pilot.press(*"right", "enter")
        await eventually(lambda: app.session is not first and isinstance(app.screen, KeysScreen), QUICK)
        assert app.session is not None and app.session.identity == "ann"
        await eventually(lambda: "/app/" in rows(app), QUICK)


async def test_auth_enabled_under_the_program_asks_and_esc_is_not_asked_again(
    etcd_server: ServerFactory, tmp_path: Path
) -> None:
    server = await etcd_server()
    async with started(profile_of(*server.endpoints), tmp_path) as (app, pilot):
        await connected(app, pilot)
        _auth_on(server)
        await eventually(lambda: _is_asked(app), QUICK)
        await pilot.press("escape")
        await eventually(lambda: isinstance(app.screen, KeysScreen))
        session = app.session
        assert session is not None
        polled = session.health.as_of
        await eventually(lambda: session.health.as_of > polled + 2, QUICK)
        assert isinstance(app.screen, KeysScreen) and session.health.state is State.LOGIN
        await pilot.press("L")
        await eventually(lambda: _is_asked(app))


async def test_a_password_changed_under_the_program_is_told_and_asked_for(guarded: Server, tmp_path: Path) -> None:
    auth = Auth(user="ann", password=Secret("right"))
    async with started(profile_of(*guarded.endpoints, auth=auth), tmp_path) as (app, pilot):
        await connected(app, pilot)
        first = app.session
        root = ("--user", "root:pw")
        guarded.etcdctl(*root, "user", "passwd", "ann", "--interactive=false", stdin=b"fresh\n")
        await eventually(lambda: _is_asked(app), QUICK)
        assert "password of ann" in _notice(app)
        await _type_password(app, pilot, "fresh")
        await eventually(lambda: app.session is not first and isinstance(app.screen, KeysScreen), QUICK)


async def test_a_wrong_password_in_a_file_is_asked_for(guarded: Server, tmp_path: Path) -> None:
    auth = Auth(user="ann", password=Secret("outdated"))
    async with started(profile_of(*guarded.endpoints, auth=auth), tmp_path) as (app, pilot):
        await eventually(lambda: _is_asked(app), QUICK)
        assert "wrong user name or password" in _notice(app)
        await _type_password(app, pilot, "right")
        await connected(app, pilot)


async def test_another_user_of_the_profile_goes_on_where_one_was(guarded: Server, tmp_path: Path) -> None:
    users = (Login(user="root", password=Secret("pw")),)
    auth = Auth(user="ann", password=Secret("right"), users=users)
    async with started(profile_of(*guarded.endpoints, auth=auth), tmp_path) as (app, pilot):
        await connected(app, pilot)
        await eventually(lambda: "/app/" in rows(app), QUICK)
        await pilot.press("4", "L")
        await eventually(lambda: isinstance(app.screen, PickerDialog))
        await pilot.press(*"root", "enter")
        await eventually(lambda: app.session is not None and app.session.identity == "root", QUICK)
        await eventually(lambda: app.shown is not None and app.shown.number == 4, QUICK)
        assert app.session is not None
        assert {login.user for login in app.session.profile.auth.all_users} == {"ann", "root"}


async def test_a_paste_of_several_lines_into_the_login_is_not_taken(etcd: Server, tmp_path: Path) -> None:
    async with started(profile_of(*etcd.endpoints), tmp_path) as (app, pilot):
        await connected(app, pilot)
        await pilot.press("L")
        await eventually(lambda: _is_asked(app))
        await pilot.press(*"ann", "enter")
        await app.on_event(events.Paste("secret\nd\nq\n"))
        await eventually(lambda: "Several lines" in _notice(app))
        assert isinstance(app.screen, LoginDialog) and app.screen.field.value == ""


def test_a_profile_knows_all_its_users_whoever_is_in_use() -> None:
    profile = Profile(name="p", auth=Auth(user="ann", keyring="etcd", users=(Login(user="root", password_env="R"),)))
    root = profile.auth.as_user("root")
    assert (root.user, root.password_env, root.keyring) == ("root", "R", "")
    assert root.as_user("ann").keyring == "etcd"
    assert root.as_user("new").asks and not root.as_user("").user
    assert len(replace(profile, auth=root.as_user("")).auth.all_users) == 2
