"""Changes of leases as plans: what goes with them, and what cannot be told before."""

from __future__ import annotations

from collections.abc import Sequence

from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, WritePlan, line
from etcdtui.core.units import counted
from etcdtui.services.cluster.leases import LeaseRow, lease_hex

MOST_TTL = 9_000_000_000
"""Seconds; the server takes no more (``lessor.go``, etcd 3.4 to 3.7)."""
NO_CONDITION = "there is no compare-and-swap for a revoke: the keys were read just now"


def grant_plan(ttl: int, lease: int = 0) -> WritePlan:
    """``lease`` 0 lets the server choose the ID."""
    named = f" with the ID {lease_hex(lease)}" if lease else ""
    return WritePlan(
        action="lease grant",
        target=f"{ttl}s".encode(),
        action_class=ActionClass.R1,
        scope=Scope(frozenset({"Lease/LeaseGrant"}), leases=None),
        facts=(Fact("a new lease", b"", "", f"of {ttl} seconds, without keys{named}"),),
        lines=(line("the server raises it to its minimum (2 s by default)", tone="dim"),),
        etcdctl=f"etcdctl lease grant {ttl}" if not lease else "",
        changes=0,
        blocked="" if 0 < ttl <= MOST_TTL else f"a lease lives from 1 to {MOST_TTL:,} seconds",
    )


def keep_alive_plan(row: LeaseRow) -> WritePlan:
    left = "" if row.ttl is None else f"{row.ttl} s left"
    return WritePlan(
        action="lease keep-alive",
        target=lease_hex(row.id).encode(),
        action_class=ActionClass.R1,
        scope=Scope(frozenset({"Lease/LeaseKeepAlive"}), leases=frozenset({row.id})),
        facts=(Fact("lease", lease_hex(row.id).encode(), left, f"{row.granted} s left"),),
        lines=(line("renews the lease once: its clock starts again"),),
        etcdctl=f"etcdctl lease keep-alive --once {lease_hex(row.id)}",
        changes=0,
    )


def revoke_plan(row: LeaseRow, *, namespace: bytes = b"") -> WritePlan:
    """Revoking deletes every attached key at one revision; etcd has no condition to send with it."""
    keys = row.keys
    lease = Fact("lease", lease_hex(row.id).encode(), f"granted {row.granted} s", "ended")
    if keys is None:
        attached = Fact("its keys", b"", "", "may not be read: what is deleted is not known", "warn")
    elif keys:
        attached = Fact("its keys", b"", counted(len(keys), "key"), "deleted with it", "head")
    else:
        attached = Fact("its keys", b"", "", "no key is attached to it", "head")
    return WritePlan(
        action="lease revoke",
        target=lease_hex(row.id).encode(),
        action_class=ActionClass.R2,
        scope=Scope(frozenset({"Lease/LeaseRevoke"}), leases=frozenset({row.id})),
        target_word=lease_hex(row.id),
        facts=(lease, attached),
        listing=tuple(line("  ", key, tone="remove") for key in keys or ()),
        lines=(*_unseen(namespace), line(NO_CONDITION, tone="dim")),
        etcdctl=f"etcdctl lease revoke {lease_hex(row.id)}",
        keys=keys or (),
        changes=len(keys or ()),
        undo="the lease and its ID are gone",
    )


def revoke_many_plan(rows: Sequence[LeaseRow], *, namespace: bytes = b"") -> WritePlan:
    """Several leases, one after the other; each goes with its keys at a revision of its own."""
    keys = tuple(dict.fromkeys(key for row in rows for key in row.keys or ()))
    unknown = [row for row in rows if row.keys is None]
    facts = [
        Fact(
            "lease",
            lease_hex(row.id).encode(),
            f"granted {row.granted} s, {_count(row)}",
            "ended",
            "warn" if row.keys is None else "plain",
        )
        for row in rows
    ]
    facts.append(Fact("their keys", b"", counted(len(keys), "key"), "deleted with them", "head"))
    lines = (
        [line(f"{len(unknown)} have keys that may not be read: those are deleted too", tone="warn")] if unknown else []
    )
    return WritePlan(
        action="lease revoke",
        target=f"{len(rows)} leases".encode(),
        action_class=ActionClass.R2,
        scope=Scope(frozenset({"Lease/LeaseRevoke"}), leases=frozenset(row.id for row in rows)),
        target_word=f"{len(rows)} leases",
        facts=tuple(facts),
        listing=tuple(line("  ", key, tone="remove") for key in keys),
        lines=(*lines, *_unseen(namespace), line(NO_CONDITION, tone="dim")),
        etcdctl=" && ".join(f"etcdctl lease revoke {lease_hex(row.id)}" for row in rows),
        keys=keys,
        changes=len(keys),
        named=tuple(lease_hex(row.id).encode() for row in rows),
        undo="the leases and their IDs are gone",
    )


def hold_plan(row: LeaseRow) -> WritePlan:
    """Renew a lease for as long as the program runs."""
    return WritePlan(
        action="lease hold",
        target=lease_hex(row.id).encode(),
        action_class=ActionClass.R1,
        scope=Scope(frozenset({"Lease/LeaseKeepAlive"}), leases=frozenset({row.id})),
        facts=(Fact("lease", lease_hex(row.id).encode(), "", "renewed for as long as this program runs"),),
        lines=(line(f"when the program ends, it lives {row.granted} s longer at most", tone="dim"),),
        etcdctl=f"etcdctl lease keep-alive {lease_hex(row.id)}",
        changes=0,
        undo="K lets it go",
        blocked="" if row.ttl is None or row.ttl >= 0 else "the lease is gone",
    )


def _unseen(namespace: bytes) -> tuple[PlanLine, ...]:
    if not namespace:
        return ()
    return (line("keys outside of this profile's namespace go with it too, and are not listed", tone="warn"),)


def _count(row: LeaseRow) -> str:
    return "keys not readable" if row.keys is None else counted(len(row.keys), "key")
