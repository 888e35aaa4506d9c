"""Breaking a lock: the end of one lease, after everything that hangs on it was listed."""

from __future__ import annotations

from dataclasses import replace

from etcdtui.core.plan import Fact, WritePlan, line
from etcdtui.core.units import counted
from etcdtui.services.cluster.lease_plans import revoke_plan
from etcdtui.services.cluster.leases import LeaseRow
from etcdtui.services.cluster.locks.recognise import Contender, Lock, Place


def break_plan(lock: Lock, contender: Contender, row: LeaseRow, *, namespace: bytes = b"") -> WritePlan:
    """Revoke the lease of one key of a queue. ``row`` is that lease, read just now with its keys."""
    plan = revoke_plan(row, namespace=namespace)
    holds = contender.place is Place.HOLDS
    before = f"held since revision {contender.create_revision}" if holds else f"waits behind {contender.behind}"
    facts = [Fact(lock.kind.value.rstrip("?"), lock.name, before, "broken" if holds else "out of the queue", "head")]
    if holds:
        facts.append(_next(lock, contender))
    facts += plan.facts
    others = [key for key in row.keys or () if key != contender.key]
    if others:
        facts.append(Fact("other keys on that lease", b"", counted(len(others), "key"), "deleted too", "warn"))
    lines = [*plan.lines]
    if lock.guess:
        lines.insert(0, line(f"that this is a lock is a guess: {lock.guess}", tone="warn"))
    lines.append(line("the owner is not told: it finds out when it renews the lease", tone="dim"))
    return replace(
        plan,
        action="lock break",
        target=lock.name,
        target_word=lock.name.decode("utf-8", "backslashreplace"),
        facts=tuple(facts),
        lines=tuple(lines),
        blocked=_blocked(contender, row),
    )


def _blocked(contender: Contender, row: LeaseRow) -> str:
    if contender.orphan:
        return "the key has no lease that could be revoked"
    if row.error is not None:
        return f"its lease could not be read: {row.error.message}"
    if row.ttl is None or row.ttl < 0:
        return "its lease is gone already: the key vanishes by itself"
    if row.keys is not None and contender.key not in row.keys:
        return "its key is not on that lease any more: read again"
    return ""


def _next(lock: Lock, contender: Contender) -> Fact:
    behind = [one for one in lock.queue if one.key != contender.key and one.lease != contender.lease]
    if not behind:
        return Fact("next", b"", "", "nobody waits in the store: it is free")
    return Fact("next", behind[0].value or behind[0].key.rpartition(b"/")[2], "", "holds it")
