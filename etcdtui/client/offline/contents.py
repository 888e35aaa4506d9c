"""What the small buckets of an etcd database say: cluster, members, leases, alarms, users and roles.

A password's hash is read by nobody: it is dropped with the message that held it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError

from etcdtui.core.bbolt import Damaged
from etcdtui.core.value import Value, record
from etcdtui.pb import auth_pb2, rpc_pb2

Small = Mapping[bytes, Mapping[bytes, bytes]]

NEVER = -1
"""The compacted revision of a store that was never compacted, as servers say it too."""
MOST_MEMBER_BYTES = 64 * 1024


@record()
class StoredLease:
    """Seconds; ``remaining`` is 0 where no server wrote down how much of it was left."""

    id: int
    ttl: int
    remaining: int


class Contents(Value):
    """``compacted`` is ``NEVER`` or the revision below which nothing can be read; ``version`` is the cluster's, without
    its patch release's truth (``3.5.0``), ``storage_version`` empty before 3.6. ``cluster_id`` is what the members that
    stand here would have founded, 0 where some were removed."""

    index: int
    term: int
    compacted: int
    version: str
    storage_version: str
    downgrade_target: str
    cluster_id: int
    members: tuple[rpc_pb2.Member, ...]
    leases: Mapping[int, StoredLease]
    alarms: tuple[rpc_pb2.AlarmMember, ...]
    auth_enabled: bool
    auth_revision: int
    users: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, auth_pb2.Role]


def contents_of(small: Small) -> Contents:
    """Reads them all; ``Damaged`` where one is not as etcd writes it."""
    meta, cluster, auth = (small.get(name, {}) for name in (b"meta", b"cluster", b"auth"))
    compacted = [_revision(meta[name]) for name in (b"scheduledCompactRev", b"finishedCompactRev") if meta.get(name)]
    members = tuple(sorted((_member(k, v) for k, v in small.get(b"members", {}).items()), key=lambda one: one.ID))
    leases = [_lease(k, v) for k, v in small.get(b"lease", {}).items()]
    return Contents(
        index=_number(meta.get(b"consistent_index", b"")),
        term=_number(meta.get(b"term", b"")),
        compacted=max(compacted, default=NEVER),
        version=_text(cluster.get(b"clusterVersion", b"")),
        storage_version=_text(meta.get(b"storageVersion", b"")),
        downgrade_target=_downgrade(cluster.get(b"downgrade", b"")),
        cluster_id=0 if small.get(b"members_removed") else founded_by([one.ID for one in members]),
        members=members,
        leases={lease.id: lease for lease in sorted(leases, key=lambda one: one.id)},
        alarms=tuple(_parsed(rpc_pb2.AlarmMember, one, "an alarm") for one in small.get(b"alarm", {})),
        auth_enabled=auth.get(b"authEnabled", b"") == b"\x01",
        auth_revision=_number(auth.get(b"authRevision", b"")),
        users=dict(_user(one) for one in small.get(b"authUsers", {}).values()),
        roles={_text(name): _parsed(auth_pb2.Role, one, "a role") for name, one in small.get(b"authRoles", {}).items()},
    )


def founded_by(member_ids: list[int]) -> int:
    """The ID of a cluster that was founded by these members: etcd hashes their IDs in order."""
    if not member_ids:
        return 0
    joined = b"".join(one.to_bytes(8, "big") for one in sorted(member_ids))
    return int.from_bytes(hashlib.sha1(joined, usedforsecurity=False).digest()[:8], "big")


def _parsed(kind: Any, data: bytes, what: str) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError:
        raise Damaged(f"{what} in it cannot be read") from None


def _user(data: bytes) -> tuple[str, tuple[str, ...]]:
    user = _parsed(auth_pb2.User, data, "a user")
    return _text(user.name), tuple(user.roles)


def _member(key: bytes, data: bytes) -> rpc_pb2.Member:
    try:
        found = json.loads(data[:MOST_MEMBER_BYTES])
        return rpc_pb2.Member(
            ID=int(key, 16),
            name=found.get("name") or "",
            peerURLs=found.get("peerURLs") or [],
            clientURLs=found.get("clientURLs") or [],
            isLearner=bool(found.get("isLearner")),
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Damaged("a member in it cannot be read") from None


def _lease(key: bytes, data: bytes) -> StoredLease:
    """A message of three numbers: the ID, the granted seconds, and how many were left."""
    fields: dict[int, int] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7:
            raise Damaged("a lease in it cannot be read")
        fields[tag >> 3], at = _varint(data, at)
    lease_id = int.from_bytes(key, "big", signed=True)
    if len(key) != 8 or fields.get(1, 0) != lease_id:
        raise Damaged("a lease in it cannot be read")
    return StoredLease(lease_id, fields.get(2, 0), fields.get(3, 0))


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A signed 64-bit number and where it ends."""
    found = 0
    for shift, index in enumerate(range(at, min(at + 10, len(data)))):
        found |= (data[index] & 0x7F) << 7 * shift
        if data[index] < 0x80:
            found &= (1 << 64) - 1
            return found - (1 << 64) if found >> 63 else found, index + 1
    raise Damaged("a lease in it cannot be read")


def _number(data: bytes) -> int:
    return int.from_bytes(data[:8], "big")


def _revision(data: bytes) -> int:
    if len(data) < 17:
        raise Damaged("the compacted revision in it cannot be read")
    return int.from_bytes(data[:8], "big")


def _downgrade(data: bytes) -> str:
    try:
        found = json.loads(data) if data else {}
        return str(found.get("target-version", "")) if found.get("enabled") else ""
    except (ValueError, AttributeError, RecursionError):
        return ""


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
