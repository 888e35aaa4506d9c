"""What is shown until the first session stands: who is asked, what came of it, and that it tries again by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from etcdtui.config.schema import Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import AuthFailed, EtcdError, TlsError
from etcdtui.ui.errors import error_text
from etcdtui.ui.screens.opening import Opener, SessionOpened, ask_password
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.footer import FooterLine
from etcdtui.ui.widgets.statusline import StatusLine
from etcdtui.ui.widgets.title import TitleFacts, TitleLine

if TYPE_CHECKING:  # the class is only named here, and importing the client must wait for the first paint
    from etcdtui.services.session import Session

RETRY_SECONDS = 2.0
SLOWLY = 10.0
"""Seconds until a certificate that was refused may have been replaced."""
LET_OUT = 0.001
"""Seconds for the painted frame to leave before what connecting needs is imported, which keeps the loop busy."""
ENDPOINTS_SHOWN = 5


class ConnectScreen(Screen[None]):
    """Opens ``profile`` once it is painted. Retries what may heal by itself."""

    BINDINGS = [("r,enter", "retry", "retry")]
    DEFAULT_CSS = """
    ConnectScreen > #connect { height: 1fr; padding: 1 2; }
    ConnectScreen Static { height: auto; margin-bottom: 1; }
    """

    def __init__(self, profile: Profile, opener: Opener) -> None:
        super().__init__()
        self.profile = profile
        self.opener = opener
        self.title_line = TitleLine()
        self.status_line = StatusLine()
        self.words = Static(Text(), markup=False)
        self.reason = Static(Text(), markup=False)
        self._password: Secret | None = None
        self._again = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield self.title_line
        with Vertical(id="connect"):
            yield self.words
            yield self.reason
        yield self.status_line
        yield FooterLine()

    def on_mount(self) -> None:
        self.title_line.facts = TitleFacts(
            profile=self.profile.name,
            color=self.profile.env.color,
            plaintext=bool(self.profile.endpoints) and not self.profile.is_tls,
            unchecked=self.profile.is_unchecked,
            writable=not self.profile.read_only,
            note="connecting",
        )
        self.query_one(FooterLine).hints = (("r", "retry"), ("P", "profiles"), ("q", "quit"))
        shown = self.profile.endpoints[:ENDPOINTS_SHOWN]
        more = len(self.profile.endpoints) - len(shown)
        named = ", ".join(shown) or f"what DNS says of {self.profile.discovery_srv}"
        self.words.update(
            Text.assemble("Connecting to ", safe(named, limit=400), f" and {more} more" if more > 0 else "")
        )
        self.app.call_later(self._paint_first)  # the app's own queue waits until it has begun to paint

    def _paint_first(self) -> None:
        self.refresh()
        self.call_after_refresh(self.set_timer, LET_OUT, self._start)

    def _start(self) -> None:
        self.run_worker(self._connect(), group="connect", exclusive=True)

    def action_retry(self) -> None:
        self._again.set()

    async def _connect(self) -> None:
        while True:
            try:
                session = await self._attempt()
            except EtcdError as error:
                self.reason.update(error_text(error))
                if isinstance(error, AuthFailed):
                    self._password = None
                slowly = SLOWLY if isinstance(error, TlsError) else None
                await self._wait(RETRY_SECONDS if error.retryable else slowly)
            else:
                self.post_message(SessionOpened(session))
                return

    async def _attempt(self) -> Session:
        if self.profile.auth.asks and self._password is None:
            self._password = await ask_password(self, self.profile)
        return await self.opener(self.profile, self._password)

    async def _wait(self, seconds: float | None) -> None:
        """Until it is time to try again, or ``r``; with None only ``r``."""
        hint = "r tries again, P chooses another profile" if seconds is None else "trying again by itself; r at once"
        self.status_line.set_parts(Text(hint))
        self._again.clear()
        try:
            await asyncio.wait_for(self._again.wait(), seconds)
        except TimeoutError:
            pass
        self.status_line.set_parts(Text("trying"))
