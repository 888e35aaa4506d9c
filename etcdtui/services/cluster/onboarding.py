"""An application comes on board: its role, what that may do, its user, and a login to try it, as one plan."""

from __future__ import annotations

from collections.abc import Sequence

from etcdtui.client import Client
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError
from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, WritePlan, line
from etcdtui.core.quoting import shell_quote
from etcdtui.core.typed_range import typed_range
from etcdtui.core.types import Permission, PermissionType, Role, User
from etcdtui.core.value import record
from etcdtui.services.cluster import access_plans, lockout
from etcdtui.services.cluster.access import AccessView, grant_warnings
from etcdtui.services.cluster.lockout import Tried

WORDS = {
    "r": PermissionType.READ, "read": PermissionType.READ, "w": PermissionType.WRITE, "write": PermissionType.WRITE,
    "rw": PermissionType.READWRITE, "readwrite": PermissionType.READWRITE,
}  # fmt: skip


@record()
class Application:
    """What was typed: a user, its role, and what the role gets."""

    user: str
    role: str
    grants: tuple[Permission, ...] = ()


def typed_grants(text: str) -> tuple[Permission, ...]:
    """``/app/, r /shared/one``: ranges parted by commas, each with ``r``, ``w`` or ``rw`` before it; ``rw`` else.

    Raises ``KeySyntaxError`` with a sentence.
    """
    found: dict[tuple[bytes, bytes], Permission] = {}
    for part in (piece.strip() for piece in text.split(",")):
        if not part:
            continue
        word, _, rest = part.partition(" ")
        kind = WORDS.get(word.lower()) if rest.strip() else None
        key, end = typed_range(rest.strip() if kind is not None else part)
        if (key, end) in found:
            raise KeySyntaxError(f"{part!r} is granted twice: the last grant of a range replaces the one before", 0)
        found[key, end] = Permission(kind or PermissionType.READWRITE, key, end)
    return tuple(found.values())


def afterwards(app: Application, view: AccessView) -> tuple[User, AccessView]:
    """The user and the view as they would be then: what the preview shows."""
    before = view.role(app.role)
    kept = tuple(one for one in (before.permissions if before else ()) if not _replaced(one, app.grants))
    role = Role(app.role, (*kept, *app.grants))
    user = User(app.user, (app.role,))
    roles = (*(one for one in view.roles if one.name != app.role), role)
    return user, AccessView(view.enabled, view.revision, (*view.users, user), roles)


def _replaced(one: Permission, grants: Sequence[Permission]) -> bool:
    return any((one.key, one.range_end) == (new.key, new.range_end) for new in grants)


def plan(app: Application, view: AccessView) -> WritePlan:
    """All of it as one plan; blocked for a user that exists."""
    role = view.role(app.role)
    facts: list[Fact] = []
    lines: list[PlanLine] = []
    commands: list[str] = []
    if role is None:
        made = access_plans.role_add(app.role)
        facts += made.facts
        commands.append(made.etcdctl)
        role = Role(app.role)
    elif users := view.users_of(app.role):
        lines.append(line(f"the role {app.role} exists: {', '.join(users[:6])} will have the grants too", tone="warn"))
    for grant in app.grants:
        one = access_plans.grant_permission(role, grant, view)
        facts += one.facts
        lines += one.lines
        commands.append(one.etcdctl)
    user = access_plans.user_add(app.user, no_password=False)
    facts += user.facts
    given = access_plans.grant_role(app.user, app.role)
    facts += given.facts
    commands += [user.etcdctl, given.etcdctl]
    lines.append(
        line("then it is logged in to try it", tone="dim")
        if view.enabled
        else line("authentication is off: the login cannot be tried before it is on", tone="warn")
    )
    blocked = f"there is a user {app.user} already; e changes it" if view.user(app.user) is not None else ""
    return WritePlan(
        action="onboard",
        target=app.user.encode(),
        action_class=ActionClass.R2,
        scope=Scope(frozenset(f"Auth/{rpc}" for rpc in ("RoleAdd", "RoleGrantPermission", "UserAdd", "UserGrantRole"))),
        target_word=app.user,
        facts=tuple(facts),
        lines=tuple(lines),
        etcdctl=" && ".join(commands),
        changes=0,
        blocked=blocked,
        undo=f"etcdctl user delete {shell_quote(app.user.encode())}; role delete {shell_quote(app.role.encode())}",
    )


async def carry_out(client: Client, app: Application, view: AccessView, password: Secret) -> Tried:
    """Role, grants, user, and a login. Raises ``EtcdError``; what was done until then stands in its message."""
    done: list[str] = []
    try:
        if view.role(app.role) is None:
            await client.auth.role_add(app.role)
            done.append(f"role {app.role} added")
        for grant in app.grants:
            await client.auth.role_grant_permission(app.role, grant)
        done += [f"{len(app.grants)} granted"] if app.grants else []
        await client.auth.user_add(app.user, password.reveal())
        done.append(f"user {app.user} added")
        await client.auth.user_grant_role(app.user, app.role)
    except EtcdError as error:
        if done:
            error.message = f"{', '.join(done)}; then: {error.message}"
        raise
    return await lockout.log_in(client, app.user, password)


def warnings(app: Application) -> list[str]:
    """What people get wrong with the grants."""
    return list(dict.fromkeys(word for grant in app.grants for word in grant_warnings(grant.key, grant.range_end)))
