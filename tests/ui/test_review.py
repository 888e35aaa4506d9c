"""Agreeing to a write: the focus on Cancel, no Enter alone, no key in the first moment, the right word typed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.text import Text
from textual.app import App
from textual.widgets import TextArea

from etcdtui.core.plan import ActionClass, Scope, WritePlan, line
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.guard import Guard, GuardPolicy
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.choice import Choice
from etcdtui.ui.modals.command import CommandDialog
from etcdtui.ui.modals.dialog import Dialog, Hints
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.review import DEAF_FOR, ReviewDialog
from tests.support import Server, eventually
from tests.ui.agreeing import agree
from tests.ui.test_keys import on_screen, profile_of

AGREED = "delete prefix"
HOSTILE = b"/c/\x1b]52;c;AAAA\x07[/x][@click=app.quit]\xff"


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Bench(App[None]):
    """Holds one dialog and what it answered."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[object] = []

    def take(self) -> list[object]:
        """What was answered until now; an agreement is its plan's action."""
        taken, self.answers[:] = [*self.answers], []
        return [one.plan.action if isinstance(one, Confirmed) else one for one in taken]


def dialog(level: ActionClass, confirm: str, clock: Clock, target: bytes = b"/config/old/") -> ReviewDialog:
    policy = GuardPolicy(profile="prod-eu", environment="x", read_only=False,
                         confirm="type" if confirm == "type" else "ask-danger")  # fmt: skip
    lines = (line("key ", target), line("- ", b"\x1b[2Jvalue", tone="remove"))
    scope = Scope(frozenset({"KV/Txn"}))
    plan = WritePlan("delete prefix", target, level, scope, target_word="old/", lines=lines, etcdctl="etcdctl del x")
    return ReviewDialog(plan, Guard(policy, clock), clock=clock)


async def test_keys_in_the_first_moment_agree_to_nothing_that_cannot_be_taken_back() -> None:
    clock, app = Clock(), Bench()
    async with app.run_test() as pilot:
        app.push_screen(dialog(ActionClass.R1, "ask", clock), app.answers.append)
        await pilot.pause()
        await pilot.press("ctrl+s")
        assert app.take() == [AGREED]
        shown = dialog(ActionClass.R2, "ask", clock)
        app.push_screen(shown, app.answers.append)
        await pilot.pause()
        await pilot.press("ctrl+s")
        assert app.answers == []
        clock.now += 2 * DEAF_FOR
        await pilot.press("ctrl+s")
        assert app.take() == [AGREED]


async def test_enter_alone_cancels() -> None:
    clock, app = Clock(), Bench()
    async with app.run_test() as pilot:
        app.push_screen(dialog(ActionClass.R2, "ask", clock), app.answers.append)
        await pilot.pause()
        clock.now += 1
        assert isinstance(app.focused, Choice)
        assert app.focused.answer == "cancel"
        await pilot.press("enter")
        assert app.answers == [None]


async def test_production_wants_the_name_of_what_is_destroyed() -> None:
    clock, app = Clock(), Bench()
    async with app.run_test() as pilot:
        shown = dialog(ActionClass.R2, "type", clock)
        app.push_screen(shown, app.answers.append)
        await eventually(lambda: shown.field.has_focus)
        clock.now += 1
        await pilot.press("y", "e", "s", "enter")
        assert app.answers == []
        shown.field.value = ""
        await pilot.press("ctrl+s")
        assert app.answers == []
        await pilot.press("o", "l", "d", "slash", "enter")
        assert app.take() == [AGREED]


async def test_letters_act_from_the_empty_field_unless_the_word_begins_with_them() -> None:
    clock, app = Clock(), Bench()
    async with app.run_test(size=(80, 24)) as pilot:
        for word, listed in (("old/", True), ("logs/", False)):
            made = dialog(ActionClass.R2, "type", clock)
            plan = replace(made.plan, target_word=word, changes=31, listing=tuple(line(b"/k%d" % i) for i in range(31)))
            shown = ReviewDialog(plan, made.guard, clock=clock)
            app.push_screen(shown, app.answers.append)
            await eventually(lambda shown=shown: shown.field.has_focus)
            rows = len(shown.view.lines_shown)
            await pilot.press("l")
            assert (len(shown.view.lines_shown) > rows, shown.field.value) == (listed, "" if listed else "l")
            await pilot.press("o", "l")
            assert shown.field.value == ("ol" if listed else "lol")
            hints = shown.query_one(Hints)
            assert hints.region.bottom < 24
            assert "list all" in hints.render().plain
            await pilot.press("escape")


async def test_the_worst_class_wants_a_second_line() -> None:
    clock, app = Clock(), Bench()
    async with app.run_test() as pilot:
        shown = dialog(ActionClass.R4, "type", clock)
        app.push_screen(shown, app.answers.append)
        await eventually(lambda: shown.field.has_focus)
        clock.now += 1
        shown.field.value = "old/"
        await pilot.press("enter")
        assert app.answers == []
        shown.second.value = "I have a snapshot: rev 1204"
        await pilot.press("enter")
        assert app.take() == [AGREED]


async def test_a_locked_profile_offers_no_way_to_agree() -> None:
    clock, app = Clock(), Bench()
    async with app.run_test() as pilot:
        shown = dialog(ActionClass.R1, "ask", clock)
        shown.guard.lock()
        again = ReviewDialog(shown.plan, shown.guard, clock=clock)
        app.push_screen(again, app.answers.append)
        await pilot.pause()
        clock.now += 1
        assert [c.answer for c in again.query(Choice)] == ["cancel"]
        await pilot.press("ctrl+s")
        assert app.answers == []
        await pilot.press("escape")
        assert app.answers == [None]


async def test_hostile_keys_and_values_reach_no_dialog_unclean() -> None:
    clock, app = Clock(), Bench()
    async with app.run_test(size=(100, 30)) as pilot:
        dialogs: list[Dialog[Any]] = [
            dialog(ActionClass.R2, "type", clock, HOSTILE),
            EditDialog(HOSTILE, HOSTILE, size_limit=1000, original=HOSTILE),
            AskDialog(Text("ask"), [line(HOSTILE)], [("a", "b")]),
        ]
        for shown in dialogs:
            app.push_screen(shown)
            await pilot.pause()
            text = "\n".join("".join(s.text for s in strip) for strip in app.screen._compositor.render_strips())
            assert "\x1b" not in text
            assert "\x07" not in text
            assert app.is_running
            app.pop_screen()
            await pilot.pause()


@pytest.mark.parametrize("leave", ["escape", "ctrl+s"])
async def test_esc_keeps_the_text_and_ctrl_s_asks_for_review(leave: str) -> None:
    app = Bench()
    async with app.run_test() as pilot:
        app.push_screen(EditDialog(b"/k", b"ab", size_limit=1000, original=b"ab"), app.answers.append)
        await pilot.pause()
        await pilot.press("x")
        await pilot.press(leave)
        assert app.answers == [("draft" if leave == "escape" else "review", b"xab")]


async def test_the_command_line_has_history_and_completes() -> None:
    app = Bench()
    async with app.run_test() as pilot:
        shown = CommandDialog(["get /a", "put /b 1"])
        app.push_screen(shown, app.answers.append)
        await pilot.pause()
        await pilot.press("up", "up")
        assert shown.field.value == "get /a"
        await pilot.press("down", "down")
        assert shown.field.value == ""
        await pilot.press("p", "tab")
        assert shown.field.value == "put /b 1"
        shown.field.value = "nonsense"
        await pilot.press("enter")
        assert app.answers == []
        shown.field.value = "go members"
        await pilot.press("enter")
        assert app.answers == ["go members"]


async def test_an_edit_on_the_keys_screen_from_key_to_server(
    etcd: Server, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    lease = int((await etcd.call("lease/grant", TTL=100))["ID"])
    await etcd.put(b"k", b"16", lease=lease)
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"k")
        await hands.press("e")
        await eventually(lambda: isinstance(hands.app.screen, EditDialog))
        await eventually(lambda: isinstance(hands.app.focused, TextArea))
        await hands.press("9", "ctrl+s")
        await agree(hands.pilot)

        async def written() -> bool:
            return await etcd.get(b"k") == b"916"

        await eventually(written)
        kv = (await etcd.call("kv/range", key=b"k"))["kvs"][0]
        assert int(kv["lease"]) == lease


async def test_delete_and_undo_on_the_keys_screen(
    etcd: Server, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    await etcd.put(b"k", b"16")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"k")
        for key, wanted in (("d", None), ("u", b"16")):
            await eventually(lambda: not isinstance(hands.app.screen, ReviewDialog))
            await eventually(lambda: all(w.is_finished for w in hands.screen.workers if w.group == "write"))
            await hands.press(key)
            await agree(hands.pilot)

            async def done(wanted: bytes | None = wanted) -> bool:
                return await etcd.get(b"k") == wanted

            await eventually(done)


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_a_long_warning_is_told_whole_at_every_width(width: int) -> None:
    app = Bench()
    words = "reads and writes on this member stop while it runs; giving up here does not stop it, " * 2 + "x" * 90
    async with app.run_test(size=(width, 24)) as pilot:
        review = dialog(ActionClass.R1, "ask", Clock())
        review = ReviewDialog(replace(review.plan, lines=(line(words, tone="warn"), line("after"))), review.guard)
        app.push_screen(review)
        await pilot.pause()
        view = review.view
        rows = [view.render_line(y).text.rstrip() for y in range(view.size.height)]
        end = next(y for y, row in enumerate(rows) if row.startswith("after"))
        told = [row.strip() for row in rows[:end]]
        assert "".join(told).replace(" ", "") == words.replace(" ", "") and end > 1
        assert max(map(len, told)) <= view.size.width
