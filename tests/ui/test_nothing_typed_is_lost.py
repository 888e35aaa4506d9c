"""Typed work is never lost: texts that are left or no transaction, names that are taken, an editor that is cut."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.command import TextDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.screens.txn import TxnScreen
from tests.support import Server, eventually
from tests.ui.conftest import Start
from tests.ui.test_shell import profile, running


async def test_a_transaction_text_that_was_left_is_offered_again(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("8")
        await eventually(lambda: isinstance(app.shown, TxnScreen))
        screen = app.shown
        assert isinstance(screen, TxnScreen)
        await pilot.press("e")
        await eventually(lambda: isinstance(app.screen, TextDialog))
        await pilot.press(*"not a txn")
        await pilot.press("escape")
        await eventually(lambda: "the text is kept" in screen.status_line.render().plain)
        await pilot.press("e")
        await eventually(lambda: isinstance(app.screen, AskDialog))
        await pilot.press("r")
        await eventually(lambda: isinstance(app.screen, TextDialog))
        again = app.screen
        assert isinstance(again, TextDialog) and again.area.text.rstrip() == "not a txn"
        again.area.text = "\nput /a 1\n\n\n"
        await pilot.press("ctrl+s")
        await eventually(lambda: screen.spec.ops == 1)
        await pilot.press("e")
        await eventually(lambda: isinstance(app.screen, TextDialog))


async def test_a_row_that_is_none_is_given_back(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("8", "n")
        await eventually(lambda: isinstance(app.screen, PromptDialog))
        first = app.screen
        await pilot.press(*"mod(k", "enter")
        await eventually(lambda: isinstance(app.screen, PromptDialog) and app.screen is not first)
        again = app.screen
        assert isinstance(again, PromptDialog) and again.field.value == "mod(k" and again.explain is not None


async def test_several_lines_pasted_into_one_are_told(etcd: Server, start: Start) -> None:
    app = start(etcd)
    app.wait_for("WRITES ON")
    app.keys("f")
    app.wait_for("find a key by path")
    app.send(b"\x1b[200~/first\n/second\n\x1b[201~")
    app.wait_for("/first", "Several lines were pasted")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_what_an_editor_had_saved_becomes_a_draft_when_the_program_is_ended_under_it(
    etcd: Server, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    await etcd.put("/k", "before")
    editor, pid = tmp_path / "editor", tmp_path / "pid"
    editor.write_text(
        f'#!/bin/sh\nprintf "typed there" > "$1"\necho $$ > {pid}.part; mv {pid}.part {pid}\nexec sleep 600\n'
    )
    editor.chmod(0o700)
    app = start(etcd, env={"EDITOR": str(editor)})
    app.wait_for("/k", "WRITES ON")
    app.keys("E")
    await eventually(lambda: bool(app.text()) and pid.exists())
    app.signal(number)
    assert app.wait() == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert app.terminal_modes() == app.modes_before
    again = start(etcd)
    again.wait_for("/k", "WRITES ON")
    again.keys("e")
    again.wait_for("there is a draft of this key", "typed there")
