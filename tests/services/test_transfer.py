"""Export and import byte for byte, compare and copy, undelete, restore."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etcdtui.core.types import KeyValue
from etcdtui.services.writing.compare import Area, compare, plan_copy
from etcdtui.services.writing.guard import GuardPolicy
from etcdtui.services.writing.restore import find_deleted, plan_restore, plan_undelete
from etcdtui.services.writing.transfer import (
    Export,
    Header,
    TransferError,
    decode_lines,
    encode_lines,
    export_file,
    load_file,
    plan_import,
    read_prefix,
)
from tests.services.writing_support import carry_out, everything, must_get, writes_on
from tests.support.server import Server

KEYS = st.dictionaries(
    st.binary(min_size=1, max_size=40), st.tuples(st.binary(max_size=200), st.booleans()), max_size=25
)


@given(KEYS)
def test_the_format_holds_any_bytes(data: dict[bytes, tuple[bytes, bool]]) -> None:
    kvs = tuple(KeyValue(k, v, 1, 2, 1, 77 if leased else 0) for k, (v, leased) in sorted(data.items()))
    header = Header(2**63 + 5, 9, b"\xff/", {77: 60})
    lines = list(encode_lines(header, kvs))
    assert decode_lines(lines) == Export(header, kvs)
    with pytest.raises(TransferError):
        decode_lines(lines[:-1])


@pytest.mark.parametrize("line", [b"{}", b"[]", b"nonsense", b'{"key":"!!"}', b"\xff\xff", b"1", b"null"])
def test_a_foreign_line_is_named(line: bytes) -> None:
    good = list(encode_lines(Header(1, 1, b"", {}), ()))
    with pytest.raises(TransferError, match="Line 2"):
        decode_lines([good[0], line, good[1]])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=KEYS)
def test_export_wipe_import_restores_keys_values_and_leases(
    etcd: Server, tmp_path_factory: pytest.TempPathFactory, data: dict[bytes, tuple[bytes, bool]]
) -> None:
    import asyncio

    asyncio.run(_round_trip(etcd, tmp_path_factory.mktemp("io"), data))


async def _round_trip(etcd: Server, folder: Path, data: dict[bytes, tuple[bytes, bool]]) -> None:
    etcd.clear()
    lease = int((await etcd.call("lease/grant", TTL=300))["ID"])
    for key, (value, leased) in data.items():
        await etcd.put(key, value, lease=lease if leased else 0)
    policy = GuardPolicy(profile="t", environment="dev", read_only=False, confirm="ask", allow_kubernetes_writes=True)
    async with writes_on(etcd.endpoint, folder, policy=policy) as writes:
        before = await everything(writes)
        export = await export_file(writes, b"", folder / "out.jsonl")
        assert len(export.kvs) == len(data)
        assert (folder / "out.jsonl").stat().st_mode & 0o777 == 0o600
        with pytest.raises(FileExistsError):
            await export_file(writes, b"", folder / "out.jsonl")
        etcd.clear()
        loaded = load_file(folder / "out.jsonl")
        assert isinstance(loaded, Export)
        made = await plan_import(writes, loaded)
        if made.groups:
            assert (await carry_out(writes, made)).complete
        assert await everything(writes) == before
        if any(leased for _, leased in data.values()):
            answer = await writes.client.lease.time_to_live(lease)
            assert answer.granted_ttl == 300
            granted = [r.target for r in writes.audit.records if r.action == "lease grant"]
            assert granted == [f"{lease:x}".encode()]


async def test_import_writes_only_differences_and_not_over_a_later_change(etcd: Server, tmp_path: Path) -> None:
    for i in range(3):
        await etcd.put(b"/c/%d" % i, b"v%d" % i)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        export = await read_prefix(writes, b"/c/")
        await etcd.put(b"/c/1", b"changed")
        await etcd.delete(b"/c/2")
        made = await plan_import(writes, export)
        assert [d.kind for d in made.differences] == ["same", "changed", "new"]
        await etcd.put(b"/c/1", b"later")
        report = await carry_out(writes, made)
        assert not report.complete
        assert await etcd.get(b"/c/1") == b"later"


async def test_two_prefixes_are_compared_and_differences_copied(etcd: Server, tmp_path: Path) -> None:
    for key, value in (
        (b"/a/1", b"x"),
        (b"/a/2", b"new"),
        (b"/a/3", b"s"),
        (b"/b/1", b"y"),
        (b"/b/3", b"s"),
        (b"/b/4", b"z"),
    ):
        await etcd.put(key, value)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        found = await compare(Area(writes, b"/a/", False), Area(writes, b"/b/", False))
        assert [(row.name, row.kind) for row in found.rows] == [(b"1", "differs"), (b"2", "left"), (b"4", "right")]
        assert (found.same, found.count("differs")) == (1, 1)
        assert (await carry_out(writes, plan_copy(found.rows, b"/b/"))).complete
        after = {k: v for k, (v, _) in (await everything(writes)).items() if k.startswith(b"/b/")}
        assert after == {b"/b/1": b"x", b"/b/2": b"new", b"/b/3": b"s", b"/b/4": b"z"}


async def test_keys_that_others_deleted_come_back_and_never_over_an_existing_one(etcd: Server, tmp_path: Path) -> None:
    lease = int((await etcd.call("lease/grant", TTL=100))["ID"])
    for i in range(5):
        await etcd.put(b"/d/%d" % i, b"v%d" % i, lease=lease if i == 0 else 0)
    for i in range(60):
        if i == 30:
            await etcd.call("kv/deleterange", key=b"/d/", range_end=b"/d0")
        await etcd.put(b"/noise", b"%d" % i)
    await etcd.put(b"/d/3", b"again")
    await etcd.call("lease/revoke", ID=lease)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        found = await find_deleted(writes, b"/d/")
        assert [kv.key for kv in found.kvs] == [b"/d/0", b"/d/1", b"/d/2", b"/d/4"]
        assert found.reads <= 20
        made = await plan_undelete(writes, found)
        assert made.lost_leases == (lease,)
        assert (await carry_out(writes, made)).complete
        now = await everything(writes)
        assert now[b"/d/0"] == (b"v0", 0)
        assert now[b"/d/3"] == (b"again", 0)
        assert len([k for k in now if k.startswith(b"/d/")]) == 5


async def test_an_old_version_comes_back_with_the_present_lease(etcd: Server, tmp_path: Path) -> None:
    lease = int((await etcd.call("lease/grant", TTL=100))["ID"])
    first = await etcd.put(b"/k", b"good")
    await etcd.put(b"/k", b"bad", lease=lease)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        old = (await writes.client.kv.get(b"/k", revision=first)).kvs[0]
        made = await plan_restore(writes.guard, writes, old, await must_get(writes, b"/k"))
        assert (await carry_out(writes, made)).complete
        assert await everything(writes) == {b"/k": (b"good", lease)}


HEAD = '{"format":"etcdtui-export","version":1,"cluster_id":"1","revision":1,"prefix":"","leases":%s}'


@pytest.mark.parametrize(
    "leases", ['{"1":Infinity}', '{"1":1e400}', '{"zz":1}', '{"1":99999999999999999999}', "[]", "7"]
)
def test_a_header_with_impossible_leases_is_refused_in_words(leases: str) -> None:
    with pytest.raises(TransferError, match="Line 1"):
        decode_lines([(HEAD % leases).encode(), b'{"end":true,"keys":0}'])


@pytest.mark.parametrize("lease", ["8000000000000000", "f" * 40, "-", "x"])
def test_a_lease_beyond_64_bits_is_refused_in_words(lease: str) -> None:
    row = f'{{"key":"YQ==","value":"","lease":"{lease}","create":1,"mod":1,"version":1}}'.encode()
    with pytest.raises(TransferError, match="Line 2"):
        decode_lines([(HEAD % "{}").encode(), row, b'{"end":true,"keys":1}'])


def test_a_count_that_is_no_number_is_refused_in_words() -> None:
    with pytest.raises(TransferError, match="Line 2"):
        decode_lines([(HEAD % "{}").encode(), b'{"end":true,"keys":Infinity}'])


def test_a_pipe_or_a_device_is_no_export_and_hangs_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(TransferError, match="not a file"):
            load_file(path)
