"""Users, roles and what they add up to: who may do what to which key, computed as the server does it.

A user's rights are the union of the rights of all roles, with intervals merged; a range is allowed only when the
whole of it is covered. The role named ``root`` is everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from etcdtui.client import Client, connect
from etcdtui.core import ranges
from etcdtui.core.errors import AuthManagement, EtcdError, NotSupported, PermissionDenied, Unauthenticated
from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, WritePlan, line
from etcdtui.core.quoting import shell_quote
from etcdtui.core.types import Permission, PermissionType, Role, User
from etcdtui.core.units import counted
from etcdtui.core.value import record

PARALLEL_READS = 8
ROOT = "root"
NO_PASSWORDS = "etcd tells no passwords"

Range = tuple[bytes, bytes]


@record()
class AccessView:
    """What may be seen of users and roles. ``enabled`` is ``None`` when it could not be found out.

    ``limited`` is a sentence when only the own user and roles are visible; ``problem`` what failed altogether.
    """

    enabled: bool | None = None
    revision: int = 0
    users: tuple[User, ...] = ()
    roles: tuple[Role, ...] = ()
    limited: str = ""
    problem: EtcdError | None = None

    def role(self, name: str) -> Role | None:
        return next((role for role in self.roles if role.name == name), None)

    def user(self, name: str) -> User | None:
        return next((user for user in self.users if user.name == name), None)

    def users_of(self, role: str) -> tuple[str, ...]:
        return tuple(user.name for user in self.users if role in user.roles)


async def read_access(client: Client, me: str = "") -> AccessView:
    """Users and roles as far as the caller may see them; ``me`` is the own user name, if any."""
    enabled, revision = await _status(client)
    try:
        names, role_names = await asyncio.gather(client.auth.users(), client.auth.roles())
    except (PermissionDenied, Unauthenticated) as error:
        return await _own(client, me, enabled if enabled is not None else True, revision, error)
    except EtcdError as error:
        return AccessView(enabled, revision, problem=error)
    gate = asyncio.Semaphore(PARALLEL_READS)

    async def user(name: str) -> User:
        async with gate:
            return await client.auth.user_get(name)

    async def role(name: str) -> Role:
        async with gate:
            return await client.auth.role_get(name)

    try:
        users = await asyncio.gather(*(user(name) for name in names))
        roles = await asyncio.gather(*(role(name) for name in role_names))
    except EtcdError as error:
        return AccessView(enabled, revision, problem=error)
    return AccessView(enabled, revision, tuple(users), tuple(roles))


async def _status(client: Client) -> tuple[bool | None, int]:
    try:
        status = await client.auth.status()
    except PermissionDenied:
        return True, 0
    except NotSupported:
        return await _by_a_read(client), 0
    except EtcdError:
        return None, 0
    return status.enabled, status.revision


async def auth_is_on(client: Client) -> bool | None:
    """Whether authentication is on; ``None`` when that cannot be found out."""
    return (await _status(client))[0]


async def _by_a_read(client: Client) -> bool | None:
    """Servers before etcd 3.5 do not tell; but with authentication on they answer nobody without a name."""
    options = client.options
    if options.tls is not None and (options.tls.cert_file or options.tls.cert):
        return None  # a certificate can be the name
    nobody = replace(options, username=None, password=None, token=None)
    try:
        async with connect(nobody) as stranger:
            await stranger.kv.get(b"\0", serializable=True, count_only=True)
    except Unauthenticated:
        return True
    except EtcdError:
        return None
    return False


async def _own(client: Client, me: str, enabled: bool | None, revision: int, error: EtcdError) -> AccessView:
    """What a user without the root role may see: its own record and its own roles."""
    if not me:
        return AccessView(enabled, revision, problem=error)
    try:
        user = await client.auth.user_get(me)
    except EtcdError as problem:
        return AccessView(enabled, revision, problem=problem)
    roles: list[Role] = []
    for name in user.roles:
        try:
            roles.append(await client.auth.role_get(name))
        except (PermissionDenied, AuthManagement):
            roles.append(Role(name))
        except EtcdError as problem:
            return AccessView(enabled, revision, (user,), tuple(roles), problem=problem)
    words = f"You may see only yourself ({me}) and your own roles; the rest needs the root role."
    return AccessView(enabled, revision, (user,), tuple(roles), words)


# -- what rights add up to -------------------------------------------------------------------------------------


@record()
class Effective:
    """A range with the rights on all of it and the roles they come from."""

    key: bytes
    range_end: bytes
    read: bool
    write: bool
    roles: tuple[str, ...]


@record()
class Answer:
    """May it be done? ``because`` names roles and ranges in words of ours; ``covering`` are the grants that matter."""

    allowed: bool
    because: str
    covering: tuple[tuple[str, Permission], ...] = ()


def may_read(permission: Permission) -> bool:
    return permission.type in (PermissionType.READ, PermissionType.READWRITE)


def may_write(permission: Permission) -> bool:
    return permission.type in (PermissionType.WRITE, PermissionType.READWRITE)


def readable_ranges(roles: tuple[Role, ...]) -> list[Range]:
    """The merged ranges that may be read; everything for the root role."""
    return _merged(roles, write=False)


def _merged(roles: tuple[Role, ...], *, write: bool) -> list[Range]:
    if any(role.name == ROOT for role in roles):
        return [ranges.ALL]
    wanted = may_write if write else may_read
    return ranges.merge([(p.key or b"\0", p.range_end) for role in roles for p in role.permissions if wanted(p)])


def effective(user: User, view: AccessView) -> tuple[Effective, ...]:
    """What the user may do, range by range, over all roles."""
    roles = tuple(role for role in (view.role(name) or Role(name) for name in user.roles))
    if any(role.name == ROOT for role in roles):
        return (Effective(b"\0", b"\0", True, True, (ROOT,)),)
    reads, writes = _merged(roles, write=False), _merged(roles, write=True)
    rows: dict[Range, Effective] = {}
    for key, end in [*reads, *writes]:
        sources = tuple(
            role.name
            for role in roles
            if any(ranges.intersect((p.key or b"\0", p.range_end), (key, end)) for p in role.permissions)
        )
        rows[key, end] = Effective(
            key,
            end,
            any(ranges.contains(r, (key, end)) for r in reads),
            any(ranges.contains(r, (key, end)) for r in writes),
            sources,
        )
    return tuple(rows[r] for r in sorted(rows))


def can(user: User, view: AccessView, wanted: Range, *, write: bool) -> Answer:
    """Whether ``user`` may read or write the whole of ``wanted``, and why."""
    word = "write" if write else "read"
    if ROOT in user.roles:
        return Answer(True, "the role root may do everything")
    roles = tuple(role for role in (view.role(name) for name in user.roles) if role)
    allowed_of = may_write if write else may_read
    grants = tuple(
        (role.name, p)
        for role in roles
        for p in role.permissions
        if allowed_of(p) and ranges.intersect((p.key or b"\0", p.range_end), wanted)
    )
    for name, permission in grants:
        if ranges.contains((permission.key or b"\0", permission.range_end), wanted):
            return Answer(True, f"role {name}, {permission.type.name.lower()}", ((name, permission),))
    if any(ranges.contains(r, wanted) for r in _merged(roles, write=write)):
        names = ", ".join(dict.fromkeys(name for name, _ in grants))
        return Answer(True, f"roles {names} together", grants)
    if grants:
        return Answer(False, f"the {word} grants cover only a part of it", grants)
    if not user.roles:
        return Answer(False, "the user has no role")
    return Answer(False, f"no role of the user grants {word} there")


def overlaps(role: Role) -> tuple[tuple[Permission, Permission], ...]:
    """Pairs of grants of one role that share keys: a later, narrower one does not take rights away."""
    permissions = role.permissions
    return tuple(
        (a, b)
        for i, a in enumerate(permissions)
        for b in permissions[i + 1 :]
        if ranges.intersect((a.key or b"\0", a.range_end), (b.key or b"\0", b.range_end))
    )


def range_kind(key: bytes, end: bytes) -> str:
    """``one key``, ``prefix``, ``from key``, ``everything`` or ``range``."""
    if end == b"":
        return "one key"
    if end == ranges.FROM_KEY:
        return "everything" if key in (b"", b"\0") else "from key"
    return "prefix" if key and ranges.prefix_end(key) == end else "range"


def grant_warnings(key: bytes, end: bytes) -> tuple[str, ...]:
    """What people get wrong with a grant."""
    kind = range_kind(key, end)
    words = []
    if kind == "prefix" and not key.endswith(b"/"):
        words.append("the prefix does not end in the separator: it also matches names that only begin alike")
    if kind in ("from key", "everything"):
        words.append("this reaches to the end of the whole store")
    return tuple(words)


# -- plans -----------------------------------------------------------------------------------------------------


def _plan(
    action: str,
    target: str,
    rpc: str,
    etcdctl: str,
    facts: Sequence[Fact],
    lines: Sequence[PlanLine] = (),
    *,
    level: ActionClass = ActionClass.R2,
    blocked: str = "",
    undo: str = "",
) -> WritePlan:
    return WritePlan(
        action=action,
        target=target.encode(),
        action_class=level,
        scope=Scope(frozenset({f"Auth/{rpc}"})),
        target_word=target,
        facts=tuple(facts),
        lines=tuple(lines),
        etcdctl=f"etcdctl {etcdctl}",
        changes=0,
        undo=undo,
        blocked=blocked,
    )


def user_add(name: str, *, no_password: bool) -> WritePlan:
    flag = " --no-password" if no_password else ""
    note = "can log in by client certificate only" if no_password else "logs in with the password just typed"
    return _plan(
        "user add", name, "UserAdd", f"user add {shell_quote(name.encode())}{flag}",
        [Fact("user", name.encode(), "", "new, without roles: may do nothing yet")], [line(note, tone="dim")],
        level=ActionClass.R1,
    )  # fmt: skip


def user_delete(user: User, view: AccessView, me: str) -> WritePlan:
    blocked = "the user root cannot be deleted while authentication is on" if user.name == ROOT and view.enabled else ""
    has = f"with roles: {', '.join(user.roles)}" if user.roles else "without roles"
    facts = [Fact("user", user.name.encode(), has.encode(), "deleted")]
    lines = []
    if user.name == me:
        lines.append(line("this is the user you are logged in as", tone="warn"))
    if ROOT in user.roles and sum(ROOT in other.roles for other in view.users) == 1:
        lines.append(line("this is the last user with the role root", tone="warn"))
    return _plan(
        "user delete", user.name, "UserDelete", f"user delete {shell_quote(user.name.encode())}", facts, lines,
        blocked=blocked, undo=NO_PASSWORDS,
    )  # fmt: skip


def user_password(name: str) -> WritePlan:
    level = ActionClass.R4 if name == ROOT else ActionClass.R2
    return _plan(
        "user passwd", name, "UserChangePassword", f"user passwd {shell_quote(name.encode())}",
        [Fact("password of", name.encode(), "the present one", "the one just typed")],
        [line("running sessions with simple tokens of this user must log in again", tone="dim")], level=level,
        undo=NO_PASSWORDS,
    )  # fmt: skip


def grant_role(user: str, role: str) -> WritePlan:
    return _plan(
        "grant role", user, "UserGrantRole",
        f"user grant-role {shell_quote(user.encode())} {shell_quote(role.encode())}",
        [Fact("user", user.encode(), "", f"has the role {role}".encode(), "add")],
    )  # fmt: skip


def revoke_role(user: str, role: str) -> WritePlan:
    return _plan(
        "revoke role", user, "UserRevokeRole",
        f"user revoke-role {shell_quote(user.encode())} {shell_quote(role.encode())}",
        [Fact("user", user.encode(), f"has the role {role}".encode(), "without it", "remove")],
    )  # fmt: skip


def role_add(name: str) -> WritePlan:
    return _plan(
        "role add", name, "RoleAdd", f"role add {shell_quote(name.encode())}",
        [Fact("role", name.encode(), "", "new, without permissions")], level=ActionClass.R1,
    )  # fmt: skip


def role_delete(role: Role, view: AccessView) -> WritePlan:
    users = view.users_of(role.name)
    lines = [] if users else [line("used by: nobody")]
    facts = [Fact("role", role.name.encode(), f"with {counted(len(role.permissions), 'permission')}", "deleted")]
    facts += [_permission(role.name, permission, has=True) for permission in role.permissions]
    facts += [Fact("user", user.encode(), f"has the role {role.name}".encode(), "without it", "warn") for user in users]
    blocked = "the role root cannot be deleted while authentication is on" if role.name == ROOT and view.enabled else ""
    return _plan(
        "role delete", role.name, "RoleDelete", f"role delete {shell_quote(role.name.encode())}",
        facts, lines, blocked=blocked, undo="etcd keeps no history of users and roles",
    )  # fmt: skip


def _range_words(key: bytes, end: bytes) -> tuple[str, str]:
    """etcdctl's flag for the kind of range, with a space after it, and the key arguments."""
    kind = range_kind(key, end)
    if kind == "prefix":
        return "--prefix ", shell_quote(key)
    if kind in ("from key", "everything"):
        return "--from-key ", shell_quote(key)
    return "", shell_quote(key) + (f" {shell_quote(end)}" if end else "")


def _permission(role: str, permission: Permission, *, has: bool) -> Fact:
    """A permission that a role gets, or (``has``) loses."""
    key, end = permission.key, permission.range_end
    kind = range_kind(key, end)
    what = f"{permission.type.name.lower()} on {kind}"
    name = b" .. ".join((key, end)) if kind == "range" else b"" if kind == "everything" else key
    before, after = ("granted", "revoked") if has else ("", "granted")
    return Fact(f"role {role}: {what}", name, before, after, "remove" if has else "add")


def _replaced(role: str, before: Permission, after: Permission) -> Fact:
    """A grant on the very range of another one replaces it."""
    kind = range_kind(after.key, after.range_end)
    was, will = before.type.name.lower(), after.type.name.lower()
    return Fact(f"role {role}: {kind}", after.key, was, will, "add")


def grant_permission(role: Role, permission: Permission) -> WritePlan:
    """A grant on a range that the role has a grant on already replaces it."""
    key, end = permission.key, permission.range_end
    words = permission.type.name.lower()
    flag, span = _range_words(key, end)
    command = f"{flag}{shell_quote(role.name.encode())} {words} {span}"
    old = same_range(role, permission)
    fact = _replaced(role.name, old, permission) if old is not None else _permission(role.name, permission, has=False)
    lines = [line(warning, tone="warn") for warning in grant_warnings(key, end)]
    return _plan(
        "grant permission", role.name, "RoleGrantPermission", f"role grant-permission {command}", [fact], lines
    )


def same_range(role: Role, permission: Permission) -> Permission | None:
    """The role's grant on exactly that range."""
    wanted = (permission.key, permission.range_end)
    return next((one for one in role.permissions if (one.key, one.range_end) == wanted), None)


def revoke_permission(role: Role, permission: Permission) -> WritePlan:
    key, end = permission.key, permission.range_end
    flag, span = _range_words(key, end)
    command = f"{flag}{shell_quote(role.name.encode())} {span}"
    fact = _permission(role.name, permission, has=True)
    return _plan("revoke permission", role.name, "RoleRevokePermission", f"role revoke-permission {command}", [fact])


def enable_problem(view: AccessView) -> str:
    """Why authentication may not be enabled yet; empty when it may."""
    root = view.user(ROOT)
    if root is None:
        return "there is no user root; add it, with a password you know, and grant it the role root"
    if ROOT not in root.roles:
        return "the user root does not have the role root"
    return ""


def auth_enable(view: AccessView) -> WritePlan:
    return _plan(
        "auth enable", "auth enable", "AuthEnable", "auth enable",
        [Fact("authentication", b"", "off" if view.enabled is False else "not known to be on", "on", "head")],
        [
            line("from then on every call needs a login; anonymous programs stop working", tone="warn"),
            line("users without a role may do nothing", tone="dim"),
        ],
        level=ActionClass.R4, blocked=enable_problem(view),
    )  # fmt: skip


def auth_disable() -> WritePlan:
    return _plan(
        "auth disable", "auth disable", "AuthDisable", "auth disable",
        [Fact("authentication", b"", "on", "off", "head")],
        [line("everyone can read and write everything", tone="warn")], level=ActionClass.R4,
    )  # fmt: skip
