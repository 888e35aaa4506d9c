"""What the profile masks stays masked until x is pressed for that key, on every way out of the program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from etcdtui.services.writing.drafts import drafts_of
from etcdtui.ui import clipboard
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.review import ReviewDialog
from tests.support import Server, eventually
from tests.ui.test_typeahead import desk

KEY, FIELD = "/app/token", "/app/db.json"


async def filled(server: Server) -> None:
    await server.put(KEY, "hush-1")
    await server.put(FIELD, '{"user": "u", "password": "hush-2"}')
    await server.put("/app/open", "said")
    await server.put("/a/first", "for the desk")


@pytest.mark.parametrize("key", [KEY, FIELD])
async def test_the_editor_opens_after_x_for_that_key_only(etcd: Server, tmp_path: Path, key: str) -> None:
    await filled(etcd)
    async with desk(etcd, tmp_path, delay=0.0) as one:
        one.send(f"f{key}\re")
        await eventually(lambda: "masked by the profile" in one.told())
        assert one.app.screen is one.keys
        one.send("xe")
        await one.open(EditDialog)
        await one.back()
        one.send(f"f/app/open\rf{key}\re")
        await eventually(lambda: "masked by the profile" in one.told())
        session = one.app.session
        assert session is not None and not drafts_of(session.writes).all()


async def test_an_export_leaves_masked_values_out_unless_it_is_told_to(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd)
    async with desk(etcd, tmp_path, delay=0.0) as one:
        for answer, secrets in (("l", 0), ("x", 2)):
            file = tmp_path / f"out-{answer}.jsonl"
            await one.pilot.press("colon")
            one.send(f"export /app/ {file}\r")
            await one.open(AskDialog)
            one.send(answer)
            await eventually(file.exists)
            await eventually(lambda: "keys of rev" in one.told())
            lines = file.read_text().splitlines()
            assert len(lines) == 2 + 1 + secrets
    assert "2 masked keys left out" not in lines[0]


async def test_a_review_copies_no_masked_value_before_x(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd)
    async with desk(etcd, tmp_path, delay=0.0) as one:
        await one.pilot.press("colon")
        one.send(f"put {KEY} hush-3\r")
        await one.open(ReviewDialog)
        await one.settled()
        one.send("y")
        dialog = one.app.screen
        assert isinstance(dialog, ReviewDialog)
        await eventually(lambda: "not copied: the lines hold a value" in str(dialog.notice.content))
        assert "hush" not in one.app.clipboard
        one.send("xy")
        await eventually(lambda: "hush-3" in one.app.clipboard)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TERM": "xterm-256color"}, ""),
        ({"TERM": "screen.xterm"}, "GNU screen"),
        ({"STY": "1.pts"}, "GNU screen"),
        ({"TERM_PROGRAM": "Apple_Terminal"}, "macOS Terminal"),
        ({"VTE_VERSION": "7003"}, "VTE"),
        ({"XTERM_VERSION": "XTerm(390)"}, "allowWindowOps"),
        ({"TERM": "linux"}, "no clipboard"),
    ],
)
def test_copy_says_where_the_terminal_is_known_not_to_take_it(environment: Mapping[str, str], words: str) -> None:
    told = clipboard.terminal_doubts(environment)
    assert words in told and bool(words) == bool(told)


def test_tmux_is_told_by_its_own_setting() -> None:
    assert clipboard.tmux_doubts("on") == ""
    for setting in ("external", "off", ""):
        assert clipboard.TMUX_ON in clipboard.tmux_doubts(setting)
