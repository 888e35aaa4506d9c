"""ClusterScreen: what every main screen shares; title, tabs, status line, footer, and the door to its actions."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Static

from etcdtui.services.cluster.endpoint_health import ClusterHealth
from etcdtui.ui import clipboard
from etcdtui.ui.bindings import (
    APP,
    KEYS,
    LEASES,
    LIST,
    TABLE,
    VALUE,
    Action,
    actions_for,
    bindings_for,
    find,
    key_words,
    keys_of,
)
from etcdtui.ui.frame.host import Host
from etcdtui.ui.spawn import Work, every, read_again, spawn
from etcdtui.ui.typeahead import asks, drop_keys
from etcdtui.ui.widgets.footer import FooterLine, Hint, TypedInto
from etcdtui.ui.widgets.statusline import StatusLine
from etcdtui.ui.widgets.tabs import TabLine
from etcdtui.ui.widgets.title import TitleFacts, TitleLine

if TYPE_CHECKING:  # only named here, and importing the client must wait for the first paint
    from etcdtui.services.session.session import Session
    from etcdtui.ui.modals.picker import Item

LEAST_WIDTH, LEAST_HEIGHT = 40, 10
DOCTOR_NUMBER = 7
"""The screen that explains a red title."""
TOO_SMALL = "terminal too small: 40x10 at least"
WRITING = "write"
"""The group of all writes of a screen."""
TYPING: tuple[Hint, ...] = (("enter", "done"), ("esc", "leave"))
"""Hints while a line of input has the focus."""
STORING = frozenset(
    {
        *((KEYS, name) for name in ("edit", "edit_external", "new", "clone", "move", "keys.set_lease")),
        *((LEASES, name) for name in ("leases.grant", "leases.attach")),
    }
)
"""Actions that a full database refuses."""


class ClusterScreen(Screen[None]):
    """One numbered screen on one session.

    A subclass names itself, composes its panes in ``compose_body`` and implements ``action_<id>`` for the rows of
    ``ui.bindings`` that name it; a row without its method is neither bound nor shown. The methods may also stand in
    an object of their own: ``actions_class`` names its class, ``actions`` holds it. It overrides ``why_not`` for
    actions that are off at the moment, ``health_changed`` to react to the cluster, ``go_back`` for esc and
    ``close_view`` for q where it has something to close.
    """

    screen_name: ClassVar[str] = ""
    number: ClassVar[int] = 0
    label: ClassVar[str] = ""
    about: ClassVar[str] = ""
    """What the screen is for, in two lines, for the help."""

    DEFAULT_CSS = """
    ClusterScreen {
        layout: vertical;
        & > #body { height: 1fr; width: 1fr; }
        &:inline { height: 100%; }
    }
    """

    actions_class: ClassVar[type[object] | None] = None
    actions: object = None

    health: reactive[ClusterHealth] = reactive(ClusterHealth(), init=False, repaint=False)

    class CompareWith(Message):
        """What lies below a prefix, or with ``alone`` one key, is to be compared with another place that is asked for:
        a snapshot with a cluster, a cluster with a snapshot."""

        def __init__(self, prefix: bytes, *, alone: bool = False) -> None:
            super().__init__()
            self.prefix = prefix
            self.alone = alone

    class GoTo(Message):
        """Show another screen; ``place`` is what it should show there: a key, a prefix, a lease ID in hex."""

        def __init__(self, screen_name: str, place: bytes = b"") -> None:
            super().__init__()
            self.screen_name = screen_name
            self.place = place

    def __init_subclass__(cls, **kwargs: bool) -> None:
        bindings: list[BindingType] = [
            *bindings_for(cls.screen_name, has=lambda action: cls.has_method(action.method), through="do")
        ]
        cls.BINDINGS = [*bindings, *cls.__dict__.get("BINDINGS", ())]
        super().__init_subclass__(**kwargs)

    @classmethod
    def has_method(cls, name: str) -> bool:
        """Whether there is this method for a row of the table."""
        return any(hasattr(one, name) for one in (cls, cls.actions_class) if one is not None)

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__()
        self.session = session
        self.host = host
        self.title_line = TitleLine()
        self.tab_line = TabLine()
        self.tab_line.tabs = host.tabs
        self.status_line = StatusLine()
        self.footer_line = FooterLine()
        self.keymap = host.keymap
        self._is_shown = False

    # --- what a subclass gives ---------------------------------------------------------------------------

    def compose_body(self) -> ComposeResult:
        """The panes between tabs and status line."""
        yield from ()

    def why_not(self, action_id: str) -> str:
        """Why an action is off now, as a sentence; empty when it is on. Writes are off while locked."""
        action = find(action_id, self.screen_name)
        if action is None or not action.mutating:
            return ""
        why = self.session.why_no_writes
        return why or (self.session.health.why_no_puts if (self.screen_name, action_id) in STORING else "")

    def offers_writes(self) -> bool:
        """Whether the footer has hints for what writes."""
        return not self.session.why_no_writes

    def more_items(self) -> Sequence[Item]:
        """What the menu has beside the rows of the table: what there is to do changes with the cluster."""
        return ()

    def more_chosen(self, value: str) -> None:
        """One of ``more_items`` was picked."""

    def health_changed(self, health: ClusterHealth) -> None:
        """The cluster's health is another; called on the shown screen only, and again when a screen is shown."""

    def came_on_show(self) -> None:
        """The screen is shown, or no other is above it any more."""

    def go_back(self) -> bool:
        """Esc: clear the filter or close what is open; False when there was nothing."""
        return self.close_view()

    def close_view(self) -> bool:
        """Q: close a view inside the screen; False when there was nothing, then q counts towards quitting."""
        return False

    def place_now(self) -> bytes:
        """What ``show_place`` would bring back; empty for nothing."""
        return b""

    def show_place(self, place: bytes) -> None:
        """Another screen sent the person here to see ``place``."""

    @property
    def shown_revision(self) -> int:
        """The revision that is shown instead of now, 0 for now: nothing can be changed then."""
        return 0

    def show_revision(self, revision: int) -> None:
        """Show everything as of ``revision``, where a screen can."""

    # --- what a subclass calls ---------------------------------------------------------------------------

    def flash(self, message: str | Text, tone: str = "accent") -> None:
        """News for a few seconds: tones are ``accent``, ``good``, ``warn``, ``bad``; a ``str`` is made safe."""
        self.status_line.flash(message, tone)

    def not_used(self, keys: str) -> None:
        """Keys were typed for something that did not come; said beside the reason."""
        if keys:
            self.status_line.flash_more(f"not used: {keys}")

    def to_clipboard(self, text: str, words: str) -> None:
        """Send it to the terminal's clipboard and say so; also where it is known that the terminal does not get it."""
        self.app.copy_to_clipboard(text)
        self.flash(words)
        spawn(self, partial(self._tell_doubts, words), "clipboard", exclusive=True)

    async def _tell_doubts(self, words: str) -> None:
        if doubts := await clipboard.doubts(os.environ):
            self.flash(f"{doubts}; {words}", "warn")

    def set_status(self, *parts: Text) -> None:
        """The status line from left to right: place, filter, freshness, latency."""
        self.status_line.set_parts(*parts)

    def is_writing(self, group: str = WRITING) -> bool:
        """Whether a write is still open, which is then said: a second one must not cut it short."""
        if any(worker.group == group and not worker.is_finished for worker in self.workers):
            self.flash("another write is still open", "warn")
            return True
        return False

    def start_write(self, flow: Work, group: str = WRITING) -> None:
        """Run a write flow, one at a time: a second one waits for nobody, it is refused. Keys wait for its dialogs."""
        if self.is_writing(group):
            self.not_used(drop_keys(self.app))
        else:
            spawn(self, partial(asks, self.app, flow, told=self.not_used), group)

    def actions_changed(self) -> None:
        """What can be done now is something else: draw the hints again."""
        if not self.app.is_running:  # it is ending, and which bindings are active can no longer be asked
            return
        self.footer_line.hints = tuple(self._hints())

    # --- chrome ------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield self.title_line
        yield self.tab_line
        with Container(id="body"):
            yield from self.compose_body()
        yield self.status_line
        yield self.footer_line
        yield Static(Text(TOO_SMALL), classes="too-small", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < LEAST_WIDTH or event.size.height < LEAST_HEIGHT, "-too-small")

    def on_mount(self) -> None:
        self.tab_line.current = self.number
        every(self, 1.0, self.refresh_title)
        self.refresh_chrome()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        if self._is_shown:  # Textual tells a new mode's screen twice, and would style and paint all of it again
            event.prevent_default()
            return
        self._is_shown = True
        self.refresh_chrome()
        self.health = self.session.health
        self.came_on_show()

    def on_screen_suspend(self) -> None:
        self._is_shown = False

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if self._is_shown:
            self.actions_changed()

    def watch_health(self, health: ClusterHealth) -> None:
        self.refresh_chrome()
        if self.is_current:
            self.health_changed(health)

    def refresh_chrome(self) -> None:
        """Title, trouble and hints after anything they tell has changed."""
        self.refresh_title()
        self.tab_line.set_badge(DOCTOR_NUMBER, self.session.needing)
        self.status_line.set_trouble(self.session.health.words)
        self.actions_changed()

    def refresh_title(self) -> None:
        """Once a second too, for the countdown; equal facts are not painted again."""
        session, guard = self.session, self.session.guard
        was = self.title_line.facts
        left = guard.relock_in()
        self.title_line.facts = TitleFacts(
            profile=session.profile.name,
            color=session.profile.env.color,
            health=session.health,
            writable=guard.writable and not self.shown_revision,
            as_of=self.shown_revision,
            left_open=None if left is None else float(int(left)),
            dry_run=guard.dry_run,
            plaintext=not session.profile.is_tls,
            unchecked=session.profile.is_unchecked,
            identity=session.identity,
            namespace=session.profile.namespace,
            note=session.note,
            lead="" if self.number == DOCTOR_NUMBER else f"press {DOCTOR_NUMBER}",
        )
        if was.writable != self.title_line.facts.writable:
            self.actions_changed()

    def _hints(self) -> Iterator[Hint]:
        if isinstance(self.focused, TypedInto):  # letters are typed into it
            yield from TYPING
            return
        writes = self.offers_writes()
        shown = [action for action in self.available_actions() if action.footer and (writes or not action.mutating)]
        for action in sorted(shown, key=lambda action: action.footer):
            yield key_words(keys_of(action, self.keymap).split(",")[0]), action.label
        guard = self.session.guard
        if not (guard.writable or guard.policy.forced_read_only or guard.distrusted):
            yield "!", "unlock"

    # --- actions -----------------------------------------------------------------------------------------

    def available_actions(self) -> list[Action]:
        """The rows of the table that work here, whether on or off at the moment."""
        own: list[Action] = []
        for action in actions_for(self.screen_name):  # the first row of an id is the one about this screen
            if self.has_method(action.method) and all(action.key_slot != known.key_slot for known in own):
                own.append(action)
        bound = {active.binding.id for active in self.active_bindings.values()}
        slots = {action.key_slot for action in own}
        others = [a for a in actions_for(VALUE, TABLE, LIST, APP) if a.key_slot in bound and a.key_slot not in slots]
        named = [find(action.key_slot, self.screen_name) or action for action in others]
        return own + list({action.id: action for action in named}.values())  # a slot may have rows in several places

    async def action_do(self, action_id: str) -> None:
        """Run the action of an id or a slot, or say why it is off."""
        action = find(action_id, self.screen_name)
        if action is None:
            return
        action_id = action.id
        if reason := self.why_not(action_id):
            self.flash(reason, "warn")
            self.not_used(drop_keys(self.app))
            return
        if action_id == "refresh":
            read_again(self)
        result = getattr(self if hasattr(self, action.method) else self.actions, action.method)()
        if inspect.isawaitable(result):
            await result
