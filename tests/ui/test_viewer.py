"""The value viewer: any size opens at once, nothing foreign gets through, search finds its way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from etcdtui.core.decoding.registry import Decoders
from etcdtui.ui.widgets.folding import Folding, measure
from etcdtui.ui.widgets.viewer import ValueViewer
from tests.support.timing import Stopwatch

DECODERS = Decoders()
OPEN_AT_MOST = 1.0


class ViewerApp(App[None]):
    def compose(self) -> ComposeResult:
        yield ValueViewer()

    @property
    def viewer(self) -> ValueViewer:
        return self.query_one(ValueViewer)


def drawn(viewer: ValueViewer) -> list[str]:
    return [viewer.render_line(y).text for y in range(viewer.size.height)]


async def until(pilot: Pilot[None], fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not fact():
        assert time.monotonic() < deadline, "it never came true"
        await pilot.pause()


async def test_json_is_shown_pretty_then_as_stored_then_in_hex() -> None:
    app = ViewerApp()
    async with app.run_test(size=(80, 12)) as pilot:
        app.viewer.show(DECODERS.decode(b"k", b'{"a":1.10,"b":[true]}'), 21)
        await pilot.pause()
        assert [row.rstrip() for row in drawn(app.viewer)[:6]] == [
            "{",
            '  "a": 1.10,',
            '  "b": [',
            "    true",
            "  ]",
            "}",
        ]
        assert app.viewer.view_names == ("JSON", "text", "hex")
        app.viewer.next_view()
        assert drawn(app.viewer)[0].rstrip() == '{"a":1.10,"b":[true]}'
        app.viewer.next_view()
        assert drawn(app.viewer)[0].startswith("00000000  7b 22 61 22")
        app.viewer.next_view()
        assert app.viewer.view_name == "JSON"


@pytest.mark.parametrize(
    "value",
    [
        b"x" * 1_500_000,
        b"line of some text\n" * 100_000,
        "宽".encode() * 500_000,
        bytes(range(256)) * 6000,
        json.dumps([{"name": f"n{i}", "at": i} for i in range(40_000)]).encode(),
    ],
    ids=["one line", "100k lines", "one CJK line", "binary", "compact JSON"],
)
async def test_large_values_open_and_scroll_at_once(value: bytes) -> None:
    app = ViewerApp()
    async with app.run_test(size=(80, 24)) as pilot:
        started = Stopwatch()
        app.viewer.show(DECODERS.decode(b"k", value), len(value))
        await until(pilot, lambda: app.viewer.row_count > 1)
        assert started.fair() < 3 * OPEN_AT_MOST
        started = Stopwatch()
        app.viewer.action_bottom()
        await pilot.pause()
        assert any(row.strip() for row in drawn(app.viewer))
        assert started.fair() < OPEN_AT_MOST
        app.viewer.wrap = False
        await pilot.pause()
        app.viewer.action_cursor_right()
        await pilot.pause()
        assert any(row.strip() for row in drawn(app.viewer))


async def test_no_control_byte_is_drawn_from_a_hostile_value() -> None:
    app = ViewerApp()
    hostile = "a\x1b]52;c;Zm9v\x07b\u202ec\x9bd [/x] [@click=app.quit]x\n".encode() * 30
    async with app.run_test(size=(60, 10)) as pilot:
        for wrap in (True, False):
            app.viewer.show(DECODERS.decode(b"k", hostile), len(hostile))
            app.viewer.wrap = wrap
            await pilot.pause()
            text = "".join(row.rstrip() for row in drawn(app.viewer))
            assert "␛]52;c" in text and "<U+202E>" in text
            assert text.isprintable()


async def test_another_value_is_never_drawn_while_a_large_one_is_prepared() -> None:
    app = ViewerApp()
    small, large = b"the value of another key", b"line of some text\n" * 100_000
    async with app.run_test(size=(80, 12)) as pilot:
        app.viewer.show(DECODERS.decode(b"k", small), len(small))
        await pilot.pause()
        assert drawn(app.viewer)[0].rstrip() == small.decode()
        app.viewer.show(DECODERS.decode(b"large", large), len(large))
        assert not any(row.strip() for row in drawn(app.viewer))
        await until(pilot, lambda: drawn(app.viewer)[0].startswith("line of some text"))


async def test_search_goes_round_in_both_directions() -> None:
    app = ViewerApp()
    value = "\n".join("needle" if i in (10, 500, 900) else f"row {i}" for i in range(1000)).encode()
    async with app.run_test(size=(40, 10)) as pilot:
        app.viewer.show(DECODERS.decode(b"k", value), len(value))
        await pilot.pause()
        seen: list[int] = []

        def note(found: bool) -> None:
            assert found
            seen.append(
                next(app.viewer.scroll_offset.y + y for y, row in enumerate(drawn(app.viewer)) if "needle" in row)
            )

        for step in (0, 1, 1, 1, -1, -1):
            found = app.viewer.find_next(step) if step else app.viewer.find("needle")
            await pilot.pause()
            note(found)
        assert seen == [10, 500, 900, 10, 900, 500]
        assert not app.viewer.find("Needle")


async def test_masked_fields_are_hidden_in_every_view_until_revealed() -> None:
    app = ViewerApp()
    value = b'{"user":"bob","password":"hunter2","nested":{"Token":["s3cr3t"]}}'
    async with app.run_test(size=(60, 20)) as pilot:
        app.viewer.show(DECODERS.decode(b"k", value, mask=frozenset({"password", "token"})), len(value))
        for _ in app.viewer.view_names:
            await pilot.pause()
            text = "".join(drawn(app.viewer))
            assert "hunter2" not in text and "s3cr3t" not in text and "68 75 6e" not in text
            app.viewer.next_view()
        app.viewer.show(DECODERS.decode(b"k", value, mask=frozenset({"password"}), reveal=True), len(value))
        await pilot.pause()
        assert "hunter2" in "".join(drawn(app.viewer))


@pytest.mark.parametrize("width", [1, 7, 40])
def test_folding_shows_every_character_once_and_finds_its_row(width: int) -> None:
    lines = ["", "short", "x" * 100, "宽" * 33, "a\u202eb" * 9, "", "é" * 41]
    folding = Folding(measure(lines), width)
    rows = [folding.locate(row) for row in range(len(folding))]
    assert [lines[line][start:end] for line, start, end in rows if lines[line]] == [
        lines[line][start:end] for line, start, end in sorted(rows) if lines[line]
    ]
    for number, line in enumerate(lines):
        assert "".join(line[start:end] for at, start, end in rows if at == number) == line
        for offset in range(len(line)):
            at, start, end = folding.locate(folding.row_of(number, offset))
            assert at == number and start <= offset < end
