"""Retry decisions and pauses, without a network."""

from __future__ import annotations

import pytest

from etcdtui.client._transport.retry import MAX_LOGINS, MAX_PAUSE, Action, Backoff, decide
from etcdtui.client._wire.grpc_errors import classify
from etcdtui.client._wire.methods import Effect

READ, WRITE = Effect.READ, Effect.WRITE


@pytest.mark.parametrize(
    ("code", "text", "read", "write"),
    [
        ("UNAVAILABLE", "failed to connect to all addresses", Action.ROTATE, Action.ROTATE),
        ("UNAVAILABLE", "Socket closed", Action.ROTATE, Action.RAISE),
        ("UNAVAILABLE", "etcdserver: request timed out", Action.ROTATE, Action.RAISE),
        ("DEADLINE_EXCEEDED", "context deadline exceeded", Action.ROTATE, Action.RAISE),
        ("UNAVAILABLE", "etcdserver: no leader", Action.ROTATE, Action.ROTATE),
        ("UNAVAILABLE", "etcdserver: rpc not supported for learner", Action.ROTATE, Action.ROTATE),
        ("UNKNOWN", "etcdserver: too many requests", Action.ROTATE, Action.ROTATE),
        ("UNAVAILABLE", "etcdserver: not capable", Action.ROTATE, Action.ROTATE),
        ("UNAVAILABLE", "etcdserver: leader changed", Action.ROTATE, Action.ROTATE),
        ("UNKNOWN", "something", Action.RAISE, Action.RAISE),
        ("PERMISSION_DENIED", "etcdserver: permission denied", Action.RAISE, Action.RAISE),
        ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", Action.RAISE, Action.RAISE),
        ("UNAUTHENTICATED", "etcdserver: invalid auth token", Action.LOGIN, Action.LOGIN),
        ("UNKNOWN", "auth: invalid auth token", Action.LOGIN, Action.LOGIN),
        ("INVALID_ARGUMENT", "etcdserver: user name is empty", Action.LOGIN, Action.LOGIN),
        ("INVALID_ARGUMENT", "etcdserver: revision of auth store is old", Action.LOGIN, Action.LOGIN),
    ],
)
def test_decisions(code: str, text: str, read: Action, write: Action) -> None:
    failure = classify(code, text)
    assert decide(failure, READ, can_login=True, logins=0, retry_writes=False) is read
    assert decide(failure, WRITE, can_login=True, logins=0, retry_writes=False) is write


def test_writes_are_repeated_only_on_request() -> None:
    failure = classify("UNAVAILABLE", "Socket closed")
    assert decide(failure, WRITE, can_login=False, logins=0, retry_writes=True) is Action.ROTATE


def test_logins_are_limited_and_need_credentials() -> None:
    failure = classify("UNAUTHENTICATED", "etcdserver: invalid auth token")
    assert decide(failure, READ, can_login=False, logins=0, retry_writes=False) is Action.RAISE
    assert decide(failure, READ, can_login=True, logins=MAX_LOGINS, retry_writes=False) is Action.RAISE


def test_rotation_comes_before_waiting_and_pauses_grow_to_the_cap() -> None:
    backoff = Backoff(3, 0.025, 0.0, rand=lambda: 1.0)
    assert [backoff.next_pause() for _ in range(2)] == [0.0, 0.0]
    assert [backoff.next_pause() for _ in range(4)] == pytest.approx([0.025, 0.05, 0.1, 0.2])
    assert max(backoff.next_pause() for _ in range(50)) == pytest.approx(MAX_PAUSE)


def test_a_dead_cluster_is_not_asked_in_a_busy_loop() -> None:
    for wait in (0.0, 0.025):
        backoff = Backoff(3, wait, 0.1, rand=lambda: 0.0)
        assert sum(backoff.next_pause() for _ in range(1000)) > 1.0
