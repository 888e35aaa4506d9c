"""How fast a store is walked beside other people's work: few keys at a time, slower where answers get slow.

A walk holds a lock that every write needs, so one must be short, and there must be room between two. What a server
answers tells how long a walk takes there, and whether others wait for it too: an answer that took much longer than its
walk stood in a queue.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from etcdtui.core.listing import AIM

LONG = 0.005
"""Seconds that one walk should take at most."""
LEAST = 1_000
"""Keys of one walk at least, however slow it is."""
MOST_AT_ONCE = 3
"""Walks in flight, of as many keys as one may walk; of more where they are shorter."""
REQUESTS = 6
WALKED = 500
"""Keys from which a request counts as a walk; fewer are in nobody's way."""
SLOW = 0.010
"""Seconds beyond what a walk takes itself after which an answer is late."""
A_NAME = 8e-6
"""Seconds that a server takes at most for each name it sends, which holds no lock."""
LEVELS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Pauses between walks, in times of what the last one took: one step up when an answer was late."""
CALM = 8
"""Answers in time after which it goes a step faster again."""
LATE_OF = 32
"""Answers by which a member is judged: it is too busy when three of four were late at the longest pause."""


class Pace:
    """Lets walks pass. ``keys`` is how many keys one request should walk now, ``struggling`` that no pause helps."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = pause
        self._slots = MOST_AT_ONCE
        self._out = self._walking = 0
        self._turn = asyncio.Condition()
        self._level = 0
        self._took = 0.0
        self._calm = 0
        self._trip = float("inf")
        """Seconds that an answer takes whose walk is nothing."""
        self._a_key = 0.0
        self._least_a_key = float("inf")
        self._late: deque[bool] = deque(maxlen=LATE_OF)
        self.walked = 0

    @property
    def keys(self) -> int:
        """How many keys one request should walk, so that it takes no longer than ``LONG``."""
        if self._least_a_key == float("inf"):
            return AIM  # nothing was walked yet
        return max(LEAST, min(AIM, int(LONG / self._least_a_key)))

    @property
    def struggling(self) -> bool:
        """Whether answers are late though there is the longest pause between walks."""
        full = len(self._late) == LATE_OF and sum(self._late) * 4 >= LATE_OF * 3
        return full and self._level == len(LEVELS) - 1

    @property
    def pause(self) -> float:
        """Seconds to wait before the next walk."""
        return LEVELS[self._level] * self._took

    def begin_anew(self) -> None:
        """Another member answers from now on."""
        self._late.clear()
        self._trip = self._least_a_key = float("inf")
        self._a_key = 0.0
        self._level = 0

    @asynccontextmanager
    async def turn(self, keys: int) -> AsyncGenerator[None, None]:
        """Wait until about ``keys`` keys may be walked."""
        if keys < WALKED:
            yield
            return
        async with self._turn:
            await self._turn.wait_for(lambda: self._room(keys))
            self._out += 1
            self._walking += keys
        try:
            if self.pause:
                await self._sleep(self.pause)
            yield
        finally:
            self._out -= 1
            self._walking -= keys
            async with self._turn:
                self._turn.notify_all()

    def _room(self, keys: int) -> bool:
        return not self._out or (self._out < REQUESTS and self._walking + keys <= self._slots * self.keys)

    def answered(self, seconds: float, keys: int, returned: int = 0) -> None:
        """An answer took so long; ``keys`` were walked for it and ``returned`` of them sent."""
        self.walked += keys
        if keys < WALKED:
            self._trip = min(self._trip * 1.02, seconds)
            return
        trip = self._trip if self._trip < float("inf") else 0.0
        walk = max(0.0, seconds - trip - A_NAME * returned)
        self._took = min(walk, 10 * LONG)
        a_key = max(1e-8, walk / keys)
        self._least_a_key = min(self._least_a_key * 1.01, a_key)
        self._a_key = a_key if not self._a_key else self._a_key * 0.8 + min(a_key, self._a_key * 4) * 0.2
        late = walk > SLOW + self._least_a_key * keys
        self._late.append(late)
        self._calm = 0 if late else self._calm + 1
        if late:
            self._slots = 1
            self._level = min(len(LEVELS) - 1, self._level + 1)
        elif self._calm >= CALM:
            self._calm = 0
            self._level = max(0, self._level - 1)
            self._slots = MOST_AT_ONCE if not self._level else 1
