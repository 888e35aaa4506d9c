"""Looking closely on the Keys screen: inside values, at owners, at other times, and at what is kept for later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.config.schema import Auth
from etcdtui.config.secrets import Secret
from etcdtui.core.decoding.result import Decoded
from etcdtui.core.keytree import State
from etcdtui.core.listing import UNKNOWN
from etcdtui.core.ranges import prefix_range
from etcdtui.core.types import Permission, PermissionType
from etcdtui.services.reads.census import Census, Entry
from etcdtui.services.reads.history import NEAR
from etcdtui.services.session.session import Credentials
from etcdtui.ui.frame.host import VisitCensus
from etcdtui.ui.modals.find import FindDialog
from etcdtui.ui.modals.picker import PickerDialog
from etcdtui.ui.screens.census import CensusScreen
from etcdtui.ui.screens.history.screen import HistoryScreen
from etcdtui.ui.screens.search import SearchScreen
from tests.conftest import ServerFactory
from tests.services.looking_support import fill, reading
from tests.support import Server, eventually
from tests.ui.test_keys import Hands, on_screen, profile_of

POD = bytes.fromhex("6b387300") + (
    b"\x0a\x09\x0a\x02v1\x12\x03Pod"
    b"\x12\x24\x0a\x22\x0a\x05web-1\x1a\x03web\x4a\x08\x08\x80\xe8\x92\x9b\x06\x10\x00\x72\x0a" + b"stuck/wait"
)


def facts(hands: Hands, width: int = 80) -> str:
    return "\n".join(row.plain for row in hands.screen.pane.facts.flow(width))


async def test_slash_in_the_value_finds_inside_it_and_n_goes_on(etcd: Server) -> None:
    text = "\n".join(f"line {n} {'needle' if n % 100 == 7 else 'hay'}" for n in range(1_000))
    await etcd.put("/v/long", text)
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/v/long")
        await hands.value("line 0")
        await hands.press("tab", "slash")
        await hands.type("needle")
        await hands.press("enter")
        viewer = hands.screen.pane.viewer

        async def at(line: int) -> None:
            await eventually(
                lambda: any(f"line {line} " in viewer.render_row(i, 80).plain for i in viewer.visible_rows())
            )

        await hands.press("n", "n")
        await at(207)
        await hands.press("N")
        await at(107)
        assert hands.app.screen is hands.screen, "n did not start a new key"
        assert hands.screen.go_back() and not hands.screen.pane.needle
        assert hands.screen.go_back()
        await eventually(lambda: hands.screen.view.has_focus)


async def test_a_value_too_large_to_be_parsed_unasked_is_parsed_by_v(etcd: Server) -> None:
    await etcd.put("/v/yaml", "---\n" + "".join(f"key_{n}: {n}\n" for n in range(22_000)))
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/v/yaml")
        pane = hands.screen.pane

        def decoded() -> Decoded | None:
            return pane.value.decoded

        await eventually(lambda: (found := decoded()) is not None and found.unparsed)
        assert "not parsed (v forces)" in facts(hands)
        await hands.press("v")
        await eventually(lambda: (found := decoded()) is not None and found.kind == "YAML", 20)


async def test_a_kubernetes_object_says_who_owns_it_and_why_it_does_not_go_away(etcd: Server) -> None:
    crd = b'{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"w","finalizers":["a/b"]}}'
    async with reading(etcd.endpoint) as reads:
        await reads.client.kv.put(b"/registry/pods/web/web-1", POD)
        await reads.client.kv.put(b"/registry/example.com/widgets/web/w", crd)
        await reads.client.kv.put(b"/service/db/leader", b"node-1")
    async with on_screen(profile_of(etcd), size=(80, 24)) as hands:
        hands.screen.go_to(b"/registry/pods/web/web-1")
        await eventually(lambda: "kube-apiserver:  look, do not touch" in facts(hands))
        for words in (
            "kind Pod",
            "name web-1",
            "namespace web",
            "finalizers stuck/wait",
            "kubectl get pods  -n web web-1",
        ):
            assert words in facts(hands), facts(hands)
        assert "deletionTimestamp" in facts(hands)
        hands.screen.go_to(b"/registry/example.com/widgets/web/w")
        await eventually(lambda: "kind Widget" in facts(hands) and "finalizers a/b" in facts(hands))
        hands.screen.go_to(b"/service/db/leader")
        await eventually(lambda: "managed by Patroni:  use patronictl" in facts(hands))
        await hands.press("f")
        await hands.type("k8s:web")
        await hands.press("enter")
        search = hands.app.screen
        assert isinstance(search, SearchScreen)
        await eventually(lambda: len(search.hits) == 2)


async def test_a_lease_is_seen_whole_at_eighty_columns(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        lease = await reads.client.lease.grant(300)
        await reads.client.kv.put(b"/l/leased", b"x", lease=lease.id)
    async with on_screen(profile_of(etcd), size=(80, 24)) as hands:
        hands.screen.go_to(b"/l/leased")
        await eventually(lambda: "TTL" in facts(hands, hands.screen.pane.size.width))
        rows = facts(hands, hands.screen.pane.size.width)
        assert f"lease {lease.id:016x}" in rows and "of 5m" in rows and "…" not in rows


async def test_nothing_revealed_is_left_after_a_suspend(etcd: Server) -> None:
    await etcd.put("/app/token", "hush-hush")
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/app/token")
        await hands.value("masked by the profile")
        await hands.press("x")
        await hands.value("hush-hush")
        hands.app.app_suspend_signal.publish(hands.app)
        await hands.value("masked by the profile")


async def test_masked_fields_are_not_copied(etcd: Server) -> None:
    await etcd.put("/app/conf", '{"password": "hush-hush", "user": "me"}')
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/app/conf")
        await hands.value("********")
        await hands.press("y")
        dialog = hands.app.screen
        assert isinstance(dialog, PickerDialog)
        await hands.press("v")
        assert "hush-hush" not in hands.app.clipboard
        await hands.press("escape", "x")
        await hands.value("hush-hush")
        await hands.press("y", "v")
        await eventually(lambda: "hush-hush" in hands.app.clipboard)


async def test_the_cursor_starts_on_a_readable_name_and_stays_while_the_tree_is_read_at_another_revision(
    etcd: Server,
) -> None:
    keys = [b"\x00", b"\x01\xff", *(b"/d/%02d/x" % n for n in range(70)), b"/e", b"/z"]
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, keys)
    revision = await etcd.put("/z", "1")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/z")
        await hands.at(b"/d/")
        hands.screen.go_to(b"/d/69/x")
        await hands.at(b"/d/69/x")
        await hands.value("v")
        hands.screen.show_revision(revision)
        await eventually(lambda: hands.screen.shown_revision == revision)
        await eventually(lambda: all(level.state is State.READY for level in hands.screen.browser.tree.root.walk()))
        await hands.at(b"/d/69/x")
        await hands.press("e")
        status = hands.screen.status_line
        await eventually(lambda: f"this is revision {revision}, which cannot be changed" in status.render().plain)
        await hands.press("H")
        history = hands.app.screen
        assert isinstance(history, HistoryScreen)
        assert "cannot be changed" in history.why_not("history.restore")


async def test_star_expands_a_folder_but_not_a_large_one(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/s/a/b/c", b"/s/a/d", b"/s/e/f"] + [b"/t/%04d/x" % n for n in range(2_100)])
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"/s/")
        await hands.press("asterisk")
        await eventually(lambda: len(hands.rows()) == 8)
        hands.screen.go_to(b"/t/")
        await hands.at(b"/t/")
        await hands.press("asterisk")
        await eventually(lambda: "too many to expand" in hands.screen.status_line.render().plain)


async def test_a_bookmark_is_offered_first_in_the_next_run(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    await etcd.put("/m/kept", "1")
    await etcd.put("/a", "1")
    profile = replace(profile_of(etcd), bookmarks={})
    async with on_screen(profile) as hands:
        hands.screen.go_to(b"/m/kept")
        await hands.at(b"/m/kept")
        await hands.press("b")
        kept = tmp_path / "etcdtui" / "places.json"
        await eventually(lambda: kept.exists() and b"/m/kept".hex() in kept.read_text() and "kept" in kept.read_text())
    async with on_screen(profile) as hands:
        await hands.sees("/a")
        await eventually(lambda: bool(hands.screen.browser.navigation.places.bookmarks))
        await hands.press("f")
        dialog = hands.app.screen
        assert isinstance(dialog, FindDialog)
        await eventually(lambda: len(dialog.list.rows) > 1)
        assert (dialog.list.rows[0].path, dialog.list.rows[0].note) == (b"/m/kept", "bookmark kept")


async def test_marked_hits_are_marked_in_the_tree_and_a_vain_search_can_be_looked_up(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/h/one", b"/h/two", b"/h/gone"])
        await reads.client.kv.delete(b"/h/gone")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.sees("/h/")
        hands.screen.open_search("*o*")
        await eventually(lambda: isinstance(hands.app.screen, SearchScreen))
        search = hands.app.screen
        assert isinstance(search, SearchScreen)
        await eventually(lambda: [hit.key for hit in search.hits] == [b"/h/one", b"/h/two"])
        await hands.press("space", "space", "enter")
        await hands.at(b"/h/two")
        assert list(hands.screen.browser.marks) == [b"/h/one", b"/h/two"]
        hands.screen.go_to(b"/h/gone")
        await eventually(lambda: hands.screen.absent_key() == b"/h/gone")
        await hands.press("H")
        history = hands.app.screen
        assert isinstance(history, HistoryScreen)
        await eventually(lambda: [history._what(row).plain for row in history.rows] == ["--", "1", "--"])


async def test_two_marked_versions_are_compared_and_a_prefix_shows_its_newest_drop(etcd: Server) -> None:
    for number in range(4):
        await etcd.put("/p/k", f'{{"max": {number}}}')
    await etcd.put("/p/other", "1")
    await etcd.delete("/p/other")
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/p/k")
        await hands.value("3")
        await hands.press("H")
        history = hands.app.screen
        assert isinstance(history, HistoryScreen)
        await eventually(lambda: len(history.rows) == 5)
        await hands.press("space", "j", "space", "D")
        await eventually(lambda: any("max 1 -> 3" in line.text for line in history.diff.lines_shown))
        history.close_view()
        await eventually(lambda: hands.app.screen is hands.screen)
        hands.screen.go_to(b"/p/")
        await hands.at(b"/p/")
        await hands.press("H")
        below = hands.app.screen
        assert isinstance(below, HistoryScreen)
        await eventually(lambda: "1 key went away" in below.state.left.plain)
        assert [row.key for row in below.rows if hasattr(row, "key")] == [b"/p/other"]


@pytest.mark.matrix
async def test_a_user_with_odd_rights_sees_them_as_roots_and_can_work(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with reading(server.endpoint) as reads:
        auth = reads.client.auth
        await fill(
            reads.client, [b"/app/a/1", b"/apple", b"/odd/a", b"/odd/b1", b"/odd/k/1", b"/odd/z", b"/one", b"/x"]
        )
        await auth.user_add("root", "rpw")
        await auth.role_add("root")
        await auth.user_grant_role("root", "root")
        await auth.role_add("odd")
        for permission in (
            Permission(PermissionType.READ, *prefix_range(b"/app")),
            Permission(PermissionType.READ, b"/odd/b", b"/odd/m"),
            Permission(PermissionType.READ, b"/one"),
            Permission(PermissionType.WRITE, *prefix_range(b"/drop/")),
        ):
            await auth.role_grant_permission("odd", permission)
        await auth.user_add("bob", "bpw")
        await auth.user_grant_role("bob", "odd")
        await auth.enable()
    credentials = Credentials(user="bob", password=Secret("bpw"))
    async with on_screen(profile_of(server, auth=Auth(user="bob")), credentials=credentials) as hands:
        await hands.sees("/app*", "/odd/b .. /odd/m", "/one", "you may write here but not read")
        await eventually(lambda: "Everything else is hidden" in hands.screen.tree_foot.left.plain)
        assert len(hands.rows()) == 4
        for place in (b"/odd/k/1", b"/app/a/1", b"/apple", b"/one"):
            hands.screen.go_to(place)
            await hands.at(place)
            await hands.value("v")
        await hands.sees("b1")
        assert not any("/x" in row or " z " in row for row in hands.rows())
        hands.screen.go_to(b"/app")
        await eventually(lambda: (row := hands.screen.view.current) is not None and row.name == b"/app")
        hands.screen.go_to(b"/x")
        await eventually(lambda: "outside of what you may read" in hands.screen.status_line.render().plain)
        hands.screen.view.cursor = next(i for i, row in enumerate(hands.rows()) if "/odd/b .." in row)
        await eventually(lambda: "2 keys" in facts(hands), what="a start place that was listed is counted")
        await hands.press("C")
        census = hands.app.screen
        assert isinstance(census, CensusScreen)
        await eventually(lambda: census.prefix == b"/odd/" and [row.keys for row in census.table.rows] == [1, 1])
        assert census.go_back()
        await hands.press("H")
        history = hands.app.screen
        assert isinstance(history, HistoryScreen)
        await eventually(lambda: sorted(history._what(row).plain for row in history.rows) == ["new", "new"])
        assert history.go_back()
        hands.screen.show_revision(-1)
        await eventually(lambda: hands.screen.shown_revision > 0)
        assert hands.screen.browser.navigation.show_now()
        hands.screen.open_search("b*1")
        await eventually(lambda: isinstance(hands.app.screen, SearchScreen))
        search = hands.app.screen
        assert isinstance(search, SearchScreen)
        await eventually(lambda: [hit.key for hit in search.hits] == [b"/odd/b1"])


async def test_history_says_where_a_short_earlier_life_can_be_missed(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/noise/%d" % n for n in range(5)])
        await reads.client.kv.put(b"/old", b"1")
        for number in range(NEAR + 5):
            await reads.client.kv.put(b"/noise/0", b"%d" % number)
        await reads.client.kv.put(b"/new", b"1")
        await reads.client.kv.put(b"/mark", b"1")
    async with on_screen(profile_of(etcd)) as hands:
        hands.screen.go_to(b"/new")
        await hands.at(b"/new")
        await hands.press("H")
        await eventually(lambda: isinstance(hands.app.screen, HistoryScreen))
        history = hands.app.screen
        assert isinstance(history, HistoryScreen)
        note = f"beyond {NEAR} revisions back a short earlier life can be missed"
        await eventually(lambda: note in history.state.render().plain)
        assert "Only version 1." in history.state.render().plain
        hints = history.footer_line.hints
        assert ("space", "mark two") in hints and not any(key == "s" for key, _ in hints), "no column has an order"


async def test_reading_again_takes_no_row_away_and_the_pane_tells_the_count_of_now(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/d/%03d/x" % n for n in range(300)])
    async with on_screen(profile_of(etcd, page_size=10)) as hands:
        await hands.at(b"/d/")
        await hands.press("right")
        level = hands.screen.browser.tree.root.opened[b"/d/"]
        await eventually(lambda: len(level.names) == 300 and level.state is State.READY and "300 keys" in facts(hands))
        view, seen = hands.screen.view, set[int]()
        changed = view.model_changed

        def noted() -> None:
            seen.add(view.row_count)
            changed()

        view.model_changed = noted  # type: ignore[method-assign]  # every picture of it is looked at
        read = hands.screen.last_read
        await hands.press("r")
        await eventually(lambda: hands.screen.last_read != read and level.state is State.READY)
        assert seen == {301}
        await etcd.put("/d/000/y", "new")
        await eventually(lambda: "301 keys" in facts(hands))


async def test_the_footer_tells_what_keys_do_now(etcd: Server) -> None:
    revision = await etcd.put("/a", "1")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"/a")

        def hints() -> list[str]:
            return [label for _, label in hands.screen.footer_line.hints]

        await eventually(lambda: "edit" in hints() and "find" in hints())
        await hands.press("slash")
        await eventually(lambda: hints() == ["done", "leave"])
        assert hands.screen.go_back()
        await eventually(lambda: "edit" in hints() and "find" in hints())
        hands.screen.show_revision(revision)
        await eventually(lambda: "find" in hints() and "edit" not in hints())
        await eventually(lambda: hands.screen.browser.tree.root.state is State.READY)
        assert hands.screen.go_back()
        await eventually(lambda: "edit" in hints())


async def test_a_filter_tells_no_number_of_what_was_not_counted(etcd: Server) -> None:
    await etcd.put("/a", "1")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"/a")
        hands.screen.browser.tree.root.total = UNKNOWN  # as when esc stops the first walk
        await hands.press("slash")
        await hands.type("a")
        await eventually(lambda: hands.screen.view.filtered is not None)
        filtered = hands.screen.view.filtered
        assert filtered is not None and "1 of 1 loaded; the rest is not loaded" in filtered.words


async def test_a_filter_shows_the_value_of_its_first_row_and_tells_what_it_could_not_look_into(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        await fill(reads.client, [b"/a%03d" % n for n in range(200)])
        await reads.client.kv.put(b"/z", b"the last")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"/a000")
        await hands.value("v")
        await hands.press("slash")
        await hands.type("z")
        await hands.at(b"/z")
        await hands.value("the last")
        await hands.press("backspace")
        await hands.type("size:9")
        await eventually(lambda: (f := hands.screen.view.filtered) is not None and "not looked into yet" in f.words)
        await hands.press("enter")
        search = hands.app.screen
        assert isinstance(search, SearchScreen)
        await eventually(lambda: search.field.value == "size:9")


async def test_other_words_for_a_search_that_costs_the_same_start_with_one_enter(etcd: Server) -> None:
    await etcd.put("/one", "v")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"/one")
        hands.screen.open_search("value:zzz")
        await eventually(lambda: isinstance(hands.app.screen, SearchScreen))
        search = hands.app.screen
        assert isinstance(search, SearchScreen)
        await eventually(lambda: search.confirmed and search.field.has_focus)
        search.field.value = "value:v"
        await hands.press("enter")
        await eventually(lambda: [hit.key for hit in search.hits] == [b"/one"])


async def test_what_was_deleted_is_shown_though_the_revision_that_wrote_it_is_compacted(etcd: Server) -> None:
    async with reading(etcd.endpoint) as reads:
        kv = reads.client.kv
        await fill(reads.client, [b"/p/keep", b"/p/lost"])
        await kv.put(b"/p/lost", b"what it was")
        kept = (await kv.put(b"/p/keep", b"later")).header
        assert kept is not None
        await kv.compact(kept.revision)
        await kv.delete(b"/p/lost")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"/p/")
        await hands.press("H")
        history = hands.app.screen
        assert isinstance(history, HistoryScreen)
        await eventually(lambda: history.shown[0] is not None and history.shown[0].value == b"what it was")
        assert "compacted away" not in history.state.left.plain


async def test_a_census_keeps_the_largest_in_sight_until_the_cursor_is_moved(etcd: Server) -> None:
    await etcd.put("/a", "1")

    def counted(**folders: int) -> Census:
        entries = {f"{name}/".encode(): Entry(f"{name}/".encode(), count) for name, count in folders.items()}
        return Census(b"", entries=entries)

    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"/a")
        await hands.press("C")
        census = hands.app.screen
        assert isinstance(census, CensusScreen)
        await eventually(lambda: census.result.done)
        census._paint(counted(a=3), 0.1)
        census._paint(counted(a=3, b=9, c=5), 0.2)
        assert census.table.current is not None and census.table.current.name == b"b/"
        census.table.lines.cursor = 1
        census._paint(counted(a=3, b=9, c=5, d=20), 0.3)
        assert census.table.current.name == b"c/"


async def test_a_census_keeps_what_it_measured_and_asks_as_long_as_the_price_stands_there(etcd: Server) -> None:
    await etcd.put("/a/b/small", "1")
    await etcd.put("/a/b/big", "x" * 5_000)
    await etcd.put("/c", "1")
    async with on_screen(profile_of(etcd)) as hands:
        await hands.at(b"/a/")
        hands.app.keys.visit(VisitCensus(b""))
        await eventually(lambda: isinstance(hands.app.screen, CensusScreen))
        census = hands.app.screen
        assert isinstance(census, CensusScreen)
        await eventually(lambda: census.result.done)
        await hands.press("b")
        await eventually(lambda: "b again reads all 3 values" in census.state.left.plain)
        assert census.close_view() and not census.asked_bytes, "esc takes the question back"
        await hands.press("b", "b")
        await eventually(lambda: census.result.done and census.result.measured == 3)
        assert census._largest(next(row for row in census.table.rows if row.name == b"/a/")).plain.endswith("b/big")
        census.table.go_to(b"/a/")
        await hands.press("enter")
        await eventually(lambda: census.prefix == b"/a/" and census.result.done and census.result.measured == 2)
        requests = census.reads.requests
        assert census.close_view()
        await eventually(lambda: census.prefix == b"" and census.result.measured == 3)
        assert census.reads.requests == requests, "nothing is read for going up again"
