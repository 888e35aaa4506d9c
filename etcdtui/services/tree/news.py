"""What the parts of the tree are given: one callback that they tell their news to, and one door to start work.

The parts know nobody who shows the tree. What a person would see is told as one of the small values here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from etcdtui.core.keytree import Level
from etcdtui.core.value import Value


class News(Value):
    """Anything that is told."""


class Rows(News):
    """Rows, counts or the note of a level are others; ``last`` when nothing more of the same is on its way.

    ``level`` is ``None`` when several are.
    """

    level: Level | None = None
    last: bool = True


class Listed(News):
    """A level's listing is over, whatever came of it; it took ``seconds``."""

    level: Level
    seconds: float = 0.0


class Opened(News):
    """A level that was read before is shown again."""

    level: Level


class Details(News):
    """More is known about these keys than their names, or no longer."""

    keys: frozenset[bytes] = frozenset()


class KeyChanged(News):
    """Somebody was seen to change a key that is shown."""

    key: bytes


class Freshness(News):
    """How fresh what is shown is, or what changed meanwhile, is to be told in other words."""


class ValueRead(News):
    """The value under the cursor is another, or what is known of it. ``keep`` stays in the chosen view and place."""

    keep: bool = False


class LeaseRead(News):
    """What is left of its lease is known."""


class Moment(News):
    """All of the tree is shown at another revision."""


class Said(News):
    """A sentence, safe to be shown, for whoever sits before the screen: ``accent``, ``good``, ``warn`` or ``bad``."""

    words: str
    tone: str = "accent"


Tell = Callable[[News], None]


class Work(Protocol):
    """Work under way."""

    def cancel(self) -> object:
        """Break it off; nothing happens when it is over."""


class Start(Protocol):
    """How work is started. Whatever was started under the same name before is broken off."""

    def __call__(self, name: str, work: Callable[[], Awaitable[None]], /) -> Work: ...
