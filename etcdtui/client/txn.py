"""``Compare`` and ``Op``: the parts of a transaction, validated when built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from etcdtui.client._wire import requests
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client._wire.ranges import key_range, lease_id
from etcdtui.core.value import Value, record
from etcdtui.pb import rpc_pb2

Operator = Literal["=", "!=", "<", ">"]
MAX_DEPTH = 32
"""Transactions nested deeper are refused; etcd's own operation budget ends far earlier in practice."""

_RESULTS = {
    "=": rpc_pb2.Compare.EQUAL,
    "==": rpc_pb2.Compare.EQUAL,
    "!=": rpc_pb2.Compare.NOT_EQUAL,
    "<": rpc_pb2.Compare.LESS,
    ">": rpc_pb2.Compare.GREATER,
}


class Compare(Value):
    """One condition, "what the store has OP operand". A missing key counts as 0, but a value compare on it never holds.

    With ``range_end`` or ``prefix`` it must hold for every key of the range.
    """

    message: rpc_pb2.Compare

    @classmethod
    def exists(cls, key: KeyLike, *, range_end: KeyLike | None = None, prefix: bool = False) -> Compare:
        """The key is there; of a range, at least one key of it."""
        return cls.version(key, ">", 0, range_end=range_end, prefix=prefix)

    @classmethod
    def missing(cls, key: KeyLike, *, range_end: KeyLike | None = None, prefix: bool = False) -> Compare:
        """The key is not there; of a range, no key of it."""
        return cls.version(key, "=", 0, range_end=range_end, prefix=prefix)

    @classmethod
    def version(
        cls, key: KeyLike, op: Operator, operand: int, *, range_end: KeyLike | None = None, prefix: bool = False
    ) -> Compare:
        return cls._number(rpc_pb2.Compare.VERSION, "version", key, op, operand, range_end, prefix)

    @classmethod
    def create_revision(
        cls, key: KeyLike, op: Operator, operand: int, *, range_end: KeyLike | None = None, prefix: bool = False
    ) -> Compare:
        return cls._number(rpc_pb2.Compare.CREATE, "create_revision", key, op, operand, range_end, prefix)

    @classmethod
    def mod_revision(
        cls, key: KeyLike, op: Operator, operand: int, *, range_end: KeyLike | None = None, prefix: bool = False
    ) -> Compare:
        return cls._number(rpc_pb2.Compare.MOD, "mod_revision", key, op, operand, range_end, prefix)

    @classmethod
    def lease(
        cls, key: KeyLike, op: Operator, operand: int, *, range_end: KeyLike | None = None, prefix: bool = False
    ) -> Compare:
        return cls._number(rpc_pb2.Compare.LEASE, "lease", key, op, operand, range_end, prefix)

    @classmethod
    def value(
        cls, key: KeyLike, op: Operator, operand: KeyLike, *, range_end: KeyLike | None = None, prefix: bool = False
    ) -> Compare:
        message = _compare(rpc_pb2.Compare.VALUE, key, op, range_end, prefix)
        message.value = to_bytes(operand, "the value compared with")
        return cls(message)

    @classmethod
    def _number(
        cls,
        target: Any,
        field: str,
        key: KeyLike,
        op: str,
        operand: int,
        range_end: KeyLike | None,
        prefix: bool,
    ) -> Compare:
        if isinstance(operand, bool) or not isinstance(operand, int):
            raise ValueError(f"{field} is compared with a whole number, not {operand!r}")
        message = _compare(target, key, op, range_end, prefix)
        setattr(message, field, lease_id(operand))
        return cls(message)


def _compare(target: Any, key: KeyLike, op: str, range_end: KeyLike | None, prefix: bool) -> rpc_pb2.Compare:
    if op not in _RESULTS:
        raise ValueError(f'the operator must be one of "=", "!=", "<", ">", not {op!r}')
    start, end = key_range(key, range_end, prefix, False)
    return rpc_pb2.Compare(result=_RESULTS[op], target=target, key=start, range_end=end)


@record()
class Op:
    """One operation of a transaction. Made by ``get``, ``put``, ``delete`` and ``txn`` with the arguments of the calls
    of the same names; arguments that do not belong to an operation are a ``ValueError``."""

    message: rpc_pb2.RequestOp

    @classmethod
    def get(cls, key: KeyLike, **options: Any) -> Op:
        return cls(rpc_pb2.RequestOp(request_range=_build(requests.range_request, "get", key, **options)))

    @classmethod
    def put(cls, key: KeyLike, value: KeyLike, **options: Any) -> Op:
        return cls(rpc_pb2.RequestOp(request_put=_build(requests.put_request, "put", key, value, **options)))

    @classmethod
    def delete(cls, key: KeyLike, **options: Any) -> Op:
        return cls(rpc_pb2.RequestOp(request_delete_range=_build(requests.delete_request, "delete", key, **options)))

    @classmethod
    def txn(cls, compare: Iterable[Compare] = (), success: Iterable[Op] = (), failure: Iterable[Op] = ()) -> Op:
        return cls(rpc_pb2.RequestOp(request_txn=txn_request(compare, success, failure)))


def txn_request(
    compare: Iterable[Compare] = (), success: Iterable[Op] = (), failure: Iterable[Op] = ()
) -> rpc_pb2.TxnRequest:
    """The request for one transaction; anything but ``Compare`` and ``Op`` is a ``ValueError``."""
    message = rpc_pb2.TxnRequest(
        compare=[_part(c, Compare, "compare").message for c in compare],
        success=[_part(o, Op, "success").message for o in success],
        failure=[_part(o, Op, "failure").message for o in failure],
    )
    if _depth(message) > MAX_DEPTH:
        raise ValueError(f"transactions are nested deeper than {MAX_DEPTH}")
    return message


def _depth(message: rpc_pb2.TxnRequest) -> int:
    nested = [op.request_txn for op in (*message.success, *message.failure) if op.HasField("request_txn")]
    return 1 + max((_depth(n) for n in nested), default=0)


def _part(value: Any, kind: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{where} takes {kind.__name__} objects, not {value!r}")
    if kind is Op and value.message.WhichOneof("request") is None:
        raise ValueError(f"{where} holds an empty operation")
    return value


def _build(make: Any, name: str, *args: Any, **options: Any) -> Any:
    try:
        return make(*args, **options)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            extra = str(error).rsplit(" ", 1)[-1]
            raise ValueError(f"a {name} operation has no option {extra}") from None
        raise
