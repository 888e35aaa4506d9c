"""What the connect screen says when it cannot connect, and how it gets there after all; on real servers."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from etcdtui.config.clusters import ClusterMemory
from etcdtui.config.launch import Launch
from etcdtui.config.load import load
from etcdtui.config.schema import ENVIRONMENTS, Auth, Config, Profile, Tls
from etcdtui.config.secrets import Secret
from etcdtui.config.themes import load_themes, packaged_folder
from etcdtui.core.errors import Unavailable
from etcdtui.demo.cluster import ServerTls
from etcdtui.services.session.session import Overrides, Session
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.life import CrashReporter
from etcdtui.ui.modals.checkup import CheckupDialog
from etcdtui.ui.modals.login import LoginDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.modals.stranger import StrangerDialog
from etcdtui.ui.screens.keys.screen import KeysScreen
from etcdtui.ui.screens.profiles import connect
from etcdtui.ui.screens.profiles.connect import ConnectScreen
from etcdtui.ui.screens.profiles.opening import Opener
from etcdtui.ui.screens.profiles.screen import ProfilesScreen
from etcdtui.ui.widgets.statusline import StatusLine
from etcdtui.ui.widgets.title import TitleLine
from tests.conftest import ServerFactory
from tests.support import Server, eventually
from tests.support.timing import Stopwatch
from tests.support.tls import TlsMaterial


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@pytest.fixture
def tcp_hole() -> Iterator[str]:
    """An endpoint that takes connections and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield f"127.0.0.1:{silent.getsockname()[1]}"


def profile_of(*endpoints: str, tls: Tls | None = None, auth: Auth | None = None) -> Profile:
    dev = ENVIRONMENTS["dev"]
    return Profile(
        name="here", environment="dev", env=dev, read_only=False, endpoints=endpoints, dial_timeout=1.0,
        tls=tls or Tls(), auth=auth or Auth(),
    )  # fmt: skip


async def opener(wanted: Profile, password: Secret | None, *, shown: bool = True) -> Session:
    return await Session.open(wanted, Overrides(password=password))


@asynccontextmanager
async def started(
    profile: Profile, tmp_path: Path, opener: Opener = opener
) -> AsyncIterator[tuple[EtcdtuiApp, Pilot[int]]]:
    launch = Launch(config=Config(profiles=(profile,)), profile=profile)
    app = EtcdtuiApp(launch, opener, CrashReporter(tmp_path), themes=load_themes(packaged_folder()).themes)
    async with app.run_test(size=(120, 30)) as pilot:
        yield app, pilot
    if app.session is not None:
        await app.session.aclose()


async def connected(app: EtcdtuiApp, pilot: Pilot[int]) -> None:
    await eventually(lambda: app.session is not None and isinstance(app.shown, KeysScreen), timeout=10)
    await pilot.pause()
    await pilot.pause()


def rows(app: EtcdtuiApp) -> str:
    keys = app.shown
    assert isinstance(keys, KeysScreen)
    return "\n".join(keys.view.render_row(index, 200).plain for index in range(keys.view.row_count))


def reason(app: EtcdtuiApp) -> str:
    screen = next((s for s in app.screen_stack if isinstance(s, ConnectScreen)), None)
    return "" if screen is None else " ".join(str(screen.reason.render()).split())


async def says(app: EtcdtuiApp, *words: str) -> None:
    try:
        await eventually(lambda: all(word in reason(app) for word in words), timeout=8)
    except AssertionError:
        raise AssertionError(f"it says: {reason(app)!r}") from None


CASES: dict[str, tuple[str, ...]] = {
    "wrong-ca": ("TLS failed", "signed by a CA that is not trusted"),
    "expired": ("TLS failed", "certificate has expired"),
    "wrong-name": ("TLS failed", "not valid for the address", "127.0.0.1"),
    "plaintext": ("TLS failed", "the server speaks TLS; use https://"),
    "no-client-certificate": ("TLS failed", "requires a client certificate"),
    "tls-to-plaintext": ("TLS failed", "the server speaks plaintext; use http://"),
}


def _server_tls(case: str, tls: TlsMaterial) -> ServerTls | None:
    files = {"expired": tls.server_expired, "wrong-name": tls.server_wrong_name}.get(case)
    return None if case == "tls-to-plaintext" else tls.server(files, client_auth=case == "no-client-certificate")


@pytest.mark.parametrize("case", CASES)
async def test_the_true_reason_is_told(case: str, etcd_server: ServerFactory, tls: TlsMaterial, tmp_path: Path) -> None:
    server: Server = await etcd_server(tls=_server_tls(case, tls))
    ca = str(tls.wrong_ca if case == "wrong-ca" else tls.ca)
    place = server.endpoint.rpartition("://")[2]
    plain = case == "plaintext"
    profile = profile_of(f"http://{place}" if plain else f"https://{place}", tls=Tls() if plain else Tls(cacert=ca))
    async with started(profile, tmp_path) as (app, _):
        await says(app, *CASES[case])


async def test_it_connects_by_itself_once_the_server_is_there(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    await server.members[0].kill()
    async with started(profile_of(*server.endpoints), tmp_path) as (app, pilot):
        await says(app, "refused", server.endpoint.rpartition("://")[2])
        await server.members[0].restart()
        await connected(app, pilot)


@pytest.mark.parametrize("key", ["r", "enter"])
async def test_a_key_tries_again_at_once(
    key: str, etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "RETRY_SECONDS", 3600.0)
    broken = [True]

    async def sometimes(wanted: Profile, password: Secret | None, *, shown: bool = True) -> Session:
        if broken[0]:
            raise Unavailable("it is not there")
        return await Session.open(wanted)

    async with started(profile_of(*etcd.endpoints), tmp_path, sometimes) as (app, pilot):
        await says(app, "it is not there")
        broken[0] = False
        await pilot.press(key)
        await connected(app, pilot)


def _auth_on(server: Server) -> None:
    for words in (
        "role add r", "role grant-permission r readwrite /app/ --prefix", "user add ann:right",
        "user grant-role ann r", "user add root:pw", "user grant-role root root", "auth enable",
    ):  # fmt: skip
        server.etcdctl(*words.split())


async def _type_password(app: EtcdtuiApp, pilot: Pilot[int], password: str) -> None:
    await eventually(lambda: isinstance(app.screen, LoginDialog) and app.focused is not None)
    await pilot.press(*password, "enter")


async def test_a_wrong_password_is_told_and_asked_for_again(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    _auth_on(server)
    async with started(profile_of(*server.endpoints, auth=Auth(user="ann", prompt=True)), tmp_path) as (app, pilot):
        await _type_password(app, pilot, "wrong")
        await eventually(lambda: "wrong user name or password" in _notice(app))
        await _type_password(app, pilot, "right")
        await connected(app, pilot)
        await eventually(lambda: "/app/" in rows(app))
        assert app.session is not None and app.session.identity == "ann"


async def test_an_outage_does_not_ask_for_the_password_again(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    _auth_on(server)
    await server.members[0].kill()
    async with started(profile_of(*server.endpoints, auth=Auth(user="ann", prompt=True)), tmp_path) as (app, pilot):
        await _type_password(app, pilot, "right")
        await says(app, "refused")
        await server.members[0].restart()
        await connected(app, pilot)


async def test_auth_enabled_under_an_anonymous_session_is_a_sentence(
    etcd_server: ServerFactory, tmp_path: Path
) -> None:
    server = await etcd_server()
    async with started(profile_of(*server.endpoints), tmp_path) as (app, pilot):
        await connected(app, pilot)
        _auth_on(server)
        session = app.session
        assert session is not None
        await pilot.press("r")
        await eventually(lambda: "the server wants a login" in rows(app) + session.health.words)


async def test_an_expired_token_is_renewed_without_a_word(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=("--auth-token-ttl=3",))
    _auth_on(server)
    session = await opener(profile_of(*server.endpoints, auth=Auth(user="ann", password=Secret("right"))), None)
    try:
        await session.client.kv.get(b"/app/x")
        used = time.monotonic()
        await eventually(lambda: time.monotonic() > used + 4.5, what="the token has expired unused")
        await session.client.kv.get(b"/app/x")
    finally:
        await session.aclose()


async def test_a_wrong_password_of_another_profile_is_asked_for_again_and_esc_changes_nothing(
    etcd: Server, etcd_server: ServerFactory, tmp_path: Path
) -> None:
    other = await etcd_server()
    _auth_on(other)
    here = profile_of(*etcd.endpoints)
    there = replace(profile_of(*other.endpoints, auth=Auth(user="ann", prompt=True)), name="there", dial_timeout=5.0)
    async with started(here, tmp_path) as (app, pilot):
        await connected(app, pilot)
        first = app.session
        app.launch = replace(app.launch, config=Config(profiles=(here, there)))
        await pilot.press("P", "j", "enter")
        await _type_password(app, pilot, "wrong")
        await eventually(lambda: "wrong user name or password" in _notice(app))
        await pilot.press("escape")
        await eventually(lambda: isinstance(app.screen, ProfilesScreen))
        assert app.session is first
        await pilot.press("enter")
        await _type_password(app, pilot, "right")
        await eventually(lambda: app.session is not first and isinstance(app.screen, KeysScreen), timeout=10)
        await eventually(lambda: "/app/" in rows(app))
        assert app.session is not None
        assert (app.session.profile.name, app.session.identity) == ("there", "ann")


def _notice(app: EtcdtuiApp) -> str:
    dialog = app.screen
    return str(dialog.notice.render()) if isinstance(dialog, LoginDialog) else ""


async def test_each_endpoint_tells_its_reason_long_before_the_login_gives_up(tmp_path: Path, tcp_hole: str) -> None:
    """The login alone would wait for its whole time; what stays silent does not keep the others' reasons back."""
    auth = Auth(user="ana", password=Secret("not-told"))
    refused, unknown = f"127.0.0.1:{free_port()}", "no-such-host.invalid:2379"
    profile = replace(profile_of(refused, unknown, tcp_hole, auth=auth), dial_timeout=20.0)
    began = Stopwatch()
    async with started(profile, tmp_path) as (app, _):
        screen = app.screen
        assert isinstance(screen, ConnectScreen)

        def told() -> str:
            return str(screen.told.render())

        await eventually(lambda: "connection refused" in told() and "name not found" in told(), timeout=8)
        assert began.fair() < 8 < profile.dial_timeout
        assert tcp_hole not in told() and "not-told" not in told()
        status = screen.status_line
        first = status.render().plain
        await eventually(lambda: status.render().plain not in ("", first), timeout=4)
        assert "connecting, " in status.render().plain and " s" in status.render().plain


async def test_what_was_told_stays_while_it_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "RETRY_SECONDS", 0.2)
    profile = profile_of(f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
    async with started(profile, tmp_path) as (app, _):
        screen = app.screen
        assert isinstance(screen, ConnectScreen)
        shown: list[str] = []
        monkeypatch.setattr(screen.told, "update", lambda text: shown.append(text.plain))
        await eventually(lambda: "attempt 4" in screen.status_line.render().plain, timeout=15)
        assert reason(app)
        full = [text for text in shown if text.count("connection refused") == 2]
        assert full and set(shown[shown.index(full[0]) :]) == {full[0]}


async def test_another_cluster_asks_over_the_whole_screen_and_writes_on_is_not_shown(
    etcd: Server, tmp_path: Path
) -> None:
    memory = ClusterMemory(tmp_path / "state")
    profile = profile_of(*etcd.endpoints)
    memory.remember(profile, 0xABC123, ("old-1", "old-2"))

    async def remembering(wanted: Profile, password: Secret | None, *, shown: bool = True) -> Session:
        return await Session.open(wanted, Overrides(clusters=memory))

    async with started(profile, tmp_path, remembering) as (app, pilot):
        await eventually(lambda: isinstance(app.screen, StrangerDialog), timeout=10)
        await pilot.pause()
        dialog = app.screen
        said = "\n".join(str(one.render()) for one in dialog.query(Static))
        session = app.session
        assert session is not None
        assert "abc123" in said and "old-1, old-2" in said and f"{session.client.cluster_id:x}" in said
        await pilot.press("escape")
        await eventually(lambda: isinstance(app.screen, KeysScreen))
        keys = app.screen
        title = keys.query_one(TitleLine)
        assert "READ-ONLY" in title.render().plain
        await pilot.press("exclamation_mark")
        await eventually(lambda: isinstance(app.screen, StrangerDialog))
        assert "WRITES ON" not in title.render().plain + keys.query_one(StatusLine).render().plain
        assert memory.known(profile) is not None and not session.guard.writable


async def test_all_profiles_are_pinged_the_file_is_watched_and_a_session_of_flags_is_saved(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.yaml"
    file.touch(0o600)
    text = f"profiles:\n  up: {{endpoints: ['{etcd.endpoint}']}}\n  down: {{endpoints: ['127.0.0.1:{free_port()}']}}\n"
    file.write_text(text + "  broken: {endpoints: ['a b']}\n")
    monkeypatch.setenv("ETCDTUI_CONFIG", str(file))
    flags = replace(profile_of(*etcd.endpoints, auth=Auth()), name="local")
    async with started(flags, tmp_path) as (app, pilot):
        await connected(app, pilot)
        app.launch = replace(app.launch, config=load(environ={"ETCDTUI_CONFIG": str(file)}))
        await pilot.press("P")
        await eventually(lambda: isinstance(app.screen, ProfilesScreen))
        screen = app.screen
        assert isinstance(screen, ProfilesScreen)
        await eventually(lambda: {"local", "up", "down"} <= screen.pings.keys(), 10)
        assert screen.pings["up"].words == "1/1 up" and screen.pings["up"].version
        assert screen.pings["down"].words == "connection refused"
        assert "broken: endpoints" in screen.status_line.render().plain
        file.write_text(text + "  fresh: {endpoints: ['127.0.0.1:1']}\n")
        await eventually(lambda: screen.config.profile("fresh") is not None, 5)
        assert not screen.config.broken
        screen.table.go_to((False, "local"))
        await pilot.press("n")
        await eventually(lambda: isinstance(app.screen, PromptDialog) and app.focused is not None)
        await pilot.press(*"kept", "enter")
        await eventually(lambda: screen.config.profile("kept") is not None, 5)
        assert load(environ={"ETCDTUI_CONFIG": str(file)}).profile("kept") is not None
        await pilot.press("t")
        await eventually(lambda: isinstance(app.screen, CheckupDialog))
        dialog = app.screen
        assert isinstance(dialog, CheckupDialog)
        await eventually(lambda: "connect" in {step.area for step in dialog.told}, 10)
        await pilot.press("escape")


async def test_why_it_does_not_connect_is_shown_step_by_step(tmp_path: Path) -> None:
    async with started(profile_of(f"127.0.0.1:{free_port()}"), tmp_path) as (app, pilot):
        await says(app, "refused")
        await pilot.press("o")
        await eventually(lambda: isinstance(app.screen, CheckupDialog))
        dialog = app.screen
        assert isinstance(dialog, CheckupDialog)
        await eventually(lambda: "Nothing listens there" in str(dialog.body.render()))
        await pilot.press("escape")
        await eventually(lambda: isinstance(app.screen, ConnectScreen))
