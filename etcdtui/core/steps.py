"""Guarded changes of single keys, and how they are packed into transactions.

A ``Step`` says what a key must be now and what it becomes. Steps that belong together (a move is a put and a
delete) form a group that is never split; groups are packed into batches that etcd's default limits accept.
"""

from __future__ import annotations

from collections.abc import Iterable

from etcdtui.core.types import KeyValue
from etcdtui.core.value import record

MAX_OPS = 128
"""Operations in one transaction (the server's default ``--max-txn-ops``)."""
MAX_BYTES = 1536 * 1024
"""Bytes in one request (the server's default ``--max-request-bytes``)."""
STEP_OVERHEAD = 64
"""Bytes of framing counted for each step beside its keys and value."""


@record()
class Step:
    """``before`` is the state the key must still be in (``None``: it must not exist); ``value`` ``None`` deletes it.

    ``keep_lease`` leaves whatever lease is attached; otherwise ``lease`` is attached (0: none).
    """

    key: bytes
    before: KeyValue | None
    value: bytes | None
    lease: int = 0
    keep_lease: bool = False

    @property
    def expected(self) -> int:
        """The ``mod_revision`` the key must have; 0 when it must not exist."""
        return self.before.mod_revision if self.before else 0

    @property
    def size(self) -> int:
        return 3 * len(self.key) + len(self.value or b"") + STEP_OVERHEAD

    @property
    def final_lease(self) -> int:
        """The lease the key has afterwards."""
        if self.value is None:
            return 0
        return (self.before.lease if self.before else 0) if self.keep_lease else self.lease


Group = tuple[Step, ...]
Batch = tuple[Step, ...]


def pack(groups: Iterable[Group], *, max_ops: int = MAX_OPS, max_bytes: int = MAX_BYTES) -> list[Batch]:
    """Fill batches in order; a group that alone is over the size limit stays alone (the server will refuse it)."""
    batches: list[Batch] = []
    current: list[Step] = []
    size = 0
    for group in groups:
        weight = sum(s.size for s in group)
        if current and (len(current) + len(group) > max_ops or size + weight > max_bytes):
            batches.append(tuple(current))
            current, size = [], 0
        current.extend(group)
        size += weight
    if current:
        batches.append(tuple(current))
    return batches


def scope_ranges(steps: Iterable[Step]) -> tuple[tuple[tuple[bytes, bytes], ...], tuple[tuple[bytes, bytes], ...]]:
    """The single-key ranges that are put and deleted."""
    puts: list[tuple[bytes, bytes]] = []
    deletes: list[tuple[bytes, bytes]] = []
    for step in steps:
        (deletes if step.value is None else puts).append((step.key, b""))
    return tuple(puts), tuple(deletes)
