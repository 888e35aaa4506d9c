"""What is closed is gone: no screen, dialog or session stays alive, and no line painted for one."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

from etcdtui.client import ClientOptions, connect
from etcdtui.services.session.session import Session
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.collector import LONG, collect_what_is_owed, leave_out_names
from etcdtui.ui.screens.profiles.screen import ProfilesScreen
from etcdtui.ui.text import TerminalNet
from tests.support import Server, eventually
from tests.ui.openings import (
    FOR_THE_SESSION,
    MAIN_SCREENS,
    OPENINGS,
    fill,
    open_and_close,
    screen_classes,
    to_the_key,
)
from tests.ui.test_shell import profile, running

ROUNDS = 2
SWITCHES = 3


class Held(NamedTuple):
    """What the process holds of what must not grow."""

    sockets: int
    descriptors: int
    threads: int
    nets: int


def held() -> Held:
    places = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            places.append(str(descriptor.readlink()))
        except OSError:
            pass  # the descriptor of the listing itself
    sockets = sum(place.startswith("socket:") for place in places)
    threads = sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate())  # a pool that stays
    return Held(sockets, len(places), threads, alive(TerminalNet))


async def collect() -> bool:
    """Free what nothing holds any more; for ``eventually``."""
    loop = asyncio.get_running_loop()
    for _ in range(300):  # the loop keeps the contexts of cancelled timers until they are many, or due
        loop.call_later(60, int).cancel()
    await asyncio.sleep(0)
    gc.collect()
    return True


def alive(kind: type[Any]) -> int:
    return sum(isinstance(one, kind) for one in gc.get_objects())


def screens(app: EtcdtuiApp) -> set[Screen[Any]]:
    """Those that are meant to be there."""
    return {*app.deck.values(), *app.screen_stack}


@asynccontextmanager
async def program(etcd: Server, tmp_path: Path) -> AsyncIterator[tuple[EtcdtuiApp, Pilot[int]]]:
    async with connect(ClientOptions(endpoints=etcd.endpoints)) as client:
        await fill(client)
    one, two = profile("one", "dev", etcd.endpoint), profile("two", "dev", etcd.endpoint)
    async with running(one, two, tmp_path=tmp_path) as (app, pilot):
        await to_the_key(app, pilot)
        yield app, pilot
    assert app.crash.noted == ()


async def gone(app: EtcdtuiApp, seen: WeakSet[Any]) -> None:
    """Wait until none of ``seen`` is alive but what is meant to be."""

    async def only_what_is_there() -> bool:
        await collect()
        assert set(seen) - screens(app) == set()
        return True

    await eventually(only_what_is_there)


async def as_before(before: Held) -> None:
    def is_so() -> bool:
        assert held() == before
        return True

    await eventually(is_so)


async def switch(app: EtcdtuiApp, pilot: Pilot[int], name: str) -> None:
    before = app.session
    await pilot.press("P")
    await eventually(lambda: isinstance(app.screen, ProfilesScreen))
    assert isinstance(app.screen, ProfilesScreen)
    app.screen.connect_to(name)
    await eventually(lambda: app.session is not before and len(app.screen_stack) == 1 and app.shown, 10)
    await pilot.pause()


def test_every_screen_of_the_program_is_opened_here() -> None:
    known = {*OPENINGS, *MAIN_SCREENS, *FOR_THE_SESSION}
    assert {kind.__name__ for kind in screen_classes()} == known


async def test_what_is_closed_is_gone(etcd: Server, tmp_path: Path) -> None:
    async with program(etcd, tmp_path) as (app, pilot):
        seen: WeakSet[Screen[Any]] = WeakSet()
        for name in OPENINGS:
            seen.add(await open_and_close(app, pilot, name))
        gc.collect()
        before, strips = held(), alive(Strip)
        for name in OPENINGS:
            for _ in range(ROUNDS):
                seen.add(await open_and_close(app, pilot, name))
        await gone(app, seen)
        await as_before(before)
        assert held().nets <= before.nets
        assert alive(Strip) < 1.25 * strips + 100


async def test_after_a_switch_of_profiles_the_old_session_and_its_screens_are_gone(
    etcd: Server, tmp_path: Path
) -> None:
    async with program(etcd, tmp_path) as (app, pilot):
        seen: WeakSet[Screen[Any]] = WeakSet()
        sessions: WeakSet[Session] = WeakSet()
        await switch(app, pilot, "two")
        gc.collect()
        before, strips = held(), alive(Strip)
        for number in range(SWITCHES):
            for key in "2345789":
                await pilot.press(key)
            seen.update(app.deck.values())
            assert app.session is not None
            sessions.add(app.session)
            await switch(app, pilot, "one" if number % 2 else "two")
        await gone(app, seen)
        assert set(sessions) <= {app.session}
        await as_before(before)
        assert alive(Strip) < 1.25 * strips + 100


@pytest.fixture
def collector_as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("collector_as_it_was")
async def test_what_long_lists_took_out_of_collections_goes_with_its_session(etcd: Server, tmp_path: Path) -> None:
    async with program(etcd, tmp_path) as (app, pilot):
        assert leave_out_names(LONG)
        left = WeakSet(app.deck.values())
        await switch(app, pilot, "two")
        gc.collect()
        assert left
        assert collect_what_is_owed()
        await gone(app, left)
        assert gc.get_freeze_count() > 0
        assert not collect_what_is_owed()
