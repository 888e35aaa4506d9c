"""Opening a session from a screen: asks for the password where the profile wants it, and tells how it went."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from rich.text import Text
from textual.message import Message
from textual.screen import Screen

from etcdtui.config.schema import Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import AuthFailed
from etcdtui.ui import limits, modals
from etcdtui.ui.errors import error_line
from etcdtui.ui.text import safe

if TYPE_CHECKING:  # the class is only named here, and importing the client must wait for the first paint
    from etcdtui.services.session.session import Session
    from etcdtui.ui.modals.prompt import PasswordDialog


class Opener(Protocol):
    """Opens a session on a profile with the password that was typed, if any; raises ``EtcdError``.

    For one whose screens will be ``shown`` it asks for their first rows already.
    """

    def __call__(self, profile: Profile, password: Secret | None, /, *, shown: bool = True) -> Awaitable[Session]: ...


class SessionOpened(Message):
    """A session stands; whoever gets this owns it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


async def ask_password(screen: Screen[None], profile: Profile, notice: Text | None = None) -> Secret | None:
    """The password typed for a profile that asks, ``None`` when the person closed the dialog. Call it in a worker.

    ``notice`` is safe text that stands below the field.
    """
    title = Text.assemble(
        "Password of ",
        safe(profile.auth.user, "bold", limit=limits.NAME),
        " on ",
        safe(profile.name, limit=limits.NAME),
    )
    dialog: PasswordDialog = modals.prompt.PasswordDialog(title, notice)  # few profiles ask, and all would wait for it
    return await screen.app.push_screen_wait(dialog)


async def log_in(screen: Screen[None], profile: Profile, opener: Opener, *, shown: bool) -> Session | None:
    """Open a session, asking for the password until it is right where the profile asks; ``None`` after esc."""
    notice: Text | None = None
    while profile.auth.asks:
        password = await ask_password(screen, profile, notice)
        if password is None:
            return None
        try:
            return await opener(profile, password, shown=shown)
        except AuthFailed as error:
            notice = error_line(error)
    return await opener(profile, None, shown=shown)
