"""A database file as a session: what it is called, what its health says, what its profile lends, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.client import Op
from etcdtui.config.schema import Auth, Profile
from etcdtui.core.errors import NotSupported, WriteRefused
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.session.snapshot import Reading, name_of
from etcdtui.services.writing.compare import Area, compare
from etcdtui.services.writing.guard import UnlockKind
from tests.conftest import ServerFactory
from tests.support import Server

LIKE = Profile(name="prod", endpoints=("prod:2379",), auth=Auth(user="root", prompt=True), separators=("/", ":"))


async def test_a_snapshot_stands_still_and_needs_nothing_of_its_cluster(etcd: Server, tmp_path: Path) -> None:
    await etcd.put("/a", "1")
    path = tmp_path / "saved.db"
    etcd.etcdctl("snapshot", "save", str(path))
    reading = Reading(path, LIKE)
    session = await reading.open()
    try:
        assert (session.profile.name, session.note, session.health.state) == ("saved.db", "SNAPSHOT", State.STILL)
        assert reading.done == reading.total > 0
        assert session.separators == (b"/", b":"), "what prod's profile says of looks"
        assert not session.profile.auth.user
        assert session.secrets == ()
        assert not session.profile.notices
        assert session.health.revision == session.client.revision > 1
        assert [health async for health in session.health_updates()] == [session.health]
        need = session.guard.unlock_requirement()
        assert need.kind is UnlockKind.NEVER
        assert "stands still" in need.reason
        assert not session.guard.unlock("saved.db")
        with pytest.raises(WriteRefused):
            await session.client.kv.txn(success=[Op.put(b"/a", b"2")])
        with pytest.raises(NotSupported):
            await session.runbooks().doctor.look()
        assert [kv.value for kv in (await session.client.kv.get(b"/a")).kvs] == [b"1"]
    finally:
        await session.aclose()


async def test_a_members_own_file_is_called_after_its_data_and_says_what_it_lacks(
    etcd_server: ServerFactory, tmp_path: Path
) -> None:
    server = await etcd_server()
    member = server.members[0]
    await member.stop()
    path = member.data_dir / "member" / "snap" / "db"
    session = await Reading(path, LIKE).open()
    try:
        assert session.profile.name == f"{member.data_dir.name}/member/snap/db"
        assert "no checksum" in session.profile.notices[0]
    finally:
        await session.aclose()
    assert name_of(tmp_path / "db") == "db"


async def test_a_single_key_is_compared_alone_and_all_keys_as_they_merge(etcd: Server, tmp_path: Path) -> None:
    for name in ("/k", "/k1", "/k2"):
        await etcd.put(name, "then")
    path = tmp_path / "saved.db"
    etcd.etcdctl("snapshot", "save", str(path))
    left, right = await Reading(path, LIKE).open(), await Reading(path, replace(LIKE, name="again")).open()
    try:
        alone = await compare(Area(left.writes, b"/k", True), Area(right.writes, b"/k", True))
        assert (alone.rows, alone.same) == ([], 1)
        below = await compare(Area(left.writes, b"/k", False), Area(right.writes, b"/k1", False))
        assert [(row.name, row.kind) for row in below.rows] == [(b"1", "left"), (b"2", "left")]
        assert (below.same, below.left_revision) == (1, left.health.revision)
    finally:
        await left.aclose()
        await right.aclose()
