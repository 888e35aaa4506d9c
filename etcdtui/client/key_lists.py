"""Names alone: the keys of many ranges in one request, without an object for every key."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.server_streams import messages
from etcdtui.client._wire import methods
from etcdtui.client._wire.requests import range_request
from etcdtui.client.posts import Posts
from etcdtui.core.errors import TooManyOps
from etcdtui.core.listing import WALK, Survey
from etcdtui.core.value import record
from etcdtui.pb import rpc_pb2

MAX_OPS = 100
"""Ranges in one transaction; servers allow 128 unless told otherwise."""


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
    endpoint: str | None = None,
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
        alone = await caller.unary(methods.RANGE, asked[0], timeout=timeout, endpoint=endpoint)
        return KeyLists((_list(alone),), alone.header.revision)
    request = rpc_pb2.TxnRequest(success=[rpc_pb2.RequestOp(request_range=one) for one in asked])
    answer = await caller.unary(methods.TXN_READ, request, timeout=timeout, endpoint=endpoint)
    return KeyLists(_lists(answer.responses), answer.header.revision)


async def read_keys_bounded(
    caller: Calls,
    posts: Posts,
    wanted: Sequence[KeyRange],
    *,
    revision: int = 0,
    serializable: bool = False,
    timeout: float | None = None,
) -> KeyLists:
    """The same in as many requests as it takes, so that none makes a server walk many keys; ``timeout`` is for each."""
    single = all(not want.end for want in wanted)
    if single or 0 < await posts.most_keys(timeout) <= WALK:
        return await read_keys(caller, wanted, revision=revision, serializable=serializable, timeout=timeout)
    chart = await posts.all(timeout)
    small = 0 < chart.most <= WALK // 2
    lists: list[KeyList] = []
    for want in wanted:
        within = (want.start, want.end)
        survey = Survey(b"", (), within=within, small=small, rows=False, chart=chart, wary=True)
        found: list[tuple[bytes, list[bytes]]] = []
        ops = MAX_OPS
        while survey.open:
            spans = survey.take(ops)
            asked = [KeyRange(span.start, span.end, want.limit) for span in spans]
            try:
                answer = await read_keys(caller, asked, revision=revision, serializable=serializable, timeout=timeout)
            except TooManyOps:
                if len(spans) == 1:
                    raise
                survey.give_back(spans)
                ops = len(spans) // 2
                continue
            revision = revision or answer.revision
            for span, one in zip(spans, answer.lists, strict=True):
                survey.answer(span, (), one.count)
                found.append((span.start, one.keys))
        keys = [key for _, part in sorted(found) for key in part]
        lists.append(KeyList(keys[: want.limit] if want.limit else keys, max(0, survey.total)))
    return KeyLists(tuple(lists), revision)


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
