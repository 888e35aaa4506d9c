"""What the application asks and offers everywhere: help, menu, palette, colours, command line, profiles, unlock.

Imported when the first of them is wanted: none is on the way to the first paint.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text

from etcdtui import __version__
from etcdtui.ui.commands import DO, GO, PROFILE, palette_items
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.modals.command import HISTORY_LIMIT, CommandDialog
from etcdtui.ui.modals.help import HelpDialog
from etcdtui.ui.modals.menu import MenuDialog
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.unlock import UnlockDialog
from etcdtui.ui.screens.profiles.opening import log_in
from etcdtui.ui.screens.profiles.screen import ProfilesScreen
from etcdtui.ui.text import safe

if TYPE_CHECKING:  # only named here
    from etcdtui.services.session.session import Session
    from etcdtui.ui.app import EtcdtuiApp

FACT_LIMIT = 200


class AppDialogs:
    """The dialogs of one application; remembers its command lines."""

    def __init__(self, app: EtcdtuiApp) -> None:
        self._app = app
        self._commands: list[str] = []

    def help(self, screen: ClusterScreen) -> None:
        title, facts = Text(f"{screen.label} help"), self._facts(screen.session)
        actions = screen.available_actions()
        self._app.push_screen(HelpDialog(title, Text(screen.about), actions, self._app.user_keys, facts))

    def _facts(self, session: Session) -> Text:
        config = self._app.launch.config.file or "no config file"
        server = f"etcd {session.health.version}" if session.health.version else "etcd version unknown"
        words = [f"etcdtui {__version__}", server, config, *self._app.state_files]
        return Text("  ").join(safe(word, limit=FACT_LIMIT) for word in words)

    def menu(self, screen: ClusterScreen) -> None:
        actions = screen.available_actions()
        dialog = MenuDialog(Text("What can be done here"), actions, self._app.user_keys, screen.why_not)
        self._app.push_screen(dialog, self._do)

    def palette(self, screen: ClusterScreen) -> None:
        items = palette_items(
            screen.tab_line.tabs,
            screen.available_actions(),
            self._app.launch.config.profiles,
            self._app.user_keys,
            screen.why_not,
        )
        self._app.push_screen(PickerDialog(Text("Palette"), items), self._picked)

    async def _picked(self, value: str | None) -> None:
        if value is None:
            return
        if value.startswith(GO):
            self._app.action_go(int(value.removeprefix(GO)))
        elif value.startswith(DO):
            await self._do(value.removeprefix(DO))
        elif value.startswith(PROFILE):
            await self._connect_to(value.removeprefix(PROFILE))

    async def _do(self, action_id: str | None) -> None:
        """Run an action by its id, wherever it lives: the screen, the focused widget, or the application."""
        screen = self._app.shown
        if action_id is None or screen is None:
            return
        if hasattr(screen, f"action_{action_id}"):
            await screen.action_do(action_id)
            return
        for active in screen.active_bindings.values():
            if active.binding.id == action_id:
                await self._app.run_action(active.binding.action, active.node)
                return

    def theme(self) -> None:
        items = [
            Item(spec.name, safe(spec.label or spec.name, limit=40), Text("dark" if spec.dark else "light"))
            for spec in self._app.own_themes.values()
        ]
        self._app.push_screen(PickerDialog(Text("Colours"), items, current=self._app.theme), self._use_theme)

    def _use_theme(self, name: str | None) -> None:
        if name is not None:
            self._app.theme = name

    async def command(self, screen: ClusterScreen) -> None:
        """Ask for a command line and run it; call it in a worker."""
        from etcdtui.ui.flows.command import Commander  # all that needs a session; the first screen may be the profiles
        from etcdtui.ui.flows.command_groups import holds_password

        text = await self._app.push_screen_wait(CommandDialog(self._commands))
        if text:
            if not holds_password(text):
                self._commands = [*(old for old in self._commands if old != text), text][-HISTORY_LIMIT:]
            app = self._app
            commander = Commander(screen, app.show_main, app.run_action, self._connect_to, self._open_beside)
            await commander.run(text)

    async def _open_beside(self, name: str) -> Session | None:
        """Another profile, opened beside the one in use; whoever asked closes it."""
        config, screen = self._app.launch.config, self._app.shown
        profile = next((one for one in (*config.profiles, *config.found) if one.name == name), None)
        if profile is None or screen is None:
            return None
        return await log_in(screen, profile, self._app.opener, shown=False)

    async def _connect_to(self, name: str) -> None:
        screen = self.profiles_screen()
        await self._app.push_screen(screen)
        screen.connect_to(name)

    def profiles(self) -> None:
        if not any(isinstance(screen, ProfilesScreen) for screen in self._app.screen_stack):
            self._app.push_screen(self.profiles_screen())

    def profiles_screen(self) -> ProfilesScreen:
        session = self._app.session
        return ProfilesScreen(self._app.launch.config, self._app.opener, session.profile.name if session else "")

    def unlock(self, screen: ClusterScreen) -> None:
        """Lock the writes, or do what unlocking them wants."""
        guard = screen.session.guard
        if guard.writable:
            guard.lock()
            screen.flash("READ-ONLY: writes are locked")
            screen.refresh_chrome()
            return
        wanted = guard.unlock_requirement()
        if wanted.reason:
            screen.flash(f"writes stay locked: {wanted.reason}", "warn")
        elif wanted.word:
            self._app.push_screen(UnlockDialog(wanted.word, guard.policy.relock_after), partial(self._unlock, screen))
        else:
            self._unlock(screen, "")

    def _unlock(self, screen: ClusterScreen, typed: str | None) -> None:
        if typed is None:
            return
        if screen.session.guard.unlock(typed):
            screen.flash("WRITES ON: ! locks again", "warn")
        screen.refresh_chrome()
