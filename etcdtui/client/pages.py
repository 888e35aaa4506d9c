"""Paging pinned to one revision: a RangeStream where the server has one (3.7), single Range calls elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.deadline import Deadline
from etcdtui.client._transport.server_streams import messages
from etcdtui.client._wire import convert, methods
from etcdtui.core import errors as e
from etcdtui.core.ranges import next_key
from etcdtui.core.types import KeyValue, RangeResult
from etcdtui.pb import rpc_pb2


class Pager:
    """Remembers for its client whether the server streams ranges."""

    def __init__(self, caller: Calls) -> None:
        self._caller = caller
        self._streams = True

    async def pages(
        self, request: rpc_pb2.RangeRequest, page_size: int, timeout: float | None
    ) -> AsyncGenerator[RangeResult, None]:
        """``timeout`` is for all pages, also for what the reader does between two; ``None`` bounds each request."""
        deadline = Deadline(timeout) if timeout else None
        first = await self._page(request, page_size, deadline, timeout)
        yield first
        if not first.more or first.header is None:
            return
        request.revision = request.revision or first.header.revision
        request.key = next_key(first.kvs[-1].key)
        if self._streams:
            try:
                async with aclosing(self._streamed(request, page_size, first.count, deadline)) as streamed:
                    async for page in streamed:
                        request.key = next_key(page.kvs[-1].key)
                        yield page
                return
            except e.NotSupported:
                self._streams = False
            except (e.Unavailable, e.NoLeader, e.LearnerRefused, e.DeadlineExceeded, e.MessageTooLarge):
                pass
        while True:
            page = await self._page(request, page_size, deadline, timeout)
            if page.kvs:
                yield page
            if not page.more:
                return
            request.key = next_key(page.kvs[-1].key)

    async def _page(
        self, request: rpc_pb2.RangeRequest, size: int, deadline: Deadline | None, timeout: float | None
    ) -> RangeResult:
        """One Range; if its answer breaks the size limit, fewer keys are asked for."""
        while True:
            request.limit = size
            timeout = deadline.left() if deadline else timeout
            try:
                return convert.range_result(await self._caller.unary(methods.RANGE, request, timeout=timeout))
            except e.MessageTooLarge:
                if size == 1:
                    raise
                size = max(1, size // 4)

    async def _streamed(
        self, request: rpc_pb2.RangeRequest, size: int, count: int, deadline: Deadline | None
    ) -> AsyncGenerator[RangeResult, None]:
        """Pages of ``size`` keys cut from the chunks of one stream; ``more`` is false on the last."""
        asked = rpc_pb2.RangeRequest()
        asked.CopyFrom(request)
        asked.limit = 0
        held: list[KeyValue] = []
        left = deadline.left() if deadline else None
        async with aclosing(messages(self._caller, methods.RANGE_STREAM, asked, timeout=left)) as chunks:
            async for message in chunks:
                held.extend(convert.key_values(message.range_response.kvs))
                while len(held) > size:
                    yield RangeResult(tuple(held[:size]), True, count)
                    del held[:size]
        if held:
            yield RangeResult(tuple(held), False, count)
