"""The history of a file as a watch: events are replayed as they happened, then nothing comes any more.

Relied on of etcd: all events of one revision come in one message; a watch that begins below the compacted revision is
cancelled and told which it is; an answer about progress comes behind the events that were due.
"""

from __future__ import annotations

import asyncio
from collections import deque

from etcdtui.client.offline.answers import Answers
from etcdtui.client.offline.revisions import NO_RECORD, Revisions
from etcdtui.core import errors as e
from etcdtui.pb import kv_pb2, rpc_pb2

MOST_EVENTS = 1000
"""Events in one message, unless one revision alone has more."""
MOST_BYTES = 1024 * 1024
LOOKED_AT = 5_000
"""Records looked at before others have their turn."""
NO_WATCHER = -1


class _Watcher:
    def __init__(self, request: rpc_pb2.WatchCreateRequest, watch_id: int, first: int) -> None:
        self.id = watch_id
        self.key, self.end = request.key, request.range_end
        self.wants_prev = request.prev_kv
        self.unwanted = frozenset(request.filters)
        self.next = first

    def wants(self, name: bytes) -> bool:
        if not self.end:
            return name == self.key
        return name >= self.key and (self.end == b"\0" or name < self.end)


class HistoryStream:
    """One watch stream over a file, with the face of ``_transport.calls.StreamCall``."""

    hasty = False

    def __init__(self, answers: Answers, revisions: Revisions, endpoint: str) -> None:
        self.endpoint = endpoint
        self._answers = answers
        self._revisions = revisions
        self._watchers: dict[int, _Watcher] = {}
        self._told: deque[rpc_pb2.WatchResponse] = deque()
        self._progress_asked = False
        self.ended = False
        self._wake = asyncio.Event()

    async def write(self, request: rpc_pb2.WatchRequest) -> None:
        if self.ended:
            raise e.ClosedError(endpoint=self.endpoint)
        kind = request.WhichOneof("request_union")
        if kind == "create_request":
            self._create(request.create_request)
        elif kind == "cancel_request":
            watch_id = request.cancel_request.watch_id
            if self._watchers.pop(watch_id, None) is not None:
                self._tell(watch_id, canceled=True)
        elif kind == "progress_request":
            self._progress_asked = True
        self._wake.set()

    async def done_writing(self) -> None:
        """The watchers that there are go on."""

    def cancel(self) -> None:
        self.ended = True
        self._wake.set()

    async def read(self) -> rpc_pb2.WatchResponse | None:
        """The next message; waits for ever when all history was told, as a cluster without writers would."""
        while True:
            if self.ended:
                raise e.ClosedError(endpoint=self.endpoint)
            if self._told:
                return self._told.popleft()
            behind = next((one for one in self._watchers.values() if one.next < len(self._revisions)), None)
            if behind is not None:
                await asyncio.sleep(0)  # a long history holds up nobody
                if message := self._replayed(behind):
                    return message
                continue
            if self._progress_asked:
                self._progress_asked = False
                return rpc_pb2.WatchResponse(header=self._answers.header, watch_id=NO_WATCHER)
            self._wake.clear()
            await self._wake.wait()

    def _create(self, request: rpc_pb2.WatchCreateRequest) -> None:
        taken = request.watch_id in self._watchers
        watch_id = request.watch_id if request.watch_id or not taken else max(self._watchers) + 1
        self._told.append(rpc_pb2.WatchResponse(header=self._answers.header, watch_id=watch_id, created=True))
        start = request.start_revision
        if 0 < start < self._answers.compacted:
            self._tell(watch_id, canceled=True, compact=self._answers.compacted)
            return
        first = self._revisions.since(start) if start > 0 else len(self._revisions)
        self._watchers[watch_id] = _Watcher(request, watch_id, first)

    def _tell(self, watch_id: int, *, canceled: bool, compact: int = 0) -> None:
        self._told.append(
            rpc_pb2.WatchResponse(
                header=self._answers.header, watch_id=watch_id, canceled=canceled, compact_revision=compact
            )
        )

    def _replayed(self, watcher: _Watcher) -> rpc_pb2.WatchResponse | None:
        """The watcher's next events; ``None`` when those that were looked at are none of its own."""
        # whoever was asked goes to the back of the line
        self._watchers[watcher.id] = self._watchers.pop(watcher.id)
        message = rpc_pb2.WatchResponse(header=self._answers.header, watch_id=watcher.id)
        mains = self._revisions.mains
        size, revision = 0, 0
        until = min(len(self._revisions), watcher.next + LOOKED_AT)
        number = watcher.next
        while number < len(self._revisions):
            fresh = mains[number] != revision
            if fresh and (number >= until or len(message.events) >= MOST_EVENTS or size >= MOST_BYTES):
                break
            revision = mains[number]
            event = self._event(watcher, number)
            if event is not None:
                message.events.append(event)
                size += self._revisions.sizes[number]
            number += 1
        watcher.next = number
        return message if message.events else None

    def _event(self, watcher: _Watcher, number: int) -> kv_pb2.Event | None:
        revisions = self._revisions
        tombstone = bool(revisions.tombstones[number])
        kinds = rpc_pb2.WatchCreateRequest
        if (kinds.NODELETE if tombstone else kinds.NOPUT) in watcher.unwanted:
            return None
        if not watcher.wants(revisions.name(number)):
            return None
        kv = self._answers.kv(number)
        event = kv_pb2.Event(type=kv_pb2.Event.DELETE if tombstone else kv_pb2.Event.PUT, kv=kv)
        before = revisions.before[number]
        if watcher.wants_prev and before != NO_RECORD and not revisions.tombstones[before]:
            event.prev_kv.CopyFrom(self._answers.kv(before))
        return event
