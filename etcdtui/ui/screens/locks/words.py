"""Words of the Locks screen: who holds, since when, how long still."""

from __future__ import annotations

from etcdtui.core.safe_text import safe_text
from etcdtui.core.units import format_ttl
from etcdtui.services.cluster.leases import LeaseRow, LeaseState
from etcdtui.services.cluster.locks.recognise import Contender, KubeLease, Lock, Place, lease_word

NAME_LIMIT = 80


def owner(one: Contender) -> str:
    """Who a key stands for: its value where it has one, else its lease, else the end of its name."""
    if one.value:
        return f'"{safe_text(one.value, limit=NAME_LIMIT).text}"'
    return f"{one.lease & (2**64 - 1):016x}" if one.lease else "no lease"


def holder(lock: Lock) -> str:
    if lock.kube is not None:
        return safe_text(lock.kube.holder, limit=NAME_LIMIT).text or "nobody"
    if lock.holder is None:
        return "nobody: BLOCKED"
    if lock.single and lock.holder.value:
        return safe_text(lock.holder.value, limit=NAME_LIMIT).text
    return owner(lock.holder)


def ttl(one: Contender, row: LeaseRow | None) -> str:
    """``42/60s``, ``none`` without a lease, ``gone`` when only its keys are still seen."""
    if one.orphan:
        return "none"
    if row is None or row.ttl is None:
        return "?" if row is not None and row.error is not None else "…"
    if row.ttl < 0:
        return "gone"
    if row.granted < 1_000:
        return f"{row.ttl}/{row.granted}s"
    return f"{format_ttl(row.ttl)}/{format_ttl(row.granted)}"


def kube_renewal(kube: KubeLease, now: float) -> str:
    """By the holder's clock, which may differ from ours."""
    if not kube.renewed:
        return "never renewed"
    age = max(0.0, now - kube.renewed)
    if kube.duration and age > kube.duration:
        return f"OVERDUE {format_ttl(age - kube.duration)}"
    return f"{int(age)}s of {kube.duration}s"


def since(lock: Lock) -> str:
    first = lock.queue[0] if lock.queue else None
    if first is None:
        return ""
    return f"ver {first.version}" if lock.kube is not None else f"rev {first.create_revision}"


def note(lock: Lock, one: Contender, row: LeaseRow | None) -> str:
    """What is to be known of one key of a queue."""
    words = {
        Place.HOLDS: "LEADS" if any(c.value for c in lock.queue) and not lock.single else "HOLDS",
        Place.WAITS: f"waits for {one.behind}" if lock.kind.value.startswith("rw") else f"waits, {one.behind} before",
        Place.BLOCKS: "BLOCKS: no contender, but below the name and older",
    }[one.place]
    more = [words]
    if one.orphan:
        more.append("ORPHAN: no lease ends it")
    elif not one.key.endswith(b"/" + lease_word(one.lease)) and not lock.single and one.place is not Place.BLOCKS:
        more.append("its name tells another lease" if not lock.kind.value.startswith("rw") else "")
    if row is not None and row.state is LeaseState.DRAINING:
        more.append("lease draining")
    if row is not None and row.ttl is not None and row.ttl < 0 and not one.orphan:
        more.append("lease gone, about to vanish")
    return ", ".join(word for word in more if word)


def kube_lines(kube: KubeLease, now: float) -> list[str]:
    """The facts of a Kubernetes Lease object."""
    times = [
        f"{word} {format_ttl(max(0.0, now - when))} ago"
        for word, when in (("acquired", kube.acquired), ("renewed", kube.renewed))
        if when
    ]
    return [
        f"holder {safe_text(kube.holder, limit=NAME_LIMIT).text or 'nobody'}   lasts {kube.duration} s after a renewal",
        f"{', '.join(times) or 'no times'} (by the holder's clock)   changed hands {kube.transitions} times",
        "a Lease object of Kubernetes: no lease of etcd ends it, and there is no queue",
    ]
