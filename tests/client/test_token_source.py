"""The token: one login for all, age, static tokens, cancelled waiters."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from etcdtui.client._transport.token import RENEW_AGAIN, STREAM_AGE, TokenSource, jwt_lifetime
from etcdtui.core import errors as e
from tests.support.poll import eventually


class Server:
    """Hands out numbered tokens when told to."""

    def __init__(self) -> None:
        self.logins = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: e.EtcdError | None = None
        self.now = 0.0

    async def login(self, username: str, password: str) -> str:
        self.logins += 1
        number = self.logins
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return f"token.{number}"

    def source(self, username: str | None = "u", password: str | None = "p", static: str | None = None) -> TokenSource:
        return TokenSource(username, password, static, self.login, clock=lambda: self.now, wall=lambda: 1000.0)


async def test_one_login_serves_all_who_wait() -> None:
    server = Server()
    server.gate.clear()
    source = server.source()
    waiting = [asyncio.create_task(source.refresh(None)) for _ in range(20)]
    while not server.logins:
        await asyncio.sleep(0)
    waiting[0].cancel()
    server.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [None] * 19
    assert (server.logins, source.current) == (1, "token.1")
    await source.refresh("an older one")
    assert server.logins == 1
    await source.refresh("token.1")
    assert source.current == "token.2"


async def test_streams_renew_old_tokens_only() -> None:
    server = Server()
    source = server.source()
    await source.refresh(None)
    await source.for_stream(fresh=False)
    assert server.logins == 1
    server.now = STREAM_AGE + 1
    await source.for_stream(fresh=False)
    assert server.logins == 2
    await source.for_stream(fresh=True)
    assert server.logins == 3


async def test_static_tokens_and_anonymous_use_never_log_in() -> None:
    server = Server()
    for source in (server.source(None, None, "fixed"), server.source(None, None)):
        assert not source.can_login
        await source.refresh(source.current)
        await source.for_stream(fresh=True)
    assert server.logins == 0


async def test_auth_that_is_off_drops_the_token_and_others_are_raised() -> None:
    server = Server()
    source = server.source()
    await source.refresh(None)
    server.error = e.AuthNotEnabled()
    await source.refresh("token.1")
    assert source.current is None
    server.error = e.AuthFailed()
    with pytest.raises(e.AuthFailed):
        await source.refresh(None)


async def test_a_renewal_in_advance_goes_on_in_the_background_and_is_tried_again() -> None:
    server = Server()
    source = server.source()
    await source.refresh(None)
    server.error = e.Unavailable("down")
    source.renew_soon()
    assert (source.current, source.renew_at) == ("token.1", RENEW_AGAIN)
    await eventually(lambda: server.logins == 2)
    assert source.current == "token.1"
    server.error = None
    source.renew_soon()
    await eventually(lambda: source.current == "token.3")
    await source.aclose()


async def test_closing_ends_a_login_under_way() -> None:
    server = Server()
    server.gate.clear()
    source = server.source()
    task = asyncio.create_task(source.refresh(None))
    while not server.logins:
        await asyncio.sleep(0)
    await source.aclose()
    with pytest.raises(e.ClosedError):
        await task
    with pytest.raises(e.ClosedError):
        await source.refresh(None)
    assert server.logins == 1


def _jwt(claims: object) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{part}.c2ln"


def test_jwt_lifetimes() -> None:
    assert jwt_lifetime(_jwt({"exp": 1100}), 1000.0) == 100.0
    assert jwt_lifetime(_jwt({"exp": 900}), 1000.0) == 0.0
    for token in ("KyNRCftTlkmwVVok.43", _jwt({"exp": "soon"}), _jwt([1]), "a.%%%.c", "a.b.c", _jwt({"exp": True})):
        assert jwt_lifetime(token, 1000.0) is None
