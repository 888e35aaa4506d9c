"""What a transaction may write, read from its message."""

from __future__ import annotations

from collections.abc import Iterator

from etcdtui.core.types import WriteIntent
from etcdtui.pb import rpc_pb2


def is_read_only(message: rpc_pb2.TxnRequest) -> bool:
    """Whether it holds only reads, nested ones included: repeating it is then harmless."""
    return not any(True for _ in _writes(message))


def write_intent(message: rpc_pb2.TxnRequest) -> WriteIntent:
    """All keys both branches may write, nested ones included."""
    puts: list[bytes] = []
    deletes: list[tuple[bytes, bytes]] = []
    for op in _writes(message):
        if op.WhichOneof("request") == "request_put":
            puts.append(op.request_put.key)
        else:
            deletes.append((op.request_delete_range.key, op.request_delete_range.range_end))
    return WriteIntent("KV/Txn", tuple(puts), tuple(deletes))


def _writes(message: rpc_pb2.TxnRequest) -> Iterator[rpc_pb2.RequestOp]:
    for op in (*message.success, *message.failure):
        kind = op.WhichOneof("request")
        if kind == "request_txn":
            yield from _writes(op.request_txn)
        elif kind != "request_range":
            yield op
