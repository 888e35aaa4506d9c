"""Server texts in all their wrappings become the right error."""

from __future__ import annotations

import pytest

from etcdtui.client._wire.grpc_errors import BY_TEXT, classify, strip, to_error
from etcdtui.core import errors as e


@pytest.mark.parametrize("text", sorted(BY_TEXT))
def test_every_known_text_in_every_form(text: str) -> None:
    for form in (
        text,
        f"etcdserver: {text}",
        f"auth: {text}",
        f"etcdserver: mvcc: {text}",
        f"rpc error: code = Unknown desc = etcdserver: {text}",
    ):
        failure = classify("UNKNOWN", form, "a:1")
        assert type(failure.error) is BY_TEXT[text]
        assert failure.error.endpoint == "a:1"
        assert failure.from_server


def test_real_spellings() -> None:
    for code, text, cls in (
        ("OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted", e.Compacted),
        ("FAILED_PRECONDITION", "etcdserver: Peer URLs already exists", e.Membership),
        ("FAILED_PRECONDITION", "etcdserver: member ID already exist", e.Membership),
        ("UNKNOWN", "auth: user name is empty", e.Unauthenticated),
        ("UNKNOWN", "auth: revision in header is old", e.InvalidToken),
        ("INVALID_ARGUMENT", "etcdserver: authentication failed, invalid user ID or password", e.AuthFailed),
        ("OUT_OF_RANGE", "etcdserver: too large lease TTL", e.LeaseTtlTooLarge),
        ("UNKNOWN", "context deadline exceeded", e.DeadlineExceeded),
        (
            "UNKNOWN",
            "applyTxn: failed Range: rangeKeys: context cancelled: context deadline exceeded",
            e.DeadlineExceeded,
        ),
        ("UNKNOWN", "applyTxn: failed Range: rangeKeys: context cancelled: context canceled", e.Unavailable),
        ("UNKNOWN", "election: no leader", e.NoElectionLeader),
        ("UNIMPLEMENTED", "unknown method AuthStatus for service etcdserverpb.Auth", e.NotSupported),
        ("UNIMPLEMENTED", "unknown service etcdserverpb.KV", e.NotSupported),
    ):
        assert type(classify(code, text).error) is cls, text


@pytest.mark.parametrize(
    ("code", "text", "applied"),
    [
        ("UNAVAILABLE", "etcdserver: request timed out", "maybe"),
        ("UNAVAILABLE", "etcdserver: request timed out, possibly due to connection lost", "maybe"),
        ("UNAVAILABLE", "etcdserver: server stopped", "maybe"),
        ("UNAVAILABLE", "etcdserver: no leader", "no"),
        ("UNAVAILABLE", "etcdserver: leader changed", "no"),
        ("UNKNOWN", "etcdserver: too many requests", "no"),
        ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", "maybe"),
        ("INVALID_ARGUMENT", "etcdserver: request is too large", "no"),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", "maybe"),
        ("UNAVAILABLE", "Socket closed", "maybe"),
        ("INTERNAL", "something", "maybe"),
        ("UNKNOWN", "something foreign", "maybe"),
        ("PERMISSION_DENIED", "something foreign", "no"),
        ("UNAVAILABLE", "failed to connect to all addresses; last error: Connection refused", "no"),
        ("RESOURCE_EXHAUSTED", "grpc: received message larger than max (3 vs. 2)", "no"),
        ("RESOURCE_EXHAUSTED", "CLIENT: Sent message larger than max (3 vs. 2)", "no"),
        ("RESOURCE_EXHAUSTED", "CLIENT: Received message larger than max (3 vs. 2)", "maybe"),
    ],
)
def test_whether_a_write_was_applied(code: str, text: str, applied: str) -> None:
    assert classify(code, text).error.applied == applied


def test_only_failed_connects_are_unsent() -> None:
    assert classify("UNAVAILABLE", "failed to connect to all addresses; last error: x").unsent
    assert classify("UNAVAILABLE", "DNS resolution failed for nowhere").unsent
    assert not classify("UNAVAILABLE", "Socket closed").unsent
    assert not classify("UNAVAILABLE", "recvmsg:Connection reset by peer").unsent


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: Connection refused", "Connection refused"),
        ("UNAVAILABLE: ipv6:%5B::1%5D:2379: Ssl handshake failed: x", "Ssl handshake failed: x"),
        ("UNKNOWN: unix:/run/etcd.sock: No such file or directory", "No such file or directory"),
    ],
)
def test_the_reason_a_connection_failed_comes_first(text: str, told: str) -> None:
    failure = classify("UNAVAILABLE", f"failed to connect to all addresses; last error: {text}")
    assert failure.unsent and failure.error.message == told


def test_size_limits_name_the_side() -> None:
    assert (
        "server's limit"
        in classify("RESOURCE_EXHAUSTED", "grpc: received message larger than max (3 vs. 2)").error.message
    )
    assert (
        "max_request_bytes"
        in classify("RESOURCE_EXHAUSTED", "CLIENT: Sent message larger than max (3 vs. 2)").error.message
    )
    assert (
        "max_recv_bytes"
        in classify("RESOURCE_EXHAUSTED", "CLIENT: Received message larger than max (3 vs. 2)").error.message
    )


def test_cancel_reasons_carry_their_code() -> None:
    error = to_error("rpc error: code = PermissionDenied desc = etcdserver: permission denied", endpoint="a:1")
    assert isinstance(error, e.PermissionDenied)
    assert error.code == "PERMISSION_DENIED"
    assert strip("rpc error: code = Unknown desc = rpc error: code = X desc = auth: x") == "x"


def test_long_texts_are_cut_and_sentences_are_made() -> None:
    error = classify("UNKNOWN", "x" * 100_000, "a:1").error
    assert len(str(error)) < 3000
    assert "may have been applied" in str(error)
    assert "a:1" in str(error)
