"""The auth token: fetched once for all who wait, renewed when refused or old, never looped when given by hand."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable

from etcdtui.core import errors as e
from etcdtui.core.tasks import background
from etcdtui.core.value import Value

STREAM_AGE = 60.0
"""Seconds; a stream keeps its token for life, so an older one is renewed before the stream opens."""
RENEW_AGAIN = 1.0
"""Seconds until a renewal in advance that failed is tried again."""
_RENEW_AT = 0.8
"""Part of a JWT's life after which it is renewed in advance."""

Authenticate = Callable[[str, str], Awaitable[str]]


class Fresh(Value):
    """What a login needs, read again from where it came from: a user with a password, or a token."""

    username: str = ""
    password: str | None = None
    token: str | None = None


Renew = Callable[[], Awaitable[Fresh | None]]
"""Reads it again; ``None`` when there is nothing new to be had."""


class TokenSource:
    """``current`` is the token to send or ``None``. ``can_login`` is false for anonymous use, and for a token that was
    given by hand; with ``renew`` what is refused is read again from where it came from."""

    def __init__(
        self,
        username: str | None,
        password: str | None,
        static: str | None,
        authenticate: Authenticate,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        renew: Renew | None = None,
    ) -> None:
        self.current: str | None = static or None
        self._renew = renew
        self._is_given = bool(static)
        """The token was not fetched by a login."""
        self.can_login = (bool(username) and password is not None and not static) or bool(static and renew)
        self.renew_at = float("inf")
        self._username, self._password = username or "", password or ""
        self._authenticate, self._clock, self._wall = authenticate, clock, wall
        self._fetched_at = float("-inf")
        self._running: asyncio.Task[None] | None = None
        self._closed = False
        if static and renew:
            self._note_lifetime(static)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password and the token in use now."""
        return tuple(text for text in (self._password, self.current) if text)

    async def refresh(self, refused: str | None) -> None:
        """Gets a token other than ``refused``; at once if somebody already did. One login serves all who wait.

        Raises ``AuthFailed`` and transport errors of the login; "auth is not enabled" drops the token instead.
        """
        if not self.can_login or (self.current is not None and self.current != refused):
            return
        await self._login()

    async def for_stream(self, *, fresh: bool) -> None:
        """Before a stream opens: renews a token that is older than ``STREAM_AGE`` or, with ``fresh``, any."""
        if not self.can_login or self._is_given:
            return
        old = self.current is not None and self._clock() - self._fetched_at > STREAM_AGE
        if old or fresh:
            await self._login()

    def renew_soon(self) -> None:
        """In advance of a known expiry, in the background: the old token stays in use until the new one is there."""
        self.renew_at = self._clock() + RENEW_AGAIN
        if self.can_login and not self._closed:
            self._start()

    async def aclose(self) -> None:
        self._closed = True
        task, self._running = self._running, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _login(self) -> None:
        if self._closed:
            raise e.ClosedError()
        try:
            await asyncio.shield(self._start())
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise e.ClosedError() from None

    def _start(self) -> asyncio.Task[None]:
        """The login that runs, begun if there is none."""
        if self._running is None:
            self._running = background(self._fetch(), "etcd login", expected=e.EtcdError)
            self._running.add_done_callback(self._finished)
        return self._running

    def _finished(self, task: asyncio.Task[None]) -> None:
        if self._running is task:
            self._running = None

    async def _fetch(self) -> None:
        if self._is_given:
            await self._read_token()
            return
        try:
            token = await self._login_with_newest()
        except e.AuthNotEnabled:
            self.current, self.renew_at = None, float("inf")
            return
        self.current, self._fetched_at = token, self._clock()
        self._note_lifetime(token)

    async def _login_with_newest(self) -> str:
        try:
            return await self._authenticate(self._username, self._password)
        except e.AuthFailed:
            fresh = await self._renew() if self._renew is not None else None
            if fresh is None or fresh.password is None or fresh.password == self._password:
                raise
            self._password = fresh.password
        return await self._authenticate(self._username, self._password)

    async def _read_token(self) -> None:
        """Another token from where this one came from."""
        fresh = await self._renew() if self._renew is not None else None
        if fresh is None or not fresh.token or fresh.token == self.current:
            raise e.InvalidToken("etcd refused the token, and no newer one is there yet")
        self.current, self._fetched_at = fresh.token, self._clock()
        self._note_lifetime(fresh.token)

    def _note_lifetime(self, token: str) -> None:
        lifetime = jwt_lifetime(token, self._wall())
        self.renew_at = float("inf") if lifetime is None else self._clock() + max(1.0, lifetime * _RENEW_AT)


def jwt_lifetime(token: str, wall: float) -> float | None:
    """Seconds until a JWT expires by its own claim; ``None`` for other tokens."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    expiry = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(expiry, bool) or not isinstance(expiry, (int, float)):
        return None
    return max(0.0, float(expiry) - wall)
