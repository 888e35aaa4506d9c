"""The profiles: where the program starts when none is named, and how it goes to another cluster while it runs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from etcdtui import __version__, config
from etcdtui.config.folders import config_path
from etcdtui.config.load import load
from etcdtui.config.schema import BrokenProfile, Config, Profile
from etcdtui.config.secrets import child_environment
from etcdtui.core.errors import EtcdError
from etcdtui.core.value import record
from etcdtui.services import session as sessions
from etcdtui.services.writing.editor import NoEditor, editor_command
from etcdtui.ui import limits, modals
from etcdtui.ui.bindings import PROFILES, actions_for, bindings_for, key_words
from etcdtui.ui.errors import error_line
from etcdtui.ui.lending import lend_terminal
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.screens.profiles.opening import Opener, SessionOpened, log_in
from etcdtui.ui.spawn import every, read_again, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.theming import environment_style
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.footer import FooterLine
from etcdtui.ui.widgets.statusline import StatusLine
from etcdtui.ui.widgets.table import Column, LineTable

if TYPE_CHECKING:  # the class is only named here, and importing the client must wait for the first paint
    from etcdtui.services.session.fleet import Ping
    from etcdtui.services.session.session import Session


PING_EVERY = 15.0
LOOK_EVERY = 1.0
"""Seconds between two rounds of pings, and between two looks at the file."""


@record()
class ProfileRow:
    """A profile of the file, found on this host, or ``started`` by flags, or a broken one; ``ping`` is how it is."""

    name: str
    profile: Profile | None = None
    broken: BrokenProfile | None = None
    found: bool = False
    started: bool = False
    ping: Ping | None = None


class ConfigReloaded(Message):
    """The configuration was read again after it was edited."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config


def profile_rows(config: Config, running: Profile | None = None) -> list[ProfileRow]:
    """Everything there is to choose from: what flags started, the file in its order, what was found, what is broken."""
    names = {profile.name for profile in (*config.profiles, *config.found)}
    return [
        *([ProfileRow(running.name, running, started=True)] if running and running.name not in names else []),
        *(ProfileRow(profile.name, profile) for profile in config.profiles),
        *(ProfileRow(profile.name, profile, found=True) for profile in config.found),
        *(ProfileRow(broken.name, broken=broken) for broken in config.broken),
    ]


def _reason_of(broken: BrokenProfile) -> str:
    """Why it cannot be used, with the line."""
    if not broken.problems:
        return "cannot be used"
    first = broken.problems[0]
    return f"{first.text.removeprefix(f'profiles.{broken.name}.')} (line {first.line})"


def _signature_of(file: str) -> tuple[int, int, int]:
    """Time, size and inode of a file; zeros when there is none."""
    try:
        status = Path(file).stat() if file else None
    except OSError:
        status = None
    return (status.st_mtime_ns, status.st_size, status.st_ino) if status is not None else (0, 0, 0)


class ProfilesScreen(Screen[None]):
    """Enter connects; the running session goes on until the new one stands, and nothing changes when it fails."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(PROFILES)]
    DEFAULT_CSS = """
    ProfilesScreen > .profiles-top { height: 1; background: $panel; }
    ProfilesScreen > .profiles-sub { height: 1; background: $surface; }
    ProfilesScreen > Field { display: none; }
    ProfilesScreen.-filtering > Field { display: block; }
    """

    def __init__(self, config: Config, opener: Opener, running: Profile | None = None) -> None:
        super().__init__()
        self.config = config
        self.opener = opener
        self.running = running
        self.current = running.name if running is not None else ""
        self.force_read_only = False
        self.pings: dict[str, Ping] = {}
        self._signature = _signature_of(config.file)
        self.table: LineTable[ProfileRow] = LineTable(self._columns(), lambda row: (row.found, row.name), marks=False)
        self.filter_field = Field(placeholder="filter", max_length=100)
        self.status_line = StatusLine()
        self.footer_line = FooterLine()
        self.subtitle = Static(Text(), classes="profiles-sub", markup=False)

    def compose(self) -> ComposeResult:
        where = self.config.file or "no configuration file; ETCDCTL_* and flags work"
        top = Text.assemble(f" etcdtui {__version__}  ", safe(where, limit=limits.WORDS), no_wrap=True)
        yield Static(top, classes="profiles-top", markup=False)
        yield self.subtitle
        with Vertical(classes="pane"):
            yield self.table
        yield self.filter_field
        yield self.status_line
        yield self.footer_line

    def on_mount(self) -> None:
        self.table.set_empty(Text("No profile yet. e writes the configuration; --endpoints needs none."))
        self.show_config()
        self.table.lines.focus()
        self.table.go_to((False, self.current))
        self._ping()
        every(self, PING_EVERY, self._ping)
        every(self, LOOK_EVERY, self._look_at_file)
        hints = [
            (key_words(action.keys.split(",")[0]), action.label) for action in actions_for(PROFILES) if action.footer
        ]
        self.footer_line.hints = (("enter", "connect"), *hints, ("q", "close" if self.current else "quit"))

    def show_config(self) -> None:
        """The rows of the configuration, with what is known of each."""
        rows = profile_rows(self.config, self.running)
        self.table.set_rows([replace(row, ping=self.pings.get(row.name)) for row in rows])
        mode = "  connecting READ-ONLY, whatever the profile says" if self.force_read_only else ""
        self.subtitle.update(Text(f" choose a cluster{mode}"))
        broken = [safe(f"{one.name}: {_reason_of(one)}", limit=limits.LINE) for one in self.config.broken[:2]]
        variables = [name for name in sorted(os.environ) if name.startswith("ETCDCTL_")]
        words = [safe(", ".join(variables), limit=limits.WORDS)] if variables else []
        parts = [Text("env variables are set: ").append_text(word) for word in words]
        parts += [safe("; ".join(self.config.notices), limit=limits.WORDS)] if self.config.notices else []
        self.status_line.set_parts(*broken, *parts)

    def _columns(self) -> list[Column[ProfileRow]]:
        def of(row: ProfileRow) -> Profile:
            return row.profile or Profile()

        def environment(row: ProfileRow) -> Text:
            if row.found and not of(row).environment:
                return Text("?")
            name = of(row).environment
            block = environment_style(of(row).env.color, self.app.theme_variables) if name else ""
            return Text.assemble((f" {safe(name, limit=16).plain} ", block)) if name else Text("")

        def endpoints(row: ProfileRow) -> Text:
            if row.broken is not None:
                problem = row.broken.problems[0] if row.broken.problems else None
                words = _reason_of(row.broken) if problem is not None else "cannot be used"
                return safe(words, self.status_line.tone("bad"), limit=limits.WORDS)
            shown = of(row).endpoints
            first = shown[0].removeprefix("https://").removeprefix("http://") if shown else of(row).discovery_srv
            return safe(first + (f" +{len(shown) - 1}" if len(shown) > 1 else ""), limit=limits.WORDS)

        def mode(row: ProfileRow) -> Text:
            return Text("" if row.profile is None else "read-only" if of(row).read_only else "writes")

        def now(row: ProfileRow) -> Text:
            if row.ping is None:
                return Text("BROKEN" if row.broken is not None else "...")
            used = "in use, " if row.name == self.current else ""
            tone = self.status_line.tone("good" if row.ping.good else "warn")
            return safe(used + row.ping.words, tone, limit=limits.NAME)

        def told(name: str) -> Callable[[ProfileRow], Text]:
            return lambda row: safe(str(getattr(row.ping, name) or "") if row.ping else "", limit=limits.NAME)

        def alarms(row: ProfileRow) -> Text:
            words = " ".join(row.ping.alarms) if row.ping else ""
            return safe(words, self.status_line.tone("bad"), limit=limits.NAME)

        return [
            Column("name", "NAME", lambda row: safe(row.name, "bold", limit=40), lambda r: r.name, least=8, most=24),
            Column("env", " ENV", environment, lambda r: of(r).environment, priority=2, least=6, most=18),
            Column("endpoints", "ENDPOINTS", endpoints, priority=1, least=16, most=60, grow=True),
            Column("tls", "", lambda r: Text("TLS" if r.profile and of(r).is_tls else ""), priority=4, least=3, most=3),
            Column("user", "USER", lambda r: safe(of(r).auth.user or "-", limit=20), priority=3, most=14),
            Column("mode", "MODE", mode, priority=1, least=9, most=9),
            Column("about", "DESCRIPTION", lambda r: safe(of(r).description, limit=limits.WORDS), priority=5, most=40),
            Column("now", "NOW", now, lambda r: r.ping.words if r.ping else "", priority=2, least=9, most=24),
            Column("leader", "LEADER", told("leader"), priority=6, most=16),
            Column("revision", "REV", told("revision"), priority=7, most=12),
            Column("version", "VERSION", told("version"), priority=8, most=10),
            Column("alarms", "ALARMS", alarms, priority=3, most=18),
        ]

    # --- connecting --------------------------------------------------------------------------------------

    def connect_to(self, name: str) -> None:
        """Connect to the profile of that name."""
        profile = self.config.profile(name)
        if profile is not None:
            self._start(profile, keep=True)

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        event.stop()
        self._act(keep=True)

    def action_test(self) -> None:
        """Take the connection apart, step by step."""
        row = self.table.current
        if row is None or row.profile is None:
            self._act(keep=False)
            return
        profile = row.profile
        self.app.push_screen(modals.checkup.CheckupDialog(row.name, lambda: sessions.checkup.check_up(profile)))

    def action_save(self) -> None:
        """Save what flags started as a profile of the file."""
        row = self.table.current
        if row is None or row.profile is None or not row.started:
            self.status_line.flash("n saves the session that flags started; e edits the file", "warn")
            return
        spawn(self, partial(self._save, row.profile), "save", exclusive=True)

    async def _save(self, profile: Profile) -> None:
        file = Path(self.config.file) if self.config.file else config_path(os.environ)
        explain = Text.assemble(
            "It is written into ", safe(str(file), limit=limits.WORDS), "; no password is. The user is asked for one."
        )
        dialog = modals.prompt.PromptDialog(Text("Save as the profile"), explain, placeholder="name")
        name = await self.app.push_screen_wait(dialog)
        if not name:
            return
        await asyncio.to_thread(config.saving.save_profile, file, name, profile, os.environ)
        self.config = replace(self.config, file=str(file))
        self._reload()
        self.table.go_to((False, name))
        self.status_line.flash(f"{name} is saved in {file}", "good")

    def _act(self, *, keep: bool) -> None:
        row = self.table.current
        if row is None:
            return
        if row.profile is None:
            problems = row.broken.problems if row.broken is not None else ()
            body = Text("\n").join(safe(str(problem), limit=limits.WORDS * 2) for problem in problems)
            self.app.push_screen(MessageDialog(Text("This profile cannot be used"), body))
            return
        self._start(row.profile, keep=keep)

    def _start(self, profile: Profile, *, keep: bool) -> None:
        spawn(self, partial(self._open, profile, keep=keep), "connect", exclusive=True)

    async def _open(self, profile: Profile, *, keep: bool) -> None:
        """Open a session beside the one that runs; only success changes anything."""
        wanted = replace(profile, read_only=True) if self.force_read_only else profile
        name = safe(profile.name, limit=60)
        self.status_line.set_parts(Text.assemble("connecting to ", name, "; esc cancels"))
        try:
            session = await log_in(self, wanted, self.opener, shown=keep)
            if session is None:
                self.status_line.set_parts(Text("cancelled"))
                return
        except EtcdError as error:
            self._note(profile.name, sessions.fleet.Ping(error.title))
            await self.app.push_screen(MessageDialog.of_error(Text.assemble("Not connected to ", name), error))
            self.status_line.flash(error_line(error), "bad")
            return
        except asyncio.CancelledError:
            self.status_line.flash("cancelled", "warn")
            raise
        await self._opened(session, keep=keep)

    async def _opened(self, session: Session, *, keep: bool) -> None:
        health = session.health
        self._note(session.profile.name, sessions.fleet.ping_of(health))
        if keep:
            self.post_message(SessionOpened(session))
        else:
            await session.aclose()
            self.status_line.flash(f"{session.profile.name}: ok, rev {health.revision}", "good")

    def _note(self, name: str, ping: Ping) -> None:
        self.pings[name] = ping
        self.show_config()

    # --- how all of them are -----------------------------------------------------------------------------

    def _ping(self) -> None:
        if self.is_current:
            spawn(self, self._ping_all, "ping", exclusive=True)

    async def _ping_all(self) -> None:
        profiles = [row.profile for row in profile_rows(self.config, self.running) if row.profile is not None]
        async with aclosing(sessions.fleet.ping_all(profiles)) as answers:
            async for name, ping in answers:
                self._note(name, ping)

    def _look_at_file(self) -> None:
        """The file was changed by somebody: read it again."""
        if self._signature != (now := _signature_of(self.config.file)):
            self._signature = now
            self._reload(quietly=True)

    # --- keys --------------------------------------------------------------------------------------------

    def action_toggle_read_only(self) -> None:
        self.force_read_only = not self.force_read_only
        self.show_config()

    def action_refresh(self) -> None:
        read_again(self)
        self._reload()

    def action_filter(self) -> None:
        self.add_class("-filtering")
        self.filter_field.focus()

    def on_input_changed(self, event: Field.Changed) -> None:
        words = event.value.casefold()
        self.table.set_filter((lambda row: words in row.name.casefold()) if words else None)

    def on_input_submitted(self) -> None:
        self.table.lines.focus()

    def go_back(self) -> bool:
        """Esc: end an attempt, then the filter; False when there is neither."""
        running = [worker for worker in self.workers if worker.node is self and worker.group == "connect"]
        for worker in running:
            worker.cancel()
        if running:
            return True
        if self.has_class("-filtering"):
            self.filter_field.value = ""
            self.remove_class("-filtering")
            self.table.lines.focus()
            return True
        return not self.current

    async def action_edit_file(self) -> None:
        """Open the configuration in the editor, then read it again."""
        if not self.config.file:
            self.status_line.flash("there is no configuration file yet; see config.example.yaml", "warn")
            return
        try:
            argv = [*editor_command(os.environ), self.config.file]
            await lend_terminal(self.app, lambda: _run(argv))
        except (NoEditor, OSError) as error:
            self.status_line.flash(f"the editor cannot be started: {error}", "bad")
            return
        self._reload()

    def _reload(self, *, quietly: bool = False) -> None:
        read = load(os.environ, path=Path(self.config.file) if self.config.file else None)
        self._signature = _signature_of(read.file or self.config.file)
        if read.file_problems and quietly:
            words = f"the configuration cannot be used, the old one stays: {read.file_problems[0]}"
            self.status_line.flash(safe(words, limit=limits.LINE), "bad")
            return
        if read.file_problems:
            body = Text("\n").join(safe(str(problem), limit=limits.WORDS * 2) for problem in read.file_problems)
            self.app.push_screen(MessageDialog(Text("The configuration cannot be used; the old one stays"), body))
            return
        self.config = read
        self.show_config()
        self.post_message(ConfigReloaded(read))
        self._ping()


async def _run(argv: list[str]) -> None:
    # fd 2 is the log while the program runs; the screen is what Textual draws on.
    process = await asyncio.create_subprocess_exec(*argv, stderr=sys.__stderr__, env=child_environment())
    await process.wait()
