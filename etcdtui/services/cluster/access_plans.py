"""Changes of users and roles as plans: what is now, what it becomes, who loses by it, and what would lock out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etcdtui.core import ranges
from etcdtui.core.plan import ActionClass, Fact, PlanLine, Scope, WritePlan, line
from etcdtui.core.quoting import shell_quote
from etcdtui.core.types import Permission, Role, User
from etcdtui.core.units import counted
from etcdtui.services.cluster.access import (
    ROOT,
    AccessView,
    grant_warnings,
    may_read,
    may_write,
    range_kind,
)

NAMES_SHOWN = 6
NO_PASSWORDS = "etcd tells no passwords"


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
    if no_password and name == ROOT:
        note += f"; without a client certificate whose name is {ROOT} nobody could then switch authentication off"
    return _plan(
        "user add", name, "UserAdd", f"user add {shell_quote(name.encode())}{flag}",
        [Fact("user", name.encode(), "", "new, without roles: may do nothing yet")], [line(note, tone="dim")],
        level=ActionClass.R1,
    )  # fmt: skip


def user_delete(user: User, view: AccessView, me: str) -> WritePlan:
    blocked = "the user root cannot be deleted while authentication is on" if user.name == ROOT and view.enabled else ""
    has = f"with roles: {', '.join(user.roles)}" if user.roles else "without roles"
    facts = [Fact("user", user.name.encode(), has.encode(), "deleted")]
    return _plan(
        "user delete", user.name, "UserDelete", f"user delete {shell_quote(user.name.encode())}", facts,
        _self_and_root(user, view, me), blocked=blocked, undo=NO_PASSWORDS,
    )  # fmt: skip


def _self_and_root(user: User, view: AccessView, me: str) -> list[PlanLine]:
    """Who takes away what gives the right to give it back."""
    lines = []
    if user.name == me:
        lines.append(line("this is the user you are logged in as", tone="warn"))
    if ROOT in user.roles and sum(ROOT in other.roles for other in view.users) == 1:
        lines.append(line("this is the last user with the role root: nobody could change users then", tone="warn"))
    return lines


def user_password(name: str, *, enabled: bool | None = None) -> WritePlan:
    level = ActionClass.R4 if name == ROOT else ActionClass.R2
    tried = "it is logged in with right after, to try it" if enabled else (
        "it cannot be tried while authentication is off, and a user made without a password keeps none"
    )  # fmt: skip
    return _plan(
        "user passwd", name, "UserChangePassword", f"user passwd {shell_quote(name.encode())}",
        [Fact("password of", name.encode(), "the present one", "the one just typed")],
        [line("running sessions with simple tokens of this user must log in again", tone="dim"),
         line(tried, tone="dim" if enabled else "warn")], level=level,
        undo=NO_PASSWORDS,
    )  # fmt: skip


def grant_role(user: str, role: str) -> WritePlan:
    return _plan(
        "grant role", user, "UserGrantRole",
        f"user grant-role {shell_quote(user.encode())} {shell_quote(role.encode())}",
        [Fact("user", user.encode(), "", f"has the role {role}".encode(), "add")],
    )  # fmt: skip


def revoke_role(user: str, role: str, view: AccessView | None = None, me: str = "") -> WritePlan:
    known = view.user(user) if view is not None else None
    lines = _self_and_root(known, view, me) if role == ROOT and known is not None and view is not None else []
    on = view is not None and bool(view.enabled)
    blocked = "root cannot lose the role root while authentication is on" if on and user == role == ROOT else ""
    return _plan(
        "revoke role", user, "UserRevokeRole",
        f"user revoke-role {shell_quote(user.encode())} {shell_quote(role.encode())}",
        [Fact("user", user.encode(), f"has the role {role}".encode(), "without it", "remove")], lines, blocked=blocked,
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
    return Fact(f"role {role}: {kind}", after.key, was, will, "warn" if lost_by(before, after) else "add")


def lost_by(before: Permission, after: Permission) -> str:
    """What a grant takes away that replaces another one: ``read``, ``write``, or nothing."""
    gone = [word for word, may in (("read", may_read), ("write", may_write)) if may(before) and not may(after)]
    return " and ".join(gone)


def grant_permission(role: Role, permission: Permission, view: AccessView | None = None) -> WritePlan:
    """A grant on a range that the role has a grant on already replaces it."""
    key, end = permission.key, permission.range_end
    words = permission.type.name.lower()
    flag, span = _range_words(key, end)
    command = f"{flag}{shell_quote(role.name.encode())} {words} {span}"
    old = same_range(role, permission)
    fact = _replaced(role.name, old, permission) if old is not None else _permission(role.name, permission, has=False)
    lines = [line(warning, tone="warn") for warning in grant_warnings(key, end)]
    users = view.users_of(role.name) if view is not None else ()
    if old is not None and (lost := lost_by(old, permission)):
        whom = f" for {', '.join(users[:NAMES_SHOWN])}" if users else ""
        lines.insert(
            0, line(f"it replaces {old.type.name.lower()} on the same range: {lost} is lost there{whom}", tone="warn")
        )
    lines += beside(role, permission)
    blocked = "the range is empty: its end is not behind its beginning" if ranges.is_empty(key or b"\0", end) else ""
    return _plan(
        "grant permission", role.name, "RoleGrantPermission", f"role grant-permission {command}", [fact], lines,
        blocked=blocked,
    )  # fmt: skip


def beside(role: Role, permission: Permission) -> list[PlanLine]:
    """How a new grant stands to the other ones of its role."""
    new = (permission.key or b"\0", permission.range_end)
    lines: list[PlanLine] = []
    for other in role.permissions:
        has = (other.key or b"\0", other.range_end)
        if has == new or ranges.intersect(has, new) is None:
            continue
        word = other.type.name.lower()
        if ranges.contains(has, new):
            adds = lost_by(permission, other)
            told = f"only {adds} is new" if adds else "it adds nothing"
            lines.append(line(f"inside of {word} on ", other.key, f": {told}", tone="warn"))
        else:
            how = "covers" if ranges.contains(new, has) else "overlaps"
            lines.append(line(f"{how} {word} on ", other.key, ", which stays", tone="dim"))
    return lines[:NAMES_SHOWN]


def same_range(role: Role, permission: Permission) -> Permission | None:
    """The role's grant on exactly that range."""
    wanted = (permission.key, permission.range_end)
    return next((one for one in role.permissions if (one.key, one.range_end) == wanted), None)


def revoke_permission(role: Role, permission: Permission, view: AccessView | None = None) -> WritePlan:
    key, end = permission.key, permission.range_end
    flag, span = _range_words(key, end)
    command = f"{flag}{shell_quote(role.name.encode())} {span}"
    facts = [_permission(role.name, permission, has=True)]
    users = view.users_of(role.name) if view is not None else ()
    lines = [line("users with the role: ", ", ".join(users[:NAMES_SHOWN]), tone="warn")] if users else []
    return _plan(
        "revoke permission", role.name, "RoleRevokePermission", f"role revoke-permission {command}", facts, lines
    )


def auth_enable(view: AccessView, *, password: bool, certificate: str = "", strangers: Sequence[str] = ()) -> WritePlan:
    """Root is made anew with the ``password`` that was typed; without one a ``certificate`` of root's has to stand in.

    ``strangers`` are profiles that have no user.
    """
    root = view.user(ROOT)
    facts = [Fact("authentication", b"", "off" if view.enabled is False else "not known to be on", "on", "head")]
    if password:
        before = "as it is" if root is not None else ""
        facts.append(Fact("user", ROOT.encode(), before, "made anew with the password just typed, role root", "add"))
    lines = [line("then every call needs a login; anonymous programs stop working", tone="warn")]
    if strangers:
        names = ", ".join(strangers[:NAMES_SHOWN]) + (" .." if len(strangers) > NAMES_SHOWN else "")
        lines.append(line(f"{counted(len(strangers), 'profile')} without a user will be refused: ", names, tone="warn"))
    idle = [user.name for user in view.users if not user.roles]
    if idle:
        lines.append(line("users without a role may do nothing: ", ", ".join(idle[:NAMES_SHOWN]), tone="dim"))
    lines.append(line("right after it root is logged in to try it", tone="dim"))
    lines.append(line("the way back: M here as root, or etcdctl --user root auth disable", tone="dim"))
    lines.append(line("with root's password lost, only a snapshot taken before helps", tone="dim"))
    plan = _plan(
        "auth enable", "auth enable", "AuthEnable", "auth enable", facts, lines,
        level=ActionClass.R4, blocked=_enable_problem(root, password, certificate), undo="M switches it off",
    )  # fmt: skip
    steps = ("AuthEnable", "UserDelete", "UserAdd", "UserGrantRole") if password else ("AuthEnable",)
    return replace(plan, scope=Scope(frozenset(f"Auth/{step}" for step in steps)))


def _enable_problem(root: User | None, password: bool, certificate: str) -> str:
    if password:
        return ""
    if certificate != ROOT:
        return "nobody could log in: root's password is needed, or a client certificate whose name is root"
    if root is None:
        return "there is no user root for the client certificate"
    return "" if ROOT in root.roles else "the user root does not have the role root"


def auth_disable() -> WritePlan:
    return _plan(
        "auth disable", "auth disable", "AuthDisable", "auth disable",
        [Fact("authentication", b"", "on", "off", "head")],
        [line("everyone can read and write everything", tone="warn")], level=ActionClass.R4,
    )  # fmt: skip
