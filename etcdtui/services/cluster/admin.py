"""Every action on leases, members, upkeep, users and roles: its plan as facts, its sending, its way back.

Etcd has no compare-and-swap for these. So a lost answer is settled by looking whether it is so now, and a way back is
planned by what is there then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from etcdtui.client import Client
from etcdtui.client.cluster import checked_urls
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import Compacted, EtcdError, WriteRefused
from etcdtui.core.plan import Fact, WritePlan
from etcdtui.core.types import Alarm, AlarmType, Lease, Member, Members, Permission, Role, User
from etcdtui.services.cluster import access, leases, members
from etcdtui.services.cluster.access import AccessView, read_access
from etcdtui.services.cluster.leases import LeaseRow, lease_hex
from etcdtui.services.cluster.view import ClusterView, MemberRow
from etcdtui.services.writing.committing import RESOLVE_PAUSE, Unknown
from etcdtui.services.writing.run import DryRun, Progress, Report, Write, error_words
from etcdtui.services.writing.undolog import UNDO, Back
from etcdtui.services.writing.writes import Writes

Call = Callable[[], Awaitable[Any]]
IsSo = Callable[[], Awaitable[bool]]


class AdminWrite(Write):
    """One request that changes the cluster and no key.

    ``done`` tells it in a few words, ``is_so`` looks whether it is made, ``told`` are the facts of the answer, and
    ``back`` plans its way back.
    """

    def __init__(
        self,
        plan: WritePlan,
        call: Call,
        done: str,
        *,
        is_so: IsSo | None = None,
        told: Callable[[Any], Sequence[Fact]] | None = None,
        back: Back | None = None,
    ) -> None:
        self.plan = plan
        self.done = done
        self._call = call
        self._is_so = is_so
        self._told = told
        self._back = back

    @property
    def back(self) -> Back | None:
        return self._back

    async def try_out(self, writes: Writes) -> DryRun:
        return DryRun(True, "it would be sent as it is shown")

    async def send(self, writes: Writes, report: Report, progress: Progress) -> None:
        try:
            report.answer = await self._call()
        except EtcdError as error:
            if error.applied != "maybe" or self._is_so is None:
                raise
            if not await self._settled(writes, self._is_so):
                report.stopped, report.words = Unknown(str(error)), error_words(error)
                return
            report.settled = True
        else:
            report.facts += self._told(report.answer) if self._told is not None else ()

    @staticmethod
    async def _settled(writes: Writes, is_so: IsSo) -> bool:
        """Whether it is seen to be so within the time for that. What is not seen may still be on its way."""
        deadline = writes.clock() + writes.resolve_for
        while True:
            try:
                if await is_so():
                    return True
            except EtcdError:
                pass  # whoever is asked may be what failed
            if writes.clock() >= deadline:
                return False
            await asyncio.sleep(RESOLVE_PAUSE)

    async def finish(self, writes: Writes, report: Report) -> None:
        entry = writes.undo.find(self.undo_of) if self.undo_of and report.complete else None
        if entry is not None:
            entry.undone = True


def undoing(write: AdminWrite, action: str) -> AdminWrite:
    """A write as the way back of ``action``; it has none of its own."""
    plan = replace(write.plan, action=UNDO, facts=(Fact(f"undo {action}", tone="head"), *write.plan.facts), undo="")
    write.plan = plan
    write._back = None
    return write


class Admin:
    """The actions on one cluster. ``me`` is the user of the connection, ``""`` when it has none."""

    def __init__(self, client: Client, health: Callable[[], ClusterView], me: str = "") -> None:
        self._client = client
        self._view = health
        self._me = me

    # -- leases ------------------------------------------------------------------------------------------------

    def grant(self, ttl: int) -> AdminWrite:
        def told(lease: Lease) -> list[Fact]:
            return [Fact("lease", lease_hex(lease.id).encode(), "", f"granted for {lease.ttl} s")]

        return AdminWrite(leases.grant_plan(ttl), lambda: self._client.lease.grant(ttl), "lease granted", told=told)

    def keep_alive(self, row: LeaseRow) -> AdminWrite:
        def told(ttl: int) -> list[Fact]:
            return [Fact("lease", lease_hex(row.id).encode(), "", f"{ttl} s left")]

        words = f"lease {lease_hex(row.id)} renewed"
        call = partial(self._client.lease.keep_alive_once, row.id)
        return AdminWrite(leases.keep_alive_plan(row), call, words, told=told)

    def revoke(self, row: LeaseRow) -> AdminWrite:
        async def is_so() -> bool:
            return (await self._client.lease.time_to_live(row.id)).ttl < 0

        words = f"lease {lease_hex(row.id)} revoked, {len(row.keys or ())} keys deleted with it"
        return AdminWrite(leases.revoke_plan(row), partial(self._client.lease.revoke, row.id), words, is_so=is_so)

    # -- members -----------------------------------------------------------------------------------------------

    async def _member(self, member_id: int) -> Member | None:
        return next((one for one in await self._client.cluster.members() if one.id == member_id), None)

    def add_member(self, view: ClusterView, name: str, urls: tuple[str, ...]) -> AdminWrite:
        """As a learner: it does not vote until it is promoted."""

        async def is_so() -> bool:
            return any(set(urls) == set(one.peer_urls) for one in await self._client.cluster.members())

        def told(answer: Members) -> list[Fact]:
            member = answer.member
            return [Fact("member", name.encode(), "", f"id {member.id:x}")] if member is not None else []

        plan = _with_urls(members.add_plan(view, name, urls), urls)
        call = partial(self._client.cluster.add, urls, learner=True)
        return AdminWrite(plan, call, f"{name} is added as a learner", is_so=is_so, told=told)

    def remove_member(self, view: ClusterView, row: MemberRow) -> AdminWrite:
        async def is_so() -> bool:
            return await self._member(row.member.id) is None

        call = partial(self._client.cluster.remove, row.member.id)
        return AdminWrite(members.remove_plan(view, row), call, f"{row.name} is removed", is_so=is_so)

    def update_member(self, row: MemberRow, urls: tuple[str, ...]) -> AdminWrite:
        """Other peer URLs for a member."""

        async def is_so() -> bool:
            now = await self._member(row.member.id)
            return now is not None and set(now.peer_urls) == set(urls)

        async def back() -> AdminWrite:
            now = await self._member(row.member.id)
            if now is None:
                raise WriteRefused(f"member {row.name} no longer exists")
            return undoing(self.update_member(replace(row, member=now), row.member.peer_urls), "member update")

        plan = _with_urls(members.update_plan(row, urls), urls)
        call = partial(self._client.cluster.update, row.member.id, urls)
        return AdminWrite(plan, call, f"{row.name} has other peer URLs", is_so=is_so, back=back)

    def promote(self, row: MemberRow) -> AdminWrite:
        async def is_so() -> bool:
            now = await self._member(row.member.id)
            return now is not None and not now.is_learner

        call = partial(self._client.cluster.promote, row.member.id)
        return AdminWrite(members.promote_plan(row), call, f"{row.name} votes now", is_so=is_so)

    def move_leader(self, view: ClusterView, row: MemberRow) -> AdminWrite:
        before = view.leader

        async def is_so() -> bool:
            return (await self._client.maintenance.status(row.endpoint)).leader == row.member.id

        async def back() -> AdminWrite:
            now = self._view()
            target = now.row(before.member.id) if before is not None else None
            if target is None:
                raise WriteRefused("the member that led before is not known, or no longer exists")
            return undoing(self.move_leader(now, target), "move leader")

        call = partial(self._client.maintenance.move_leader, row.member.id)
        plan = members.move_leader_plan(view, row)
        return AdminWrite(plan, call, f"{row.name} leads now", is_so=is_so, back=back)

    # -- upkeep ------------------------------------------------------------------------------------------------

    def defragment(self, view: ClusterView, row: MemberRow) -> AdminWrite:
        call = partial(self._client.maintenance.defragment, row.endpoint)
        return AdminWrite(members.defrag_plan(view, row), call, f"{row.name} is defragmented")

    def compact(self, view: ClusterView, revision: int, keep: int) -> AdminWrite:
        """``keep``: fewer revisions than this left ask for more than a yes."""

        async def is_so() -> bool:
            try:
                await self._client.kv.get(b"\0", revision=max(1, revision - 1), count_only=True)
            except Compacted:
                return True
            return False

        call = partial(self._client.kv.compact, revision, physical=True)
        plan = members.compact_plan(view, revision, keep)
        return AdminWrite(plan, call, f"compacted to revision {revision}", is_so=is_so)

    def clear_alarms(self, view: ClusterView, alarms: Sequence[Alarm]) -> AdminWrite:
        """Clear every NOSPACE alarm, as ``etcdctl alarm disarm`` does; blocked while a member is too full."""

        async def is_so() -> bool:
            return not await self._client.maintenance.alarms()

        call = partial(self._client.maintenance.disarm, 0, AlarmType.NOSPACE)
        return AdminWrite(members.clear_plan(view, alarms), call, "NOSPACE is cleared on all members", is_so=is_so)

    # -- users and roles ---------------------------------------------------------------------------------------

    async def _user(self, name: str) -> User | None:
        return next((one for one in (await self._access()).users if one.name == name), None)

    async def _role(self, name: str) -> Role | None:
        return next((one for one in (await self._access()).roles if one.name == name), None)

    async def _access(self) -> AccessView:
        view = await read_access(self._client, self._me)
        if view.problem is not None:
            raise view.problem
        return view

    async def _must_user(self, name: str) -> User:
        user = await self._user(name)
        if user is None:
            raise WriteRefused(f"the user {name} no longer exists")
        return user

    async def _must_role(self, name: str) -> Role:
        role = await self._role(name)
        if role is None:
            raise WriteRefused(f"the role {name} no longer exists")
        return role

    def add_user(self, name: str, password: Secret | None) -> AdminWrite:
        """Without a password a user comes in by a client certificate only."""

        async def is_so() -> bool:
            return await self._user(name) is not None

        async def back() -> AdminWrite:
            return undoing(self.delete_user(await self._must_user(name), await self._access()), "user add")

        plan = access.user_add(name, no_password=password is None)
        call = partial(self._client.auth.user_add, name, password.reveal() if password is not None else None)
        return AdminWrite(plan, call, f"user {name} added", is_so=is_so, back=back)

    def delete_user(self, user: User, view: AccessView) -> AdminWrite:
        async def is_so() -> bool:
            return await self._user(user.name) is None

        plan = access.user_delete(user, view, self._me)
        call = partial(self._client.auth.user_delete, user.name)
        return AdminWrite(plan, call, f"user {user.name} deleted", is_so=is_so)

    def set_password(self, name: str, password: Secret) -> AdminWrite:
        call = partial(self._client.auth.user_change_password, name, password.reveal())
        return AdminWrite(access.user_password(name), call, f"the password of {name} is changed")

    def grant_role(self, user: str, role: str) -> AdminWrite:
        async def is_so() -> bool:
            now = await self._user(user)
            return now is not None and role in now.roles

        async def back() -> AdminWrite:
            return undoing(self.revoke_role(user, role), "grant role")

        call = partial(self._client.auth.user_grant_role, user, role)
        return AdminWrite(access.grant_role(user, role), call, f"{user} has the role {role}", is_so=is_so, back=back)

    def revoke_role(self, user: str, role: str) -> AdminWrite:
        async def is_so() -> bool:
            now = await self._user(user)
            return now is not None and role not in now.roles

        async def back() -> AdminWrite:
            return undoing(self.grant_role(user, role), "revoke role")

        call = partial(self._client.auth.user_revoke_role, user, role)
        return AdminWrite(access.revoke_role(user, role), call, f"{user} lost the role {role}", is_so=is_so, back=back)

    def add_role(self, name: str) -> AdminWrite:
        async def is_so() -> bool:
            return await self._role(name) is not None

        async def back() -> AdminWrite:
            return undoing(self.delete_role(await self._must_role(name), await self._access()), "role add")

        call = partial(self._client.auth.role_add, name)
        return AdminWrite(access.role_add(name), call, f"role {name} added", is_so=is_so, back=back)

    def delete_role(self, role: Role, view: AccessView) -> AdminWrite:
        async def is_so() -> bool:
            return await self._role(role.name) is None

        call = partial(self._client.auth.role_delete, role.name)
        return AdminWrite(access.role_delete(role, view), call, f"role {role.name} deleted", is_so=is_so)

    def grant_permission(self, role: Role, permission: Permission) -> AdminWrite:
        """A grant on a range that the role has a grant on already replaces it."""
        old = access.same_range(role, permission)

        async def is_so() -> bool:
            now = await self._role(role.name)
            return now is not None and permission in now.permissions

        async def back() -> AdminWrite:
            now = await self._must_role(role.name)
            write = self.grant_permission(now, old) if old is not None else self.revoke_permission(now, permission)
            return undoing(write, "grant permission")

        call = partial(self._client.auth.role_grant_permission, role.name, permission)
        plan = access.grant_permission(role, permission)
        return AdminWrite(plan, call, f"{role.name} has a new permission", is_so=is_so, back=back)

    def revoke_permission(self, role: Role, permission: Permission) -> AdminWrite:
        async def is_so() -> bool:
            now = await self._role(role.name)
            return now is not None and access.same_range(now, permission) is None

        async def back() -> AdminWrite:
            now = await self._must_role(role.name)
            return undoing(self.grant_permission(now, permission), "revoke permission")

        call = partial(self._client.auth.role_revoke_permission, role.name, permission.key, permission.range_end)
        plan = access.revoke_permission(role, permission)
        return AdminWrite(plan, call, f"a permission of {role.name} is revoked", is_so=is_so, back=back)

    def enable_auth(self, view: AccessView) -> AdminWrite:
        """Only with a user root whose role is root can the door be closed safely."""
        words = "auth is on: log in with a profile that has a user"
        return AdminWrite(access.auth_enable(view), self._client.auth.enable, words, is_so=partial(self._auth_is, True))

    def disable_auth(self) -> AdminWrite:
        is_so = partial(self._auth_is, False)
        return AdminWrite(access.auth_disable(), self._client.auth.disable, "auth is off", is_so=is_so)

    async def _auth_is(self, wanted: bool) -> bool:
        return await access.auth_is_on(self._client) is wanted


def _with_urls(plan: WritePlan, urls: Sequence[str]) -> WritePlan:
    """The plan, blocked when a server could not take these peer URLs."""
    try:
        checked_urls(urls)
    except ValueError as error:
        return replace(plan, blocked=plan.blocked or str(error))
    return plan
