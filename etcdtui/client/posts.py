"""Where the keys of a store lie, learnt from the first bytes of a snapshot: names to cut long ranges at.

A server walks all keys of a range before it answers, and nobody writes meanwhile. So that no request has to walk many,
long ranges are cut at names in between; these come with the leaf pages at the head of ``Maintenance.Snapshot``, of
which little is read before the stream is given up. It costs the server one commit. How many keys there are follows from
how many records there were, and how many of some records are still the newest of their key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from etcdtui.client._transport.calls import Calls
from etcdtui.client._transport.server_streams import messages
from etcdtui.client._wire import methods
from etcdtui.core import errors as e
from etcdtui.core import ranges
from etcdtui.core.chart import LEAST_BYTES_A_KEY, Chart, Part
from etcdtui.core.snapshot_head import SnapshotHead
from etcdtui.core.tasks import background
from etcdtui.pb import rpc_pb2

APART = 800
"""Keys that are to be from one name to the next, about: the part of the file that is read."""
NAMES = 2_000
LEAST_BYTES, MOST_BYTES = 2 * 1024 * 1024, 16 * 1024 * 1024
"""With so many names, or bytes, it is enough of a store where fewer keys are than that."""
JUDGED = 100
"""Records of which it is asked whether they still stand; they fit one transaction."""
SIZE_FOR = 30.0
"""Seconds after which the size of the store is asked for again."""
PATIENCE = 5.0
"""Seconds that the first bytes may take, and all of them."""


class Posts:
    """The chart of one store, or of the part of it below ``prefix``, learnt once and shared by all who read."""

    def __init__(self, caller: Calls, prefix: bytes = b"", above: Posts | None = None) -> None:
        self.chart = Chart()
        self.why_not: e.EtcdError | None = None
        """Why nothing could be learnt: no right to take snapshots, mostly."""
        self._caller = caller
        self._prefix = prefix
        self._above = above
        self._views: dict[bytes, Posts] = {}
        self._learning: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._learnt = False
        self._found: dict[bytes, int] = {}
        self._head = SnapshotHead()
        self._total = 0
        self._standing = 1.0
        """Which part of the records are the newest of a key that is there."""
        self._most = 0
        self._asked_at = float("-inf")

    async def most_keys(self, timeout: float | None = None) -> int:
        """More keys than this cannot be in the store, by the size of one member's database; 0 when it does not tell."""
        if self._above is not None:
            return await self._above.most_keys(timeout)
        now = asyncio.get_running_loop().time()
        if now - self._asked_at > SIZE_FOR:
            try:
                status = await self._caller.unary(methods.STATUS, rpc_pb2.StatusRequest(), timeout=timeout)
                self._most = status.dbSizeInUse // LEAST_BYTES_A_KEY
            except (e.PermissionDenied, e.Unauthenticated, e.NotSupported):
                self._most = 0
            self._asked_at = now
        return self._most

    @property
    def learnt(self) -> bool:
        """Whether all is known that is going to be."""
        return self._learnt if self._above is None else self._above.learnt

    def below(self, prefix: bytes) -> Posts:
        """The same of the keys that start with ``prefix``, without it."""
        if not prefix:
            return self
        if self._above is not None:
            return self._above.below(self._prefix + prefix)
        view = self._views.get(prefix)
        if view is None:
            view = self._views[prefix] = Posts(self._caller, prefix, self)
            view.chart = self.chart.below(prefix)
        return view

    def learn(self, endpoint: str | None = None) -> None:
        """Begin, unless that was done: at one member, or at any."""
        if self._above is not None:
            self._above.learn(endpoint)
        elif self._learning is None:
            self._learning = background(self._learn(endpoint), "where keys lie")

    async def first(self) -> Chart:
        """The chart as soon as there are names in it, or when there will be none."""
        self.learn()
        await (self._begun if self._above is None else self._above._begun).wait()
        return self.chart

    async def all(self, timeout: float | None = None) -> Chart:
        """The chart when all is known that is going to be, or after so many seconds (``None``, 0: no limit)."""
        self.learn()
        task = self._learning if self._above is None else self._above._learning
        if task is not None:
            await asyncio.wait({task}, timeout=timeout or None)
        return self.chart

    def refine(self, low: bytes, high: bytes, met: Sequence[Part]) -> None:
        """All keys of ``[low, high)`` were counted, now or at an earlier time: ``met`` are names in it, in order, with
        how many keys there are from each to the next."""
        if self._above is not None:
            low, high = ranges.below(self._prefix, low, high)
            self._above.refine(low, high, [(self._prefix + name, keys) for name, keys in met])
            return
        self.chart.refine(low, high, met)
        self._show()
        if met:
            self._begun.set()

    async def aclose(self) -> None:
        """Give up what is under way."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.gather(self._learning, return_exceptions=True)

    async def _learn(self, endpoint: str | None) -> None:
        try:
            await self._read(endpoint)
            await self._judge()
        except TimeoutError:
            self.why_not = e.DeadlineExceeded(f"no snapshot began within {PATIENCE:g} s")
        except e.EtcdError as error:
            self.why_not = error
        finally:
            self._share(final=True)
            self._learnt = True
            self._begun.set()

    async def _read(self, endpoint: str | None) -> None:
        request = rpc_pb2.SnapshotRequest()
        async with aclosing(messages(self._caller, methods.SNAPSHOT, request, endpoint=endpoint)) as chunks:
            received = 0
            async with asyncio.timeout(PATIENCE):
                async for chunk in chunks:
                    received += len(chunk.blob)
                    self._total = received + chunk.remaining_bytes
                    news = self._head.feed(chunk.blob)
                    if not chunk.remaining_bytes:
                        news |= self._head.finish()
                    self._take(news)
                    if self._enough() or not chunk.remaining_bytes:
                        break

    async def _judge(self) -> None:
        """See how many of some records are the newest of their key: of all records the same part are keys."""
        some = self._head.some[:: -(-len(self._head.some) // JUDGED) or 1]
        if not some:
            return
        asked = [rpc_pb2.RangeRequest(key=name, keys_only=True) for name, _ in some]
        request = rpc_pb2.TxnRequest(success=[rpc_pb2.RequestOp(request_range=one) for one in asked])
        try:
            answer = await self._caller.unary(methods.TXN_READ, request, timeout=PATIENCE)
        except e.TooManyOps:
            return
        standing = 0
        for (_, revision), response in zip(some, answer.responses, strict=True):
            standing += any(kv.mod_revision == revision for kv in response.response_range.kvs)
        self._standing = (standing + 1) / (len(some) + 1)

    def _take(self, news: dict[bytes, int]) -> None:
        had = len(self._found)
        for name, revision in news.items():
            self._found[name] = max(revision, self._found.get(name, 0))
        if news and (not had or had.bit_length() < len(self._found).bit_length()):
            self._share()
            self._begun.set()

    def _share(self, *, final: bool = False) -> None:
        """Take over what was found; the part of the file that was read has its part of the keys."""
        if self._found and self._head.read:
            records = self._head.records * self._total / self._head.read
            self.chart.draw(self._found, records * self._standing, final=final)
            self._show()

    def _show(self) -> None:
        for prefix, view in self._views.items():
            view.chart = self.chart.below(prefix)

    def _enough(self) -> bool:
        read = self._head.read
        if read >= MOST_BYTES:
            return True
        return read * APART >= self._total and (len(self._found) >= NAMES or read >= LEAST_BYTES)
