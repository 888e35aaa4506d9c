"""What is shown stays true: levels, counts and totals after writes of others and of ours, watched or not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from etcdtui.core.keytree import Level, State
from etcdtui.core.listing import LEAF
from etcdtui.core.ranges import prefix_range
from etcdtui.services.session.session import Session
from etcdtui.services.tail.feed import feed_of
from etcdtui.services.tail.source import WatchSpec
from etcdtui.services.tree import freshness, news
from etcdtui.services.writing import deleting
from etcdtui.services.writing.undo import plan_undo
from tests.services.looking_support import expected
from tests.services.tree_support import Browsing, browsing, filled, profile_of
from tests.services.writing_support import carry_out, undone
from tests.support import Server, eventually

CONFIG = [b"/config/app/%02d" % n for n in range(17)]
EVERYTHING = [*CONFIG, b"/config/z", *(b"/other/%d" % n for n in range(5)), b"plain"]


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def delete_prefix(session: Session, prefix: bytes) -> None:
    found = await deleting.preview_prefix(session.writes, prefix)
    write = deleting.plan_delete_range(session.writes.guard, found, prefix)
    assert (await carry_out(session.writes, write)).count == len(found.kvs)


async def undo(session: Session) -> None:
    entry = session.writes.undo.last()
    assert entry is not None
    made = await plan_undo(session.writes, entry)
    assert (await undone(session.writes, made)).complete


def counts(one: Browsing) -> tuple[int, int, int]:
    """Of ``/config/``, ``/config/app/`` and of the whole store."""
    rows, root = one.rows(), one.browser.tree.root
    return rows.get(b"/config/", 0), rows.get(b"/config/app/", 0), root.total


async def follow(one: Browsing, prefix: bytes) -> None:
    one.browser.freshness.follow(one.level(prefix))
    await eventually(lambda: one.browser.freshness.words == "live")


@pytest.mark.parametrize("watched", ["", "/config/app/", "nothing"])
async def test_delete_and_undo_of_seventeen_keys_leave_the_counts_that_are_true(
    etcd: Server, watched: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if watched != "":
        monkeypatch.setattr(freshness, "WATCH_KEYS", 17)
    async with browsing(profile_of(etcd)) as one:
        await filled(etcd, EVERYTHING)
        await one.open(b"/config/", b"/config/app/")
        if watched != "nothing":
            await follow(one, watched.encode())
        assert counts(one) == (18, 17, 24)
        await delete_prefix(one.session, b"/config/app/")
        await one.browser.written(b"/config/app/")
        await eventually(lambda: counts(one) == (1, 0, 7), what="deleted")
        await undo(one.session)
        await one.browser.written(b"")
        await eventually(lambda: counts(one) == (18, 17, 24), what="undone")
        assert one.browser.freshness.changes == 0, "what was changed from here is no news"
        assert not any(level.changed for level in one.browser.tree.root.walk())


async def test_a_foreign_delete_below_what_is_watched_leaves_no_old_count_around_it(
    etcd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "WATCH_KEYS", 17)
    async with browsing(profile_of(etcd)) as one:
        await filled(etcd, EVERYTHING)
        await one.open(b"/config/", b"/config/app/")
        await follow(one, b"/config/app/")
        for level in (one.browser.tree.root, one.level(b"/config/")):
            await one.browser.freshness.check(level)  # as the poll does between two events
        for n in range(3):
            await etcd.delete(f"/config/app/{n:02}")
            await one.browser.freshness.check(one.browser.tree.root)
        await eventually(lambda: counts(one) == (15, 14, 21))
        assert one.browser.freshness.changes > 0
        await etcd.put("/config/app/new", "1")
        await eventually(lambda: counts(one) == (16, 15, 22))


async def test_a_check_counts_the_folders_of_a_level_too_large_to_be_watched(
    etcd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "WATCH_KEYS", 3)
    async with browsing(profile_of(etcd, refresh=0.0)) as one:
        await filled(etcd, EVERYTHING)
        await one.open()
        await etcd.delete("/config/app/03")
        await etcd.put("/other/new", "1")
        one.browser.freshness.poll()
        await eventually(lambda: one.rows() == {b"/config/": 17, b"/other/": 6, b"plain": LEAF})
        assert one.browser.tree.root.total == 24
        assert set(one.browser.tree.root.changed) == {b"/config/", b"/other/"}
        assert not one.browser.tree.root.newer, "all of the level is true of one revision again"


async def test_a_large_folder_is_counted_less_often_than_small_ones(
    etcd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "WATCH_KEYS", 3)
    monkeypatch.setattr(freshness, "COUNT_KEYS", 10)
    async with browsing(profile_of(etcd)) as one:
        await filled(etcd, EVERYTHING)
        await one.open()
        await etcd.delete("/config/app/03")
        await etcd.delete("/other/3")
        checks = 0
        while one.rows()[b"/config/"] != 17:
            await one.browser.freshness._poll()
            checks += 1
            assert one.rows()[b"/other/"] == 4, "the small one is counted at once"
        assert 2 <= checks <= 4


async def test_a_write_of_ours_in_a_folder_too_large_to_be_counted_is_reckoned(
    etcd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "WATCH_KEYS", 3)
    monkeypatch.setattr(freshness, "WALK", 4)
    async with browsing(profile_of(etcd)) as one:
        await filled(etcd, EVERYTHING)
        await one.open(b"/config/")
        await delete_prefix(one.session, b"/config/app/")
        asked = one.session.reads.requests
        await one.browser.written(b"/config/app/")
        assert counts(one) == (1, 0, 7)
        assert one.session.reads.requests == asked
        await undo(one.session)
        await one.browser.written(b"")
        assert counts(one) == (18, 17, 24)


async def test_a_level_read_while_its_watch_runs_on_misses_nothing(etcd: Server) -> None:
    async with browsing(profile_of(etcd)) as one:
        await filled(etcd, EVERYTHING)
        await one.open(b"/config/")
        await follow(one, b"")
        level = one.level(b"/config/")
        index = level.find(b"app/")
        below = one.browser.loader.enter(level, index)
        revision = one.browser.tree.root.revision
        await etcd.delete("/config/app/00")
        await eventually(lambda: one.browser.freshness._position > revision)
        await one.browser.loader.listed(below)
        below.revision, below.names[:0], below.total = revision, [b"00"], 17  # as if it had been read before that
        below.counts.insert(0, LEAF)
        below.touch()
        one.browser.freshness.listed(below)
        await eventually(lambda: (below.find(b"00"), below.total) == (-1, 16))
        assert counts(one) == (17, 16, 23)


@pytest.mark.parametrize("live", [True, False])
async def test_a_closed_folder_is_true_when_it_is_opened_again(
    etcd: Server, live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "WATCH_KEYS", 5_000 if live else 3)
    async with browsing(profile_of(etcd)) as one:
        await filled(etcd, EVERYTHING)
        below = await one.open(b"/other/")
        if live:
            await follow(one, b"")
        root = one.browser.tree.root
        root.close(b"/other/")
        await etcd.put("/other/x", "1")
        await etcd.delete("/other/0")
        if live:
            await eventually(lambda: below.find(b"x") >= 0)
        assert one.browser.loader.enter(root, root.find(b"/other/")) is below
        await eventually(lambda: below.find(b"x") >= 0 and below.find(b"0") < 0)
        assert below.total == 5


async def test_an_emptied_level_says_so_and_a_compaction_reads_it_again(etcd: Server) -> None:
    async with browsing(profile_of(etcd)) as one:
        await etcd.put("/w/a", "1")
        level = await one.open(b"/w/")
        await follow(one, b"/w/")
        await etcd.delete("/w/a")
        await eventually(lambda: one.browser.tree.root.note.startswith("No keys in this store. n creates one."))
        for number in range(3):
            revision = await etcd.put("/w/a", str(number))
        await eventually(lambda: b"/w/" in one.rows())
        await etcd.call("kv/compaction", revision=revision)
        level = await one.open(b"/w/")
        one.browser.freshness.stop()
        for below in one.browser.tree.root.walk():
            below.revision = 1
        one.browser.freshness.follow(level)
        await eventually(lambda: level.state is State.READY and level.revision >= revision)
        await etcd.put("/w/b", "1")
        one.browser.freshness.follow(level)
        await eventually(lambda: b"/w/b" in one.rows())


async def test_marks_go_with_their_keys_for_good(etcd: Server) -> None:
    async with browsing(profile_of(etcd)) as one:
        await filled(etcd, EVERYTHING)
        await one.open(b"/config/", b"/config/app/")
        marks = one.browser.marks
        marks.add([b"/config/app/", b"/config/app/03", b"/other/1"])
        await delete_prefix(one.session, b"/config/app/")
        await one.browser.written(b"/config/app/")
        await eventually(lambda: list(marks) == [b"/other/1"])
        await undo(one.session)
        await one.browser.written(b"")
        assert list(marks) == [b"/other/1"], "what came back was not marked by a person"
        level = await one.open(b"/config/app/")
        marks.add([b"/config/app/", b"/config/app/03"])
        await etcd.delete("/config/app/03")
        await one.browser.freshness.check(level)
        assert list(marks) == [b"/config/app/", b"/other/1"], "somebody else took it"
        marks.toggle(b"plain")
        await etcd.put("/config/app/03", "again")
        await one.browser.freshness.check(level)
        assert b"/config/app/03" not in marks


def agrees(one: Browsing, keys: Sequence[bytes]) -> bool:
    for level in one.browser.tree.root.walk():
        shown = dict(zip(level.names, level.counts, strict=True))
        assert shown == expected(keys, level.prefix, level.separators), level.prefix
        assert level.total == sum(key.startswith(level.prefix) for key in keys), level.prefix
    return True


@pytest.mark.matrix
@pytest.mark.parametrize("watch_keys", [0, 20, 5_000])
async def test_whoever_writes_what_is_shown_is_what_is_there(
    etcd: Server, watch_keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random writes of others and of ours, checks and openings in between, at every level of watching."""
    monkeypatch.setattr(freshness, "WATCH_KEYS", watch_keys)
    random_ = random.Random(watch_keys)
    keys = {b"/%s/%s/%d" % (a, b, n) for a in (b"a", b"b", b"c") for b in (b"x", b"y") for n in range(4)}
    async with browsing(profile_of(etcd)) as one:
        await filled(etcd, keys)
        await one.open(b"/a/", b"/a/x/", b"/b/", b"/b/y/")
        kv = one.session.client.kv

        def levels() -> list[Level]:
            return list(one.browser.tree.root.walk())

        for turn in range(60):
            key = b"/%s/%s/%d" % (
                random_.choice([b"a", b"b", b"c"]),
                random_.choice([b"x", b"y"]),
                random_.randrange(6),
            )
            what = random_.random()
            if what < 0.35:
                await etcd.put(key, b"1")
                keys.add(key)
            elif what < 0.7:
                await etcd.delete(key)
                keys.discard(key)
            elif what < 0.8:
                one.browser.freshness.follow(random_.choice(levels()))
            elif what < 0.9:
                one.tasks(f"check {turn}", partial(one.browser.freshness.check, random_.choice(levels())))
            elif any(known.startswith(key[:5]) for known in keys):
                await delete_prefix(one.session, key[:5])
                keys = {known for known in keys if not known.startswith(key[:5])}
                await one.browser.written(key[:5])
        assert sorted(keys) == [one.key for one in (await kv.get(b"", prefix=True, keys_only=True)).kvs]
        for level in levels():
            if not one.browser.freshness._is_live(level) and level.state is State.READY:
                await one.browser.freshness.check(level)
        await eventually(lambda: agrees(one, sorted(keys)), what="every row, count and total")


async def test_automatic_refresh_can_be_turned_off(etcd: Server) -> None:
    async with browsing(profile_of(etcd)) as one:
        await etcd.put("/a", "1")
        root = await one.open()
        await follow(one, b"")
        one.browser.freshness.turn()
        assert one.browser.freshness.words == "automatic refresh off"
        await etcd.put("/b", "1")
        one.browser.freshness.poll()
        one.browser.freshness.follow(root)
        await asyncio.sleep(0)
        assert one.rows() == {b"/a": LEAF}
        one.browser.freshness.turn()
        one.browser.freshness.follow(root)
        await eventually(lambda: b"/b" in one.rows())
        assert one.browser.freshness.changes == 1
        assert any(isinstance(one_, news.KeyChanged) and one_.key == b"/b" for one_ in one.told)
        one.browser.freshness.looked()
        assert one.browser.freshness.changes == 0 and not root.changed


async def test_what_a_watch_sees_is_marked_and_counted_where_nothing_of_ours_looks(etcd: Server) -> None:
    """A level too large to be watched showed nothing of what a watch beside it told."""
    await filled(etcd, [b"/big/a/1", b"/big/b", b"/big/gone", b"/other"])
    async with browsing(profile_of(etcd)) as one:
        level = await one.open(b"/big/")
        feed = feed_of(one.session, WatchSpec(*prefix_range(b"/big/")))
        running = asyncio.create_task(feed.run())
        try:
            await eventually(lambda: feed.is_well)
            await etcd.put("/big/b", "2")
            await etcd.put("/big/a/2", "1")
            await etcd.delete("/big/gone")
            await eventually(lambda: set(level.changed) == {b"b", b"a/"} and b"/big/gone" not in one.rows())
            await eventually(lambda: (one.rows()[b"/big/a/"], one.rows()[b"/big/"]) == (2, 3))
            assert one.browser.freshness.changes == 3
            assert any(isinstance(told, news.KeyChanged) and told.key == b"/big/b" for told in one.told)
            one.browser.freshness.looked()
            ours = await etcd.put("/big/b", "ours")
            one.browser.freshness.ours([ours])
            await etcd.put("/big/last", "1")
            await eventually(lambda: b"last" in level.changed)
            assert b"b" not in level.changed and one.browser.freshness.changes == 1
        finally:
            running.cancel()
