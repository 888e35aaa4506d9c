"""The command line in the whole program: lists of a get, screens of etcdctl's groups, two profiles compared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual.pilot import Pilot

from etcdtui.client import Compare, Op
from etcdtui.client.kv import KV
from etcdtui.config.schema import Auth, Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.plan import ConfirmKind
from etcdtui.core.types import TxnResult
from etcdtui.services.session.session import Overrides, Session
from etcdtui.services.tail.source import WatchSpec
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.modals.command import CommandDialog
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.form import FormDialog
from etcdtui.ui.modals.help import HelpDialog
from etcdtui.ui.modals.login import LoginDialog
from etcdtui.ui.modals.prompt import PasswordDialog, PromptDialog
from etcdtui.ui.modals.review import ReviewDialog
from etcdtui.ui.modals.unlock import UnlockDialog
from etcdtui.ui.screens.activity import ActivityScreen
from etcdtui.ui.screens.auth.screen import AuthScreen
from etcdtui.ui.screens.compare.results import ResultsScreen
from etcdtui.ui.screens.compare.screen import CompareScreen
from etcdtui.ui.screens.keys.screen import KeysScreen
from etcdtui.ui.screens.leases.screen import LeasesScreen
from etcdtui.ui.screens.watch.screen import WatchScreen
from tests.conftest import ServerFactory
from tests.support import Server, eventually
from tests.ui.agreeing import agree
from tests.ui.test_shell import profile, running

S = TypeVar("S")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


async def run(app: EtcdtuiApp, pilot: Pilot[int], text: str) -> None:
    await pilot.press(":")
    await eventually(lambda: isinstance(app.screen, CommandDialog))
    dialog = app.screen
    assert isinstance(dialog, CommandDialog)
    dialog.field.value = text
    await pilot.press("enter")
    await eventually(lambda: app.screen is not dialog)


async def shows(app: EtcdtuiApp, kind: type[S]) -> S:
    await eventually(lambda: isinstance(app.screen, kind))
    screen = app.screen
    assert isinstance(screen, kind)
    return screen


def flashed(app: EtcdtuiApp, words: str) -> bool:
    return app.shown is not None and words in app.shown.status_line.render().plain


async def test_get_lists_what_was_asked_for_and_one_can_act_on_it(etcd: Server, tmp_path: Path) -> None:
    for number in (3, 1, 2):
        await etcd.put(b"/a/%d" % number, b"x" * number)
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await run(app, pilot, "etcdctl get /a --prefix --sort-by=MODIFY --order=DESCEND --limit 2")
        screen = await shows(app, ResultsScreen)
        await eventually(lambda: [kv.key for kv in screen.table.rows] == [b"/a/2", b"/a/1"])
        assert "2 of 3 keys" in screen.words.plain
        await pilot.press("d")
        await agree(pilot)

        async def gone() -> bool:
            return await etcd.get(b"/a/2") is None

        await eventually(gone)
        await eventually(lambda: [kv.key for kv in screen.table.rows] == [b"/a/1", b"/a/3"])
        await pilot.press("enter")
        keys = await shows(app, KeysScreen)
        await eventually(lambda: keys.view.current is not None and keys.view.current.path == b"/a/1")
        revision = screen.table.rows[1].mod_revision
        await run(app, pilot, f"get /a/3 --keys-only --rev {revision}")
        older = await shows(app, ResultsScreen)
        await eventually(lambda: [kv.value for kv in older.table.rows] == [b""])
        assert f"revision {revision}" in older.why_not("edit")


@pytest.mark.parametrize("same_value", [False, True])
async def test_put_with_a_lease_on_an_existing_key_sets_it_and_does_not_drop_it(
    etcd: Server, tmp_path: Path, same_value: bool
) -> None:
    lease = int((await etcd.call("lease/grant", TTL=300))["ID"])
    await etcd.put(b"foo", b"v" if same_value else b"before")
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await run(app, pilot, f"put foo v --lease={lease:x}")
        review = await shows(app, ReviewDialog)
        facts = [(fact.what, fact.before, fact.after) for fact in review.plan.facts]
        assert any(what == "lease" and before == "none" and f"{lease:x}" in str(after) for what, before, after in facts)
        await agree(pilot)
        await eventually(lambda: flashed(app, "saved foo"))
    found = (await etcd.call("kv/range", key=b"foo"))["kvs"][0]
    assert int(found["lease"]) == lease


GROUPS = (
    ("lease revoke", "leases", "d revokes the lease"),
    ("lease list", "leases", "this is where it is seen"),
    ("member remove", "members", "d removes the member"),
    ("endpoint health", "members", "this is where it is seen"),
    ("move-leader", "members", "m on a member"),
    ("role grant-permission a", "auth", "e changes the grants"),
    ("auth status", "auth", "this is where it is seen"),
)


async def test_every_group_of_etcdctl_opens_its_screen_and_says_how(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        for text, place, words in GROUPS:
            await run(app, pilot, text)
            await eventually(lambda place=place: app.shown is not None and app.shown.screen_name == place)
            await eventually(lambda words=words: flashed(app, words))
        await run(app, pilot, "lease grant")
        await eventually(lambda: app.shown is not None and app.shown.screen_name == "leases")
        await shows(app, FormDialog)


REVIEWS = (
    ("etcdctl lease grant 77", "lease grant", "of 77 seconds, without keys"),
    ("etcdctl lease revoke {lease:x}", "lease revoke", "/leased"),
    ("etcdctl lease keep-alive --once {lease}", "lease keep-alive", "300 s left"),
    ("etcdctl compact {revision} --physical", "compact", "name=b'{revision}'"),
    ("etcdctl compaction 999999999", "compact", "the revision must be between"),
    ("etcdctl defrag {member}", "defrag", "{member}"),
    ("etcdctl move-leader {id:x}", "move leader", "leader"),
    ("etcdctl member remove {id:x}", "remove", "quorum"),
    ("etcdctl member update {id:x} --peer-urls=http://127.0.0.1:7", "update", "http://127.0.0.1:7"),
    ("etcdctl --endpoints=10.0.0.1:2379 role add app", "role add", "app"),
    ("etcdctl user add bob --no-password", "user add", "bob"),
    ("etcdctl role delete old", "role delete", "old"),
    ("etcdctl user delete ann", "user delete", "ann"),
    ("etcdctl user grant-role ann old", "grant", "old"),
    ("etcdctl role grant-permission old readwrite /a/ --prefix", "grant", "/a/"),
)


@pytest.mark.parametrize(("text", "action", "words"), REVIEWS)
async def test_a_pasted_line_becomes_its_review_and_sends_nothing_by_itself(
    etcd: Server, tmp_path: Path, text: str, action: str, words: str
) -> None:
    """With its arguments filled in; leaving the review leaves the cluster as it is."""
    lease = int((await etcd.call("lease/grant", TTL=300))["ID"])
    revision = await etcd.put(b"/leased", b"v", lease=lease)
    etcd.etcdctl("role", "add", "old")
    etcd.etcdctl("user", "add", "ann:pw")
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        assert app.session is not None
        member = (await app.session.client.cluster.members())[0]
        facts = {"lease": lease, "revision": revision, "member": member.name, "id": member.id}
        await run(app, pilot, text.format(**facts))
        review = await shows(app, ReviewDialog)
        assert action in review.plan.action
        assert words.format(**facts) in str([shown.parts for shown in review.plan.lines]) + str(review.plan)
        await pilot.press("escape")
        await eventually(lambda: app.screen is app.shown)
        assert list(app.session.audit.records) == []
        assert [lease_.id for lease_ in [await app.session.client.lease.time_to_live(lease)]] == [lease]


async def test_what_is_asked_about_is_under_the_cursor(etcd: Server, tmp_path: Path) -> None:
    leases = [int((await etcd.call("lease/grant", TTL=300 + n))["ID"]) for n in range(3)]
    for name in ("a", "b", "c"):
        etcd.etcdctl("role", "add", name)
    async with running(profile("here", "prod", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        for lease in leases[1:]:
            await run(app, pilot, f"lease timetolive {lease:x}")
            await eventually(lambda lease=lease: (row := current(app)) is not None and row.id == lease)
        for name in ("c", "b"):
            await run(app, pilot, f"role get {name}")
            await eventually(lambda name=name: (row := current(app)) is not None and row.name == name)


def current(app: EtcdtuiApp) -> Any:
    """The row under the cursor of the list on show."""
    return app.shown.table.current if isinstance(app.shown, LeasesScreen | AuthScreen) else None


async def test_an_argument_that_is_nothing_here_is_told(etcd: Server, tmp_path: Path) -> None:
    lease = int((await etcd.call("lease/grant", TTL=300))["ID"])
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        for text, words in (
            ("lease revoke 1f", "there is no lease 1f"),
            ("lease revoke nonsense", "there is no lease nonsense"),
            ("lease keep-alive 0x" + "f" * 40, "there is no lease 0xff"),
            ("lease grant soon", "whole number"),
            ("member remove nobody", "there is no member nobody"),
            ("defrag 1234", "there is no member 1234"),
            ("compact x", "whole number"),
            ("role grant-permission nobody admin /a", "a permission is read, write or readwrite"),
            ("user delete nobody", "there is no user nobody"),
            ("alarm disarm", "no alarm is raised"),
        ):
            await run(app, pilot, text)
            await eventually(lambda words=words: flashed(app, words), what=words)
        await run(app, pilot, f"snapshot save {tmp_path / 'all.db'}")
        prompt = await shows(app, PromptDialog)
        await pilot.press("enter")
        await eventually((tmp_path / "all.db").exists)
        assert app.screen is not prompt
        assert app.session is not None
        await eventually(lambda: app.session is not None and len(app.session.audit.records) == 1)
        app.session.guard.lock()
        await run(app, pilot, f"lease revoke {lease:x}")
        await eventually(lambda: flashed(app, "READ-ONLY"))
        assert app.screen is app.shown


async def test_watch_put_and_help_do_what_they_say(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await run(app, pilot, "watch /a --prefix")
        screen = await shows(app, WatchScreen)
        await eventually(lambda: [one.feed.spec for one in screen.watches] == [WatchSpec(b"/a", b"/b")])
        await run(app, pilot, "put /new value")
        await agree(pilot)

        async def written() -> bool:
            return await etcd.get(b"/new") == b"value"

        await eventually(written)
        await run(app, pilot, "help unlock")
        dialog = await shows(app, HelpDialog)
        assert dialog.field.value == "unlock"


async def test_a_masked_value_is_hidden_in_its_review_until_x(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/app/token", b"SECRET1")
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await run(app, pilot, "put /app/token SECRET2")
        review = await shows(app, ReviewDialog)
        assert "SECRET" not in str([shown.parts for shown in review.view.lines_shown])
        await pilot.press("x")
        await eventually(lambda: "SECRET2" in str([shown.parts for shown in review.view.lines_shown]))
        await pilot.press("e")
        assert "SECRET2" in (await shows(app, EditDialog)).area.text


async def test_the_store_of_a_profile_opened_beside_is_not_walked_for_a_tree(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/c/a", b"1")
    here, there = profile("here", "dev", etcd.endpoint), profile("there", "dev", etcd.endpoint)
    async with running(here, there, tmp_path=tmp_path) as (app, pilot):
        plain, looked = app.opener, dict[str, bool]()

        async def noting(wanted: Profile, password: Secret | None, *, shown: bool = True) -> Session:
            looked[wanted.name] = shown
            return await plain(wanted, password, shown=shown)

        app.opener = noting
        await run(app, pilot, "diff /c/ @there")
        await shows(app, CompareScreen)
        assert looked == {"there": False}


async def test_two_profiles_are_compared_and_chosen_differences_copied_under_the_guard_of_the_right(
    etcd: Server, etcd_server: ServerFactory, tmp_path: Path
) -> None:
    second = await etcd_server()
    for key, value in ((b"/c/a", b"1"), (b"/c/b", b"2"), (b"/c/same", b"s")):
        await etcd.put(key, value)
    for key, value in ((b"/c/b", b"other"), (b"/c/same", b"s"), (b"/c/mine", b"m"), (b"/cc", b"no")):
        await second.put(key, value)
    here, there = profile("here", "dev", etcd.endpoint), profile("there", "dev", second.endpoint)
    locked, closed = profile("locked", "prod", second.endpoint), profile("closed", "prod", second.endpoint)
    async with running(here, there, locked, closed, tmp_path=tmp_path) as (app, pilot):
        await run(app, pilot, "diff /c/ @nowhere")
        await eventually(lambda: flashed(app, "no such profile"))
        await run(app, pilot, "diff /c/ @locked")
        screen = await shows(app, CompareScreen)
        await eventually(lambda: len(screen.table.rows) == 3)
        assert screen.right.session.guard.state_word == "READ-ONLY"
        await pilot.press("*", "c")
        await shows(app, UnlockDialog)
        await pilot.press("escape")
        await eventually(lambda: "locked, stays READ-ONLY" in screen.status_line.render().plain)
        await eventually(lambda: not screen.is_writing())
        await pilot.press("c")
        await shows(app, UnlockDialog)
        await pilot.press(*"here", "enter")
        await shows(app, UnlockDialog)  # it wants the name of the side that is written, not of this one
        await pilot.press("ctrl+u", *"locked", "enter")
        review = await shows(app, ReviewDialog)
        assert review.guard is screen.right.session.guard
        assert review.guard.writable
        assert review.confirmation.kind is ConfirmKind.TYPE, "asked as the right side's environment says"
        await pilot.press("escape")
        await eventually(lambda: app.screen is screen)
        assert await second.get(b"/c/a") is None
        await pilot.press("q")
        await shows(app, KeysScreen)
        await run(app, pilot, "diff /c/ @closed")
        screen = await shows(app, CompareScreen)
        await eventually(lambda: len(screen.table.rows) == 3)
        screen.right.session.guard.policy = replace(screen.right.session.guard.policy, forced_read_only=True)
        assert "closed, is READ-ONLY: started with --read-only" in screen.why_not("clone")
        await pilot.press("q")
        await run(app, pilot, "diff /c/ @there")
        screen = await shows(app, CompareScreen)
        await eventually(lambda: [(r.name, r.kind) for r in screen.table.rows]
                         == [(b"a", "left"), (b"b", "differs"), (b"mine", "right")])  # fmt: skip
        await pilot.press("*", "c")
        await agree(pilot)

        async def copied() -> bool:
            return [await second.get(key) for key in (b"/c/a", b"/c/b", b"/c/mine")] == [b"1", b"2", b"m"]

        await eventually(copied)
        await eventually(lambda: [r.name for r in screen.table.rows] == [b"mine"])
        await pilot.press("q")
        await shows(app, KeysScreen)


async def test_a_wrong_password_of_the_right_side_is_asked_for_again(
    etcd: Server, etcd_server: ServerFactory, tmp_path: Path
) -> None:
    other = await etcd_server()
    await other.put(b"/c/a", b"1")
    for words in (("user", "add", "root:right"), ("role", "add", "root"), ("user", "grant-role", "root", "root"),
                  ("auth", "enable")):  # fmt: skip
        other.etcdctl(*words)
    there = replace(
        profile("there", "dev", other.endpoint), auth=Auth(user="root", prompt=True), dial_timeout=5.0, read_only=True
    )
    async with running(profile("here", "dev", etcd.endpoint), there, tmp_path=tmp_path) as (app, pilot):
        app.opener = _with_password
        await run(app, pilot, "diff /c/ @there")
        dialog = await shows(app, LoginDialog)
        await pilot.press(*"wrong", "enter")
        await eventually(lambda: "wrong user name or password" in str(dialog.notice.render()))
        await pilot.press(*"right", "enter")
        screen = await shows(app, CompareScreen)
        await eventually(lambda: [r.name for r in screen.table.rows] == [b"a"])
        await pilot.press("q")
        await shows(app, KeysScreen)


async def _with_password(wanted: Profile, password: Secret | None, *, shown: bool = True) -> Session:
    return await Session.open(wanted, Overrides(password=password))


async def test_a_second_write_is_refused_while_one_is_on_its_way_and_the_first_goes_on(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await etcd.put(b"/seen", b"v")
    go = asyncio.Event()
    send = KV.txn

    async def later(
        self: KV,
        compare: Sequence[Compare] = (),
        success: Sequence[Op] = (),
        failure: Sequence[Op] = (),
        timeout: float | None = None,
    ) -> TxnResult:
        """Transactions with conditions, which are those that write, wait; the others read for the screen."""
        if compare:
            await go.wait()
        return await send(self, compare, success, failure, timeout)

    monkeypatch.setattr(KV, "txn", later)
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        assert app.session is not None
        await run(app, pilot, "put /first 1")
        await agree(pilot)
        await eventually(lambda: app.screen is app.shown)
        for second in ("put /second 2", "del /seen", "recover"):
            await run(app, pilot, second)
            await eventually(lambda: flashed(app, "another write is still open"))
            assert app.shown is not None
            app.shown.flash("waiting")
        for key in ("n", "d", "u"):
            await pilot.press(key)
            await eventually(lambda: flashed(app, "another write is still open"))
            assert app.screen is app.shown
            assert app.shown is not None
            app.shown.flash("waiting")
        go.set()
        await eventually(lambda: flashed(app, "saved /first"), timeout=20)
        assert [record.result[:4] for record in app.session.audit.records] == ["rev "]
    assert await etcd.get(b"/first") == b"1"
    assert await etcd.get(b"/second") is None
    assert await etcd.get(b"/seen") == b"v"


async def test_who_comes_back_to_activity_stands_on_what_was_done_meanwhile(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        for key in ("/first", "/second"):
            await run(app, pilot, f"put {key} v")
            await agree(pilot)
            await eventually(lambda: app.screen is app.shown)
            await pilot.press("9")
            screen = await shows(app, ActivityScreen)
            current = eventually(lambda screen=screen: screen.table.current and screen.table.current.record.target)
            assert await current == key.encode()
            await pilot.press("1")
            await shows(app, KeysScreen)
        await pilot.press("9")
        await eventually(lambda: app.screen is screen)
        await pilot.press("u")
        await agree(pilot)
        await eventually(lambda: [row.record.action for row in screen.table.rows] == ["undo", "new key", "new key"])
        # Still on the line that was undone, not on that of the undo: u is no toggle.
        await eventually(lambda: screen.table.current is not None and screen.table.current.undo_word == "undone")


async def test_a_password_in_a_line_is_neither_used_nor_remembered(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await run(app, pilot, "lease list")
        await run(app, pilot, "etcdctl --user root:hunter2 user add bob:SECRET")
        await shows(app, PasswordDialog)
        await pilot.press("escape")
        await eventually(lambda: app.screen is app.shown)
        await pilot.press(":")
        dialog = await shows(app, CommandDialog)
        await pilot.press("up")
        assert dialog.field.value == "lease list"
        await pilot.press("up")
        assert dialog.field.value == "lease list"
        assert app.session is not None
        assert list(app.session.audit.records) == []
