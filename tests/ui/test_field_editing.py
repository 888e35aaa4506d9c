"""Enter on a line of the value edits that field alone, as any other write: reviewed and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.find import FindDialog
from etcdtui.ui.modals.prompt import PromptDialog
from tests.support import Server, eventually
from tests.ui.agreeing import agree
from tests.ui.test_keys import Hands, on_screen, profile_of

VALUE = b'{"host":"pg-1", "pool":{"max":16,"min":4},"password":"hunter2"}'


async def on_line(hands: Hands, text: str) -> None:
    """Put the cursor of the viewer on the line that holds a text."""
    viewer = hands.screen.pane.viewer
    await hands.value(text)
    viewer.focus()
    await eventually(lambda: viewer.show_cursor)
    viewer.cursor = next(i for i in range(viewer.row_count) if text in viewer.render_row(i, 100).plain)


async def test_enter_on_a_field_exchanges_it_and_nothing_else(
    etcd: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    await etcd.put(b"db", VALUE)
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"db")
        await on_line(hands, '"max"')
        await hands.press("enter")
        await eventually(lambda: isinstance(hands.app.screen, PromptDialog))
        dialog = hands.app.screen
        assert isinstance(dialog, PromptDialog) and dialog.field.value == "16"
        assert "pool.max of db" in dialog.title_text().plain
        dialog.field.value = "32"
        await hands.press("enter")
        await agree(hands.pilot)

        async def written() -> bool:
            return await etcd.get(b"db") == VALUE.replace(b"16", b"32")

        await eventually(written)
        await eventually(lambda: hands.screen.is_current)
        await hands.value('"max": 32')
        await hands.press("x")
        await on_line(hands, "hunter2")
        await on_line(hands, '"pool"')
        await hands.press("enter")
        await eventually(lambda: isinstance(hands.app.screen, EditDialog))
        editor = hands.app.screen
        assert isinstance(editor, EditDialog) and editor.area.text == '{\n  "max": 32,\n  "min": 4\n}'
        editor.area.text = '{\n  "max": 32,\n  "min": 5\n}'
        await hands.press("ctrl+s")
        await agree(hands.pilot)

        async def both_written() -> bool:
            return await etcd.get(b"db") == VALUE.replace(b'16,"min":4', b'32,"min":5')

        await eventually(both_written)


async def test_a_masked_field_and_a_line_without_one_are_not_edited(etcd: Server) -> None:
    await etcd.put(b"db", VALUE)
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"db")
        line = hands.screen.status_line
        refused = "x shows it first"
        for text, words in (('"password"', refused), ('"pool"', refused), ("},", "no field begins")):
            await on_line(hands, text)
            await hands.press("enter")
            await eventually(lambda words=words: words in line.render().plain)
            assert hands.screen.is_current


async def test_a_key_of_a_known_program_is_named_beside_its_raw_name_and_found_by_it(etcd: Server) -> None:
    await etcd.put(b"/skydns/org/example/web", b'{"host": "10.0.0.1"}')
    await etcd.put(b"/zzz", b"1")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/zzz")
        facts = hands.screen.pane.facts
        for typed, named in (("cn:web.example.org", "DNS:  web.example.org"), ("cn:example.org", "DNS: example.org")):
            await hands.press("f")
            await eventually(lambda: isinstance(hands.app.screen, FindDialog))
            dialog = hands.app.screen
            assert isinstance(dialog, FindDialog)
            dialog.field.value = typed
            await hands.press("enter")
            await eventually(lambda: hands.screen.is_current)
            await eventually(lambda named=named: named in facts.render().plain)
