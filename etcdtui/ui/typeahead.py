"""Keys are handled one after the other, each to its end, so what is typed ahead reaches what it was typed for.

Over a slow line several keys arrive at once. Textual hands each of them to whatever has the focus at that moment: of
``f/config`` the second key would be a command of the screen below the dialog that ``f`` is about to open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from textual import events
from textual.app import App
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from etcdtui.ui.spawn import after, painted

HELD_MOST = 4096
"""Keys kept while one is being handled; more than a person types, less than a runaway paste as keys."""
TURNS = 8
"""Turns of the event loop in which a worker that a key started may open its dialog."""
GRACE = 0.08
"""Seconds in which closing one dialog may open the next, waited for only when more keys have come already."""
WAIT_MOST = 0.5
"""Seconds after which the next key is handled even if nothing told that the last one was."""
AT_ONCE = frozenset({"ctrl+q", "ctrl+c"})
OUT = frozenset({"q", "P", "escape"})
"""Keys that are not kept for a screen that is still to come: they lead away from waiting for it."""


@runtime_checkable
class Awaits(Protocol):
    """A screen that is shown only until another one is there, which is whom the keys are for."""

    @property
    def keeps_keys(self) -> bool:
        """Whether that other screen is still expected."""


class KeyDone(Message):
    """Follows a key through the same queues; when it arrives at the application, the key has been handled."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Typeahead:
    """Holds keys back until the one before them is done. ``forward`` is what would have been done with them at once."""

    def __init__(self, app: App[int], forward: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app = app
        self._forward = forward
        self._held: deque[events.Key | events.Paste] = deque(maxlen=HELD_MOST)
        self._early: deque[events.Key | events.Paste] = deque(maxlen=HELD_MOST)
        self._number = 0
        self._under_way = False
        self._limit: Timer | None = None
        self._screen: Screen[object] | None = None

    async def take(self, event: events.Key | events.Paste) -> None:
        """Handle the event now or when its turn comes."""
        if isinstance(event, events.Key) and event.key in AT_ONCE:
            await self._forward(event)
        elif self._is_early(event):
            self._early.append(event)
        elif self._under_way:
            self._held.append(event)
        else:
            await self._handle(event)

    def _is_early(self, event: events.Key | events.Paste) -> bool:
        screen: object = self._app.screen if self._app.screen_stack else None
        if not isinstance(screen, Awaits) or not screen.keeps_keys:
            self._early.clear()  # they were for something that did not come
            return False
        return bool(self._early) or not isinstance(event, events.Key) or event.key not in OUT

    async def arrived(self) -> None:
        """The screen that the early keys are for is shown."""
        early = list(self._early)
        self._early.clear()
        for event in early:
            await self.take(event)

    async def done(self, number: int) -> None:
        """The key of that number was handled; the next one follows when the screen it led to can take it."""
        if number != self._number or not self._under_way:
            return
        closed = self._screen is not None and not self._screen.is_active
        for _ in range(TURNS):
            await asyncio.sleep(GRACE / TURNS if closed and self._held else 0)
            if not self._app.screen_stack:  # the program ends, and takes its screens away
                return
            if self._app.screen is not self._screen and not closed:
                break
        screen = self._app.screen
        if screen is not self._screen:
            # It opened or closed a dialog, and closing one may open the next: look again when this one is drawn.
            self._screen = screen
            painted(screen, self.done, number)
        else:
            await self._next()

    async def _handle(self, event: events.Key | events.Paste) -> None:
        if not self._app.screen_stack:
            return
        self._under_way = True
        self._number += 1
        self._screen = self._app.screen
        target = self._app.focused or self._screen
        self._limit = after(self._app, WAIT_MOST, self._too_long)
        await self._forward(event)
        if not target.post_message(KeyDone(self._number)):
            self._app.post_message(KeyDone(self._number))

    async def _too_long(self) -> None:
        if self._under_way:
            await self._next()

    async def _next(self) -> None:
        if self._limit is not None:
            self._limit.stop()
        self._under_way = False
        if self._held:
            await self._handle(self._held.popleft())
