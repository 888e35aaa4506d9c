"""Every dialog can be used on the smallest terminal, and nothing that matters is cut at 80 columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.text import Text
from textual.widget import Widget

from etcdtui.services.tail.feed import FeedState
from etcdtui.ui.modals.dialog import Dialog, Hints
from etcdtui.ui.modals.find import FindDialog
from etcdtui.ui.modals.picker import ItemLines, PickerDialog
from etcdtui.ui.screens.auth.screen import AuthScreen
from etcdtui.ui.screens.keys.screen import KeysScreen
from etcdtui.ui.screens.leases.screen import LeasesScreen
from etcdtui.ui.screens.watch.screen import WatchScreen
from etcdtui.ui.widgets.table import Column, fit_columns
from tests.support import Server, eventually
from tests.ui.conftest import Start
from tests.ui.test_shell import profile, running

SMALLEST = (40, 10)


def visible(widget: Widget) -> bool:
    """Whether all of it is inside of the dialog's frame, and so on the screen."""
    frame = widget.screen.query_one(".dialog").content_region
    return widget.region.height > 0 and frame.contains_region(widget.region)


@pytest.mark.parametrize("key", ["o", "ctrl+p", "T", "question_mark", "f", "i", "y", "colon"])
async def test_a_dialog_fits_the_smallest_terminal_with_its_hints(etcd: Server, tmp_path: Path, key: str) -> None:
    await etcd.put("/a", "1")
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path, size=SMALLEST) as (app, pilot):
        await eventually(lambda: isinstance(app.shown, KeysScreen) and app.shown.selected_key() is not None)
        await pilot.press(key)
        await eventually(lambda: isinstance(app.screen, Dialog))
        await pilot.pause()
        assert visible(app.screen.query_one(Hints))
        assert app.focused is not None and visible(app.focused)


async def test_a_picker_scrolls_on_the_smallest_terminal_and_after_a_resize(etcd: Server, tmp_path: Path) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path, size=SMALLEST) as (app, pilot):
        await pilot.press("o")
        await eventually(lambda: isinstance(app.screen, PickerDialog))
        await pilot.pause()
        lines = app.screen.query_one(ItemLines)
        assert visible(lines) and len(lines.visible_rows()) < lines.row_count
        await pilot.press(*["pagedown"] * 6)
        await eventually(lambda: lines.cursor == lines.row_count - 1 and lines.cursor in lines.visible_rows())
        await pilot.resize_terminal(120, 40)
        await eventually(lambda: len(lines.visible_rows()) > 10)
        await pilot.resize_terminal(*SMALLEST)
        await eventually(lambda: lines.cursor in lines.visible_rows() and visible(lines))


async def test_a_picker_tells_a_long_reason_whole_below_its_list(etcd: Server, tmp_path: Path) -> None:
    locked = profile("locked", "prod", etcd.endpoint)
    async with running(locked, tmp_path=tmp_path, size=(80, 24)) as (app, pilot):
        await pilot.press("5")
        await eventually(lambda: isinstance(app.shown, AuthScreen) and app.shown.access.enabled is False)
        await pilot.press("o")
        await eventually(lambda: isinstance(app.screen, PickerDialog))
        picker = app.screen
        assert isinstance(picker, PickerDialog)
        labels = [item.label.plain for item in picker.all_items]
        assert "enable auth" in labels
        picker.lines.cursor = labels.index("enable auth")
        await eventually(lambda: "! to unlock writes" in str(picker.told.render()))
        assert "Every call needs a login" in str(picker.told.render())


async def test_find_keeps_its_field_and_hints_on_the_smallest_terminal(etcd: Server, tmp_path: Path) -> None:
    for number in range(30):
        await etcd.put(f"/many/{number}", "1")
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path, size=SMALLEST) as (app, pilot):
        await pilot.press("f")
        await eventually(lambda: isinstance(app.screen, FindDialog))
        await pilot.press("slash", "m", "a", "n", "y", "slash")
        dialog = app.screen
        assert isinstance(dialog, FindDialog)
        await eventually(lambda: dialog.list.row_count == 30)
        assert visible(dialog.field) and visible(dialog.list)


async def test_names_are_whole_and_rights_aligned_at_80_columns(etcd: Server, tmp_path: Path) -> None:
    for role, prefix in (("app-reader", "/config/app/"), ("app-locks", "/l/")):
        etcd.etcdctl("role", "add", role)
        etcd.etcdctl("role", "grant-permission", role, "--prefix=true", "readwrite", prefix)
    etcd.etcdctl("user", "add", "continuous-ci:pw")
    for role in ("app-reader", "app-locks"):
        etcd.etcdctl("user", "grant-role", "continuous-ci", role)
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path, size=(80, 24)) as (app, pilot):
        await pilot.press("5")
        await eventually(lambda: isinstance(app.shown, AuthScreen) and len(app.shown.table.rows) == 3)
        screen = app.shown
        assert isinstance(screen, AuthScreen)
        width = screen.table.lines.scrollable_content_region.width
        shown = "\n".join(screen.table.lines.render_row(i, width).plain for i in range(3))
        assert "continuous-ci" in shown and "app-reader" in shown
        rights = [line.plain for line in screen.detail.lines if "from " in line.plain]
        assert len(rights) == 2 and len({line.index("from ") for line in rights}) == 1
        assert all(len(line) <= screen.detail.size.width for line in rights)


def test_a_firm_column_shrinks_last() -> None:
    columns: list[Column[str]] = [
        Column("name", "NAME", _none, least=8, grow=True, firm=True),
        Column("has", "HAS", _none, least=6),
    ]
    assert [size for _, size in fit_columns(columns, [20, 17], 34)] == [20, 10]
    assert [size for _, size in fit_columns(columns, [20, 17], 26)] == [16, 6]
    assert [size for _, size in fit_columns(columns, [20, 17], 60)] == [39, 17]


def _none(_: str) -> Text:
    raise AssertionError("no cell is drawn to fit columns")


async def test_lease_hints_name_what_the_keys_do(etcd: Server, tmp_path: Path) -> None:
    granted = etcd.etcdctl("lease", "grant", "300").split()[1]
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path, size=(120, 40)) as (app, pilot):
        await pilot.press("3")
        await eventually(lambda: isinstance(app.shown, LeasesScreen) and len(app.shown.table.rows) == 1)
        screen = app.shown
        assert isinstance(screen, LeasesScreen)
        await eventually(lambda: ("t", "keep alive once") in screen.footer_line.hints)
        assert ("enter", "keys") in screen.footer_line.hints
        assert not any(key == "e" for key, _ in screen.footer_line.hints), granted


async def test_a_filter_that_leaves_nothing_says_so(etcd: Server, tmp_path: Path) -> None:
    etcd.etcdctl("lease", "grant", "300")
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        await pilot.press("3")
        await eventually(lambda: isinstance(app.shown, LeasesScreen) and len(app.shown.table.rows) == 1)
        screen = app.shown
        assert isinstance(screen, LeasesScreen)
        screen.set_filter("nosuchword")
        assert "Nothing matches the filter; esc clears it." in screen.table.lines.render_row(0, 100).plain
        await pilot.press("escape")
        await eventually(lambda: len(screen.table.rows) == 1)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_titles_of_a_tail_stand_over_its_columns(etcd: Server, tmp_path: Path, size: tuple[int, int]) -> None:
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path, size=size) as (app, pilot):
        await pilot.press("2")
        await eventually(lambda: isinstance(app.shown, WatchScreen))
        screen = app.shown
        assert isinstance(screen, WatchScreen)
        screen.show_place(b"/w/")
        feed = screen.watches[0].live
        assert feed is not None
        await eventually(lambda: feed.state is FeedState.LIVE)
        await etcd.put("/w/name", "1")
        await eventually(lambda: screen.tail.row_count == 1)
        width = screen.tail.scrollable_content_region.width
        row, titles = screen.tail.render_row(0, width).plain, screen.titles.render().plain
        name = "name" if size[0] < 100 else "/w/name"
        for title, cell in (("OP", "NEW"), ("KEY", name)):
            assert titles.index(title) == row.index(cell), (titles, row)
        assert ("KEY (under /w/)" in titles) == (size[0] < 100)


async def test_many_versions_stand_apart_from_the_size(etcd: Server, start: Start) -> None:
    for _ in range(120):
        await etcd.put("/often", "value")
    app = start(etcd, "/often", size=(80, 24))
    app.wait_for("99+")
    row = next(line for line in app.lines() if "99+" in line)
    assert re.search(r"/often +5 B +99\+", row), row
