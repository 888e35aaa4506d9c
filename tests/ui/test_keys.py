"""The Keys screen on a real server: browsing, finding, filtering, news, limited users, other times."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from textual.app import App
from textual.pilot import Pilot

from etcdtui.config.schema import ENVIRONMENTS, Auth, Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.keytree import State
from etcdtui.core.ranges import prefix_range
from etcdtui.core.types import Permission, PermissionType
from etcdtui.services.reads import browse
from etcdtui.services.session.session import Credentials, Overrides, Session
from etcdtui.ui.flows.host import FlowHost
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.modals.find import FindDialog
from etcdtui.ui.screens.census import CensusScreen
from etcdtui.ui.screens.history.screen import HistoryScreen
from etcdtui.ui.screens.keys.screen import KeysScreen
from etcdtui.ui.screens.search import SearchScreen
from tests.conftest import ServerFactory
from tests.services.looking_support import fill, reading
from tests.support import Server, eventually


class Bench(App[None]):
    """Nothing but the screen."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.keys = KeysScreen(session, FlowHost())
        self.went: list[tuple[str, bytes]] = []

    def on_mount(self) -> None:
        self.push_screen(self.keys)

    def on_cluster_screen_go_to(self, event: ClusterScreen.GoTo) -> None:
        self.went.append((event.screen_name, event.place))
        if event.screen_name == "keys":
            self.keys.show_place(event.place)


class Hands:
    """A pilot that knows the screen."""

    def __init__(self, pilot: Pilot[None], screen: KeysScreen, app: Bench) -> None:
        self.pilot = pilot
        self.screen = screen
        self.app = app

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        names = {"/": "slash", "-": "minus", ".": "full_stop", "~": "tilde", ":": "colon", "_": "underscore"}
        await self.pilot.press(*(names.get(char, char) for char in text))

    def rows(self) -> list[str]:
        view = self.screen.view
        return [view.render_row(index, 60).plain for index in range(view.row_count)]

    def names(self) -> list[str]:
        return [row.split()[-2 if row.split()[-1].isdigit() else -1] if row.strip() else "" for row in self.rows()]

    async def sees(self, *words: str) -> None:
        """Wait until every word is in the rows of the tree."""
        await eventually(lambda: all(any(word in row for row in self.rows()) for word in words))

    async def at(self, path: bytes) -> None:
        await eventually(lambda: (row := self.screen.view.current) is not None and row.path == path)

    async def value(self, text: str) -> None:
        """Wait until the value pane shows a text."""
        viewer = self.screen.pane.viewer
        await eventually(lambda: any(text in viewer.render_row(i, 100).plain for i in range(min(50, viewer.row_count))))


def profile_of(server: Server, **changes: object) -> Profile:
    plain = Profile(
        name="here", environment="dev", env=ENVIRONMENTS["dev"], read_only=False, endpoints=server.endpoints
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the tests name fields of Profile


@asynccontextmanager
async def on_screen(
    profile: Profile,
    size: tuple[int, int] = (120, 40),
    credentials: Credentials = Credentials(),  # noqa: B008
) -> AsyncIterator[Hands]:
    session = await Session.open(profile, credentials=credentials)
    app = Bench(session)
    try:
        async with app.run_test(size=size) as pilot:
            hands = Hands(pilot, app.keys, app)
            await eventually(lambda: app.keys.browser.tree.root.state is not State.NEW)
            yield hands
    finally:
        await session.aclose()


async def test_folders_open_values_show_and_the_cursor_stays_while_others_write(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/c/app", b"/c/app/db", b"/c/app/x", b"/c/z", b"plain"], b'{"port": 5432}')
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/c/", "plain")
        await hands.press("enter")
        await hands.sees("app/", "z")
        await hands.press("j", "j", "l", "j")
        await hands.at(b"/c/app/db")
        await hands.value("5432")
        key = hands.screen.selected_key()
        assert key is not None and key.key == b"/c/app/db"
        row = hands.screen.view.current
        assert row is not None and row.prefix == b"/c/app/"
        await eventually(lambda: hands.screen.browser.freshness.words == "live")
        await etcd.put("/c/app/db", '{"port": 6000}')
        await etcd.put("/c/app/a-new-one", "1")
        await hands.value("6000")
        await hands.sees("a-new-one")
        await hands.at(b"/c/app/db")
        await eventually(lambda: any("*" in row and "db" in row for row in hands.rows()))
        await etcd.delete("/c/app/x")
        await eventually(lambda: not any(" x " in row for row in hands.rows()))


async def test_every_odd_name_has_a_row_of_its_own(etcd: Server) -> None:
    keys = [b"/a", b"a", b"//b", b"/a/", b"\xff\x00", b"\x1b[31mred", b"[bold]", b"x:y"]
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, keys)
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("[bold]", "x:y", "\\xff")
        assert len(hands.rows()) == 8
        assert all(char.isprintable() for row in hands.rows() for char in row)
        hands.screen.go_to(b"/a/")
        await hands.sees("(this key)")


async def test_find_completes_from_the_server_and_goes_back_and_forward(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/config/app/db.json", b"/config/app/limits", b"/other/x"])
    async with on_screen(profile_of(etcd, bookmarks={"lim": "/config/app/limits"})) as hands:
        await hands.sees("/config/")
        await hands.press("f")
        await hands.type("/config/app/d")
        dialog = hands.app.screen
        assert isinstance(dialog, FindDialog)
        await eventually(lambda: bool(dialog.list.rows))
        await hands.press("tab", "enter")
        await hands.at(b"/config/app/db.json")
        hands.screen.go_to(b"/other/x")
        await hands.at(b"/other/x")
        hands.screen.actions.action_history_back()
        await hands.at(b"/config/app/db.json")
        hands.screen.actions.action_history_forward()
        await hands.at(b"/other/x")
        hands.screen.go_to(b"/nowhere/at/all")
        await eventually(lambda: "no such key" in hands.screen.status_line.render().plain)


async def test_find_in_a_long_folder_shows_its_first_names_and_reads_no_further(etcd: Server) -> None:
    keys = [b"/long/%05d" % n for n in range(20_000)]
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, keys)
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/long/")
        asked = hands.screen.session.reads
        before = asked.requests
        await browse.children(asked, b"/long/", (b"/",))
        all_of_it = asked.requests - before
        await hands.press("f")
        dialog = hands.app.screen
        assert isinstance(dialog, FindDialog)
        dialog.field.value = "/long/"
        await eventually(lambda: "the first 200 of more" in str(dialog.note.content))
        assert [row.path for row in dialog.list.rows] == keys[:200]
        before = asked.requests
        await hands.screen.browser.navigation.complete(b"/long/")
        assert asked.requests - before < all_of_it / 2


async def test_the_filter_says_what_is_not_loaded_and_enter_asks_the_server(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/deep/a/needle", b"/deep/b/other", b"needle-on-top", b"zzz"])
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/deep/", "zzz")
        await hands.press("slash")
        await hands.type("needle")
        await eventually(lambda: hands.screen.view.filtered is not None and len(hands.screen.view.filtered.rows) == 1)
        filtered = hands.screen.view.filtered
        assert filtered is not None and "1 of 3 loaded; 2 keys not loaded" in filtered.words
        await hands.press("enter")
        search = hands.app.screen
        assert isinstance(search, SearchScreen)
        await eventually(lambda: len(search.table.rows) == 2)
        assert [hit.key for hit in search.hits] == [b"/deep/a/needle", b"needle-on-top"]
        await hands.press("enter")
        await hands.at(b"/deep/a/needle")
        assert hands.screen.view.filtered is None


async def test_masked_keys_and_fields_wait_for_x(etcd: Server) -> None:
    await etcd.put("/app/token", "hush-hush")
    await etcd.put("/app/conf", '{"password": "hush-hush", "user": "me"}')
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/app/token")
        await hands.value("masked by the profile")
        await hands.sees("(masked)")
        await hands.press("x")
        await hands.value("hush-hush")
        hands.screen.go_to(b"/app/conf")
        await hands.value("********")
        await hands.press("x")
        await hands.value("hush-hush")


async def test_an_older_revision_of_the_whole_tree_is_plainly_marked(etcd: Server) -> None:
    await etcd.put("/t/old", "1")
    revision = await etcd.put("/t/changed", "before")
    await etcd.put("/t/changed", "after")
    await etcd.put("/t/new", "1")
    await etcd.delete("/t/old")
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/t/changed")
        await hands.value("after")
        hands.screen.show_revision(revision)
        await eventually(lambda: f"AS OF REV {revision}" in hands.screen.tree_foot.left.plain)
        await hands.sees("old")
        await hands.value("before")
        assert not any("new" in row for row in hands.rows())
        await eventually(lambda: all(level.state is State.READY for level in hands.screen.browser.tree.root.walk()))
        assert hands.screen.go_back()
        await hands.sees("new")
        await hands.value("after")
        hands.screen.show_revision(10**9)
        await eventually(lambda: "history reaches from" in hands.screen.status_line.render().plain)


async def test_a_compaction_while_watching_reads_the_level_again(etcd: Server) -> None:
    await etcd.put("/w/a", "1")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/w/")
        level = hands.screen.browser.tree.root.open(0)
        hands.screen.browser.loader.load(level)
        await eventually(lambda: level.state is State.READY)
        for number in range(3):
            revision = await etcd.put("/w/a", str(number))
        await etcd.call("kv/compaction", revision=revision)
        level.revision = 1
        hands.screen.browser.loader.reload(level)
        await eventually(lambda: level.state is State.READY and level.revision >= revision)
        await etcd.put("/w/b", "1")
        await hands.sees("b")


async def test_a_failed_level_says_why_and_r_tries_again(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    await server.put("/d/a", "1")
    async with on_screen(profile_of(server, command_timeout=1.0, dial_timeout=1.0)) as hands:
        await hands.sees("/d/")
        await server.members[0].kill()
        hands.screen.session.reads.max_ops = 1
        await hands.press("enter")
        await eventually(lambda: any("could not load" in row and "r to retry" in row for row in hands.rows()), 30)
        await server.members[0].restart()
        await eventually(lambda: hands.screen.session.client is not None)
        await hands.press("r")
        await eventually(lambda: any(" a " in row for row in hands.rows()), 30)


async def test_history_and_census_open_from_the_tree(etcd: Server) -> None:
    await etcd.put("/h/k", '{"pool": {"max": 16}}')
    await etcd.put("/h/k", '{"pool": {"max": 32}}')
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/h/k")
        await hands.value("32")
        await hands.press("H")
        screen = hands.app.screen
        assert isinstance(screen, HistoryScreen)
        await eventually(lambda: any("pool.max 16 -> 32" in line.text for line in screen.diff.lines_shown))
        screen.close_view()
        await eventually(lambda: hands.app.screen is hands.screen)
        await hands.press("C")
        census = hands.app.screen
        assert isinstance(census, CensusScreen)
        await eventually(lambda: census.result.done and set(census.result.entries) == {b"k"})
        census.close_view()
        await eventually(lambda: hands.app.screen is hands.screen)
        await hands.press("w")
        await eventually(lambda: ("watch", b"/h/k") in hands.app.went)


async def test_marks_zoom_and_narrow_terminals(etcd: Server) -> None:
    for name in "abc":
        await etcd.put(f"/m/{name}", name)
    async with on_screen(profile_of(etcd), size=(80, 24)) as hands:
        hands.screen.go_to(b"/m/a")
        await hands.at(b"/m/a")
        await hands.press("space", "space")
        assert list(hands.screen.browser.marks) == [b"/m/a", b"/m/b"]
        await hands.press("backslash")
        assert list(hands.screen.browser.marks) == []
        await hands.press("asterisk")
        assert list(hands.screen.browser.marks) == [b"/m/a", b"/m/b", b"/m/c"]
        assert hands.screen.pane.size.width > 30
        await hands.press("z")
        await eventually(lambda: hands.screen.pane.size.width > 70 and hands.screen.pane.viewer.has_focus)
        await hands.press("z")
        await eventually(lambda: hands.screen.view.size.width > 70 and hands.screen.view.has_focus)
        await hands.press("z")
        await eventually(lambda: 30 < hands.screen.pane.size.width < 60)


async def test_a_limited_user_starts_at_what_may_be_read_and_is_told(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with reading(server.endpoint) as reads:
        auth = reads.client.auth
        await fill(reads.client, [b"/app/a", b"/hidden/x"])
        await auth.user_add("root", "rpw")
        await auth.role_add("root")
        await auth.user_grant_role("root", "root")
        await auth.role_add("app")
        await auth.role_grant_permission("app", Permission(PermissionType.READ, *prefix_range(b"/app/")))
        await auth.user_add("bob", "bpw")
        await auth.user_grant_role("bob", "app")
        await auth.enable()
    profile = profile_of(server, auth=Auth(user="bob"))
    async with on_screen(profile, credentials=Credentials(user="bob", password=Secret("bpw"))) as hands:
        await hands.sees("/app/")
        await eventually(lambda: "You may read /app/" in hands.screen.tree_foot.left.plain)
        await hands.press("enter")
        await eventually(lambda: any(" a " in row for row in hands.rows()))
        assert len(hands.rows()) == 2


async def test_opening_a_flat_folder_of_twenty_thousand_keys_never_blocks_the_loop(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/flat/%06d" % n for n in range(20_000)])
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/flat/")
        steps: list[float] = []
        running = True

        async def beat() -> None:
            while running:
                before = time.thread_time()
                await asyncio.sleep(0.001)
                steps.append(time.thread_time() - before)

        gc.disable()  # what other tests left behind is not this screen's work
        try:
            heart = asyncio.create_task(beat())
            await hands.press("enter")
            level = hands.screen.browser.tree.root.opened[b"/flat/"]
            await eventually(lambda: level.state is State.READY, 20)
            running = False
            await heart
        finally:
            gc.enable()
        assert len(level.names) == 20_000
        assert max(steps) < sum(step for step in steps if step > 0.0005) / 2, "the work comes in many short steps"


async def test_an_empty_store_tells_what_can_be_done_now(etcd: Server) -> None:
    locked = profile_of(etcd, read_only=True)
    async with on_screen(locked, size=(80, 24)) as hands:
        await hands.sees("No keys in this store. READ-ONLY: ! unlocks")
        status = hands.screen.status_line
        await eventually(lambda: "then n creates one" in status.render().plain)
        assert hands.screen.session.guard.unlock()
        hands.screen.refresh_chrome()
        await hands.sees("No keys in this store. n creates one.")
        await eventually(lambda: "! unlocks" not in status.render().plain)
        facts = hands.screen.pane.facts
        await eventually(lambda: [row.plain for row in facts.flow(42)] == ["No keys in this store.", "n creates one."])


async def test_an_empty_store_offers_nothing_where_nothing_can_be_unlocked(etcd: Server) -> None:
    session = await Session.open(profile_of(etcd), Overrides(read_only=True))
    app = Bench(session)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            hands = Hands(pilot, app.keys, app)
            words = "No keys in this store. READ-ONLY: started with --read-only."
            await eventually(lambda: words in app.keys.status_line.render().plain)
            await hands.sees("No keys in this store. READ-ONLY: started")
            app.keys.go_to(b"/nothing")
            await eventually(lambda: "no such key" in app.keys.status_line.render().plain)
            assert "n creates it" not in app.keys.status_line.render().plain
    finally:
        await session.aclose()


async def test_the_titles_stand_over_their_columns_with_and_without_a_scroll_bar(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/k%02d" % n for n in range(10)], b"x" * 300)
        async with on_screen(profile_of(etcd), size=(80, 24)) as hands:
            view, titles = hands.screen.view, hands.screen.columns

            async def aligned() -> bool:
                row = view.render_row(0, view.scrollable_content_region.width).plain.rstrip()
                title = titles.render().plain.rstrip()
                size = title.index("KEYS/SIZE") + len("KEYS/SIZE")
                return "300 B" in row and len(row) == len(title) and row[:size].endswith("300 B")

            await eventually(aligned)
            assert not view.show_vertical_scrollbar
            await fill(reads.client, [b"/k%02d" % n for n in range(10, 60)], b"x" * 300)
            await eventually(lambda: view.show_vertical_scrollbar)
            await eventually(aligned)
            await hands.pilot.resize_terminal(120, 40)
            await eventually(aligned)


async def test_a_jump_to_a_folder_shows_as_many_of_its_children_as_fit(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/t/a%02d" % n for n in range(60)])
        await fill(reads.client, [b"/t/deep/%02d" % n for n in range(9)] + [b"/t/wide/%03d" % n for n in range(200)])
    async with on_screen(profile_of(etcd), size=(80, 24)) as hands:
        view = hands.screen.view
        for folder, many in ((b"/t/deep/", 9), (b"/t/wide/", 200)):
            hands.screen.go_to(folder)
            await hands.at(folder)

            def shown(many: int = many) -> bool:
                seen = view.visible_rows()
                fit = min(many, view.page_rows() - 1)
                return view.cursor in seen and view.cursor + fit in seen

            await eventually(shown)
