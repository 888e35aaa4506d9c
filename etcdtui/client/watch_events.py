"""Watch responses as events, built for throughput: a tail of thousands of events a second runs through here.

The frozen dataclasses' own ``__init__`` goes through ``object.__setattr__`` and costs twice as much as the
slot descriptors used below; the objects are the same frozen ones.
"""

from __future__ import annotations

from collections.abc import Callable

from etcdtui.core.types import Event, EventType, KeyValue, ResponseHeader, WatchBatch
from etcdtui.pb import kv_pb2, rpc_pb2

Setter = Callable[[object, object], None]

_PUT = EventType.PUT
_DELETE = EventType.DELETE


def _setters(cls: type, names: tuple[str, ...]) -> tuple[Setter, ...]:
    return tuple(vars(cls)[name].__set__ for name in names)


_KV_SETTERS = _setters(KeyValue, ("key", "value", "create_revision", "mod_revision", "version", "lease"))
_EVENT_SETTERS = _setters(Event, ("type", "kv", "prev_kv"))
_HEADER_SETTERS = _setters(ResponseHeader, ("cluster_id", "member_id", "revision", "raft_term"))
_BATCH_SETTERS = _setters(WatchBatch, ("revision", "events", "created", "progress", "header"))


def events_of(response: rpc_pb2.WatchResponse, *, prev_kv: bool) -> list[Event]:
    """The events of one response, in order; previous pairs are looked for only when they were asked for."""
    new = object.__new__
    set_key, set_value, set_create, set_mod, set_version, set_lease = _KV_SETTERS
    set_type, set_kv, set_prev = _EVENT_SETTERS
    out = []
    for event in response.events:
        raw = event.kv
        kv = new(KeyValue)
        set_key(kv, raw.key)
        set_value(kv, raw.value)
        set_create(kv, raw.create_revision)
        set_mod(kv, raw.mod_revision)
        set_version(kv, raw.version)
        set_lease(kv, raw.lease)
        built = new(Event)
        set_type(built, _DELETE if event.type else _PUT)
        set_kv(built, kv)
        set_prev(built, _previous(event.prev_kv) if prev_kv and event.HasField("prev_kv") else None)
        out.append(built)
    return out


def _previous(raw: kv_pb2.KeyValue) -> KeyValue:
    return KeyValue(raw.key, raw.value, raw.create_revision, raw.mod_revision, raw.version, raw.lease)


def header_of(response: rpc_pb2.WatchResponse) -> ResponseHeader:
    raw = response.header
    set_cluster, set_member, set_revision, set_term = _HEADER_SETTERS
    header = object.__new__(ResponseHeader)
    set_cluster(header, raw.cluster_id)
    set_member(header, raw.member_id)
    set_revision(header, raw.revision)
    set_term(header, raw.raft_term)
    return header


def batch_of(events: list[Event], response: rpc_pb2.WatchResponse) -> WatchBatch:
    """A batch of at least one event; its revision is that of the last one."""
    set_revision, set_events, set_created, set_progress, set_header = _BATCH_SETTERS
    batch = object.__new__(WatchBatch)
    set_revision(batch, events[-1].kv.mod_revision)
    set_events(batch, tuple(events))
    set_created(batch, False)
    set_progress(batch, False)
    set_header(batch, header_of(response))
    return batch
