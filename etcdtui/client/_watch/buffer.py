"""What one watcher has received and its reader has not taken yet: bounded, and ended by a typed cause."""

from __future__ import annotations

from etcdtui.client._transport.inbox import Inbox
from etcdtui.client._watch.events import Events
from etcdtui.core.errors import EtcdError
from etcdtui.core.types import WatchBatch

BUFFER_EVENTS = 65_536
BUFFER_BYTES = 64 * 1024 * 1024
EVENT_OVERHEAD = 256
"""Bytes an event costs beside its keys and values, roughly."""


def batch_bytes(batch: WatchBatch) -> int:
    events = batch.events
    return EVENT_OVERHEAD * len(events) + (events.wire_bytes() if isinstance(events, Events) else 0)


class BatchBuffer:
    """A queue of batches for one reader.

    An empty buffer takes any batch, unmeasured: what is held is at most the limits plus one batch.
    """

    def __init__(self, max_events: int = BUFFER_EVENTS, max_bytes: int = BUFFER_BYTES) -> None:
        if max_events < 1 or max_bytes < 1:
            raise ValueError("a watch buffer needs room for at least one event and one byte")
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._inbox: Inbox[tuple[WatchBatch, int, int]] = Inbox()
        self._batches = 0
        self._events = 0
        self._bytes = 0

    @property
    def finished(self) -> bool:
        """Whether nothing more will come in (what is queued can still be taken)."""
        return self._inbox.finished

    def offer(self, batch: WatchBatch) -> bool:
        """Queue a batch; ``False`` when it does not fit. After the end it is dropped silently."""
        count, size = len(batch.events), 0
        if self._batches:
            size = batch_bytes(batch)
            if self._events + count > self._max_events or self._bytes + size > self._max_bytes:
                return False
        if self._inbox.put((batch, count, size)):
            self._batches += 1
            self._events += count
            self._bytes += size
        return True

    def finish(self, cause: EtcdError | None, *, discard: bool = False) -> None:
        """Nothing more comes: the reader gets what is queued (unless discarded), then ``cause`` or a plain end."""
        self._inbox.finish(cause, discard=discard)
        if discard:
            self._batches = self._events = self._bytes = 0

    async def take(self) -> WatchBatch:
        """The next batch; at the end raises the cause, every time, or ``StopAsyncIteration``."""
        batch, count, size = await self._inbox.take()
        self._batches -= 1
        self._events -= count
        self._bytes -= size
        return batch
