"""The application: one deck of screens for the open session, and what works on all of them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen, ScreenResultType

from etcdtui import ui
from etcdtui.config.folders import config_path
from etcdtui.config.launch import Launch
from etcdtui.config.schema import Profile
from etcdtui.config.themes import load_themes, packaged_folder
from etcdtui.services import session as sessions
from etcdtui.services.cluster.endpoint_health import ClusterHealth, State
from etcdtui.ui import flows
from etcdtui.ui.bindings import APP, bindings_for
from etcdtui.ui.collector import collect_what_is_owed, owe_collection
from etcdtui.ui.faults import Faults
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.life import CrashReporter
from etcdtui.ui.mending import let_closed_widgets_go
from etcdtui.ui.resizing import follow_terminal_size
from etcdtui.ui.screens import MAIN, Entry, profiles
from etcdtui.ui.screens.profiles.connect import ConnectScreen
from etcdtui.ui.screens.profiles.opening import Opener, SessionOpened
from etcdtui.ui.spawn import every, later, listen, painted, spawn
from etcdtui.ui.text import TerminalNet, safe
from etcdtui.ui.theming import DEFAULT_VARIABLES, AsciiLines, pick_theme, textual_theme
from etcdtui.ui.typeahead import Hold, KeyDone, Typeahead, dialog_of_work
from etcdtui.ui.widgets.footer import TypedInto
from etcdtui.ui.widgets.statusline import StatusLine
from etcdtui.ui.widgets.tabs import Tab, TabLine
from etcdtui.ui.widgets.toned import Toned, retoning
from etcdtui.ui.wire.hook import WiredApp

if TYPE_CHECKING:  # only named here, and importing these must wait for the first paint
    from etcdtui.config.themes import ThemeSpec
    from etcdtui.services.session.session import Session
    from etcdtui.services.session.snapshot import Reading
    from etcdtui.ui.dialogs import CommandLine, Menus, Profiles
    from etcdtui.ui.screens.profiles.reading import ReadingScreen
    from etcdtui.ui.screens.profiles.screen import ConfigReloaded

DOCTOR_AFTER = 3
"""Health polls after which findings are counted for the tab: what that needs is imported when the start is over."""
IDLE = 5.0
"""Seconds without a key after which nobody minds if the screen is held for a moment."""
TIP_SECONDS = 120.0
"""How long what to try first is said, unless there is news."""
QUIT_SECONDS = 2.0
"""How soon the second q, or ctrl+c, must follow the first."""
APP_ACTIONS = frozenset(
    """
    help palette menu command profiles log_in unlock theme back close quit suspend next_pane previous_pane last_view
    go_1 go_2 go_3 go_4 go_5 go_6 go_7 go_8 go_9
    """.split()  # noqa: SIM905 - a list literal of that many words is no easier to read
)
"""The rows of the table that the application itself answers."""
LATIN = "\u024f"
"""The last letter of the Latin alphabet with its marks."""
OTHER_LAYOUT = ", the keys here are Latin letters: switch the layout; arrows, enter, tab and the mouse work in any"
START = "start"
"""The mode before the first session."""


@runtime_checkable
class _GoesBack(Protocol):
    """A screen with something inside that esc closes first."""

    def go_back(self) -> bool: ...


class EtcdtuiApp(WiredApp):
    """Owns the session and its screens. Built with what is decided before; opens nothing by itself."""

    CSS_PATH = "app.tcss"
    TITLE = "etcdtui"
    DEFAULT_MODE: ClassVar[str] = START
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 6.0
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(APP, has=lambda action: action.id in APP_ACTIONS)]

    _variables_before: Mapping[str, str] = MappingProxyType({})
    """The colours of the theme that all texts were made for."""
    _parsed_theme: str = ""
    """The theme that the style rules are parsed for."""

    def __init__(
        self,
        launch: Launch,
        opener: Opener,
        crash: CrashReporter,
        *,
        themes: Mapping[str, ThemeSpec] | None = None,
        state_files: Sequence[str] = (),
    ) -> None:
        let_closed_widgets_go()
        super().__init__()
        self.launch = launch
        self.opener = opener
        self.crash = crash
        self._faults = Faults(self, crash)
        self._own_filters: tuple[LineFilter, ...] = (TerminalNet(), *((AsciiLines(),) if launch.ascii else ()))
        self.screen_types: Mapping[int, Entry] = MAIN
        self.state_files = tuple(state_files)
        self.session: Session | None = None
        self.deck: dict[int, ClusterScreen] = {}
        self.animation_level = "none"
        self._generation = 0
        self._last_number = 0
        self._login_asked = False
        self._stranger_asked = False
        self._asked_to_quit = float("-inf")
        self._interrupted = float("-inf")
        self._last_key = float("-inf")
        self.user_keys = dict(launch.config.keymap)
        self._typeahead = Typeahead(
            self,
            super().on_event,
            lambda words: self.say(safe(words), "warn"),
            lambda widget: isinstance(widget, TypedInto),
        )
        specs = dict(themes or {})
        for spec in specs.values():
            self.register_theme(textual_theme(spec))
        self.theme = pick_theme(launch.theme, specs)
        self.own_themes = specs
        self.set_keymap(self.user_keys)
        self.add_mode(START, self._first_screen)
        self.set_class(launch.ascii, "-ascii")

    # --- the look ----------------------------------------------------------------------------------------

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, then the net that lets no foreign control character out, then ASCII lines if wanted.

        Always the same objects: each line that was painted remembers what every filter made of it.
        """
        return [*super().get_line_filters(), *self._own_filters]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    def delay_update(self, delay: float = 0.0) -> None:
        """Paint at once. Textual would hold back what a new screen paints for 50 ms, though it is painted whole."""

    def refresh_css(self, animate: bool = True) -> None:
        """Every rule is parsed again for another theme only, and not twice more for each screen that is first shown."""
        if self.theme == self._parsed_theme:
            self.stylesheet.update(self, animate=animate)  # a screen that was hidden when the theme changed
        else:
            self._parsed_theme = self.theme
            super().refresh_css(animate)

    def _theme_changed(self, _: object) -> None:
        """Texts that were made with the colours of the theme before are painted in those of this one."""
        colours = retoning(self._variables_before, self.theme_variables)
        self._variables_before = dict(self.theme_variables)
        for screen in {*self.deck.values(), *self.screen_stack}:
            for widget in screen.query(Toned):
                widget.retone(colours)
            if isinstance(screen, ClusterScreen):
                screen.refresh_chrome()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: Literal["information", "warning", "error"] = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Toasts never read markup."""
        super().notify(safe(message).plain, title=safe(title).plain, severity=severity, timeout=timeout, markup=False)

    # --- start, sessions, screens ------------------------------------------------------------------------

    def _first_screen(self) -> Screen[None]:
        profile = self.launch.profile
        if self.launch.snapshot:
            return self._reading()
        if profile is None:
            return self._profiles.screen()
        return ConnectScreen(profile, self.opener)

    def _reading(self) -> ReadingScreen:
        """The screen that opens the file of this start."""
        launch = self.launch
        path = Path(launch.snapshot)

        def begin() -> Reading:
            snapshot = sessions.snapshot  # it brings the client, and a start paints before that
            overrides = sessions.session.Overrides(hex=launch.hex)
            reading: Reading = snapshot.Reading(path, launch.profile or Profile(), overrides)
            return reading

        screen: ReadingScreen = profiles.reading.ReadingScreen(path, begin)  # few starts are of a file
        return screen

    def on_mount(self) -> None:
        follow_terminal_size(self)
        self._variables_before = dict(self.theme_variables)
        listen(self, self.theme_changed_signal, self._theme_changed)
        listen(self, self.app_resume_signal, self._resumed)
        every(self, IDLE, self._tidy)

    def _tidy(self) -> None:
        if time.monotonic() - self._last_key > IDLE:
            collect_what_is_owed()

    def _resumed(self, _: object) -> None:
        follow_terminal_size(self)
        self.refresh(layout=True)

    async def on_session_opened(self, event: SessionOpened) -> None:
        await self.adopt(event.session, event.number, event.place)

    def on_config_reloaded(self, event: ConfigReloaded) -> None:
        self.launch = replace(self.launch, config=event.config)

    def first_number(self) -> int:
        """The screen that the next session opens on: for the first session what the start asked for."""
        name = "" if self.session is not None else "keys" if self.launch.rev else self.launch.screen
        return next((n for n, entry in self.screen_types.items() if entry.screen_name == name), min(self.screen_types))

    async def adopt(self, session: Session, number: int = 0, place: bytes = b"") -> None:
        """Show the screens of a new session, drop those of the old one, close the old one.

        ``number`` and ``place`` are where to go on, when not where a session starts.

        While the program ends, which takes all screens away by itself, none is added or dropped.
        """
        if not self.is_running:
            await session.aclose()
            return
        old_session, old_modes = self.session, [self.current_mode, *self._modes_of(self._generation)]
        if session.without != (old_session.without if old_session is not None else ()):
            self.screen_types = {n: one for n, one in MAIN.items() if one.screen_name not in session.without}
        first = number or self.first_number()
        self._generation += 1
        self.session = session
        self._login_asked = self._stranger_asked = False
        self.deck = {}
        for number in self.screen_types:
            self.add_mode(self._mode(number), partial(self._make_screen, number, session))
        try:
            await self.switch_mode(self._mode(first))
            await self._typeahead.arrived()
            if self.is_running:
                spawn(self, partial(self._follow_health, session), "health", exclusive=True)
                self._say_first_words(session, first_session=old_session is None)
                painted(self, self._ask_once, session, session.health)
                if place and isinstance(self.screen, ClusterScreen):
                    painted(self.screen, self.screen.show_place, place)
            for mode in dict.fromkeys(old_modes):
                if self.is_running:
                    await self.remove_mode(mode)
        finally:
            if old_session is not None:
                owe_collection()
                await old_session.aclose()

    def _mode(self, number: int, generation: int | None = None) -> str:
        return f"{self._generation if generation is None else generation}:{number}"

    def _modes_of(self, generation: int) -> list[str]:
        return [self._mode(number, generation) for number in self.screen_types] if generation else []

    def _make_screen(self, number: int, session: Session) -> ClusterScreen:
        tabs = tuple(Tab(n, kind.label) for n, kind in self.screen_types.items())
        host = flows.FlowHost(tabs, self.user_keys, lambda: self.launch.config.profiles)
        screen = self.screen_types[number].load()(session, host)
        self.deck[number] = screen
        return screen

    def _say_first_words(self, session: Session, *, first_session: bool) -> None:
        screen = self.screen
        if not isinstance(screen, ClusterScreen):
            return
        if first_session and self.launch.rev:
            painted(screen, screen.show_revision, self.launch.rev)
        if first_session and self.launch.prefix:
            painted(screen, screen.show_place, os.fsencode(self.launch.prefix))
        if first_session and self.launch.write and not session.guard.writable:
            painted(screen, self.action_unlock)
        notices = [*(self.launch.notices if first_session else ()), *session.profile.notices]
        if session.health.state is State.RESTRICTED:
            notices.insert(0, "etcd tells this user no status: leader and quota are not shown")
        if notices:  # one line: the folder of the configuration says nothing new
            words = "; ".join(notices).replace(f"{config_path(os.environ).parent}/", "")
            painted(screen, screen.flash, words, "warn")
        elif first_session and self.launch.tip:
            painted(screen, screen.status_line.flash, self.launch.tip, "accent", TIP_SECONDS)

    async def _follow_health(self, session: Session) -> None:
        polls = 0
        async for health in session.health_updates():
            if not self.is_running:
                return
            later(self, self._show_health, session, health)
            polls += 1
            if polls == DOCTOR_AFTER:
                await session.load_doctor()
                spawn(self, partial(self._tell_ending, session), "certificates", exclusive=True)

    async def _tell_ending(self, session: Session) -> None:
        """Certificates that end soon are worth a line."""
        words = await session.ending_certificates()
        if words and session is self.session:
            later(self, self.say, safe("; ".join(words)), "warn")

    def _show_health(self, session: Session, health: ClusterHealth) -> None:
        if session is not self.session:
            return
        session.judge()
        self._ask_once(session, health)
        above = [screen for screen in self.screen_stack if isinstance(screen, ClusterScreen)]
        for screen in (*self.deck.values(), *above):
            screen.health = health

    def _ask_once(self, session: Session, health: ClusterHealth) -> None:
        """Ask about another cluster, or for a login, once, as soon as no dialog and no typing is in the way."""
        wants_login = health.state in (State.LOGIN, State.DENIED)
        if not wants_login:
            self._login_asked = False
        if session.stranger is None:
            self._stranger_asked = False
        screen = self.shown
        if screen is None or self.screen is not screen or self._typeahead.is_busy:
            return
        if session.stranger is not None and not self._stranger_asked:
            self._stranger_asked = True
            spawn(self, partial(self._profiles.ask_about_stranger, screen), "stranger", exclusive=True)
        elif wants_login and not self._login_asked:
            self._login_asked = True
            self.action_log_in(because=health.words)

    # --- going around ------------------------------------------------------------------------------------

    @property
    def shown(self) -> ClusterScreen | None:
        """The main screen on show or below the dialogs."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, ClusterScreen)), None)

    def action_go(self, number: int) -> None:
        current = self.shown
        if current is None or number not in self.screen_types or number == current.number:
            return
        self._last_number = current.number
        self.switch_mode(self._mode(number))

    async def show_main(self, name: str) -> ClusterScreen | None:
        """Show a main screen itself, without what was opened above it, and return it; ``None`` when it is not built."""
        number = next((n for n, kind in self.screen_types.items() if kind.screen_name == name), 0)
        current = self.shown
        if not number or current is None:
            return None
        if current.number != number:
            self._last_number = current.number
            await self.switch_mode(self._mode(number))
        screen = self.deck.get(number)
        while screen is not None and self.screen is not screen and len(self.screen_stack) > 1:
            await self.pop_screen()
        return screen

    def action_last_view(self) -> None:
        self.action_go(self._last_number)

    def on_tab_line_picked(self, event: TabLine.Picked) -> None:
        self.action_go(event.number)

    async def on_cluster_screen_go_to(self, event: ClusterScreen.GoTo) -> None:
        for number, kind in self.screen_types.items():
            if kind.screen_name == event.screen_name:
                self.action_go(number)
                screen = self.deck.get(number)
                if screen is not None and event.place:
                    painted(screen, screen.show_place, event.place)
                return
        self.say(Text("that screen is not there"), "warn")

    def on_cluster_screen_compare_with(self, event: ClusterScreen.CompareWith) -> None:
        if (screen := self.shown) is not None:
            compare = partial(self._profiles.compare, screen, event.prefix, alone=event.alone)
            spawn(self, compare, "compare", exclusive=True)

    def say(self, message: Text, tone: str = "accent") -> None:
        """A flash on the status line of whatever is shown; a dialog has none and leaves that below it to be read."""
        for screen in (self.screen, self.shown):
            lines = screen.query(StatusLine) if screen is not None else ()
            for line in lines:
                line.flash(message, tone)
            if lines:
                return

    def action_next_pane(self) -> None:
        self.screen.focus_next()

    def action_previous_pane(self) -> None:
        self.screen.focus_previous()

    async def action_back(self) -> None:
        screen = self.screen
        if isinstance(screen, _GoesBack) and screen.go_back():
            return
        if len(self.screen_stack) > 1:
            await self.pop_screen()

    async def action_close(self) -> None:
        screen = self.screen
        if isinstance(screen, ClusterScreen) and screen.close_view():
            return
        if len(self.screen_stack) > 1:
            await self.pop_screen()
            return
        now = time.monotonic()
        if now - self._asked_to_quit < QUIT_SECONDS:
            self.exit(0)
        self._asked_to_quit = now
        self.say(Text("q again to quit"))

    async def action_quit(self) -> None:
        self.exit(0)

    def action_help_quit(self) -> None:
        """Ctrl+c without a selection: twice ends the program, as people expect of a terminal."""
        now = time.monotonic()
        if now - self._interrupted < QUIT_SECONDS:
            self.exit(0)
        self._interrupted = now
        self.say(Text("ctrl+c again quits, as ctrl+q does"))

    def action_suspend(self) -> None:
        if because := ui.lending.nobody_to_go_on():
            self.say(Text(f"not suspended: {because}"), "warn")
            return
        self.app_suspend_signal.publish(self)
        ui.lending.stop_this_job()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where text is edited, the key that suspends belongs to the editing."""
        return not (action == "suspend" and hasattr(self.focused, "action_undo"))

    # --- dialogs of everywhere ---------------------------------------------------------------------------

    @cached_property
    def _profiles(self) -> Profiles:
        profiles: Profiles = ui.dialogs.Profiles(self, self, self.opener, lambda: self.launch, lambda: self.session)
        return profiles

    @cached_property
    def _menus(self) -> Menus:
        menus: Menus = ui.dialogs.Menus(
            self, self, self._profiles, self.user_keys, self.own_themes, lambda: self.launch, self._command_line,
            self.state_files,
        )  # fmt: skip
        return menus

    @cached_property
    def _command_line(self) -> CommandLine:
        line: CommandLine = ui.dialogs.CommandLine(self, self, self._profiles)
        return line

    def action_help(self) -> None:
        if (screen := self.shown) is not None:
            self._menus.help(screen)

    def action_menu(self) -> None:
        if (screen := self.shown) is not None:
            self._menus.menu(screen)

    def action_palette(self) -> None:
        screen = self.shown
        if screen is not None and self.screen is screen:
            self._menus.palette(screen)

    def action_theme(self) -> None:
        for name, spec in load_themes(packaged_folder()).themes.items():  # the start has read the one it needs
            if name not in self.own_themes:
                self.own_themes[name] = spec
                self.register_theme(textual_theme(spec))
        self._menus.theme()

    def action_command(self) -> None:
        """Ask for a command line and run it."""
        self._command_line.ask_soon()

    def action_profiles(self) -> None:
        self._profiles.show()

    def action_log_in(self, because: str = "") -> None:
        screen = self.shown
        if screen is not None and self.screen is screen:
            spawn(self, partial(self._profiles.log_in, screen, because), "login", exclusive=True)

    def action_unlock(self) -> None:
        screen = self.shown
        if screen is not None and screen.session.stranger is not None:
            spawn(self, partial(self._profiles.ask_about_stranger, screen), "stranger", exclusive=True)
        elif screen is not None:
            ui.dialogs.Unlocking(self.push_screen).ask(screen)

    # --- keys --------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """A person at the keys keeps an unlock alive."""
        if not isinstance(event, (events.Key, events.Paste)) or event.is_forwarded:
            await super().on_event(event)
            return
        self._last_key = time.monotonic()
        if self.session is not None:
            self.session.guard.touch()
        await self._typeahead.take(event)

    def on_key(self, event: events.Key) -> None:
        """A key that nothing wanted is told; one of another alphabet says that no key of ours can be typed now."""
        char = event.character or ""
        if char > LATIN and char.isalpha():
            self.say(
                Text.assemble("the keys are Latin letters, and your keyboard sends ", safe(char), OTHER_LAYOUT), "warn"
            )
        elif char.isprintable() and char and not self._is_bound(event):
            self.say(Text.assemble(safe(char, "bold"), " does nothing here: ? lists the keys"))

    def _is_bound(self, event: events.Key) -> bool:
        """Whether the key does something here: an event goes on its way after its action, too."""
        bound = self.screen.active_bindings
        return any(key in bound for key in (event.key, *event.aliases))

    def hold_keys(self) -> Hold:
        return self._typeahead.hold()

    def drop_keys(self) -> str:
        return self._typeahead.drop()

    async def push_screen_wait(
        self, screen: Screen[ScreenResultType] | str, *, mode: str | None = None
    ) -> ScreenResultType | Any:
        """Keys that waited for a dialog of the work that calls this go to it."""
        with dialog_of_work():
            return await super().push_screen_wait(screen, mode=mode)

    async def on_key_done(self, message: KeyDone) -> None:
        await self._typeahead.done(message.number)

    # --- the end -----------------------------------------------------------------------------------------

    def _fatal_error(self) -> None:
        """The one private method of Textual that is replaced: its own prints local variables, passwords included."""
        error = sys.exception() or self._exception or RuntimeError("unknown")
        self.crash.report(error)
        self.exit(return_code=1)

    def tell_fault(self, owner: DOMNode, work: str, error: BaseException) -> None:
        """A fault in work (``ui.spawn``) or in a task that nobody awaits: the program goes on and says it."""
        self._faults.tell(owner, work, error)

    def forget_fault(self, owner: DOMNode, work: str = "") -> None:
        self._faults.forget(owner, work)
