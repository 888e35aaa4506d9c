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
from etcdtui.core.ranges import ALL
from etcdtui.core.types import LeaseTimeToLive
from etcdtui.core.value import record
from etcdtui.services.reads.throttle import Throttle

PARALLEL_READS = 8
WALK_RATE = 1_000
"""Leases a second that are read in the background, at most: each is a request that the leader answers."""
WALK_LOT = 100
SAMPLES_KEPT = 120
WALK_SAMPLES = 2
"""Samples kept of a lease that is only read in passing."""
VANISHES_WITHIN = 60.0
"""Seconds within which keys are said to vanish soon."""
ONE_SHOT_TTL = 600
"""Granted seconds from which a lease that was never seen renewed is called one-shot."""
ROUNDING = 1.5
"""Seconds by which two answers about the time left may differ from the time that passed."""
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

    @property
    def is_read(self) -> bool:
        """Whether anything but its ID is known."""
        return self.ttl is not None

    @property
    def ends(self) -> float:
        """When it ends unless somebody renews it: seconds since 1970, known rows only."""
        return self.seen + (self.ttl or 0)

    def vanishes(self, now: float, within: float) -> bool:
        """Whether its keys go within so many seconds, by what was seen: nobody renews it, or nobody did in time.

        Whoever keeps a lease alive renews it at a third of its time; one that is past half of it is overdue.
        """
        if not self.is_read or self.ttl is None or self.ttl < 0 or not (self.keys or self.keys_denied):
            return False
        if self.ends - now > within or self.state in (LeaseState.RENEWED, LeaseState.WAITING):
            return False
        return self.state in (LeaseState.DRAINING, LeaseState.ONE_SHOT) or (self.ttl * 2 < self.granted)


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
    """What the samples ``(when, seconds left)`` of one leader tell, newest last; one alone says nothing of renewals."""
    if not samples:
        return LeaseState.WAITING
    left = samples[-1][1]
    if left < 0:
        return LeaseState.GONE
    if keys == 0:
        return LeaseState.EMPTY
    if len(samples) == 1:
        return LeaseState.UNKNOWN
    rose = any(_renewed(earlier, later) for earlier, later in pairwise(samples))
    falling = left < samples[-2][1]
    if left * 3 < granted and falling:
        return LeaseState.DRAINING
    if rose:
        return LeaseState.RENEWED
    return LeaseState.ONE_SHOT if granted > ONE_SHOT_TTL else LeaseState.UNKNOWN


def _renewed(earlier: tuple[float, int], later: tuple[float, int]) -> bool:
    """Whether more is left than there can be without a renewal in between; etcd tells whole seconds."""
    return later[1] > earlier[1] or later[1] > earlier[1] - (later[0] - earlier[0]) + ROUNDING


@record(frozen=False)
class LeaseBook:
    """Reads and remembers leases of one cluster. ``limited`` says why the list is not complete, empty when it is.

    Samples are those of one leader: at another one every time starts anew, so they are forgotten with its term.
    """

    client: Client
    now: Callable[[], float] = time.time
    limited: str = ""
    rows: dict[int, LeaseRow] = field(default_factory=dict)
    read_count: int = 0
    """How many rows are read."""
    as_of: float = 0.0
    """When a time left was last told."""
    term: int = 0
    """The raft term of the leader that the samples come from."""
    _samples: dict[int, list[tuple[float, int]]] = field(default_factory=dict)

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
            self.read_count -= self.rows.pop(gone).is_read
            self._samples.pop(gone, None)
        for lease in ids:
            if lease not in self.rows:
                self.rows[lease] = LeaseRow(lease)
        return tuple(ids)

    async def read(self, ids: Iterable[int], *, keys: bool = True, keep: int = SAMPLES_KEPT) -> None:
        """Read the TTL of each, a few at a time; a failure is kept in its row. ``keep`` samples are remembered."""
        gate = asyncio.Semaphore(PARALLEL_READS)

        async def one(lease: int) -> None:
            async with gate:
                self._keep(await self._read_one(lease, keys, keep))

        await asyncio.gather(*(one(lease) for lease in dict.fromkeys(ids)))

    def _keep(self, row: LeaseRow) -> None:
        before = self.rows.get(row.id)
        self.read_count += row.is_read - (before is not None and before.is_read)
        self.rows[row.id] = row

    async def walk(
        self,
        first: Callable[[], Iterable[int]] = lambda: (),
        seen: Callable[[Sequence[LeaseRow]], object] = lambda _: None,
        *,
        every: bool = False,
        rate: float = WALK_RATE,
    ) -> None:
        """One round over the leases that were not read, or over ``every`` one, with their keys; ``rate`` a second.

        What ``first`` names goes before the others; it is asked before each lot. ``seen`` gets each lot as it was read.
        """
        pace = Throttle(rate)
        began = self.now()
        waiting = deque(self.rows if every else [one for one, row in self.rows.items() if not row.is_read])

        def wanted(lease: int) -> bool:
            row = self.rows.get(lease)
            return row is not None and (row.seen < began if every else not row.is_read) and row.error is None

        while waiting:
            lot = [lease for lease in first() if wanted(lease)][:WALK_LOT]
            while waiting and len(lot) < WALK_LOT:
                lease = waiting.popleft()
                if wanted(lease) and lease not in lot:
                    lot.append(lease)
            if not lot:
                return
            await pace.spend(len(lot))
            await self.read(lot, keep=WALK_SAMPLES)
            seen([self.rows[lease] for lease in lot if lease in self.rows])

    def samples(self, lease: int) -> tuple[tuple[float, int], ...]:
        """``(when, seconds left)`` as seen, oldest first."""
        return tuple(self._samples.get(lease, ()))

    def vanishing(self, within: float = VANISHES_WITHIN) -> list[LeaseRow]:
        """The leases whose keys go soon as far as is known, the soonest first."""
        now = self.now()
        return sorted((row for row in self.rows.values() if row.vanishes(now, within)), key=lambda row: row.ends)

    async def _read_one(self, lease: int, keys: bool, keep: int) -> LeaseRow:
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
        return self._row(known, answer, denied=denied, with_keys=keys and not denied, keep=keep)

    def _row(self, known: LeaseRow, answer: LeaseTimeToLive, *, denied: bool, with_keys: bool, keep: int) -> LeaseRow:
        term = answer.header.raft_term if answer.header is not None else 0
        if term > self.term:
            self._samples.clear()
            self.term = term
        now = self.now()
        samples = self._samples.setdefault(known.id, [])
        if term >= self.term:
            samples.append((now, answer.ttl))
            if len(samples) > max(keep, 2 * WALK_SAMPLES):
                del samples[:-keep]
        attached = tuple(sorted(answer.keys)) if with_keys else known.keys
        granted = answer.granted_ttl or known.granted
        state = state_of(samples, granted, None if attached is None else len(attached))
        self.as_of = now
        return LeaseRow(known.id, answer.ttl, granted, attached, denied, state, now)

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
