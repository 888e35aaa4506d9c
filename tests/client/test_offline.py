"""A snapshot answers what the cluster that it was taken of answers at the same revision; a torn one answers nothing."""

from __future__ import annotations

import asyncio
import fcntl
import json
import random
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etcdtui.client import ClientOptions
from etcdtui.client._wire import methods
from etcdtui.client.offline.opened_file import OpenedFile
from etcdtui.client.offline.opening import open_file
from etcdtui.client.offline.store import OfflineCalls
from etcdtui.client.offline.verify import verify
from etcdtui.core.errors import (
    BadSnapshot,
    Compacted,
    EmptyKey,
    EtcdError,
    FutureRevision,
    NotSupported,
    Unavailable,
    WriteRefused,
)
from etcdtui.demo.binary import Binary
from etcdtui.pb import rpc_pb2
from tests.conftest import ServerFactory
from tests.support.history import KEYS, Story, tell
from tests.support.poll import eventually
from tests.support.server import running_server

SEED = 20


@pytest.fixture(scope="module")
def story(etcd_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with running_server(1, binary=etcd_binary) as server:
        yield asyncio.run(tell(server, tmp_path_factory.mktemp("story"), SEED))


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[OfflineCalls]:
    file = OpenedFile(path)
    file.prove()
    calls = OfflineCalls(file, path.name, ClientOptions())
    try:
        yield calls
    finally:
        await calls.aclose()


def _requests(dice: random.Random, story: Story, many: int) -> Iterator[rpc_pb2.RangeRequest]:
    """Ranges of every form, at revisions that may be read and some that may not."""
    bounds = [*KEYS, b"/", b"/app/", b"/app0", b"\0", b"b", b"/app/deep/", b""]
    for _ in range(many):
        request = rpc_pb2.RangeRequest(key=dice.choice(bounds), range_end=dice.choice([b"", *bounds]))
        if dice.random() < 0.8:
            request.revision = dice.randint(story.compacted - 2, story.newest + 2)
        request.limit = dice.choice([0, 0, 1, 3, 100])
        request.keys_only, request.count_only = dice.random() < 0.2, dice.random() < 0.15
        request.serializable = dice.random() < 0.3
        if dice.random() < 0.5:
            request.sort_order = dice.choice([0, 1, 2, 2])  # type: ignore[assignment]
            request.sort_target = dice.choice([0, 1, 2, 3, 4])  # type: ignore[assignment]
        if dice.random() < 0.2:
            name = dice.choice(["min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"])
            setattr(request, name, dice.randint(story.compacted, story.newest))
        yield request


async def _outcome(calls: Any, method: Any, request: Any) -> Any:
    try:
        return await calls.unary(method, request)
    except EtcdError as error:
        return type(error)


def _plain(request: rpc_pb2.RangeRequest, answer: Any, *, with_lease: bool) -> Any:
    """What of an answer has to be equal. Which of equals comes first is nobody's promise: etcd does not sort stably."""
    if isinstance(answer, type):
        return answer
    kvs = [
        (kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease if with_lease else 0)
        for kv in answer.kvs
    ]
    targets = (0, 4, 2, 3, 1)
    if request.sort_target:
        ranks = [kv[targets[request.sort_target]] for kv in kvs] if not request.keys_only else len(kvs)
        return answer.count, answer.more, ranks, sorted(kvs) if not request.limit else None
    return answer.count, answer.more, kvs


@pytest.mark.matrix
async def test_every_range_is_what_the_server_says_at_that_revision(story: Story, etcd_binary: Binary) -> None:
    dice = random.Random(1)
    told = set()
    async with opened(story.path) as file, story.live() as live:
        assert file.revision == story.newest
        assert file.answers.compacted == story.compacted
        for request in _requests(dice, story, 400):
            with_lease = not (request.keys_only and etcd_binary.version >= (3, 7, 0))
            ours = _plain(request, await _outcome(file, methods.RANGE, request), with_lease=with_lease)
            theirs = _plain(request, await _outcome(live.caller, methods.RANGE, request), with_lease=with_lease)
            assert ours == theirs, request
            told.add(ours if isinstance(ours, type) else tuple)
    assert {tuple, Compacted, FutureRevision, EmptyKey} <= told


@pytest.mark.matrix
async def test_transactions_of_reads_are_what_the_server_says(story: Story) -> None:
    dice = random.Random(2)
    succeeded = set()
    async with opened(story.path) as file, story.live() as live:
        for _ in range(80):
            request = rpc_pb2.TxnRequest()
            for _ in range(dice.randrange(3)):
                compare = request.compare.add(key=dice.choice(KEYS), result=dice.randrange(4))
                name = dice.choice(["version", "create_revision", "mod_revision", "value", "lease"])
                compare.target = ["version", "create_revision", "mod_revision", "value", "lease"].index(name)  # type: ignore[assignment]
                if name == "value":
                    compare.value = dice.choice([b"", b"zz", dice.randbytes(3)])
                else:
                    setattr(compare, name, dice.choice([0, 1, 3, dice.randint(1, story.newest)]))
                if dice.random() < 0.3:
                    compare.range_end = dice.choice([b"\0", b"/app0"])
            for branch in (request.success, request.failure):
                branch.add().request_range.CopyFrom(rpc_pb2.RangeRequest(key=b"/", range_end=b"/app/5", limit=4))
                branch.add().request_range.CopyFrom(rpc_pb2.RangeRequest(key=dice.choice(KEYS)))
            ours, theirs = (
                await file.unary(methods.TXN_READ, request),
                await live.caller.unary(methods.TXN_READ, request),
            )
            assert ours.succeeded == theirs.succeeded, request
            ranges = [[one.response_range for one in answer.responses] for answer in (ours, theirs)]
            assert [list(one.kvs) for one in ranges[0]] == [list(one.kvs) for one in ranges[1]]
            assert [(one.count, one.more) for one in ranges[0]] == [(one.count, one.more) for one in ranges[1]]
            succeeded.add(ours.succeeded)
    assert succeeded == {True, False}


@pytest.mark.matrix
async def test_leases_members_users_roles_alarms_and_status_are_those_of_the_server(
    story: Story, etcd_binary: Binary
) -> None:
    file = await open_file(story.path)
    async with file, story.live() as live:
        assert set(await file.lease.leases()) == set(await live.lease.leases()) == set(story.leases)
        for lease, ttl in story.leases.items():
            ours, theirs = [await one.lease.time_to_live(lease, keys=True) for one in (file, live)]
            assert ours.granted_ttl == theirs.granted_ttl == ttl
            assert sorted(ours.keys) == sorted(theirs.keys)
            assert 0 < ours.ttl <= ttl
        assert (await file.lease.time_to_live(12345)).ttl == -1
        for stored, member in zip(await file.cluster.members(), await live.cluster.members(), strict=True):
            known = bool(stored.client_urls) or etcd_binary.version >= (3, 5, 2)  # older ones do not write them down
            assert stored == (member if known else replace(member, client_urls=()))
        assert list(await file.auth.users()) == list(await live.auth.users()) == ["anna", "root"]
        assert (await file.auth.user_get("anna")).roles == (await live.auth.user_get("anna")).roles == ("reader",)
        assert (await file.auth.role_get("reader")).permissions == (await live.auth.role_get("reader")).permissions
        if etcd_binary.version >= (3, 5, 0):
            ours_auth, theirs_auth = await file.auth.status(), await live.auth.status()
            assert (ours_auth.enabled, ours_auth.revision) == (theirs_auth.enabled, theirs_auth.revision)
        status, now = await file.maintenance.status(), await live.maintenance.status(live.endpoints[0])
        assert status.header is not None
        assert now.header is not None
        assert status.header.cluster_id == now.header.cluster_id
        assert status.storage_version in (now.storage_version, ""), "a server without one in its file makes one up"
        assert status.raft_term in (0, now.raft_term), "3.4 writes no term"
        assert [alarm.type.name for alarm in await file.maintenance.alarms()] == ["NOSPACE"]
        with pytest.raises(EtcdError, match="user name not found"):
            await file.auth.user_get("nobody")


@pytest.mark.matrix
async def test_the_hash_of_the_keys_is_the_servers(story: Story) -> None:
    dice = random.Random(3)
    revisions = [0, story.newest, *dice.sample(story.revisions[1:], 12)]
    async with opened(story.path) as file, story.live() as live:
        for revision in revisions:
            request = rpc_pb2.HashKVRequest(revision=revision)
            ours = await file.unary(methods.HASH_KV, request)
            theirs = await live.caller.unary(methods.HASH_KV, request, endpoint=live.endpoints[0])
            assert (ours.hash, ours.compact_revision) == (theirs.hash, theirs.compact_revision), revision


@pytest.mark.matrix
async def test_history_is_replayed_as_a_server_replays_it(story: Story) -> None:
    start = story.compacted + 1
    found = []
    for source in (await open_file(story.path), None):
        async with story.live() as live:
            client = source or live
            seen: list[tuple[object, ...]] = []
            async with client.watch(b"\0", range_end=b"\0", start_revision=start, prev_kv=True) as events:
                async for batch in events:
                    for event in batch.events:
                        before = event.prev_kv and (event.prev_kv.value, event.prev_kv.mod_revision)
                        seen.append((event.type, event.kv, before))
                    if batch.revision >= story.newest:
                        break
            found.append(seen)
            if source is not None:
                await source.aclose()
    assert found[0] == found[1]
    assert len(found[0]) > 100


async def test_a_watch_of_a_compacted_past_and_one_of_a_prefix_without_deletions(story: Story) -> None:
    async with await open_file(story.path) as file:
        with pytest.raises(Compacted):
            async with file.watch(b"/app/", prefix=True, start_revision=1) as events:
                async for _ in events:
                    pass
        async with file.watch(b"/app/", prefix=True, start_revision=story.compacted, no_delete=True) as events:
            batch = await anext(aiter(events))
            assert all(event.kv.key.startswith(b"/app/") and event.type.name == "PUT" for event in batch.events)
            assert await events.progress() == story.newest


async def test_a_range_can_be_streamed(story: Story) -> None:
    async with await open_file(story.path) as file:
        whole = await file.kv.get(b"\0", from_key=True)
        parts = [keys async for keys in file.kv.key_stream(b"\0", b"\0")]
        assert [key for keys in parts for key in keys] == [kv.key for kv in whole.kvs]
        pages = [page async for page in file.kv.pages(b"\0", from_key=True, page_size=4)]
        assert [kv for page in pages for kv in page.kvs] == list(whole.kvs)


async def test_whatever_writes_is_refused_and_no_member_is_ever_asked(story: Story) -> None:
    async with await open_file(story.path) as file:
        with pytest.raises(WriteRefused, match="a snapshot stands still"):
            await file.kv.put(b"a", b"b")
        with pytest.raises(WriteRefused):
            await file.kv.txn(success=[], failure=[_put()])
        with pytest.raises(WriteRefused):
            await file.lease.keep_alive_once(next(iter(story.leases)))
        with pytest.raises(Unavailable):
            await file.maintenance.status(story.server.endpoint)
        with pytest.raises(NotSupported):
            await file.concurrency.elections.leader(b"election")
        again = story.path.with_name("again.db")
        await file.maintenance.save_snapshot(again)
        assert again.read_bytes() == story.path.read_bytes()


def _put() -> Any:
    from etcdtui.client import Op

    return Op.put(b"a", b"b")


@pytest.mark.matrix
def test_verify_says_what_etcdutl_says(story: Story, etcd_binary: Binary) -> None:
    ours = verify(story.path)
    tool = etcd_binary.etcd.with_name("etcdutl" if etcd_binary.version >= (3, 5, 0) else "etcdctl")
    done = subprocess.run(
        [tool, "snapshot", "status", str(story.path), "-w", "json"],
        capture_output=True, check=True, env={"ETCDCTL_API": "3"},
    )  # fmt: skip
    theirs = json.loads(done.stdout)
    assert (ours.hash, ours.revision, ours.size) == (theirs["hash"], theirs["revision"], theirs["totalSize"])
    assert ours.storage_version == theirs.get("version", "")
    if etcd_binary.version >= (3, 6, 0):  # older ones count the entries of all buckets
        assert ours.keys == theirs["totalKey"]
    assert ours.summed
    assert (ours.compacted, ours.leases, ours.users, ours.alarms, ours.members) == (story.compacted, 2, 2, 1, 1)


# --- torn, foreign, held -----------------------------------------------------------------------------------------


def _tears(whole: bytes, dice: random.Random, many: int) -> Iterator[tuple[str, bytes]]:
    """Cut, turned bits, sectors of zeros, and pieces written twice, anywhere."""
    for number in range(many):
        at = dice.randrange(len(whole))
        kind = number % 4
        if kind == 0:
            yield f"cut at {at}", whole[:at]
        elif kind == 1:
            yield f"bit at {at}", whole[:at] + bytes([whole[at] ^ 1 << dice.randrange(8)]) + whole[at + 1 :]
        elif kind == 2:
            begin = at // 512 * 512
            torn = whole[:begin] + bytes(512) + whole[begin + 512 :]
            yield f"zeros at {begin}", torn[: len(whole)] if torn != whole else whole[:-512]
        else:
            begin = at // 512 * 512
            yield f"twice at {begin}", whole[:begin] + whole[max(0, begin - 512) : begin] + whole[begin:]


def test_a_snapshot_torn_at_200_places_is_refused_in_a_sentence(story: Story, tmp_path: Path) -> None:
    whole = story.path.read_bytes()
    torn = tmp_path / "torn.db"
    for what, data in _tears(whole, random.Random(4), 200):
        torn.write_bytes(data)
        with pytest.raises(BadSnapshot, match=r"cannot be opened as a snapshot: .*torn\.db") as refusal:
            verify(torn)
        assert "Traceback" not in str(refusal.value), what


async def test_a_members_file_torn_at_200_places_is_refused_or_tells_the_truth(story: Story, tmp_path: Path) -> None:
    """Without a checksum turned bytes of a value cannot be seen by anybody; a cut, a page or a record can."""
    whole = story.path.read_bytes()[:-32]
    true = _records(whole, tmp_path / "true.db")
    refused = 0
    for what, data in _tears(whole, random.Random(5), 200):
        path = tmp_path / "torn.db"
        path.write_bytes(data)
        try:
            found = _records(data, path)
        except BadSnapshot:
            refused += 1
            continue
        assert not what.startswith("cut"), what
        different = [n for n, (a, b) in enumerate(zip(true, found, strict=False)) if a != b]
        assert len(found) == len(true), what
        assert len(different) <= 20, f"{what}: a whole page of other records was believed"
    assert refused > 60


def _records(data: bytes, path: Path) -> Sequence[tuple[int, bytes]]:
    path.write_bytes(data)
    file = OpenedFile(path)
    try:
        file.prove()
        revisions = file.revisions
        return [(revisions.mains[n], revisions.raw(n)) for n in range(len(revisions))]
    finally:
        file.close()


def test_a_foreign_file_a_folder_and_a_missing_one_are_told_apart(tmp_path: Path) -> None:
    for name, data in (("text.db", b"hello\n" * 400), ("zeros.db", bytes(8192)), ("short.db", b"x"), ("none.db", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadSnapshot, match=name):
            verify(tmp_path / name)
    with pytest.raises(BadSnapshot, match="it is not a file"):
        verify(tmp_path)
    with pytest.raises(BadSnapshot, match="no such file"):
        verify(tmp_path / "missing.db")


async def test_a_file_that_a_running_etcd_holds_is_refused_and_the_same_one_opens_when_it_stopped(
    etcd_server: ServerFactory,
) -> None:
    server = await etcd_server()
    await server.put(b"/seen", b"by the file")
    member = server.members[0]
    path = next(member.data_dir.rglob("db"))
    with pytest.raises(BadSnapshot, match="a running etcd holds it"):
        verify(path)
    await member.stop()
    async with await open_file(path) as file:
        found = await file.kv.get(b"/seen")
        assert [kv.value for kv in found.kvs] == [b"by the file"]
        assert not verify(path).summed


async def test_a_file_changed_under_us_is_no_longer_believed(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "changing.db"
    path.write_bytes(story.path.read_bytes())
    async with await open_file(path) as file:
        await file.kv.get(b"a")
        with path.open("r+b") as other:
            other.seek(9000)
            other.write(b"!")
        with pytest.raises(BadSnapshot, match="changed since it was opened"):
            await file.kv.get(b"a")


async def test_giving_up_while_a_file_is_read_ends_at_once_and_lets_it_go(story: Story) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def progress(done: int, total: int) -> None:
        begun.set()
        go_on.wait(10)

    opening = asyncio.create_task(open_file(story.path, progress))
    await eventually(begun.is_set)
    opening.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    with story.path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_an_empty_key_is_told_before_a_revision_that_is_not_there(story: Story) -> None:
    async with opened(story.path) as file:
        for revision in (story.newest + 5, story.compacted - 1):
            with pytest.raises(EmptyKey):
                await file.unary(methods.RANGE, rpc_pb2.RangeRequest(range_end=b"/a", revision=revision))
