"""Constructors of the frozen values that come by the million, three times as fast as the dataclasses' own.

A frozen dataclass sets each field through ``object.__setattr__``. Here the object begins as a writable one with the
same slots and becomes a frozen one with its last assignment; what comes out is in no way different.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from etcdtui.core.types import Event, EventType, KeyValue, ResponseHeader, WatchBatch


class _KeyValue:
    __slots__ = KeyValue.__match_args__

    def __init__(
        self, key: bytes, value: bytes, create_revision: int, mod_revision: int, version: int, lease: int
    ) -> None:
        self.key = key
        self.value = value
        self.create_revision = create_revision
        self.mod_revision = mod_revision
        self.version = version
        self.lease = lease
        self.__class__ = KeyValue  # type: ignore[assignment]  # equal slots make the change of class possible


class _Event:
    __slots__ = Event.__match_args__

    def __init__(self, kind: EventType, kv: KeyValue, prev_kv: KeyValue | None) -> None:
        self.type = kind
        self.kv = kv
        self.prev_kv = prev_kv
        self.__class__ = Event  # type: ignore[assignment]  # equal slots make the change of class possible


class _ResponseHeader:
    __slots__ = ResponseHeader.__match_args__

    def __init__(self, cluster_id: int, member_id: int, revision: int, raft_term: int) -> None:
        self.cluster_id = cluster_id
        self.member_id = member_id
        self.revision = revision
        self.raft_term = raft_term
        self.__class__ = ResponseHeader  # type: ignore[assignment]  # equal slots make the change of class possible


class _WatchBatch:
    __slots__ = WatchBatch.__match_args__

    def __init__(self, revision: int, events: Sequence[Event], header: ResponseHeader) -> None:
        self.revision = revision
        self.events = events
        self.created = False
        self.progress = False
        self.header = header
        self.lost = None
        self.__class__ = WatchBatch  # type: ignore[assignment]  # equal slots make the change of class possible


make_key_value = cast(Callable[[bytes, bytes, int, int, int, int], KeyValue], _KeyValue)
make_event = cast(Callable[[EventType, KeyValue, KeyValue | None], Event], _Event)
make_header = cast(Callable[[int, int, int, int], ResponseHeader], _ResponseHeader)
make_batch = cast(Callable[[int, Sequence[Event], ResponseHeader], WatchBatch], _WatchBatch)
"""A batch of events; notices are rare and use ``WatchBatch`` itself."""
