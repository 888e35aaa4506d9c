"""Opening a session from a screen: asks for the password where the profile wants it, and tells how it went."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from rich.text import Text
from textual.message import Message
from textual.screen import Screen

from etcdtui.config.schema import Auth, Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import AuthFailed, PassphraseWanted
from etcdtui.ui import limits, modals
from etcdtui.ui.errors import error_line
from etcdtui.ui.text import safe

if TYPE_CHECKING:  # the class is only named here, and importing the client must wait for the first paint
    from etcdtui.services.session.session import Session
    from etcdtui.ui.modals.login import Login, LoginDialog
    from etcdtui.ui.modals.prompt import PasswordDialog


class Opener(Protocol):
    """Opens a session on a profile with the password that was typed, if any; raises ``EtcdError``.

    For one whose screens will be ``shown`` it asks for their first rows already.
    """

    def __call__(self, profile: Profile, password: Secret | None, /, *, shown: bool = True) -> Awaitable[Session]: ...


class SessionOpened(Message):
    """A session stands; whoever gets this owns it. ``number`` and ``place`` are where to go on, if not at the start."""

    def __init__(self, session: Session, number: int = 0, place: bytes = b"") -> None:
        super().__init__()
        self.session = session
        self.number = number
        self.place = place


def asking(profile: Profile, user: str) -> Profile:
    """The profile with that user, whose password is asked for."""
    auth = profile.auth.as_user(user)
    return replace(profile, auth=Auth(user=user, prompt=True, users=auth.users))


async def ask_login(
    screen: Screen[None],
    profile: Profile,
    opener: Opener,
    *,
    shown: bool,
    user: str | None = None,
    notice: Text | None = None,
) -> Login[Session] | None:
    """Ask for the password, and for the user where none is given, until they are right; ``None`` after esc.

    ``notice`` is safe text that stands below the fields. Call it in a worker.
    """  # fmt: skip
    name = safe(profile.name, "bold", limit=limits.NAME)
    title = Text.assemble("Log in to ", name)
    if user is not None:
        title = Text.assemble("Password of ", safe(user, "bold", limit=limits.NAME), " on ", name)

    async def attempt(typed: str, password: Secret) -> Session:
        return await opener(asking(profile, typed), password, shown=shown)

    dialog: LoginDialog[Session] = modals.login.LoginDialog(  # few profiles ask, and all would wait for it
        title, user if user is not None else profile.auth.user, attempt, ask_user=user is None, notice=notice
    )
    result: Login[Session] | None = await screen.app.push_screen_wait(dialog)
    return result


async def ask_passphrase(screen: Screen[None], profile: Profile, error: PassphraseWanted) -> Profile | None:
    """The profile with the passphrase of its key, as it is typed; ``None`` after esc. Call it in a worker."""
    title = Text.assemble("Passphrase of the key of ", safe(profile.name, "bold", limit=limits.NAME))
    dialog: PasswordDialog = modals.prompt.PasswordDialog(title, error_line(error), enter="open the key")
    typed: Secret | None = await screen.app.push_screen_wait(dialog)
    return None if typed is None else replace(profile, tls=replace(profile.tls, passphrase=typed))


async def log_in(screen: Screen[None], profile: Profile, opener: Opener, *, shown: bool) -> Session | None:
    """Open a session, asking for the password until it is right where the profile asks or has a wrong one.

    ``None`` after esc; raises ``EtcdError`` for what is no matter of the password.
    """
    notice: Text | None = None
    if not profile.auth.asks:
        try:
            return await opener(profile, None, shown=shown)
        except PassphraseWanted as error:
            with_key = await ask_passphrase(screen, profile, error)
            return None if with_key is None else await log_in(screen, with_key, opener, shown=shown)
        except AuthFailed as error:
            if not profile.auth.user:
                raise
            notice = error_line(error)
    result = await ask_login(screen, profile, opener, shown=shown, user=profile.auth.user, notice=notice)
    if result is None:
        return None
    if isinstance(result.error, PassphraseWanted):
        with_key = await ask_passphrase(screen, profile, result.error)
        return None if with_key is None else await log_in(screen, with_key, opener, shown=shown)
    if result.error is not None:
        raise result.error
    return result.got
