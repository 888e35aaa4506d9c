"""From the key arguments of the public calls to a wire range; mistakes are ``ValueError`` and nothing is sent."""

from __future__ import annotations

from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.core.errors import EmptyKey
from etcdtui.core.ranges import ALL, FROM_KEY, prefix_range

INT64_MAX = 2**63 - 1


def key_range(key: KeyLike, range_end: KeyLike | None, prefix: bool, from_key: bool) -> tuple[bytes, bytes]:
    """``(key, end)`` on the wire. An empty key means everything with ``prefix`` or ``from_key``, else ``EmptyKey``."""
    start = to_bytes(key)
    if not (prefix or from_key):
        if not start:
            raise EmptyKey("key is not provided", code="INVALID_ARGUMENT")
        return start, b"" if range_end is None else to_bytes(range_end, "range_end")
    if prefix and from_key:
        raise ValueError("prefix and from_key exclude each other")
    if range_end is not None:
        raise ValueError("range_end cannot be given together with prefix or from_key")
    if prefix:
        return prefix_range(start)
    return (start, FROM_KEY) if start else ALL


def whole(name: str, value: int, least: int = 0) -> int:
    """``value`` if it is an int from ``least`` to the largest int64."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= INT64_MAX:
        raise ValueError(f"{name} must be a whole number from {least} to {INT64_MAX}, not {value!r}")
    return value


def lease_id(value: int) -> int:
    """A lease ID: any int64."""
    if isinstance(value, bool) or not isinstance(value, int) or not -INT64_MAX - 1 <= value <= INT64_MAX:
        raise ValueError(f"a lease ID must be a 64-bit whole number, not {value!r}")
    return value
