"""Runs the user interface: painted first, then connected; the terminal is always given back.

``run_app`` returns the exit code: 0, 1 after a crash, 2 for a keymap or theme that cannot be, 4 without a terminal,
128+n when signal n ended it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from etcdtui import config, ui
from etcdtui.config.folders import config_path, state_folder
from etcdtui.config.launch import Launch
from etcdtui.config.schema import Profile
from etcdtui.config.secrets import Secret
from etcdtui.config.terminal import terminal_problem
from etcdtui.config.themes import load_themes, packaged_folder, unknown_theme
from etcdtui.core.errors import EtcdError
from etcdtui.core.tasks import awaited
from etcdtui.services import session as sessions
from etcdtui.services import tail as tails
from etcdtui.ui.collector import calm_collector, leave_out_what_is_loaded
from etcdtui.ui.hangup import hup_when_terminal_goes
from etcdtui.ui.life import (
    CrashReporter,
    SureEnd,
    clean_environment,
    is_harmless,
    leave_no_dump,
    log_requests,
    open_log,
    say_at_the_end,
    terminal_apart,
)
from etcdtui.ui.rescue import Rescue
from etcdtui.ui.wire.terminal import Terminal

if TYPE_CHECKING:  # the class is only named here, and importing the client must wait for the first paint
    from etcdtui.services.session.session import Overrides, Session
    from etcdtui.ui.app import EtcdtuiApp

FAILED = 1
NO_TERMINAL = 4
BAD_LOOK = 2
LEAVE = 0.001
"""Seconds for the first requests to leave: a task asks each member, so one turn of the loop is not enough."""
NEAR = 0.01
"""Seconds in which a cluster nearby has answered: then its keys are asked for before the screen is imported."""
STDIN = 0
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
LEFT_ALONE = frozenset(
    {
        *(signal.SIGKILL, signal.SIGSTOP),  # nobody can
        *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS),
        *(signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH),  # not deadly
        *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGALRM),
    }
)
"""Signals without a handler here. After those that native code dies of, ``ui/rescue.py`` gives the terminal back."""


def run_app(launch: Launch) -> int:
    """Show the program on this terminal until it ends."""
    if problem := terminal_problem(os.environ):
        print(f"etcdtui: {problem}", file=sys.stderr)
        return NO_TERMINAL
    clean_environment()
    leave_no_dump()
    calm_collector()
    if launch.no_color:
        os.environ["NO_COLOR"] = "1"
    elif not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)
    folder = state_folder()
    try:
        log = open_log(folder, launch.log_file)
    except OSError as error:
        print(f"etcdtui: the log file {launch.log_file} cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    log_requests(log, every=launch.debug)
    crash = CrashReporter(folder)
    rescue = Rescue()
    rescue.stand_by(STDIN)
    terminal = Terminal(STDIN, rescue)
    ending = _Ending(terminal)
    with terminal_apart(log) as screen:
        terminal.take()
        try:
            code = asyncio.run(_main(launch, folder, crash, ending))
        finally:
            terminal.give_back()
        say_at_the_end(screen, (*crash.noted, crash.line, *ending.problems))
    ending.sure.done()
    os.close(log)
    return code


class _Stoppable(Protocol):
    """The app, as far as it concerns the end; naming its class would import Textual too early."""

    def exit(self, result: int | None = None, return_code: int = 0) -> None: ...


class _Ending:
    """What signals do: end the app if it runs, else whatever runs instead; remembers the code."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.sure = SureEnd(terminal, lambda: self.code)
        self.code = 0
        self.app: _Stoppable | None = None
        self.main: asyncio.Task[int] | None = None
        self.problems: list[str] = []

    def by_signal(self, number: int) -> None:
        self.code = 128 + number
        self.sure.begin()
        if self.app is not None:
            self.app.exit(return_code=self.code)
        elif self.main is not None:
            self.main.cancel()


async def _main(launch: Launch, folder: Path, crash: CrashReporter, ending: _Ending) -> int:
    loop = asyncio.get_running_loop()
    ending.main = asyncio.current_task()
    for number in signal.valid_signals():
        if number in ENDING or (number not in LEFT_ALONE and signal.getsignal(number) is signal.SIG_DFL):
            loop.add_signal_handler(number, ending.by_signal, int(number))
    hup_when_terminal_goes()
    try:
        return await _open_and_show(launch, folder, crash, ending)
    except asyncio.CancelledError:
        if not ending.code:
            raise
        return ending.code


async def _open_and_show(launch: Launch, folder: Path, crash: CrashReporter, ending: _Ending) -> int:
    folders = (packaged_folder(), config_path(os.environ).parent / "themes")
    themes = load_themes(*folders, only=("dark", "light") if launch.theme == "auto" else (launch.theme,))
    if unknown_theme(launch.theme, themes):
        themes = load_themes(*folders)  # to name those that there are
    if problems := ui.bindings.keymap_problems(launch.config.keymap) or unknown_theme(launch.theme, themes):
        ending.problems = [f"etcdtui: {problem}" for problem in problems]
        return BAD_LOOK
    launch = replace(launch, notices=(*launch.notices, *(str(problem) for problem in themes.problems)))

    async def opener(profile: Profile, password: Secret | None, *, shown: bool = True) -> Session:
        if launch.replay:
            return tails.replay.opened(launch.replay)
        used[:] = [one for one in (password, profile.auth.password, profile.auth.jwt_token) if one is not None]
        overrides = sessions.session.Overrides(  # gRPC and the client: after the first paint
            launch.read_only,
            launch.dry_run,
            password,
            _audit_file(profile, folder),
            launch.hex,
            config.clusters.ClusterMemory(folder) if launch.remembers else None,
        )
        first = app.screen_types[app.first_number()]
        look = shown and first.screen_name == ui.bindings.KEYS
        opening = awaited(_opened(profile, overrides, look=look), "opening")
        try:
            await asyncio.sleep(LEAVE)  # the first requests leave, and what is wanted next is imported meanwhile
            _ = sessions.first_look
            await asyncio.wait({opening}, timeout=NEAR)
            await asyncio.sleep(LEAVE)
            first.load()
            if app.session is None:  # afterwards it would keep the screens of a session that is left for ever
                leave_out_what_is_loaded()
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.cancel()
            with contextlib.suppress(EtcdError, asyncio.CancelledError):
                await (await opening).aclose()
            raise

    app: EtcdtuiApp = ui.app.EtcdtuiApp(  # what takes time: Textual; not needed to refuse a start
        launch, opener, crash, themes=themes.themes, state_files=(launch.log_file or str(folder / "etcdtui.log"),)
    )
    if launch.replay:
        watch = ui.bindings.WATCH
        app.screen_types = {number: one for number, one in app.screen_types.items() if one.screen_name == watch}
    used: list[Secret] = []
    crash.secrets = lambda: (*_secrets(app.session), *(secret.reveal() for secret in used))
    app.terminal = ending.terminal
    ending.app = app
    if not app.is_wired:
        ui.keyboard.tolerate_bad_bytes()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: _loose_end(app, context))
    try:
        await app.run_async(mouse=launch.mouse)
    finally:
        ending.code = ending.code or app.return_code or 0
        ending.sure.begin()
        if app.session is not None:
            ending.problems += app.session.last_words
            await app.session.aclose()
    return app.return_code or ending.code or 0


async def _opened(profile: Profile, overrides: Overrides, *, look: bool) -> Session:
    """The session, with its first look begun when it opens on the keys."""
    session: Session = await sessions.session.Session.open(profile, overrides)
    if look:
        session.look_first()
    return session


def _loose_end(app: EtcdtuiApp, context: Mapping[str, object]) -> None:
    """An error in a task that nobody awaits: ours is told like one in work of a screen, a failed request's is not."""
    error = context.get("exception")
    if isinstance(error, BaseException) and not is_harmless(error):
        app.tell_fault(app, str(context.get("message", "")), error)


def _audit_file(profile: Profile | None, folder: Path) -> Path:
    return Path(profile.audit) if profile is not None and profile.audit else folder / "audit.jsonl"


def _secrets(session: Session | None) -> tuple[str, ...]:
    if session is None:
        return ()
    return session.secrets
