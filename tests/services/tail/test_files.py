"""Recordings that grow, and the spill: what is on disk is whole, private and bounded."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from etcdtui.config.schema import Mask
from etcdtui.core.types import Event, EventType, KeyValue
from etcdtui.services.tail.entries import Mark, Seen
from etcdtui.services.tail.feed import FeedState, WatchFeed
from etcdtui.services.tail.filters import wanted
from etcdtui.services.tail.recording import Recording
from etcdtui.services.tail.records import from_json
from etcdtui.services.tail.source import WatchSpec
from etcdtui.services.tail.spill import LEAST, Spill
from etcdtui.services.tail.veil import OPEN, Veil
from tests.services.tail.support import tailing
from tests.support import Server, eventually

SPEC = WatchSpec(b"/f/", b"/f0")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_recording_has_what_was_there_and_goes_on(etcd: Server, tmp_path: Path) -> None:
    path = tmp_path / "tail.jsonl"
    async with tailing(etcd, SPEC, ring_events=3) as (client, feed, _):
        await eventually(lambda: feed.state is FeedState.LIVE)
        for number in range(5):
            await client.kv.put("/f/x", str(number))
        await eventually(lambda: feed.events == 5)
        recording = Recording(feed, path, OPEN, since=list(feed.ring), dropped=feed.ring.dropped)
        task = asyncio.create_task(recording.run())
        feed.mark("deploy")
        await client.kv.delete("/f/x")
        await eventually(lambda: recording.written == 6)
        recording.stop()
        await task
        await client.kv.put("/f/x", "after")
        await eventually(lambda: feed.events == 7)
    dropped, *rest = lines(path)
    assert (dropped["gap"], dropped["missed"]) == ("dropped", 2)
    assert [line.get("value") for line in rest if "type" in line] == ["2", "3", "4", None]
    assert [line.get("prev") for line in rest if "type" in line] == ["1", "2", "3", "4"]
    assert [line["mark"] for line in rest if "mark" in line] == ["deploy"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert not recording.problem and not recording.running


async def test_a_recording_waits_until_an_expiry_is_told_from_a_deletion(etcd: Server, tmp_path: Path) -> None:
    async with tailing(etcd, SPEC) as (client, feed, heard):
        await eventually(lambda: feed.state is FeedState.LIVE)
        recording = Recording(feed, tmp_path / "tail.jsonl", OPEN)
        task = asyncio.create_task(recording.run())
        lease = await client.lease.grant(100)
        await client.kv.put("/f/l", "1", lease=lease.id)
        await client.lease.revoke(lease.id)
        await client.kv.put("/f/x", "1")
        await eventually(lambda: recording.written == 3)
        recording.stop()
        await task
    assert [line["type"] for line in lines(tmp_path / "tail.jsonl")] == ["NEW", "DEL~", "NEW"]
    assert len(heard.seen) == 3


async def test_text_masks_and_a_filter_hold_in_the_file(etcd: Server, tmp_path: Path) -> None:
    async with tailing(etcd, SPEC) as (client, feed, _):
        await eventually(lambda: feed.state is FeedState.LIVE)
        only = wanted("!key:noise", feed.now)
        recording = Recording(feed, tmp_path / "tail.txt", Veil(Mask()), wanted=only)
        task = asyncio.create_task(recording.run())
        await client.kv.put("/f/token", "hunter2")
        await client.kv.put("/f/noise", "hunter2")
        await client.kv.put("/f/db", '{"password": "hunter2"}')
        await eventually(lambda: recording.written == 2)
        recording.stop()
        await task
    text = (tmp_path / "tail.txt").read_text()
    assert "hunter" not in text and "/f/noise" not in text
    assert "NEW  /f/token" in text and "(masked)" in text


async def test_no_file_is_replaced_and_a_full_disk_is_said(etcd: Server, tmp_path: Path) -> None:
    async with tailing(etcd, SPEC) as (client, feed, _):
        await eventually(lambda: feed.state is FeedState.LIVE)
        (tmp_path / "there").write_text("mine")
        with pytest.raises(FileExistsError):
            Recording(feed, tmp_path / "there", OPEN)
        assert (tmp_path / "there").read_text() == "mine"
        recording = Recording(feed, tmp_path / "tail.jsonl", OPEN)
        os.dup2(os.open("/dev/full", os.O_WRONLY), recording._file)
        task = asyncio.create_task(recording.run())
        await client.kv.put("/f/x", "1")
        await eventually(lambda: recording.problem != "")
        await task
        assert recording.problem == "no space left on device: nothing is saved after rev 0"
        assert recording not in feed.listeners


async def test_a_limit_ends_a_recording_with_its_reason(etcd: Server, tmp_path: Path) -> None:
    async with tailing(etcd, SPEC) as (client, feed, _):
        await eventually(lambda: feed.state is FeedState.LIVE)
        recording = Recording(feed, tmp_path / "tail.jsonl", OPEN, limit=300)
        task = asyncio.create_task(recording.run())
        for number in range(20):
            await client.kv.put("/f/x", str(number))
        await task
        assert recording.problem.startswith("its limit of 300 B is reached after rev ")
        last = lines(tmp_path / "tail.jsonl")[-1]
        assert recording.problem.endswith(str(last["rev"]))


# --- the spill -----------------------------------------------------------------------------------------------------


def seen(number: int, size: int = 10) -> Seen:
    return Seen(Event(EventType.PUT, KeyValue(b"/k", b"v" * size, 0, number, 2, 0)), 1.5, "PUT")


def test_what_the_ring_lets_go_can_be_had_from_the_spill(tmp_path: Path) -> None:
    spill = Spill(tmp_path, 10 * LEAST, OPEN)
    feed = WatchFeed(None, SPEC, ring_events=5, spill=spill)  # type: ignore[arg-type]  # it is not run
    for number in range(1, 101):
        feed.ring.append(seen(number))
    feed.ring.append(Mark(1, "here", 2.0))
    assert (feed.first, feed.next, feed.dropped) == (0, 101, 0)
    for at in range(100):
        entry = feed.get(at)
        assert isinstance(entry, Seen) and entry.revision == at + 1
    assert feed.get(100) == Mark(1, "here", 2.0) and feed.get(101) is None
    assert list(tmp_path.iterdir()) == [], "the file has no name"
    spill.close()


def test_a_spill_keeps_the_newer_half_of_its_limit_at_least(tmp_path: Path) -> None:
    spill = Spill(tmp_path, LEAST, OPEN)
    for number in range(1, 4_001):
        spill.add(seen(number, size=1_000))
        assert spill.size <= LEAST + 2_000
    assert spill.size >= LEAST // 2 and spill.next == 4_000 and spill.first > 0
    oldest, newest = spill.get(spill.first), spill.get(3_999)
    assert isinstance(oldest, Seen) and oldest.revision == spill.first + 1
    assert isinstance(newest, Seen) and newest.revision == 4_000
    assert spill.get(spill.first - 1) is None
    spill.close()


def test_a_spill_is_masked(tmp_path: Path) -> None:
    spill = Spill(tmp_path, LEAST, Veil(Mask(keys=("/k",), fields=())))
    spill.add(seen(1))
    entry = spill.get(0)
    assert isinstance(entry, Seen) and entry.kv.value == b"********"
    spill.close()


def test_a_recording_reads_back_what_it_wrote(tmp_path: Path) -> None:
    feed = WatchFeed(None, SPEC)  # type: ignore[arg-type]  # it is not run
    recording = Recording(feed, tmp_path / "x", OPEN, since=[seen(1), Mark(1, "m", 1.0)])
    recording.close()
    read = [from_json(line) for line in (tmp_path / "x").read_bytes().splitlines()]
    assert isinstance(read[0], Seen) and read[0].event == seen(1).event
    assert read[1] == Mark(1, "m", 1.0)
