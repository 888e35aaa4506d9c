"""What is told around the panes: health below dialogs, limited users, a wanted login, sizes and limits beforehand."""

from __future__ import annotations

import time
from pathlib import Path

import grpc
import pytest
from textual.app import App

from etcdtui.client import Client, ClientOptions
from etcdtui.core.units import format_size
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.cluster.health import HealthMonitor
from etcdtui.services.session.session import Session
from etcdtui.services.writing import editing
from etcdtui.ui.flows.host import FlowHost
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.modals.review import ReviewDialog
from etcdtui.ui.screens.leases.screen import LeasesScreen
from tests.conformance.fake import FakeEtcd
from tests.conftest import ServerFactory
from tests.services.looking_support import fill, reading
from tests.support import Server, eventually
from tests.ui.conftest import Start
from tests.ui.test_keys import on_screen, profile_of

BIG_KEY = b"/big/" + b"k" * 1_000_000
QUICK = 2.0
"""Seconds within which a dialog has to open."""


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_lost_cluster_is_told_above_an_open_dialog(
    etcd_server: ServerFactory, start: Start, size: tuple[int, int]
) -> None:
    server = await etcd_server()
    app = start(server, size=size)
    app.wait_for("1/1 up", "WRITES ON")
    app.keys("?")
    app.wait_for("Keys help", "1/1 up", "WRITES ON")
    await server.members[0].kill()
    app.wait_for("Keys help", "LOST", timeout=20)


async def test_a_lost_cluster_is_told_on_a_screen_above_the_keys_until_it_is_back(
    etcd_server: ServerFactory, start: Start
) -> None:
    server = await etcd_server()
    await server.put("/app/one", "1")
    app = start(server)
    app.wait_for("1/1 up", "/app/")
    app.keys("H")
    app.wait_for("changes below")
    await server.members[0].kill()
    app.wait_for("changes below", "no answer since", timeout=20)
    await server.members[0].start()
    app.wait_for("changes below", "1/1 up", timeout=20, gone=("no answer since",))


async def test_ctrl_c_twice_ends_the_program(etcd: Server, start: Start) -> None:
    app = start(etcd)
    app.wait_for("1/1 up")
    app.keys("ctrl+c")
    app.wait_for("ctrl+c again quits")
    app.keys("ctrl+c")
    assert app.wait(10) == 0


async def test_a_dialog_on_a_key_of_a_megabyte_opens_at_once(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [BIG_KEY], b"v")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("big/")
        await hands.press("l", "j")
        await hands.at(BIG_KEY)
        for key, kind in (("d", ReviewDialog), ("c", PromptDialog), ("m", PromptDialog)):
            began = time.perf_counter()
            await hands.press(key)
            await eventually(lambda: isinstance(hands.app.screen, Dialog))
            took = time.perf_counter() - began
            assert isinstance(hands.app.screen, kind)
            assert took < QUICK, key
            await hands.press("escape")
            await eventually(lambda: hands.screen.is_current)


async def test_a_text_that_cannot_be_kept_is_given_up_by_a_person_only(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await etcd.put(b"one", b"before")
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a file"))
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"one")
        await hands.press("e")
        for answer, text in (("e", "Zbefore"), ("x", "ZZbefore")):
            await eventually(lambda: isinstance(hands.app.screen, EditDialog))
            dialog = hands.app.screen
            assert isinstance(dialog, EditDialog)
            await hands.press("Z")
            assert dialog.area.text == text
            await hands.press("escape")
            await eventually(lambda: isinstance(hands.app.screen, AskDialog))
            await hands.press(answer)
        await eventually(lambda: hands.screen.is_current)


@pytest.mark.parametrize("key", ["m", "c"])
async def test_a_name_that_is_taken_is_told_before_any_review(etcd: Server, key: str) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"one", b"two"], b"v")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"one")
        await hands.press(key)
        await eventually(lambda: isinstance(hands.app.screen, PromptDialog))
        dialog = hands.app.screen
        assert isinstance(dialog, PromptDialog)
        dialog.field.value = "two"
        await hands.press("enter")
        await eventually(lambda: hands.app.screen is not dialog and isinstance(hands.app.screen, PromptDialog))
        again = hands.app.screen
        assert isinstance(again, PromptDialog) and again.field.value == "two", "what was typed is not lost"
        assert again.explain is not None and "two exists already; nothing is overwritten" in again.explain.plain


async def test_a_folder_opened_on_the_last_row_shows_its_first_children(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"%02d/%d" % (i, j) for i in range(40) for j in range(9)], b"v")
    async with on_screen(profile_of(etcd), size=(80, 24)) as hands:
        await hands.sees("00/", "39/")
        view = hands.screen.view
        last = view.size.height - 1
        await hands.press(*["j"] * last)
        assert view.cursor == last == view.visible_rows()[-1]
        await hands.press("enter")
        await hands.sees("8")
        await eventually(lambda: view.visible_rows()[-1] >= last + 5)
        assert view.cursor == last


async def test_a_value_over_the_limit_asks_before_an_editor_starts(etcd: Server) -> None:
    big = b"x" * (editing.EDIT_LINE + 1)
    await etcd.put(b"big", big)
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("big")
        await hands.press("e")
        await eventually(lambda: isinstance(hands.app.screen, AskDialog))
        dialog = hands.app.screen
        assert isinstance(dialog, AskDialog)
        words = "\n".join(dialog.view.render_row(i, 200).plain for i in range(dialog.view.row_count))
        assert format_size(len(big)) in words
        assert format_size(editing.EDIT_BYTES) in words
        await hands.press("escape")
        await eventually(lambda: hands.app.screen is hands.screen)


async def test_an_export_says_where_it_goes_and_what_it_is(etcd: Server, start: Start) -> None:
    await etcd.put(b"/x/a", b"1")
    app = start(etcd)
    app.wait_for("1/1 up", "x/")
    app.keys("ctrl+s")
    app.wait_for(str(Path.cwd())[:30], ".jsonl", "JSON Lines with all values", "0600", "never replaced")


async def test_a_user_who_may_not_see_the_status_is_restricted_and_sees_the_revision() -> None:
    refusal = (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied")
    async with FakeEtcd(status=refusal) as server, await Client.open(ClientOptions((server.endpoint,))) as client:
        monitor = HealthMonitor(client)
        await client.kv.get(b"x")
        health = await monitor.poll()
        assert (health.state, health.words, health.members_up, health.well) == (State.RESTRICTED, "", 1, True)
        assert health.revision == 1


async def test_a_session_without_a_user_is_told_when_a_login_is_wanted(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    clock = [1000.0]
    async with await Client.open(ClientOptions(server.endpoints)) as client:
        monitor = HealthMonitor(client, now=lambda: clock[0])
        assert (await monitor.poll()).state is State.CONNECTED
        server.etcdctl("user", "add", "root:pw")
        server.etcdctl("user", "grant-role", "root", "root")
        server.etcdctl("auth", "enable")
        clock[0] += 60
        health = await monitor.poll()
        assert health.state is State.LOGIN
        assert "user" in health.words


class LeaseBench(App[None]):
    """Nothing but the leases."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.leases = LeasesScreen(session, FlowHost())

    def on_mount(self) -> None:
        self.push_screen(self.leases)


async def test_what_is_left_of_a_lease_moves_between_two_readings_of_the_list(etcd: Server) -> None:
    etcd.etcdctl("lease", "grant", "300")
    session = await Session.open(profile_of(etcd, refresh=3600.0))
    try:
        app = LeaseBench(session)
        async with app.run_test():
            await eventually(lambda: bool(app.leases.table.rows) and app.leases.table.rows[0].ttl is not None)
            first = app.leases.table.rows[0].ttl
            await eventually(lambda: app.leases.table.rows[0].ttl != first, timeout=10)
    finally:
        await session.aclose()


def test_one_endpoint_of_three_members_is_not_called_one_of_one_alone(cluster3: Server, start: Start) -> None:
    for size, words in (((120, 40), "(3 members)"), ((80, 24), "(3 members)")):
        app = start(cluster3, "--endpoints", cluster3.endpoint, size=size)
        app.wait_for("1/1 up", words)
        app.close()
