"""The terminal lent to another program, such as an editor, and taken back however that ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from textual.app import App

T = TypeVar("T")


async def lend_terminal(app: App[object], run: Callable[[], Awaitable[T]]) -> T:
    """What ``run()`` answers or raises, with the terminal given away meanwhile.

    Textual does not take the terminal back when an exception leaves ``suspend()``: nothing may be raised inside.
    """
    failure: BaseException | None = None
    with app.batch_update(), app.suspend():
        try:
            answer = await run()
        except BaseException as error:  # noqa: BLE001 - raised again below, a cancellation too
            failure = error
    app.refresh(layout=True)
    if failure is not None:
        raise failure
    return answer
