"""Levels of the tree as they are read: pages, stopping, failing, empty ones, all of a folder at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.core.keytree import Level, State
from etcdtui.core.listing import LEAF
from etcdtui.core.units import format_count
from etcdtui.services.tree import news
from tests.conftest import ServerFactory
from tests.services.tree_support import browsing, filled, profile_of
from tests.support import Server, TcpProxy, eventually


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def test_a_level_is_told_page_by_page_and_whoever_waits_for_a_row_has_it_before_the_rest(etcd: Server) -> None:
    await filled(etcd, [b"/flat/%04d" % n for n in range(6_000)])
    async with browsing(profile_of(etcd, page_size=100)) as one:
        await one.open()
        root = one.browser.tree.root
        level = one.browser.loader.enter(root, root.find(b"/flat/"))
        await one.browser.loader.listed(level, b"0000")
        assert (level.find(b"0000"), level.state.value) == (0, "loading") and "keys read  esc stops" in level.note
        await one.browser.loader.listed(level)
        assert level.state is State.READY and len(level.names) == 6_000 and not level.note
        pages = [one_ for one_ in one.told if isinstance(one_, news.Rows) and one_.level is level]
        assert len(pages) >= 3 and [page.last for page in pages].count(True) == 1
        assert any(isinstance(one_, news.Listed) and one_.level is level and one_.seconds > 0 for one_ in one.told)


async def test_reading_again_takes_no_row_away(etcd: Server) -> None:
    await filled(etcd, [b"/d/%03d/x" % n for n in range(300)])
    async with browsing(profile_of(etcd, page_size=10)) as one:
        level = await one.open(b"/d/")
        before = len(one.told)
        seen = set()
        one.browser.loader.load(level)
        while level.state is not State.READY:
            seen.add(len(level.names))
            await one.browser.loader.listed(level)
        assert seen == {300} and len(level.names) == 300
        rows = [one_ for one_ in one.told[before:] if isinstance(one_, news.Rows)]
        assert [row.last for row in rows] == [False, True], "when it begins, and when all is there"


async def test_what_is_stopped_stays_usable_and_goes_on_when_it_is_read_again(etcd: Server) -> None:
    await filled(etcd, [b"/flat/%04d" % n for n in range(6_000)])
    async with (
        TcpProxy(etcd.endpoint) as proxy,
        browsing(profile_of(etcd, endpoints=(proxy.endpoint,), page_size=100)) as one,
    ):
        await one.open()
        root = one.browser.tree.root
        level = one.browser.loader.enter(root, root.find(b"/flat/"))
        await one.browser.loader.listed(level, b"0000")
        proxy.black_hole()
        assert one.browser.loader.stop()
        assert not one.browser.loader.stop(), "there is nothing more to stop"
        await one.browser.loader.listed(level)
        assert (level.state.value, 0 < len(level.names) < 6_000) == ("stopped", True)
        assert level.note == f"stopped: {format_count(len(level.names))} rows loaded · r reads on"
        await proxy.heal()
        one.browser.loader.load(level)
        await one.browser.loader.listed(level)
        assert level.state is State.READY and len(level.names) == 6_000


async def test_stopping_while_rows_stay_leaves_them_as_they_were(etcd: Server) -> None:
    await filled(etcd, [b"/a", b"/b"])
    async with TcpProxy(etcd.endpoint) as proxy, browsing(profile_of(etcd, endpoints=(proxy.endpoint,))) as one:
        root = await one.open()
        proxy.black_hole()
        one.browser.loader.load(root)
        assert one.browser.loader.stop()
        assert root.state is State.READY and one.rows() == {b"/a": LEAF, b"/b": LEAF}


async def test_a_failed_level_says_why_and_is_read_when_the_cluster_answers_again(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    await server.put("/d/a", "1")
    async with browsing(profile_of(server, command_timeout=0.5, dial_timeout=0.5)) as one:
        root = await one.open()
        one.session.reads.deadline = 0.5
        await server.members[0].kill()
        level = one.browser.loader.enter(root, 0)
        await one.browser.loader.listed(level)
        assert level.state is State.FAILED and level.note.startswith("could not load · r to retry · ")
        found = await one.browser.navigation.go(b"/d/a")
        assert type(found).__name__ == "Unread", "whether it is there is not known"
        await server.members[0].restart()
        await server.members[0].wait_healthy()

        async def healed() -> bool:
            one.browser.heal()
            await one.browser.loader.listed(level)
            return level.state is State.READY

        await eventually(healed, 20)
        assert b"/d/a" in one.rows()


async def test_a_fault_in_the_program_is_no_level_that_reads_for_ever(
    etcd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await etcd.put("/a", "1")
    async with browsing(profile_of(etcd)) as one:
        root = one.browser.tree.root

        def broken(_: Level, rows: object) -> None:
            raise RuntimeError("not as it should be")

        monkeypatch.setattr(Level, "insert", broken)
        one.browser.loader.load(root)
        await one.browser.loader.listed(root)
        assert root.state is State.FAILED and "a fault of this program" in root.note
        with pytest.raises(RuntimeError, match="not as it should be"):
            await one.tasks.end()


async def test_an_empty_store_tells_what_can_be_done_now(etcd: Server) -> None:
    async with browsing(profile_of(etcd, read_only=True)) as one:
        root = await one.open()
        assert root.note == "No keys in this store. READ-ONLY: ! unlocks writes, then n creates one."
        assert one.session.guard.unlock()
        assert one.browser.loader.settle_notes() and not one.browser.loader.settle_notes()
        assert root.note == "No keys in this store. n creates one."


async def test_all_of_a_folder_opens_at_once_unless_it_is_large(etcd: Server) -> None:
    await filled(etcd, [b"/s/a/b/c", b"/s/a/d", b"/s/e/f", *(b"/t/%04d/x" % n for n in range(2_100))])
    async with browsing(profile_of(etcd)) as one:
        await one.open()
        tree = one.browser.tree
        one.browser.loader.expand(tree.row(0))
        await eventually(lambda: b"/s/a/b/c" in one.rows() and b"/s/e/f" in one.rows())
        assert len(one.rows()) == 8
        one.browser.loader.expand(tree.row(tree.number(tree.root, 1)))
        assert "too many to expand" in one.said[-1]
