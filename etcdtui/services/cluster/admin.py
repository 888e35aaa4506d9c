"""Every action on leases, members, upkeep, users and roles: its plan as facts, its sending, its way back.

Etcd has no compare-and-swap for these. So a lost answer is settled by looking whether it is so now, and a way back is
planned by what is there then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from etcdtui.client import Client
from etcdtui.client.cluster import checked_urls
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import Compacted, EtcdError, LeaseNotFound, WriteRefused
from etcdtui.core.plan import Fact, WritePlan
from etcdtui.core.types import Alarm, AlarmType, Lease, Member, Members, Permission, Role, User
from etcdtui.services.cluster import access, access_plans, lease_plans, lockout, members, onboarding
from etcdtui.services.cluster.access import AccessView, read_access
from etcdtui.services.cluster.held_leases import HeldLeases
from etcdtui.services.cluster.leases import LeaseRow, lease_hex
from etcdtui.services.cluster.lockout import Tried
from etcdtui.services.cluster.locks.plans import break_plan
from etcdtui.services.cluster.locks.recognise import Contender, Lock
from etcdtui.services.cluster.onboarding import Application
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

    def grant(self, ttl: int, lease: int = 0) -> AdminWrite:
        """``lease`` is the ID wanted, 0 for any."""

        def told(lease: Lease) -> list[Fact]:
            return [Fact("lease", lease_hex(lease.id).encode(), "", f"granted for {lease.ttl} s")]

        plan = lease_plans.grant_plan(ttl, lease)
        return AdminWrite(plan, lambda: self._client.lease.grant(ttl, id=lease), "lease granted", told=told)

    def hold(self, row: LeaseRow, held: HeldLeases) -> AdminWrite:
        """Renew a lease for as long as the program runs."""

        async def call() -> None:
            await held.hold(row.id)

        return AdminWrite(lease_plans.hold_plan(row), call, f"lease {lease_hex(row.id)} is held alive")

    def revoke_many(self, rows: Sequence[LeaseRow]) -> AdminWrite:
        """Several leases with their keys, one after the other; what is gone meanwhile is passed over."""

        async def call() -> int:
            for row in rows:
                with contextlib.suppress(LeaseNotFound):
                    await self._client.lease.revoke(row.id)
            return len(rows)

        async def is_so() -> bool:
            return all([(await self._client.lease.time_to_live(row.id)).ttl < 0 for row in rows])

        plan = lease_plans.revoke_many_plan(rows, namespace=self._client.options.namespace)
        return AdminWrite(
            plan, call, f"{len(rows)} leases revoked, {len(plan.keys)} keys deleted with them", is_so=is_so
        )

    def keep_alive(self, row: LeaseRow) -> AdminWrite:
        def told(ttl: int) -> list[Fact]:
            return [Fact("lease", lease_hex(row.id).encode(), "", f"{ttl} s left")]

        words = f"lease {lease_hex(row.id)} renewed"
        call = partial(self._client.lease.keep_alive_once, row.id)
        return AdminWrite(lease_plans.keep_alive_plan(row), call, words, told=told)

    def revoke(self, row: LeaseRow) -> AdminWrite:
        async def is_so() -> bool:
            return (await self._client.lease.time_to_live(row.id)).ttl < 0

        words = f"lease {lease_hex(row.id)} revoked, {len(row.keys or ())} keys deleted with it"
        return AdminWrite(
            lease_plans.revoke_plan(row, namespace=self._client.options.namespace),
            partial(self._client.lease.revoke, row.id),
            words,
            is_so=is_so,
        )

    def break_lock(self, lock: Lock, contender: Contender, row: LeaseRow) -> AdminWrite:
        """End the lease of one key of a lock's queue; whoever comes next gets it."""
        write = self.revoke(row)
        write.plan = break_plan(lock, contender, row, namespace=self._client.options.namespace)
        write.done = f"lease {lease_hex(row.id)} revoked: {len(row.keys or ())} keys deleted with it"
        return write

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

        plan = access_plans.user_add(name, no_password=password is None)
        call = partial(self._client.auth.user_add, name, password.reveal() if password is not None else None)
        return AdminWrite(plan, call, f"user {name} added", is_so=is_so, back=back)

    def onboard(self, app: Application, view: AccessView, password: Secret) -> AdminWrite:
        """Role, grants and user of an application; the answer is the ``Tried`` of a login as that user."""
        call = partial(onboarding.carry_out, self._client, app, view, password)
        words = f"{app.user} is on board"
        return AdminWrite(onboarding.plan(app, view), call, words, told=_login_fact(app.user))

    def delete_user(self, user: User, view: AccessView) -> AdminWrite:
        async def is_so() -> bool:
            return await self._user(user.name) is None

        plan = access_plans.user_delete(user, view, self._me)
        call = partial(self._client.auth.user_delete, user.name)
        return AdminWrite(plan, call, f"user {user.name} deleted", is_so=is_so)

    def set_password(self, name: str, password: Secret, *, enabled: bool | None = None) -> AdminWrite:
        """Where authentication is on, the password is tried by logging in with it: the answer is a ``Tried``."""

        async def call() -> Tried:
            await self._client.auth.user_change_password(name, password.reveal())
            return await lockout.log_in(self._client, name, password)

        plan = access_plans.user_password(name, enabled=enabled)
        return AdminWrite(plan, call, f"the password of {name} is changed", told=_login_fact(name))

    def grant_role(self, user: str, role: str) -> AdminWrite:
        async def is_so() -> bool:
            now = await self._user(user)
            return now is not None and role in now.roles

        async def back() -> AdminWrite:
            return undoing(self.revoke_role(user, role, await self._access()), "grant role")

        call = partial(self._client.auth.user_grant_role, user, role)
        return AdminWrite(
            access_plans.grant_role(user, role), call, f"{user} has the role {role}", is_so=is_so, back=back
        )

    def revoke_role(self, user: str, role: str, view: AccessView | None = None) -> AdminWrite:
        async def is_so() -> bool:
            now = await self._user(user)
            return now is not None and role not in now.roles

        async def back() -> AdminWrite:
            return undoing(self.grant_role(user, role), "revoke role")

        call = partial(self._client.auth.user_revoke_role, user, role)
        plan = access_plans.revoke_role(user, role, view, self._me)
        return AdminWrite(plan, call, f"{user} lost the role {role}", is_so=is_so, back=back)

    def add_role(self, name: str) -> AdminWrite:
        async def is_so() -> bool:
            return await self._role(name) is not None

        async def back() -> AdminWrite:
            return undoing(self.delete_role(await self._must_role(name), await self._access()), "role add")

        call = partial(self._client.auth.role_add, name)
        return AdminWrite(access_plans.role_add(name), call, f"role {name} added", is_so=is_so, back=back)

    def delete_role(self, role: Role, view: AccessView) -> AdminWrite:
        async def is_so() -> bool:
            return await self._role(role.name) is None

        call = partial(self._client.auth.role_delete, role.name)
        return AdminWrite(access_plans.role_delete(role, view), call, f"role {role.name} deleted", is_so=is_so)

    def grant_permission(self, role: Role, permission: Permission, view: AccessView | None = None) -> AdminWrite:
        """A grant on a range that the role has a grant on already replaces it."""
        old = access_plans.same_range(role, permission)

        async def is_so() -> bool:
            now = await self._role(role.name)
            return now is not None and permission in now.permissions

        async def back() -> AdminWrite:
            now = await self._must_role(role.name)
            write = self.grant_permission(now, old) if old is not None else self.revoke_permission(now, permission)
            return undoing(write, "grant permission")

        call = partial(self._client.auth.role_grant_permission, role.name, permission)
        plan = access_plans.grant_permission(role, permission, view)
        words = f"{role.name} has a new permission"
        if old is not None:
            words = f"{role.name}: {old.type.name.lower()} -> {permission.type.name.lower()}"
        return AdminWrite(plan, call, words, is_so=is_so, back=back)

    def revoke_permission(self, role: Role, permission: Permission, view: AccessView | None = None) -> AdminWrite:
        async def is_so() -> bool:
            now = await self._role(role.name)
            return now is not None and access_plans.same_range(now, permission) is None

        async def back() -> AdminWrite:
            now = await self._must_role(role.name)
            return undoing(self.grant_permission(now, permission), "revoke permission")

        call = partial(self._client.auth.role_revoke_permission, role.name, permission.key, permission.range_end)
        plan = access_plans.revoke_permission(role, permission, view)
        return AdminWrite(plan, call, f"a permission of {role.name} is revoked", is_so=is_so, back=back)

    def enable_auth(self, view: AccessView, password: Secret | None, strangers: Sequence[str] = ()) -> AdminWrite:
        """Root gets the ``password`` and is logged in with it afterwards: the answer is a ``Tried``.

        Without a password it is only possible where the client certificate is root's. ``strangers`` are profiles
        without a user.
        """
        certificate = lockout.certificate_user(self._client.options)
        plan = access_plans.auth_enable(
            view, password=password is not None, certificate=certificate, strangers=strangers
        )
        call = partial(lockout.enable, self._client, view.user(access.ROOT), password)
        return AdminWrite(plan, call, "auth is on", is_so=partial(self._auth_is, True), told=_login_fact(access.ROOT))

    def disable_auth(self) -> AdminWrite:
        is_so = partial(self._auth_is, False)
        return AdminWrite(access_plans.auth_disable(), self._client.auth.disable, "auth is off", is_so=is_so)

    async def _auth_is(self, wanted: bool) -> bool:
        return await access.auth_is_on(self._client) is wanted


def _login_fact(user: str) -> Callable[[Any], Sequence[Fact]]:
    """What came of trying a login, for the record."""

    def told(tried: Tried) -> Sequence[Fact]:
        return [Fact("login of", user.encode(), "", "works" if tried.ok else tried.words)]

    return told


def _with_urls(plan: WritePlan, urls: Sequence[str]) -> WritePlan:
    """The plan, blocked when a server could not take these peer URLs."""
    try:
        checked_urls(urls)
    except ValueError as error:
        return replace(plan, blocked=plan.blocked or str(error))
    return plan
