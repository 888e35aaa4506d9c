"""Upkeep on real servers: status, alarms, hashes, snapshots, leadership, downgrades."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from etcdtui.client import ClientOptions, connect, errors
from etcdtui.client.snapshot_file import save
from etcdtui.core.types import AlarmType, SnapshotChunk
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.proxy import TcpProxy
from tests.support.server import Server
from tests.support.versions import requires_server


def _options(server: Server) -> ClientOptions:
    return ClientOptions(endpoints=server.endpoints)


async def test_status_of_each_member(cluster3: Server) -> None:
    async with connect(_options(cluster3)) as client:
        statuses = [await client.maintenance.status(name) for name in cluster3.endpoints]
        some = await client.maintenance.status()
        assert await client.maintenance.serving(cluster3.endpoints[0])
    assert len({status.member_id for status in statuses}) == 3
    assert sum(status.is_leader for status in statuses) == 1
    assert some.endpoint in cluster3.endpoints
    assert all(status.version == ".".join(map(str, cluster3.version)) for status in statuses)


async def test_status_of_a_dead_member_fails_at_once_with_the_reason(unused_endpoint: str, etcd: Server) -> None:
    async with connect(_options(etcd)) as client:
        with pytest.raises(errors.Unavailable, match=r"(?i)refused") as caught:
            await client.maintenance.status(unused_endpoint)
    assert caught.value.endpoint == unused_endpoint


async def test_a_full_database_and_its_cure(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=("--quota-backend-bytes=1048576",))
    async with connect(_options(server)) as client:
        with pytest.raises(errors.NoSpace) as caught:
            for number in range(400):
                await client.kv.put(f"k{number % 30}", b"x" * 100_000)
        assert caught.value.applied == "maybe"
        alarms = await client.maintenance.alarms()
        member = (await client.maintenance.status()).member_id
        assert [(a.member_id, a.type) for a in alarms] == [(member, AlarmType.NOSPACE)]
        assert (await client.kv.delete("k", prefix=True)).deleted
        head = (await client.kv.get("k")).header
        assert head is not None
        await client.kv.compact(head.revision, physical=True)
        await client.maintenance.defragment(server.endpoint)
        assert tuple(await client.maintenance.disarm()) == tuple(alarms)
        await client.kv.put("k", "v")
        assert tuple(await client.maintenance.disarm()) == ()


async def test_alarms_are_checked_before_they_are_sent(etcd: Server) -> None:
    async with connect(_options(etcd)) as client:
        for bad in (0, 3, "FIRE", AlarmType.NONE):
            with pytest.raises(errors.BadArgument):
                await client.maintenance.disarm(alarm=bad)
            with pytest.raises(errors.BadArgument):
                await client.maintenance.activate(1, bad)
        with pytest.raises(errors.BadArgument):
            await client.maintenance.downgrade(7, "3.4")


async def test_corrupt_alarm_stops_writes(etcd: Server) -> None:
    async with connect(_options(etcd)) as client:
        member = (await client.maintenance.status()).member_id
        await client.maintenance.activate(member, "corrupt")
        with pytest.raises(errors.Corrupt):
            await client.kv.put("k", "v")
        await client.maintenance.disarm(member, AlarmType.CORRUPT)
        await client.kv.put("k", "v")


async def test_hashes_agree(cluster3: Server) -> None:
    async with connect(_options(cluster3)) as client:
        head = (await client.kv.put("k", "v")).header
        assert head is not None

        async def hashes() -> set[tuple[int, int]] | None:
            try:
                found = [await client.maintenance.hash_kv(n, revision=head.revision) for n in cluster3.endpoints]
            except errors.FutureRevision:
                return None
            return {(h.hash, h.compact_revision) for h in found}

        found = await eventually(hashes)
    assert found is not None
    assert len(found) == 1


async def test_leadership_moves_from_wherever_it_is(cluster3: Server) -> None:
    async with connect(_options(cluster3)) as client:
        for endpoint in cluster3.endpoints:
            target = (await client.maintenance.status(endpoint)).member_id
            await client.maintenance.move_leader(target)
            assert (await client.maintenance.status(endpoint)).is_leader
        with pytest.raises(errors.InvalidArgument, match="bad leader transferee"):
            await client.maintenance.move_leader(12345)
    async with connect(ClientOptions(endpoints=(cluster3.endpoints[0],))) as client:
        target = (await client.maintenance.status(cluster3.endpoints[0])).member_id
        await client.maintenance.move_leader(target)
        assert (await client.maintenance.status()).is_leader


@requires_server(">=3.5,<3.6")
async def test_downgrade_refusals(etcd: Server) -> None:
    async with connect(_options(etcd)) as client:
        for version, words in (("abc", "wrong downgrade target version format"), ("3.1", "invalid downgrade target")):
            with pytest.raises(errors.Downgrade, match=words):
                await client.maintenance.downgrade("validate", version)
        with pytest.raises(errors.Downgrade, match="no inflight downgrade job"):
            await client.maintenance.downgrade("cancel")
        assert (await client.maintenance.downgrade("validate", "3.4.0")).version.startswith("3.5")


async def test_a_snapshot_is_whole_and_private(etcd: Server, tmp_path: Path) -> None:
    async with connect(_options(etcd)) as client:
        for number in range(30):
            await client.kv.put(f"k{number % 30}", b"x" * 100_000)
        seen: list[tuple[int, int]] = []
        path = tmp_path / "snap.db"
        saved = await client.maintenance.save_snapshot(
            path, etcd.endpoint, on_progress=lambda done, total: seen.append((done, total))
        )
    data = path.read_bytes()
    assert saved.size == len(data)
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    assert saved.sha256 == data[-32:].hex()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert seen[-1][0] == seen[-1][1] == len(data) - 32
    assert seen == sorted(seen)


async def test_a_snapshot_replaces_nothing_unless_asked(etcd: Server, tmp_path: Path) -> None:
    path = tmp_path / "snap.db"
    async with connect(_options(etcd)) as client:
        await client.kv.put("k", "v")
        path.write_text("old")
        with pytest.raises(errors.SnapshotError, match="exists"):
            await client.maintenance.save_snapshot(path)
        assert path.read_text() == "old"
        assert (await client.maintenance.save_snapshot(path, overwrite=True)).size == path.stat().st_size
        path.unlink()
        path.symlink_to(tmp_path / "nowhere")
        with pytest.raises(errors.SnapshotError, match="exists"):
            await client.maintenance.save_snapshot(path)
        assert path.is_symlink()
        path.unlink()

        def taken(done: int, total: int) -> None:
            path.write_text("somebody else's")

        with pytest.raises(errors.SnapshotError, match="exists"):
            await client.maintenance.save_snapshot(path, on_progress=taken)
    assert path.read_text() == "somebody else's"
    assert list(tmp_path.iterdir()) == [path]


async def test_of_many_snapshots_under_one_name_one_is_kept(etcd: Server, tmp_path: Path) -> None:
    path = tmp_path / "snap.db"
    async with connect(_options(etcd)) as client:
        await client.kv.put("k", "v")
        results = await asyncio.gather(
            *(client.maintenance.save_snapshot(path) for _ in range(5)), return_exceptions=True
        )
    saved = [result for result in results if not isinstance(result, BaseException)]
    assert len(saved) == 1
    assert all(isinstance(result, errors.SnapshotError) for result in results if result not in saved)
    assert hashlib.sha256(path.read_bytes()[:-32]).hexdigest() == saved[0].sha256
    assert list(tmp_path.iterdir()) == [path]


async def test_a_file_system_without_hard_links(etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of a stick: the name is held by an empty file until the snapshot takes it."""

    def no_links(*args: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "snap.db"
    async with connect(_options(etcd)) as client:
        saved = await client.maintenance.save_snapshot(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(errors.SnapshotError, match="exists"):
            await client.maintenance.save_snapshot(path)
        path.unlink()
        with pytest.raises(errors.SnapshotError, match="exists"):
            await client.maintenance.save_snapshot(path, on_progress=lambda done, total: path.touch())
    assert saved.size > 0
    assert path.stat().st_size == 0
    assert list(tmp_path.iterdir()) == [path]


async def _stream(*blobs: bytes) -> AsyncIterator[SnapshotChunk]:
    rest = sum(map(len, blobs[:-1]))
    for blob in blobs:
        rest = max(0, rest - len(blob))
        yield SnapshotChunk(blob, rest)


async def test_a_broken_snapshot_leaves_nothing(tmp_path: Path) -> None:
    data = b"d" * 4096
    digest = hashlib.sha256(data).digest()
    path = tmp_path / "snap.db"
    for blobs in ((data,), (data, b"\0" * 32), (data[:-1], digest), (data + digest[:5],), ()):
        with pytest.raises(errors.SnapshotError):
            await save(_stream(*blobs), path, None)
        assert list(tmp_path.iterdir()) == []
    assert (await save(_stream(data, digest), path, None)).size == 4096 + 32
    path.unlink()
    (tmp_path / "snap.db.part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(errors.SnapshotError, match="exists"):
        await save(_stream(data, digest), path, None)
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(errors.SnapshotError, match="No such file"):
        await save(_stream(data, digest), tmp_path / "none" / "snap.db", None)


async def test_a_cut_or_cancelled_snapshot_leaves_nothing(
    etcd: Server, tmp_path: Path, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]
) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(proxy.endpoint,))) as client:
        for number in range(30):
            await client.kv.put(f"k{number}", b"x" * 500_000)
        started = asyncio.Event()
        path = tmp_path / "snap.db"

        def frozen(done: int, total: int) -> None:
            proxy.black_hole()
            started.set()

        task = asyncio.create_task(client.maintenance.save_snapshot(path, proxy.endpoint, on_progress=frozen))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(tmp_path.iterdir()) == []
    await proxy.cut()
    await proxy.heal()
    started.clear()
    async with connect(ClientOptions(endpoints=(proxy.endpoint,))) as client:
        await client.kv.get("k")
        task = asyncio.create_task(client.maintenance.save_snapshot(path, proxy.endpoint, on_progress=frozen))
        async with asyncio.timeout(10):
            await started.wait()
            await proxy.cut()
            with pytest.raises(errors.Unavailable):
                await task
        assert list(tmp_path.iterdir()) == []
