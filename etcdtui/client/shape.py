"""What recipes, caches and mirrors need of a client; a namespaced one will do."""

from __future__ import annotations

from typing import Protocol

from etcdtui.client.kv import KV
from etcdtui.client.lease import LeaseClient
from etcdtui.client.watch import Watcher


class WatchCall(Protocol):
    """The part of ``client.watch`` that they need."""

    def __call__(
        self,
        key: bytes,
        *,
        range_end: bytes | None = None,
        prefix: bool = False,
        start_revision: int = 0,
        prev_kv: bool = False,
        progress_notify: bool = False,
        no_put: bool = False,
        no_delete: bool = False,
    ) -> Watcher: ...


class EtcdClient(Protocol):
    """A ``Client``, a ``NamespacedClient``, or what looks like one."""

    @property
    def kv(self) -> KV: ...

    @property
    def lease(self) -> LeaseClient: ...

    @property
    def watch(self) -> WatchCall: ...
