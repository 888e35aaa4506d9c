"""Hostile keys and values reach no terminal: every screen, with its help, menu and palette, in a real terminal.

A new screen is covered by being in ``MAIN``; what it needs to show hostile data goes into ``fill``.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from etcdtui.ui.screens import MAIN
from tests.support import PtyApp, Server

HOSTILE = (
    b"\x1b[31mRED\x1b[0m",
    b"\x1b]52;c;cHduZWQ=\x07",
    b"\x1b]0;title\x07",
    b"\x1bP+q544e\x1b\\",
    b"\xc2\x9b31mC1",
    b"nul\x00here",
    b"so\x0ehere",
    "bidi\u202eevil".encode(),
    "zero\u200bwidth".encode(),
    "line\u2028sep".encode(),
    b"[/x]",
    b"[bold]gone",
    b"[@click=app.quit]click[/]",
    b"\xff\xfe not utf-8",
    b"back\\",
)
FORBIDDEN = (
    b"\x1b[31mRED",
    b"\x1b]52",
    b"\x1b]0;",
    b"\x1bP+q544e",
    b"\xc2\x9b",
    b"\x00",
    b"\x0e",
    "\u202e".encode(),
    "\u200b".encode(),
    "\u2028".encode(),
)
START = "import sys; from etcdtui.cli import main; sys.exit(main(sys.argv[1:]))"
LONG = 1024 * 1024


async def fill(etcd: Server) -> None:
    for number, text in enumerate(HOSTILE):
        await etcd.put(text, text)
        await etcd.put(b"/h/" + text, b"{" + text * 3)
        await etcd.call("lease/grant", TTL=600, ID=1000 + number)
        lease_key = base64.b64encode(b"/l/" + text).decode()
        await etcd.call("kv/put", key=lease_key, value="eA==", lease=1000 + number)
    await etcd.put(b"/long", b"x" * LONG)
    for name in ("[/x]", "\u202eevil", "[@click=app.quit]", "\u200b"):
        await etcd.call("auth/user/add", name=f"u{name}", password="p")
        await etcd.call("auth/role/add", name=f"r{name}")


@pytest.mark.parametrize("number", sorted(MAIN))
async def test_no_screen_lets_foreign_control_characters_out(etcd: Server, tmp_path: Path, number: int) -> None:
    await fill(etcd)
    env = {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    argv = [sys.executable, "-c", START, "--write", "--screen", MAIN[number].screen_name]
    with PtyApp.start([*argv, "--endpoints", etcd.endpoint], env=env) as app:
        app.wait_for("1/1 up", "? help", timeout=20)
        for _ in range(len(HOSTILE) + 4):
            app.keys("down")
            app.read(0.02)
        app.keys("l", "j", "j", "j")
        app.read(0.2)
        for opened, shown in (("?", "/ searches"), ("o", "What can be done"), ("ctrl+p", "What do you want to do?")):
            app.keys(opened)
            app.wait_for(shown)
            app.keys("esc")
            app.wait_for("1/1 up", gone=["What can be done", "What do you want to do?", "/ searches"])
        for bad in FORBIDDEN:
            assert bad not in app.raw, bad
        app.keys("ctrl+q")
        assert app.wait() == 0


HOSTILE_NAME = b"\x1b]52;c;cHduZWQ=\x07\x1b[31mRED\xc2\x9bnul\x00so\x0e[@click=app.quit][bold]" + (
    "\u202eevil\u200b\u2028".encode() + b"\xff\\"
)
WITHOUT_NET = (
    "import sys, etcdtui.ui.text as text;"
    "text.TerminalNet.apply = lambda self, segments, background: segments;"
    "from etcdtui.cli import main; sys.exit(main(sys.argv[1:]))"
)
DIALOGS = (
    (("d",), "review: delete key"),
    (("m",), "rename or move to"),
    (("c",), "clone to"),
    (("n",), "escapes"),
    (("ctrl+s",), "JSON Lines"),
    (("H",), "history of"),
    (("C",), "census of"),
    (("f",), "find a key by path"),
    (("y",), "as etcdctl get"),
    (("T",), "Colours"),
    (("P",), "choose a cluster"),
)


@pytest.mark.parametrize("start", [START, WITHOUT_NET], ids=["net", "no net"])
async def test_no_dialog_lets_foreign_control_characters_out(etcd: Server, tmp_path: Path, start: str) -> None:
    """The only key has a hostile name, so every dialog is about it; what reaches the net is clean already."""
    await etcd.put(HOSTILE_NAME, HOSTILE_NAME)
    await etcd.put(HOSTILE_NAME, b"{}")
    env = {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with PtyApp.start([sys.executable, "-c", start, "--write", "--endpoints", etcd.endpoint], env=env) as app:
        app.wait_for("1/1 up", "JSON  2 B", timeout=20)
        for keys, shown in DIALOGS:
            app.keys(*keys)
            app.wait_for(shown)
            app.keys("esc")
            app.wait_for("1 Keys  2 Watch", gone=[shown])
        app.keys("e")
        app.wait_for("ctrl+s review")
        app.keys("end", "space", "ctrl+s")
        app.wait_for("review: put (cas)")
        await etcd.put(HOSTILE_NAME, HOSTILE_NAME)
        app.keys("ctrl+s")
        app.wait_for("not written: somebody changed this key")
        app.keys("esc")
        app.wait_for("1 Keys", gone=["not written: somebody"])
        app.keys("9")
        app.wait_for("CONFLICT")
        for bad in FORBIDDEN:
            assert bad not in app.raw, bad
        app.keys("ctrl+q")
        assert app.wait() == 0
