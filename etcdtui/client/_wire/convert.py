"""Wire messages to ``core.types``."""

from __future__ import annotations

from collections.abc import Iterable

from etcdtui.client._wire.build import make_header, make_key_value
from etcdtui.core import types as t
from etcdtui.pb import kv_pb2, rpc_pb2

KeyLike = bytes | str


def to_bytes(value: KeyLike, what: str = "key") -> bytes:
    """``str`` as UTF-8; anything but ``bytes`` and ``str`` is a ``TypeError``."""
    if isinstance(value, str):
        return value.encode()
    kind = type(value).__name__
    if not isinstance(value, bytes):
        raise TypeError(f"{what} must be bytes or str, not {kind}")
    return value


def header(message: rpc_pb2.ResponseHeader) -> t.ResponseHeader:
    return make_header(message.cluster_id, message.member_id, message.revision, message.raft_term)


def key_value(kv: kv_pb2.KeyValue) -> t.KeyValue:
    return make_key_value(kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease)


def key_values(kvs: Iterable[kv_pb2.KeyValue]) -> tuple[t.KeyValue, ...]:
    make = make_key_value
    return tuple([make(kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease) for kv in kvs])


def range_result(message: rpc_pb2.RangeResponse) -> t.RangeResult:
    return t.RangeResult(key_values(message.kvs), message.more, message.count, header(message.header))


def put_result(message: rpc_pb2.PutResponse) -> t.PutResult:
    previous = key_value(message.prev_kv) if message.HasField("prev_kv") else None
    return t.PutResult(previous, header(message.header))


def delete_result(message: rpc_pb2.DeleteRangeResponse) -> t.DeleteResult:
    return t.DeleteResult(message.deleted, key_values(message.prev_kvs), header(message.header))


def txn_result(message: rpc_pb2.TxnResponse) -> t.TxnResult:
    return t.TxnResult(message.succeeded, tuple(_op_result(r) for r in message.responses), header(message.header))


def _op_result(message: rpc_pb2.ResponseOp) -> t.RangeResult | t.PutResult | t.DeleteResult | t.TxnResult:
    kind = message.WhichOneof("response")
    if kind == "response_range":
        return range_result(message.response_range)
    if kind == "response_put":
        return put_result(message.response_put)
    if kind == "response_delete_range":
        return delete_result(message.response_delete_range)
    return txn_result(message.response_txn)


def member(message: rpc_pb2.Member) -> t.Member:
    return t.Member(message.ID, message.name, tuple(message.peerURLs), tuple(message.clientURLs), message.isLearner)


def members(messages: Iterable[rpc_pb2.Member], head: rpc_pb2.ResponseHeader) -> t.Members:
    found = t.Members(member(m) for m in messages)
    found.header = header(head)
    return found


def status(message: rpc_pb2.StatusResponse, endpoint: str) -> t.EndpointStatus:
    return t.EndpointStatus(
        endpoint,
        header(message.header),
        message.version,
        message.dbSize,
        message.dbSizeInUse,
        message.leader,
        message.raftIndex,
        message.raftTerm,
        message.raftAppliedIndex,
        tuple(message.errors),
        message.isLearner,
        message.storageVersion,
        message.dbSizeQuota,
        message.downgradeInfo.enabled,
        message.downgradeInfo.targetVersion,
    )


def alarms(message: rpc_pb2.AlarmResponse) -> t.Alarms:
    """Alarm types newer than this client are left out; they cannot be named or disarmed by type."""
    known = {kind.value for kind in t.AlarmType}
    found = t.Alarms(t.Alarm(a.memberID, t.AlarmType(a.alarm)) for a in message.alarms if a.alarm in known)
    if message.HasField("header"):
        found.header = header(message.header)
    return found
