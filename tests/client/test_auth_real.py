"""Users, roles, permissions and tokens against servers with authentication on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from etcdtui.client import Client, ClientOptions, Op, connect, errors
from etcdtui.core.types import Permission, PermissionType
from tests.conftest import ServerFactory
from tests.support.poll import eventually
from tests.support.server import Server
from tests.support.versions import requires_server

READ, WRITE, READWRITE = PermissionType.READ, PermissionType.WRITE, PermissionType.READWRITE


async def _enable(server: Server) -> Client:
    """Switches auth on (root/root, user "u"/"p" with role "r" on [a,b)) and returns root's client."""
    async with connect(ClientOptions(endpoints=(server.endpoint,))) as client:
        auth = client.auth
        await auth.user_add("root", "root")
        await auth.role_add("root")
        await auth.user_grant_role("root", "root")
        await auth.user_add("u", "p")
        await auth.role_add("r")
        await auth.user_grant_role("u", "r")
        await auth.role_grant_permission("r", Permission(READWRITE, b"a", b"b"))
        await auth.enable()
    return await Client.open(_options(server, "root", "root"))


def _options(server: Server, username: str | None = None, password: str | None = None) -> ClientOptions:
    return ClientOptions(endpoints=(server.endpoint,), username=username, password=password)


async def test_objects_of_auth(etcd: Server) -> None:
    async with connect(_options(etcd)) as client:
        auth = client.auth
        with pytest.raises(errors.AuthManagement, match="root user does not exist"):
            await auth.enable()
        await auth.user_add("root", "x")
        with pytest.raises(errors.AuthManagement, match="root role"):
            await auth.enable()
        with pytest.raises(errors.AuthManagement, match="already exists"):
            await auth.user_add("root", "x")
        await auth.role_add("r")
        await auth.role_grant_permission("r", Permission(READ, b"a", b"b"))
        await auth.role_grant_permission("r", Permission(WRITE, b"a", b"b"))
        assert (await auth.role_get("r")).permissions == (Permission(WRITE, b"a", b"b"),)
        with pytest.raises(errors.AuthManagement, match="not granted to the role"):
            await auth.role_revoke_permission("r", "a", "c")
        await auth.role_revoke_permission("r", "a", "b")
        await auth.user_grant_role("root", "r")
        assert (await auth.user_get("root")).roles == ("r",)
        assert tuple(await auth.users()) == ("root",)
        assert tuple(await auth.roles()) == ("r",)
        await auth.user_revoke_role("root", "r")
        await auth.user_change_password("root", "y")
        await auth.role_delete("r")
        await auth.user_delete("root")
        with pytest.raises(errors.AuthManagement, match="not found"):
            await auth.user_get("root")


@requires_server(">=3.5")
async def test_auth_status(etcd: Server) -> None:
    async with connect(_options(etcd)) as client:
        before = await client.auth.status()
        await client.auth.role_add("r")
        after = await client.auth.status()
    assert not after.enabled
    assert after.revision > before.revision


@requires_server("<3.5")
async def test_auth_status_is_unknown_to_old_servers(etcd: Server) -> None:
    async with connect(_options(etcd)) as client:
        with pytest.raises(errors.NotSupported):
            await client.auth.status()
        with pytest.raises(errors.NotSupported):
            await client.maintenance.downgrade("validate", "3.3")


async def test_nonsense_is_refused_before_it_is_sent(etcd: Server) -> None:
    async with connect(_options(etcd)) as client:
        auth = client.auth
        await auth.role_add("r")
        for bad in (
            Permission(READ, b""),
            Permission(READ, b"b", b"a"),
            Permission(READ, b"b", b"b"),
            Permission(7, b"a"),
            Permission("EXECUTE", b"a"),
        ):
            with pytest.raises(errors.BadArgument):
                await auth.role_grant_permission("r", bad)
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: auth.user_add("", "x"),
            lambda: auth.role_add(""),
            lambda: auth.user_grant_role("u", ""),
        )
        for call in calls:
            with pytest.raises(errors.BadArgument):
                await call()
        assert (await auth.role_get("r")).permissions == ()


async def test_permissions_and_logins(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    root = await _enable(server)
    try:
        await root.auth.user_add("nopass")
        await root.auth.user_add("blank", "")
        async with connect(_options(server)) as anonymous:
            with pytest.raises(errors.Unauthenticated, match="user name is empty"):
                await anonymous.kv.get("a")
        for name, password in (("u", "wrong"), ("nobody", "p"), ("nopass", "p"), ("nopass", "")):
            with pytest.raises(errors.AuthFailed):
                await Client.open(_options(server, name, password))
        async with connect(_options(server, "blank", "")) as blank:
            with pytest.raises(errors.PermissionDenied):
                await blank.kv.get("a")
        async with connect(_options(server, "u", "p")) as client:
            await client.kv.put("a1", "v")
            assert (await client.kv.get("a", range_end="b")).count == 1
            for key, end in (("a", b"c"), ("a", b"\0"), ("x", b"")):
                with pytest.raises(errors.PermissionDenied):
                    await client.kv.get(key, range_end=end)
            with pytest.raises(errors.PermissionDenied):
                await client.kv.txn([], [Op.get("a1")], [Op.put("x", "v")])
            with pytest.raises(errors.PermissionDenied):
                await client.auth.users()
            with pytest.raises(errors.PermissionDenied):
                await client.maintenance.defragment(server.endpoint)
            with pytest.raises(errors.PermissionDenied):
                await anext(client.maintenance.snapshot(server.endpoint))
    finally:
        await root.aclose()


async def test_refused_tokens_are_renewed_everywhere(etcd_server: ServerFactory, tmp_path: Path) -> None:
    """A change of the password makes the server forget the user's tokens."""
    server = await etcd_server()
    root = await _enable(server)
    try:
        await root.auth.user_add("boss", "boss")
        await root.auth.user_grant_role("boss", "root")
        async with connect(_options(server, "boss", "boss")) as boss:
            calls: tuple[Callable[[], Awaitable[object]], ...] = (
                lambda: boss.kv.put("a", "v"),
                lambda: boss.maintenance.hash_kv(server.endpoint),
                lambda: boss.maintenance.defragment(server.endpoint),
                lambda: boss.maintenance.save_snapshot(tmp_path / "snapshot.db", server.endpoint),
                lambda: asyncio.gather(*(boss.kv.get("a") for _ in range(50))),
            )
            for call in calls:
                old = boss.caller.tokens.current
                await root.auth.user_change_password("boss", "boss")
                await call()
                assert boss.caller.tokens.current != old
    finally:
        await root.aclose()


async def test_a_token_that_expired_by_time_is_renewed(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=("--auth-token-ttl=1",))
    root = await _enable(server)
    try:
        old = root.caller.tokens.current
        over = time.monotonic() + 3.0
        await eventually(lambda: time.monotonic() > over)
        await root.kv.put("a", "v")
        assert root.caller.tokens.current != old
    finally:
        await root.aclose()


async def test_a_token_given_by_hand_is_used_and_never_looped(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    root = await _enable(server)
    try:
        async with connect(_options(server, "u", "p")) as user:
            token = user.caller.tokens.current
        assert token
        async with connect(ClientOptions(endpoints=(server.endpoint,), token=token)) as fixed:
            await fixed.kv.put("a", "v")
            await root.auth.user_change_password("u", "p")
            with pytest.raises(errors.InvalidToken):
                await fixed.kv.put("a", "v")
    finally:
        await root.aclose()


async def test_auth_switched_off_and_on_under_a_running_client(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    root = await _enable(server)
    try:
        async with connect(_options(server, "u", "p")) as user:
            await root.auth.disable()
            await user.kv.put("a", "off")
            await user.kv.put("outside", "free")
            await root.auth.enable()
            await user.kv.put("a", "on")
            with pytest.raises(errors.PermissionDenied):
                await user.kv.put("outside", "v")
        async with connect(_options(server, "root", "root")) as early:
            await early.auth.disable()
        async with connect(_options(server, "u", "whatever")) as unneeded:
            assert unneeded.caller.tokens.current is None
            await unneeded.kv.put("a", "v")
    finally:
        await root.aclose()


async def test_a_permission_given_as_text_is_granted(client: Client) -> None:
    """``Permission(type="READWRITE")`` was refused with "must be READ, WRITE or READWRITE, not 'READWRITE'"."""
    await client.auth.role_add("r")
    for text in ("READ", "write", "ReadWrite"):
        await client.auth.role_grant_permission("r", Permission(type=text, key="/app/", range_end="/app0"))
        granted = (await client.auth.role_get("r")).permissions
        assert granted == (Permission(PermissionType[text.upper()], b"/app/", b"/app0"),)
