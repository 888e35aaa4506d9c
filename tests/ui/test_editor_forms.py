"""The editor shows a value in the form a person asks for, and saves what that form means."""

from __future__ import annotations

import gzip

from textual.pilot import Pilot

from etcdtui.ui.modals.edit import EditDialog
from tests.ui.test_review import Bench


async def opened(pilot: Pilot[None], app: Bench, value: bytes) -> EditDialog:
    dialog = EditDialog(b"/k", value, size_limit=1000, original=value)
    app.push_screen(dialog, app.answers.append)
    await pilot.pause()
    return dialog


def title(dialog: EditDialog) -> str:
    return dialog.title_text().plain


async def test_minified_json_is_formatted_on_request_and_saved_as_the_title_says() -> None:
    app = Bench()
    async with app.run_test() as pilot:
        dialog = await opened(pilot, app, b'{"a":1,"b":[true]}')
        await pilot.press("ctrl+l")
        assert dialog.area.text == '{\n  "a": 1,\n  "b": [\n    true\n  ]\n}'
        assert "JSON formatted, saved on one line" in title(dialog)
        dialog.area.text = dialog.area.text.replace("1,", "2,")
        await pilot.press("ctrl+s")
        assert app.answers == [("review", b'{"a":2,"b":[true]}')]

        dialog = await opened(pilot, app, b'{"a":1}')
        await pilot.press("ctrl+l", "ctrl+l")
        assert "JSON formatted" in title(dialog) and "one line" not in title(dialog)
        await pilot.press("ctrl+s")
        assert app.answers[-1] == ("review", b'{\n  "a": 1\n}')

        dialog = await opened(pilot, app, b'{"a":1}')
        await pilot.press("ctrl+l", "ctrl+l", "ctrl+l")
        assert dialog.area.text == '{"a":1}' and title(dialog) == "edit  /k"
        await pilot.press("escape")
        assert app.answers[-1] is None


async def test_bytes_are_typed_as_hex_or_base64_and_a_compressed_value_by_its_content() -> None:
    app = Bench()
    async with app.run_test() as pilot:
        dialog = await opened(pilot, app, b"hi")
        await pilot.press("ctrl+t")
        assert (dialog.area.text, title(dialog)) == ("68 69", "edit as hex  /k")
        dialog.area.text = "68 6"
        await pilot.press("ctrl+t")
        assert dialog.area.text == "68 6" and "hexadecimal" in str(dialog.notice.render())
        dialog.area.text = "68 ff"
        await pilot.press("ctrl+t")
        assert (dialog.area.text, title(dialog)) == ("aP8=", "edit as base64  /k")
        dialog.area.text = "aP8B"
        await pilot.press("ctrl+s")
        assert app.answers == [("review", b"h\xff\x01")]

        dialog = await opened(pilot, app, gzip.compress(b"one\ntwo\n"))
        assert (dialog.area.text, title(dialog)) == ("one\ntwo\n", "edit as gzip content  /k")
        dialog.area.text = "one\n"
        await pilot.press("ctrl+s")
        answer = app.answers[-1]
        assert isinstance(answer, tuple) and gzip.decompress(answer[1]) == b"one\n"
