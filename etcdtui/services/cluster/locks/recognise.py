"""Locks out of keys: what the usual recipes leave in the store, told apart by names, leases and creation order.

Go's ``concurrency`` (so ``etcdctl lock`` and ``elect``), the servers' own lock and election services and jetcd, which
uses those, all put ``<name>/<lease in hex>`` and give the lock to the key created first below ``<name>/``, whatever it
is called. The other shapes are told by a pattern of the profile or by their name, and are called a guess.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum

from etcdtui.core.decoding import kube_object
from etcdtui.core.decoding.kubernetes import unwrap
from etcdtui.core.ranges import prefix_end
from etcdtui.core.search import KeyGlob
from etcdtui.core.types import KeyValue
from etcdtui.core.value import record

KUBE_LEASES = b"/registry/leases/"
KUBE_NODES = b"/registry/leases/kube-node-lease/"
"""One heartbeat a node: no lock, and many."""
LEADER_NAMES = frozenset({b"leader", b"master", b"primary", b"lock", b"owner"})
"""Last parts of names under which a key with a lease is called a leader's, as a guess."""
_HEX = re.compile(rb"-?[0-9a-f]{8,16}")
_NANOS = re.compile(rb"[0-9]{16,20}")
_PATRONI = (b"initialize", b"config", b"members", b"history", b"status", b"sync", b"failover")
SHAPE = "guessed from its shape: <name>/<hex> without that lease"
BY_NAME = "guessed from its name and its lease"
BY_PATTERN = "told by a pattern of the profile; one key, its waiters leave no trace"
RW_SHAPE = "guessed from <name>/read|write/<nanoseconds>"


class LockKind(Enum):
    LOCK = "lock"
    ELECTION = "election"
    EITHER = "election?"
    READ_WRITE = "rwlock?"
    PATRONI = "patroni"
    LEADER = "leader"
    LEADER_GUESS = "leader?"
    KUBE = "k8s lease"
    GUESS = "lock?"


class Place(Enum):
    """Where a key stands in its queue."""

    HOLDS = "HOLDS"
    WAITS = "waits"
    BLOCKS = "BLOCKS"
    """Nobody's place, but created before those who wait, and below the name: the recipe waits for it too."""


@record()
class Contender:
    """One key of a queue. ``behind`` is how many keys were created before it that it waits for."""

    key: bytes
    lease: int
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    place: Place
    behind: int = 0

    @property
    def orphan(self) -> bool:
        """No lease: nothing ends it when its owner is gone."""
        return self.lease == 0


@record()
class KubeLease:
    """What a Kubernetes Lease object says; times are the holder's own clock, in seconds since 1970, 0 when absent."""

    holder: str
    duration: int
    acquired: float
    renewed: float
    transitions: int


@record()
class Lock:
    """``queue`` in order of creation, the first is who holds. ``guess`` says what was guessed, empty when nothing."""

    kind: LockKind
    name: bytes
    queue: tuple[Contender, ...]
    guess: str = ""
    kube: KubeLease | None = None

    @property
    def id(self) -> tuple[str, bytes]:
        return ("kube" if self.kube else "key" if self.single else "queue", self.name)

    @property
    def single(self) -> bool:
        """One key that is taken and given back: whoever waits for it leaves no trace."""
        return self.kind in (LockKind.PATRONI, LockKind.LEADER, LockKind.LEADER_GUESS, LockKind.KUBE) or (
            len(self.queue) == 1 and self.queue[0].key == self.name
        )

    @property
    def holder(self) -> Contender | None:
        first = self.queue[0] if self.queue else None
        return first if first is not None and first.place is Place.HOLDS else None

    @property
    def waiters(self) -> int:
        return sum(one.place is Place.WAITS for one in self.queue)

    @property
    def orphan(self) -> bool:
        """Nothing ends it by itself: who stands first has no lease."""
        return self.kube is None and bool(self.queue) and self.queue[0].orphan

    @property
    def span(self) -> tuple[bytes, bytes]:
        """The keys to watch for a handover."""
        return (self.name, b"") if self.single else (self.name + b"/", prefix_end(self.name + b"/"))


def lease_word(lease: int) -> bytes:
    """A lease ID as Go's ``%x`` writes it, without leading zeros: the last part of a contender's key."""
    return b"-%x" % -lease if lease < 0 else b"%x" % lease


def is_contender(key: bytes, lease: int) -> bool:
    """The strong sign: a key that ends in its own lease's ID."""
    return lease != 0 and key.endswith(b"/" + lease_word(lease))


def is_telling(key: bytes, lease: int) -> bool:
    """Whether a key with a lease is one that a lock consists of, wherever it lies."""
    head, _, last = key.rpartition(b"/")
    return is_contender(key, lease) or (lease != 0 and (last in LEADER_NAMES or _is_rw(head, last)))


def _is_rw(head: bytes, last: bytes) -> bool:
    return head.endswith((b"/read", b"/write")) and _NANOS.fullmatch(last) is not None


def recognise(kvs: Iterable[KeyValue], patterns: Sequence[str] = ()) -> tuple[Lock, ...]:
    """Every lock among these keys, by name. ``patterns`` say which names are locks although nothing else shows it."""
    pairs = sorted(kvs, key=lambda kv: kv.key)
    globs = [KeyGlob(pattern) for pattern in patterns]

    def named(key: bytes) -> bool:
        return any(glob.matches(key) for glob in globs)

    strong: dict[bytes, list[KeyValue]] = {}
    weak: dict[bytes, list[KeyValue]] = {}
    both_ways: dict[bytes, list[KeyValue]] = {}
    locks: list[Lock] = []
    single: list[KeyValue] = []
    for kv in pairs:
        head, _, last = kv.key.rpartition(b"/")
        if kv.key.startswith(KUBE_LEASES):
            if not kv.key.startswith(KUBE_NODES) and named(kv.key) and (found := _kube(kv)) is not None:
                locks.append(found)
        elif is_contender(kv.key, kv.lease):
            strong.setdefault(head, []).append(kv)
        elif kv.lease and _is_rw(head, last):
            both_ways.setdefault(head.rpartition(b"/")[0], []).append(kv)
        elif _HEX.fullmatch(last) and named(head):
            weak.setdefault(head, []).append(kv)
        elif named(kv.key) or (kv.lease and last in LEADER_NAMES):
            single.append(kv)
    keys = [kv.key for kv in pairs]
    locks += [
        _queue(name, strong.get(name, []), weak.get(name, []), _below(name, pairs, keys)) for name in {**strong, **weak}
    ]
    locks += [_read_write(name, held) for name, held in both_ways.items()]
    queues = [name + b"/" for name in {**strong, **weak, **both_ways}]
    for kv in single:
        if not (kv.lease == 0 and any(kv.key.startswith(name) for name in queues)):
            locks.append(_single(kv, named(kv.key), keys))
    return tuple(sorted(locks, key=lambda lock: (lock.name, lock.kind.value)))


def _below(name: bytes, pairs: Sequence[KeyValue], keys: Sequence[bytes]) -> Sequence[KeyValue]:
    start = name + b"/"
    return pairs[bisect_left(keys, start) : bisect_left(keys, prefix_end(start))]


def _queue(name: bytes, strong: list[KeyValue], weak: list[KeyValue], below: Sequence[KeyValue]) -> Lock:
    """The queue of a name as the recipe reads it: everything below the name counts, by order of creation."""
    own = {kv.key for kv in (*strong, *weak)}
    last = max(kv.create_revision for kv in (*strong, *weak))
    line = sorted((kv for kv in below if kv.create_revision <= last), key=lambda kv: (kv.create_revision, kv.key))
    queue = tuple(
        _contender(kv, Place.BLOCKS if kv.key not in own else Place.WAITS if at else Place.HOLDS, at)
        for at, kv in enumerate(line)
    )
    if not strong:
        return Lock(LockKind.GUESS, name, queue, SHAPE)
    filled = sum(bool(kv.value) for kv in strong)
    if not filled:
        return Lock(LockKind.LOCK, name, queue)
    if filled == len(strong):
        return Lock(LockKind.ELECTION, name, queue)
    return Lock(LockKind.EITHER, name, queue, "some keys have a value and some none: an election, or a lock beside it")


def _read_write(name: bytes, held: list[KeyValue]) -> Lock:
    """Readers share it until somebody who wants to write came before them; whoever writes waits for all before."""
    line = sorted(held, key=lambda kv: (kv.create_revision, kv.key))
    queue: list[Contender] = []
    writers = 0
    for at, kv in enumerate(line):
        writes = kv.key.rpartition(b"/")[0].endswith(b"/write")
        behind = at if writes else writers
        queue.append(_contender(kv, Place.WAITS if behind else Place.HOLDS, behind))
        writers += writes
    return Lock(LockKind.READ_WRITE, name, tuple(queue), RW_SHAPE)


def _single(kv: KeyValue, named: bool, keys: Sequence[bytes]) -> Lock:
    head, _, last = kv.key.rpartition(b"/")
    queue = (_contender(kv, Place.HOLDS, 0),)
    if last == b"leader" and any(_has(keys, head + b"/" + part) for part in _PATRONI):
        return Lock(LockKind.PATRONI, kv.key, queue)
    if not kv.lease:
        return Lock(LockKind.GUESS, kv.key, queue, BY_PATTERN)
    if last in LEADER_NAMES and not named:
        return Lock(LockKind.LEADER_GUESS, kv.key, queue, BY_NAME)
    return Lock(LockKind.LEADER, kv.key, queue, BY_PATTERN)


def _has(keys: Sequence[bytes], name: bytes) -> bool:
    """Whether there is this key, or one below it."""
    at = bisect_left(keys, name)
    return at < len(keys) and (keys[at] == name or keys[at].startswith(name + b"/"))


def _contender(kv: KeyValue, place: Place, behind: int) -> Contender:
    return Contender(kv.key, kv.lease, kv.value, kv.create_revision, kv.mod_revision, kv.version, place, behind)


def _kube(kv: KeyValue) -> Lock | None:
    """A Lease object of Kubernetes: its holder stands in the value, and no lease of etcd ends it."""
    spec = _kube_spec(kv.value)
    if not isinstance(spec, dict):
        return None
    kube = KubeLease(
        str(spec.get("holderIdentity") or ""),
        _whole(spec.get("leaseDurationSeconds")),
        _when(spec.get("acquireTime")),
        _when(spec.get("renewTime")),
        _whole(spec.get("leaseTransitions")),
    )
    name = kv.key.removeprefix(KUBE_LEASES)
    return Lock(LockKind.KUBE, name, (_contender(kv, Place.HOLDS, 0),), kube=kube)


def _kube_spec(value: bytes) -> object:
    try:
        if value.startswith(b"{"):
            data = json.loads(value)
            return data.get("spec") if isinstance(data, dict) and data.get("kind") == "Lease" else None
        found = unwrap(value)
        read = kube_object.read(*found) if found is not None and found[1] == "Lease" else None
        return read.data.get("spec") if read is not None else None
    except (ValueError, RecursionError):
        return None


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _when(value: object) -> float:
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() if isinstance(value, str) else 0.0
    except ValueError:
        return 0.0
