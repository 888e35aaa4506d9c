"""Leases that this program keeps alive, for as long as it runs or until somebody lets them go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from etcdtui.client import Client
from etcdtui.core.errors import EtcdError
from etcdtui.core.tasks import background


class HeldLeases:
    """``hold`` begins under the permit of whoever calls it; ``ended`` says why a lease is held no more."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ended: dict[int, str] = {}

    @property
    def ids(self) -> tuple[int, ...]:
        """The leases that are renewed now."""
        return tuple(self._tasks)

    @property
    def ended(self) -> Mapping[int, str]:
        """Leases that were held, and why they are no more."""
        return MappingProxyType(self._ended)

    async def hold(self, lease: int) -> None:
        """Renew a lease from now on. Raises ``EtcdError`` when the first renewal fails."""
        if lease in self._tasks:
            return
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended.pop(lease, None)
        task = background(self._renew(lease, begun), f"hold lease {lease:x}")
        self._tasks[lease] = task
        try:
            await begun
        except BaseException:
            self.let_go(lease)
            raise

    async def _renew(self, lease: int, begun: asyncio.Future[None]) -> None:
        try:
            async with self._client.lease.keep_alive(lease) as renewals:
                async for _ in renewals:
                    if not begun.done():
                        begun.set_result(None)
        except EtcdError as error:
            if not begun.done():
                begun.set_exception(error)
            self._ended[lease] = error.message
        finally:
            self._tasks.pop(lease, None)

    def let_go(self, lease: int) -> None:
        """Renew it no longer; it is not revoked."""
        if (task := self._tasks.pop(lease, None)) is not None:
            task.cancel()

    async def aclose(self) -> None:
        """Let all go."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
