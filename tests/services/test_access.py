"""Effective rights and can-I, checked against what a real server allows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etcdtui.client import ClientOptions, connect
from etcdtui.core import ranges
from etcdtui.core.errors import PermissionDenied
from etcdtui.core.types import Permission, PermissionType, Role, User
from etcdtui.services.cluster import access, access_plans
from etcdtui.services.cluster.access import AccessView
from tests.conftest import ServerFactory

R, W, RW = PermissionType.READ, PermissionType.WRITE, PermissionType.READWRITE
APP = Role("app", (Permission(RW, b"/app/", b"/app0"), Permission(R, b"/one")))
HALF = Role("half", (Permission(R, b"a", b"b"),))
OTHER = Role("other", (Permission(R, b"b", b"c"),))
VIEW = AccessView(True, 1, (User("bob", ("app",)), User("two", ("half", "other"))), (APP, HALF, OTHER))


def test_a_prefix_grant_covers_what_lies_below_and_nothing_beside() -> None:
    bob = VIEW.users[0]
    assert access.can(bob, VIEW, ranges.prefix_range(b"/app/x"), write=True).allowed
    assert not access.can(bob, VIEW, (b"/app", b""), write=False).allowed
    assert not access.can(bob, VIEW, ranges.prefix_range(b"/"), write=False).allowed
    assert access.can(bob, VIEW, (b"/one", b""), write=False).allowed
    assert not access.can(bob, VIEW, (b"/one", b""), write=True).allowed


def test_two_roles_together_cover_a_range_that_neither_covers() -> None:
    answer = access.can(VIEW.users[1], VIEW, (b"a", b"c"), write=False)
    assert answer.allowed
    assert "together" in answer.because
    rows = access.effective(VIEW.users[1], VIEW)
    assert [(row.key, row.range_end, row.roles) for row in rows] == [(b"a", b"c", ("half", "other"))]


def test_the_role_root_is_everything() -> None:
    assert access.can(User("x", ("root",)), VIEW, ranges.ALL, write=True).allowed


def test_a_prefix_without_separator_is_warned_about() -> None:
    assert access.grant_warnings(b"/app", b"/apq")
    assert not access.grant_warnings(b"/app/", b"/app0")
    assert access.range_kind(b"\0", b"\0") == "everything"
    assert access.range_kind(b"/a", b"/m") == "range"


def test_commands_are_those_of_etcdctl() -> None:
    grant = access_plans.grant_permission(Role("app"), Permission(RW, b"/app/", b"/app0"))
    assert grant.etcdctl == "etcdctl role grant-permission --prefix app readwrite /app/"
    odd = access_plans.revoke_permission(Role("r{}"), Permission(R, b"/{a}", b"/b c"))
    assert "{}" in odd.etcdctl and "'/b c'" in odd.etcdctl


def test_enabling_without_anything_that_proves_root_is_blocked_with_the_reason() -> None:
    root = AccessView(False, 1, (User("root", ("root",)),))
    assert "nobody could log in" in access_plans.auth_enable(root, password=False).blocked
    assert "nobody could log in" in access_plans.auth_enable(root, password=False, certificate="bob").blocked
    assert not access_plans.auth_enable(root, password=False, certificate="root").blocked
    no_role = AccessView(False, 1, (User("root"),))
    assert "does not have the role" in access_plans.auth_enable(no_role, password=False, certificate="root").blocked
    assert "no user root" in access_plans.auth_enable(AccessView(False), password=False, certificate="root").blocked
    plan = access_plans.auth_enable(AccessView(False), password=True, strangers=("dev", "ci"))
    assert not plan.blocked and any("dev, ci" in str(line.parts) for line in plan.lines)


def test_a_grant_that_replaces_a_wider_one_says_what_is_lost_and_for_whom() -> None:
    plan = access_plans.grant_permission(APP, Permission(R, b"/app/", b"/app0"), VIEW)
    assert (plan.facts[0].before, plan.facts[0].after) == ("readwrite", "read")
    assert "write is lost there for bob" in str(plan.lines[0].parts)
    inside = access_plans.grant_permission(APP, Permission(R, b"/app/x/", b"/app/x0"))
    assert "it adds nothing" in str(inside.lines[0].parts)
    assert "empty" in access_plans.grant_permission(APP, Permission(R, b"b", b"a")).blocked


def test_who_takes_the_last_root_away_or_the_own_user_is_warned() -> None:
    view = AccessView(False, 1, (User("me", ("root",)), User("bob", ("app",))))
    told = str(access_plans.revoke_role("me", "root", view, "me").lines)
    assert "last user with the role root" in told and "logged in as" in told
    on = AccessView(True, 1, (User("root", ("root",)), User("me", ("root",))))
    assert access_plans.revoke_role("root", "root", on).blocked
    assert not access_plans.revoke_role("bob", "app", view, "me").lines


def test_keys_are_coloured_by_what_a_user_may_do_with_all_of_them() -> None:
    rights = access.rights_of(VIEW.users[0], VIEW)
    words = [rights.word(wanted) for wanted in (
        ranges.prefix_range(b"/app/x/"), (b"/one", b""), ranges.prefix_range(b"/"), (b"/two", b""),
    )]  # fmt: skip
    assert words == ["write", "read", "part", "none"]
    inside = access.rights_of(VIEW.users[0], VIEW, b"/app/")
    assert inside.word((b"x", b"")) == "write" and inside.word(ranges.ALL) == "write"


key = st.binary(min_size=1, max_size=3)
grant = st.builds(Permission, st.sampled_from(list(PermissionType)), key, st.one_of(st.just(b""), st.just(b"\0"), key))


@given(st.lists(grant, max_size=6), key)
def test_a_single_key_is_allowed_exactly_when_some_grant_holds_it(grants: list[Permission], wanted: bytes) -> None:
    view = AccessView(True, 1, (User("u", ("r",)),), (Role("r", tuple(grants)),))
    expected = any(
        p.type in (R, RW) and not ranges.is_empty(p.key, p.range_end) and ranges.holds((p.key, p.range_end), wanted)
        for p in grants
    )
    assert access.can(view.users[0], view, (wanted, b""), write=False).allowed is expected


async def test_can_i_says_what_the_server_does(etcd_server: ServerFactory) -> None:
    server = await etcd_server()
    async with connect(ClientOptions(endpoints=(server.endpoint,))) as anonymous:
        auth = anonymous.auth
        await auth.user_add("root", "r")
        await auth.role_add("root")
        await auth.user_grant_role("root", "root")
        await auth.role_add("app")
        for permission in APP.permissions:
            await auth.role_grant_permission("app", permission)
        await auth.user_add("bob", "b")
        await auth.user_grant_role("bob", "app")
        await auth.enable()
    async with connect(ClientOptions(endpoints=(server.endpoint,), username="root", password="r")) as root:
        view = await access.read_access(root, "root")
    assert view.enabled and {user.name for user in view.users} == {"root", "bob"}
    bob_user = view.user("bob")
    assert bob_user is not None
    async with connect(ClientOptions(endpoints=(server.endpoint,), username="bob", password="b")) as bob:
        own = await access.read_access(bob, "bob")
        assert [user.name for user in own.users] == ["bob"]
        assert own.limited
        wanted: list[tuple[bytes, bytes]] = [
            (b"/app/x", b""),
            (b"/app", b""),
            (b"/one", b""),
            (b"/two", b""),
            ranges.prefix_range(b"/app/"),
            ranges.prefix_range(b"/"),
            (b"/app/", b"\0"),
        ]
        for key_, end in wanted:
            said = access.can(bob_user, view, (key_, end), write=False).allowed
            assert said == access.can(own.users[0], own, (key_, end), write=False).allowed
            try:
                await bob.kv.get(key_, range_end=end or None)
            except PermissionDenied:
                assert not said, (key_, end)
            else:
                assert said, (key_, end)


def test_a_plan_names_who_uses_a_role() -> None:
    plan = access_plans.role_delete(APP, VIEW)
    assert b"bob" in [fact.name for fact in plan.facts if fact.what == "user"]
    assert not access.overlaps(APP)
    assert access.overlaps(Role("r", (Permission(R, b"a", b"c"), Permission(W, b"b"))))
