"""Keys that come before the answer to the one before them: they mean the place or the dialog that was named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen

from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.find import FindDialog
from etcdtui.ui.modals.picker import PickerDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.modals.review import ReviewDialog
from etcdtui.ui.screens.history.screen import HistoryScreen
from etcdtui.ui.screens.keys.screen import KeysScreen
from etcdtui.ui.screens.watch.screen import WatchScreen
from tests.services.tree_support import filled
from tests.support import Server, TcpProxy, eventually
from tests.ui.conftest import Start
from tests.ui.test_shell import profile, running

KEYS = [b"/a/first", b"/deep/down/other", b"/deep/down/wanted", b"/z/last"]
WANTED = b"/deep/down/wanted"
NAMES = {
    "\r": "enter", "\x1b": "escape", "\t": "tab", "/": "slash", " ": "space", "\x01": "ctrl+a", "\x0b": "ctrl+k",
    "\x13": "ctrl+s",
}  # fmt: skip


class Desk:
    """The program on a slow link, and somebody who types faster than it answers."""

    def __init__(self, app: EtcdtuiApp, pilot: Pilot[int], proxy: TcpProxy) -> None:
        self.app, self.pilot, self.proxy = app, pilot, proxy

    def send(self, text: str) -> None:
        """All of it at once, as it comes in one chunk."""
        for char in text:
            key = NAMES.get(char, char)
            self.app.post_message(events.Key(key, char if char.isprintable() else None))

    @property
    def keys(self) -> KeysScreen:
        screen = self.app.deck[1]
        assert isinstance(screen, KeysScreen)
        return screen

    def told(self) -> str:
        shown = self.app.shown
        return shown.status_line.render().plain if shown is not None else ""

    async def at(self, path: bytes) -> None:
        await eventually(lambda: (row := self.keys.view.current) is not None and row.path == path, what=f"{path!r}")

    async def open(self, kind: type[Screen[Any]]) -> None:
        def opened() -> bool:
            return isinstance(self.app.screen, kind)

        await eventually(opened, what=kind.__name__)

    async def settled(self) -> None:
        """Nothing is typed ahead any more."""
        await eventually(lambda: not self.app._typeahead._waiting and not self.app._typeahead._under_way)
        await self.pilot.pause()

    async def back(self) -> None:
        """Close what is above Keys."""
        while self.app.screen is not self.keys:
            await self.pilot.press("escape")
            await self.pilot.pause()


@asynccontextmanager
async def desk(server: Server, tmp_path: Path, delay: float = 0.025) -> AsyncIterator[Desk]:
    async with TcpProxy(server.endpoint) as proxy:
        proxy.delay = delay
        async with running(profile("here", "dev", proxy.endpoint), tmp_path=tmp_path) as (app, pilot):
            one = Desk(app, pilot, proxy)
            await one.at(b"/a/")
            await pilot.pause()
            yield one


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def acts(app: EtcdtuiApp, key: str) -> bool:
    """Whether what a key of Keys opens is open, on the key that was wanted."""
    screen = app.screen
    match key:
        case "d":
            return isinstance(screen, ReviewDialog) and screen.plan.keys == (WANTED,)
        case "e":
            return isinstance(screen, EditDialog) and screen.key == WANTED
        case "H":
            return isinstance(screen, HistoryScreen) and screen.path == WANTED
        case "w":
            return isinstance(screen, WatchScreen) and [one.feed.spec.key for one in screen.watches] == [WANTED]
        case "y":
            return isinstance(screen, PickerDialog) and any(
                WANTED.decode() in item.note.plain for item in screen.lines.items
            )
        case "m":
            return isinstance(screen, PromptDialog) and screen.field.value == WANTED.decode()
    raise AssertionError(key)


@pytest.mark.parametrize("key", ["d", "e", "H", "w", "y", "m"])
async def test_what_is_typed_after_a_path_acts_on_the_key_that_was_named(
    etcd: Server, tmp_path: Path, key: str
) -> None:
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path) as one:
        one.send(f"f{WANTED.decode()}\r{key}")
        await eventually(lambda: acts(one.app, key), what=key)


@pytest.mark.parametrize("key", ["d", "e", "H", "w", "y", "m", "jd", "d\x13", " d", "e/x/\r"])
async def test_what_is_typed_after_a_path_that_is_not_there_does_nothing_and_that_is_said(
    etcd: Server, tmp_path: Path, key: str
) -> None:
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path) as one:
        seen = set()
        one.app.screen_change_signal.subscribe(one.app, lambda screen: seen.add(type(screen).__name__))
        one.send(f"f/deep/down/nothing\r{key}")
        await eventually(lambda: "no such key: /deep/down/nothing" in one.told() and "not used: " in one.told())
        assert key[0] in one.told().partition("not used: ")[2]
        await one.settled()
        assert one.app.screen is one.keys and seen <= {"FindDialog", "KeysScreen"}
        assert not one.keys.browser.marks
        for pressed, word in (("d", "nothing is done"), ("e", "nothing is done")):
            await one.pilot.press(pressed)
            assert word in one.told() and one.app.screen is one.keys


async def test_a_failed_find_is_over_when_something_else_is_looked_at(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path, delay=0.0) as one:
        one.send("f/deep/down/wan\r")
        await eventually(lambda: one.keys.absent_key() == b"/deep/down/wan")
        await one.at(WANTED)  # the first name that starts so
        await eventually(lambda: "no such key" in one.keys.pane.facts.flow(60)[0].plain)
        await one.pilot.press("H")
        await eventually(lambda: isinstance(one.app.screen, HistoryScreen))
        history = one.app.screen
        assert isinstance(history, HistoryScreen) and history.path == b"/deep/down/wan"
        await one.back()
        await one.pilot.press("k", "j")
        await one.at(WANTED)
        assert not one.keys.absent_key(), "the cursor is on the same row, but something else was looked at meanwhile"
        await one.pilot.press("n")
        prompt = one.app.screen
        assert isinstance(prompt, PromptDialog) and prompt.field.value == "/deep/down/"
        await one.back()
        one.send("f/nothing/at/all\r")
        await eventually(lambda: bool(one.keys.absent_key()))
        await one.pilot.press("escape")
        assert not one.keys.absent_key()


async def test_esc_gives_up_a_place_on_its_way_and_drops_what_was_typed_for_it(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path, delay=0.0) as one:
        one.send("f")
        await one.open(FindDialog)
        await one.settled()
        one.proxy.black_hole()
        one.send(f"{WANTED.decode()}\rd")
        await eventually(lambda: one.keys.browser.navigation.going == WANTED)
        await eventually(lambda: "waiting for the answer" in one.told(), what="it is told that keys wait")
        one.send("\x1b")
        await eventually(lambda: "not used: d" in one.told())
        await one.proxy.heal()
        await one.pilot.press("j")
        assert one.app.screen is one.keys and one.keys.browser.navigation.going is None
        await one.settled()
        assert one.app.screen is one.keys


async def test_what_is_typed_ahead_goes_through_every_dialog_of_a_flow(etcd: Server, tmp_path: Path) -> None:
    """A name, a value, and the review of a new key; then its removal, all typed before the first answer."""
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path) as one:
        one.send("f/deep/down/wanted\rm\x01")
        await one.open(PromptDialog)
        one.send("\x0b/new/name\r")
        await one.open(ReviewDialog)
        await one.back()
        one.send("n")
        await one.open(PromptDialog)
        one.send("made\rvalue\x13\x13")
        await eventually(lambda: "saved" in one.told() or "created" in one.told(), what="a new key is written")
    assert await etcd.get("/deep/down/made") == b"value"


async def test_a_refused_action_drops_what_was_typed_for_its_dialog(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path) as one:
        assert one.app.session is not None
        one.app.session.guard.lock()
        one.send("d\x13")
        await eventually(lambda: "not used: ^s" in one.told() or "not used: ctrl+s" in one.told())
        await one.settled()
        assert one.app.screen is one.keys, "ctrl+s would have exported"


async def test_three_thousand_letters_that_come_as_keys_are_one_step_for_the_line(etcd: Server, tmp_path: Path) -> None:
    """A terminal without bracketed paste sends a paste as keys: each cost as much as one that is typed."""
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path, delay=0.0) as one:
        one.send("n")
        await one.open(PromptDialog)
        await one.settled()
        dialog = one.app.screen
        assert isinstance(dialog, PromptDialog)
        changes: list[str] = []
        dialog.watch(dialog.field, "value", lambda value: changes.append(value), init=False)
        before, text = dialog.field.value, "".join(str(number) for number in range(900))
        one.send(text + "\x01")
        await eventually(lambda: dialog.field.value == before + text)
        assert len(changes) < 20
        one.send("<" + "\r")
        await one.open(EditDialog)


async def test_a_paste_where_nothing_takes_text_runs_no_command(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path, delay=0.0) as one:
        one.send("j" + "dxyz" * 200)
        await eventually(lambda: "letters, pasted where nothing takes text" in one.told())
        await one.settled()
        assert one.app.screen is one.keys


async def test_tab_before_the_answer_completes_what_was_typed(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd, KEYS)
    async with desk(etcd, tmp_path) as one:
        one.send("f/deep/down/w\t\rd")
        await eventually(lambda: acts(one.app, "d"))


async def test_keys_typed_at_once_into_a_new_watch_all_arrive(etcd: Server, start: Start) -> None:
    app = start(etcd, "--screen", "watch")
    app.wait_for("No watch yet")
    for number in range(1, 8):
        app.send(b"n/w/%d\r" % number)
        app.wait_for(f"#{number} /w/{number}")


async def test_typed_ahead_on_a_real_terminal(etcd: Server, start: Start) -> None:
    await filled(etcd, KEYS)
    app = start(etcd)
    app.wait_for("/deep/", "WRITES ON")
    app.send(b"f/deep/down/wanted\rd")
    app.wait_for("review: delete key /deep/down/wanted")
