"""Find and search: any part of a name, the server's word on it, and the way back to the hits."""

from __future__ import annotations

from pathlib import Path

from etcdtui.ui.modals.find import FindDialog
from etcdtui.ui.screens.search import SearchScreen
from tests.support import Server, eventually
from tests.ui.test_keys import Hands, on_screen, profile_of
from tests.ui.test_typeahead import desk

KEYS = [b"/deep/down/wanted", b"/deep/down/other", b"/top/it", b"/a/first"]


async def filled(server: Server) -> None:
    for key in KEYS:
        await server.put(key.decode(), "value of it")


def shown(hands: Hands) -> FindDialog:
    dialog = hands.app.screen
    assert isinstance(dialog, FindDialog)
    return dialog


async def test_enter_takes_the_nearest_name_that_is_there(etcd: Server) -> None:
    await filled(etcd)
    async with on_screen(profile_of(etcd, bookmarks={"gone": "/wanted"})) as hands:
        hands.screen.go_to(b"/deep/down/other")
        await hands.at(b"/deep/down/other")
        await hands.press("f")
        await hands.type("want")
        await eventually(lambda: "enter goes to /deep/down/wanted" in str(shown(hands).note.content))
        rows = [(row.path, row.there) for row in shown(hands).list.rows]
        assert rows == [(b"/deep/down/wanted", True), (b"/wanted", False)], "what is not there comes last"
        await hands.press("enter")
        await hands.at(b"/deep/down/wanted")
        await hands.press("f")
        await hands.type("/wan")
        await eventually(lambda: [row.there for row in shown(hands).list.rows] == [True, False])
        await hands.press("tab")
        assert shown(hands).field.value == "/deep/down/wanted", "never to the remembered place, which is not there"


async def test_enter_and_tab_before_the_answer_mean_what_it_brings(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd)
    async with desk(etcd, tmp_path) as one:
        one.send("f/deep/down/wanted\r")
        await one.at(b"/deep/down/wanted")
        one.send("f/top/it\r")
        await one.at(b"/top/it")
        one.send("fwant\r")
        await eventually(lambda: (row := one.keys.view.current) is not None and row.path == b"/deep/down/wanted", 20)
        one.send("f/top/it\r")
        await one.at(b"/top/it")
        one.send("fwant\t\r")
        await one.at(b"/deep/down/wanted")


async def test_a_mistyped_path_is_not_recent(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd)
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/deep/dwon/wanted")
        await eventually(lambda: bool(hands.screen.absent_key()))
        hands.screen.go_back()
        await hands.press("f")
        await eventually(lambda: bool(shown(hands).list.rows))
        assert b"/deep/dwon/wanted" not in [row.path for row in shown(hands).list.rows]


async def test_esc_from_a_hit_returns_to_the_hits(etcd: Server) -> None:
    await filled(etcd)
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/deep/")
        await hands.press("f")
        await hands.type("e")
        await hands.press("ctrl+f")
        await eventually(lambda: isinstance(hands.app.screen, SearchScreen))
        search = hands.app.screen
        assert isinstance(search, SearchScreen)
        await eventually(lambda: [hit.key for hit in search.hits] == sorted(KEYS[:2]))
        await hands.press("j", "enter")
        await hands.at(b"/deep/down/wanted")
        await eventually(lambda: "back to the hits" in hands.screen.tree_foot.left.plain)
        await eventually(lambda: hands.screen._going is None)
        assert hands.screen.go_back()
        await eventually(lambda: isinstance(hands.app.screen, SearchScreen))
        again = hands.app.screen
        assert isinstance(again, SearchScreen)
        await eventually(lambda: again.table.current is not None and again.table.current.key == b"/deep/down/wanted")
        assert again.hits == search.hits and "done" in again.state.left.plain
        again.close_view()
        await eventually(lambda: hands.app.screen is hands.screen)
        await eventually(lambda: hands.screen._came_from is None, what="once")


async def test_a_search_says_what_it_reads_and_nothing_of_matches_before_it_ran(etcd: Server) -> None:
    await filled(etcd)
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/deep/")
        await hands.at(b"/deep/")
        await hands.press("F")
        await eventually(lambda: isinstance(hands.app.screen, SearchScreen))
        search = hands.app.screen
        assert isinstance(search, SearchScreen)
        await hands.type("value:of")
        await hands.press("enter")
        await eventually(lambda: "reads 2 keys and 22 B of values: enter starts" in search.state.left.plain)
        assert "not searched yet" in search.table.empty.plain
        await hands.press("enter")
        await eventually(lambda: [hit.key for hit in search.hits] == sorted(KEYS[:2]))


async def test_a_key_that_does_nothing_says_so_and_one_that_does_not(etcd: Server, tmp_path: Path) -> None:
    await filled(etcd)
    async with desk(etcd, tmp_path, delay=0.0) as one:
        await one.pilot.press("X")
        await eventually(lambda: "X does nothing here: ? lists the keys" in one.told())
        await one.pilot.press("slash", "escape", "j")
        await one.settled()
        assert "j does nothing" not in one.told() and "/ does nothing" not in one.told()
        await one.pilot.press("question_mark")
        await eventually(lambda: type(one.app.screen).__name__ == "HelpDialog")
        assert "does nothing" not in one.told().replace("X does nothing", "")
