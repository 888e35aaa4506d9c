"""The nouns of etcd as frozen values: slotted dataclasses where there are many of them, else cheap to define.

Keys and values are ``bytes`` everywhere below the UI. Revisions, lease and member IDs are ``int``
(member and cluster IDs are unsigned and routinely exceed 2**63). Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from enum import Enum, IntEnum
from pathlib import Path

from etcdtui.core.errors import EtcdError
from etcdtui.core.value import Value, record


@record()
class ResponseHeader:
    """Who answered and how far that member's store was when it answered."""

    cluster_id: int
    member_id: int
    revision: int
    raft_term: int


@record()
class KeyValue:
    """One key. ``version`` counts puts since the last creation; ``lease`` is 0 when none is attached."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


class EventType(Enum):
    PUT = "PUT"
    DELETE = "DELETE"


@record()
class Event:
    """One change. A DELETE event's ``kv`` carries only the key and the ``mod_revision`` of the deletion."""

    type: EventType
    kv: KeyValue
    prev_kv: KeyValue | None = None

    @property
    def is_create(self) -> bool:
        return self.type is EventType.PUT and self.kv.version == 1


@record()
class WatchBatch:
    """Events of one or more whole revisions, in order; or without events a ``created``, ``progress`` or ``lost`` note.

    ``lost`` is why the watcher's stream broke after ``revision``; it is resumed by itself, which is a ``created``.
    ``events`` is immutable and equal to the tuple of its events; they may be built when first looked at.
    """

    revision: int
    events: Sequence[Event] = ()
    created: bool = False
    progress: bool = False
    header: ResponseHeader | None = None
    lost: EtcdError | None = None


@record()
class RangeResult:
    """``count`` is the number of keys in the whole range, whatever ``limit`` or filters said."""

    kvs: tuple[KeyValue, ...]
    more: bool
    count: int
    header: ResponseHeader | None = None

    @property
    def kv(self) -> KeyValue | None:
        """The pair where one key was asked for; the first one of a range."""
        return self.kvs[0] if self.kvs else None


class PutResult(Value):
    prev_kv: KeyValue | None = None
    header: ResponseHeader | None = None


class DeleteResult(Value):
    deleted: int
    prev_kvs: tuple[KeyValue, ...] = ()
    header: ResponseHeader | None = None


class TxnResult(Value):
    """``responses`` are those of the branch that ran, in request order."""

    succeeded: bool
    responses: tuple[RangeResult | PutResult | DeleteResult | TxnResult, ...]
    header: ResponseHeader | None = None


class CompactResult(Value):
    header: ResponseHeader | None = None


class Lease(Value):
    """A granted lease: ``ttl`` is what the server really gave, in seconds."""

    id: int
    ttl: int
    header: ResponseHeader | None = None


class LeaseIds(tuple[int, ...]):
    """Lease IDs as a tuple, with the response ``header``."""

    header: ResponseHeader | None = None


class LeaseTimeToLive(Value):
    """``ttl`` is -1 when the lease does not exist (any more); ``granted_ttl`` is then 0."""

    id: int
    ttl: int
    granted_ttl: int
    keys: tuple[bytes, ...] = ()
    header: ResponseHeader | None = None


class Member(Value):
    """A member that never started has an empty ``name`` and no ``client_urls``."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool = False


class Members(tuple[Member, ...]):
    """The member list as a tuple, with the response ``header`` and, after an add, the ``member`` added."""

    header: ResponseHeader | None = None
    member: Member | None = None


class AlarmType(IntEnum):
    NONE = 0
    NOSPACE = 1
    CORRUPT = 2


class Alarm(Value):
    member_id: int
    type: AlarmType


class Alarms(tuple[Alarm, ...]):
    """Active alarms as a tuple, with the response ``header`` (absent before etcd 3.5)."""

    header: ResponseHeader | None = None


class EndpointStatus(Value):
    """What one member says of itself. Sizes in bytes; ``db_size_quota`` and ``storage_version`` from 3.6 only."""

    endpoint: str
    header: ResponseHeader | None
    version: str
    db_size: int
    db_size_in_use: int
    leader: int
    raft_index: int
    raft_term: int
    raft_applied_index: int
    errors: tuple[str, ...] = ()
    is_learner: bool = False
    storage_version: str = ""
    db_size_quota: int = 0
    downgrade_enabled: bool = False
    downgrade_target: str = ""

    @property
    def member_id(self) -> int:
        return self.header.member_id if self.header else 0

    @property
    def is_leader(self) -> bool:
        return self.leader != 0 and self.leader == self.member_id


class HashKV(Value):
    """Comparable only with another of equal revision and equal ``compact_revision``."""

    hash: int
    compact_revision: int
    hash_revision: int = 0
    header: ResponseHeader | None = None


class Ack(Value):
    """The answer of a call that has nothing to tell but its header."""

    header: ResponseHeader | None = None


class DowngradeResult(Value):
    """``version`` is the cluster's version now: ``"3.5.0"`` up to etcd 3.5, ``"3.6"`` later."""

    version: str
    header: ResponseHeader | None = None


class SavedSnapshot(Value):
    """A verified snapshot file: size in bytes with the 32-byte trailer, ``sha256`` of the data in hex."""

    path: Path
    size: int
    sha256: str
    version: str = ""


class SnapshotChunk(Value):
    blob: bytes
    remaining_bytes: int
    version: str = ""


class PermissionType(IntEnum):
    READ = 0
    WRITE = 1
    READWRITE = 2


class Permission(Value):
    """A right on ``[key, range_end)``; an empty ``range_end`` is one key, ``b"\\0"`` everything from ``key``.

    Made with texts too (``Permission("readwrite", "/app/", "/app0")``); it holds the enum and bytes. A type that is
    none is refused when it is to be granted.
    """

    type: PermissionType
    key: bytes
    range_end: bytes = b""

    def __init__(
        self,
        type: PermissionType | int | str,  # noqa: A002 - the name of the field
        key: bytes | str,
        range_end: bytes | str = b"",
    ) -> None:
        kind = PermissionType.__members__.get(type.upper(), type) if isinstance(type, str) else type
        super().__init__(kind, _encoded(key), _encoded(range_end))


def _encoded(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


@record()
class User:
    name: str
    roles: tuple[str, ...] = ()
    header: ResponseHeader | None = field(default=None, compare=False)


@record()
class Role:
    name: str
    permissions: tuple[Permission, ...] = ()
    header: ResponseHeader | None = field(default=None, compare=False)


class Names(tuple[str, ...]):
    """User or role names as a tuple, with the response ``header``."""

    header: ResponseHeader | None = None


class AuthStatus(Value):
    enabled: bool
    revision: int
    header: ResponseHeader | None = None


class WriteIntent(Value):
    """What a mutating call is about to do, handed to the write gate before anything is sent.

    ``method`` is the RPC's name (``"KV/Put"``); ``puts`` are single keys, ``deletes`` are ``[key, range_end)``
    pairs in etcd's range convention, ``lease`` and ``member`` the IDs concerned (0 when none).
    """

    method: str
    puts: tuple[bytes, ...] = ()
    deletes: tuple[tuple[bytes, bytes], ...] = ()
    lease: int = 0
    member: int = 0
    detail: str = field(default="")


WriteGate = Callable[[WriteIntent], None]
"""Called before every mutating RPC; raises ``errors.WriteRefused`` to stop it. Reads never pass here."""
