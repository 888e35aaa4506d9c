"""What the screens about the cluster read: alarms, hashes, leases, users and roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from etcdtui.client import Client
from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError
from etcdtui.core.types import Alarm, Role
from etcdtui.services.cluster import access, lockout, members
from etcdtui.services.cluster.access import AccessView
from etcdtui.services.cluster.hashes import HashCheck, check_hashes
from etcdtui.services.cluster.leases import LeaseBook
from etcdtui.services.cluster.locks.book import LockBook
from etcdtui.services.cluster.view import ClusterView

Range = tuple[bytes, bytes]


class ClusterReads:
    """For one opened profile; ``me`` is its user, ``""`` when it has none, ``namespace`` what it puts before keys.

    ``locks`` are patterns of names, ``stale`` tells whether reads have to do without a leader.
    """

    def __init__(
        self,
        client: Client,
        me: str = "",
        namespace: bytes = b"",
        locks: Sequence[str] = (),
        stale: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._locks = tuple(locks)
        self._stale = stale
        self._me = me
        self._leases: LeaseBook | None = None
        self._namespace = namespace

    def lease_book(self) -> LeaseBook:
        """Reads and remembers leases; one for all screens, as the samples tell more the longer they are kept."""
        if self._leases is None:
            self._leases = LeaseBook(self._client)
        return self._leases

    def lock_book(self) -> LockBook:
        """Finds locks and follows them."""
        return LockBook(self._client, self.lease_book(), self._locks, self.readable, self._stale)

    async def alarms(self) -> tuple[tuple[Alarm, ...] | None, str]:
        """Active alarms, or ``None`` and why they are not known."""
        return await members.read_alarms(self._client)

    async def hashes(self, view: ClusterView) -> HashCheck:
        """Hash the key space of every member at one revision."""
        return await check_hashes(self._client, view)

    async def access(self) -> AccessView:
        """Users and roles as far as they may be seen."""
        return await access.read_access(self._client, self._me)

    def certificate_user(self) -> str:
        """The user that the client certificate of the connection stands for; empty without one."""
        return lockout.certificate_user(self._client.options)

    async def count_keys(self, wanted: Sequence[Range]) -> dict[Range, int]:
        """How many keys each of these ranges has now, as roles name them; those that cannot be read are left out."""
        if self._namespace:
            return {}
        return await access.count_keys(self._client, wanted)

    async def role(self, name: str) -> Role:
        """A role as it is now. Raises ``EtcdError``."""
        return await self._client.auth.role_get(name)

    async def readable(self) -> tuple[Range, ...]:
        """The ranges that the user may read, by the names that are shown; everything when that is not known."""
        if not self._me:
            return (ranges.ALL,)
        try:
            mine = await self._client.auth.user_get(self._me)
            roles = tuple([await self._client.auth.role_get(name) for name in mine.roles])
        except EtcdError:
            return (ranges.ALL,)
        found = (ranges.cut(self._namespace, *area) for area in access.readable_ranges(roles))
        return tuple(part for part in found if part is not None)
