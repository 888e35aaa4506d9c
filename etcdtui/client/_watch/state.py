"""What a watcher knows and decides, without any I/O.

A ``Cursor`` is one watcher: where it resumes, and what it holds back of a response that came in fragments. A
``Ledger`` is one stream: which create is answered next, which id is whose.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Generic, TypeVar

from etcdtui.client._watch.events import RawEvents, batch_of
from etcdtui.client._wire.grpc_errors import to_error
from etcdtui.core import errors
from etcdtui.core.types import WatchBatch
from etcdtui.core.value import Value
from etcdtui.pb import kv_pb2, rpc_pb2

NO_WATCHER = -1
"""The id of a refused create, and of an answer that is meant for the whole stream."""

FRAGMENT_HOLD_BYTES = 16 * 1024 * 1024
"""A fragmented response is put together up to this size; above it, whole revisions are handed over as they come."""

Owner = TypeVar("Owner")

CreateRequest = rpc_pb2.WatchCreateRequest


def cancel_error(response: rpc_pb2.WatchResponse, *, endpoint: str = "") -> errors.EtcdError:
    """Why the server ended a watcher; the reasons come wrapped by Go, and none at all comes with a compaction."""
    if response.compact_revision > 0:
        return errors.Compacted(compact_revision=response.compact_revision, endpoint=endpoint)
    if not response.cancel_reason:
        return errors.WatchCancelled("it gave no reason", endpoint=endpoint)
    error = to_error(response.cancel_reason, endpoint=endpoint)
    if isinstance(error, errors.ServerError):
        return errors.WatchCancelled(error.message, endpoint=endpoint, code=error.code)
    return error


def _revision(event: kv_pb2.Event) -> int:
    return event.kv.mod_revision


class WatchSpec(Value):
    """What a watcher asked for; ``start_revision`` 0 is "from now".

    ``fragment`` bounds the size of a message, but a server needs seconds for it where there are many small events: it
    measures the whole message again for each of them. Watchers of one ``lane`` share streams with each other only.
    """

    key: bytes
    range_end: bytes = b""
    start_revision: int = 0
    prev_kv: bool = False
    progress_notify: bool = False
    no_put: bool = False
    no_delete: bool = False
    created_notify: bool = False
    link_notify: bool = False
    require_leader: bool = False
    fragment: bool = False
    lane: str = ""


class Cursor:
    """One watcher's place in history: ``next`` is the first revision not yet handed over (0 until "now" is known)."""

    __slots__ = ("_held", "_held_bytes", "next", "spec", "step_back")

    def __init__(self, spec: WatchSpec) -> None:
        self.spec = spec
        self.next = spec.start_revision
        self.step_back = spec.progress_notify
        self._held: list[kv_pb2.Event] = []
        self._held_bytes = 0

    def create_request(self, watch_id: int = 0) -> rpc_pb2.WatchRequest:
        """The create that resumes here, under an id of our choice (0: the server's).

        Progress is always asked for (it keeps the resume revision of an idle watcher above compactions); what is handed
        over of it is another matter. ``step_back``
        begins one revision earlier and drops what is known: a server from 3.5.8 on answers no request for progress
        while a watcher on the stream begins above its current revision.
        """
        spec = self.spec
        filters = [CreateRequest.NOPUT] * spec.no_put + [CreateRequest.NODELETE] * spec.no_delete
        self.drop_fragments()
        return rpc_pb2.WatchRequest(
            create_request=CreateRequest(
                key=spec.key,
                range_end=spec.range_end,
                start_revision=self.next - 1 if self.step_back and self.next > 1 else self.next,
                progress_notify=True,
                filters=filters,
                prev_kv=spec.prev_kv,
                watch_id=watch_id,
                fragment=spec.fragment,
            )
        )

    def drop_fragments(self) -> None:
        """Forget what came of a revision that was not completed: it will come again."""
        self._held = []
        self._held_bytes = 0

    def progressed(self, revision: int) -> None:
        """The server told this watcher alone that it has seen everything up to ``revision``."""
        self.next = max(self.next, revision + 1)

    def accept(self, response: rpc_pb2.WatchResponse) -> WatchBatch | None:
        """Whole revisions ready to be handed over, or nothing yet; moves ``next`` past them."""
        arrived = response.events
        raw: RawEvents = arrived
        if self._held or response.fragment:
            raw = self._whole_revisions(raw, response)
            if not raw:
                return None
        last = raw[-1].kv.mod_revision
        if (raw[0].kv.mod_revision if len(raw) > 1 else last) < self.next:
            if last < self.next:
                return None
            raw = raw[bisect_left(raw, self.next, key=_revision) :]
        self.next = last + 1
        return batch_of(raw, last, response, prev_kv=self.spec.prev_kv, whole=raw is arrived)

    def _whole_revisions(self, raw: RawEvents, response: rpc_pb2.WatchResponse) -> RawEvents:
        held = self._held
        held.extend(raw)
        if not response.fragment:
            self.drop_fragments()
            return held
        self._held_bytes += response.ByteSize()
        if self._held_bytes <= FRAGMENT_HOLD_BYTES:
            return ()
        last = held[-1].kv.mod_revision
        cut = len(held)
        while cut and held[cut - 1].kv.mod_revision == last:
            cut -= 1
        self._held = held[cut:]
        self._held_bytes = 0
        return held[:cut]


class Ledger(Generic[Owner]):
    """Whose answer is whose on one stream.

    Creates are answered in the order they were sent, and a refused one carries an id that means nothing (-1, or 0 on
    etcd 3.4.0-3.4.21 and 3.5.0-3.5.5): answers are matched by order, never by id. The ids are ours all the same: those
    versions, when they refuse a create that left the id to them, stop sending to the watcher that has id 0.

    An answer about progress that is meant for the whole stream says nothing of a watcher created after it was asked
    for, and it may come behind the answer to that create: the server sends creations on one channel, events and
    progress on another, and takes from both as it likes (etcd 3.7.1, server/etcdserver/api/v3rpc/watch.go, sendLoop).
    Such a watcher is told of it only when it was asked for later, or when something of the watcher's own came before.
    """

    def __init__(self) -> None:
        self.live: dict[int, Owner] = {}
        self._pending: deque[tuple[Owner | None, int]] = deque()
        self._last_id = 0
        self._asked = 0
        self._told = 0
        self.late: dict[int, int] = {}
        """How many requests for progress were sent before each watcher's create, until something came for it alone."""

    @property
    def unanswered(self) -> int:
        return len(self._pending)

    def asked(self, owner: Owner) -> int:
        """A create is about to be sent; returns the id to ask for."""
        self._pending.append((owner, self._asked))
        self._last_id += 1
        return self._last_id

    def answered(self, response: rpc_pb2.WatchResponse) -> Owner | None:
        """The owner of a created answer, registered unless it was refused; ``None`` when it went away meanwhile."""
        if not self._pending:
            return None
        owner, asked_before = self._pending.popleft()
        if owner is not None and not response.canceled:
            self.live[response.watch_id] = owner
            if asked_before:
                self.late[response.watch_id] = asked_before
        return owner

    def progress_asked(self) -> None:
        """A request for the progress of the whole stream is about to be sent."""
        self._asked += 1

    def heard(self, watch_id: int) -> None:
        """Something came for this watcher alone: what was asked for before its creation has been answered by now."""
        self.late.pop(watch_id, None)

    def told(self) -> list[Owner]:
        """Whom an answer for the whole stream concerns.

        A server answers in order, and no request twice: the n-th answer belongs to the n-th request or a later one.
        """
        self._told += 1
        late = self.late
        return [owner for watch_id, owner in self.live.items() if late.get(watch_id, 0) < self._told]

    def ended(self, watch_id: int) -> Owner | None:
        """Whose watch a cancel answer ends; ``None`` for one that was cancelled from here."""
        self.late.pop(watch_id, None)
        return self.live.pop(watch_id, None)

    def leave(self, owner: Owner) -> int | None:
        """Forget an owner; returns the id to cancel on the server, if it has one already."""
        for watch_id, other in self.live.items():
            if other is owner:
                self.ended(watch_id)
                return watch_id
        for place, (waiting, asked_before) in enumerate(self._pending):
            if waiting is owner:
                self._pending[place] = (None, asked_before)
                break
        return None
