"""What painting costs: lines are freed with their last use, only what changed is painted again."""

from __future__ import annotations

import gc
import weakref

from rich.segment import Segment
from rich.text import Text
from textual.app import App, ComposeResult
from textual.geometry import Region

from etcdtui.ui.collector import YOUNG, calm_collector, leave_out_what_is_loaded
from etcdtui.ui.widgets.lines import STRIPS_KEPT, LineView
from etcdtui.ui.widgets.strips import FreedStrip


class Counting(LineView):
    def __init__(self) -> None:
        super().__init__()
        self.painted: list[int] = []

    @property
    def row_count(self) -> int:
        return 1_000_000

    def render_row(self, index: int, width: int) -> Text:
        self.painted.append(index)
        return Text(f"row {index}")


class ListApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Counting()

    @property
    def view(self) -> Counting:
        return self.query_one(Counting)


def test_a_strip_does_not_keep_itself_alive() -> None:
    gc.disable()
    try:
        strip = FreedStrip([Segment("abcdef")], 6)
        assert [part.text for part in strip.divide([6])] == ["abcdef"]
        assert [part.text for part in strip.divide([2, 6])] == ["ab", "cdef"]
        assert [part.text for part in strip.divide([2, 9])] == ["ab"]
        gone = weakref.ref(strip)
        del strip
        assert gone() is None
    finally:
        gc.enable()


async def test_lines_on_the_screen_are_such_strips() -> None:
    app = ListApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        lines = app.view.render_lines(Region(0, 0, 40, 10))
        assert len(lines) == 10 and all(isinstance(line, FreedStrip) for line in lines)
        assert lines[0].text.startswith("row 0")


async def test_one_changed_row_of_a_million_is_one_painted_row() -> None:
    app = ListApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        app.view.painted.clear()
        app.view.row_changed(3)
        await pilot.pause()
        assert app.view.painted == [3]


async def test_scrolling_paints_what_comes_into_sight_and_keeps_a_bounded_number_of_lines() -> None:
    app = ListApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        app.view.painted.clear()
        for _ in range(2 * STRIPS_KEPT // 10):
            app.view.action_page_down()
            await pilot.pause()
        assert len(app.view.painted) <= 2.5 * STRIPS_KEPT + 40
        app.view.cursor = 999_999
        await pilot.pause()
        assert app.view.render_line(9).text.startswith("row 999999")


def test_collections_are_short_once_everything_is_loaded() -> None:
    before = gc.get_threshold()
    try:
        calm_collector()
        assert gc.get_threshold()[0] > YOUNG
        leave_out_what_is_loaded()
        assert gc.get_threshold()[0] == YOUNG
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
