"""What a watcher is told about progress, by a server that sends its answers in the worst order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from etcdtui.client import Client, ClientOptions, connect, errors
from etcdtui.client.watch import Watcher
from etcdtui.pb import kv_pb2, rpc_pb2
from tests.support.poll import eventually

REVISION = 9
HEADER = rpc_pb2.ResponseHeader(cluster_id=1, member_id=1, revision=REVISION)


class WatchServer(grpc.GenericRpcHandler):
    """Takes the requests of one watch stream and sends nothing by itself: ``asked`` is what came, ``say`` answers."""

    def __init__(self, version: str = "3.7.1") -> None:
        self.version = version
        self.asked: list[str] = []
        self._answers: asyncio.Queue[rpc_pb2.WatchResponse] = asyncio.Queue()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        if handler_call_details.method.endswith("/Watch"):
            return grpc.stream_stream_rpc_method_handler(
                self._watch, rpc_pb2.WatchRequest.FromString, rpc_pb2.WatchResponse.SerializeToString
            )
        return grpc.unary_unary_rpc_method_handler(self._status)

    async def _status(self, request: bytes, context: Any) -> bytes:
        return rpc_pb2.StatusResponse(header=HEADER, version=self.version, leader=1).SerializeToString()

    async def _watch(self, requests: AsyncIterator[rpc_pb2.WatchRequest], context: Any) -> None:
        async def note() -> None:
            async for request in requests:
                self.asked.append(request.WhichOneof("request_union") or "")

        reading = asyncio.create_task(note())
        try:
            while True:
                await context.write(await self._answers.get())
        finally:
            reading.cancel()

    def say(self, watch_id: int, **fields: Any) -> None:
        self._answers.put_nowait(rpc_pb2.WatchResponse(header=HEADER, watch_id=watch_id, **fields))

    def creates(self) -> int:
        return self.asked.count("create_request")


@pytest.fixture(params=["3.7.1"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[tuple[WatchServer, Client]]:
    told = WatchServer(request.param)
    listening = grpc.aio.server()
    listening.add_generic_rpc_handlers((told,))
    endpoint = f"127.0.0.1:{listening.add_insecure_port('127.0.0.1:0')}"
    await listening.start()
    async with connect(ClientOptions(endpoints=(endpoint,))) as client:
        yield told, client
    await listening.stop(None)


async def entered(server: WatchServer, watcher: Watcher, watch_id: int) -> Watcher:
    """Enter, and have the create answered."""
    creates = server.creates() + 1
    entering = asyncio.create_task(watcher.__aenter__())
    await eventually(lambda: server.creates() == creates)
    server.say(watch_id, created=True)
    return await entering


def event(revision: int) -> kv_pb2.Event:
    return kv_pb2.Event(kv=kv_pb2.KeyValue(key=b"past", value=b"v", mod_revision=revision))


async def test_a_watcher_from_the_past_is_not_told_all_up_to_now_before_its_events(
    server: tuple[WatchServer, Client],
) -> None:
    """The creation overtakes the answer to a request that is older than the watcher."""
    told, client = server
    idle = await entered(told, client.watch("idle", start_revision=REVISION + 1), 1)
    asking = asyncio.create_task(idle.progress())
    await eventually(lambda: "progress_request" in told.asked)
    past = client.watch("past", start_revision=2, progress_notify=True)
    entering = asyncio.create_task(past.__aenter__())
    await eventually(lambda: told.creates() == 2)
    told.say(2, created=True)
    told.say(-1)
    await entering
    assert await asking == REVISION
    told.say(2, events=[event(2), event(3)])
    told.say(-1)
    first, second = await anext(past), await anext(past)
    assert [e.kv.mod_revision for e in first.events] == [2, 3] and not first.progress
    assert second.progress and second.revision == REVISION


async def test_a_watcher_without_events_is_told_of_progress_asked_for_after_its_creation(
    server: tuple[WatchServer, Client],
) -> None:
    told, client = server
    first = await entered(told, client.watch("a", start_revision=REVISION + 1), 1)
    asking = asyncio.create_task(first.progress())
    await eventually(lambda: "progress_request" in told.asked)
    told.say(-1)
    await asking
    second = await entered(told, client.watch("b", start_revision=REVISION + 1), 2)
    asking = asyncio.create_task(second.progress())
    await eventually(lambda: told.asked.count("progress_request") == 2)
    told.say(-1)
    assert await asking == REVISION


@pytest.mark.parametrize("server", ["3.5.1", "3.4.23"], indirect=True)
async def test_an_old_server_is_believed_once_it_is_quiet(server: tuple[WatchServer, Client]) -> None:
    """It answers before it has sent what it found in the past."""
    told, client = server
    past = await entered(told, client.watch("past", start_revision=2), 1)
    asking = asyncio.create_task(past.progress())
    await eventually(lambda: "progress_request" in told.asked)
    told.say(-1)
    told.say(1, events=[event(2)])
    assert (await anext(past)).revision == 2 and not asking.done()
    told.say(1, events=[event(REVISION)])
    assert await asking == REVISION
    assert [batch.revision for batch in (await anext(past), await anext(past))] == [REVISION, REVISION]


async def test_an_answer_that_cannot_be_decoded_is_told_as_such(server: tuple[WatchServer, Client]) -> None:
    """It answers every call with a Status."""
    _, client = server
    for call, applied in ((client.kv.get("k"), "no"), (client.kv.put("k", "v"), "maybe")):
        with pytest.raises(errors.ServerError, match="cannot be decoded") as caught:
            await call
        assert (caught.value.applied, caught.value.endpoint) == (applied, client.endpoints[0])
