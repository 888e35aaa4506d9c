"""Transactions as data: conditions, requests of two branches, and what a server would refuse of them."""

from __future__ import annotations

from typing import Literal

from etcdtui.core.int64 import is_int64
from etcdtui.core.ranges import holds
from etcdtui.core.value import record

Target = Literal["mod", "create", "version", "value", "lease"]
Sign = Literal["=", "!=", "<", ">"]
SortTarget = Literal["", "version", "create", "mod", "value"]
"""What an answer is sorted by; empty: by key."""


@record()
class CompareSpec:
    """``operand`` is ``bytes`` for ``value`` and ``int`` for all others."""

    target: Target
    key: bytes
    sign: Sign
    operand: int | bytes


@record()
class GetOptions:
    """What a get asks for besides its range; 0 and empty mean the default. ``order`` applies to ``sort_by``."""

    revision: int = 0
    limit: int = 0
    sort_by: SortTarget = ""
    order: Literal["", "ascend", "descend"] = ""
    keys_only: bool = False
    count_only: bool = False
    serializable: bool = False
    min_create: int = 0
    max_create: int = 0
    min_mod: int = 0
    max_mod: int = 0


PLAIN_GET = GetOptions()


@record()
class OpSpec:
    """``kind`` is get, put or del; ``end`` as in etcd's ranges (``b""``: one key)."""

    kind: Literal["get", "put", "del"]
    key: bytes
    end: bytes = b""
    value: bytes = b""
    lease: int = 0
    ignore_lease: bool = False
    ignore_value: bool = False
    prev_kv: bool = False
    options: GetOptions = PLAIN_GET

    @property
    def size(self) -> int:
        return len(self.key) + len(self.end) + len(self.value)


@record()
class TxnSpec:
    """IF all of ``compares`` THEN ``success`` ELSE ``failure``."""

    compares: tuple[CompareSpec, ...] = ()
    success: tuple[OpSpec, ...] = ()
    failure: tuple[OpSpec, ...] = ()

    @property
    def ops(self) -> int:
        """What the server counts against its limit of operations."""
        return max(len(self.compares), len(self.success), len(self.failure))

    @property
    def size(self) -> int:
        compares = sum(len(c.key) + (len(c.operand) if isinstance(c.operand, bytes) else 8) for c in self.compares)
        return compares + sum(o.size for o in (*self.success, *self.failure))

    @property
    def writes(self) -> tuple[OpSpec, ...]:
        return tuple(o for o in (*self.success, *self.failure) if o.kind != "get")

    def problem(self) -> str:
        """What the server would refuse, in a sentence; empty when nothing is seen.

        Rules of etcd 3.4 to 3.7, server/etcdserver/api/v3rpc/key.go: keys are not empty; a branch puts a key once
        and puts none that it deletes; ignore_value and ignore_lease exclude a value and a lease.
        """
        if any(not c.key for c in self.compares):
            return "a condition has an empty key"
        numbers = [c.operand for c in self.compares if isinstance(c.operand, int)]
        if (wide := next((number for number in numbers if not is_int64(number)), None)) is not None:
            return f"a condition compares with {wide}, which is no 64-bit number"
        for name, branch in (("THEN", self.success), ("ELSE", self.failure)):
            if found := _branch_problem(branch):
                return f"{name}: {found}"
        return "" if self.ops else "the transaction is empty"


def _branch_problem(branch: tuple[OpSpec, ...]) -> str:
    if any(not o.key for o in branch):
        return "a request has an empty key"
    puts = [o for o in branch if o.kind == "put"]
    if any(not is_int64(o.lease) for o in puts):
        return "the ID of a lease is a 64-bit number"
    if any(o.ignore_lease and o.lease for o in puts):
        return "--ignore-lease and --lease exclude each other"
    if any(o.ignore_value and o.value for o in puts):
        return "--ignore-value and a value exclude each other"
    keys = [o.key for o in puts]
    if len(set(keys)) != len(keys):
        return "a key is put twice"
    for op in branch:
        if op.kind == "del" and any(holds((op.key, op.end), key) for key in keys):
            return "a key is put and deleted"
    return ""
