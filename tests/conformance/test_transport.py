"""Endpoints, TLS, deadlines, what is sent again and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from etcdtui.client import Client, ClientOptions, Compare, Op, TlsOptions, connect, errors
from tests.conformance.fake import FakeEtcd, Refusal
from tests.conformance.support import events, within
from tests.conftest import ServerFactory
from tests.support import Server, TcpProxy, TlsMaterial
from tests.support.timing import Stopwatch

ProxyFactory = Callable[[str], Awaitable[TcpProxy]]
CODE = grpc.StatusCode


async def test_101_nothing_listens(unused_endpoint: str) -> None:
    async with connect(ClientOptions(endpoints=(unused_endpoint,), command_timeout=0.6)) as client:
        for timeout in (None, 0.9):
            began = Stopwatch()
            with pytest.raises(errors.DeadlineExceeded, match=r"(?i)refused") as caught:
                await client.kv.put("k", "v", timeout=timeout)
            assert caught.value.applied == "no", "nothing was ever sent"
            assert (timeout or 0.6) - 0.1 < began.seconds() and began.fair() < (timeout or 0.6) + 0.4
        with pytest.raises(errors.Unavailable):
            await client.maintenance.status(unused_endpoint)


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_106_all_endpoints_first_then_growing_pauses(count: int) -> None:
    refusal = (CODE.UNAVAILABLE, "etcdserver: leader changed")
    async with contextlib.AsyncExitStack() as stack:
        fakes = [await stack.enter_async_context(FakeEtcd(always=refusal)) for _ in range(count)]
        client = await stack.enter_async_context(connect(ClientOptions(endpoints=tuple(f.endpoint for f in fakes))))
        began = Stopwatch()
        with pytest.raises(errors.DeadlineExceeded, match="leader changed") as caught:
            await client.kv.get("k", timeout=2.0)
        assert caught.value.applied == "no"
        assert began.seconds() > 1.9 and began.fair() < 2.5
        attempts = [fake.calls["Range"] for fake in fakes]
        assert min(attempts) >= 1, "every endpoint has its turn"
        assert count + 2 <= sum(attempts) <= 60 * count, attempts


async def test_106_attempts_are_limited() -> None:
    async with FakeEtcd(always=(CODE.UNAVAILABLE, "etcdserver: leader changed")) as fake:
        async with connect(ClientOptions(endpoints=(fake.endpoint,), max_unary_retries=4)) as client:
            with pytest.raises(errors.LeaderChanged):
                await client.kv.get("k", timeout=10)
        assert fake.calls["Range"] == 4
        async with connect(ClientOptions(endpoints=(fake.endpoint,), max_unary_retries=0)) as client:
            with pytest.raises(errors.LeaderChanged):
                await client.kv.get("k", timeout=10)
        assert fake.calls["Range"] == 5, "repeating can be switched off"


async def test_108_a_cancelled_caller_returns_at_once(unused_endpoint: str) -> None:
    async with FakeEtcd(always=(CODE.UNAVAILABLE, "etcdserver: leader changed")) as fake:
        for endpoint in (unused_endpoint, fake.endpoint):
            async with connect(ClientOptions(endpoints=(endpoint,))) as client:
                call = asyncio.create_task(client.kv.get("k", timeout=30))
                assert not (await asyncio.wait([call], timeout=0.8))[0]
                began = Stopwatch()
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                assert began.fair() < 0.2


NO, MAYBE = "no", "maybe"
WRITES: tuple[tuple[Refusal, type[errors.EtcdError], str], ...] = (
    ((CODE.UNAVAILABLE, "etcdserver: request timed out"), errors.Unavailable, MAYBE),
    (
        (CODE.UNAVAILABLE, "etcdserver: request timed out, possibly due to previous leader failure"),
        errors.Unavailable,
        MAYBE,
    ),
    ((CODE.UNAVAILABLE, "etcdserver: server stopped"), errors.Unavailable, MAYBE),
    ((CODE.DEADLINE_EXCEEDED, "context deadline exceeded"), errors.DeadlineExceeded, MAYBE),
    ((CODE.CANCELLED, "etcdserver: request canceled"), errors.EtcdError, MAYBE),
    ((CODE.UNKNOWN, "something new"), errors.ServerError, MAYBE),
    ((CODE.INTERNAL, "stream reset"), errors.EtcdError, MAYBE),
    ((CODE.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"), errors.NoSpace, MAYBE),
    ((CODE.DATA_LOSS, "etcdserver: corrupt cluster"), errors.Corrupt, NO),
    ((CODE.PERMISSION_DENIED, "etcdserver: permission denied"), errors.PermissionDenied, NO),
    ((CODE.UNKNOWN, "auth: permission denied"), errors.PermissionDenied, NO),
    ((CODE.UNAUTHENTICATED, "etcdserver: invalid auth token"), errors.InvalidToken, NO),
    ((CODE.UNKNOWN, "auth: revision in header is old"), errors.InvalidToken, NO),
    ((CODE.INVALID_ARGUMENT, "etcdserver: revision of auth store is old"), errors.InvalidToken, NO),
    ((CODE.INVALID_ARGUMENT, "etcdserver: request is too large"), errors.RequestTooLarge, NO),
    ((CODE.NOT_FOUND, "etcdserver: requested lease not found"), errors.LeaseNotFound, NO),
    ((CODE.UNIMPLEMENTED, "unknown service etcdserverpb.KV"), errors.NotSupported, NO),
    ((CODE.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner"), errors.LearnerRefused, NO),
)


@pytest.mark.parametrize(("refusal", "kind", "applied"), WRITES, ids=[text for (_, text), _, _ in WRITES])
async def test_a_write_is_sent_once_and_its_fate_is_told(
    refusal: Refusal, kind: type[errors.EtcdError], applied: str
) -> None:
    async with FakeEtcd(refusal) as fake, connect(ClientOptions(endpoints=(fake.endpoint,))) as client:
        with pytest.raises(kind) as caught:
            await client.kv.put("k", "v")
        assert fake.calls["Put"] == 1
        assert caught.value.applied == applied
        assert caught.value.code == refusal[0].name
        assert caught.value.endpoint == fake.endpoint
        assert ("may have been applied" in str(caught.value)) == (applied == MAYBE)


@pytest.mark.parametrize(
    "refusal",
    [
        (CODE.UNAVAILABLE, "etcdserver: no leader"),
        (CODE.UNKNOWN, "etcdserver: too many requests"),
        (CODE.UNAVAILABLE, "etcdserver: not capable"),
        (CODE.UNAVAILABLE, "etcdserver: leader changed"),
    ],
    ids=lambda refusal: str(refusal[1]),
)
async def test_a_write_that_was_surely_not_applied_is_sent_again(refusal: Refusal) -> None:
    async with FakeEtcd(refusal) as fake, connect(ClientOptions(endpoints=(fake.endpoint,))) as client:
        await client.kv.put("k", "v")
        assert fake.calls["Put"] == 2


@pytest.mark.parametrize("refusal", [refusal for refusal, _, applied in WRITES[:5]], ids=lambda r: str(r[1]))
async def test_103_reads_and_opted_in_writes_are_sent_again(refusal: Refusal) -> None:
    async with FakeEtcd(refusal) as fake, connect(ClientOptions(endpoints=(fake.endpoint,))) as client:
        await client.kv.get("k")
        assert fake.calls["Range"] == 2
        fake.script.append(refusal)
        await client.kv.txn([Compare.version("k", ">", 0)], [Op.get("k")])
        assert fake.calls["Txn"] == 2, "a transaction that only reads is a read"
        async with connect(ClientOptions(endpoints=(fake.endpoint,), retry_writes=True)) as eager:
            fake.script.append(refusal)
            await eager.kv.put("k", "v")
        assert fake.calls["Put"] == 2


@pytest.mark.matrix
async def test_109_an_interval_too_short_is_raised(etcd: Server, tcp_proxy: ProxyFactory) -> None:
    """Pings every 2 s would make etcd close the connection after 7 s."""
    proxy = await tcp_proxy(etcd.endpoint)
    options = ClientOptions(endpoints=(proxy.endpoint,), keepalive_time=2.0)
    assert options.keepalive_time == 10.0
    async with connect(options) as client, client.watch("k") as watcher:
        connections = proxy.accepted
        idle = asyncio.create_task(events(watcher, 1, 20))
        assert not (await asyncio.wait([idle], timeout=9.0))[0]
        await etcd.put("k", "v")
        await idle
        assert proxy.accepted == connections


async def _refused(options: ClientOptions) -> errors.TlsError:
    async with connect(options) as client:
        with pytest.raises(errors.TlsError) as caught:
            await client.kv.put("k", "v", timeout=6)
    assert (caught.value.endpoint, caught.value.applied) == (options.endpoints[0], "no")
    return caught.value


@pytest.mark.matrix
async def test_111_112_each_endpoint_has_its_own_tls(
    etcd: Server, etcd_server: ServerFactory, tls: TlsMaterial, unused_endpoint: str
) -> None:
    server = await etcd_server(tls=tls.server())
    secure = f"https://{server.endpoint}"
    trust = TlsOptions(ca_file=tls.ca)
    async with connect(ClientOptions(endpoints=(f"http://{unused_endpoint}", secure), tls=trust)) as client:
        await client.kv.put("k", "v")
        assert (await client.kv.get("k")).kvs[0].value == b"v"
        async with client.watch("k") as watcher:
            await client.kv.put("k", "w")
            await events(watcher, 1)
    assert "speaks TLS" in (await _refused(ClientOptions(endpoints=(f"http://{server.endpoint}",), tls=trust))).message
    assert "plaintext" in (await _refused(ClientOptions(endpoints=(f"https://{etcd.endpoint}",), tls=trust))).message
    name = TlsOptions(ca_file=tls.ca, server_name="other.example")
    assert 'the name "other.example"' in (await _refused(ClientOptions(endpoints=(secure,), tls=name))).message
    wrong = TlsOptions(ca_file=tls.wrong_ca)
    assert "not trusted" in (await _refused(ClientOptions(endpoints=(secure,), tls=wrong))).message


@pytest.mark.parametrize(
    ("which", "words"),
    [("server_expired", "has expired"), ("server_wrong_name", 'not valid for the address "127.0.0.1"')],
)
async def test_112_bad_certificates_are_named(
    etcd_server: ServerFactory, tls: TlsMaterial, which: str, words: str
) -> None:
    server = await etcd_server(tls=tls.server(getattr(tls, which)))
    options = ClientOptions(endpoints=(f"https://{server.endpoint}",), tls=TlsOptions(ca_file=tls.ca))
    assert words in (await _refused(options)).message


@contextlib.asynccontextmanager
async def _socket_to(server: Server, path: Path) -> AsyncIterator[None]:
    """A unix socket in front of a server that listens on TCP."""
    host, _, port = server.endpoint.rpartition(":")
    links: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        links.add(task)
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        pumps = [asyncio.create_task(pump(reader, far_writer)), asyncio.create_task(pump(far_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass
        finally:
            for each in pumps:
                each.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, far_writer):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            links.discard(task)

    listener = await asyncio.start_unix_server(link, path)
    try:
        yield
    finally:
        listener.close()
        for task in list(links):
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)


@pytest.mark.matrix
async def test_113_unix_sockets(etcd: Server, tmp_path: Path) -> None:
    path = tmp_path / "etcd.sock"
    async with _socket_to(etcd, path):
        for endpoint in (f"unix://{path}", f"unix:{path}"):
            async with connect(ClientOptions(endpoints=(endpoint,))) as client, client.watch("k") as watcher:
                await client.kv.put("k", "v")
                await events(watcher, 1)
                assert client.endpoints == (endpoint,)


async def test_a_cut_connection_costs_reads_nothing(etcd: Server, tcp_proxy: ProxyFactory) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(proxy.endpoint,))) as client, client.watch("k", prefix=True) as watcher:
        for _ in range(6):
            await proxy.cut()
            assert (await client.kv.get("k")).count == 0
        await etcd.put("k5", "v")
        assert (await events(watcher, 1))[0].kv.key == b"k5"


async def test_a_black_hole_is_left_for_another_endpoint(etcd: Server, tcp_proxy: ProxyFactory) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(proxy.endpoint, etcd.endpoint))) as client:
        await client.kv.put("k", "v")
        await asyncio.gather(*(client.kv.get("k") for _ in range(10)))
        proxy.black_hole()
        began = Stopwatch()
        got = await asyncio.gather(*(client.kv.get("k", timeout=10) for _ in range(50)))
        assert all(answer.count == 1 for answer in got)
        assert began.fair() < 3.0


async def test_a_slow_network_is_waited_for(etcd: Server, tcp_proxy: ProxyFactory) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    proxy.delay = 0.1
    async with connect(ClientOptions(endpoints=(proxy.endpoint,))) as client, client.watch("k") as watcher:
        await client.kv.put("k", "v")
        await events(watcher, 1)
        await within(5, client.maintenance.status(proxy.endpoint))
        with pytest.raises(errors.DeadlineExceeded):
            await client.kv.get("k", timeout=0.05)
    assert proxy.accepted <= 3


async def test_closing_while_calls_wait_ends_them(unused_endpoint: str) -> None:
    client = await Client.open(ClientOptions(endpoints=(unused_endpoint,), command_timeout=30))
    calls = [asyncio.ensure_future(client.kv.get("k")) for _ in range(20)]
    await asyncio.wait(calls, timeout=0.1)
    began = Stopwatch()
    await client.aclose()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ends} == {errors.ClosedError}
    assert began.fair() < 3.0


DEBUG_RUN = """
import asyncio, gc, sys
from etcdtui.client import *
from etcdtui.client.concurrency import Mutex, Session

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60
    async with connect(ClientOptions(endpoints=(sys.argv[1], "127.0.0.1:1"))) as client:
        await client.kv.put("k", "v")
        lease = await client.lease.grant(30)
        async with client.watch("k") as watcher, client.lease.keep_alive(lease.id) as renewals:
            await asyncio.gather(*(client.kv.put("k", str(n)) for n in range(50)))
            await anext(watcher)
            await anext(renewals)
            await watcher.progress()
        async with Session(client, ttl=10) as session, Mutex(session, "lock"):
            await client.namespaced("n/").kv.put("k", "v")
        async for page in client.kv.pages("", prefix=True, page_size=1):
            break
        left_open = client.watch("k")
        await left_open.__aenter__()
        waiting = asyncio.ensure_future(anext(left_open))
        await asyncio.sleep(0)
    try:
        await waiting
    except errors.ClosedError:
        pass
    for _ in range(200):  # gRPC's own tasks of cancelled calls end a moment later
        if len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()

asyncio.run(main(), debug=True)
gc.collect()
"""


async def test_a_debug_run_has_nothing_to_complain_of(etcd: Server) -> None:
    """No leaked task, no coroutine that was not awaited, no channel left open, nothing printed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", "-c", DEBUG_RUN, etcd.endpoint), stdout=pipe, stderr=pipe
    )
    said = await process.communicate()
    assert (process.returncode, *said) == (0, b"", b"")
