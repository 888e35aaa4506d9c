"""Paging pinned to one revision: a RangeStream where the server has one (3.7), single Range calls elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator

from etcdtui.client import convert, methods
from etcdtui.client.call import Caller
from etcdtui.core import errors as e
from etcdtui.core.ranges import next_key
from etcdtui.core.types import KeyValue, RangeResult
from etcdtui.pb import rpc_pb2


class Pager:
    """Remembers for its client whether the server streams ranges."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._streams = True

    async def pages(
        self, request: rpc_pb2.RangeRequest, page_size: int, timeout: float | None
    ) -> AsyncIterator[RangeResult]:
        first = await self._page(request, page_size, timeout)
        yield first
        if not first.more or first.header is None:
            return
        request.revision = request.revision or first.header.revision
        request.key = next_key(first.kvs[-1].key)
        if self._streams:
            try:
                async for page in self._streamed(request, page_size, first.count):
                    request.key = next_key(page.kvs[-1].key)
                    yield page
                return
            except e.NotSupported:
                self._streams = False
            except (e.Unavailable, e.NoLeader, e.LearnerRefused, e.DeadlineExceeded):
                pass
        while True:
            page = await self._page(request, page_size, timeout)
            if page.kvs:
                yield page
            if not page.more:
                return
            request.key = next_key(page.kvs[-1].key)

    async def _page(self, request: rpc_pb2.RangeRequest, size: int, timeout: float | None) -> RangeResult:
        """One Range; if its answer breaks the size limit, fewer keys are asked for."""
        while True:
            request.limit = size
            try:
                return convert.range_result(await self._caller.unary(methods.RANGE, request, timeout=timeout))
            except e.MessageTooLarge:
                if size == 1:
                    raise
                size = max(1, size // 4)

    async def _streamed(self, request: rpc_pb2.RangeRequest, size: int, count: int) -> AsyncIterator[RangeResult]:
        """Pages of ``size`` keys cut from the chunks of one stream; ``more`` is false on the last."""
        asked = rpc_pb2.RangeRequest()
        asked.CopyFrom(request)
        asked.limit = 0
        stream = await self._caller.open_stream(methods.RANGE_STREAM, request=asked)
        held: list[KeyValue] = []
        try:
            while (message := await stream.read()) is not None:
                answer = message.range_response
                held.extend(convert.key_values(answer.kvs))
                while len(held) > size:
                    yield RangeResult(tuple(held[:size]), True, count)
                    del held[:size]
            if held:
                yield RangeResult(tuple(held), False, count)
        finally:
            stream.cancel()
