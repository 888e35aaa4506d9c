"""Asks who logs in, and stays open until the login is over: what is typed meanwhile goes nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from etcdtui.config.secrets import Secret
from etcdtui.core.errors import AuthFailed, EtcdError
from etcdtui.core.value import Value
from etcdtui.ui.errors import error_line
from etcdtui.ui.modals.dialog import Dialog
from etcdtui.ui.spawn import spawn
from etcdtui.ui.widgets.field import Field

USER_LIMIT = 256
PASSWORD_LIMIT = 4096
TRYING = Text("logging in ...")

GotT = TypeVar("GotT")
Attempt = Callable[[str, Secret], Awaitable[GotT]]


class Login(Value, Generic[GotT]):
    """How it ended: what the attempt ``got``, or the ``error`` that is not about user and password."""

    user: str
    password: Secret
    got: GotT | None = None
    error: EtcdError | None = None


class LoginDialog(Dialog[Login[GotT]], Generic[GotT]):
    """Dismisses with what came of it, ``None`` on esc. A wrong user or password is told, and asked for again.

    ``attempt`` logs in; ``ask_user`` asks for the name too. ``notice`` is safe text: what was wrong before.
    """

    hints = (("enter", "log in"), ("esc", "cancel"))

    def __init__(
        self, title: Text, user: str, attempt: Attempt[GotT], *, ask_user: bool = False, notice: Text | None = None
    ) -> None:
        super().__init__()
        self._heading = title
        self._user = user
        self._attempt = attempt
        self._ask_user = ask_user
        self.user_field = Field(user, placeholder="user", max_length=USER_LIMIT)
        self.field = Field(password=True, placeholder="password", max_length=PASSWORD_LIMIT)
        self.notice = Static(notice or Text(), markup=False)
        self._trying = False

    def title_text(self) -> Text:
        return self._heading

    def compose_dialog(self) -> ComposeResult:
        if self._ask_user:
            yield self.user_field
        yield self.field
        yield self.notice

    def on_mount(self) -> None:
        (self.user_field if self._ask_user and not self._user else self.field).focus()

    def on_field_paste_cut(self) -> None:
        self.notice.update(Text("Several lines were pasted; a name or a password is one line. Look before you go on."))

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        if event.input is self.user_field:
            self.field.focus()
        elif not self._trying:
            user = self.user_field.value.strip() if self._ask_user else self._user
            if not user:
                self.notice.update(Text("A user name is wanted."))
                self.user_field.focus()
                return
            password = Secret(event.value)
            self._trying = True
            self.notice.update(TRYING)
            self.field.value = ""
            spawn(self, partial(self._log_in, user, password), "login", exclusive=True)

    async def _log_in(self, user: str, password: Secret) -> None:
        try:
            got = await self._attempt(user, password)
        except AuthFailed as error:
            self._trying = False
            self.field.value = ""
            self.notice.update(error_line(error))
            return
        except EtcdError as failure:
            self.dismiss(Login(user, password, error=failure))
            return
        self.dismiss(Login(user, password, got))
