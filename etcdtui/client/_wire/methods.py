"""Every RPC of etcd v3 as a typed row: path, coders, and whether it can be repeated.

``Method`` objects are compared by identity and serve as keys of the per-channel call caches.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, TypeVar

from etcdtui.core.value import Value, record
from etcdtui.pb import election_pb2, lock_pb2, rpc_pb2

Req = TypeVar("Req")
Resp = TypeVar("Resp")


class Kind(Enum):
    UNARY = "unary"
    SERVER_STREAM = "server stream"
    BIDI = "bidi"


class Effect(Enum):
    """READ may be repeated at will; WRITE only when it provably was not applied."""

    READ = "read"
    WRITE = "write"


@record(eq=False)
class Method(Generic[Req, Resp]):
    """One RPC. ``name`` is the short form used in messages and write intents, as ``"KV/Put"``."""

    name: str
    path: str
    kind: Kind
    effect: Effect
    encode: Callable[[Req], bytes]
    decode: Callable[[bytes], Resp]


def _row(
    service: str,
    name: str,
    request: type[Req],
    response: type[Resp],
    effect: Effect = Effect.READ,
    kind: Kind = Kind.UNARY,
) -> Method[Req, Resp]:
    req: Any = request  # protobuf's generated classes share no typed base with these two members
    resp: Any = response
    short = f"{service.rsplit('.', 1)[1]}/{name}"
    return Method(short, f"/{service}/{name}", kind, effect, req.SerializeToString, resp.FromString)


_R, _W, _SRV, _BIDI = Effect.READ, Effect.WRITE, Kind.SERVER_STREAM, Kind.BIDI
_KV, _LEASE, _CLUSTER = "etcdserverpb.KV", "etcdserverpb.Lease", "etcdserverpb.Cluster"
_MAINT, _AUTH = "etcdserverpb.Maintenance", "etcdserverpb.Auth"
_LOCK, _ELECTION = "v3lockpb.Lock", "v3electionpb.Election"
_p = rpc_pb2

RANGE = _row(_KV, "Range", _p.RangeRequest, _p.RangeResponse)
RANGE_STREAM = _row(_KV, "RangeStream", _p.RangeRequest, _p.RangeStreamResponse, _R, _SRV)
PUT = _row(_KV, "Put", _p.PutRequest, _p.PutResponse, _W)
DELETE_RANGE = _row(_KV, "DeleteRange", _p.DeleteRangeRequest, _p.DeleteRangeResponse, _W)
TXN = _row(_KV, "Txn", _p.TxnRequest, _p.TxnResponse, _W)
TXN_READ = _row(_KV, "Txn", _p.TxnRequest, _p.TxnResponse, _R)
COMPACT = _row(_KV, "Compact", _p.CompactionRequest, _p.CompactionResponse, _W)

WATCH = _row("etcdserverpb.Watch", "Watch", _p.WatchRequest, _p.WatchResponse, _R, _BIDI)

LEASE_GRANT = _row(_LEASE, "LeaseGrant", _p.LeaseGrantRequest, _p.LeaseGrantResponse, _W)
LEASE_REVOKE = _row(_LEASE, "LeaseRevoke", _p.LeaseRevokeRequest, _p.LeaseRevokeResponse, _W)
# A renewal may be repeated at will. The write gate is asked once, when keeping a lease alive begins.
LEASE_KEEP_ALIVE = _row(_LEASE, "LeaseKeepAlive", _p.LeaseKeepAliveRequest, _p.LeaseKeepAliveResponse, _R, _BIDI)
LEASE_TIME_TO_LIVE = _row(_LEASE, "LeaseTimeToLive", _p.LeaseTimeToLiveRequest, _p.LeaseTimeToLiveResponse)
LEASE_LEASES = _row(_LEASE, "LeaseLeases", _p.LeaseLeasesRequest, _p.LeaseLeasesResponse)

MEMBER_ADD = _row(_CLUSTER, "MemberAdd", _p.MemberAddRequest, _p.MemberAddResponse, _W)
MEMBER_REMOVE = _row(_CLUSTER, "MemberRemove", _p.MemberRemoveRequest, _p.MemberRemoveResponse, _W)
MEMBER_UPDATE = _row(_CLUSTER, "MemberUpdate", _p.MemberUpdateRequest, _p.MemberUpdateResponse, _W)
MEMBER_LIST = _row(_CLUSTER, "MemberList", _p.MemberListRequest, _p.MemberListResponse)
MEMBER_PROMOTE = _row(_CLUSTER, "MemberPromote", _p.MemberPromoteRequest, _p.MemberPromoteResponse, _W)

ALARM_LIST = _row(_MAINT, "Alarm", _p.AlarmRequest, _p.AlarmResponse)
ALARM_CHANGE = _row(_MAINT, "Alarm", _p.AlarmRequest, _p.AlarmResponse, _W)
STATUS = _row(_MAINT, "Status", _p.StatusRequest, _p.StatusResponse)
DEFRAGMENT = _row(_MAINT, "Defragment", _p.DefragmentRequest, _p.DefragmentResponse, _W)
HASH = _row(_MAINT, "Hash", _p.HashRequest, _p.HashResponse)
HASH_KV = _row(_MAINT, "HashKV", _p.HashKVRequest, _p.HashKVResponse)
SNAPSHOT = _row(_MAINT, "Snapshot", _p.SnapshotRequest, _p.SnapshotResponse, _R, _SRV)
MOVE_LEADER = _row(_MAINT, "MoveLeader", _p.MoveLeaderRequest, _p.MoveLeaderResponse, _W)
DOWNGRADE_VALIDATE = _row(_MAINT, "Downgrade", _p.DowngradeRequest, _p.DowngradeResponse)
DOWNGRADE_CHANGE = _row(_MAINT, "Downgrade", _p.DowngradeRequest, _p.DowngradeResponse, _W)

AUTH_ENABLE = _row(_AUTH, "AuthEnable", _p.AuthEnableRequest, _p.AuthEnableResponse, _W)
AUTH_DISABLE = _row(_AUTH, "AuthDisable", _p.AuthDisableRequest, _p.AuthDisableResponse, _W)
AUTH_STATUS = _row(_AUTH, "AuthStatus", _p.AuthStatusRequest, _p.AuthStatusResponse)
AUTHENTICATE = _row(_AUTH, "Authenticate", _p.AuthenticateRequest, _p.AuthenticateResponse)
USER_ADD = _row(_AUTH, "UserAdd", _p.AuthUserAddRequest, _p.AuthUserAddResponse, _W)
USER_GET = _row(_AUTH, "UserGet", _p.AuthUserGetRequest, _p.AuthUserGetResponse)
USER_LIST = _row(_AUTH, "UserList", _p.AuthUserListRequest, _p.AuthUserListResponse)
USER_DELETE = _row(_AUTH, "UserDelete", _p.AuthUserDeleteRequest, _p.AuthUserDeleteResponse, _W)
USER_CHANGE_PASSWORD = _row(
    _AUTH, "UserChangePassword", _p.AuthUserChangePasswordRequest, _p.AuthUserChangePasswordResponse, _W
)
USER_GRANT_ROLE = _row(_AUTH, "UserGrantRole", _p.AuthUserGrantRoleRequest, _p.AuthUserGrantRoleResponse, _W)
USER_REVOKE_ROLE = _row(_AUTH, "UserRevokeRole", _p.AuthUserRevokeRoleRequest, _p.AuthUserRevokeRoleResponse, _W)
ROLE_ADD = _row(_AUTH, "RoleAdd", _p.AuthRoleAddRequest, _p.AuthRoleAddResponse, _W)
ROLE_GET = _row(_AUTH, "RoleGet", _p.AuthRoleGetRequest, _p.AuthRoleGetResponse)
ROLE_LIST = _row(_AUTH, "RoleList", _p.AuthRoleListRequest, _p.AuthRoleListResponse)
ROLE_DELETE = _row(_AUTH, "RoleDelete", _p.AuthRoleDeleteRequest, _p.AuthRoleDeleteResponse, _W)
ROLE_GRANT_PERMISSION = _row(
    _AUTH, "RoleGrantPermission", _p.AuthRoleGrantPermissionRequest, _p.AuthRoleGrantPermissionResponse, _W
)
ROLE_REVOKE_PERMISSION = _row(
    _AUTH, "RoleRevokePermission", _p.AuthRoleRevokePermissionRequest, _p.AuthRoleRevokePermissionResponse, _W
)


class HealthReply(Value):
    """grpc.health.v1's answer: field 1 is the state, 1 means serving; it has no header of etcd's."""

    serving: bool
    header: rpc_pb2.ResponseHeader


def _health(data: bytes) -> HealthReply:
    return HealthReply(data == b"\x08\x01", rpc_pb2.ResponseHeader())


HEALTH: Method[bytes, HealthReply] = Method(
    "Health/Check", "/grpc.health.v1.Health/Check", Kind.UNARY, Effect.READ, bytes, _health
)

LOCK = _row(_LOCK, "Lock", lock_pb2.LockRequest, lock_pb2.LockResponse, _W)
UNLOCK = _row(_LOCK, "Unlock", lock_pb2.UnlockRequest, lock_pb2.UnlockResponse, _W)
CAMPAIGN = _row(_ELECTION, "Campaign", election_pb2.CampaignRequest, election_pb2.CampaignResponse, _W)
PROCLAIM = _row(_ELECTION, "Proclaim", election_pb2.ProclaimRequest, election_pb2.ProclaimResponse, _W)
LEADER = _row(_ELECTION, "Leader", election_pb2.LeaderRequest, election_pb2.LeaderResponse)
OBSERVE = _row(_ELECTION, "Observe", election_pb2.LeaderRequest, election_pb2.LeaderResponse, _R, _SRV)
RESIGN = _row(_ELECTION, "Resign", election_pb2.ResignRequest, election_pb2.ResignResponse, _W)
