"""What is told of faults in work: one sentence that stays on the screen whose facts may be incomplete through it."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen

from etcdtui.ui.life import CrashReporter
from etcdtui.ui.spawn import flash_on_show
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.faultline import FaultLine

MAY_BE_INCOMPLETE = "What is shown here may be incomplete until it is read again"


class Faults:
    """The faults of one application by screen and work. The facts change at once, the screens in the app's own turn."""

    def __init__(self, app: App[int], crash: CrashReporter) -> None:
        self._app = app
        self._crash = crash
        self._known: WeakKeyDictionary[Screen[object], dict[str, str]] = WeakKeyDictionary()

    def tell(self, owner: DOMNode, work: str, error: BaseException) -> None:
        """Write the crash file; mark the screen of ``owner``, or the one on show for work of no screen that is left."""
        details = self._crash.note(error)
        screen = self._screen_of(owner) or (self._app.screen if self._app.screen_stack else None)
        if screen is not None:
            known = self._known.setdefault(screen, {})
            if known.get(work) != details:
                known[work] = details
                self._app.call_later(self._show, screen, details)

    def forget(self, owner: DOMNode, work: str = "") -> None:
        """That work, or everything on the screen, is whole again."""
        if not self._known:
            return
        own = self._screen_of(owner)
        for screen in [own] if own is not None else list(self._known):
            known = self._known.get(screen, {})
            if work in known or (known and not work):
                self._known[screen] = {name: details for name, details in known.items() if work and name != work}
                self._app.call_later(self._show, screen)

    @staticmethod
    def _screen_of(owner: DOMNode) -> Screen[object] | None:
        own = next((node for node in owner.ancestors_with_self if isinstance(node, Screen)), None)
        return own if own is not None and own.is_running else None

    def _show(self, screen: Screen[object], news: str = "") -> None:
        """One sentence a screen, about its latest fault; news of a screen in the back are told on the one on show."""
        latest = next(reversed(self._known.get(screen, {}).values()), "")
        words = f"{latest}. {MAY_BE_INCOMPLETE}." if latest else ""
        line = next(iter(screen.query_children(FaultLine)), None)
        if line is not None:
            line.tell(words)
        elif words and screen.is_attached:
            screen.mount(FaultLine(words))
        if news and screen is not self._app.screen:
            flash_on_show(self._app, safe(news), "bad")
