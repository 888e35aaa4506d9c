"""Follows the member list: adopts advertised URLs that really lead to a voter of this cluster, keeps the seeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from etcdtui.client._transport.calls import Sender
from etcdtui.client._wire.endpoints import Endpoint, TlsUse, parse_endpoint
from etcdtui.client.cluster import Cluster
from etcdtui.client.maintenance import Maintenance
from etcdtui.core import errors as e
from etcdtui.core.tasks import background
from etcdtui.core.types import Member

SYNC_TIMEOUT = 5.0
PROBE_TIMEOUT = 2.0
"""Seconds for one round, and for one advertised URL to answer."""
SYNC_LIMIT = SYNC_TIMEOUT + 2 * PROBE_TIMEOUT
MAX_URLS = 64
"""Advertised URLs looked at per round."""


class AutoSync:
    """``seeds`` are the endpoints configured; a learner among them rests until it is promoted."""

    def __init__(self, caller: Sender, cluster: Cluster, maintenance: Maintenance, seeds: tuple[str, ...]) -> None:
        self.seeds = seeds
        self.last_error: e.EtcdError | None = None
        self._caller, self._cluster, self._maintenance = caller, cluster, maintenance
        self._task: asyncio.Task[None] | None = None

    def start(self, interval: float) -> None:
        self._task = background(self._run(interval), "etcd endpoint sync")

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def sync(self, timeout: float | None = None) -> tuple[str, ...]:
        """One round; returns the endpoints in use after it. Raises ``ClusterMismatch`` for a seed gone astray.

        Endpoints set by hand meanwhile win over what this round found. ``timeout`` ``None`` is ``SYNC_LIMIT``; when it
        passes nothing has changed.
        """
        limit = SYNC_LIMIT if timeout is None else timeout
        try:
            async with asyncio.timeout(limit or None):
                return await self._round()
        except TimeoutError:
            raise e.DeadlineExceeded(f"the member list could not be followed within {limit:g} s") from None

    async def _round(self) -> tuple[str, ...]:
        seeds = self.seeds
        members = await self._cluster.members(timeout=SYNC_TIMEOUT)
        voters = {m.id for m in members if m.name and not m.is_learner}
        learners = {m.id for m in members if m.is_learner}
        seed_ids = await self._members_at(seeds)
        kept = [seed for seed, member in zip(seeds, seed_ids, strict=True) if member not in learners]
        urls = self._candidates([m for m in members if m.id in voters and m.id not in seed_ids])
        url_ids = await self._members_at(urls)
        seen: set[int] = set()
        for url, member in zip(urls, url_ids, strict=True):
            down_for_now = member == 0 and url in self._caller.endpoints
            if down_for_now or (member in voters and member not in seen):
                seen.add(member)
                kept.append(url)
        if kept and seeds is self.seeds:
            self._caller.set_endpoints(tuple(kept))
        return self._caller.endpoints

    async def _run(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await self.sync()
                self.last_error = None
            except e.ClosedError:
                return
            except e.EtcdError as error:
                self.last_error = error

    def _candidates(self, members: list[Member]) -> list[str]:
        """Advertised URLs worth a try; plaintext ones never join a client that uses TLS."""
        secure = self._caller.options.tls is not None or any(
            parse_endpoint(seed).tls_use is TlsUse.REQUIRED for seed in self.seeds
        )
        taken = {parse_endpoint(seed).address for seed in self.seeds}
        found: list[str] = []
        for url in (url for member in members for url in member.client_urls):
            parsed = _parsed(self._caller.options.reached(url))
            if parsed is None or parsed.address in taken or (secure and parsed.tls_use is TlsUse.NEVER):
                continue
            taken.add(parsed.address)
            found.append(parsed.text)
        return found[:MAX_URLS]

    async def _members_at(self, endpoints: Sequence[str]) -> list[int]:
        found = await asyncio.gather(*(self._member_at(name) for name in endpoints), return_exceptions=True)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return [result for result in found if isinstance(result, int)]

    async def _member_at(self, endpoint: str) -> int:
        """The ID of the member that answers there, 0 when none does. Another cluster is a ``ClusterMismatch``."""
        try:
            status = await self._maintenance.status(endpoint, timeout=PROBE_TIMEOUT)
        except e.ClusterMismatch:
            if endpoint in self.seeds:
                raise
            return 0
        except e.EtcdError:
            return 0
        return status.member_id


def _parsed(url: str) -> Endpoint | None:
    try:
        return parse_endpoint(url)
    except e.ConfigError:
        return None
