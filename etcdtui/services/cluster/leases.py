"""Leases as people ask about them: what is left, who renews, and which keys go when one ends.

The server lists IDs only. TTLs are read one by one, for the rows that are looked at, and the state of a lease is
computed from samples of our own: etcd does not say whether anybody renews.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import field, replace
from enum import Enum
from itertools import pairwise

from etcdtui.client import Client
from etcdtui.core.errors import EtcdError, PermissionDenied
from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan, line
from etcdtui.core.ranges import ALL
from etcdtui.core.types import LeaseTimeToLive
from etcdtui.core.units import counted
from etcdtui.core.value import record

PARALLEL_READS = 8
SAMPLES_KEPT = 120
ONE_SHOT_TTL = 600
"""Granted seconds from which a lease that was never seen renewed is called one-shot."""
ROUNDING = 1.5
"""Seconds by which two answers about the time left may differ from the time that passed."""
MOST_TTL = 9_000_000_000
"""Seconds; the server takes no more (``lessor.go``, etcd 3.4 to 3.7)."""
SCAN_KEYS = 10_000
"""Keys read to find leases where listing them is not allowed."""


class LeaseState(Enum):
    UNKNOWN = "?"
    WAITING = "…"
    RENEWED = "renewed"
    DRAINING = "DRAINING"
    ONE_SHOT = "one-shot"
    EMPTY = "EMPTY"
    GONE = "gone"


@record()
class LeaseRow:
    """One lease. ``ttl`` and ``granted`` in seconds, ``None`` until read; ``keys`` as far as they may be read.

    ``keys`` is ``None`` when they were not read or reading them is not allowed (``keys_denied``).
    """

    id: int
    ttl: int | None = None
    granted: int = 0
    keys: tuple[bytes, ...] | None = None
    keys_denied: bool = False
    state: LeaseState = LeaseState.WAITING
    seen: float = 0.0
    error: EtcdError | None = None

    @property
    def since_renewal(self) -> int | None:
        """Seconds since the last renewal, as granted minus left; a leader change makes it too small."""
        return None if self.ttl is None or self.ttl < 0 else max(0, self.granted - self.ttl)


def lease_hex(lease_id: int) -> str:
    """A lease ID as etcdctl prints it: 16 hex digits."""
    return f"{lease_id & 0xFFFFFFFFFFFFFFFF:016x}"


def parse_lease_id(text: str) -> tuple[int, ...]:
    """The IDs that ``text`` can mean: hex as etcdctl prints it, ``0x`` hex or decimal; two when it is ambiguous.

    Raises ``ValueError`` with a sentence.
    """
    plain = text.strip().lower().replace("_", "")
    if plain.startswith("0x"):
        return (int(plain, 16),)
    meanings: list[int] = []
    for base in (16, 10):
        try:
            value = int(plain, base)
        except ValueError:
            continue
        if -(1 << 63) <= value < (1 << 64):
            meanings.append(value - (1 << 64) if value >= 1 << 63 else value)
    if not meanings:
        raise ValueError(f"{text!r} is not a lease ID; write it in hex as etcdctl does, or in decimal.")
    return tuple(dict.fromkeys(meanings)) if len(plain) < 16 else (meanings[0],)


def state_of(samples: Sequence[tuple[float, int]], granted: int, keys: int | None) -> LeaseState:
    """What the samples ``(when, seconds left)`` tell, newest last."""
    if not samples:
        return LeaseState.WAITING
    left = samples[-1][1]
    if left < 0:
        return LeaseState.GONE
    if keys == 0:
        return LeaseState.EMPTY
    rose = any(_renewed(earlier, later) for earlier, later in pairwise(samples))
    falling = len(samples) > 1 and samples[-1][1] < samples[-2][1]
    if left * 3 < granted and (falling or len(samples) == 1) and not (rose and not falling):
        return LeaseState.DRAINING
    if rose:
        return LeaseState.RENEWED
    return LeaseState.ONE_SHOT if granted > ONE_SHOT_TTL else LeaseState.UNKNOWN


def _renewed(earlier: tuple[float, int], later: tuple[float, int]) -> bool:
    """Whether more is left than there can be without a renewal in between; etcd tells whole seconds."""
    return later[1] > earlier[1] or later[1] > earlier[1] - (later[0] - earlier[0]) + ROUNDING


@record(frozen=False)
class LeaseBook:
    """Reads and remembers leases of one cluster. ``limited`` says why the list is not complete, empty when it is."""

    client: Client
    now: Callable[[], float] = time.time
    limited: str = ""
    rows: dict[int, LeaseRow] = field(default_factory=dict)
    _samples: dict[int, deque[tuple[float, int]]] = field(default_factory=dict)

    async def list_ids(self, readable: Sequence[tuple[bytes, bytes]] = (ALL,)) -> tuple[int, ...]:
        """All lease IDs; where listing is refused, those found on keys in the ``readable`` ranges."""
        ids: tuple[int, ...]
        try:
            ids = await self.client.lease.leases()
            self.limited = ""
        except PermissionDenied:
            ids = await self._leases_on_keys(readable)
            self.limited = (
                f"Listing needs read on every leased key. Showing leases found on keys you can read ({len(ids)})."
            )
        known = set(ids)
        for gone in [lease for lease in self.rows if lease not in known]:
            del self.rows[gone]
            self._samples.pop(gone, None)
        for lease in ids:
            self.rows.setdefault(lease, LeaseRow(lease))
        return tuple(ids)

    async def read(self, ids: Iterable[int], *, keys: bool = True) -> None:
        """Read the TTL of each, a few at a time; a failure is kept in its row."""
        gate = asyncio.Semaphore(PARALLEL_READS)

        async def one(lease: int) -> None:
            async with gate:
                self.rows[lease] = await self._read_one(lease, keys)

        await asyncio.gather(*(one(lease) for lease in dict.fromkeys(ids)))

    def samples(self, lease: int) -> tuple[tuple[float, int], ...]:
        """``(when, seconds left)`` as seen, oldest first."""
        return tuple(self._samples.get(lease, ()))

    async def _read_one(self, lease: int, keys: bool) -> LeaseRow:
        known = self.rows.get(lease, LeaseRow(lease))
        denied = known.keys_denied
        try:
            try:
                answer = await self.client.lease.time_to_live(lease, keys=keys and not denied)
            except PermissionDenied:
                if not keys or denied:
                    raise
                denied = True
                answer = await self.client.lease.time_to_live(lease)
        except EtcdError as error:
            return replace(known, error=error, state=LeaseState.UNKNOWN)
        return self._row(known, answer, denied=denied, with_keys=keys and not denied)

    def _row(self, known: LeaseRow, answer: LeaseTimeToLive, *, denied: bool, with_keys: bool) -> LeaseRow:
        samples = self._samples.setdefault(known.id, deque(maxlen=SAMPLES_KEPT))
        samples.append((self.now(), answer.ttl))
        attached = tuple(sorted(answer.keys)) if with_keys else known.keys
        granted = answer.granted_ttl or known.granted
        state = state_of(samples, granted, None if attached is None else len(attached))
        return LeaseRow(known.id, answer.ttl, granted, attached, denied, state, self.now())

    async def _leases_on_keys(self, readable: Sequence[tuple[bytes, bytes]]) -> tuple[int, ...]:
        """Leases attached to readable keys; full reads, because keys-only answers of 3.7 leave the lease out."""
        found: dict[int, None] = {}
        for key, end in readable:
            try:
                async with aclosing(self.client.kv.pages(key, range_end=end or None, page_size=SCAN_KEYS)) as pages:
                    async for page in pages:
                        found.update((kv.lease, None) for kv in page.kvs if kv.lease)
                        break
            except EtcdError:
                continue
        return tuple(found)


def grant_plan(ttl: int) -> WritePlan:
    return WritePlan(
        action="lease grant",
        target=f"{ttl}s".encode(),
        action_class=ActionClass.R1,
        scope=Scope(frozenset({"Lease/LeaseGrant"}), leases=None),
        facts=(Fact("a new lease", b"", "", f"of {ttl} seconds, without keys"),),
        lines=(line("the server raises it to its minimum (2 s by default)", tone="dim"),),
        etcdctl=f"etcdctl lease grant {ttl}",
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


def revoke_plan(row: LeaseRow) -> WritePlan:
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
        lines=(line("there is no compare-and-swap for a revoke: the keys were read just now", tone="dim"),),
        etcdctl=f"etcdctl lease revoke {lease_hex(row.id)}",
        keys=keys or (),
        changes=len(keys or ()),
        undo="the lease and its ID are gone",
    )
