"""Users, roles and permissions. Names and ranges are checked before anything is sent: servers before 3.4.25 and 3.5.8
store nonsense, and ones up to 3.4.24 die for good of a grant without a permission."""

from __future__ import annotations

from etcdtui.client._transport.calls import Calls, Req, Resp
from etcdtui.client._wire import convert, methods
from etcdtui.client._wire.choices import choice
from etcdtui.client._wire.convert import KeyLike, to_bytes
from etcdtui.client._wire.methods import Method
from etcdtui.core import errors as e
from etcdtui.core.ranges import FROM_KEY
from etcdtui.core.types import Ack, AuthStatus, Names, Permission, PermissionType, Role, User
from etcdtui.pb import auth_pb2, rpc_pb2

MAX_NAME = 4096
"""Characters of a user or role name."""


class Auth:
    """Every change is visible at once; it also invalidates all JWTs, which this client then renews by itself.

    ``timeout`` is in seconds, ``None`` the command timeout, 0 none.
    """

    def __init__(self, caller: Calls) -> None:
        self._caller = caller

    async def enable(self, *, timeout: float | None = None) -> Ack:
        """Switches authentication on; ``AuthManagement`` unless user root exists and has role root."""
        return await self._change(methods.AUTH_ENABLE, rpc_pb2.AuthEnableRequest(), timeout)

    async def disable(self, *, timeout: float | None = None) -> Ack:
        return await self._change(methods.AUTH_DISABLE, rpc_pb2.AuthDisableRequest(), timeout)

    async def status(self, *, timeout: float | None = None) -> AuthStatus:
        """Whether authentication is on; ``NotSupported`` before etcd 3.5."""
        answer = await self._caller.unary(methods.AUTH_STATUS, rpc_pb2.AuthStatusRequest(), timeout=timeout)
        return AuthStatus(answer.enabled, answer.authRevision, convert.header(answer.header))

    async def user_add(self, name: str, password: str | None = None, *, timeout: float | None = None) -> Ack:
        """``password`` ``None`` makes a user that can only come in by a certificate; an empty one is a password."""
        request = rpc_pb2.AuthUserAddRequest(
            name=_name(name, "user"),
            password=password or "",
            options=auth_pb2.UserAddOptions(no_password=password is None),
        )
        return await self._change(methods.USER_ADD, request, timeout)

    async def user_delete(self, name: str, *, timeout: float | None = None) -> Ack:
        return await self._change(methods.USER_DELETE, rpc_pb2.AuthUserDeleteRequest(name=_name(name, "user")), timeout)

    async def user_get(self, name: str, *, timeout: float | None = None) -> User:
        answer = await self._caller.unary(
            methods.USER_GET, rpc_pb2.AuthUserGetRequest(name=_name(name, "user")), timeout=timeout
        )
        return User(name, tuple(answer.roles), convert.header(answer.header))

    async def users(self, *, timeout: float | None = None) -> Names:
        answer = await self._caller.unary(methods.USER_LIST, rpc_pb2.AuthUserListRequest(), timeout=timeout)
        found = Names(answer.users)
        found.header = convert.header(answer.header)
        return found

    async def user_change_password(self, name: str, password: str, *, timeout: float | None = None) -> Ack:
        request = rpc_pb2.AuthUserChangePasswordRequest(name=_name(name, "user"), password=password)
        return await self._change(methods.USER_CHANGE_PASSWORD, request, timeout)

    async def user_grant_role(self, user: str, role: str, *, timeout: float | None = None) -> Ack:
        request = rpc_pb2.AuthUserGrantRoleRequest(user=_name(user, "user"), role=_name(role, "role"))
        return await self._change(methods.USER_GRANT_ROLE, request, timeout)

    async def user_revoke_role(self, user: str, role: str, *, timeout: float | None = None) -> Ack:
        request = rpc_pb2.AuthUserRevokeRoleRequest(name=_name(user, "user"), role=_name(role, "role"))
        return await self._change(methods.USER_REVOKE_ROLE, request, timeout)

    async def role_add(self, name: str, *, timeout: float | None = None) -> Ack:
        return await self._change(methods.ROLE_ADD, rpc_pb2.AuthRoleAddRequest(name=_name(name, "role")), timeout)

    async def role_delete(self, name: str, *, timeout: float | None = None) -> Ack:
        """Also takes the role from all users."""
        return await self._change(methods.ROLE_DELETE, rpc_pb2.AuthRoleDeleteRequest(role=_name(name, "role")), timeout)

    async def role_get(self, name: str, *, timeout: float | None = None) -> Role:
        answer = await self._caller.unary(
            methods.ROLE_GET, rpc_pb2.AuthRoleGetRequest(role=_name(name, "role")), timeout=timeout
        )
        kinds = {kind.value: kind for kind in PermissionType}
        permissions = tuple(
            Permission(kinds[p.permType], p.key, p.range_end) for p in answer.perm if p.permType in kinds
        )
        return Role(name, permissions, convert.header(answer.header))

    async def roles(self, *, timeout: float | None = None) -> Names:
        answer = await self._caller.unary(methods.ROLE_LIST, rpc_pb2.AuthRoleListRequest(), timeout=timeout)
        found = Names(answer.roles)
        found.header = convert.header(answer.header)
        return found

    async def role_grant_permission(self, role: str, permission: Permission, *, timeout: float | None = None) -> Ack:
        """Granting the same range again replaces its type. Everything is key ``\\0`` with range_end ``\\0``."""
        request = rpc_pb2.AuthRoleGrantPermissionRequest(name=_name(role, "role"), perm=_permission(permission))
        return await self._change(methods.ROLE_GRANT_PERMISSION, request, timeout)

    async def role_revoke_permission(
        self, role: str, key: KeyLike, range_end: KeyLike = b"", *, timeout: float | None = None
    ) -> Ack:
        """``key`` and ``range_end`` must be those of the grant."""
        start, end = _range(to_bytes(key), to_bytes(range_end, "range_end"))
        request = rpc_pb2.AuthRoleRevokePermissionRequest(role=_name(role, "role"), key=start, range_end=end)
        return await self._change(methods.ROLE_REVOKE_PERMISSION, request, timeout)

    async def _change(self, method: Method[Req, Resp], request: Req, timeout: float | None) -> Ack:
        answer = await self._caller.unary(method, request, timeout=timeout)
        return Ack(convert.header(answer.header))  # type: ignore[attr-defined]  # every auth answer has a header


def _name(name: str, what: str) -> str:
    if not isinstance(name, str):
        raise e.BadArgument(f"the {what} name must be text")
    if not name:
        raise e.BadArgument(f"{what} name is empty")
    if len(name) > MAX_NAME:
        raise e.BadArgument(f"the {what} name is longer than {MAX_NAME} characters")
    return name


def _permission(permission: Permission) -> auth_pb2.Permission:
    kind = choice(PermissionType, permission.type, "the permission")
    start, end = _range(to_bytes(permission.key), to_bytes(permission.range_end, "range_end"))
    return auth_pb2.Permission(permType=kind.value, key=start, range_end=end)  # type: ignore[arg-type]  # int enums


def _range(key: bytes, end: bytes) -> tuple[bytes, bytes]:
    if not key:
        raise e.BadArgument("the key of a permission is empty; everything is the key \\0 with the range end \\0")
    if end and end != FROM_KEY and end <= key:
        raise e.BadArgument("the range end of a permission must be above its key")
    return key, end
