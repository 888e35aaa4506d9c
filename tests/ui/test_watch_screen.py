"""The Watch screen: lines and the change, masks, pause, filter, search, names, saving, alarms, recordings."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from etcdtui.config.schema import Profile, WatchTrigger
from etcdtui.core.errors import ConfigError
from etcdtui.services.tail.feed import FeedState, WatchFeed
from etcdtui.services.tail.replay import Replay
from etcdtui.services.tail.source import WatchSpec
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.picker import PickerDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.screens.watch.screen import WatchScreen
from tests.support import Server, eventually
from tests.ui.conftest import Start
from tests.ui.test_shell import profile, running

SPEC = WatchSpec(b"/w/", b"/w0")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@asynccontextmanager
async def watching(
    etcd: Server, tmp_path: Path, *, size: tuple[int, int] = (120, 40), wanted: Profile | None = None
) -> AsyncIterator[tuple[EtcdtuiApp, Pilot[int], WatchScreen, WatchFeed]]:
    """The screen with a live watch of ``/w/``."""
    here = wanted or profile("here", "dev", etcd.endpoint)
    async with running(here, tmp_path=tmp_path, size=size) as (app, pilot):
        await pilot.press("2")
        await eventually(lambda: isinstance(app.shown, WatchScreen))
        screen = app.shown
        assert isinstance(screen, WatchScreen)
        screen.add_watch(SPEC)
        feed = screen.watches[0].live
        assert feed is not None
        await eventually(lambda: feed.state is FeedState.LIVE)
        yield app, pilot, screen, feed


def row(screen: WatchScreen, index: int = -1) -> str:
    tail = screen.tail
    return tail.render_row(index % tail.row_count, tail.scrollable_content_region.width).plain


def change(screen: WatchScreen) -> str:
    return "\n".join(line.plain for line in screen.change.lines)


def status(screen: WatchScreen) -> str:
    return screen.status_line.render().plain


async def answer(app: EtcdtuiApp, pilot: Pilot[int], text: str) -> None:
    await eventually(lambda: isinstance(app.screen, PromptDialog))
    dialog = app.screen
    assert isinstance(dialog, PromptDialog)
    dialog.field.value = text
    await pilot.press("enter")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_transaction_is_one_group_that_says_how_many(
    etcd: Server, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with watching(etcd, tmp_path, size=size) as (_, pilot, screen, _):
        puts = [
            {"request_put": {"key": "L3cvYQ==", "value": "MQ=="}},
            {"request_put": {"key": "L3cvYg==", "value": "MQ=="}},
        ]
        await etcd.call("kv/txn", success=puts)
        await eventually(lambda: screen.tail.row_count == 2)
        first, second = row(screen, 0), row(screen, 1)
        assert first.startswith("┌") and " x2 " in first and second.startswith("└") and " x2 " not in second
        await pilot.press("enter")
        await eventually(lambda: "in the same transaction as 1 other key" in change(screen))
        assert "the key did not exist" in change(screen)


async def test_masked_values_stay_hidden_until_x_and_again_when_the_cursor_moves_on(
    etcd: Server, tmp_path: Path
) -> None:
    async with watching(etcd, tmp_path) as (app, pilot, screen, _):
        await etcd.put("/w/token", "hunter1")
        await etcd.put("/w/token", "hunter2")
        await etcd.put("/w/db", '{"password": "hunter2", "max": 1}')
        await eventually(lambda: screen.tail.row_count == 3)
        await pilot.press("enter")
        for _ in range(3):
            assert not any("hunter" in row(screen, index) for index in range(3))
            for _ in range(4):  # all views of the change
                await pilot.press("v")
                await eventually(lambda: not screen.change.decodes or len(screen.change.lines) > 1)
                assert "hunter" not in change(screen)
            await pilot.press("k")
        await pilot.press("g", "j")
        assert "(masked)" in row(screen, 1)
        await pilot.press("x")
        await eventually(lambda: "hunter1 -> hunter2" in row(screen, 1))
        assert "hunter2" in change(screen)
        await pilot.press("j")
        assert "(masked)" in row(screen, 1) and "hunter" not in change(screen)
        await pilot.press("y")
        await eventually(lambda: isinstance(app.screen, PickerDialog))
        picker = app.screen
        assert isinstance(picker, PickerDialog)
        assert not any("hunter" in item.words for item in picker.all_items)
        await pilot.press("l")
        await eventually(lambda: '"type":"NEW"' in app.clipboard)
        assert "hunter" not in app.clipboard and json.loads(app.clipboard)["masked"] is True


async def test_a_pause_is_of_one_watch_and_loses_nothing(etcd: Server, tmp_path: Path) -> None:
    async with watching(etcd, tmp_path) as (_, pilot, screen, feed):
        await etcd.put("/w/a", "1")
        await eventually(lambda: screen.tail.row_count == 1)
        await pilot.press("p")
        await etcd.put("/w/a", "2")
        await eventually(lambda: feed.events == 2)
        await eventually(lambda: "paused (1)" in status(screen))
        assert screen.tail.row_count == 2 and "paused after rev" in row(screen)
        screen.add_watch(WatchSpec(b"/other"))
        await eventually(lambda: "follow ON" in status(screen))
        assert screen.watches[0].paused and not screen.watches[1].paused
        screen.list.cursor = 0
        await eventually(lambda: "paused (1)" in status(screen))
        await pilot.press("p")
        await eventually(lambda: screen.tail.row_count == 3)
        assert "1 -> 2" in row(screen)


async def test_scrolled_back_it_stays_and_tells_what_is_new(etcd: Server, tmp_path: Path) -> None:
    async with watching(etcd, tmp_path) as (_, pilot, screen, feed):
        for number in range(60):
            await etcd.put("/w/n", str(number))
        await eventually(lambda: screen.tail.row_count == 60)
        await pilot.press("pageup")
        top, current = screen.tail.scroll_offset.y, screen.tail.current_sequence
        for number in range(5):
            await etcd.put("/w/n", f"new {number}")
        await eventually(lambda: feed.events == 65)
        await eventually(lambda: "+5 new" in status(screen))
        assert (screen.tail.scroll_offset.y, screen.tail.current_sequence) == (top, current)
        await pilot.press("G")
        await eventually(lambda: "follow ON" in status(screen) and screen.tail.cursor == 64)


async def test_filter_and_search_find_events_and_keep_gaps_and_marks(etcd: Server, tmp_path: Path) -> None:
    async with watching(etcd, tmp_path) as (app, pilot, screen, feed):
        for key in ("/w/a", "/w/b", "/w/a", "/w/c"):
            await etcd.put(key, "1")
        await etcd.delete("/w/b")
        await eventually(lambda: feed.events == 5)
        feed.mark("here")
        await eventually(lambda: screen.tail.row_count == 6)
        await pilot.press("slash")
        await answer(app, pilot, "op:PUT,DEL key:/w/")
        await eventually(lambda: screen.tail.row_count == 3)
        assert ["PUT" in row(screen, 0), "DEL" in row(screen, 1)] == [True, True]
        assert "mark 1: here" in row(screen, 2)
        await pilot.press("escape")
        await eventually(lambda: screen.tail.row_count == 6)
        await pilot.press("F")
        await answer(app, pilot, "key:/w/a")
        await eventually(lambda: screen.tail.cursor == 2)
        await pilot.press("less_than_sign")
        assert screen.tail.cursor == 0
        await pilot.press("greater_than_sign")
        assert screen.tail.cursor == 2
        await pilot.press("slash")
        await answer(app, pilot, "size:huge")
        await eventually(lambda: "cannot read" in status(screen))


async def test_a_tail_is_saved_while_it_runs_and_opened_again(etcd: Server, tmp_path: Path) -> None:
    path = tmp_path / "tail.jsonl"
    async with watching(etcd, tmp_path) as (app, pilot, screen, feed):
        await etcd.put("/w/token", "hunter2")
        await eventually(lambda: feed.events == 1)
        await pilot.press("ctrl+s")
        await answer(app, pilot, str(path))
        await eventually(lambda: "saving tail.jsonl" in status(screen))
        await etcd.put("/w/a", "2")
        await pilot.press("m")
        await answer(app, pilot, "deploy")
        await eventually(lambda: "3 lines" in status(screen))
        await pilot.press("ctrl+s")
        await eventually(lambda: "saved: " in status(screen))
        await eventually(lambda: path.read_text().count("\n") == 3)
        assert "hunter" not in path.read_text()
        await pilot.press("ctrl+s")
        await answer(app, pilot, str(path))
        await eventually(lambda: "that file exists" in status(screen))
    replay = Replay(path)
    try:
        await replay.run()
        assert (replay.next, replay.spec) == (3, SPEC)
    finally:
        replay.close()


async def test_watches_have_names_and_are_kept(etcd: Server, tmp_path: Path) -> None:
    wanted = replace(profile("here", "dev", etcd.endpoint), watches={"leader": "/service/leader"})
    async with watching(etcd, tmp_path, wanted=wanted) as (app, pilot, screen, _):
        await pilot.press("e")
        await answer(app, pilot, "mine")
        assert screen.watches[0].label == "mine"
        await pilot.press("b")
        await answer(app, pilot, "works")
        await eventually(lambda: "saved, W opens it: works" in status(screen))
        await pilot.press("n")
        await answer(app, pilot, "leader 5 =who")
        await eventually(lambda: len(screen.watches) == 2)
        assert screen.watches[1].feed.spec == WatchSpec(b"/service/leader", b"", 5)
        assert screen.watches[1].label == "who"
    async with running(wanted, tmp_path=tmp_path) as (app, pilot):
        await pilot.press("2")
        await eventually(lambda: isinstance(app.shown, WatchScreen))
        await pilot.press("W")
        await eventually(lambda: isinstance(app.screen, PickerDialog))
        picker = app.screen
        assert isinstance(picker, PickerDialog)
        assert [item.value for item in picker.all_items] == ["leader", "works"]
        await pilot.press("w", "o", "r", "k", "enter")
        again = app.shown
        assert isinstance(again, WatchScreen)
        await eventually(lambda: [one.feed.spec for one in again.watches] == [SPEC])


async def test_a_trigger_of_the_profile_runs_its_command_without_values(etcd: Server, tmp_path: Path) -> None:
    script = tmp_path / "act"
    script.write_text(f'#!/bin/sh\necho "$ETCDTUI_TYPE $ETCDTUI_KEY $(cat)" >> {tmp_path}/acted\n')
    script.chmod(0o755)
    rules = (
        WatchTrigger(name="gone", filter="op:DEL", run=(str(script),), pause=True),
        WatchTrigger(name="elsewhere", watch="/other", run=("false",)),
    )
    wanted = replace(profile("here", "dev", etcd.endpoint), triggers=rules)
    async with watching(etcd, tmp_path, wanted=wanted) as (_, _, screen, feed):
        await etcd.put("/w/a", "value")
        await etcd.delete("/w/a")
        await eventually((tmp_path / "acted").exists)
        await eventually(lambda: (tmp_path / "acted").read_text() == "DEL /w/a \n")
        assert screen.watches[0].paused
        assert [trigger.fired for trigger in screen.watches[0].triggers] == [1]
        assert feed.events == 2


async def test_churn_tells_where_events_happen_and_leads_there(etcd: Server, tmp_path: Path) -> None:
    async with watching(etcd, tmp_path) as (_, pilot, screen, feed):
        for key in ("/w/busy/a", "/w/busy/a", "/w/busy/b", "/w/calm/a"):
            await etcd.put(key, "1")
        await eventually(lambda: feed.events == 4)
        await pilot.press("C")
        rows = [screen.churn.render_row(index, 100).plain for index in range(screen.churn.row_count)]
        folders = rows[2 : rows.index(next(line for line in rows if "BY KEY" in line))]
        assert ["/w/busy/" in folders[0], "/w/calm/" in folders[1]] == [True, True]
        assert " 3 " in folders[0] and "0.3/s" in folders[0]
        await pilot.press("j", "j", "enter")
        await eventually(lambda: screen.filter_words == '"/w/busy/"')
        await eventually(lambda: screen.tail.row_count == 3)


async def test_a_costly_start_is_asked_for_first(etcd: Server, tmp_path: Path) -> None:
    async with watching(etcd, tmp_path) as (app, pilot, screen, _):
        health = screen.session.health
        screen.session.monitor.health = replace(health, revision=health.revision + 1_000_000)
        screen.add_watch(WatchSpec(b"/w/", b"/w0", 2))
        await eventually(lambda: isinstance(app.screen, AskDialog))
        assert len(screen.watches) == 1
        await pilot.press("w")
        await eventually(lambda: len(screen.watches) == 2)


async def test_what_an_old_value_was_is_looked_up_for_what_is_on_the_screen(etcd: Server, tmp_path: Path) -> None:
    """A replay does not ask the server what keys held before."""
    async with watching(etcd, tmp_path) as (_, _, screen, _):
        await etcd.put("/w/a", "old")
        start = await etcd.put("/w/a", "new")
        screen.add_watch(WatchSpec(b"/w/", b"/w0", start))
        await eventually(lambda: screen.tail.row_count == 1 and "old -> new" in row(screen))


def test_a_recording_is_shown_without_a_cluster(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "night.jsonl"
    event = {"type": "PUT", "key": "/w/a", "value": "2", "prev": "1", "version": 2, "lease": 0, "seen": 1.0}
    entries = [
        {"rev": 5, **event},
        {"gap": "compacted", "reason": "4 revisions missed", "missed": 4, "first": 6, "last": 9, "seen": 2.0},
        "garbage",
        {"mark": "deploy", "number": 1, "seen": 3.0},
        {"rev": 10, **event, "type": "DEL~", "value": None, "lease": 0x694D},
    ]
    path.write_text("".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in entries))

    class Nobody:
        endpoints = ("127.0.0.1:1",)

    app = start(Nobody(), "--replay", str(path))
    app.wait_for("night.jsonl", "RECORDING", "READ-ONLY", "5 lines, rev 5 to 10", "1 -> 2", "4 revisions missed")
    app.wait_for("line 3 cannot be read", "mark 1: deploy", "DEL~", "lease 694d gone: expiry?")
    app.keys("n")
    app.wait_for("a recording has no cluster")
    app.keys("ctrl+q")
    assert app.wait() == 0


def test_what_is_no_recording_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for content, words in ((b"hello\n", "is not a recording: the line is not JSON"), (None, "no such file")):
        path = tmp_path / "x"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match=words):
            Replay(path)
    (tmp_path / "x").write_bytes(b"")
    assert Replay(tmp_path / "x").next == 0, "an empty one is one in which nothing happened"
