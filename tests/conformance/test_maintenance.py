"""Status, hashes, snapshots, alarms, downgrades."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from etcdtui.core.types import AlarmType, HashKV
from etcdtui.demo.binary import Binary, wheel_folder
from etcdtui.demo.cluster import Cluster
from tests.conformance.support import rev
from tests.conftest import ServerFactory
from tests.support import Server, eventually, requires_server

pytestmark = pytest.mark.matrix

QUOTA = 1024 * 1024


async def test_136_exactly_one_leads(cluster3: Server, client3: Client) -> None:
    statuses = [await client3.maintenance.status(endpoint) for endpoint in cluster3.endpoints]
    assert [s.is_leader for s in statuses].count(True) == 1
    assert all(s.is_leader == (s.leader == s.member_id) for s in statuses)
    assert {s.leader for s in statuses} == {s.member_id for s in statuses if s.is_leader}
    assert {s.version for s in statuses} == {".".join(map(str, cluster3.version))}
    assert all(s.db_size >= s.db_size_in_use > 0 and not s.errors for s in statuses)
    assert all(bool(s.storage_version) == (cluster3.version >= (3, 6, 0)) for s in statuses)


async def test_137_hashes_agree(cluster3: Server, client3: Client) -> None:
    for number in range(20):
        await client3.kv.put("k", str(number))
    compacted = rev(await client3.kv.get("k")) - 5
    await client3.kv.compact(compacted, physical=True)
    await client3.kv.put("k", "last")
    revision = rev(await client3.kv.get("k"))

    async def hashes() -> list[HashKV]:
        try:
            found = [await client3.maintenance.hash_kv(e, revision=revision) for e in cluster3.endpoints]
        except errors.FutureRevision as lagging:
            raise AssertionError("a member lags") from lagging
        assert len({h.compact_revision for h in found}) == 1, "compaction reaches the members one by one"
        return found

    found = await eventually(hashes, 10)
    assert len({h.hash for h in found}) == 1
    assert {h.compact_revision for h in found} == {compacted}
    for endpoint in cluster3.endpoints:
        with pytest.raises(errors.Compacted):
            await client3.maintenance.hash_kv(endpoint, revision=compacted - 1)
        with pytest.raises(errors.FutureRevision):
            await client3.maintenance.hash_kv(endpoint, revision=revision + 1000)


def _restore(binary: Binary, snapshot: Path, cluster: Cluster) -> None:
    """Restore with the tool of the same version; 3.4 and 3.5 also have it in etcdctl."""
    beside = binary.etcd.parent / "etcdutl"
    tool: Path | None = beside if beside.exists() else binary.etcdctl if binary.version < (3, 6, 0) else None
    tool = tool or Path(str(wheel_folder())) / "etcdutl"
    member = cluster.members[0]
    argv: list[str | Path] = [
        tool,
        "snapshot",
        "restore",
        snapshot,
        f"--name={member.name}",
        f"--data-dir={member.data_dir}",
        f"--initial-cluster={member.name}={member.peer_url}",
        f"--initial-advertise-peer-urls={member.peer_url}",
        f"--initial-cluster-token={cluster.token}",
    ]
    done = subprocess.run(argv, capture_output=True, env={"ETCDCTL_API": "3"}, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


async def test_139_a_snapshot_can_be_restored(
    etcd: Server, client: Client, etcd_binary: Binary, tmp_path: Path
) -> None:
    for number in range(200):
        await client.kv.put(f"k{number:03d}", bytes([number]) * 1000)
    await client.kv.delete("k100")
    progress: list[tuple[int, int]] = []
    saved = await client.maintenance.save_snapshot(
        tmp_path / "snapshot.db", etcd.endpoint, on_progress=lambda done, total: progress.append((done, total))
    )
    assert saved.size % 512 == 32
    assert progress[-1] == (saved.size - 32, saved.size - 32)
    kept = (await client.kv.get("", prefix=True)).kvs
    cluster = Cluster(1, binary=etcd_binary)
    try:
        _restore(etcd_binary, saved.path, cluster)
        await cluster.start()
        async with connect(ClientOptions(endpoints=cluster.endpoints)) as restored:
            assert (await restored.kv.get("", prefix=True)).kvs == kept
    finally:
        cluster.close()


async def _fill_up(client: Client) -> None:
    with pytest.raises(errors.NoSpace, match="database space exceeded") as caught:
        for number in range(200):
            await client.kv.put(f"k{number % 30}", bytes(100_000))
    assert (caught.value.code, caught.value.applied) == ("RESOURCE_EXHAUSTED", "maybe")


async def test_140_141_142_a_full_database(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=[f"--quota-backend-bytes={QUOTA}"])
    async with connect(ClientOptions(endpoints=server.endpoints)) as client:
        assert tuple(await client.maintenance.disarm()) == ()
        lease = await client.lease.grant(600)
        await _fill_up(client)
        member = (await client.maintenance.status()).member_id
        assert [(a.member_id, a.type) for a in await client.maintenance.alarms()] == [(member, AlarmType.NOSPACE)]
        with pytest.raises(errors.NoSpace):
            await client.lease.grant(60)
        assert await client.lease.keep_alive_once(lease.id) == 600
        assert [a.type for a in await client.maintenance.disarm()] == [AlarmType.NOSPACE]
        await _fill_up(client)
        assert len(await client.maintenance.alarms()) == 1, "the alarm came back"
        await client.kv.delete("k", prefix=True)
        await client.kv.compact(rev(await client.kv.get("k")), physical=True, timeout=30)
        await client.maintenance.defragment(server.endpoint)
        await client.maintenance.disarm(member, AlarmType.NOSPACE)
        assert tuple(await client.maintenance.alarms()) == ()
        await client.kv.put("k", "v")


async def test_a_corrupt_alarm_stops_writes_only(etcd: Server, client: Client) -> None:
    await client.kv.put("k", "v")
    member = (await client.maintenance.status()).member_id
    await client.maintenance.activate(member, AlarmType.CORRUPT)
    for write in (client.kv.put("k", "w"), client.kv.delete("k"), client.lease.grant(60)):
        with pytest.raises(errors.Corrupt, match="corrupt cluster") as caught:
            await write
        assert (caught.value.code, caught.value.applied) == ("DATA_LOSS", "no")
    assert (await client.kv.get("k")).kvs[0].value == b"v"
    await client.maintenance.disarm()
    await client.kv.put("k", "w")


@requires_server(">=3.5")
async def test_150_downgrades(etcd: Server, client: Client) -> None:
    major, minor, _ = etcd.version
    with pytest.raises(errors.Downgrade, match="invalid downgrade target version"):
        await client.maintenance.downgrade("validate", f"{major}.{minor - 2}")
    with pytest.raises(errors.Downgrade, match="wrong downgrade target version format"):
        await client.maintenance.downgrade("validate", "abc")
    answer = await client.maintenance.downgrade("validate", f"{major}.{minor - 1}.0")
    assert answer.version.startswith(f"{major}.{minor}")
    if etcd.version < (3, 6, 0):
        with pytest.raises(errors.Downgrade, match="no inflight downgrade job"):
            await client.maintenance.downgrade("cancel")


@requires_server("<3.5")
async def test_115_downgrade_is_not_supported(client: Client) -> None:
    for action, version in (("validate", "3.3"), ("cancel", "")):
        with pytest.raises(errors.NotSupported) as caught:
            await client.maintenance.downgrade(action, version)
        assert (caught.value.code, caught.value.applied) == ("UNIMPLEMENTED", "no")


async def test_151_enums_are_checked_before_they_are_sent(nowhere: Client) -> None:
    for bad in (0, 3, "FIRE", AlarmType.NONE):
        with pytest.raises(errors.BadArgument):
            await nowhere.maintenance.disarm(alarm=bad)
        with pytest.raises(errors.BadArgument):
            await nowhere.maintenance.activate(1, bad)
    for action in (7, "sideways"):
        with pytest.raises(errors.BadArgument):
            await nowhere.maintenance.downgrade(action, "3.4")


async def test_152_the_health_service(etcd: Server, client: Client) -> None:
    assert await client.maintenance.serving(etcd.endpoint)


async def test_move_leader_finds_the_leader_itself(cluster3: Server) -> None:
    for endpoint in cluster3.endpoints[:2]:
        async with connect(ClientOptions(endpoints=(endpoint,), command_timeout=15)) as single:
            target = (await single.maintenance.status(endpoint)).member_id
            await single.maintenance.move_leader(target)
            assert (await single.maintenance.status(endpoint)).is_leader
            with pytest.raises(errors.InvalidArgument, match="bad leader transferee"):
                await single.maintenance.move_leader(12345)
