"""Paging pinned to one revision, in requests that walk a bounded number of keys each.

A Range walks all keys up to its end, whatever its limit. A store so small that this is nothing is paged as it is; a
RangeStream (3.7) walks only what it sends; elsewhere the range is cut along names that are known to lie in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.deadline import Deadline
from etcdtui.client._transport.server_streams import messages
from etcdtui.client._wire import convert, methods
from etcdtui.client.posts import Posts
from etcdtui.core import errors as e
from etcdtui.core.chart import Chart
from etcdtui.core.listing import WALK, Span, Survey
from etcdtui.core.ranges import FROM_KEY, next_key
from etcdtui.core.types import KeyValue, RangeResult, ResponseHeader
from etcdtui.pb import rpc_pb2

MAX_OPS = 100
"""Ranges in one transaction; servers allow 128 unless told otherwise."""
NOT_COUNTED = -1
"""The count of a page whose range was not counted."""


class _Time:
    """A timeout of pages: for all of them, also for what the reader does between two; ``None`` is for each request."""

    def __init__(self, timeout: float | None) -> None:
        self._each = timeout
        self._deadline = Deadline(timeout) if timeout else None

    @property
    def left(self) -> float | None:
        """The timeout of the next request. Raises ``DeadlineExceeded`` when there is none."""
        return self._deadline.left() if self._deadline else self._each

    @property
    def whole(self) -> float | None:
        """The timeout of all that is left, of which no request is one."""
        return self._deadline.left() if self._deadline else None


class Pager:
    """Remembers for its client whether the server streams ranges."""

    def __init__(self, caller: Calls, posts: Posts | None = None) -> None:
        self._caller = caller
        self._posts = posts
        self._streams = True

    async def pages(
        self, request: rpc_pb2.RangeRequest, page_size: int, timeout: float | None
    ) -> AsyncGenerator[RangeResult, None]:
        time, posts = _Time(timeout), self._posts
        if posts is None or not request.range_end or 0 < await posts.most_keys(time.left) <= WALK:
            pages = self._plain(request, page_size, time)
        else:
            pages = self._bounded(request, page_size, time, posts)
        async with aclosing(pages):
            async for page in pages:
                yield page

    async def _plain(
        self, request: rpc_pb2.RangeRequest, page_size: int, time: _Time
    ) -> AsyncGenerator[RangeResult, None]:
        """One Range a page, after the first a stream where there are streams."""
        first = await self._page(request, page_size, time)
        yield first
        if not first.more or first.header is None:
            return
        request.revision = request.revision or first.header.revision
        request.key = next_key(first.kvs[-1].key)
        async with aclosing(self._streamed(request, page_size, first.count, None, time)) as streamed:
            async for page in streamed:
                yield page
        more = not self._over(request)
        while more:
            page = await self._page(request, page_size, time)
            if page.kvs:
                yield page
                request.key = next_key(page.kvs[-1].key)
            more = page.more

    async def _bounded(
        self, request: rpc_pb2.RangeRequest, page_size: int, time: _Time, posts: Posts
    ) -> AsyncGenerator[RangeResult, None]:
        """A stream from the first key on, or small pieces; a page tells no count unless it is the only one."""
        told = rpc_pb2.RangeRequest(
            key=request.key, revision=request.revision, serializable=request.serializable, count_only=True
        )
        answer = await self._caller.unary(methods.RANGE, told, timeout=time.left)
        header = convert.header(answer.header)
        request.revision = request.revision or answer.header.revision
        begun = False
        async with aclosing(self._streamed(request, page_size, NOT_COUNTED, header, time)) as streamed:
            async for page in streamed:
                begun = True
                yield page
        if self._over(request):
            if not begun:
                yield RangeResult((), False, 0, header)
            return
        async with aclosing(self._pieces(request, page_size, time, await posts.all(time.left), header)) as pages:
            async for page in pages:
                yield page

    async def _page(self, request: rpc_pb2.RangeRequest, size: int, time: _Time) -> RangeResult:
        """One Range; if its answer breaks the size limit, fewer keys are asked for."""
        while True:
            request.limit = size
            try:
                return convert.range_result(await self._caller.unary(methods.RANGE, request, timeout=time.left))
            except e.MessageTooLarge:
                if size == 1:
                    raise
                size = max(1, size // 4)

    # --- streams -----------------------------------------------------------------------------------------

    def _over(self, request: rpc_pb2.RangeRequest) -> bool:
        """Whether a stream came to its end: it leaves a range that is none."""
        return not request.key

    async def _streamed(
        self, request: rpc_pb2.RangeRequest, size: int, count: int, header: ResponseHeader | None, time: _Time
    ) -> AsyncGenerator[RangeResult, None]:
        """Pages of ``size`` keys cut from one stream. It may break off: ``request`` is then what is left of it."""
        if not self._streams:
            return
        asked = rpc_pb2.RangeRequest()
        asked.CopyFrom(request)
        asked.limit = 0
        held: list[KeyValue] = []
        left = time.whole
        try:
            async with aclosing(messages(self._caller, methods.RANGE_STREAM, asked, timeout=left)) as chunks:
                async for message in chunks:
                    held.extend(convert.key_values(message.range_response.kvs))
                    while len(held) > size:
                        request.key = next_key(held[size - 1].key)
                        yield RangeResult(tuple(held[:size]), True, count, header)
                        del held[:size]
        except e.NotSupported:
            self._streams = False
        except (e.Unavailable, e.NoLeader, e.LearnerRefused, e.DeadlineExceeded, e.MessageTooLarge):
            pass
        else:
            request.key = b""
            if held:
                yield RangeResult(tuple(held), False, count, header)

    # --- pieces ------------------------------------------------------------------------------------------

    async def _pieces(
        self, request: rpc_pb2.RangeRequest, size: int, time: _Time, chart: Chart, header: ResponseHeader
    ) -> AsyncGenerator[RangeResult, None]:
        """The range in pieces, many in one transaction, handed on in the order of their keys."""
        area = (request.key, request.range_end)
        survey = Survey(b"", (), within=area, small=0 < chart.most <= WALK // 2, rows=False, chart=chart, wary=True)
        ready: dict[bytes, list[KeyValue]] = {}
        held: deque[KeyValue] = deque()
        ops, keys = MAX_OPS, size
        while survey.open:
            spans = survey.take(ops, keys)
            try:
                answers = await self._ask(request, spans, keys, time.left)
            except (e.TooManyOps, e.MessageTooLarge) as error:
                if len(spans) == 1 and (keys == 1 or isinstance(error, e.TooManyOps)):
                    raise
                survey.give_back(spans)
                ops = max(1, len(spans) // 2) if len(spans) > 1 else ops
                keys = max(1, keys // 4) if isinstance(error, e.MessageTooLarge) else keys
                continue
            for span, answer in zip(spans, answers, strict=True):
                kvs = convert.key_values(answer.kvs)
                survey.answer(span, [kv.key for kv in kvs], answer.count)
                if kvs:
                    ready[span.start] = list(kvs)
            hole = survey.hole
            for start in sorted(start for start in ready if hole is None or start < hole):
                held.extend(ready.pop(start))
            while len(held) > size:
                yield RangeResult(tuple(held.popleft() for _ in range(size)), True, NOT_COUNTED, header)
        yield RangeResult(tuple(held), False, survey.total if survey.total <= size else NOT_COUNTED, header)

    async def _ask(
        self, request: rpc_pb2.RangeRequest, spans: list[Span], most: int, timeout: float | None
    ) -> list[rpc_pb2.RangeResponse]:
        asked = []
        for span in spans:
            one = rpc_pb2.RangeRequest()
            one.CopyFrom(request)
            one.key, one.range_end, one.limit = span.start, span.end or FROM_KEY, min(span.limit, most)
            asked.append(one)
        if len(asked) == 1:
            return [await self._caller.unary(methods.RANGE, asked[0], timeout=timeout)]
        together = rpc_pb2.TxnRequest(success=[rpc_pb2.RequestOp(request_range=one) for one in asked])
        answer = await self._caller.unary(methods.TXN_READ, together, timeout=timeout)
        return [response.response_range for response in answer.responses]
