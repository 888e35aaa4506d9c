"""A queue with one reader and a typed end, between a stream's reader and an iterator."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from etcdtui.core.errors import EtcdError

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """Waiting in ``take`` may be cancelled (by a time limit, say) at any moment without losing an item.

    With ``limit`` the oldest items make room for new ones.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.finished = False
        self._queue: deque[Item] = deque(maxlen=limit)
        self._cause: EtcdError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, item: Item) -> bool:
        """Queue an item; ``False`` after the end."""
        if self.finished:
            return False
        self._queue.append(item)
        self._wake()
        return True

    def finish(self, cause: EtcdError | None, *, discard: bool = False) -> None:
        """Nothing more comes: the reader gets what is queued (unless discarded), then ``cause`` or a plain end.

        The first end counts, except that a discarding one (the reader itself left) replaces its cause.
        """
        if discard:
            self._queue.clear()
        if discard or not self.finished:
            self._cause = cause
        self.finished = True
        self._wake()

    async def take(self) -> Item:
        """The next item; at the end raises the cause, every time, or ``StopAsyncIteration``."""
        while not self._queue:
            if self.finished:
                if self._cause is None:
                    raise StopAsyncIteration
                raise self._cause
            if self._waiter is not None:
                raise RuntimeError("two tasks read one iterator at the same time")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._queue.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
