"""Commands of etcdctl's about leases, members, users and roles: the flow of the screen with its arguments filled in.

Nothing is skipped: a flow still asks for what the line does not say, and every review is shown.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial

from rich.text import Text

from etcdtui.core.etcdctl_grammar import Verb
from etcdtui.core.ranges import FROM_KEY, prefix_range
from etcdtui.core.types import Permission, PermissionType, Role
from etcdtui.services.cluster.leases import LeaseRow, lease_hex
from etcdtui.services.cluster.view import MemberRow
from etcdtui.ui import limits
from etcdtui.ui.flows.access import AccessWriting
from etcdtui.ui.flows.leases import LeaseWriting
from etcdtui.ui.flows.members import MemberWriting
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.screens.auth.rows import AccessRow
from etcdtui.ui.screens.auth.screen import AuthScreen
from etcdtui.ui.screens.leases.screen import LeasesScreen
from etcdtui.ui.screens.members.screen import MembersScreen
from etcdtui.ui.spawn import Work
from etcdtui.ui.text import safe

READING = frozenset({
    ("snapshot", "save"), ("endpoint", "hashkv"), ("lease", "timetolive"), ("user", "get"), ("role", "get"),
})  # fmt: skip
"""Commands that change nothing, and work while writes are locked."""
UPKEEP = frozenset({"snapshot", "endpoint", "alarm", "compact", "compaction", "defrag"})
PASSWORD = re.compile(r"\buser\s+add\s+[^\s:]*:|--(new-user-password|password|user|auth-jwt-token)\b")


def holds_password(line: str) -> bool:
    """Whether a line may have a password in it, and is not to be remembered."""
    return PASSWORD.search(line) is not None


def begin_command(screen: ClusterScreen, verb: Verb) -> bool:
    """Begin what a command says on its screen, or flash why not; False when the line does not say enough for that."""
    words, flags = _words(verb), dict(verb.flags)
    flow = _flow(screen, words, flags)
    if flow is None:
        return False
    if tuple(words[:2]) not in READING and (why := screen.session.why_no_writes):
        screen.flash(why, "warn")
        return True
    screen.start_write(flow, "maintenance" if verb.name in UPKEEP else "write")
    return True


def _words(verb: Verb) -> list[str]:
    """The words of a command with its name in front."""
    return [verb.name, *(word.decode("utf-8", "backslashreplace") for word in verb.words)]


def _flow(screen: ClusterScreen, words: list[str], flags: dict[str, str]) -> Work | None:
    if isinstance(screen, LeasesScreen):
        return _lease_flow(screen, words)
    if isinstance(screen, MembersScreen):
        flows = MemberWriting(screen, lambda _: screen.read_again(), lambda: screen.shown)
        return _upkeep_flow(screen, flows, words) or _member_flow(screen, flows, words, flags)
    if isinstance(screen, AuthScreen):
        access = AccessWriting(screen, lambda _: screen.read_again(), lambda: screen.access)
        return _access_flow(screen, access, words, flags)
    return None


# --- leases ----------------------------------------------------------------------------------------------


def _lease_flow(screen: LeasesScreen, words: list[str]) -> Work | None:
    flows = LeaseWriting(screen, lambda _: screen.read_again())
    match words:
        case ["lease", "grant", ttl, *_]:
            return partial(screen.grant, ttl)
        case ["lease", "revoke", lease, *_]:
            return partial(_on_lease, screen, flows, lease, lambda row: flows.revoke(row, screen.book))
        case ["lease", "keep-alive", lease, *_]:
            return partial(_on_lease, screen, flows, lease, flows.keep_alive)
        case ["lease", "timetolive", lease, *_]:
            return partial(_on_lease, screen, flows, lease, _shown)
    return None


async def _on_lease(
    screen: LeasesScreen, flows: LeaseWriting, typed: str, work: Callable[[LeaseRow], Awaitable[None]]
) -> None:
    row = await flows.find(typed, screen.book)
    if row is not None:
        screen.show_place(lease_hex(row.id).encode())
        await work(row)


async def _shown(_: object) -> None:
    """The row that was named is under the cursor, and its detail beside it: nothing more was asked."""


# --- members and upkeep ----------------------------------------------------------------------------------


def _member_flow(screen: MembersScreen, flows: MemberWriting, words: list[str], flags: dict[str, str]) -> Work | None:
    urls = flags.get("peer-urls", "")
    match words:
        case ["member", "add", name, *_]:
            return partial(flows.add_member, name, urls)
        case ["member", "remove", member, *_]:
            return partial(_on_member, screen, member, flows.remove_member)
        case ["member", "promote", member, *_]:
            return partial(_on_member, screen, member, flows.promote)
        case ["member", "update", member, *_]:
            return partial(_on_member, screen, member, lambda row: flows.update_member(row, urls))
        case ["move-leader", member, *_]:
            return partial(_on_member, screen, member, flows.make_leader)
    return None


def _upkeep_flow(screen: MembersScreen, flows: MemberWriting, words: list[str]) -> Work | None:
    match words:
        case ["compact" | "compaction", revision, *_]:
            return partial(flows.compact, revision)
        case ["defrag", member, *_]:
            return partial(_on_member, screen, member, flows.defragment)
        case ["snapshot", "save", file, *_]:
            return partial(flows.snapshot, screen.table.current, file)
        case ["endpoint", "hashkv"]:
            return flows.hash_check
        case ["alarm", "disarm"]:
            return partial(_disarm, screen, flows)
    return None


async def _on_member(screen: MembersScreen, typed: str, work: Callable[[MemberRow], Awaitable[object]]) -> None:
    """A member by its name, or by its ID as etcdctl prints it: hex, or decimal in its list of alarms."""
    plain = typed.lower().removeprefix("0x")
    rows = screen.shown.rows
    row = next((row for row in rows if row.name == typed), None) or next(
        (row for row in rows if plain in (f"{row.member.id:x}", f"{row.member.id:016x}", str(row.member.id))), None
    )
    if row is None:
        screen.flash(Text.assemble("there is no member ", safe(typed, limit=limits.NAME)), "warn")
        return
    screen.table.go_to(row.member.id)
    await work(row)


async def _disarm(screen: MembersScreen, flows: MemberWriting) -> None:
    """All of them, as etcdctl does."""
    await screen.read()
    if screen.shown.alarms:
        await flows.clear_alarms()
    else:
        screen.flash("no alarm is raised", "good")


# --- users and roles -------------------------------------------------------------------------------------


def _access_flow(screen: AuthScreen, flows: AccessWriting, words: list[str], flags: dict[str, str]) -> Work | None:
    match words:
        case ["user", "add", name, *_]:
            return partial(_add_user, screen, flows, name, flags)
        case ["role", "add", name, *_]:
            return partial(flows.add_role, name)
        case ["user" | "role" as kind, "delete", name, *_]:
            return partial(_on_access, screen, kind, name, partial(_delete, flows))
        case ["user", "passwd", name, *_]:
            return partial(_on_access, screen, "user", name, lambda row: flows.set_password(row.name))
        case ["user", "grant-role", name, role, *_]:
            return partial(_on_access, screen, "user", name, lambda row: flows.grant_role(row.name, role))
        case ["user", "revoke-role", name, role, *_]:
            return partial(_on_access, screen, "user", name, lambda row: flows.revoke_role(row.name, role))
        case ["user" | "role" as kind, "get", name]:
            return partial(_on_access, screen, kind, name, _shown)
        case ["role", "grant-permission", name, permission, key, *end]:
            try:
                wanted = _permission(permission, key, end, flags)
            except ValueError as error:
                return partial(_refuse, screen, str(error))
            return partial(_on_role, screen, name, partial(_on, flows.grant, wanted))
        case ["role", "revoke-permission", name, key, *end]:
            wanted = _permission("readwrite", key, end, flags)
            return partial(_on_role, screen, name, partial(_revoke, screen, flows, wanted))
    return None


def _permission(kind: str, key: str, end: list[str], flags: dict[str, str]) -> Permission:
    """The words of the line as a permission; raises ``ValueError`` for an unknown type or an end too many."""
    if kind.upper() not in PermissionType.__members__:
        raise ValueError(f"a permission is read, write or readwrite, not {kind[: limits.NAME]}")
    if end and flags.keys() & {"prefix", "from-key"}:
        raise ValueError("--prefix and --from-key take one key, without a range end")
    raw = key.encode("utf-8", "surrogateescape")
    if "prefix" in flags:
        low, high = prefix_range(raw)
    elif "from-key" in flags:
        low, high = raw or b"\0", FROM_KEY
    else:
        low, high = raw, end[0].encode("utf-8", "surrogateescape") if end else b""
    return Permission(PermissionType[kind.upper()], low, high)


async def _refuse(screen: ClusterScreen, why: str) -> None:
    screen.flash(why, "warn")


async def _on_role(screen: AuthScreen, name: str, work: Callable[[Role], Awaitable[None]]) -> None:
    async def role(row: AccessRow) -> None:
        if row.role is not None:
            await work(row.role)

    await _on_access(screen, "role", name, role)


async def _on(change: Callable[[Role, Permission], Awaitable[None]], wanted: Permission, role: Role) -> None:
    await change(role, wanted)


async def _revoke(screen: AuthScreen, flows: AccessWriting, wanted: Permission, role: Role) -> None:
    """etcd revokes by the range alone; what the role has on exactly that range is reviewed."""
    found = next((one for one in role.permissions if (one.key, one.range_end) == (wanted.key, wanted.range_end)), None)
    if found is None:
        screen.flash(safe(f"the role {role.name} has no permission on exactly that range", limit=200), "warn")
    else:
        await flows.revoke(role, found)


async def _delete(flows: AccessWriting, row: AccessRow) -> None:
    if row.user is not None:
        await flows.delete_user(row.user)
    elif row.role is not None:
        await flows.delete_role(row.role)


async def _add_user(screen: AuthScreen, flows: AccessWriting, typed: str, flags: dict[str, str]) -> None:
    """A password in the line is not taken: it stood on the screen."""
    name, _, password = typed.partition(":")
    if password or "new-user-password" in flags:
        screen.flash("the password of the line is not used; type it here", "warn")
    await flows.add_user(name, with_password="no-password" not in flags)


async def _on_access(screen: AuthScreen, kind: str, name: str, work: Callable[[AccessRow], Awaitable[object]]) -> None:
    await screen.read()
    row = next((row for row in screen.table.all_rows if (row.kind, row.name) == (kind, name)), None)
    if row is None:
        screen.flash(safe(f"there is no {kind} {name}", limit=2 * limits.NAME), "warn")
        return
    screen.table.go_to((kind, name))
    await work(row)
