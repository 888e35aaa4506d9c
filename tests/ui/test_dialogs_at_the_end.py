"""The program ends while a dialog is on its way: it is told to mount without its parts, and that is no crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from rich.text import Text
from textual.screen import Screen

from etcdtui.core.plan import ActionClass, line
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.command import CommandDialog, TextDialog
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.help import HelpDialog
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PasswordDialog, PromptDialog
from etcdtui.ui.modals.unlock import UnlockDialog
from tests.ui.test_review import Bench, Clock, dialog

DIALOGS: dict[str, Callable[[], Screen[Any]]] = {
    "review": lambda: dialog(ActionClass.R2, "ask", Clock()),
    "review, typed": lambda: dialog(ActionClass.R4, "type", Clock()),
    "ask": lambda: AskDialog(Text("t"), [line("l")], [("a", "b")]),
    "prompt": lambda: PromptDialog(Text("t"), Text("e"), value="v"),
    "password": lambda: PasswordDialog(Text("t")),
    "picker": lambda: PickerDialog(Text("t"), [Item("a", Text("b"))]),
    "picker by letters": lambda: PickerDialog(Text("t"), [Item("a", Text("b"))], typing=False),
    "message": lambda: MessageDialog(Text("t"), Text("b")),
    "edit": lambda: EditDialog(b"/k", b"v", size_limit=1000),
    "command": lambda: CommandDialog([]),
    "text": lambda: TextDialog(Text("t"), "x"),
    "help": lambda: HelpDialog(Text("t"), Text("a"), [], {}, Text("f")),
    "unlock": lambda: UnlockDialog("prod", 900.0),
}


@pytest.mark.parametrize("turns", range(3))
@pytest.mark.parametrize("kind", DIALOGS)
async def test_the_end_while_a_dialog_mounts_is_no_crash(kind: str, turns: int) -> None:
    app = Bench()
    async with app.run_test():
        app.push_screen(DIALOGS[kind](), app.answers.append)
        for _ in range(turns):
            await asyncio.sleep(0)
        app.exit()
