"""What a request is about to write, told from the request itself: nobody who sends it can tell it otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from etcdtui.client._wire import methods
from etcdtui.client._wire.methods import Method
from etcdtui.client._wire.txn_writes import is_read_only, write_intent
from etcdtui.core.types import WriteIntent
from etcdtui.pb import rpc_pb2

READS: frozenset[str] = frozenset(
    method.path
    for method in (
        methods.RANGE,
        methods.RANGE_STREAM,
        methods.WATCH,
        methods.LEASE_TIME_TO_LIVE,
        methods.LEASE_LEASES,
        methods.MEMBER_LIST,
        methods.STATUS,
        methods.HASH,
        methods.HASH_KV,
        methods.SNAPSHOT,
        methods.AUTH_STATUS,
        methods.AUTHENTICATE,
        methods.USER_GET,
        methods.USER_LIST,
        methods.ROLE_GET,
        methods.ROLE_LIST,
        methods.HEALTH,
        methods.LEADER,
        methods.OBSERVE,
    )
)
"""Paths that never change anything. Any other one, those not known here included, counts as writing."""


def intent_of(method: Method[Any, Any], request: Any, endpoint: str | None = None) -> WriteIntent | None:
    """What ``request`` would write by the store's own names, ``None`` when nothing."""
    if method.path in READS:
        return None
    tell = _TELL.get(method.path)
    if tell is None:
        return WriteIntent(method.name)
    return tell(request, method.name, endpoint)


_Tell = Callable[[Any, str, str | None], WriteIntent | None]


def _txn(r: rpc_pb2.TxnRequest, _name: str, _endpoint: str | None) -> WriteIntent | None:
    return None if is_read_only(r) else write_intent(r)


def _alarm(r: rpc_pb2.AlarmRequest, name: str, _endpoint: str | None) -> WriteIntent | None:
    if r.action == rpc_pb2.AlarmRequest.GET:
        return None
    verb = "activate" if r.action == rpc_pb2.AlarmRequest.ACTIVATE else "disarm"
    return WriteIntent(name, member=r.memberID, detail=f"{verb} {_enum(rpc_pb2.AlarmType, r.alarm)}")


def _downgrade(r: rpc_pb2.DowngradeRequest, name: str, _endpoint: str | None) -> WriteIntent | None:
    if r.action == rpc_pb2.DowngradeRequest.VALIDATE:
        return None
    verb = _enum(rpc_pb2.DowngradeRequest.DowngradeAction, r.action).lower()
    return WriteIntent(name, detail=f"{verb} {r.version}".strip())


def _enum(kind: Any, number: int) -> str:
    """The name of an enum's value; the number where it has none."""
    return str(kind.Name(number)) if number in kind.values() else str(number)


_TELL: dict[str, _Tell] = {
    methods.PUT.path: lambda r, name, _: WriteIntent(name, puts=(r.key,), lease=r.lease),
    methods.DELETE_RANGE.path: lambda r, name, _: WriteIntent(name, deletes=((r.key, r.range_end),)),
    methods.TXN.path: _txn,
    methods.COMPACT.path: lambda r, name, _: WriteIntent(name, detail=str(r.revision)),
    methods.LEASE_GRANT.path: lambda r, name, _: WriteIntent(name, lease=r.ID),
    methods.LEASE_REVOKE.path: lambda r, name, _: WriteIntent(name, lease=r.ID),
    methods.LEASE_KEEP_ALIVE.path: lambda r, name, _: WriteIntent(name, lease=r.ID),
    methods.MEMBER_ADD.path: lambda r, name, _: WriteIntent(name, detail=",".join(r.peerURLs)),
    methods.MEMBER_REMOVE.path: lambda r, name, _: WriteIntent(name, member=r.ID),
    methods.MEMBER_UPDATE.path: lambda r, name, _: WriteIntent(name, member=r.ID, detail=",".join(r.peerURLs)),
    methods.MEMBER_PROMOTE.path: lambda r, name, _: WriteIntent(name, member=r.ID),
    methods.ALARM_CHANGE.path: _alarm,
    methods.DEFRAGMENT.path: lambda _, name, endpoint: WriteIntent(name, detail=endpoint or ""),
    methods.MOVE_LEADER.path: lambda r, name, _: WriteIntent(name, member=r.targetID),
    methods.DOWNGRADE_CHANGE.path: _downgrade,
    methods.USER_ADD.path: lambda r, name, _: WriteIntent(name, detail=r.name),
    methods.USER_DELETE.path: lambda r, name, _: WriteIntent(name, detail=r.name),
    methods.USER_CHANGE_PASSWORD.path: lambda r, name, _: WriteIntent(name, detail=r.name),
    methods.USER_GRANT_ROLE.path: lambda r, name, _: WriteIntent(name, detail=f"{r.user} {r.role}"),
    methods.USER_REVOKE_ROLE.path: lambda r, name, _: WriteIntent(name, detail=f"{r.name} {r.role}"),
    methods.ROLE_ADD.path: lambda r, name, _: WriteIntent(name, detail=r.name),
    methods.ROLE_DELETE.path: lambda r, name, _: WriteIntent(name, detail=r.role),
    methods.ROLE_GRANT_PERMISSION.path: lambda r, name, _: WriteIntent(name, detail=r.name),
    methods.ROLE_REVOKE_PERMISSION.path: lambda r, name, _: WriteIntent(name, detail=r.role),
    methods.LOCK.path: lambda r, name, _: WriteIntent(name, puts=(r.name,), lease=r.lease),
    methods.UNLOCK.path: lambda r, name, _: WriteIntent(name, deletes=((r.key, b""),)),
    methods.CAMPAIGN.path: lambda r, name, _: WriteIntent(name, puts=(r.name,), lease=r.lease),
    methods.PROCLAIM.path: lambda r, name, _: WriteIntent(name, puts=(r.leader.key,), lease=r.leader.lease),
    methods.RESIGN.path: lambda r, name, _: WriteIntent(name, deletes=((r.leader.key, b""),), lease=r.leader.lease),
}
