"""One deadline over all requests of a call."""

from __future__ import annotations

import asyncio

from etcdtui.core.errors import Applied, DeadlineExceeded


class Deadline:
    """Begins now; ``seconds`` 0 is none."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.seconds = seconds
        self.at = self._loop.time() + seconds if seconds else None

    def left(self, *, applied: Applied = "no", last: str = "") -> float:
        """The ``timeout`` of the next request; ``DeadlineExceeded`` when no time is left for one.

        ``applied`` is the fate of what was sent before, ``last`` what the call saw last.
        """
        if self.at is None:
            return 0.0
        left = self.at - self._loop.time()
        if left <= 0:
            seen = f"; last seen: {last}" if last else ""
            raise DeadlineExceeded(f"not done within {self.seconds:g} s{seen}", applied=applied)
        return left
