"""Watch responses as batches, whose events are built when somebody looks at them.

A tail of hundreds of thousands of events a second runs through here: receiving costs a few fields a response, and only
readers that look at the events pay for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from etcdtui.client._wire.build import make_batch, make_event, make_header, make_key_value
from etcdtui.client._wire.convert import key_value
from etcdtui.core.types import Event, EventType, ResponseHeader, WatchBatch
from etcdtui.pb import kv_pb2, rpc_pb2

_PUT = EventType.PUT
_DELETE = EventType.DELETE

RawEvents = Sequence[kv_pb2.Event]


class Events(Sequence[Event]):
    """The events of a batch: all are built, once, on the first look at one of them; ``len`` and truth build nothing.

    It compares, hashes, prints, adds and pickles as the tuple of them does; a slice is a tuple. ``message`` is the
    response when ``raw`` is all of it, for measuring.
    """

    __slots__ = ("_built", "_count", "_message", "_prev_kv", "_raw")

    def __init__(self, raw: RawEvents, prev_kv: bool, message: rpc_pb2.WatchResponse | None) -> None:
        self._raw = raw
        self._prev_kv = prev_kv
        self._message = message
        self._count = len(raw)
        self._built: tuple[Event, ...] | None = None

    def _all(self) -> tuple[Event, ...]:
        built = self._built
        if built is None:
            built = self._built = _build(self._raw, self._prev_kv)
            self._raw, self._message = (), None
        return built

    def wire_bytes(self) -> int:
        """What the events take on the wire, roughly; of events that nobody has looked at yet."""
        if self._message is not None:
            return self._message.ByteSize()
        return sum(event.ByteSize() for event in self._raw)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Event]:
        return iter(self._all())

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Events):
            return self._all() == other._all()
        return self._all() == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __add__(self, other: Sequence[Event]) -> tuple[Event, ...]:
        return self._all() + tuple(other) if isinstance(other, (tuple, Events)) else NotImplemented

    def __radd__(self, other: tuple[Event, ...]) -> tuple[Event, ...]:
        return other + self._all() if isinstance(other, tuple) else NotImplemented

    def __reduce__(self) -> tuple[type[tuple[Event, ...]], tuple[tuple[Event, ...]]]:
        return tuple, (self._all(),)


def _build(raw: RawEvents, prev_kv: bool) -> tuple[Event, ...]:
    """Previous pairs are looked for only when they were asked for."""
    out = []
    for event in raw:
        kv = event.kv
        out.append(
            make_event(
                _DELETE if event.type else _PUT,
                make_key_value(kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease),
                key_value(event.prev_kv) if prev_kv and event.HasField("prev_kv") else None,
            )
        )
    return tuple(out)


def header_of(response: rpc_pb2.WatchResponse) -> ResponseHeader:
    raw = response.header
    return make_header(raw.cluster_id, raw.member_id, raw.revision, raw.raft_term)


def batch_of(
    raw: RawEvents, revision: int, response: rpc_pb2.WatchResponse, *, prev_kv: bool, whole: bool
) -> WatchBatch:
    """A batch up to ``revision``; ``whole`` when ``raw`` is all that the response carries."""
    header = response.header
    return make_batch(
        revision,
        Events(raw, prev_kv, response if whole else None),
        make_header(header.cluster_id, header.member_id, header.revision, header.raft_term),
    )
