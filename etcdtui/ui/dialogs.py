"""What the application asks and offers everywhere, each part made of what it needs; imported with the first dialog.

``Menus`` are help, menu, palette and colours; ``Profiles`` opens others; ``CommandLine`` runs a line; ``Unlocking``
locks and unlocks writes.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.text import Text
from textual.app import App
from textual.screen import Screen

from etcdtui import __version__
from etcdtui.config.launch import Launch
from etcdtui.core.etcdctl_help import EXAMPLES
from etcdtui.services import session as sessions
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.ui import flows, limits, modals
from etcdtui.ui.bindings import APP, KEYS, TABLE, find
from etcdtui.ui.commands import (
    ABOVE,
    DO,
    GO,
    LINE,
    MORE,
    OPENED_FROM,
    PROFILE,
    RUN,
    THERE,
    first_key,
    palette_items,
)
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Side, VisitCompare
from etcdtui.ui.legend import signs_of
from etcdtui.ui.modals.command import HISTORY_LIMIT, CommandDialog
from etcdtui.ui.modals.help import HelpDialog
from etcdtui.ui.modals.menu import MenuDialog
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.modals.unlock import UnlockDialog
from etcdtui.ui.screens import NAMES
from etcdtui.ui.screens.profiles.opening import Opener, SessionOpened, ask_login, log_in
from etcdtui.ui.screens.profiles.screen import ProfilesScreen
from etcdtui.ui.spawn import later, painted, spawn
from etcdtui.ui.text import safe

if TYPE_CHECKING:  # only named here
    from etcdtui.config.schema import Profile
    from etcdtui.config.themes import ThemeSpec
    from etcdtui.services.session.session import Session
    from etcdtui.ui.flows.command import Commander
    from etcdtui.ui.modals.stranger import StrangerDialog


OTHER = "\0"
"""Picked instead of a user of the profile; no name holds NUL."""

ASKING = frozenset({"new", "maintenance", "saved_watches", "upkeep"})
"""Slots of actions that ask what is wanted before they do anything, so that the palette may begin them."""


class Deck(Protocol):
    """The screens of the application: which is on show, and how another one comes to be."""

    @property
    def shown(self) -> ClusterScreen | None: ...

    def action_go(self, number: int) -> None: ...

    async def show_main(self, name: str) -> ClusterScreen | None: ...


class Profiles:
    """Opens the list of profiles, or one of them; ``launch`` and ``session`` tell what is known and open now."""

    def __init__(
        self,
        app: App[Any],
        deck: Deck,
        opener: Opener,
        launch: Callable[[], Launch],
        session: Callable[[], Session | None],
    ) -> None:
        self._app = app
        self._deck = deck
        self._opener = opener
        self._launch = launch
        self._session = session

    def screen(self) -> ProfilesScreen:
        """The list, built."""
        session = self._session()
        return ProfilesScreen(self._launch().config, self._opener, session.profile if session else None)

    def show(self) -> None:
        if not any(isinstance(screen, ProfilesScreen) for screen in self._app.screen_stack):
            self._app.push_screen(self.screen())

    async def connect_to(self, name: str) -> None:
        """Switch to a profile, seen in the list."""
        screen = self.screen()
        await self._app.push_screen(screen)
        screen.connect_to(name)

    async def open_beside(self, name: str) -> Session | None:
        """Another profile, or the snapshot in a file of that name, opened beside the one in use; whoever asked closes
        it."""
        screen = self._deck.shown
        if screen is None:
            return None
        profile = next((one for one in self._clusters() if one.name == name), None)
        if profile is not None:
            return await log_in(screen, profile, self._opener, shown=False)
        path = _file(name)
        if path is None:
            return None
        screen.flash(safe(f"reading {name} ...", limit=limits.WORDS))
        opened: Session = await sessions.snapshot.Reading(path, screen.session.profile).open()
        return opened

    def _clusters(self) -> list[Profile]:
        """Every profile that leads to a cluster, with that of this start."""
        launch = self._launch()
        known = [*launch.config.profiles, *launch.config.found]
        own = launch.profile
        return known if own is None or any(own.name == one.name for one in known) else [*known, own]

    async def compare(self, screen: ClusterScreen, prefix: bytes, *, alone: bool) -> None:
        """Ask what a place is to be compared with, open that, and show both; call it in a worker.

        A snapshot is always on the left: from there keys are taken back.
        """
        still = screen.session.health.state is State.STILL
        name = await (self._ask_cluster() if still else self._ask_file())
        other = await self.open_beside(name) if name else None
        if other is None:
            if name:
                screen.flash(safe(f"there is neither a profile nor a file {name}", limit=limits.WORDS), "warn")
            return
        sides = [Side(screen.session, prefix, alone), Side(other, prefix, alone)]
        first = sides if still or other.health.state is not State.STILL else sides[::-1]

        def left(_: object) -> None:
            spawn(self._app.screen, other.aclose, "close")

        screen.host.visit(screen, VisitCompare(*first), left)

    async def _ask_cluster(self) -> str | None:
        """The name of a profile; of the one that was named at the start, or is the only one, at once."""
        clusters = self._clusters()
        launch = self._launch()
        if launch.profile is not None and (launch.provenance or len(clusters) == 1):
            return launch.profile.name
        items = [
            Item(one.name, safe(one.name, limit=limits.WORDS), safe(", ".join(one.endpoints), limit=limits.WORDS))
            for one in clusters
        ]
        return await self._app.push_screen_wait(PickerDialog(Text("Compare with which cluster"), items))

    async def _ask_file(self) -> str | None:
        return await self._app.push_screen_wait(
            PromptDialog(Text("Compare with a snapshot, or with another profile"), placeholder="FILE.db or PROFILE")
        )

    async def log_in(self, screen: ClusterScreen, because: str = "") -> None:
        """Go on as another user, where the person is; ``because`` is why it is asked. Call it in a worker."""
        session = screen.session
        profile, now = session.profile, session.profile.auth.user
        user: str | None = None
        known = [login for login in profile.auth.all_users if login.user != now or because]
        if profile.auth.users:
            user = await self._pick_user(profile, now)
            if user is None:
                return
            wanted = replace(profile, auth=profile.auth.as_user(user))
            user = None if user == OTHER else user
            if user is not None and not wanted.auth.asks:
                opened = await log_in(screen, wanted, self._opener, shown=True)
                if opened is not None:
                    self._go_on(screen, opened)
                return
        elif because and known:
            user = now
        notice = safe(because, limit=limits.WORDS) if because else None
        result = await ask_login(screen, profile, self._opener, shown=True, user=user, notice=notice)
        if result is None:
            return
        if result.error is not None:
            raise result.error
        if result.got is not None:
            self._go_on(screen, result.got)

    async def ask_about_stranger(self, screen: ClusterScreen) -> None:
        """Name the known cluster and the other one; accepting it may open the session again. Call it in a worker."""
        session = screen.session
        if session.stranger is None:
            return
        name = session.profile.name
        dialog: StrangerDialog = modals.stranger.StrangerDialog(name, session.stranger)
        if await self._app.push_screen_wait(dialog) is None:
            return
        if session.accept_cluster():
            opened = await log_in(screen, session.profile, self._opener, shown=True)
            if opened is not None:
                self._go_on(screen, opened)
        else:
            screen.flash(f"{session.guard.state_word}: the cluster is the known one of {name} from now on", "good")
            screen.refresh_chrome()

    async def _pick_user(self, profile: Profile, now: str) -> str | None:
        """One of the users of the profile, ``OTHER``, or an empty name for nobody; ``None`` after esc."""
        items = [
            Item(login.user, safe(login.user, limit=limits.WORDS), Text("in use" if login.user == now else ""))
            for login in profile.auth.all_users
        ]
        items.append(Item(OTHER, Text("another user")))
        if now:
            items.append(Item("", Text("nobody"), Text("log out")))
        picked: str | None = await self._app.push_screen_wait(PickerDialog(Text("Go on as"), items, current=now))
        return picked

    def _go_on(self, screen: ClusterScreen, session: Session) -> None:
        number = self._deck.shown.number if self._deck.shown is not None else screen.number
        self._app.post_message(SessionOpened(session, number, screen.place_now()))


def _file(name: str) -> Path | None:
    path = Path(name).expanduser()
    return path if path.is_file() else None


class Menus:
    """Help, menu, palette and colours. ``line`` is the command line, ``facts`` are words about this start for the
    help."""

    def __init__(
        self,
        app: App[Any],
        deck: Deck,
        profiles: Profiles,
        keymap: Mapping[str, str],
        themes: Mapping[str, ThemeSpec],
        launch: Callable[[], Launch],
        line: CommandLine,
        facts: Sequence[str] = (),
    ) -> None:
        self._app = app
        self._deck = deck
        self._profiles = profiles
        self._line = line
        self._keymap = keymap
        self._themes = themes
        self._launch = launch
        self._facts = tuple(facts)

    def help(self, screen: ClusterScreen) -> None:
        title, facts = Text(f"{screen.label} help"), self._known(screen.session)
        actions = screen.available_actions()
        tables = (TABLE,) if screen.screen_name != KEYS else ()
        signs = signs_of(screen.screen_name, *tables, APP)
        lines = [(f":{example}", does) for example, does in EXAMPLES.values()]
        about = Text(screen.about)
        self._app.push_screen(HelpDialog(title, about, actions, self._keymap, facts, signs=signs, lines=lines))

    def _known(self, session: Session) -> Text:
        config = self._launch().config.file or "no config file"
        server = f"etcd {session.health.version}" if session.health.version else "etcd version unknown"
        words = [f"etcdtui {__version__}", server, config, *self._facts]
        return Text("  ").join(safe(word, limit=limits.WORDS) for word in words)

    def menu(self, screen: ClusterScreen) -> None:
        actions, more = screen.available_actions(), screen.more_items()
        dialog = MenuDialog(Text("What can be done here"), actions, self._keymap, screen.why_not, more)

        async def picked(value: str | None) -> None:
            if any(item.value == value for item in more):
                screen.more_chosen(value or "")
            else:
                await self._do(value)

        self._app.push_screen(dialog, picked)

    def palette(self, screen: ClusterScreen) -> None:
        items = palette_items(
            screen.tab_line.tabs,
            screen.screen_name,
            screen.available_actions(),
            self._launch().config.profiles,
            self._keymap,
            screen.why_not,
            screen.more_items(),
        )
        self._app.push_screen(PickerDialog(Text("What do you want to do?"), items), self._picked)

    async def _picked(self, value: str | None) -> None:
        if value is None:
            return
        if value.startswith(GO):
            self._deck.action_go(int(value.removeprefix(GO)))
        elif value.startswith(DO):
            await self._do(value.removeprefix(DO))
        elif value.startswith(MORE):
            if self._deck.shown is not None:
                self._deck.shown.more_chosen(value.removeprefix(MORE))
        elif value.startswith(THERE):
            await self._go_and_do(*value.removeprefix(THERE).split(":"))
        elif value.startswith(ABOVE):
            await self._say_where(*value.removeprefix(ABOVE).split(":"))
        elif value.startswith(LINE):
            self._line.ask_soon(value.removeprefix(LINE))
        elif value.startswith(RUN):
            self._line.run_soon(value.removeprefix(RUN))
        elif value.startswith(PROFILE):
            await self._profiles.connect_to(value.removeprefix(PROFILE))

    async def _go_and_do(self, name: str, action_id: str) -> None:
        """Show the screen that an action lives on. What asks by itself begins there; of the others the key is told,
        since they are about a row."""
        screen = await self._deck.show_main(name)
        action = find(action_id, name)
        if screen is None or action is None:
            return
        if action.key_slot in ASKING and not screen.why_not(action.id):
            later(screen, screen.action_do, action.id)
            return
        painted(screen, screen.flash, f"{first_key(action, self._keymap)}  {action.label}: {action.help}")

    async def _say_where(self, name: str, action_id: str) -> None:
        """Show the screen below, and tell how the one above it is opened and what does the action there."""
        label, opener, below = OPENED_FROM[name]
        screen = await self._deck.show_main(below)
        action, opens = find(action_id, name), find(opener, below)
        if screen is not None and action is not None and opens is not None:
            keys = [first_key(one, self._keymap) for one in (opens, action)]
            painted(screen, screen.flash, f"{keys[0]} opens {label}; there {keys[1]} is {action.label}: {action.help}")

    async def _do(self, action_id: str | None) -> None:
        """Run an action by its id, wherever it lives: the screen, the focused widget, or the application."""
        screen = self._deck.shown
        if action_id is None or screen is None:
            return
        own = find(action_id, screen.screen_name)
        if own is not None and screen.has_method(own.method):
            await screen.action_do(own.id)
            return
        for active in screen.active_bindings.values():
            if active.binding.id == action_id:
                await self._app.run_action(active.binding.action, active.node)
                return

    def theme(self) -> None:
        items = [
            Item(spec.name, safe(spec.label or spec.name, limit=40), Text("dark" if spec.dark else "light"))
            for spec in self._themes.values()
        ]
        before = self._app.theme

        def use(name: str | None) -> None:
            self._app.theme = name or before

        picker = PickerDialog(Text("Colours"), items, current=before, preview=use)
        self._app.push_screen(picker, use)


class CommandLine:
    """Asks for command lines, remembers them and runs them."""

    def __init__(self, app: App[Any], deck: Deck, profiles: Profiles) -> None:
        self._app = app
        self._deck = deck
        self._profiles = profiles
        self._past: list[str] = []

    def ask_soon(self, begun: str = "") -> None:
        """Ask for a command line, of which some may be ``begun``, and run it."""
        self._spawn(partial(self._ask, begun))

    def run_soon(self, text: str) -> None:
        """Run a line as if it had been typed."""
        self._spawn(partial(self._run, text))

    def _spawn(self, work: Callable[[ClusterScreen], Coroutine[object, object, None]]) -> None:
        screen = self._deck.shown
        if screen is not None and self._app.screen is screen:
            spawn(self._app, partial(work, screen), "command", exclusive=True)

    async def _ask(self, begun: str, screen: ClusterScreen) -> None:
        dialog = CommandDialog(self._past, begun, screens=tuple(NAMES.values()))
        text = await self._app.push_screen_wait(dialog)
        if not text:
            return
        if not flows.command_groups.holds_password(text):
            self._past = [*(old for old in self._past if old != text), text][-HISTORY_LIMIT:]
        await self._run(text, screen)

    async def _run(self, text: str, screen: ClusterScreen) -> None:
        profiles = self._profiles
        commander: Commander = flows.command.Commander(
            screen, self._deck.show_main, self._app.run_action, profiles.connect_to, profiles.open_beside
        )
        await commander.run(text)


class Unlocking:
    """Locks the writes, or does what unlocking them wants."""

    def __init__(self, show: Callable[[Screen[str], Callable[[str | None], None]], object]) -> None:
        self._show = show

    def ask(self, screen: ClusterScreen) -> None:
        guard = screen.session.guard
        if guard.writable:
            guard.lock()
            screen.flash("READ-ONLY: writes are locked")
            screen.refresh_chrome()
            return
        wanted = guard.unlock_requirement()
        if why := wanted.reason or screen.session.health.why_no_writes:
            screen.flash(f"writes stay locked: {why}", "warn")
        elif wanted.word:
            self._show(UnlockDialog(wanted.word, guard.policy.relock_after), partial(self._answered, screen))
        else:
            self._answered(screen, "")

    @staticmethod
    def _answered(screen: ClusterScreen, typed: str | None) -> None:
        if typed is None:
            return
        if screen.session.guard.unlock(typed):
            screen.flash("WRITES ON: ! locks again", "warn")
        screen.refresh_chrome()
