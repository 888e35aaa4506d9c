"""The profiles: where the program starts when none is named, and how it goes to another cluster while it runs."""

from __future__ import annotations

import asyncio
import os
import sys
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

from etcdtui import __version__
from etcdtui.config.load import load
from etcdtui.config.schema import BrokenProfile, Config, Profile
from etcdtui.core.errors import EtcdError
from etcdtui.core.value import record
from etcdtui.services.writing.editor import NoEditor, editor_command
from etcdtui.ui import limits
from etcdtui.ui.bindings import PROFILES, actions_for, bindings_for, key_words
from etcdtui.ui.errors import error_line
from etcdtui.ui.lending import lend_terminal
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.screens.profiles.opening import Opener, SessionOpened, log_in
from etcdtui.ui.spawn import read_again, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.theming import environment_style
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.footer import FooterLine
from etcdtui.ui.widgets.statusline import StatusLine
from etcdtui.ui.widgets.table import Column, LineTable

if TYPE_CHECKING:  # the class is only named here, and importing the client must wait for the first paint
    from etcdtui.services.session.session import Session


@record()
class ProfileRow:
    """A profile of the file or found on this host, or a broken one; ``seen`` is how the last try went."""

    name: str
    profile: Profile | None = None
    broken: BrokenProfile | None = None
    found: bool = False
    seen: str = ""


class ConfigReloaded(Message):
    """The configuration was read again after it was edited."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config


def profile_rows(config: Config) -> list[ProfileRow]:
    """Everything there is to choose from, in the order of the file, then what was found, then what is broken."""
    return [
        *(ProfileRow(profile.name, profile) for profile in config.profiles),
        *(ProfileRow(profile.name, profile, found=True) for profile in config.found),
        *(ProfileRow(broken.name, broken=broken) for broken in config.broken),
    ]


class ProfilesScreen(Screen[None]):
    """Enter connects; the running session goes on until the new one stands, and nothing changes when it fails."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(PROFILES)]
    DEFAULT_CSS = """
    ProfilesScreen > .profiles-top { height: 1; background: $panel; }
    ProfilesScreen > .profiles-sub { height: 1; background: $surface; }
    ProfilesScreen > Field { display: none; }
    ProfilesScreen.-filtering > Field { display: block; }
    """

    def __init__(self, config: Config, opener: Opener, current: str = "") -> None:
        super().__init__()
        self.config = config
        self.opener = opener
        self.current = current
        self.force_read_only = False
        self.seen: dict[str, str] = {current: "in use"} if current else {}
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
        hints = [
            (key_words(action.keys.split(",")[0]), action.label) for action in actions_for(PROFILES) if action.footer
        ]
        self.footer_line.hints = (("enter", "connect"), *hints, ("q", "close" if self.current else "quit"))

    def show_config(self) -> None:
        """The rows of the configuration, with what is known of each."""
        self.table.set_rows([replace(row, seen=self.seen.get(row.name, "")) for row in profile_rows(self.config)])
        mode = "  connecting READ-ONLY, whatever the profile says" if self.force_read_only else ""
        self.subtitle.update(Text(f" choose a cluster{mode}"))
        variables = [name for name in sorted(os.environ) if name.startswith("ETCDCTL_")]
        words = [safe(", ".join(variables), limit=limits.WORDS)] if variables else []
        parts = [Text("env variables are set: ").append_text(word) for word in words]
        parts += [safe("; ".join(self.config.notices), limit=limits.WORDS)] if self.config.notices else []
        self.status_line.set_parts(*parts)

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
                problem = row.broken.problems[0] if row.broken.problems else "cannot be used"
                return safe(str(problem), self.status_line.tone("bad"), limit=limits.WORDS)
            shown = of(row).endpoints
            first = shown[0].removeprefix("https://").removeprefix("http://") if shown else of(row).discovery_srv
            return safe(first + (f" +{len(shown) - 1}" if len(shown) > 1 else ""), limit=limits.WORDS)

        def mode(row: ProfileRow) -> Text:
            return Text("" if row.profile is None else "read-only" if of(row).read_only else "writes")

        return [
            Column("name", "NAME", lambda row: safe(row.name, "bold", limit=40), lambda r: r.name, least=8, most=24),
            Column("env", " ENV", environment, lambda r: of(r).environment, priority=2, least=6, most=18),
            Column("endpoints", "ENDPOINTS", endpoints, priority=1, least=16, most=60, grow=True),
            Column("tls", "", lambda r: Text("TLS" if r.profile and of(r).is_tls else ""), priority=4, least=3, most=3),
            Column("user", "USER", lambda r: safe(of(r).auth.user or "-", limit=20), priority=3, most=14),
            Column("mode", "MODE", mode, priority=1, least=9, most=9),
            Column("about", "DESCRIPTION", lambda r: safe(of(r).description, limit=limits.WORDS), priority=5, most=40),
            Column("seen", "LAST SEEN", lambda r: safe(r.seen, limit=60), priority=2, least=9, most=24),
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
        """Connect, say how it went, and disconnect."""
        self._act(keep=False)

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
            self._note(profile.name, error.title)
            await self.app.push_screen(MessageDialog.of_error(Text.assemble("Not connected to ", name), error))
            self.status_line.flash(error_line(error), "bad")
            return
        except asyncio.CancelledError:
            self.status_line.flash("cancelled", "warn")
            raise
        await self._opened(session, keep=keep)

    async def _opened(self, session: Session, *, keep: bool) -> None:
        health = session.health
        self._note(session.profile.name, f"ok, {health.members_up}/{health.members_total}")
        if keep:
            self.post_message(SessionOpened(session))
        else:
            await session.aclose()
            self.status_line.flash(f"{session.profile.name}: ok, rev {health.revision}", "good")

    def _note(self, name: str, words: str) -> None:
        self.seen[name] = words
        self.show_config()

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

    def _reload(self) -> None:
        config = load(os.environ, path=Path(self.config.file) if self.config.file else None)
        if config.file_problems:
            body = Text("\n").join(safe(str(problem), limit=limits.WORDS * 2) for problem in config.file_problems)
            self.app.push_screen(MessageDialog(Text("The configuration cannot be used; the old one stays"), body))
            return
        self.config = config
        self.show_config()
        self.post_message(ConfigReloaded(config))


async def _run(argv: list[str]) -> None:
    # fd 2 is the log while the program runs; the screen is what Textual draws on.
    process = await asyncio.create_subprocess_exec(*argv, stderr=sys.__stderr__)
    await process.wait()
