"""The tail: every event once, expiry told from deletion, gaps drawn, refusals said, holding still without loss."""

from __future__ import annotations

import asyncio

import pytest

from etcdtui.client import Client, ClientOptions, Op
from etcdtui.services.tail.entries import GapKind
from etcdtui.services.tail.feed import FeedState, WatchFeed, tells_progress
from etcdtui.services.tail.source import WatchSpec
from tests.conftest import ServerFactory
from tests.services.tail.support import feeding, tailing
from tests.support import Server, eventually

ALL = WatchSpec(b"\0", b"\0")


async def test_events_come_once_in_order_and_are_named(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/a/", b"/a0")) as (client, feed, heard):
        await eventually(lambda: feed.state is FeedState.LIVE)
        await client.kv.put("/a/x", "1")
        await client.kv.put("/a/x", "2")
        await client.kv.put("/b", "outside")
        await client.kv.delete("/a/x")
        await eventually(lambda: feed.events == 3)
        assert [(entry.op, entry.kv.value, entry.before and entry.before.value) for entry in heard.seen] == [
            ("NEW", b"1", None),
            ("PUT", b"2", b"1"),
            ("DEL", b"", b"2"),
        ]
        feed.mark("deploy")
        assert feed.marks == 1 and len(feed.ring) == 4


async def test_events_of_one_transaction_know_how_many_they_are(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/t/", b"/t0")) as (client, feed, heard):
        await eventually(lambda: feed.state is FeedState.LIVE)
        await client.kv.put("/t/alone", "1")
        await client.kv.txn(success=[Op.put(f"/t/{n}", "1") for n in range(3)])
        await eventually(lambda: feed.events == 4)
        assert [(entry.group, entry.place) for entry in heard.seen] == [(1, 0), (3, 0), (3, 1), (3, 2)]
        assert len({entry.revision for entry in heard.seen}) == 2


async def test_an_expired_key_is_told_from_a_deleted_one(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/l/", b"/l0")) as (client, feed, heard):
        await eventually(lambda: feed.state is FeedState.LIVE)
        gone, alive = await client.lease.grant(100), await client.lease.grant(100)
        await client.kv.put("/l/gone", "1", lease=gone.id)
        await client.kv.put("/l/alive", "1", lease=alive.id)
        await client.lease.revoke(gone.id)
        await client.kv.delete("/l/alive")
        await eventually(lambda: feed.events == 4 and not any(entry.unsettled for entry in heard.seen))
        assert {entry.kv.key: entry.op for entry in heard.seen[2:]} == {b"/l/gone": "DEL~", b"/l/alive": "DEL"}
        assert heard.seen[2].lease == gone.id


async def test_an_expiry_in_a_replay_is_told_though_nothing_was_seen_of_its_key_before(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/other")) as (client, _, _):
        lease = await client.lease.grant(100)
        put = await client.kv.put("/l/gone", "1", lease=lease.id)
        await client.lease.revoke(lease.id)
        assert put.header is not None
        async with feeding(client, WatchSpec(b"/l/", b"/l0", put.header.revision + 1)) as (feed, heard):
            await eventually(lambda: feed.events == 1 and not heard.seen[0].unsettled)
            assert heard.seen[0].op == "DEL~" and heard.seen[0].before is not None
            assert heard.seen[0].before.value == b"1"


@pytest.mark.matrix
async def test_a_replay_of_many_revisions_is_whole_and_in_order(etcd: Server) -> None:
    """Far more than a server sends one watcher in a round, so several watchers share it."""
    revisions = []
    async with tailing(etcd, WatchSpec(b"/other")) as (client, _, _):
        for at in range(0, 4_000, 100):
            puts = (client.kv.put(f"/r/{n % 50}", str(n)) for n in range(at, at + 100))
            revisions += [put.header.revision for put in await asyncio.gather(*puts) if put.header is not None]
        async with feeding(client, WatchSpec(b"/r/", b"/r0", min(revisions))) as (feed, heard):
            most = 0

            def whole() -> bool:
                nonlocal most
                most = max(most, feed.watchers)
                return feed.events == len(revisions)

            await eventually(whole, 20.0)
            assert most > 1
            assert heard.revisions == sorted(revisions)
            by_key: dict[bytes, bytes] = {}
            await feed.look_up(heard.seen)
            for entry in heard.seen:
                assert (entry.before.value if entry.before else None) == by_key.get(entry.kv.key)
                by_key[entry.kv.key] = entry.kv.value


async def test_a_compacted_start_is_drawn_as_a_gap_and_the_tail_goes_on(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/other")) as (client, _, _):
        first = (await client.kv.put("/c", "0")).header
        for number in range(1, 5):
            await client.kv.put("/c", str(number))
        assert first is not None
        await client.kv.compact(first.revision + 3)
        async with feeding(client, WatchSpec(b"/c", b"", first.revision)) as (feed, heard):
            await eventually(lambda: feed.events >= 2 and feed.state is FeedState.LIVE)
            gap = heard.entries[0]
            assert gap is heard.gaps[0] and heard.gaps[0].kind is GapKind.COMPACTED
            assert (heard.gaps[0].first, heard.gaps[0].last, heard.gaps[0].missed) == (
                first.revision,
                first.revision + 2,
                3,
            )
            assert [entry.kv.value for entry in heard.seen] == [b"3", b"4"]
            assert feed.losses == 1


async def test_a_restart_under_the_tail_loses_nothing_and_draws_its_line(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with tailing(server, WatchSpec(b"/r/", b"/r0")) as (client, feed, heard):
        await eventually(lambda: feed.state is FeedState.LIVE)
        await client.kv.put("/r/1", "1")
        await eventually(lambda: feed.events == 1)
        await server.members[0].kill()
        await eventually(lambda: feed.state is FeedState.LOST and feed.attempt() > 1, timeout=15)
        assert feed.error is not None
        await server.members[0].restart()
        await client.kv.put("/r/2", "1")
        await eventually(lambda: feed.events == 2 and feed.state is FeedState.LIVE, timeout=15)
        assert [entry.kv.key for entry in heard.seen] == [b"/r/1", b"/r/2"]
        assert [type(entry).__name__ for entry in heard.entries] == ["Seen", "Gap", "Seen"]
        assert heard.gaps[0].kind is GapKind.RECONNECTED and heard.gaps[0].missed == 0
        assert feed.losses == 0


async def test_a_compaction_while_away_is_one_drawn_gap_with_its_bounds(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with tailing(server, WatchSpec(b"/r/", b"/r0")) as (client, feed, heard):
        await eventually(lambda: feed.state is FeedState.LIVE)
        first = await server.put("/r/1", "1")
        await eventually(lambda: feed.events == 1)
        feed.hold()
        for number in range(5):
            last = await server.put("/r/1", str(number))
        await client.kv.compact(last)
        feed.go_on()
        await eventually(lambda: feed.events == 2)
        (gap,) = heard.gaps
        assert (gap.kind, gap.first, gap.last) == (GapKind.COMPACTED, first + 1, last - 1)
        assert heard.seen[-1].kv.value == b"4"


async def test_paused_with_a_full_ring_it_holds_still_and_goes_on_without_loss(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/p/", b"/p0"), ring_events=40) as (client, feed, heard):
        await eventually(lambda: feed.state is FeedState.LIVE)
        await client.kv.put("/p/0", "1")
        await eventually(lambda: feed.events == 1)
        feed.pause()
        since = feed.ring.next
        for number in range(1, 100):
            await client.kv.put(f"/p/{number}", "1")
        await eventually(lambda: feed.state is FeedState.HELD)
        assert feed.ring.first <= since, "nothing that came while paused was dropped"
        assert 20 <= feed.events < 40
        feed.go_on()
        await eventually(lambda: feed.events == 100)
        assert [entry.kv.key for entry in heard.seen] == [b"/p/%d" % number for number in range(100)]
        assert [gap.kind for gap in heard.gaps] == [GapKind.PAUSED]


async def test_skipping_ahead_draws_what_was_skipped(etcd: Server) -> None:
    async with tailing(etcd, WatchSpec(b"/s/", b"/s0")) as (client, feed, heard):
        await eventually(lambda: feed.state is FeedState.LIVE)
        await client.kv.put("/s/0", "1")
        await eventually(lambda: feed.events == 1)
        feed.hold()
        await eventually(lambda: feed.state is FeedState.HELD)
        first = (await client.kv.put("/s/1", "1")).header
        last = (await client.kv.put("/s/2", "1")).header
        assert first is not None and last is not None
        await feed.skip_ahead()
        feed.go_on()
        await eventually(lambda: feed.state is FeedState.LIVE)
        await client.kv.put("/s/3", "1")
        await eventually(lambda: feed.events == 2)
        assert heard.seen[-1].kv.key == b"/s/3"
        (gap,) = heard.gaps
        assert (gap.kind, gap.first, gap.last) == (GapKind.SKIPPED, first.revision, last.revision)


@pytest.mark.matrix
async def test_how_far_it_is_is_a_fact_for_a_quiet_prefix_too(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with tailing(server, WatchSpec(b"/quiet/", b"/quiet0")) as (client, feed, _):
        await eventually(lambda: feed.state is FeedState.LIVE)
        busy = (await client.kv.put("/busy", "1")).header
        assert busy is not None
        if tells_progress(".".join(map(str, server.version))):
            await eventually(lambda: feed.complete >= busy.revision and feed.lag == 0)
        else:  # what such a server says of its progress is not believed
            await eventually(lambda: feed.head >= busy.revision)
            assert feed.complete < busy.revision and feed.lag is None


async def test_a_refused_watch_names_what_would_be_allowed_and_begins_when_it_is_granted(
    etcd_server: ServerFactory,
) -> None:
    server = await etcd_server(flags=["--bcrypt-cost=4"])
    for words in (
        ("user", "add", "root:r"),
        ("role", "add", "root"),
        ("user", "grant-role", "root", "root"),
        ("user", "add", "bob:b"),
        ("role", "add", "app"),
        ("role", "grant-permission", "app", "--prefix=true", "readwrite", "/app/"),
        ("user", "grant-role", "bob", "app"),
        ("auth", "enable"),
    ):
        server.etcdctl(*words)
    client = await Client.open(ClientOptions(endpoints=(server.endpoint,), username="bob", password="b"))
    try:
        async with feeding(client, WatchSpec(b"/x/", b"/x0")) as (feed, _):
            await eventually(lambda: feed.state is FeedState.REFUSED and feed.allowed != "")
            assert feed.allowed == "/app/"
            assert feed.retry_in() > 5
            root = {"ETCDCTL_USER": "root:r"}
            server.etcdctl("role", "grant-permission", "app", "--prefix=true", "read", "/x/", env=root)
            feed.retry_now()
            await eventually(lambda: feed.state is FeedState.LIVE)
            server.etcdctl("put", "/x/1", "1", env=root)
            await eventually(lambda: feed.events == 1)
    finally:
        await client.aclose()


async def test_without_a_leader_the_green_goes_at_once_and_comes_back_without_loss(cluster3: Server) -> None:
    client = await Client.open(ClientOptions(endpoints=cluster3.endpoints))
    try:
        async with feeding(client, WatchSpec(b"/q/", b"/q0")) as (feed, heard):
            await eventually(lambda: feed.is_well)
            await client.kv.put("/q/1", "1")
            await eventually(lambda: feed.events == 1)
            serving = client._watches.endpoints_in_use()[0]
            others = [member for member in cluster3.members if member.endpoint != serving]
            for member in others:
                await member.kill()
            await eventually(lambda: not feed.is_well, 6.0)
            await eventually(lambda: feed.leaderless, 10.0)
            for member in others:
                await member.start()
            await eventually(lambda: feed.is_well, 20.0)
            await client.kv.put("/q/2", "1")
            await eventually(lambda: feed.events == 2)
            assert [entry.kv.key for entry in heard.seen] == [b"/q/1", b"/q/2"]
            assert feed.losses == 0
    finally:
        await client.aclose()


async def test_a_frozen_member_is_not_called_well(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with tailing(server, ALL) as (client, feed, heard):
        await eventually(lambda: feed.is_well)
        server.members[0].pause()
        try:
            await eventually(lambda: not feed.is_well, 4.0)
        finally:
            server.members[0].resume()
        await eventually(lambda: feed.is_well, 20.0)
        await client.kv.put("/z", "1")
        await eventually(lambda: feed.events == 1, 10.0)
        assert feed.losses == 0 and len(heard.seen) == 1


async def test_a_closed_client_ends_the_feed(etcd: Server) -> None:
    client = await Client.open(ClientOptions(endpoints=tuple(etcd.endpoints)))
    feed = WatchFeed(client, ALL)
    task = asyncio.create_task(feed.run())
    await eventually(lambda: feed.state is FeedState.LIVE)
    await client.aclose()
    async with asyncio.timeout(5):
        await task
    assert feed.state is FeedState.ENDED


@pytest.mark.parametrize(
    ("version", "true"),
    [
        ("3.3.9", False),
        ("3.4.23", False),
        ("3.4.25", True),
        ("3.5.1", False),
        ("3.5.8", True),
        ("3.5.9-rc.1", True),
        ("3.6.0", True),
        ("4.0.0", True),
        ("", False),
    ],
)
def test_whose_word_about_progress_is_taken(version: str, true: bool) -> None:
    assert tells_progress(version) is true
