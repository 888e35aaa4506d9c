"""Users, roles, tokens."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from etcdtui.client import Client, ClientOptions, Op, connect, errors
from etcdtui.core.types import Permission, PermissionType
from etcdtui.demo.binary import Binary
from tests.conformance.support import events, within
from tests.conftest import ServerFactory
from tests.support import Server, eventually, requires_server, running_server
from tests.support.timing import Stopwatch

pytestmark = pytest.mark.matrix

READ, WRITE, READWRITE = PermissionType.READ, PermissionType.WRITE, PermissionType.READWRITE
CHEAP = ["--bcrypt-cost=4"]
TOKENS_LIVE = 1.0
FORGOTTEN_AFTER = 3.2
"""Seconds after which a server surely forgot an unused token of that life; it looks once a second."""
_numbers = itertools.count()


def _switch_on(server: Server) -> None:
    """User and role root, user ``u`` (password ``p``) with READWRITE on ``[a, b)``, authentication on."""
    server.call_sync("auth/user/add", name="root", password="root")
    server.call_sync("auth/role/add", name="root")
    server.call_sync("auth/user/grant", user="root", role="root")
    server.call_sync("auth/user/add", name="u", password="p")
    server.call_sync("auth/role/add", name="r")
    server.call_sync("auth/role/grant", name="r", perm={"permType": "READWRITE", "key": "YQ==", "range_end": "Yg=="})
    server.call_sync("auth/user/grant", user="u", role="r")
    server.call_sync("auth/enable")


@pytest.fixture(scope="module")
def guarded(etcd_binary: Binary) -> Iterator[Server]:
    """A server with authentication on, whose tokens live a second."""
    flags = [*CHEAP, f"--auth-token-ttl={TOKENS_LIVE:.0f}"]
    with running_server(1, binary=etcd_binary, flags=flags) as server:
        _switch_on(server)
        yield server


def as_user(server: Server, name: str | None = None, password: str | None = None) -> ClientOptions:
    return ClientOptions(endpoints=server.endpoints, username=name, password=password)


@pytest.fixture
async def root(guarded: Server) -> AsyncIterator[Client]:
    async with connect(as_user(guarded, "root", "root")) as client:
        yield client


async def newcomer(root: Client, *permissions: Permission) -> str:
    """A new user, its password its name, with a role of its own."""
    name = f"user{next(_numbers)}"
    await root.auth.user_add(name, name)
    await root.auth.role_add(name)
    for permission in permissions:
        await root.auth.role_grant_permission(name, permission)
    await root.auth.user_grant_role(name, name)
    return name


async def forget_tokens() -> None:
    over = time.monotonic() + FORGOTTEN_AFTER
    await eventually(lambda: time.monotonic() > over, FORGOTTEN_AFTER + 1)


async def test_117_enabling_needs_root(client: Client) -> None:
    with pytest.raises(errors.AuthManagement, match="root user does not exist") as user:
        await client.auth.enable()
    await client.auth.user_add("root", "x")
    with pytest.raises(errors.AuthManagement, match="root user does not have root role") as role:
        await client.auth.enable()
    assert user.value.code == role.value.code == "FAILED_PRECONDITION"


async def test_118_without_a_token(guarded: Server) -> None:
    async with connect(as_user(guarded)) as anonymous:
        with pytest.raises(errors.Unauthenticated, match="user name is empty") as caught:
            await anonymous.kv.get("a")
        assert caught.value.applied == "no"
        with pytest.raises(errors.Unauthenticated, match="user name is empty"):
            await anonymous.maintenance.hash_kv(guarded.endpoint)
        async with anonymous.watch("a") as watcher:
            with pytest.raises((errors.Unauthenticated, errors.PermissionDenied)):
                await within(5, anext(watcher))


async def test_119_135_passwords(guarded: Server, root: Client) -> None:
    await root.auth.user_add("blank", "")
    await root.auth.user_add("nopass")
    for name, password in (("u", "wrong"), ("nobody", "p"), ("nopass", "p"), ("nopass", ""), ("blank", "x")):
        with pytest.raises(errors.AuthFailed) as caught:
            await Client.open(as_user(guarded, name, password))
        assert caught.value.code == ("UNKNOWN" if name == "nopass" else "INVALID_ARGUMENT")
    async with connect(as_user(guarded, "blank", "")) as blank:
        with pytest.raises(errors.PermissionDenied):
            await blank.kv.get("a")


async def test_122_tokens_that_expired_are_renewed_everywhere(guarded: Server, root: Client, tmp_path: Path) -> None:
    calls: tuple[Callable[[Client], Awaitable[object]], ...] = (
        lambda c: c.kv.put("x", "v"),
        lambda c: c.maintenance.hash_kv(guarded.endpoint),
        lambda c: c.maintenance.defragment(guarded.endpoint),
        lambda c: c.maintenance.save_snapshot(tmp_path / "snapshot.db", guarded.endpoint),
        lambda c: asyncio.gather(*(c.kv.get("x") for _ in range(30))),
        lambda c: c.lease.grant(60),
        lambda c: c.auth.users(),
        lambda c: c.maintenance.alarms(),
    )
    clients = [await Client.open(as_user(guarded, "root", "root")) for _ in calls]
    try:
        old = [c.caller.tokens.current for c in clients]
        await forget_tokens()
        await asyncio.gather(*(call(client) for call, client in zip(calls, clients, strict=True)))
        assert all(was != c.caller.tokens.current for was, c in zip(old[:4], clients, strict=False))
    finally:
        for opened in clients:
            await opened.aclose()


async def test_123_124_127_watches_and_tokens(guarded: Server, root: Client) -> None:
    name = await newcomer(root, Permission(READWRITE, b"w", b"x"))
    async with connect(as_user(guarded, name, name)) as user, user.watch("w", prefix=True) as running:
        token = user.caller.tokens.current
        async with connect(ClientOptions(endpoints=guarded.endpoints, token=token)) as fixed:
            await fixed.kv.put("w/0", "v")
            await events(running, 1)
            await forget_tokens()
            began = Stopwatch()
            with pytest.raises(errors.InvalidToken) as refused:
                await fixed.kv.put("w/0", "v")
            assert refused.value.applied == "no"
            assert began.fair() < 1.0, "a token given by hand is not tried again and again"
            async with fixed.watch("w") as watcher:
                with pytest.raises((errors.InvalidToken, errors.PermissionDenied)):
                    await within(5, anext(watcher))
        async with user.watch("w", prefix=True) as fresh:
            await user.kv.put("w/1", "v")
            assert (await events(fresh, 1))[0].kv.key == b"w/1"
            assert (await events(running, 1))[0].kv.key == b"w/1"
            await root.auth.role_revoke_permission(name, "w", "x")
            await root.kv.put("w/2", "v")
            assert (await events(running, 1))[0].kv.key == b"w/2", "rights are checked when a watch begins"
        async with user.watch("w", prefix=True) as late:
            with pytest.raises(errors.PermissionDenied):
                await within(5, anext(late))
        await root.kv.put("w/3", "v")
        assert (await events(running, 1))[0].kv.key == b"w/3", "a refused watch ends nobody else's"


async def test_keep_alive_outlives_tokens(guarded: Server, root: Client) -> None:
    lease = await root.lease.grant(3)
    async with root.lease.keep_alive(lease.id) as renewals:
        await within(5, anext(renewals))
        await forget_tokens()
        assert (await root.lease.time_to_live(lease.id)).ttl >= 1
        assert await within(5, anext(renewals)) == 3


async def test_126_authentication_switched_off_under_a_client(etcd_server: ServerFactory) -> None:
    server = await etcd_server(flags=CHEAP)
    _switch_on(server)
    async with connect(as_user(server, "root", "root")) as root, connect(as_user(server, "u", "p")) as user:
        await user.kv.put("a", "on")
        await root.auth.disable()
        await user.kv.put("outside", "off")
        assert (await root.kv.get("outside")).count == 1
        async with user.watch("outside") as watcher:
            await user.kv.put("outside", "again")
            await events(watcher, 1)
        await root.auth.enable()
        await user.kv.put("a", "on again")
        with pytest.raises(errors.PermissionDenied):
            await user.kv.put("outside", "v")
    async with connect(ClientOptions(endpoints=server.endpoints, username="root", password="root")) as root:
        await root.auth.disable()
        async with connect(as_user(server, "nobody", "knows")) as unneeded:
            await unneeded.kv.put("a", "v")


async def test_128_ranges_must_be_covered(guarded: Server, root: Client) -> None:
    name = await newcomer(root, Permission(READ, b"a", b"b"))
    async with connect(as_user(guarded, name, name)) as user:
        assert (await user.kv.get("a", range_end="b")).more is False
        assert (await user.kv.get("a", prefix=True)).more is False
        for call in (user.kv.get("a", range_end="c"), user.kv.get("a", from_key=True), user.kv.get("b")):
            with pytest.raises(errors.PermissionDenied, match="permission denied") as caught:
                await call
            assert (caught.value.code, caught.value.applied) == ("PERMISSION_DENIED", "no")
        await root.auth.role_grant_permission(name, Permission(READ, b"b", b"c"))
        assert (await user.kv.get("a", range_end="c")).more is False


async def test_129_what_a_write_needs(guarded: Server, root: Client) -> None:
    name = await newcomer(root, Permission(READ, b"k"), Permission(READWRITE, b"mine"), Permission(WRITE, b"blind"))
    async with connect(as_user(guarded, name, name)) as user:
        for refused in (
            user.kv.put("k", "v"),
            user.kv.delete("k"),
            user.kv.get("blind"),
            user.kv.put("blind", "v", prev_kv=True),
            user.kv.txn([], [Op.get("k")], [Op.put("foreign", "v")]),
        ):
            with pytest.raises(errors.PermissionDenied):
                await refused
        await user.kv.put("blind", "v")
        lease = await root.lease.grant(60)
        await user.kv.put("mine", "v", lease=lease.id)
        await root.kv.put("foreign", "v", lease=lease.id)
        with pytest.raises(errors.PermissionDenied):
            await user.kv.put("mine", "v", lease=lease.id)


async def test_131_nonsense_is_never_sent(nowhere: Client) -> None:
    auth = nowhere.auth
    for bad in (
        Permission(READ, b""),
        Permission(READ, b"b", b"a"),
        Permission(READ, b"b", b"b"),
        Permission(7, b"a"),
    ):
        with pytest.raises(errors.BadArgument):
            await auth.role_grant_permission("r", bad)
    with pytest.raises((TypeError, AttributeError)):
        await auth.role_grant_permission("r", None)  # type: ignore[arg-type]  # the mistake
    for call in (auth.user_add("", "x"), auth.role_add(""), auth.user_grant_role("u", "")):
        with pytest.raises(errors.BadArgument):
            await call


async def test_132_a_grant_replaces_the_type(client: Client) -> None:
    auth = client.auth
    await auth.role_add("r")
    await auth.role_grant_permission("r", Permission(READ, b"a", b"b"))
    await auth.role_grant_permission("r", Permission(WRITE, b"a", b"b"))
    await auth.role_grant_permission("r", Permission(READ, b"\0", b"\0"))
    assert (await auth.role_get("r")).permissions == (
        Permission(READ, b"\0", b"\0"),
        Permission(WRITE, b"a", b"b"),
    )
    with pytest.raises(errors.AuthManagement, match="not granted to the role"):
        await auth.role_revoke_permission("r", "a", "c")
    await auth.role_revoke_permission("r", "a", "b")
    assert len((await auth.role_get("r")).permissions) == 1


async def test_objects_and_their_refusals(client: Client) -> None:
    auth = client.auth
    await auth.user_add("ann", "x")
    await auth.role_add("r")
    for call, words in (
        (auth.user_add("ann", "x"), "user name already exists"),
        (auth.user_get("bob"), "user name not found"),
        (auth.role_add("r"), "role name already exists"),
        (auth.role_get("s"), "role name not found"),
        (auth.user_revoke_role("ann", "r"), "role is not granted to the user"),
    ):
        with pytest.raises(errors.AuthManagement, match=words) as caught:
            await call
        assert caught.value.code == "FAILED_PRECONDITION"
    await auth.user_grant_role("ann", "r")
    await auth.user_grant_role("ann", "r")
    assert (await auth.user_get("ann")).roles == ("r",)
    assert (tuple(await auth.users()), tuple(await auth.roles())) == (("ann",), ("r",))
    await auth.role_delete("r")
    assert (await auth.user_get("ann")).roles == ()


@requires_server(">=3.5")
async def test_auth_status(client: Client) -> None:
    before = await client.auth.status()
    assert not before.enabled
    await client.auth.role_add("one more")
    assert (await client.auth.status()).revision > before.revision


@requires_server("<3.5")
async def test_115_auth_status_is_not_supported(client: Client) -> None:
    with pytest.raises(errors.NotSupported) as caught:
        await client.auth.status()
    assert caught.value.code == "UNIMPLEMENTED"


ANY, AUTH, ROOT = "any", "auth", "root"


def _who_may(version: tuple[int, int, int]) -> tuple[str, str]:
    """Who may call Status, and who MemberList and Alarm, of the versions that differ."""
    if version < (3, 4, 42) or (3, 5, 0) <= version < (3, 5, 28):
        return ANY, ANY
    if version[:2] == (3, 4):
        return ROOT, ROOT if version == (3, 4, 42) else AUTH
    if version[:2] == (3, 5):
        return ROOT if version < (3, 5, 32) else AUTH, ROOT if version == (3, 5, 28) else AUTH
    if version[:2] == (3, 6):
        lists = ANY if version < (3, 6, 9) else ROOT if version == (3, 6, 9) else AUTH
        return ROOT if version < (3, 6, 12) else AUTH, lists
    return AUTH, AUTH


async def test_134_who_may_ask_about_the_cluster(guarded: Server, root: Client) -> None:
    status, lists = _who_may(guarded.version)
    calls: tuple[tuple[str, Callable[[Client], Awaitable[object]]], ...] = (
        (status, lambda c: c.maintenance.status(guarded.endpoint)),
        (lists, lambda c: c.cluster.members()),
        (lists, lambda c: c.maintenance.alarms()),
    )
    async with connect(as_user(guarded, "u", "p")) as user, connect(as_user(guarded)) as anonymous:
        await user.kv.put("a", "reachable whatever Status says")
        for allowed, call in calls:
            await call(root)
            if allowed == ROOT:
                with pytest.raises(errors.PermissionDenied):
                    await call(user)
            else:
                await call(user)
            if allowed == ANY:
                await call(anonymous)
            else:
                with pytest.raises(errors.Unauthenticated):
                    await call(anonymous)
        for refused in (
            user.maintenance.hash_kv(guarded.endpoint),
            user.maintenance.defragment(guarded.endpoint),
            anext(user.maintenance.snapshot(guarded.endpoint)),
            user.auth.users(),
            user.cluster.remove(1),
        ):
            with pytest.raises(errors.PermissionDenied):
                await refused


async def test_a_jwt_outdated_by_an_auth_change_is_renewed(etcd_server: ServerFactory, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = tmp_path / "jwt.key", tmp_path / "jwt.pub"
    pem = serialization.Encoding.PEM
    private.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    )
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    jwt = f"--auth-token=jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl=10m"
    server = await etcd_server(flags=[*CHEAP, jwt])
    _switch_on(server)
    async with connect(as_user(server, "root", "root")) as root, connect(as_user(server, "u", "p")) as user:
        token = user.caller.tokens.current
        async with user.watch("a", prefix=True) as running:
            await root.auth.role_add("unrelated")
            await user.kv.put("a1", "v")
            assert user.caller.tokens.current != token
            assert user.caller.tokens.renew_at < float("inf")
            await root.auth.role_add("another")
            async with user.watch("a", prefix=True) as fresh:
                await user.kv.put("a2", "v")
                assert [e.kv.key for e in await events(fresh, 1)] == [b"a2"]
            assert [e.kv.key for e in await events(running, 2)] == [b"a1", b"a2"]
        async with connect(ClientOptions(endpoints=server.endpoints, token=token)) as outdated:
            with pytest.raises(errors.InvalidToken):
                await outdated.kv.get("a1")
