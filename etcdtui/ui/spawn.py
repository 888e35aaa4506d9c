"""The one door through which the UI starts work, so that no fault in it stays silent.

Work is an async function without arguments (``partial`` for those that have some); a callback is any function. What
comes of both is settled here:

* an ``EtcdError`` becomes its sentence: a flash on the owner's screen, or whatever ``failed`` does with it;
* a cancellation is silent;
* anything else is a fault of ours: the application writes a crash file, says so in one sentence that names it, and
  marks the owner's screen as possibly incomplete until the same work ends well or the screen is read again.

Nothing else in ``ui`` may start a worker, a task or a timer, or have itself called later; a test reads the source for
it. Tasks below the UI are started by ``core.tasks``. In an application that is no ``TellsFaults``, such as the small
ones of tests, the fault is raised.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable
from weakref import WeakKeyDictionary, WeakMethod

from rich.text import Text
from textual.signal import Signal

from etcdtui.core.errors import EtcdError
from etcdtui.ui.errors import error_line

if TYPE_CHECKING:  # only named here
    from textual.app import App
    from textual.dom import DOMNode
    from textual.timer import Timer
    from textual.worker import Worker

Work = Callable[[], Awaitable[object]]
Failed = Callable[[EtcdError], object]
T = TypeVar("T")


@runtime_checkable
class TellsFaults(Protocol):
    """The application, as far as this door knows it; ``work`` names what was done, the same each time."""

    def tell_fault(self, owner: DOMNode, work: str, error: Exception) -> None:
        """Write the crash file, say the sentence, mark the owner's screen."""

    def forget_fault(self, owner: DOMNode, work: str = "") -> None:
        """The work ended well, or with ``""`` everything on the owner's screen is read again."""


@runtime_checkable
class Flashes(Protocol):
    """A screen with a status line."""

    def flash(self, message: str | Text, tone: str = "accent") -> None: ...


def spawn(
    owner: DOMNode, work: Work, group: str, *, exclusive: bool = False, failed: Failed | None = None, name: str = ""
) -> Worker[None]:
    """Run ``work`` in a worker that ends with ``owner``.

    ``exclusive`` cancels what else of the owner runs in the same ``group``: for reading, never for writes. ``failed``
    shows an ``EtcdError`` in its own way. ``name`` is the function's own unless given.
    """
    name = name or _name_of(work)

    async def told() -> None:
        await _settle(owner, f"{group}: {name}", work, failed)

    # A function and no coroutine: what is cancelled before its first step leaves nothing that was never awaited.
    start = cast("Callable[[], Coroutine[None, None, None]]", told)
    return owner.run_worker(start, name=name, group=group, description=name, exclusive=exclusive)


def after(owner: DOMNode, seconds: float, callback: Callable[[], object]) -> Timer:
    """Call once, in the owner's turn, when ``seconds`` have passed; the timer ends with the owner."""
    return owner.set_timer(seconds, _told(owner, callback))


def every(owner: DOMNode, seconds: float, callback: Callable[[], object]) -> Timer:
    """Call again and again; a fault is told once and the timer goes on."""
    return owner.set_interval(seconds, _told(owner, callback))


def later(owner: DOMNode, callback: Callable[..., object], *arguments: object) -> bool:
    """Call when the owner has handled what it was sent before; False when it is closing and will not."""
    return owner.call_later(_told(owner, callback, *arguments))


def painted(owner: DOMNode, callback: Callable[..., object], *arguments: object) -> bool:
    """Call when the owner has handled what it was sent before and is drawn; False when it is closing and will not."""
    return owner.call_after_refresh(_told(owner, callback, *arguments))


def listen(owner: DOMNode, signal: Signal[T], callback: Callable[[T], object]) -> None:
    """Call a method of ``owner`` in its turn whenever the signal is published, as long as there is an owner.

    A subscription of Textual's own would keep each owner alive until the signal is next published.
    """
    if (listeners := _LISTENERS.get(signal)) is None:
        listeners = _LISTENERS[signal] = WeakKeyDictionary()
        signal.subscribe(owner.app, partial(_tell_listeners, listeners), immediate=True)
    listeners.setdefault(owner, []).append(WeakMethod(callback))


_Listeners = WeakKeyDictionary["DOMNode", list[WeakMethod[Callable[..., object]]]]
_LISTENERS: WeakKeyDictionary[Signal[Any], _Listeners] = WeakKeyDictionary()


def _tell_listeners(listeners: _Listeners, data: object) -> None:
    for owner, methods in list(listeners.items()):
        for method in methods:
            if owner.is_running and (callback := method()) is not None:
                owner.call_next(_told(owner, callback, data))


def tell(owner: DOMNode, work: str, error: Exception) -> None:
    """Tell a fault that was caught where the program has another way to go on."""
    if isinstance(owner.app, TellsFaults):
        owner.app.tell_fault(owner, work, error)


def read_again(owner: DOMNode) -> None:
    """All that the owner's screen shows is read again: what was told of faults there is over."""
    if isinstance(owner.app, TellsFaults):
        owner.app.forget_fault(owner)


def _told(owner: DOMNode, callback: Callable[..., object], *arguments: object) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        result = callback(*arguments)
        if inspect.isawaitable(result):
            await result

    async def told() -> None:
        await _settle(owner, _name_of(callback), call, None)

    return told


async def _settle(owner: DOMNode, name: str, work: Work, failed: Failed | None) -> None:
    app = owner.app
    try:
        try:
            await work()
        except EtcdError as error:
            if failed is None:
                _flash(owner, error)
            else:
                failed(error)
            return
    except Exception as error:  # the border: whatever it is, it is told
        if not isinstance(app, TellsFaults):
            raise
        app.tell_fault(owner, name, error)
    else:
        if isinstance(app, TellsFaults):
            app.forget_fault(owner, name)


def _flash(owner: DOMNode, error: EtcdError) -> None:
    """On the owner's screen; an owner without a status line, such as a dialog, has it on the screen below."""
    own = next((node for node in owner.ancestors_with_self if isinstance(node, Flashes)), None)
    if own is not None:
        own.flash(error_line(error), "bad")
    else:
        flash_on_show(owner.app, error_line(error), "bad")


def flash_on_show(app: App[Any], message: Text, tone: str) -> None:
    """On the status line that is on show or the nearest below the dialogs."""
    for screen in reversed(app.screen_stack):
        if isinstance(screen, Flashes):
            screen.flash(message, tone)
            return


def _name_of(work: object) -> str:
    """``ValuePane.show_value`` for a method or a partial of it."""
    while (inner := getattr(work, "func", None)) is not None:
        work = inner
    return str(getattr(work, "__qualname__", type(work).__name__)).replace("<locals>.", "")
