"""No task below the UI ends in an exception that nobody sees."""

from __future__ import annotations

import asyncio
from typing import Any

from etcdtui.core.tasks import awaited, background


async def test_a_fault_in_a_background_task_is_told_at_once_and_once() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def fails() -> None:
        raise RuntimeError("broken")

    async def waits() -> None:
        await asyncio.Event().wait()

    kept = background(fails(), "the failing one")
    waiting = background(waits(), "the waiting one")
    await asyncio.wait({kept})
    waiting.cancel()
    await asyncio.wait({waiting})
    del kept
    ((context),) = told
    assert context["message"] == "the failing one"
    assert isinstance(context["exception"], RuntimeError)


async def test_a_failure_that_is_expected_is_not_told() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def fails() -> None:
        raise OSError("nobody there")

    await asyncio.wait({background(fails(), "failing", expected=OSError)})
    await asyncio.sleep(0)
    assert told == []


async def test_the_fault_of_an_awaited_task_is_the_callers_alone() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def fails() -> int:
        raise RuntimeError("broken")

    task = awaited(fails(), "awaited")
    try:
        await task
    except RuntimeError:
        pass
    del task
    await asyncio.sleep(0)
    assert told == []
