"""Users, roles and what they add up to: who may do what to which key, computed as the server does it.

A user's rights are the union of the rights of all roles, with intervals merged; a range is allowed only when the
whole of it is covered. The role named ``root`` is everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from etcdtui.client import Client, connect
from etcdtui.core import ranges
from etcdtui.core.errors import AuthManagement, EtcdError, NotSupported, PermissionDenied, Unauthenticated
from etcdtui.core.types import Permission, PermissionType, Role, User
from etcdtui.core.value import Value, record

PARALLEL_READS = 8
COUNTED = 60
"""Ranges of a user or role whose keys are counted."""
ROOT = "root"

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
    """May it be done? ``because`` names roles in words of ours, ``covering`` are the grants that decide.

    ``missing`` are the parts of the range that none of them covers.
    """

    allowed: bool
    because: str
    covering: tuple[tuple[str, Permission], ...] = ()
    missing: tuple[Range, ...] = ()


class Rights(Value):
    """What one user may do anywhere, as merged ranges: for colouring keys by it."""

    user: str
    reads: tuple[Range, ...]
    writes: tuple[Range, ...]

    def word(self, wanted: Range) -> Literal["write", "read", "part", "none"]:
        """``write`` and ``read`` are of all of it, ``part`` of some keys in it; writing without reading is ``part``."""
        reads = any(ranges.contains(one, wanted) for one in self.reads)
        if reads and any(ranges.contains(one, wanted) for one in self.writes):
            return "write"
        if reads:
            return "read"
        some = any(ranges.intersect(one, wanted) is not None for one in (*self.reads, *self.writes))
        return "part" if some else "none"


def rights_of(user: User, view: AccessView, namespace: bytes = b"") -> Rights:
    """The rights of a user by the names that are shown inside of a namespace."""
    roles = tuple(role for role in (view.role(name) or Role(name) for name in user.roles))

    def inside(found: list[Range]) -> tuple[Range, ...]:
        return tuple(part for part in (ranges.cut(namespace, *one) for one in found) if part is not None)

    return Rights(user.name, inside(_merged(roles, write=False)), inside(_merged(roles, write=True)))


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
        return Answer(False, f"the {word} grants cover only a part of it", grants, _gaps(grants, wanted))
    if not user.roles:
        return Answer(False, "the user has no role")
    return Answer(False, f"no role of the user grants {word} there")


def _gaps(grants: Sequence[tuple[str, Permission]], wanted: Range) -> tuple[Range, ...]:
    """What of ``wanted`` the grants leave out, in order."""
    low, high = ranges.bounds(*wanted)
    found: list[Range] = []
    for key, end in ranges.merge([(p.key or b"\0", p.range_end) for _, p in grants]):
        start, stop = ranges.bounds(key, end)
        if start > low:
            found.append(_range(low, start if high is None else min(start, high)))
        if stop is None or (high is not None and stop >= high):
            return tuple(found)
        low = max(low, stop)
    return (*found, _range(low, high))


def _range(low: bytes, high: bytes | None) -> Range:
    if high is None:
        return low, ranges.FROM_KEY
    return (low, b"") if high == low + b"\0" else (low, high)


async def count_keys(client: Client, wanted: Sequence[Range]) -> dict[Range, int]:
    """How many keys there are in each range now, of those that may be read. Dead grants have none."""
    found: dict[Range, int] = {}
    for key, end in list(dict.fromkeys(wanted))[:COUNTED]:
        try:
            answer = await client.kv.get(key, range_end=end or None, count_only=True, serializable=True)
        except EtcdError:
            continue
        found[key, end] = answer.count
    return found


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
