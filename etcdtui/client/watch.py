"""Watching keys: ``client.watch(...)`` gives a ``Watcher``, all watchers of a client share few streams.

What a watcher promises: every change from its start on, once, in order, whole revisions at a time, across restarts of
servers and moves between them; or a typed end. The ends: ``Compacted``, ``PermissionDenied``, ``NoLeader`` (only with
``require_leader``, after every endpoint said so and an election's time passed, 4 to 5 s), ``MessageTooLarge``,
``WatchOverflow`` (the reader was too slow), ``WatchCancelled``, ``ClosedError`` (the client was closed); leaving
the ``async with`` block ends the iteration quietly. Once begun, endpoints that do not answer are waited for without
limit.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from types import TracebackType

from etcdtui.client._transport.calls import Calls
from etcdtui.client._watch.buffer import BUFFER_BYTES, BUFFER_EVENTS, BatchBuffer
from etcdtui.client._watch.state import Cursor, WatchSpec
from etcdtui.client._watch.stream import Link, Subscription, WatchStream
from etcdtui.client._wire.convert import KeyLike
from etcdtui.client._wire.methods import RANGE
from etcdtui.client._wire.ranges import key_range, whole
from etcdtui.client.options import MAX_MESSAGE
from etcdtui.core import errors
from etcdtui.core.tasks import background
from etcdtui.core.types import WatchBatch
from etcdtui.pb import rpc_pb2

START_TIMEOUT = 2.0
"""Seconds entering a watcher whose start is known waits for its creation; after that it goes on in the background."""

PROGRESS_TIMEOUT = 5.0
PROGRESS_REPEAT = 0.1
PROGRESS_ALONE_AFTER = 0.2
"""Seconds without an answer after which a watcher that wants progress gets a stream of its own: a server keeps
silent while any watcher of the stream is behind or begins above the current revision."""


class Watcher:
    """An async context manager and an async iterator of ``WatchBatch``.

    On entry "from now" (``start_revision`` 0) is fixed: what is written after ``async with`` began its body is seen.
    When no server says within ``timeout`` which revision is now, entering raises ``DeadlineExceeded``.
    One task reads at a time. Cancelling a read, as ``asyncio.wait_for`` does, loses nothing.
    """

    def __init__(self, hub: WatchHub, spec: WatchSpec, buffer: BatchBuffer, timeout: float | None = None) -> None:
        self._hub = hub
        self._buffer = buffer
        self._timeout = timeout
        self._subscription = Subscription(Cursor(spec), buffer)
        self._entered = False

    @property
    def next_revision(self) -> int:
        """The first revision not received yet, never 0 inside the block; what is received may still be unread."""
        return self._subscription.cursor.next

    @property
    def link(self) -> Link:
        """How the watcher is connected now, and if it is not, why and what comes next."""
        stream = self._subscription.stream
        return Link() if stream is None else stream.link(self._subscription.up)

    async def __aenter__(self) -> Watcher:
        if self._entered:
            raise RuntimeError("a watcher is entered once; call watch() again")
        self._entered = True
        try:
            await self._hub.start(self._subscription, self._timeout)
        except BaseException:
            self.close()  # nobody will leave a block that was not entered
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Watcher:
        return self

    def __anext__(self) -> Coroutine[object, object, WatchBatch]:
        if not self._entered:
            raise RuntimeError("use the watcher as: async with client.watch(...) as watcher")
        return self._buffer.take()

    def close(self) -> None:
        """End the watch now; what is unread is dropped and a waiting reader is released."""
        self._subscription.end(None, discard=True)
        self._hub.leave(self._subscription)

    def ask_progress(self) -> None:
        """Ask once how far the server is; the answer, if one comes, is a batch for those with ``progress_notify``."""
        self._hub.ask_progress(self._subscription, alone=False)

    async def progress(self, timeout: float = PROGRESS_TIMEOUT) -> int:
        """The revision up to which everything was received; also comes as a batch with ``progress`` set.

        Asks again and again, as a server may not answer; ``DeadlineExceeded`` when none came within ``timeout``
        seconds. Servers before 3.4.25 and 3.5.8 answer too early: their word is believed when no event has come for
        0.3 s.
        """
        subscription = self._subscription
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        subscription.progress_waiters.add(answer)
        began = loop.time()
        try:
            async with asyncio.timeout(timeout):
                while not answer.done() and not self._buffer.finished:
                    await subscription.registered.wait()
                    self._hub.ask_progress(subscription, alone=loop.time() - began >= PROGRESS_ALONE_AFTER)
                    await asyncio.wait((answer,), timeout=PROGRESS_REPEAT)
                if not answer.done():
                    raise errors.WatchCancelled("the watch is over")
                return answer.result()
        except TimeoutError:
            raise errors.DeadlineExceeded(f"the server did not tell its progress within {timeout:g} s") from None
        finally:
            subscription.progress_waiters.discard(answer)
            if answer.done() and not answer.cancelled():
                answer.exception()


class WatchHub:
    """All watchers of one client and the streams they share: one for those that require a leader, one for the rest,
    of every lane, and further ones for watchers that need a new login or a stream to themselves."""

    def __init__(self, caller: Calls) -> None:
        self._caller = caller
        self._shared: dict[tuple[bool, str], WatchStream] = {}
        self._tasks: dict[WatchStream, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def watch(
        self,
        key: KeyLike,
        *,
        range_end: KeyLike | None = None,
        prefix: bool = False,
        from_key: bool = False,
        start_revision: int = 0,
        prev_kv: bool = False,
        progress_notify: bool = False,
        no_put: bool = False,
        no_delete: bool = False,
        created_notify: bool = False,
        link_notify: bool = False,
        require_leader: bool = False,
        lane: str = "",
        buffer_events: int = BUFFER_EVENTS,
        buffer_bytes: int = BUFFER_BYTES,
        timeout: float | None = None,
    ) -> Watcher:
        """Watch a key or a range: ``async with client.watch(...) as watcher``, ``async for batch in watcher``.

        ``start_revision`` 0 is from now. ``no_put`` and ``no_delete`` leave out those events. ``progress_notify``,
        ``created_notify`` and ``link_notify`` (each loss of the stream, and each creation) add batches without events.
        ``require_leader`` ends the watch when the cluster has no leader. Watchers with a ``lane`` share a stream with
        those of the same lane only: one that is flooded does not hold up the others.
        A reader that lets more than ``buffer_events`` or ``buffer_bytes`` pile up gets those and then
        ``WatchOverflow``. ``timeout`` bounds entering the block (seconds; ``None`` is the command timeout, 0 no limit):
        a watch from now that learns of no revision by then is ``DeadlineExceeded``, one from a given revision goes on
        in the background.
        """
        start, end = key_range(key, range_end, prefix, from_key)
        spec = WatchSpec(
            key=start,
            range_end=end,
            start_revision=whole("start_revision", start_revision),
            prev_kv=prev_kv,
            progress_notify=progress_notify,
            no_put=no_put,
            no_delete=no_delete,
            created_notify=created_notify,
            link_notify=link_notify,
            require_leader=require_leader,
            lane=lane,
            fragment=self._caller.options.max_recv_bytes < MAX_MESSAGE,
        )
        return Watcher(self, spec, BatchBuffer(buffer_events, buffer_bytes), timeout)

    async def start(self, subscription: Subscription, timeout: float | None = None) -> None:
        """Fix where the watcher begins and put it on a stream; refusals of the watch itself come from its iteration."""
        limit = self._caller.options.command_timeout if timeout is None else timeout
        loop = asyncio.get_running_loop()
        until = loop.time() + (limit or math.inf)
        cursor = subscription.cursor
        if cursor.next == 0:
            try:
                cursor.next = await self._now(cursor.spec, limit)
            except (errors.DeadlineExceeded, errors.ClosedError):
                raise
            except errors.EtcdError as error:
                if isinstance(error, errors.Unavailable) and not isinstance(error, errors.TlsError):
                    raise
                subscription.end(error)
        if subscription.buffer.finished:
            return
        if self._closed:
            raise errors.ClosedError()
        self._attach(subscription)
        try:
            async with asyncio.timeout_at(min(until, loop.time() + START_TIMEOUT)):
                await subscription.registered.wait()
        except TimeoutError:
            pass

    async def _now(self, spec: WatchSpec, limit: float) -> int:
        """The first revision after now, from a cheap linearizable read.

        The server's word at the creation of a watcher would not do: writes may come before that.
        """
        request = rpc_pb2.RangeRequest(key=spec.key, count_only=True)
        try:
            answer = await self._caller.unary(RANGE, request, timeout=limit, require_leader=True)
        except errors.DeadlineExceeded as error:
            if spec.require_leader and isinstance(error.__cause__, errors.NoLeader):
                raise error.__cause__ from None
            raise
        return answer.header.revision + 1

    def _attach(self, subscription: Subscription) -> None:
        spec = subscription.cursor.spec
        place = spec.require_leader, spec.lane
        stream = self._shared.get(place)
        if stream is not None and stream.stale:
            stream = stream.replacement if stream.replacement in self._tasks else None
        if stream is None:
            stream = self._open(*place)
        self._shared[place] = stream
        stream.attach(subscription)

    def _open(
        self, require_leader: bool, lane: str, *, fresh_token: bool = False, replaces: WatchStream | None = None
    ) -> WatchStream:
        stream = WatchStream(
            self._caller, self, require_leader=require_leader, lane=lane, fresh_token=fresh_token, replaces=replaces
        )
        task = background(self._keep(stream), "etcd watch stream")
        self._tasks[stream] = task
        return stream

    async def _keep(self, stream: WatchStream) -> None:
        await asyncio.sleep(0)  # lets whoever opened the stream put its watcher on
        try:
            await stream.run()
        finally:
            stream.end_all(errors.WatchCancelled("the watch stream ended unexpectedly"))
            self._forget(stream)

    def endpoints_in_use(self) -> tuple[str, ...]:
        """Where the open streams are, one entry per stream."""
        return tuple(stream.endpoint for stream in self._tasks if stream.endpoint)

    def leave(self, subscription: Subscription) -> None:
        if subscription.stream is not None:
            subscription.stream.detach(subscription)

    def ask_progress(self, subscription: Subscription, *, alone: bool) -> None:
        """Ask the server once; ``alone``: on a stream of the watcher's own, where it does not begin in the future."""
        stream = subscription.stream
        if stream is None:
            return
        alone = alone and not stream.hasty  # those never keep silent
        if alone and not (subscription.cursor.step_back and len(stream.subscriptions) == 1):
            subscription.cursor.step_back = True
            self.isolate(subscription)
        else:
            stream.request_progress()

    def relogin(self, subscription: Subscription, refused_by: WatchStream) -> None:
        """Move a watcher whose token was refused to a stream opened with a new one; all refused ones share it."""
        target = refused_by.replacement
        if target is None or target not in self._tasks:
            target = self._open(refused_by.require_leader, refused_by.lane, fresh_token=True, replaces=refused_by)
            refused_by.replacement = target
        refused_by.detach(subscription)
        target.attach(subscription)
        self._shared.setdefault((refused_by.require_leader, refused_by.lane), target)

    def isolate(self, subscription: Subscription) -> None:
        """Move a watcher to a stream of its own; it resumes where it was."""
        stream = self._open(subscription.cursor.spec.require_leader, subscription.cursor.spec.lane)
        self.leave(subscription)
        stream.attach(subscription)

    def emptied(self, stream: WatchStream) -> None:
        task = self._tasks.get(stream)
        self._forget(stream)
        if task is not None and not task.done():
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            task.cancel()

    def _forget(self, stream: WatchStream) -> None:
        self._tasks.pop(stream, None)
        place = stream.require_leader, stream.lane
        if self._shared.get(place) is stream:
            del self._shared[place]

    async def aclose(self) -> None:
        """End all watchers with ``ClosedError`` and wait until their streams are gone."""
        self._closed = True
        for stream in list(self._tasks):
            stream.end_all(errors.ClosedError())
        tasks = [*self._tasks.values(), *self._ending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
