"""The events of a batch behave as their tuple, built on the first look."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Sequence

import pytest

from etcdtui.client._watch.buffer import EVENT_OVERHEAD, BatchBuffer, batch_bytes
from etcdtui.client._watch.events import Events
from etcdtui.client._watch.state import Cursor, WatchSpec
from etcdtui.client._wire.build import make_key_value
from etcdtui.core.types import Event, EventType, KeyValue, ResponseHeader, WatchBatch
from etcdtui.pb import kv_pb2, rpc_pb2

EXPECTED = (
    Event(EventType.PUT, KeyValue(b"a", b"1", 4, 5, 2, 9), KeyValue(b"a", b"0", 4, 4, 1, 0)),
    Event(EventType.DELETE, KeyValue(b"b", b"", 0, 6, 0, 0)),
)


def batch(*, prev_kv: bool = True, start: int = 5) -> WatchBatch:
    put = kv_pb2.KeyValue(key=b"a", value=b"1", create_revision=4, mod_revision=5, version=2, lease=9)
    before = kv_pb2.KeyValue(key=b"a", value=b"0", create_revision=4, mod_revision=4, version=1)
    gone = kv_pb2.KeyValue(key=b"b", mod_revision=6)
    message = rpc_pb2.WatchResponse(
        header=rpc_pb2.ResponseHeader(cluster_id=2**63 + 1, member_id=2, revision=7, raft_term=3),
        events=[kv_pb2.Event(kv=put, prev_kv=before), kv_pb2.Event(type=kv_pb2.Event.DELETE, kv=gone)],
    )
    found = Cursor(WatchSpec(b"a", b"c", start_revision=start, prev_kv=prev_kv)).accept(message)
    assert found is not None
    return found


def test_they_are_equal_to_their_tuple_on_both_sides() -> None:
    got = batch().events
    wanted: Sequence[Event] = EXPECTED
    assert wanted == got  # a tuple leaves the answer to the other side
    assert got == wanted and got == batch().events
    shorter: tuple[Sequence[Event], Sequence[Event]] = (EXPECTED[:1], list(EXPECTED))
    assert all(got != other for other in shorter)
    assert (hash(got), repr(got)) == (hash(EXPECTED), repr(EXPECTED))
    assert batch() == WatchBatch(6, EXPECTED, header=ResponseHeader(2**63 + 1, 2, 7, 3))
    assert hash(batch()) == hash(WatchBatch(6, EXPECTED, header=ResponseHeader(2**63 + 1, 2, 7, 3)))


def test_they_are_indexed_sliced_added_and_searched_as_a_tuple() -> None:
    got = batch().events
    assert (len(got), bool(got), got[0], got[-1], got[:1]) == (2, True, EXPECTED[0], EXPECTED[1], EXPECTED[:1])
    assert isinstance(got, Events)
    assert (got + EXPECTED, EXPECTED + got, got + got) == (EXPECTED * 2,) * 3
    assert EXPECTED[1] in got and got.index(EXPECTED[1]) == 1 and list(reversed(got)) == [*reversed(EXPECTED)]
    with pytest.raises(IndexError):
        got[2]
    with pytest.raises(TypeError):
        got[0] = EXPECTED[1]  # type: ignore[index]  # that it is refused is what is tested


def test_the_same_objects_come_each_time_and_none_for_the_length() -> None:
    got = batch().events
    assert isinstance(got, Events)
    size = got.wire_bytes()
    assert len(got) == 2 and size > 0 and got.wire_bytes() == size
    assert got[0] is got[0] and next(iter(got)) is got[0]


def test_a_batch_is_copied_and_pickled() -> None:
    assert pickle.loads(pickle.dumps(batch())) == batch() == copy.deepcopy(batch())


def test_previous_pairs_only_where_asked_for_and_what_is_known_is_dropped() -> None:
    assert batch(prev_kv=False).events[0].prev_kv is None
    late = batch(start=6)
    assert (late.revision, late.events) == (6, EXPECTED[1:])
    assert EVENT_OVERHEAD < batch_bytes(batch(start=6)) < batch_bytes(batch())


async def test_a_buffer_counts_events_without_building_them() -> None:
    buffer = BatchBuffer(max_events=4)
    assert [buffer.offer(batch()) for _ in range(3)] == [True, True, False]
    assert len((await buffer.take()).events) == 2
    assert buffer.offer(batch())


def test_quickly_made_values_are_the_frozen_ones() -> None:
    made, plain = make_key_value(b"k", b"v", 1, 2, 3, 4), KeyValue(b"k", b"v", 1, 2, 3, 4)
    assert type(made) is KeyValue and made == plain and hash(made) == hash(plain) and repr(made) == repr(plain)
    assert dataclasses.replace(made, lease=0) == dataclasses.replace(plain, lease=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.lease = 1  # type: ignore[misc]  # that it is refused is what is tested
