"""The program ends in order, whatever it does: a switch of profiles under way is no crash and leaves nothing open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.await_complete import AwaitComplete

import etcdtui.ui.app
from etcdtui.config.launch import Launch
from etcdtui.config.schema import Config
from etcdtui.config.themes import load_themes, packaged_folder
from etcdtui.core.errors import ClosedError
from etcdtui.services.session.session import Session
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.life import CrashReporter
from etcdtui.ui.screens.profiles.opening import SessionOpened
from tests.support import Server, eventually
from tests.ui.test_shell import opener, profile


class Telling(EtcdtuiApp):
    """Says how far a switch has come: the number of modes that went."""

    CSS_PATH = str(Path(etcdtui.ui.app.__file__).with_name("app.tcss"))
    went = 0
    wanted = -1

    def at(self, number: int) -> asyncio.Event:
        """Set when the mode of that number begins to go; 0 is before the switch."""
        self.wanted, self.reached = number, asyncio.Event()
        return self.reached

    async def adopt(self, session: Session, number: int = 0, place: bytes = b"") -> None:
        if self.wanted == 0:
            self.reached.set()
        await super().adopt(session, number, place)

    def remove_mode(self, mode: str) -> AwaitComplete:
        self.went += 1
        if self.went == self.wanted:
            self.reached.set()
        return super().remove_mode(mode)


@pytest.mark.parametrize("number", [0, 1, 3, 6])
async def test_the_end_in_the_middle_of_a_profile_switch(etcd: Server, tmp_path: Path, number: int) -> None:
    here, there = profile("here", "dev", etcd.endpoint), profile("there", "dev", etcd.endpoint)
    launch = Launch(config=Config(profiles=(here, there)), profile=here)
    app = Telling(launch, opener, CrashReporter(tmp_path), themes=load_themes(packaged_folder()).themes)
    after = await Session.open(there)
    async with app.run_test(size=(120, 40)) as pilot:
        await eventually(lambda: app.shown is not None and app.session is not None)
        before = app.session
        assert before is not None
        for screen in ("2", "3", "4", "5", "8", "9"):
            await pilot.press(screen)
        app.went = 0
        reached = app.at(number)
        app.post_message(SessionOpened(after))
        await reached.wait()
    assert app.crash.line == ""
    assert not list(tmp_path.glob("crash-*"))
    kept, left = (before, after) if app.session is before else (after, before)
    assert app.session is kept
    with pytest.raises(ClosedError):
        await left.client.kv.get(b"/k")
    await kept.aclose()
