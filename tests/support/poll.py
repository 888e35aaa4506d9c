"""The one place where tests wait: for a fact, with a limit that is longer where the machine is busy with others."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import TypeVar, overload

from tests.support.timing import Stopwatch

T = TypeVar("T")
POLL = 0.02


@overload
async def eventually(
    predicate: Callable[..., Coroutine[object, object, T]], timeout: float = 5.0, *, what: str = ""
) -> T: ...


@overload
async def eventually(predicate: Callable[..., T], timeout: float = 5.0, *, what: str = "") -> T: ...


async def eventually(predicate: Callable[..., object], timeout: float = 5.0, *, what: str = "") -> object:
    """Call ``predicate`` until its answer is true, and return that answer; fails after ``timeout`` seconds.

    An ``AssertionError`` raised by it means "not yet"; the last one is the cause of the failure.
    """
    begun = Stopwatch()
    while True:
        last: AssertionError | None = None
        answer: object = None
        try:
            answer = predicate()
            if inspect.isawaitable(answer):
                answer = await answer
        except AssertionError as failure:
            last = failure
        if answer:
            return answer
        if begun.fair() > timeout:
            raise _too_late(predicate, timeout, what, answer) from last
        await asyncio.sleep(POLL)


def wait_until(predicate: Callable[..., T], timeout: float = 5.0, *, what: str = "") -> T:
    """``eventually`` for tests without an event loop."""
    begun = Stopwatch()
    while not (answer := predicate()):
        if begun.fair() > timeout:
            raise _too_late(predicate, timeout, what, answer)
        time.sleep(POLL)
    return answer


def _too_late(predicate: object, timeout: float, what: str, answer: object) -> AssertionError:
    name = what or getattr(predicate, "__name__", "the condition")
    return AssertionError(f"{name} did not hold within {timeout:g} s (last answer {answer!r})")
