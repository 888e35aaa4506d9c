"""Keys are handled one after the other, each to its end, so what is typed ahead reaches what it was typed for.

Over a slow line several keys arrive at once, and over any line a key may come before the answer to the one before it.
Textual hands each of them to whatever has the focus at that moment: of ``f/config`` the second key would be a command
of the screen below the dialog that ``f`` is about to open, and after ``f``, a path and enter the ``d`` would delete
what was under the cursor before. So the next key waits

* until the one before it was handled: its messages have gone through all queues, twice without the screen or the
  focus becoming another, and a screen that it opened is drawn;
* until every ``Hold`` is over: work says with one that keys typed now belong to the place, or to the dialog, that is
  on its way. What was typed for something that does not come is dropped, and told; it never reaches another thing.

Letters that wait for one line of text are typed into it together.

Esc does not wait for a hold: it drops what waits. Keys in ``AT_ONCE`` wait for nothing. Keys that come while a screen
``Awaits`` another one are kept for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from textual import events
from textual.app import App
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from etcdtui.ui.bindings import key_words
from etcdtui.ui.spawn import after, later, painted

if TYPE_CHECKING:  # only named here
    from textual.timer import Timer

HELD_MOST = 65_536
"""Keys kept while one is being handled; more than a person types or pastes as keys, less than a runaway file."""
PASTED = 256
"""Letters in one piece that nobody types as commands."""
RUN = 8
"""Letters that wait for the same line of text from which on they are handed to it together."""
QUIET_ROUNDS = 2
"""Rounds through the queues without anything becoming another after which a key is done."""
TYPED_ROUNDS = 1
"""The same for a letter that is typed into a field."""
WAIT_MOST = 0.5
"""Seconds after which a key counts as done though not all rounds came back."""
WAIT_STEPS = 10
"""The steps in which those seconds pass: where the machine is busy, each comes late, and the queues move in between."""
AFTER_ANSWER = 3.0
"""Seconds that keys wait for the next dialog of work whose dialog was answered."""
TELL_AFTER = 1.0
"""Seconds of a hold after which it is told that keys wait for it."""
NAMED = 8
"""Dropped keys that are told by name."""
AT_ONCE = frozenset({"ctrl+q", "ctrl+c"})
OUT = frozenset({"q", "P", "escape"})
"""Keys that are not kept for a screen that is still to come: they lead away from waiting for it."""

Event = events.Key | events.Paste
_State = tuple[Screen[object], Widget | None]
"""The screen on show and what has the focus in it."""


@runtime_checkable
class Awaits(Protocol):
    """A screen that is shown only until another one is there, which is whom the keys are for."""

    @property
    def keeps_keys(self) -> bool:
        """Whether that other screen is still expected."""


class KeyDone(Message):
    """Follows a key through the same queues; when it arrives at the application, they were emptied before it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Hold:
    """Keys typed from now on belong to what is on its way; end it with ``release`` or ``drop``, once or more often."""

    def __init__(self, typeahead: Typeahead | None = None) -> None:
        self._typeahead = typeahead
        self._timer: Timer | None = None

    @property
    def is_over(self) -> bool:
        return self._typeahead is None

    def release(self) -> None:
        """It is there: the keys go to it."""
        self._end()

    def drop(self) -> str:
        """It does not come: what was typed for it is dropped, and returned in words; empty when there was nothing."""
        dropped = self._typeahead.drop() if self._typeahead is not None else ""
        self._end()
        return dropped

    def limit(self, seconds: float) -> None:
        """The keys wait no longer than that from now on."""
        if self._typeahead is not None:
            self._stop()
            self._timer = self._typeahead.in_time(seconds, self.release)

    def _end(self) -> None:
        self._stop()
        if (typeahead := self._typeahead) is not None:
            self._typeahead = None
            typeahead.ended(self)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None


@runtime_checkable
class HoldsKeys(Protocol):
    """The application, as far as holding keys goes."""

    def hold_keys(self) -> Hold: ...

    def drop_keys(self) -> str: ...


def hold_keys(app: object) -> Hold:
    """Keys typed from now on wait; in an application that holds none, such as the small ones of tests, they do not."""
    return app.hold_keys() if isinstance(app, HoldsKeys) else Hold()


def drop_keys(app: object) -> str:
    """What was typed ahead is for something that was refused: it is dropped, and returned in words."""
    return app.drop_keys() if isinstance(app, HoldsKeys) else ""


# --- work that asks --------------------------------------------------------------------------------------

_asking: ContextVar[Asking | None] = ContextVar("asking", default=None)


class Asking:
    """Work that opens dialogs: between them keys wait for the next one."""

    def __init__(self, app: object) -> None:
        self._app = app
        self._hold = hold_keys(app)
        self._asked = False

    @contextmanager
    def dialog(self) -> Iterator[None]:
        """Keys go to a dialog of it as long as that is open."""
        self._asked = True
        self._hold.release()
        try:
            yield
        finally:
            self._hold = hold_keys(self._app)
            self._hold.limit(AFTER_ANSWER)

    def answered_last(self, seconds: float) -> None:
        """No other dialog is on its way, but what was agreed to is being done."""
        self._hold.limit(seconds)

    def end(self) -> str:
        """It is over: what was typed for a dialog that never came, in words."""
        if self._asked:
            self._hold.release()
            return ""
        return self._hold.drop()


async def asks(app: object, work: Callable[[], Awaitable[object]], *, told: Callable[[str], object]) -> None:
    """Run work that opens dialogs, and have keys wait for them. ``told`` gets what was typed for none."""
    asking = Asking(app)
    before = _asking.set(asking)
    try:
        await work()
    finally:
        _asking.reset(before)
        if dropped := asking.end():
            told(dropped)


@contextmanager
def dialog_of_work() -> Iterator[None]:
    """A dialog opened by work that asks; for the application, around the time for which it is open."""
    asking = _asking.get()
    if asking is None:
        yield
        return
    with asking.dialog():
        yield


def answered_last(seconds: float) -> None:
    """The work that calls this asks no more; what it does now the keys wait for no longer than that."""
    if (asking := _asking.get()) is not None:
        asking.answered_last(seconds)


# --- the queue -------------------------------------------------------------------------------------------


class Typeahead:
    """Holds keys back until the one before them is done. ``forward`` is what would have been done with them at once,
    ``tell`` says something to the person, ``is_typed_into`` knows a widget that letters go into."""

    def __init__(
        self,
        app: App[int],
        forward: Callable[[events.Event], Awaitable[None]],
        tell: Callable[[str], object],
        is_typed_into: Callable[[Widget | None], bool],
    ) -> None:
        self._app = app
        self._forward = forward
        self._tell = tell
        self._is_typed_into = is_typed_into
        self._waiting: deque[Event] = deque(maxlen=HELD_MOST)
        self._early: deque[Event] = deque(maxlen=HELD_MOST)
        self._holds: set[Hold] = set()
        self._number = 0
        self._quiet, self._wanted = 0, QUIET_ROUNDS
        self._under_way = False
        self._typing: Widget | None = None
        """What the key before was typed into, if it was a letter."""
        self._limit: Timer | None = None
        self._steps = 0
        self._seen: _State | None = None

    @property
    def is_busy(self) -> bool:
        """Whether keys wait, or one is being handled: a dialog that came now would get what was meant for others."""
        return bool(self._waiting or self._holds or self._under_way)

    async def take(self, event: Event) -> None:
        """Handle the event now or when its turn comes."""
        if isinstance(event, events.Key) and event.key in AT_ONCE:
            await self._forward(event)
        elif self._is_early(event):
            self._early.append(event)
        elif self._holds and isinstance(event, events.Key) and event.key == "escape":
            await self._give_up(event)
        elif self._under_way or self._holds or self._waiting:
            self._waiting.append(event)
        else:
            await self._handle(event)

    def _is_early(self, event: Event) -> bool:
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

    async def _give_up(self, escape: events.Key) -> None:
        """Nobody waits any longer: what was on its way is left, and whatever was typed for it."""
        dropped = self.drop()
        for hold in list(self._holds):
            hold.release()
        if dropped:
            self._tell(f"not used: {dropped}")
        await self._handle(escape)

    # --- holds -------------------------------------------------------------------------------------------

    def hold(self) -> Hold:
        hold = Hold(self)
        self._holds.add(hold)
        self.in_time(TELL_AFTER, lambda: self._say_waiting(hold))
        return hold

    def ended(self, hold: Hold) -> None:
        """A hold is over. What it waited for may have opened a screen: that is settled like a key."""
        self._holds.discard(hold)
        if not self._holds and not self._under_way:
            self._begin()
            later(self._app, self._ask)

    def drop(self) -> str:
        """Drop what waits; its keys in words."""
        names = [self._name(event) for event in self._waiting]
        self._waiting.clear()
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return " ".join(names[:NAMED]) + more

    @staticmethod
    def _name(event: Event) -> str:
        if isinstance(event, events.Paste):
            return "a paste"
        return event.character if event.character and event.is_printable else key_words(event.key)

    def in_time(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return after(self._app, seconds, callback)

    def _say_waiting(self, hold: Hold) -> None:
        if not hold.is_over and self._waiting:
            self._tell("waiting for the answer; what is typed meanwhile waits too, esc drops it")

    # --- one key -----------------------------------------------------------------------------------------

    async def _handle(self, event: Event) -> None:
        self._begin()
        focused = self._app.focused
        typed = isinstance(event, events.Key) and event.is_printable and self._is_typed_into(focused)
        self._typing = focused if typed else None
        self._wanted = TYPED_ROUNDS if typed else QUIET_ROUNDS
        await self._forward(event)
        self._ask()

    def _begin(self) -> None:
        self._under_way = True
        self._quiet, self._wanted = 0, QUIET_ROUNDS
        self._seen = self._state()
        self._wait_no_longer()

    def _state(self) -> _State | None:
        """What the next key would go to; nothing while the application ends."""
        stack = self._app.screen_stack
        return (stack[-1], stack[-1].focused) if stack else None

    def _ask(self) -> None:
        """Send a round through the queues of what has the focus."""
        self._number += 1
        done = KeyDone(self._number)
        if (state := self._state()) is None or not (state[1] or state[0]).post_message(done):
            self._app.post_message(done)

    def _wait_no_longer(self) -> None:
        if self._limit is not None:
            self._limit.stop()
        self._steps = WAIT_STEPS
        self._step()

    def _step(self) -> None:
        self._limit = after(self._app, WAIT_MOST / WAIT_STEPS, self._too_long)

    async def done(self, number: int) -> None:
        """A round came back; the next key follows when nothing moves any more."""
        if number != self._number or not self._under_way:
            return
        before, now = self._seen, self._state()
        self._seen = now
        self._quiet = self._quiet + 1 if before == now else 0
        if now is None:
            self._under_way = False
        elif before is not None and before[0] is not now[0]:
            # A screen was opened or closed, which may open the next, or asked to show something: it is drawn first.
            self._number += 1
            self._wait_no_longer()
            self._wanted = QUIET_ROUNDS
            painted(now[0], self._drawn, self._number)
        elif self._quiet < self._wanted:
            self._ask()
        else:
            await self._next()

    def _drawn(self, number: int) -> None:
        if number == self._number and self._under_way:
            self._ask()

    async def _too_long(self) -> None:
        self._steps -= 1
        if self._under_way and self._steps:
            self._step()
        elif self._under_way:
            await self._next()

    async def _next(self) -> None:
        if self._limit is not None:
            self._limit.stop()
        self._under_way = False
        if self._waiting and not self._holds:
            self._drop_a_paste_for_nothing()
            if event := self._run() or (self._waiting.popleft() if self._waiting else None):
                await self._handle(event)

    def _run(self) -> Event | None:
        """Letters that wait behind one that was typed, as one: a paste that comes as keys has thousands."""
        if self._typing is None or self._typing is not self._app.focused:
            return None
        letters = self._letters()
        if len(letters) < RUN:
            return None
        for _ in letters:
            self._waiting.popleft()
        return events.Paste("".join(letters))

    def _letters(self) -> list[str]:
        """The letters that wait first."""
        found = []
        for event in self._waiting:
            if not isinstance(event, events.Key) or not event.is_printable or not event.character:
                break
            found.append(event.character)
        return found

    def _drop_a_paste_for_nothing(self) -> None:
        """So many letters at once are no commands: they were pasted where nothing takes text."""
        if len(self._waiting) < PASTED or self._is_typed_into(self._app.focused):
            return
        letters = self._letters()
        if len(letters) >= PASTED:
            for _ in letters:
                self._waiting.popleft()
            self._tell(f"not used: {len(letters)} letters, pasted where nothing takes text")
