"""Builds and validates KV requests, shared by the direct calls and the operations of a transaction.

Out-of-range enums crash servers up to 3.5, so nothing unknown is ever put on the wire.
"""

from __future__ import annotations

from enum import IntEnum

from etcdtui.client._wire.choices import choice
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client._wire.ranges import key_range, lease_id, whole
from etcdtui.core.errors import LeaseProvided, ValueProvided
from etcdtui.pb import rpc_pb2


class SortTarget(IntEnum):
    KEY = 0
    VERSION = 1
    CREATE = 2
    MOD = 3
    VALUE = 4


class SortOrder(IntEnum):
    NONE = 0
    ASCEND = 1
    DESCEND = 2


_TARGET_ALIASES = {"create_revision": "CREATE", "mod_revision": "MOD"}
_ORDER_ALIASES = {"ascending": "ASCEND", "asc": "ASCEND", "descending": "DESCEND", "desc": "DESCEND"}

TargetLike = SortTarget | int | str | None
OrderLike = SortOrder | int | str | None


def range_request(
    key: KeyLike,
    *,
    range_end: KeyLike | None = None,
    prefix: bool = False,
    from_key: bool = False,
    limit: int = 0,
    revision: int = 0,
    sort_target: TargetLike = None,
    sort_order: OrderLike = None,
    serializable: bool = False,
    keys_only: bool = False,
    count_only: bool = False,
    min_mod_revision: int = 0,
    max_mod_revision: int = 0,
    min_create_revision: int = 0,
    max_create_revision: int = 0,
) -> rpc_pb2.RangeRequest:
    """A Range. Ascending by key is etcd's own order and is sent as no order; any other makes it sort the whole range,
    and a target without an order would cut before sorting, so the order is then sent as ascending."""
    start, end = (
        (key, b"")
        if type(key) is bytes and key and range_end is None and not (prefix or from_key)
        else (key_range(key, range_end, prefix, from_key))
    )
    request = rpc_pb2.RangeRequest(key=start)
    if end:
        request.range_end = end
    if limit:
        request.limit = whole("limit", limit)
    if revision:
        request.revision = whole("revision", revision)
    if sort_target is not None or sort_order is not None:
        target, order = _sorting(sort_target, sort_order)
        if order:
            request.sort_target, request.sort_order = target, order  # type: ignore[assignment]  # ints serve as enums
    if serializable:
        request.serializable = True
    if keys_only:
        request.keys_only = True
    if count_only:
        request.count_only = True
    if min_mod_revision or max_mod_revision or min_create_revision or max_create_revision:
        request.min_mod_revision = whole("min_mod_revision", min_mod_revision)
        request.max_mod_revision = whole("max_mod_revision", max_mod_revision)
        request.min_create_revision = whole("min_create_revision", min_create_revision)
        request.max_create_revision = whole("max_create_revision", max_create_revision)
    return request


def put_request(
    key: KeyLike,
    value: KeyLike,
    *,
    lease: int = 0,
    prev_kv: bool = False,
    ignore_value: bool = False,
    ignore_lease: bool = False,
) -> rpc_pb2.PutRequest:
    """A Put. ``ignore_value`` keeps the value but detaches the lease unless ``ignore_lease`` is set as well."""
    start, _ = key_range(key, None, False, False)
    data = to_bytes(value, "value")
    if ignore_value and data:
        raise ValueProvided("value is provided", code="INVALID_ARGUMENT")
    if ignore_lease and lease:
        raise LeaseProvided("lease is provided", code="INVALID_ARGUMENT")
    return rpc_pb2.PutRequest(
        key=start,
        value=data,
        lease=lease_id(lease),
        prev_kv=prev_kv,
        ignore_value=ignore_value,
        ignore_lease=ignore_lease,
    )


def delete_request(
    key: KeyLike,
    *,
    range_end: KeyLike | None = None,
    prefix: bool = False,
    from_key: bool = False,
    prev_kv: bool = False,
) -> rpc_pb2.DeleteRangeRequest:
    start, end = key_range(key, range_end, prefix, from_key)
    return rpc_pb2.DeleteRangeRequest(key=start, range_end=end, prev_kv=prev_kv)


def _sorting(target: TargetLike, order: OrderLike) -> tuple[int, int]:
    chosen, direction = SortTarget.KEY, SortOrder.ASCEND
    if target is not None:
        chosen = choice(SortTarget, target, "SortTarget", aliases=_TARGET_ALIASES)
    if order is not None:
        direction = choice(SortOrder, order, "SortOrder", aliases=_ORDER_ALIASES)
        if direction is SortOrder.NONE and chosen is not SortTarget.KEY:
            direction = SortOrder.ASCEND
    if chosen is SortTarget.KEY and direction is not SortOrder.DESCEND:
        return 0, 0
    return int(chosen), int(direction)
