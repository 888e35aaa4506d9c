"""An async client for etcd v3 (3.4 to 3.7): ``async with connect(ClientOptions(...)) as client``."""

from __future__ import annotations

from etcdtui.client import errors
from etcdtui.client._wire.requests import SortOrder, SortTarget
from etcdtui.client.client import Client, connect
from etcdtui.client.options import ClientOptions, TlsOptions
from etcdtui.client.txn import Compare, Op
from etcdtui.core.types import AlarmType, EventType, Permission, PermissionType

__all__ = [
    "AlarmType",
    "Client",
    "ClientOptions",
    "Compare",
    "EventType",
    "Op",
    "Permission",
    "PermissionType",
    "SortOrder",
    "SortTarget",
    "TlsOptions",
    "connect",
    "errors",
]
