"""What a watcher decides, without a server."""

from __future__ import annotations

import pytest

from etcdtui.client._transport.stream_policy import NO_LEADER_PATIENCE, Backoff, Trouble, Verdict, verdict
from etcdtui.client._watch.state import FRAGMENT_HOLD_BYTES, Cursor, Ledger, WatchSpec, cancel_error
from etcdtui.core import errors
from etcdtui.pb import kv_pb2, rpc_pb2


def response(*revisions: int, fragment: bool = False, size: int = 1) -> rpc_pb2.WatchResponse:
    events = [kv_pb2.Event(kv=kv_pb2.KeyValue(key=b"k", value=b"v" * size, mod_revision=r)) for r in revisions]
    return rpc_pb2.WatchResponse(header=rpc_pb2.ResponseHeader(revision=100), events=events, fragment=fragment)


def test_fragments_are_put_together_and_resume_before_the_unfinished_revision() -> None:
    cursor = Cursor(WatchSpec(b"k", start_revision=5))
    assert cursor.accept(response(5, 6, fragment=True)) is None
    assert cursor.next == 5
    batch = cursor.accept(response(6, 7))
    assert batch is not None
    assert [event.kv.mod_revision for event in batch.events] == [5, 6, 6, 7]
    assert (batch.revision, cursor.next) == (7, 8)


def test_a_lost_stream_drops_half_a_revision_and_asks_for_it_again() -> None:
    cursor = Cursor(WatchSpec(b"k", start_revision=5))
    cursor.accept(response(5, 6, fragment=True))
    assert cursor.create_request().create_request.start_revision == 5
    batch = cursor.accept(response(5, 6))
    assert batch is not None
    assert len(batch.events) == 2


def test_a_huge_fragmented_answer_is_handed_over_in_whole_revisions() -> None:
    cursor = Cursor(WatchSpec(b"k", start_revision=1))
    batch = cursor.accept(response(1, 2, 2, fragment=True, size=FRAGMENT_HOLD_BYTES // 2))
    assert batch is not None
    assert [event.kv.mod_revision for event in batch.events] == [1]
    assert cursor.next == 2
    rest = cursor.accept(response(2))
    assert rest is not None
    assert [event.kv.mod_revision for event in rest.events] == [2, 2, 2]


def test_events_below_the_start_are_dropped() -> None:
    cursor = Cursor(WatchSpec(b"k", start_revision=10))
    assert cursor.accept(response(8, 9)) is None
    batch = cursor.accept(response(9, 10))
    assert batch is not None
    assert [event.kv.mod_revision for event in batch.events] == [10]


def test_a_refused_create_is_the_oldest_one_whatever_id_it_carries() -> None:
    ledger: Ledger[str] = Ledger()
    for owner in ("a", "b", "c"):
        ledger.asked(owner)
    created = rpc_pb2.WatchResponse(created=True, watch_id=0)
    assert ledger.answered(created) == "a"
    assert ledger.answered(rpc_pb2.WatchResponse(created=True, canceled=True, watch_id=0)) == "b"
    assert ledger.live == {0: "a"}
    assert ledger.answered(rpc_pb2.WatchResponse(created=True, watch_id=1)) == "c"
    assert ledger.ended(0) == "a"
    assert ledger.leave("c") == 1
    assert ledger.live == {}


def test_one_who_left_before_its_answer_is_recognised() -> None:
    ledger: Ledger[str] = Ledger()
    ledger.asked("a")
    ledger.asked("b")
    assert ledger.leave("a") is None
    assert ledger.answered(rpc_pb2.WatchResponse(created=True, watch_id=0)) is None
    assert ledger.answered(rpc_pb2.WatchResponse(created=True, watch_id=1)) == "b"


def created(watch_id: int) -> rpc_pb2.WatchResponse:
    return rpc_pb2.WatchResponse(created=True, watch_id=watch_id)


def test_progress_asked_for_before_a_watcher_was_created_says_nothing_of_it() -> None:
    ledger: Ledger[str] = Ledger()
    ledger.answered(created(ledger.asked("old")))
    ledger.progress_asked()
    ledger.progress_asked()
    ledger.answered(created(ledger.asked("new")))
    ledger.progress_asked()
    assert [ledger.told() for _ in range(3)] == [["old"], ["old"], ["old", "new"]]


def test_progress_counts_for_a_watcher_once_something_of_its_own_came() -> None:
    """A server may leave requests unanswered: then the third answer never comes."""
    ledger: Ledger[str] = Ledger()
    for _ in range(3):
        ledger.progress_asked()
    watch_id = ledger.asked("w")
    ledger.answered(created(watch_id))
    assert ledger.told() == []
    ledger.heard(watch_id)
    assert ledger.told() == ["w"]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("rpc error: code = PermissionDenied desc = etcdserver: permission denied", errors.PermissionDenied),
        ("rpc error: code = Unauthenticated desc = etcdserver: invalid auth token", errors.InvalidToken),
        ("rpc error: code = InvalidArgument desc = etcdserver: user name is empty", errors.Unauthenticated),
        ("rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old", errors.InvalidToken),
        ("etcdserver: mvcc: required revision has been compacted", errors.Compacted),
        ("mvcc: watcher range is empty", errors.WatchCancelled),
        ("", errors.WatchCancelled),
    ],
)
def test_cancel_reasons_become_typed_errors(reason: str, kind: type[errors.EtcdError]) -> None:
    error = cancel_error(rpc_pb2.WatchResponse(canceled=True, cancel_reason=reason), endpoint="e:1")
    assert type(error) is kind
    assert error.endpoint == "e:1"


def test_a_compaction_needs_no_reason() -> None:
    error = cancel_error(rpc_pb2.WatchResponse(canceled=True, compact_revision=7))
    assert isinstance(error, errors.Compacted)
    assert error.compact_revision == 7


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.Unavailable(), Verdict.RETRY),
        (errors.NoLeader(), Verdict.RETRY),
        (errors.LearnerRefused(), Verdict.RETRY),
        (errors.ServerError(code="INTERNAL"), Verdict.RETRY),
        (errors.WatchCancelled(code="CANCELLED"), Verdict.RETRY),
        (errors.InvalidToken(), Verdict.FRESH_TOKEN),
        (errors.MessageTooLarge(), Verdict.ISOLATE),
        (errors.PermissionDenied(), Verdict.FAIL),
        (errors.ClosedError(), Verdict.FAIL),
        (errors.NotSupported(), Verdict.FAIL),
    ],
)
def test_what_a_broken_stream_means(error: errors.EtcdError, expected: Verdict) -> None:
    assert verdict(error) is expected


def test_no_leader_is_believed_after_every_endpoint_and_an_election() -> None:
    trouble = Trouble()
    trouble.failed(errors.NoLeader(endpoint="a"), 0.0, worked=False)
    assert trouble.hopeless(("a", "b"), 100.0) is None
    trouble.failed(errors.Unavailable(endpoint="b"), 1.0, worked=False)
    assert trouble.hopeless(("a", "b"), NO_LEADER_PATIENCE - 0.1) is None
    assert isinstance(trouble.hopeless(("a", "b"), NO_LEADER_PATIENCE), errors.NoLeader)
    trouble.cleared()
    assert trouble.hopeless(("a", "b"), 100.0) is None


def test_a_stream_that_lost_its_leader_has_waited_already() -> None:
    trouble = Trouble()
    trouble.failed(errors.NoLeader(endpoint="a"), 50.0, worked=True)
    assert isinstance(trouble.hopeless(("a",), 50.0), errors.NoLeader)


def test_servers_that_do_not_answer_are_waited_for() -> None:
    trouble = Trouble()
    for now in range(1000):
        trouble.failed(errors.Unavailable(endpoint="a"), float(now), worked=False)
    assert trouble.hopeless(("a",), 1000.0) is None


def test_endpoints_to_avoid_never_leave_none() -> None:
    trouble = Trouble()
    trouble.failed(errors.Unavailable(endpoint="a"), 0.0, worked=False)
    assert trouble.avoid(("a", "b")) == ("a",)
    trouble.failed(errors.Unavailable(endpoint="b"), 0.0, worked=False)
    assert trouble.avoid(("a", "b")) == ("b",)


def test_pauses_grow_to_a_cap_and_start_over() -> None:
    backoff = Backoff(0.001, 0.1)
    pauses = [backoff.next() for _ in range(40)]
    assert pauses[0] <= 0.001
    assert all(0.05 <= pause <= 0.1 for pause in pauses[-5:])
    backoff.reset()
    assert backoff.next() <= 0.001
