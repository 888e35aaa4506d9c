"""A fault in work is told on the screen, whatever kind of work it is: one sentence that stays and names the file."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.app import App
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen
from textual.worker import WorkerFailed

import etcdtui.ui.app
from etcdtui.config.launch import Launch
from etcdtui.config.schema import Config
from etcdtui.config.themes import load_themes, packaged_folder
from etcdtui.core.errors import EtcdError, Unavailable
from etcdtui.ui import spawn
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.life import CrashReporter
from etcdtui.ui.widgets.faultline import FaultLine
from tests.support import eventually
from tests.ui.test_shell import opener

MARK = "may be incomplete until it is read again"


class Program(EtcdtuiApp):
    CSS_PATH = str(Path(etcdtui.ui.app.__file__).with_name("app.tcss"))


class Place(Screen[None]):
    """A screen with a status line, that breaks as often as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.flashed: list[str] = []
        self.done = 0
        self.broken = True

    def flash(self, message: str | Text, tone: str = "accent") -> None:
        self.flashed.append(str(message))

    async def work(self) -> None:
        self.call()

    def call(self, *_: object) -> None:
        self.done += 1
        if self.broken:
            raise RuntimeError("planted")


@asynccontextmanager
async def program(tmp_path: Path) -> AsyncIterator[tuple[Program, Place, Pilot[int]]]:
    crash = CrashReporter(tmp_path)
    app = Program(Launch(config=Config()), opener, crash, themes=load_themes(packaged_folder()).themes)
    async with app.run_test(size=(80, 24)) as pilot:
        place = Place()
        await app.push_screen(place)
        yield app, place, pilot


def told(screen: Screen[Any]) -> str:
    return " ".join(str(line.content) for line in screen.query(FaultLine) if line.display)


def hear(place: Place) -> None:
    spawn.listen(place, place.app.app_suspend_signal, place.call)
    place.app.app_suspend_signal.publish(place.app)


STARTS: dict[str, Callable[[Place], object]] = {
    "spawn": lambda place: spawn.spawn(place, place.work, "reading", exclusive=True),
    "after": lambda place: spawn.after(place, 0.001, place.call),
    "every": lambda place: spawn.every(place, 0.001, place.call),
    "later": lambda place: spawn.later(place, place.call),
    "painted": lambda place: spawn.painted(place, place.call),
    "listen": hear,
}


@pytest.mark.parametrize("start", STARTS)
async def test_a_fault_is_told_with_its_file_and_marks_the_screen_until_the_work_ends_well(
    tmp_path: Path, start: str
) -> None:
    async with program(tmp_path) as (app, place, pilot):
        STARTS[start](place)
        await eventually(lambda: MARK in told(place))
        (file,) = tmp_path.glob("crash-*.txt")
        assert f"internal error (RuntimeError); details: {file}." in told(place)
        assert "planted" not in told(place)
        assert "in call" in file.read_text()
        assert "planted" in file.read_text()
        await pilot.pause()
        assert place.query_one(FaultLine).region.bottom == 24
        place.broken = False
        STARTS[start](place)
        await eventually(lambda: not told(place))
        assert app.crash.line == ""
        assert app.crash.noted == (f"etcdtui met an internal error (RuntimeError); details: {file}",)


async def test_a_timer_that_fails_again_and_again_is_told_once_and_goes_on(tmp_path: Path) -> None:
    async with program(tmp_path) as (_, place, _pilot):
        spawn.every(place, 0.001, place.call)
        await eventually(lambda: place.done > 20)
        assert len(list(tmp_path.glob("crash-*.txt"))) == 1
        assert len(place.query(FaultLine)) == 1


async def test_reading_all_again_takes_the_mark_away(tmp_path: Path) -> None:
    async with program(tmp_path) as (_, place, _pilot):
        spawn.spawn(place, place.work, "reading")
        await eventually(lambda: MARK in told(place))
        spawn.read_again(place)
        await eventually(lambda: not told(place))


async def test_a_failure_of_etcd_is_its_sentence_and_no_fault(tmp_path: Path) -> None:
    async def fails() -> None:
        raise Unavailable("nobody answers")

    shown: list[EtcdError] = []
    async with program(tmp_path) as (app, place, _):
        spawn.spawn(place, fails, "reading")
        await eventually(lambda: bool(place.flashed))
        assert "nobody answers" in place.flashed[0]
        spawn.spawn(place, fails, "reading", failed=shown.append)
        await eventually(lambda: bool(shown))
        assert len(place.flashed) == 1
        dialog = ModalScreen[None]()
        await app.push_screen(dialog)
        spawn.spawn(dialog, fails, "reading")
        await eventually(lambda: len(place.flashed) == 2)
        assert not told(place)
    assert not list(tmp_path.glob("crash-*.txt"))


async def test_a_fault_in_showing_a_failure_is_a_fault(tmp_path: Path) -> None:
    async def fails() -> None:
        raise Unavailable("nobody answers")

    async with program(tmp_path) as (_, place, _pilot):
        spawn.spawn(place, fails, "reading", failed=place.call)
        await eventually(lambda: MARK in told(place))


async def test_cancelled_work_is_silent(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with program(tmp_path) as (app, place, pilot):
        first = spawn.spawn(place, waits, "reading", exclusive=True)
        await begun.wait()
        second = spawn.spawn(place, waits, "reading", exclusive=True)
        spawn.spawn(place, waits, "reading", exclusive=True)
        await eventually(lambda: first not in app.workers and second not in app.workers)
        await pilot.pause()
        assert not told(place)
        assert not place.flashed
    assert not list(tmp_path.glob("crash-*.txt"))


async def test_a_fault_behind_a_screen_is_told_on_the_screen_on_show_too(tmp_path: Path) -> None:
    async with program(tmp_path) as (app, place, _):
        above = Place()
        await app.push_screen(above)
        spawn.spawn(place, place.work, "reading")
        await eventually(lambda: bool(above.flashed))
        assert "internal error (RuntimeError); details: " in above.flashed[0]
        assert not told(above)
        assert MARK in told(place)


async def test_a_fault_of_the_application_or_of_a_closed_screen_is_told_on_what_is_shown(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def outlives(place: Place) -> None:
        await go.wait()
        place.call()

    async with program(tmp_path) as (app, place, _):
        above = Place()
        await app.push_screen(above)
        spawn.spawn(app, partial(outlives, above), "everywhere")
        await app.pop_screen()
        go.set()
        await eventually(lambda: MARK in told(place))
        above.broken = False
        spawn.spawn(app, partial(outlives, above), "everywhere")
        await eventually(lambda: not told(place))


async def test_a_listener_does_not_keep_its_screen_alive(tmp_path: Path) -> None:
    async with program(tmp_path) as (app, place, pilot):
        above = Place()
        await app.push_screen(above)
        spawn.listen(above, app.app_suspend_signal, above.call)
        gone = weakref.ref(above)
        del above
        await app.pop_screen()
        await pilot.pause()
        await eventually(lambda: gc.collect() >= 0 and gone() is None)
        app.app_suspend_signal.publish(app)
        await pilot.pause()
        assert not told(place)


async def test_an_application_that_tells_no_faults_fails_by_them() -> None:
    app = App[None]()
    with pytest.raises(WorkerFailed):
        async with app.run_test() as pilot:
            place = Place()
            await app.push_screen(place)
            spawn.spawn(place, place.work, "reading")
            await pilot.pause()
