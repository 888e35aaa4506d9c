"""Going to a path, completing it, and other times; on slow links too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from etcdtui.core.keytree import State
from etcdtui.core.listing import LEAF
from etcdtui.services.reads import browse
from etcdtui.services.tree import news
from etcdtui.services.tree.navigation import SUGGESTED, Absent, Found, Outcome, Outside, Unread
from tests.conftest import ServerFactory
from tests.services.tree_support import Browsing, browsing, filled, limited_user, profile_of
from tests.support import Server, TcpProxy, eventually

KEYS = [b"/config/app/db.json", b"/config/app/limits", b"/config/app/log", b"/other/x"]


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def path_of(outcome: Outcome) -> bytes:
    assert isinstance(outcome, Found), outcome
    return outcome.level.path(outcome.index)


async def test_a_path_in_folders_never_opened_is_found_on_a_slow_link(etcd: Server) -> None:
    await filled(etcd, KEYS)
    async with TcpProxy(etcd.endpoint) as proxy:
        proxy.delay = 0.025
        async with browsing(profile_of(etcd, endpoints=(proxy.endpoint,))) as one:
            one.browser.loader.load(one.browser.tree.root)
            go = one.browser.navigation.go
            assert path_of(await go(b"/config/app/log")) == b"/config/app/log"
            assert path_of(await go(b"/other/")) == b"/other/"
            assert one.browser.navigation.going is None


async def test_the_place_named_last_counts(etcd: Server) -> None:
    await filled(etcd, KEYS)
    async with browsing(profile_of(etcd)) as one:
        one.browser.loader.load(one.browser.tree.root)
        navigation = one.browser.navigation
        first = asyncio.create_task(navigation.go(b"/not/there"))
        second = asyncio.create_task(navigation.go(b"/other/x"))
        await asyncio.sleep(0)
        assert navigation.going == b"/other/x"
        assert isinstance(await first, Absent) and path_of(await second) == b"/other/x"
        assert not navigation.absent and navigation.going is None


async def test_what_is_not_there_is_named_until_something_else_is_looked_at(etcd: Server) -> None:
    await filled(etcd, KEYS)
    async with browsing(profile_of(etcd)) as one:
        one.browser.loader.load(one.browser.tree.root)
        navigation = one.browser.navigation
        outcome = await navigation.go(b"/config/app/l")
        assert isinstance(outcome, Absent) and outcome.words == "no such key: /config/app/l"
        assert outcome.level.path(outcome.index) == b"/config/app/limits", "the first name that starts like it"
        assert navigation.absent == b"/config/app/l"
        navigation.looked_elsewhere()
        assert not navigation.absent
        outcome = await navigation.go(b"/config/zzz")
        assert isinstance(outcome, Absent) and (outcome.level.prefix, outcome.index) == (b"/config/", -1)
        await navigation.go(b"/other/x")
        assert not navigation.absent, "a find that succeeds names another place"


async def test_a_key_that_came_after_its_level_was_read_is_found(etcd: Server) -> None:
    await filled(etcd, KEYS)
    async with browsing(profile_of(etcd)) as one:
        await one.open(b"/config/", b"/config/app/")
        await etcd.put("/config/app/new", "1")
        await etcd.put("/new/folder/key", "1")
        go = one.browser.navigation.go
        assert path_of(await go(b"/config/app/new")) == b"/config/app/new"
        assert path_of(await go(b"/new/folder/key")) == b"/new/folder/key"
        await etcd.delete("/config/app/new")
        assert path_of(await go(b"/config/app/new")) == b"/config/app/new", "the row is there until it is seen to go"


async def test_a_level_that_was_stopped_or_failed_does_not_say_that_a_key_is_not_there(etcd: Server) -> None:
    await filled(etcd, [*KEYS, *(b"/flat/%04d" % n for n in range(3_000))])
    async with TcpProxy(etcd.endpoint) as proxy, browsing(profile_of(etcd, endpoints=(proxy.endpoint,))) as one:
        await one.open()
        proxy.black_hole()
        going = asyncio.create_task(one.browser.navigation.go(b"/flat/2999"))
        await eventually(lambda: any(level.state is State.LOADING for level in one.browser.tree.root.walk()))
        assert one.browser.loader.stop()
        outcome = await going
        assert isinstance(outcome, Unread) and "stopped" in outcome.words
        await proxy.heal()


async def test_odd_names_are_places(etcd: Server) -> None:
    keys = [b"/a", b"a", b"//b", b"/a/", b"\xff\x00", b"x:y", b"/a/b/"]
    await filled(etcd, keys)
    async with browsing(profile_of(etcd)) as one:
        one.browser.loader.load(one.browser.tree.root)
        for key in keys:
            found = await one.browser.navigation.go(key)
            assert path_of(found) == key
        assert isinstance(await one.browser.navigation.go(b""), Found)


async def test_a_limited_user_goes_inside_the_start_places_only(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    profile, credentials = await limited_user(server)
    async with browsing(profile, credentials) as one:
        start = await one.start()
        assert start.words.startswith("You may read ")
        go = one.browser.navigation.go
        for place in (b"/odd/k/1", b"/app/a/1", b"/apple", b"/one"):
            assert path_of(await go(place)) == place
        found = await go(b"/app")
        assert isinstance(found, Found) and found.level.names[found.index] == b"/app"
        assert isinstance(await go(b"/x"), Outside)
        await one.browser.loader.listed(one.level(b"/odd/"))
        assert one.rows()[b"/odd/b"] == 2, "a start place that was listed is counted"
        assert [row.path for row in (await one.browser.navigation.complete(b""))[0]] == [
            b"/app",
            b"/odd/",
            b"/one",
            b"/drop/",
        ]


async def test_a_long_folder_is_completed_by_its_first_names_without_reading_the_rest(etcd: Server) -> None:
    keys = [b"/long/%05d" % n for n in range(20_000)]
    await filled(etcd, keys)
    async with browsing(profile_of(etcd)) as one:
        await one.open()
        reads = one.session.reads
        before = reads.requests
        await browse.children(reads, b"/long/", (b"/",))
        all_of_it, before = reads.requests - before, reads.requests
        found, whole = await one.browser.navigation.complete(b"/long/")
        assert [row.path for row in found[:SUGGESTED]] == keys[:SUGGESTED]
        assert whole or reads.requests - before < all_of_it / 2
        found, whole = await one.browser.navigation.complete(b"/l")
        assert [(row.path, row.count) for row in found] == [(b"/long/", 20_000)] and whole


async def test_the_tree_as_of_another_revision(etcd: Server) -> None:
    await etcd.put("/t/old", "1")
    revision = await etcd.put("/t/changed", "before")
    await etcd.put("/t/changed", "after")
    await etcd.put("/t/new", "1")
    await etcd.delete("/t/old")
    async with browsing(profile_of(etcd)) as one:
        await one.open(b"/t/")
        navigation = one.browser.navigation
        shown = asyncio.create_task(navigation.show_revision(revision))
        went = asyncio.create_task(navigation.go(b"/t/old"))
        await shown
        assert path_of(await went) == b"/t/old", "a place asked for meanwhile is wanted as it was then"
        assert one.browser.tree.revision == revision
        assert one.rows() == {b"/t/": 2, b"/t/changed": LEAF, b"/t/old": LEAF}
        assert any(isinstance(one_, news.Moment) for one_ in one.told)
        one.browser.freshness.follow(one.level(b"/t/"))
        one.browser.freshness.poll()
        assert one.browser.freshness.words == "", "what was then does not change"
        assert isinstance(await navigation.go(b"/t/new"), Absent)
        assert navigation.show_now() and not navigation.show_now()
        await eventually(lambda: one.rows() == {b"/t/": 2, b"/t/changed": LEAF, b"/t/new": LEAF})
        await navigation.show_revision(10**9)
        assert "cannot be shown: history reaches from" in one.said[-1]
        await navigation.show_revision(-1)
        assert one.browser.tree.revision > revision


async def test_places_are_kept_for_the_next_run(etcd: Server) -> None:
    await filled(etcd, KEYS)
    profile = profile_of(etcd, bookmarks={"lim": "/config/app/limits"})

    async def offered(one: Browsing) -> list[tuple[bytes, str]]:
        await one.browser.navigation.load_places()
        return [(row.path, row.note) for row in one.browser.navigation.suggested_places()]

    async with browsing(profile) as one:
        navigation = one.browser.navigation
        await navigation.visited(b"/other/x")
        await navigation.bookmark(b"/config/app/log")
        assert one.said[-1] == "bookmarked, f finds it: log"
        await navigation.bookmark(b"/config/app/limits")
        assert "change it in the config file" in one.said[-1]
    async with browsing(profile) as one:
        assert await offered(one) == [
            (b"/config/app/limits", "bookmark lim"),
            (b"/config/app/log", "bookmark log"),
            (b"/other/x", "recent"),
        ]
        await one.browser.navigation.bookmark(b"/config/app/log")
        assert one.said[-1] == "the bookmark log is removed"
    async with browsing(profile) as one:
        assert (b"/config/app/log", "bookmark log") not in await offered(one)


async def test_places_that_cannot_be_kept_are_told(etcd: Server, tmp_path: Path) -> None:
    (tmp_path / "etcdtui").write_text("not a folder")
    async with browsing(profile_of(etcd)) as one:
        await one.browser.navigation.visited(b"/a")
        assert one.said[-1].startswith("places are not kept: ")
