"""How tasks are started below the UI, so that no task ends in an exception that nobody sees."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def background(
    work: Coroutine[Any, Any, T], name: str, *, expected: type[Exception] | tuple[type[Exception], ...] = ()
) -> asyncio.Task[T]:
    """Start what nobody awaits. An exception goes to the loop's exception handler at once, not when the task is freed.

    The UI's handler tells it on the screen; without one asyncio logs it. ``expected`` are failures that are dealt with
    elsewhere. Whoever starts the task keeps it, and cancels it at the end.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    task.add_done_callback(partial(_tell, expected))
    return task


def awaited(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Start what the caller itself awaits, or cancels and awaits: the exception is the caller's."""
    return asyncio.get_running_loop().create_task(work, name=name)


def _tell(expected: type[Exception] | tuple[type[Exception], ...], task: asyncio.Task[T]) -> None:
    if task.cancelled() or (error := task.exception()) is None or isinstance(error, expected):
        return
    task.get_loop().call_exception_handler({"message": task.get_name(), "exception": error, "task": task})
