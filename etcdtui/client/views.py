"""A client seen through a namespace."""

from __future__ import annotations

from etcdtui.client._transport.calls import Calls
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client.concurrency import Concurrency
from etcdtui.client.kv import KV
from etcdtui.client.lease import LeaseClient
from etcdtui.client.namespace import NamespacedCalls
from etcdtui.client.ordering import OrderedCalls
from etcdtui.client.posts import Posts
from etcdtui.client.watch import WatchHub


class NamespacedClient:
    """``kv``, ``watch``, ``lease`` and ``concurrency`` of a client, confined to the keys that start with a prefix."""

    def __init__(self, caller: Calls, prefix: KeyLike, posts: Posts) -> None:
        confined = NamespacedCalls(caller, prefix)
        self._calls = confined
        self._posts = posts.below(to_bytes(prefix))
        self.kv = KV(confined, self._posts)
        self.lease = LeaseClient(confined)
        self._watches = WatchHub(confined)
        self.watch = self._watches.watch
        self.concurrency = Concurrency(self, confined)

    def ordered(self) -> KV:
        """As ``Client.ordered``, inside of the namespace."""
        return KV(OrderedCalls(self._calls), self._posts)

    async def aclose(self) -> None:
        """End the watches and keep-alives begun here; the client itself stays open."""
        await self._watches.aclose()
        await self.lease.aclose()
