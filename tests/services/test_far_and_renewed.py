"""Slow lines open and stay open; passwords and tokens that were renewed in their files heal by themselves."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bench.delay import DelayProxy
from etcdtui.config.schema import Auth, Tls
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import EtcdError, Unavailable
from etcdtui.services.cluster.health import State
from etcdtui.services.session.session import Session
from tests.conftest import ServerFactory
from tests.services.test_session import opened, profile_of
from tests.support import Server, TcpProxy, eventually
from tests.support.tls import TlsMaterial

HEALS = 5.0
REVISION = 3
"""Of the auth store after ``_auth_on``; a token has to name it."""


async def test_delays_of_one_second_one_way_connect_with_the_usual_limits(
    etcd: Server, etcd_server: ServerFactory, tls: TlsMaterial
) -> None:
    """All at the same time: in plaintext and in TLS with a login, far away."""
    secure = await etcd_server(tls=tls.server())

    async def far(server: Server, one_way: float, **changes: Any) -> State:
        async with DelayProxy(server.endpoint, one_way) as line:
            scheme = "https://" if "tls" in changes else ""
            profile = profile_of(server, endpoints=(f"{scheme}{line.endpoint}",), dial_timeout=2.0, **changes)
            async with opened(profile) as session:
                await session.client.kv.get(b"k")
                return (await session.monitor.poll()).state

    trust = Tls(cacert=str(tls.ca))
    states = await asyncio.gather(
        far(etcd, 0.3), far(etcd, 0.6), far(etcd, 1.0), far(secure, 0.6, tls=trust), far(secure, 1.0, tls=trust)
    )
    assert set(states) == {State.CONNECTED}


async def test_a_silent_member_at_the_start_does_not_hold_up_the_others(cluster3: Server) -> None:
    cluster3.members[2].pause()
    try:
        began = time.monotonic()
        async with opened(profile_of(cluster3)) as session:
            assert time.monotonic() - began < 4
            assert session.health.members_up == 2
    finally:
        cluster3.members[2].resume()


async def test_a_server_that_is_frozen_at_the_start_is_worth_another_try(etcd: Server) -> None:
    async with TcpProxy(etcd.endpoint) as proxy:
        proxy.black_hole()
        with pytest.raises(Unavailable) as caught:
            await Session.open(profile_of(etcd, endpoints=(proxy.endpoint,), dial_timeout=0.3))
        assert caught.value.retryable


def _auth_on(server: Server) -> None:
    for words in ("user add root:pw", "user grant-role root root", "auth enable"):
        server.etcdctl(*words.split())


async def test_a_password_that_was_renewed_in_its_file_is_taken(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    _auth_on(server)
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text("pw\n")
    async with opened(profile_of(server, auth=Auth(user="root", password_file=str(file)))) as session:
        await session.client.kv.get(b"k")
        server.etcdctl("--user", "root:pw", "user", "passwd", "root", "--interactive=false", stdin=b"fresh\n")
        with pytest.raises(EtcdError):
            await session.client.kv.get(b"k")
        file.write_text("fresh\n")

        async def reads() -> bool:
            try:
                await session.client.kv.get(b"k")
            except EtcdError:
                return False
            return True

        await eventually(reads, HEALS)


class Issuer:
    """Signs JWT as etcd's own tests do."""

    def __init__(self, folder: Path) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private, self.public = folder / "jwt.key", folder / "jwt.pub"
        self.private.write_bytes(
            self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        self.public.write_bytes(
            self._key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    @property
    def flag(self) -> str:
        return f"--auth-token=jwt,pub-key={self.public},priv-key={self.private},sign-method=RS256,ttl=10m"

    def token(self, user: str, revision: int, lives: float) -> str:
        def part(data: dict[str, object]) -> str:
            return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()

        claims = {"username": user, "revision": revision, "exp": int(time.time() + lives)}
        signed = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_a_token_file_that_was_renewed_is_read_again(etcd_server: ServerFactory, tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    server = await etcd_server(flags=(issuer.flag,))
    _auth_on(server)
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(issuer.token("root", REVISION, -5) + "\n")  # it is over already
    async with opened(profile_of(server, auth=Auth(jwt_token_file=str(file)))) as session:

        async def state() -> State:
            session.monitor._login_at = float("-inf")
            return (await session.monitor.poll()).state

        await eventually(lambda: _is(state, State.LOGIN), HEALS)
        assert "token" in session.health.words and "L logs in" in session.health.words
        file.write_text(issuer.token("root", REVISION, 600) + "\n")
        await eventually(lambda: _is(state, State.CONNECTED), HEALS)
        assert session.secrets == (file.read_text().strip(),)


async def _is(asked: Any, wanted: State) -> bool:
    found: State = await asked()
    return found is wanted


def test_secrets_of_a_profile_are_blind() -> None:
    auth = Auth(user="u", password=Secret("hunter2"), jwt_token=Secret("hunter2"))
    assert "hunter2" not in repr(replace(auth, prompt=False)) + str(Tls(passphrase=Secret("hunter2")))
