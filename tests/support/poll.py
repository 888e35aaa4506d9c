"""The one place where tests wait: for a fact, with a limit."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL = 0.02


async def eventually(
    predicate: Callable[[], Awaitable[T]] | Callable[[], T], timeout: float = 5.0, *, what: str = ""
) -> T:
    """Call ``predicate`` until its answer is true, and return that answer; fails after ``timeout`` seconds.

    An ``AssertionError`` raised by it means "not yet"; the last one is the cause of the failure.
    """
    deadline = time.monotonic() + timeout
    while True:
        last: AssertionError | None = None
        answer: object = None
        try:
            got = predicate()
            answer = await got if inspect.isawaitable(got) else got
        except AssertionError as failure:
            last = failure
        if answer:
            return answer
        if time.monotonic() > deadline:
            name = what or getattr(predicate, "__name__", "the condition")
            raise AssertionError(f"{name} did not hold within {timeout:g} s (last answer {answer!r})") from last
        await asyncio.sleep(POLL)


def wait_until(predicate: Callable[[], T], timeout: float = 5.0, *, what: str = "") -> T:
    """``eventually`` for tests without an event loop."""
    deadline = time.monotonic() + timeout
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{what or 'the condition'} did not hold within {timeout:g} s (last answer {answer!r})"
            )
        time.sleep(POLL)
    return answer
