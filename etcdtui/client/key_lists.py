"""Names alone: the keys of many ranges in one request, without an object for every key."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.server_streams import messages
from etcdtui.client._wire import methods
from etcdtui.client._wire.requests import range_request
from etcdtui.core.value import record
from etcdtui.pb import rpc_pb2


@record()
class KeyRange:
    """``[start, end)``, of which the first ``limit`` keys are wanted (0: all); an empty ``end`` is the single key."""

    start: bytes
    end: bytes
    limit: int


@record()
class KeyList:
    """The first keys of one range, and how many keys it holds whatever the limit was."""

    keys: list[bytes]
    count: int


@record()
class KeyLists:
    """One list for each range asked for, all of one revision; ``revision`` is the store's when it answered."""

    lists: tuple[KeyList, ...]
    revision: int


async def read_keys(
    caller: Calls,
    wanted: Sequence[KeyRange],
    *,
    revision: int = 0,
    serializable: bool = False,
    timeout: float | None = None,
) -> KeyLists:
    """One Range for one range, one read-only transaction for several. Raises ``TooManyOps`` where those are too many.

    ``revision`` 0 is the newest; ``timeout`` in seconds, ``None`` is the command timeout, 0 none.
    """
    asked = [
        range_request(
            want.start,
            range_end=want.end or None,
            limit=want.limit,
            revision=revision,
            serializable=serializable,
            keys_only=True,
        )
        for want in wanted
    ]
    if len(asked) == 1:
        alone = await caller.unary(methods.RANGE, asked[0], timeout=timeout)
        return KeyLists((_list(alone),), alone.header.revision)
    request = rpc_pb2.TxnRequest(success=[rpc_pb2.RequestOp(request_range=one) for one in asked])
    answer = await caller.unary(methods.TXN_READ, request, timeout=timeout)
    return KeyLists(_lists(answer.responses), answer.header.revision)


async def stream_keys(
    caller: Calls,
    start: bytes,
    end: bytes,
    *,
    revision: int = 0,
    serializable: bool = False,
    timeout: float | None = None,
) -> AsyncGenerator[list[bytes], None]:
    """All keys of ``[start, end)`` in order and of one revision, in parts as the server sends them.

    Raises ``NotSupported`` before the first where the server has no RangeStream (before 3.7, or behind a proxy).
    """
    asked = range_request(start, range_end=end or None, revision=revision, serializable=serializable, keys_only=True)
    async with aclosing(messages(caller, methods.RANGE_STREAM, asked, timeout=timeout)) as chunks:
        async for chunk in chunks:
            yield [kv.key for kv in chunk.range_response.kvs]


def _lists(responses: Iterable[rpc_pb2.ResponseOp]) -> tuple[KeyList, ...]:
    return tuple([_list(response.response_range) for response in responses])


def _list(message: rpc_pb2.RangeResponse) -> KeyList:
    return KeyList([kv.key for kv in message.kvs], message.count)
