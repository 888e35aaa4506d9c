"""A client that ends under load leaves nothing behind: run with all of Python's own checks on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from tests.support.poll import eventually
from tests.support.proxy import TcpProxy
from tests.support.server import Server

ProxyFactory = Callable[[str], Awaitable[TcpProxy]]

SCRIPT = """
import asyncio, gc, sys
from etcdtui.client import ClientOptions, connect, errors

def say(word):
    print(word, flush=True)

async def told(word):
    line = await asyncio.to_thread(sys.stdin.readline)
    assert line.strip() == word, line

async def reads(client, stop):
    while not stop.is_set():
        try:
            await client.kv.get("k", timeout=3)
            await client.kv.put("k", "v", timeout=3)
        except errors.EtcdError:
            pass

async def tails(client):
    try:
        async with client.watch("", prefix=True, progress_notify=True) as watcher:
            async for batch in watcher:
                pass
    except errors.ClosedError:
        pass

async def renews(client):
    try:
        async with client.concurrency.session(ttl=20) as session:
            async with client.concurrency.Mutex(session, "lock"):
                await session.done.wait()
    except errors.EtcdError:
        pass

async def main(endpoints):
    asyncio.get_running_loop().slow_callback_duration = 60  # else told of a machine under load
    stop = asyncio.Event()
    async with connect(ClientOptions(endpoints=endpoints, auto_sync_interval=0.2)) as client:
        view = client.namespaced("n/")
        work = [asyncio.create_task(w) for w in (
            *(reads(client, stop) for _ in range(4)), tails(client), tails(view), renews(client), renews(view))]
        await client.kv.get("k")
        say("kill")
        await told("killed")
        await client.kv.get("k", timeout=10)
        client.set_endpoints(endpoints[1:])
        await client.kv.get("k", timeout=10)
        try:
            async with asyncio.timeout(0.01):
                async with client.watch("never entered"):
                    pass
        except TimeoutError:
            pass
        stop.set()
        say("closing")
    await asyncio.wait_for(asyncio.gather(*work), 10)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, left
    gc.collect()
    say("done")

asyncio.run(main(tuple(sys.argv[1:])), debug=True)
"""


async def test_nothing_is_left_after_kills_in_debug_mode(cluster3: Server, tmp_path: Path) -> None:
    script = tmp_path / "scenario.py"
    script.write_text(SCRIPT)
    arguments = [sys.executable, "-X", "dev", "-W", "error", str(script), *cluster3.endpoints]
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdout is not None and process.stdin is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"kill\n"
        await cluster3.members[0].kill()
        process.stdin.write(b"killed\n")
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"closing\ndone\n", b"")


async def test_a_watch_given_up_while_it_starts_is_forgotten(etcd: Server, tcp_proxy: ProxyFactory) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    async with connect(ClientOptions(endpoints=(proxy.endpoint,))) as client:
        await client.kv.put("k", "v")
        proxy.black_hole()
        watcher = client.watch("k", start_revision=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), watcher:
                raise AssertionError("nothing passes the proxy")
        with pytest.raises(StopAsyncIteration):
            await anext(watcher)
        await eventually(lambda: not client._watches.endpoints_in_use())


def pending(client: Client) -> int:
    """Calls in flight on the first endpoint."""
    return len(client.caller.pool.balancer.slots[0].item.pending)


async def test_calls_on_an_endpoint_taken_out_are_not_told_that_the_client_was_closed(
    cluster3: Server, tcp_proxy: ProxyFactory
) -> None:
    proxy = await tcp_proxy(cluster3.endpoints[0])
    async with connect(ClientOptions(endpoints=(proxy.endpoint,), command_timeout=20)) as client:
        await client.kv.put("k", "v")
        proxy.black_hole()
        reading = asyncio.create_task(client.kv.get("k"))
        writing = asyncio.create_task(client.kv.put("k", "w"))
        await eventually(lambda: pending(client) == 2)
        client.set_endpoints(cluster3.endpoints[1:])
        assert (await reading).kvs[0].value == b"v"
        with pytest.raises(errors.Unavailable) as caught:
            await writing
        assert caught.value.applied == "maybe"


async def test_closing_ends_calls_on_an_endpoint_that_is_being_drained(
    cluster3: Server, tcp_proxy: ProxyFactory
) -> None:
    proxy = await tcp_proxy(cluster3.endpoints[0])
    async with connect(ClientOptions(endpoints=(proxy.endpoint,), command_timeout=20)) as client:
        await client.kv.put("k", "v")
        proxy.black_hole()
        writing = asyncio.create_task(client.kv.put("k", "w"))
        await eventually(lambda: pending(client) == 1)
        client.set_endpoints(cluster3.endpoints[1:])
    with pytest.raises(errors.ClosedError):
        async with asyncio.timeout(1):
            await writing
