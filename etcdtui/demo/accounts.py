"""The demo's users and roles; auth itself stays off."""

from __future__ import annotations

from etcdtui.client import Client
from etcdtui.core.ranges import ALL, prefix_range
from etcdtui.core.types import Permission, PermissionType

ROLES = {
    "root": Permission(PermissionType.READWRITE, *ALL),
    "app-reader": Permission(PermissionType.READ, *prefix_range(b"/config/app/")),
    "app-writer": Permission(PermissionType.READWRITE, *prefix_range(b"/config/app/")),
    "locks": Permission(PermissionType.READWRITE, *prefix_range(b"/locks/")),
}
USERS = {"root": ("root",), "ada": ("app-writer", "locks"), "grace": ("app-reader",)}
PASSWORD = "demo"  # noqa: S105


async def add_accounts(client: Client) -> None:
    """Add what is missing; may be called again after a failure."""
    roles, users = set(await client.auth.roles()), set(await client.auth.users())
    for role, permission in ROLES.items():
        if role not in roles:
            await client.auth.role_add(role)
        await client.auth.role_grant_permission(role, permission)
    for user, granted in USERS.items():
        if user not in users:
            await client.auth.user_add(user, PASSWORD)
        for role in granted:
            await client.auth.user_grant_role(user, role)
