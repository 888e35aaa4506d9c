"""What is shown until the first session stands: who is asked, what came of it, and that it tries again by itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from etcdtui.config.schema import Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import AuthFailed, EtcdError, PassphraseWanted
from etcdtui.services import session as sessions
from etcdtui.ui import limits, modals
from etcdtui.ui.errors import error_line, error_text
from etcdtui.ui.screens.profiles.opening import Opener, SessionOpened, ask_login, ask_passphrase, asking
from etcdtui.ui.spawn import after, every, later, painted, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.footer import FooterLine
from etcdtui.ui.widgets.statusline import StatusLine
from etcdtui.ui.widgets.title import TitleFacts, TitleLine

if TYPE_CHECKING:  # the class is only named here, and importing the client must wait for the first paint
    from etcdtui.services.session.session import Session

RETRY_SECONDS = 2.0
SLOWLY = 10.0
"""Seconds until what somebody has to mend, such as a certificate or a password file, may have been mended."""
LET_OUT = 0.001
"""Seconds for the painted frame to leave before what connecting needs is imported, which keeps the loop busy."""
ENDPOINTS_SHOWN = 5
ASK_AFTER = 0.15
"""Seconds an attempt has before every endpoint is asked on its own why it does not answer; most need less."""
AGAIN = "r tries again, o says why, P chooses another profile"


class ConnectScreen(Screen[None]):
    """Opens ``profile`` once it is painted. Retries what may heal by itself."""

    BINDINGS = [("r,enter", "retry", "retry"), ("o", "examine", "examine")]
    DEFAULT_CSS = """
    ConnectScreen > #connect { height: 1fr; padding: 1 2; }
    ConnectScreen Static { height: auto; margin-bottom: 1; }
    ConnectScreen .-empty { display: none; }
    """

    def __init__(self, profile: Profile, opener: Opener) -> None:
        super().__init__()
        self.profile = profile
        self.opener = opener
        self.title_line = TitleLine()
        self.status_line = StatusLine()
        self.words = Static(Text(), markup=False)
        self.told = Static(Text(), markup=False, classes="-empty")
        self.reason = Static(Text(), markup=False)
        self._verdicts: dict[str, EtcdError | None] = {}
        self._began = time.monotonic()
        self._attempts = 0
        self._hint = ""
        self._opened = False
        self._password_asked = False
        self._password: Secret | None = None
        self._again = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield self.title_line
        with Vertical(id="connect"):
            yield self.words
            yield self.told
            yield self.reason
        yield self.status_line
        yield FooterLine()

    def on_mount(self) -> None:
        self.title_line.facts = TitleFacts(
            profile=self.profile.name,
            color=self.profile.env.color,
            plaintext=bool(self.profile.endpoints) and not self.profile.is_tls,
            unchecked=self.profile.is_unchecked,
            note="connecting",
        )
        self.query_one(FooterLine).hints = (("r", "retry"), ("o", "why"), ("P", "profiles"), ("q", "quit"))
        shown = self.profile.endpoints[:ENDPOINTS_SHOWN]
        more = len(self.profile.endpoints) - len(shown)
        named = ", ".join(shown) or f"what DNS says of {self.profile.discovery_srv}"
        self.words.update(
            Text.assemble("Connecting to ", safe(named, limit=400), f" and {more} more" if more > 0 else "")
        )
        later(self.app, self._paint_first)  # the app's own queue waits until it has begun to paint

    def _paint_first(self) -> None:
        self.refresh()
        painted(self, after, self, LET_OUT, self._start)

    def _start(self) -> None:
        self._began = time.monotonic()
        every(self, 1.0, self._count)
        spawn(self, self._connect, "connect", exclusive=True)

    def action_retry(self) -> None:
        """Try again at once; also after a fault of ours has ended the trying."""
        self._again.set()
        if self._attempts and not self._is_trying:
            spawn(self, self._connect, "connect", exclusive=True)

    def action_examine(self) -> None:
        """Take the connection apart, step by step."""
        profile, overrides = self.profile, sessions.session.Overrides(password=self._password)
        steps = partial(sessions.checkup.check_up, profile, overrides)
        self.app.push_screen(modals.checkup.CheckupDialog(profile.name, steps))

    @property
    def keeps_keys(self) -> bool:
        """Whether what is typed now is for the screen that opens: until the first attempt has failed."""
        return self._attempts <= 1 and not self._hint and not self._password_asked

    @property
    def _is_trying(self) -> bool:
        return self._opened or any(worker.node is self and worker.group == "connect" for worker in self.workers)

    async def _connect(self) -> None:
        while True:
            self._attempts += 1
            self._count()
            if not self.profile.discovery_srv:
                spawn(self, self._ask_endpoints, "ask", exclusive=True)
            try:
                session = await self._attempt()
            except PassphraseWanted as error:
                self.reason.update(error_text(error))
                self._password_asked = True
                with_key = await ask_passphrase(self, self.profile, error)
                if with_key is None:
                    await self._wait(None)
                else:
                    self.profile = with_key
            except EtcdError as error:
                self.reason.update(error_text(error))
                wrong = isinstance(error, AuthFailed)
                if wrong:
                    self._password = None
                by_hand = wrong and self.profile.auth.asks
                await self._wait(None if by_hand else RETRY_SECONDS if error.retryable else SLOWLY)
            else:
                self._opened = True
                self.workers.cancel_group(self, "ask")
                self.post_message(SessionOpened(session))
                return

    async def _attempt(self) -> Session:
        """Open the session; a password that is missing or wrong is asked for until it is right, or esc."""
        user, wrong = self.profile.auth.user, None
        if self._password is not None or not self.profile.auth.asks:
            try:
                return await self.opener(self.profile, self._password, shown=True)
            except AuthFailed as error:
                if not user or (self._password_asked and self._password is None):
                    raise
                wrong = error
                self.reason.update(error_text(error))
        self._password_asked = True
        notice = error_line(wrong) if wrong is not None else None
        result = await ask_login(self, self.profile, self.opener, shown=True, user=user, notice=notice)
        if result is None:
            self._password = None
            raise wrong or AuthFailed("no password was given")
        if result.error is not None:
            self._password, self.profile = result.password, asking(self.profile, user)
            raise result.error
        assert result.got is not None
        return result.got

    async def _ask_endpoints(self) -> None:
        """Show what each endpoint says as soon as it says it; what another attempt found stays until then."""
        await asyncio.sleep(ASK_AFTER)
        try:
            async with aclosing(sessions.dialing.ask_endpoints(self.profile)) as answers:
                async for endpoint, error in answers:
                    self._verdicts[endpoint] = error
                    self._show_verdicts()
        except EtcdError:
            pass  # the attempt itself tells it

    def _show_verdicts(self) -> None:
        lines = []
        wide = max(len(endpoint) for endpoint in self._verdicts)
        for endpoint, error in sorted(self._verdicts.items(), key=lambda item: self._place(item[0])):
            said = safe("answers" if error is None else sessions.dialing.plain_words(error), limit=limits.WORDS)
            lines.append(Text.assemble(safe(endpoint.ljust(wide), limit=limits.WORDS), "  ", said))
        self.told.update(Text("\n").join(lines[:ENDPOINTS_SHOWN]))
        self.told.remove_class("-empty")

    def _place(self, endpoint: str) -> int:
        """Where an endpoint stands in the profile."""
        named = self.profile.endpoints
        return named.index(endpoint) if endpoint in named else len(named)

    def _count(self) -> None:
        """The status line: how long it has been, which attempt this is, and what comes next."""
        if not self._is_trying:
            self.status_line.set_parts(Text("the attempt was cut off"), Text(AGAIN))
            return
        seconds = int(time.monotonic() - self._began)
        attempt = f"attempt {self._attempts}" if self._attempts > 1 else "connecting"
        self.status_line.set_parts(safe(f"{attempt}, {seconds} s"), safe(self._hint))

    async def _wait(self, seconds: float | None) -> None:
        """Until it is time to try again, or ``r``; with None only ``r``."""
        self._hint = AGAIN if seconds is None else "trying again by itself; r at once"
        self._count()
        self._again.clear()
        try:
            await asyncio.wait_for(self._again.wait(), seconds)
        except TimeoutError:
            pass
        if seconds is None:
            self._hint = ""
