"""Any value leaves the program and comes back byte for byte; what is masked leaves only masked."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from etcdtui.services.writing.pager import NoPager, pager_command, run_pager
from etcdtui.ui.modals.picker import PickerDialog
from etcdtui.ui.modals.prompt import PromptDialog
from tests.support import PtyApp, Server, eventually
from tests.ui.agreeing import agree
from tests.ui.conftest import PROGRAM
from tests.ui.test_keys import Hands, on_screen, profile_of

BYTES = bytes(range(256)) + b"\n"


async def prompted(hands: Hands, text: str) -> None:
    await eventually(lambda: isinstance(hands.app.screen, PromptDialog))
    dialog = hands.app.screen
    assert isinstance(dialog, PromptDialog)
    dialog.field.value = text
    await hands.press("enter")
    await eventually(lambda: hands.screen.is_current)


async def picking(hands: Hands, key: str) -> PickerDialog:
    await hands.press(key)
    await eventually(lambda: isinstance(hands.app.screen, PickerDialog))
    dialog = hands.app.screen
    assert isinstance(dialog, PickerDialog)
    return dialog


async def test_a_value_goes_into_a_file_and_back_with_every_byte(
    etcd: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    await etcd.put(b"bytes", BYTES)
    await etcd.put(b"other", b"x")
    file = tmp_path / "out"
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"bytes")
        await picking(hands, ">")
        await hands.press("v")
        await prompted(hands, str(file))
        await eventually(file.exists)
        assert file.read_bytes() == BYTES
        assert file.stat().st_mode & 0o777 == 0o600
        await hands.press("j")
        await hands.at(b"other")
        await hands.press("<")
        await eventually(lambda: isinstance(hands.app.screen, PromptDialog))
        dialog = hands.app.screen
        assert isinstance(dialog, PromptDialog)
        dialog.field.value = str(file)
        await hands.press("enter")
        await agree(hands.pilot)

        async def written() -> bool:
            return await etcd.get(b"other") == BYTES

        await eventually(written)


async def test_what_is_masked_is_not_saved_before_it_is_revealed(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"conf", gzip.compress(b'{"password": "hunter2", "port": 1}'))
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"conf")
        dialog = await picking(hands, ">")
        assert [(item.value, bool(item.reason)) for item in dialog.all_items] == [
            ("value", True),
            ("content", True),
            ("view", False),
        ]
        await hands.press("d")
        await prompted(hands, str(tmp_path / "view"))
        await eventually((tmp_path / "view").exists)
        assert "hunter2" not in (tmp_path / "view").read_text() and "********" in (tmp_path / "view").read_text()
        await hands.press("x")
        await hands.value("hunter2")
        await picking(hands, ">")
        await hands.press("c")
        await prompted(hands, str(tmp_path / "content"))
        await eventually((tmp_path / "content").exists)
        assert (tmp_path / "content").read_text() == '{"password": "hunter2", "port": 1}'


async def test_a_pager_that_cannot_be_run_or_fails_is_a_sentence(tmp_path: Path) -> None:
    for environ in ({"PAGER": "no-such-pager", "PATH": "/usr/bin:/bin"}, {"PAGER": "'", "PATH": ""}, {"PATH": ""}):
        with pytest.raises(NoPager, match="PAGER"):
            pager_command(environ)
    file = tmp_path / "f"
    file.touch()
    assert await run_pager(file, {"PAGER": "false", "PATH": "/usr/bin:/bin"}) == "the pager ended with code 1"
    assert await run_pager(file, {"PAGER": "true", "PATH": "/usr/bin:/bin"}) == ""


def test_the_pager_gets_the_view_and_the_program_comes_back(etcd: Server, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    pager = tmp_path / "pager"
    pager.write_text(f'#!/bin/sh\nls -l "$1" | cut -c1-10 > {seen}\ncat "$1" >> {seen}\necho PAGING\nread -r answer\n')
    pager.chmod(0o755)
    etcd.etcdctl("put", "conf", '{"password":"hunter2","a":"\x1b[2J"}')
    homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    with PtyApp.start([PROGRAM, "--endpoints", etcd.endpoint], env={**homes, "PAGER": str(pager)}) as app:
        app.wait_for("conf", "create", "? help")
        app.keys("|")
        app.wait_for("PAGING")
        assert seen.read_text().startswith("-rw-------\n")
        shown = seen.read_text()
        assert "********" in shown and "hunter2" not in shown and "\x1b" not in shown
        app.keys("enter")
        app.wait_for("conf", "? help", gone=("PAGING",))


def test_a_key_that_does_something_is_not_told_to_do_nothing(etcd: Server, tmp_path: Path) -> None:
    etcd.etcdctl("put", "a", "1")
    etcd.etcdctl("put", "b", "2")
    homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    with PtyApp.start([PROGRAM, "--endpoints", etcd.endpoint], env=homes) as app:
        app.wait_for("create", "? help")
        app.keys("j")
        app.wait_for("│b", gone=("does nothing here",))
        app.keys("K")
        app.wait_for("K does nothing here")
