"""A limit on how much is read in a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class Throttle:
    """Lets at most ``per_second`` units pass on average; 0 is no limit."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._pause = pause
        self._free_at = clock()

    async def spend(self, units: float) -> None:
        """Wait until what was spent before is paid off, then owe ``units``."""
        if self._per_second <= 0:
            return
        now = self._clock()
        if self._free_at > now:
            await self._pause(self._free_at - now)
        self._free_at = max(now, self._free_at) + units / self._per_second
