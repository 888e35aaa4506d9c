"""From a gRPC failure to a class of ``core.errors``, by text first: etcd's status codes lie for several known errors.

A text may come bare, after ``etcdserver: ``, ``auth: ``, ``mvcc: ``, ``election: ``, or wrapped by a Go server as
``rpc error: code = X desc = ...``; all forms mean the same.
"""

from __future__ import annotations

import re
from typing import Literal

from etcdtui.core import errors as e
from etcdtui.core.value import Value

_WRAPPED = re.compile(r"rpc error: code = (\w+) desc = ", re.IGNORECASE)
_PREFIXES = ("etcdserver: ", "etcdclient: ", "auth: ", "mvcc: ", "election: ", "lease: ", "membership: ")
_CONNECTING = re.compile(
    r"failed to connect to all addresses; last error: [A-Z_]+: (?:(?:ipv[46]|unix):\S*: )?"
    r"(?:failed to connect to remote host: )?",
    re.IGNORECASE,
)
"""What gRPC says before the reason; the address is told beside it anyway."""
_BROKEN_OFF = re.compile(r"applyTxn: failed \w+: .*: (context (?:deadline exceeded|canceled))")
"""A transaction of reads that was given up while the server worked on it, in the words of 3.5.7 and later."""
MAX_TEXT = 2000
"""Characters of a server's message that are kept."""

_MAYBE: Literal["maybe"] = "maybe"
_NO: Literal["no"] = "no"

BY_TEXT: dict[str, type[e.EtcdError]] = {
    "key is not provided": e.EmptyKey,
    "key not found": e.KeyNotFound,
    "value is provided": e.ValueProvided,
    "lease is provided": e.LeaseProvided,
    "too many operations in txn request": e.TooManyOps,
    "duplicate key given in txn request": e.DuplicateKey,
    "invalid client api version": e.InvalidArgument,
    "invalid sort option": e.InvalidArgument,
    "required revision has been compacted": e.Compacted,
    "required revision is a future revision": e.FutureRevision,
    "database space exceeded": e.NoSpace,
    "requested lease not found": e.LeaseNotFound,
    "lease already exists": e.LeaseExists,
    "too large lease ttl": e.LeaseTtlTooLarge,
    "watch canceled": e.WatchCancelled,
    "member id already exist": e.Membership,
    "peer urls already exists": e.Membership,
    "re-configuration failed due to not enough started members": e.Membership,
    "given member urls are invalid": e.InvalidArgument,
    "member not found": e.MemberNotFound,
    "can only promote a learner member": e.Membership,
    "can only promote a learner member which is in sync with leader": e.LearnerNotReady,
    "too many learner members in cluster": e.Membership,
    "cluster id mismatch": e.ClusterMismatch,
    "request is too large": e.RequestTooLarge,
    "too many requests": e.Throttled,
    "root user does not exist": e.AuthManagement,
    "root user does not have root role": e.AuthManagement,
    "user name already exists": e.AuthManagement,
    "user name not found": e.AuthManagement,
    "user not found": e.Unauthenticated,
    "user name is empty": e.Unauthenticated,
    "role name already exists": e.AuthManagement,
    "role name not found": e.AuthManagement,
    "role name is empty": e.InvalidArgument,
    "authentication failed, invalid user id or password": e.AuthFailed,
    "authentication failed, password was given for no password user": e.AuthFailed,
    "permission not given": e.InvalidArgument,
    "permission denied": e.PermissionDenied,
    "role is not granted to the user": e.AuthManagement,
    "permission is not granted to the role": e.AuthManagement,
    "authentication is not enabled": e.AuthNotEnabled,
    "invalid auth token": e.InvalidToken,
    "invalid auth management": e.InvalidArgument,
    "revision of auth store is old": e.InvalidToken,
    "revision in header is old": e.InvalidToken,
    "no leader": e.NoLeader,
    "not leader": e.NotLeader,
    "leader changed": e.LeaderChanged,
    "not capable": e.NotCapable,
    "server stopped": e.Unavailable,
    "request timed out": e.Unavailable,
    "request timed out, possibly due to previous leader failure": e.Unavailable,
    "request timed out, possibly due to connection lost": e.Unavailable,
    "request timed out, waiting for the applied index took too long": e.LeaderChanged,
    "request timed out, leader transfer took too long": e.DeadlineExceeded,
    "unhealthy cluster": e.UnhealthyCluster,
    "corrupt cluster": e.Corrupt,
    "rpc not supported for learner": e.LearnerRefused,
    "bad leader transferee": e.InvalidArgument,
    "wrong downgrade target version format": e.Downgrade,
    "invalid downgrade target version": e.Downgrade,
    "cluster version not found during downgrade": e.Downgrade,
    "cluster has a downgrade job in progress": e.Downgrade,
    "no inflight downgrade job": e.Downgrade,
    "unknown method": e.InvalidArgument,
    "request canceled": e.Unavailable,
    "request cancelled": e.Unavailable,
    "context deadline exceeded": e.DeadlineExceeded,
    "context canceled": e.Unavailable,
    "not a primary lessor": e.LeaderChanged,
    '"leader" field must be provided': e.InvalidArgument,
}
"""Known texts, lower case and without prefix."""

_FATE_UNKNOWN = frozenset(
    {
        "server stopped",
        "request timed out",
        "request timed out, possibly due to previous leader failure",
        "request timed out, possibly due to connection lost",
        "request timed out, leader transfer took too long",
        "request canceled",
        "request cancelled",
        "context deadline exceeded",
        "context canceled",
        "watch canceled",
    }
)
"""Known texts after which a write may or may not have been applied."""

_BY_CODE: dict[str, type[e.EtcdError]] = {
    "UNAVAILABLE": e.Unavailable,
    "CANCELLED": e.Unavailable,
    "DEADLINE_EXCEEDED": e.DeadlineExceeded,
    "UNIMPLEMENTED": e.NotSupported,
    "PERMISSION_DENIED": e.PermissionDenied,
    "UNAUTHENTICATED": e.Unauthenticated,
    "INVALID_ARGUMENT": e.InvalidArgument,
    "DATA_LOSS": e.Corrupt,
}
_REFUSALS = frozenset({"UNIMPLEMENTED", "PERMISSION_DENIED", "UNAUTHENTICATED", "INVALID_ARGUMENT"})
_OUR_DEADLINE = frozenset({"deadline exceeded", "stream removed (deadline exceeded)"})
"""gRPC's words when the deadline passed on this side."""
_NEVER_SENT = (
    "failed to connect to all addresses",
    "errors resolving",
    "dns resolution failed",
    "dns query",
    "domain name not found",
    "there is no address available",
    "there is no connection available",
    "connection attempt timed out before receiving settings",
    "name resolution",
    "target uri is not valid",
)


class Failure(Value):
    """A mapped failure. ``unsent``: the request never left; ``from_server``: the answer came from etcd itself."""

    error: e.EtcdError
    unsent: bool = False
    from_server: bool = False


def strip(text: str) -> str:
    """A server text without Go's wrapper and without its package prefixes."""
    bare = text[:MAX_TEXT].strip()
    while True:
        wrapped = _WRAPPED.match(bare)
        if wrapped:
            bare = bare[wrapped.end() :]
            continue
        for prefix in _PREFIXES:
            if bare.startswith(prefix):
                bare = bare[len(prefix) :]
                break
        else:
            return bare.strip()


def wrapped_code(text: str) -> str:
    """The status name inside ``rpc error: code = X desc = ...`` in gRPC's spelling; empty when there is none."""
    match = _WRAPPED.search(text[:MAX_TEXT])
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", match.group(1)).upper().replace("CANCELED", "CANCELLED") if match else ""


def to_error(text: str, *, code: str = "", endpoint: str = "") -> e.EtcdError:
    """The error for a server's text, as found in a status or in a watch's cancel reason."""
    return classify(code or wrapped_code(text), text, endpoint).error


def classify(code: str, details: str, endpoint: str = "") -> Failure:
    """Maps a status (gRPC's code name and its details) for a call that may be a write."""
    bare = strip(details)
    if broken := _BROKEN_OFF.fullmatch(bare):
        bare = broken[1]
    known = e.NoElectionLeader if details.endswith("election: no leader") else BY_TEXT.get(bare.lower())
    if known is not None:
        applied = _MAYBE if bare.lower() in _FATE_UNKNOWN or known is e.NoSpace else _NO
        return Failure(_make(known, bare, code, endpoint, applied), from_server=True)
    lowered = bare.lower()
    if code == "DEADLINE_EXCEEDED" and lowered in _OUR_DEADLINE:
        bare = "the member was silent until the deadline"
    if "does not match ssl server name" in lowered:  # gRPC's own, before anything is sent
        words = f"the server's certificate names no host: {bare}"
        return Failure(_make(e.TlsError, words, code, endpoint, _NO), unsent=True)
    if code == "RESOURCE_EXHAUSTED":
        return Failure(_resource(bare, lowered, code, endpoint))
    if code == "UNAVAILABLE" and any(mark in lowered for mark in _NEVER_SENT):
        return Failure(_make(e.Unavailable, _CONNECTING.sub("", bare) or bare, code, endpoint, _NO), unsent=True)
    if code == "UNIMPLEMENTED" and "unknown service" in lowered:
        bare = f"{bare} (not an etcd server, or a proxy in between)"
    cls = _BY_CODE.get(code, e.ServerError)
    return Failure(
        _make(cls, bare, code, endpoint, _NO if code in _REFUSALS else _MAYBE), from_server=code in _REFUSALS
    )


def _resource(bare: str, lowered: str, code: str, endpoint: str) -> e.EtcdError:
    if "larger than max" not in lowered:
        return _make(e.ServerError, bare, code, endpoint, _MAYBE)
    if "sent message" in lowered:
        limit = "the client's max_request_bytes; nothing was sent"
        return _make(e.MessageTooLarge, f"{bare} ({limit})", code, endpoint, _NO)
    if lowered.startswith("grpc:"):
        limit = "the server's limit, its --max-request-bytes plus 512 KiB"
        return _make(e.MessageTooLarge, f"{bare} ({limit})", code, endpoint, _NO)
    return _make(e.MessageTooLarge, f"{bare} (the client's max_recv_bytes)", code, endpoint, _MAYBE)


def _make(cls: type[e.EtcdError], text: str, code: str, endpoint: str, applied: Literal["no", "maybe"]) -> e.EtcdError:
    if cls is e.Compacted:
        return e.Compacted(text, endpoint=endpoint, code=code)
    return cls(text, endpoint=endpoint, code=code, applied=applied)
