"""An async client for etcd v3 (3.4 to 3.7): ``async with connect(ClientOptions(...)) as client``.

Every name that a caller meets is here: what calls take, what they return, what they raise (``errors``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdtui.client import errors
from etcdtui.client._lease.keepalive import KeepAlive
from etcdtui.client._watch.stream import Link
from etcdtui.client._wire.convert import KeyLike
from etcdtui.client._wire.requests import SortOrder, SortTarget
from etcdtui.client.auth import Auth
from etcdtui.client.client import Client, connect
from etcdtui.client.cluster import Cluster
from etcdtui.client.concurrency import (
    Concurrency,
    Election,
    ElectionService,
    Isolation,
    LeaderKey,
    LockService,
    Mutex,
    Session,
    Stm,
)
from etcdtui.client.key_lists import KeyList, KeyLists, KeyRange
from etcdtui.client.kv import KV
from etcdtui.client.lease import LeaseClient
from etcdtui.client.maintenance import DowngradeAction, Maintenance
from etcdtui.client.observing import CallReport, Observer
from etcdtui.client.options import ClientOptions, TlsOptions
from etcdtui.client.txn import Compare, Op
from etcdtui.client.views import NamespacedClient
from etcdtui.client.watch import Watcher
from etcdtui.core.late import late
from etcdtui.core.types import (
    Ack,
    Alarm,
    Alarms,
    AlarmType,
    AuthStatus,
    CompactResult,
    DeleteResult,
    DowngradeResult,
    EndpointStatus,
    Event,
    EventType,
    HashKV,
    KeyValue,
    Lease,
    LeaseIds,
    LeaseTimeToLive,
    Member,
    Members,
    Names,
    Permission,
    PermissionType,
    PutResult,
    RangeResult,
    ResponseHeader,
    Role,
    SavedSnapshot,
    SnapshotChunk,
    TxnResult,
    User,
    WatchBatch,
    WriteGate,
    WriteIntent,
)

if TYPE_CHECKING:
    from etcdtui.client.cache import Cache as Cache
    from etcdtui.client.cache import CacheChanges as CacheChanges
    from etcdtui.client.mirror import Mirror as Mirror
    from etcdtui.client.mirror import Syncer as Syncer
    from etcdtui.client.naming import Naming as Naming
    from etcdtui.client.naming import NamingWatch as NamingWatch
    from etcdtui.client.naming import Registration as Registration
    from etcdtui.client.naming import ServiceEndpoint as ServiceEndpoint

__getattr__ = late(
    __name__,
    {
        "Cache": "cache",
        "CacheChanges": "cache",
        "Mirror": "mirror",
        "Syncer": "mirror",
        "Naming": "naming",
        "NamingWatch": "naming",
        "Registration": "naming",
        "ServiceEndpoint": "naming",
    },
)

__all__ = [
    "KV",
    "Ack",
    "Alarm",
    "AlarmType",
    "Alarms",
    "Auth",
    "AuthStatus",
    "Cache",
    "CacheChanges",
    "CallReport",
    "Client",
    "ClientOptions",
    "Cluster",
    "CompactResult",
    "Compare",
    "Concurrency",
    "DeleteResult",
    "DowngradeAction",
    "DowngradeResult",
    "Election",
    "ElectionService",
    "EndpointStatus",
    "Event",
    "EventType",
    "HashKV",
    "Isolation",
    "KeepAlive",
    "KeyLike",
    "KeyList",
    "KeyLists",
    "KeyRange",
    "KeyValue",
    "LeaderKey",
    "Lease",
    "LeaseClient",
    "LeaseIds",
    "LeaseTimeToLive",
    "Link",
    "LockService",
    "Maintenance",
    "Member",
    "Members",
    "Mirror",
    "Mutex",
    "Names",
    "NamespacedClient",
    "Naming",
    "NamingWatch",
    "Observer",
    "Op",
    "Permission",
    "PermissionType",
    "PutResult",
    "RangeResult",
    "Registration",
    "ResponseHeader",
    "Role",
    "SavedSnapshot",
    "ServiceEndpoint",
    "Session",
    "SnapshotChunk",
    "SortOrder",
    "SortTarget",
    "Stm",
    "Syncer",
    "TlsOptions",
    "TxnResult",
    "User",
    "WatchBatch",
    "Watcher",
    "WriteGate",
    "WriteIntent",
    "connect",
    "errors",
]
