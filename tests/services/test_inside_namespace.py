"""A profile with a namespace on a real server: nothing leaves it, and what etcdctl is given has the whole names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.config.schema import ENVIRONMENTS, Auth, Profile
from etcdtui.config.secrets import Secret
from etcdtui.core import ranges
from etcdtui.core.errors import WriteRefused
from etcdtui.core.plan import ActionClass, Scope, WritePlan
from etcdtui.core.search import KeyGlob
from etcdtui.core.types import Permission, PermissionType, WriteIntent
from etcdtui.services.reads import roots
from etcdtui.services.reads.history import reach
from etcdtui.services.reads.reading import Reads, Want
from etcdtui.services.reads.roots import start_from
from etcdtui.services.session.session import Overrides, Session
from etcdtui.services.writing.deleting import plan_delete_range, preview
from etcdtui.services.writing.drafts import drafts_of
from etcdtui.services.writing.editing import plan_edit
from etcdtui.services.writing.etcdctl import del_command, get_command, put_command, watch_command
from etcdtui.services.writing.trash import trash_of
from etcdtui.services.writing.writes import holds_kubernetes
from tests.conftest import ServerFactory
from tests.services.writing_support import agreed, carry_out
from tests.support import Server

NS = b"/team/"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "etcdtui"


def profile_of(server: Server, **changes: object) -> Profile:
    plain = Profile(
        name="inside", namespace=NS.decode(), environment="dev", env=ENVIRONMENTS["dev"], read_only=False,
        endpoints=server.endpoints,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]  # the tests name fields of Profile


@asynccontextmanager
async def opened(profile: Profile) -> AsyncIterator[Session]:
    session = await Session.open(profile, Overrides())
    try:
        yield session
    finally:
        await session.aclose()


async def keys_of(server: Server) -> set[str]:
    text = await asyncio.to_thread(server.etcdctl, "get", "", "--prefix", "--keys-only")
    return set(text.split())


async def test_keys_are_read_written_and_watched_without_the_prefix(etcd: Server, state: Path) -> None:
    await etcd.put("/team/a", "1")
    await etcd.put("/other/a", "2")
    async with opened(profile_of(etcd)) as session:
        found = await Reads(session.client).one(Want(*ranges.ALL, values=True))
        assert [(kv.key, kv.value) for kv in found.kvs] == [(b"a", b"1")]
        assert (await reach(Reads(session.client))).head > 1
        async with session.client.watch(b"b") as batches:
            write = plan_edit(session.guard, b"b", None, b"new", drafts=drafts_of(session.writes))
            assert (await carry_out(session.writes, write)).complete
            async for batch in batches:
                assert [event.kv.key for event in batch.events] == [b"b"]
                break
        assert await etcd.get("/team/b") == b"new"
    record = json.loads((state / "audit.jsonl").read_text().splitlines()[-1])
    assert (record["target"], record["namespace"]) == ("b", "/team/")
    assert await keys_of(etcd) == {"/team/a", "/team/b", "/other/a"}


async def test_deleting_everything_ends_at_the_namespace(etcd: Server, state: Path) -> None:
    for key in ("/team/a", "/team/b/c", "/teal", "/team0", "/z"):
        await etcd.put(key, "x")
    async with opened(profile_of(etcd)) as session:
        found = await preview(session.writes, *ranges.ALL)
        assert [kv.key for kv in found.kvs] == [b"a", b"b/c"]
        trash = trash_of(session.writes)
        assert trash is not None and trash.folder.is_relative_to(state) and trash.folder != state / "trash"
        write = plan_delete_range(session.guard, found, b"", trash)
        assert write.plan.etcdctl == "etcdctl del --prefix /team/"
        await carry_out(session.writes, write)
    assert await keys_of(etcd) == {"/teal", "/team0", "/z"}


async def test_protection_knows_the_names_shown_and_the_whole_ones(etcd: Server) -> None:
    async with opened(profile_of(etcd, protect=("/team/leader", "keep/**"))) as session:
        assert session.guard.why_not(b"leader") and session.guard.why_not(b"keep/x") and not session.guard.why_not(b"x")
    async with opened(profile_of(etcd, namespace="/registry/")) as session:
        assert "kube-apiserver" in session.guard.why_not(b"pods/default/web")
        assert await holds_kubernetes(session.writes)
    await etcd.put("/registry/pods/x", "1")
    async with opened(profile_of(etcd, namespace="/reg")) as session:
        assert await holds_kubernetes(session.writes)


async def test_the_gate_refuses_what_reaches_outside(etcd: Server) -> None:
    async with opened(profile_of(etcd)) as session:
        plan = WritePlan("txn", b"a", ActionClass.R1, Scope(frozenset({"KV/Txn"}), puts=(ranges.ALL,)))
        with session.guard.permit(agreed(session.guard, plan)):
            session.guard.gate(WriteIntent("KV/Txn", puts=(b"/team/a",)))
            for intent in (
                WriteIntent("KV/Txn", puts=(b"/other/a",)),
                WriteIntent("KV/Txn", deletes=((b"/tea", b"/team/b"),)),
                WriteIntent("KV/Txn", deletes=((b"/team/", b"\0"),)),
            ):
                with pytest.raises(WriteRefused, match="outside of the profile's namespace"):
                    session.guard.gate(intent)


async def test_etcdctl_gets_the_whole_names(etcd: Server) -> None:
    assert get_command(b"a", namespace=NS) == "etcdctl get /team/a"
    assert put_command(b"a", b"1", namespace=NS) == "etcdctl put /team/a 1"
    assert del_command(*ranges.prefix_range(b"b/"), namespace=NS) == "etcdctl del --prefix /team/b/"
    assert watch_command(*ranges.ALL, namespace=NS) == "etcdctl watch --prev-kv --prefix /team/"
    assert watch_command(b"a", b"c") == "etcdctl watch --prev-kv a c"
    await etcd.put("/team/a", "1")
    async with opened(profile_of(etcd)) as session:
        base = await session.writes.get(b"a")
        plan = plan_edit(session.guard, b"a", base, b"2").plan
    text = plan.etcdctl.partition("\n")[2].removesuffix("EOF")
    await asyncio.to_thread(etcd.etcdctl, "txn", stdin=text.encode())
    assert await etcd.get("/team/a") == b"2"


def test_granted_ranges_are_cut_to_the_namespace() -> None:
    def read(key: bytes, end: bytes = b"") -> Permission:
        return Permission(PermissionType.READ, key, end)

    assert start_from([read(*ranges.ALL)], NS).roots == ()
    assert start_from([read(*ranges.prefix_range(b"/team/"))], NS).roots == ()
    found = start_from([read(*ranges.prefix_range(b"/team/x/")), read(b"/team/k"), read(b"/other/k")], NS)
    assert [root.within for root in found.roots] == [(b"k", b""), (b"x/", b"x0")]
    assert [root.within for root in start_from([read(b"/team/m", b"/z")], NS).roots] == [(b"m", b"\0")]


async def test_a_limited_user_starts_at_the_granted_part(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    for words in ("role add r", "role grant-permission r readwrite /team/app/ --prefix", "user add ann:pw",
                  "user grant-role ann r", "user add root:pw", "user grant-role root root", "auth enable"):  # fmt: skip
        await asyncio.to_thread(server.etcdctl, *words.split())
    profile = profile_of(server, auth=Auth(user="ann", password=Secret("pw")))
    async with opened(profile) as session:
        start = await roots.start_of(session.client, "ann")
        assert [root.within for root in start.roots] == [ranges.prefix_range(b"app/")]
        write = plan_edit(session.guard, b"app/x", None, b"1", drafts=drafts_of(session.writes))
        assert (await carry_out(session.writes, write)).complete


async def test_what_is_masked_outside_is_masked_inside(etcd: Server) -> None:
    async with opened(profile_of(etcd, namespace="/registry/")) as session:
        globs = [KeyGlob(pattern) for pattern in session.profile.mask.keys]
        for key, hidden in ((b"secrets/default/x", True), (b"token", True), (b"pods/default/x", False)):
            assert any(glob.matches(key) for glob in globs) == hidden, key
