"""A timeout is the whole call's, on every service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from etcdtui.client import Client, ClientOptions, Compare, Op, Permission, connect, errors
from etcdtui.client.kv import KV
from etcdtui.client.ordering import OrderedCalls
from etcdtui.pb import rpc_pb2
from tests.conftest import ServerFactory
from tests.support.proxy import TcpProxy
from tests.support.server import Server
from tests.support.timing import Stopwatch

LIMIT = 0.4
SLACK = 5.0
"""Seconds that a busy machine may be late; the command timeout of these clients is far more."""
ROLE = Permission("READWRITE", "a")


async def drained(stream: Any) -> None:
    async for _ in stream:
        pass


def silent_calls(c: Client, folder: Path) -> dict[str, Awaitable[object]]:
    t = LIMIT
    kv, lease, auth, upkeep, cluster = c.kv, c.lease, c.auth, c.maintenance, c.cluster
    one = c.endpoints[0]
    return {
        "get": kv.get("k", timeout=t),
        "put": kv.put("k", "v", timeout=t),
        "delete": kv.delete("k", timeout=t),
        "txn": kv.txn([Compare.version("k", "=", 0)], [Op.put("k", "v")], timeout=t),
        "pages": drained(kv.pages("k", prefix=True, timeout=t)),
        "key stream": drained(kv.key_stream(b"a", b"b", timeout=t)),
        "watch": c.watch("k", timeout=t).__aenter__(),
        "grant": lease.grant(5, timeout=t),
        "renew once": lease.keep_alive_once(7, timeout=t),
        "leases": lease.leases(timeout=t),
        "members": cluster.members(timeout=t),
        "status": upkeep.status(one, timeout=t),
        "disarm": upkeep.disarm(timeout=t),
        "move the leader": upkeep.move_leader(1, timeout=t),
        "defragment": upkeep.defragment(one, timeout=t),
        "snapshot": drained(upkeep.snapshot(one, timeout=t)),
        "save a snapshot": upkeep.save_snapshot(folder / "saved.db", timeout=t),
        "enable": auth.enable(timeout=t),
        "disable": auth.disable(timeout=t),
        "auth status": auth.status(timeout=t),
        "add a user": auth.user_add("u", "p", timeout=t),
        "users": auth.users(timeout=t),
        "grant a role": auth.user_grant_role("u", "r", timeout=t),
        "change a password": auth.user_change_password("u", "p", timeout=t),
        "role": auth.role_get("r", timeout=t),
        "grant a permission": auth.role_grant_permission("r", ROLE, timeout=t),
        "session": c.concurrency.session(5).start(timeout=t),
        "lock": c.concurrency.locks.lock("l", timeout=t),
        "observe": drained(c.concurrency.elections.observe("e", timeout=t)),
        "leader": c.concurrency.elections.leader("e", timeout=t),
        "transact": c.concurrency.transact(lambda stm: stm.get("k"), timeout=t),
        "ordered": c.ordered().get("k", timeout=t),
        "in a namespace": c.namespaced("n/").ordered().get("k", serializable=True, timeout=t),
        "follow the members": c.sync(timeout=t),
    }


async def timed(call: Awaitable[object]) -> tuple[BaseException | None, float]:
    began = Stopwatch()
    try:
        await call
    except errors.EtcdError as error:
        return error, began.seconds()
    return None, began.seconds()


async def test_every_call_to_a_silent_member_ends_in_time(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=server.endpoints, command_timeout=30)) as client:
        await client.kv.get("k")
        server.members[0].pause()
        try:
            pending = silent_calls(client, tmp_path)
            ended = dict(zip(pending, await asyncio.gather(*map(timed, pending.values())), strict=True))
        finally:
            server.members[0].resume()
    late = {name: (error, took) for name, (error, took) in ended.items() if took > LIMIT + SLACK}
    assert not late
    wrong = {name: error for name, (error, _) in ended.items() if not isinstance(error, errors.DeadlineExceeded)}
    assert not wrong
    assert list(tmp_path.iterdir()) == []


async def test_a_snapshot_that_stops_in_the_middle_ends_in_time(
    etcd: Server, tcp_proxy: Callable[[str], Awaitable[TcpProxy]]
) -> None:
    link = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(link.endpoint,), command_timeout=30, keepalive_time=60)) as client:
        for number in range(8):
            await client.kv.put(f"k{number}", b"v" * 200_000)
        began = Stopwatch()
        with pytest.raises(errors.DeadlineExceeded) as caught:
            async for _ in client.maintenance.snapshot(timeout=1.0):
                link.black_hole()
        assert began.fair() < 1.0 + SLACK
        assert caught.value.endpoint == link.endpoint


async def test_a_login_does_not_prolong_a_call(etcd_server: ServerFactory) -> None:
    """Before a stream with an old token there is a login, which had the command timeout to itself."""
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=server.endpoints)) as anonymous:
        await anonymous.auth.user_add("root", "p")
        await anonymous.auth.user_grant_role("root", "root")
        await anonymous.auth.enable()
    options = ClientOptions(endpoints=server.endpoints, username="root", password="p", command_timeout=30)
    async with connect(options) as root:
        await root.kv.get("k")
        server.members[0].pause()
        try:
            root.caller.tokens._fetched_at = float("-inf")
            error, took = await timed(drained(root.maintenance.snapshot(timeout=LIMIT)))
            assert isinstance(error, errors.DeadlineExceeded) and took < LIMIT + SLACK
        finally:
            server.members[0].resume()


class Behind(OrderedCalls):
    """Answers every read of the store after the first as of an earlier revision, each after a while."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.asked: list[float | None] = []

    async def unary(self, method: Any, request: Any, *, timeout: float | None = None, **more: Any) -> Any:
        self.asked.append(timeout)
        if len(self.asked) > 1:
            await asyncio.sleep(0.05)
        revision = 9 if len(self.asked) == 1 else 5
        return rpc_pb2.RangeResponse(header=rpc_pb2.ResponseHeader(revision=revision))


async def test_ordered_reads_share_one_timeout_over_their_tries(client: Client) -> None:
    """Each of up to five tries an endpoint had all of it."""
    behind = Behind(client._calls)
    kv = KV(OrderedCalls(behind))
    await kv.get("k", serializable=True)
    began = Stopwatch()
    with pytest.raises(errors.DeadlineExceeded, match="revision 5, older than 9"):
        await kv.get("k", serializable=True, timeout=0.12)
    assert began.fair() < SLACK
    given = [timeout for timeout in behind.asked[1:] if timeout is not None]
    assert len(given) > 1 and given == sorted(given, reverse=True) and given[0] <= 0.12


class SlowPages(OrderedCalls):
    """Answers each page after a while; streams of ranges it has not."""

    async def unary(self, method: Any, request: Any, *, timeout: float | None = None, **more: Any) -> Any:
        await asyncio.sleep(0.05)
        return await super().unary(method, request, timeout=timeout, **more)

    async def open_stream(self, *_: Any, **__: Any) -> Any:
        raise errors.NotSupported("no streams of ranges")


async def test_pages_share_one_timeout(client: Client) -> None:
    """Each page had all of it, so a listing of many pages had no end."""
    for number in range(30):
        await client.kv.put(f"p{number:02}", b"v")
    pages = KV(SlowPages(client._calls)).pages("p", prefix=True, page_size=1, timeout=0.5)
    began = Stopwatch()
    with pytest.raises(errors.DeadlineExceeded):
        await drained(pages)
    assert began.fair() < SLACK
    assert len([page async for page in client.kv.pages("p", prefix=True, page_size=1, timeout=60)]) == 30


async def test_ordered_reads_exist_in_a_namespace(client: Client) -> None:
    team = client.namespaced("team/")
    await team.kv.put("k", "v")
    ordered = team.ordered()
    found = await ordered.get("k", serializable=True)
    assert (found.kvs[0].key, found.kvs[0].value) == (b"k", b"v")
    assert (await ordered.get("", prefix=True)).count == 1
