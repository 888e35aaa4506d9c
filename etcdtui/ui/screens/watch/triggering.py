"""Acting on events: the triggers of the profile, and one that a person sets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from rich.text import Text

from etcdtui.config.schema import WatchTrigger
from etcdtui.services.tail import triggers
from etcdtui.services.tail.entries import Entry, Seen
from etcdtui.services.tail.filters import EXPLAINED, FilterError
from etcdtui.services.tail.saved import text_of
from etcdtui.services.tail.triggers import Trigger
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.screens.watch.face import WatchFace
from etcdtui.ui.screens.watch.watches import Watched
from etcdtui.ui.spawn import spawn

BELL_EVERY = 2.0
"""Seconds between two bells of a trigger that a person set."""


@runtime_checkable
class Notifies(Protocol):
    """An application that can have its terminal show a notification."""

    def notify_terminal(self, words: str) -> None: ...


class _Listener:
    """Looks at what comes on one watch for all of its triggers."""

    def __init__(self, owner: Triggering, watched: Watched) -> None:
        self._owner = owner
        self._watched = watched

    def came(self, news: Sequence[Entry]) -> None:
        for trigger in self._watched.triggers:
            due = trigger.look(news)
            if due is not None:
                self._owner.act(self._watched, trigger.rule, *due)


class Triggering:
    """The triggers of a Watch screen."""

    def __init__(self, screen: WatchFace) -> None:
        self._screen = screen

    def attach(self, watched: Watched) -> None:
        """Give a new watch the triggers of the profile that are meant for it."""
        names = {"", watched.feed.name, text_of(watched.feed.spec)}
        for rule in self._screen.session.profile.triggers:
            if rule.watch in names:
                self._add(watched, rule)
        watched.feed.listeners.append(_Listener(self, watched))

    def ask(self) -> None:
        """A filter on whose events the bell rings and a notification is shown; an empty one ends that."""
        watched = self._screen.current
        assert watched is not None
        mine = next((t for t in watched.triggers if t.rule.name == ""), None)

        def answered(words: str | None) -> None:
            if words is None:
                return
            watched.triggers = [t for t in watched.triggers if t.rule.name != ""]
            if words.strip():
                rule = WatchTrigger(filter=words.strip(), bell=True, notify=True, every=BELL_EVERY)
                if self._add(watched, rule):
                    self._screen.flash("the bell rings when an event matches; A changes it", "good")

        explain = Text(f"ring the bell and notify when an event matches; empty = no longer. {EXPLAINED}", "dim")
        value = mine.rule.filter if mine is not None else ""
        self._screen.app.push_screen(PromptDialog(Text("alarm"), explain, value=value), answered)

    def _add(self, watched: Watched, rule: WatchTrigger) -> bool:
        try:
            watched.triggers.append(Trigger(rule, time.time))
        except FilterError as error:
            self._screen.flash(f"trigger {rule.name or rule.filter}: {error}", "warn")
            return False
        return True

    def act(self, watched: Watched, rule: WatchTrigger, entry: Seen, count: int) -> None:
        """Everything that the rule asks for; commands run on their own."""
        screen = self._screen
        words = triggers.words(rule, entry, count, watched.label)
        screen.flash(words, "warn")
        if rule.bell:
            screen.app.bell()
        if rule.notify and isinstance(screen.app, Notifies):
            screen.app.notify_terminal(words)
        if rule.pause and watched.live is not None and not watched.paused:
            watched.live.pause()
            if screen.current is watched:
                screen.tail.take_news()
                screen.tail.frozen = True
        if rule.run:
            spawn(screen, partial(self._run, rule, entry, count, watched.label), "trigger")

    async def _run(self, rule: WatchTrigger, entry: Seen, count: int, watch: str) -> None:
        problem = await triggers.run_command(rule, entry, count, watch, self._screen.veil)
        if problem:
            self._screen.flash(f"trigger {rule.name or rule.filter}: {problem}", "bad")
