"""Every action on leases, members, users and roles: facts, confirmation, audit line, way back; etcdctl judges."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from etcdtui.config.secrets import Secret
from etcdtui.core.errors import BadArgument, DeadlineExceeded, LearnerNotReady, UnhealthyCluster, WriteRefused
from etcdtui.core.plan import Fact
from etcdtui.core.types import Permission, PermissionType, WriteIntent
from etcdtui.services.cluster.admin import Admin, AdminWrite
from etcdtui.services.cluster.health import HealthMonitor
from etcdtui.services.cluster.held_leases import HeldLeases
from etcdtui.services.cluster.leases import LeaseBook, LeaseRow
from etcdtui.services.cluster.lockout import Tried
from etcdtui.services.cluster.locks.recognise import recognise
from etcdtui.services.cluster.onboarding import Application, typed_grants
from etcdtui.services.cluster.reads import ClusterReads
from etcdtui.services.cluster.view import ClusterView, MemberRow, view_of
from etcdtui.services.writing.committing import Unknown
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.run import Report, WriteRun
from etcdtui.services.writing.undo import plan_undo
from etcdtui.services.writing.undolog import UNDO
from etcdtui.services.writing.writes import Writes
from tests.conftest import ServerFactory
from tests.services.writing_support import carry_out, writes_on
from tests.support import Server, TcpProxy, eventually

TTL = 500
FactText = tuple[str, str, str, str]


class Desk(NamedTuple):
    """What an action is made with."""

    etcd: Server
    writes: Writes
    admin: Admin
    reads: ClusterReads
    monitor: HealthMonitor

    async def view(self) -> ClusterView:
        """As it is now: a monitor of its own remembers no members."""
        alarms, _ = await self.reads.alarms()
        await self.monitor.poll()
        return view_of(await HealthMonitor(self.writes.client).poll(), alarms)

    async def lease(self, key: str = "/leased") -> LeaseRow:
        """A lease with one key."""
        granted = int((await self.etcd.call("lease/grant", TTL=TTL))["ID"])
        await self.etcd.put(key, "v", lease=granted)
        book = LeaseBook(self.writes.client)
        await book.read([granted])
        return book.rows[granted]

    async def row(self, name: str = "") -> MemberRow:
        rows = (await self.view()).rows
        return next(row for row in rows if name in ("", row.name))


def desk(etcd: Server, writes: Writes) -> Desk:
    monitor = HealthMonitor(writes.client)
    admin = Admin(writes.client, lambda: view_of(monitor.health))
    return Desk(etcd, writes, admin, ClusterReads(writes.client), monitor)


Make = Callable[[Desk], Awaitable[AdminWrite]]
READWRITE = Permission(PermissionType.READWRITE, b"/app/", b"/app0")
READ = Permission(PermissionType.READ, b"/app/", b"/app0")


async def _grant(d: Desk) -> AdminWrite:
    return d.admin.grant(TTL)


async def _keep_alive(d: Desk) -> AdminWrite:
    return d.admin.keep_alive(replace(await d.lease(), ttl=7))


async def _revoke(d: Desk) -> AdminWrite:
    return d.admin.revoke(await d.lease())


async def _defragment(d: Desk) -> AdminWrite:
    return d.admin.defragment(await d.view(), await d.row())


async def _compact(d: Desk) -> AdminWrite:
    revision = await d.etcd.put("/k", "v")
    await d.monitor.poll()
    return d.admin.compact(await d.view(), revision, 0)


async def _disarm(d: Desk) -> AdminWrite:
    await d.etcd.call("maintenance/alarm", action="ACTIVATE", alarm="NOSPACE", memberID=(await d.row()).member.id)
    view = await d.view()
    assert view.alarms is not None
    told = replace(view, rows=tuple(replace(row, quota=2**31) for row in view.rows))  # 3.5 tells it in /metrics only
    return d.admin.clear_alarms(told, view.alarms)


async def _update_member(d: Desk) -> AdminWrite:
    return d.admin.update_member(await d.row(), ("http://127.0.0.1:7",))


async def _add_user(d: Desk) -> AdminWrite:
    return d.admin.add_user("ann", Secret("SECRET1"))


async def _add_user_without_password(d: Desk) -> AdminWrite:
    return d.admin.add_user("ann", None)


async def _delete_user(d: Desk) -> AdminWrite:
    d.etcd.etcdctl("role", "add", "app")
    d.etcd.etcdctl("user", "add", "ann:pw")
    d.etcd.etcdctl("user", "grant-role", "ann", "app")
    view = await d.reads.access()
    return d.admin.delete_user(view.users[0], view)


async def _set_password(d: Desk) -> AdminWrite:
    d.etcd.etcdctl("user", "add", "ann:pw")
    return d.admin.set_password("ann", Secret("SECRET2"))


async def _grant_role(d: Desk) -> AdminWrite:
    d.etcd.etcdctl("role", "add", "app")
    d.etcd.etcdctl("user", "add", "ann:pw")
    return d.admin.grant_role("ann", "app")


async def _revoke_role(d: Desk) -> AdminWrite:
    await _grant_role(d)
    d.etcd.etcdctl("user", "grant-role", "ann", "app")
    return d.admin.revoke_role("ann", "app")


async def _add_role(d: Desk) -> AdminWrite:
    return d.admin.add_role("app")


async def _delete_role(d: Desk) -> AdminWrite:
    d.etcd.etcdctl("role", "add", "app")
    d.etcd.etcdctl("role", "grant-permission", "app", "read", "/x")
    return d.admin.delete_role(await d.reads.role("app"), await d.reads.access())


async def _grant_permission(d: Desk) -> AdminWrite:
    d.etcd.etcdctl("role", "add", "app")
    return d.admin.grant_permission(await d.reads.role("app"), READWRITE)


async def _grant_permission_over_another(d: Desk) -> AdminWrite:
    d.etcd.etcdctl("role", "add", "app")
    d.etcd.etcdctl("role", "grant-permission", "app", "read", "--prefix", "/app/")
    return d.admin.grant_permission(await d.reads.role("app"), READWRITE)


async def _revoke_permission(d: Desk) -> AdminWrite:
    await _grant_permission_over_another(d)
    return d.admin.revoke_permission(await d.reads.role("app"), READ)


def _texts(facts: tuple[Fact, ...]) -> list[FactText]:
    def text(part: str | bytes) -> str:
        return part if isinstance(part, str) else part.decode()

    return [(fact.what, text(fact.name), text(fact.before), text(fact.after)) for fact in facts]


async def _hold(d: Desk) -> AdminWrite:
    return d.admin.hold(await d.lease(), HeldLeases(d.writes.client))


async def _revoke_many(d: Desk) -> AdminWrite:
    return d.admin.revoke_many([await d.lease("/a"), await d.lease("/b")])


async def _break_lock(d: Desk) -> AdminWrite:
    row = await d.lease("/locks/job")
    (lock,) = recognise((await d.writes.client.kv.get("/locks/", prefix=True)).kvs, ["/locks/*"])
    return d.admin.break_lock(lock, lock.queue[0], row)


KINDS: dict[str, tuple[Make, FactText, bool]] = {
    "lease grant": (_grant, ("a new lease", "", "", f"of {TTL} seconds, without keys"), False),
    "lease keep-alive": (_keep_alive, ("lease", "*", "7 s left", f"{TTL} s left"), False),
    "lease revoke": (_revoke, ("its keys", "", "1 key", "deleted with it"), False),
    "lease hold": (_hold, ("lease", "*", "", "renewed for as long as this program runs"), False),
    "lease revoke, several": (_revoke_many, ("their keys", "", "2 keys", "deleted with them"), False),
    "lock break": (_break_lock, ("leader", "/locks/job", "*", "broken"), False),
    "defrag": (_defragment, ("database of", "m1", "*", "*"), False),
    "compact": (_compact, ("compact to", "*", "*", "the last 0 stay"), False),
    "alarm disarm": (_disarm, ("alarm NOSPACE of", "m1", "raised", "cleared"), False),
    "member update": (_update_member, ("peer URLs of", "m1", "*", "http://127.0.0.1:7"), True),
    "user add": (_add_user, ("user", "ann", "", "new, without roles: may do nothing yet"), True),
    "user add, no password": (_add_user_without_password, ("user", "ann", "", "*"), True),
    "user delete": (_delete_user, ("user", "ann", "with roles: app", "deleted"), False),
    "user passwd": (_set_password, ("password of", "ann", "the present one", "the one just typed"), False),
    "grant role": (_grant_role, ("user", "ann", "", "has the role app"), True),
    "revoke role": (_revoke_role, ("user", "ann", "has the role app", "without it"), True),
    "role add": (_add_role, ("role", "app", "", "new, without permissions"), True),
    "role delete": (_delete_role, ("role app: read on one key", "/x", "granted", "revoked"), False),
    "grant permission": (_grant_permission, ("role app: readwrite on prefix", "/app/", "", "granted"), True),
    "grant permission, replaced": (
        _grant_permission_over_another,
        ("role app: prefix", "/app/", "read", "readwrite"),
        True,
    ),
    "revoke permission": (_revoke_permission, ("role app: read on prefix", "/app/", "granted", "revoked"), True),
}
"""How an action is made, a fact of its plan (``*``: anything), and whether there is a way back."""
SAME_AFTERWARDS = frozenset({"lease keep-alive", "lease hold", "defrag", "compact", "user passwd"})
"""What etcdctl's listings do not tell apart."""


def told_by_etcdctl(etcd: Server) -> str:
    """Everything that these actions change, as etcdctl lists it."""
    parts = [etcd.etcdctl(*words.split()) for words in ("lease list", "member list", "alarm list")]
    for kind in ("user", "role"):
        names = etcd.etcdctl(kind, "list").split()
        parts += [f"{kind} {name}\n{etcd.etcdctl(kind, 'get', name)}" for name in names]
    return "\n".join(parts)


def is_there(wanted: FactText, facts: list[FactText]) -> bool:
    return any(all(w in ("*", f) for w, f in zip(wanted, fact, strict=True)) for fact in facts)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_action_is_what_its_plan_says_confirmed_on_record_and_undone_where_it_can_be(
    etcd: Server, tmp_path: Path, kind: str
) -> None:
    make, fact, has_back = KINDS[kind]
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        one = desk(etcd, writes)
        write = await make(one)
        assert is_there(fact, _texts(write.plan.facts)), _texts(write.plan.facts)
        before = told_by_etcdctl(etcd)

        for forged in (Confirmed(write.plan), Confirmed(replace(write.plan))):
            with pytest.raises(WriteRefused):
                await WriteRun(writes, write).send(forged)
        with pytest.raises(WriteRefused, match="without a confirmed plan"):
            await write.send(writes, Report(write.plan), lambda done, total: None)
        assert told_by_etcdctl(etcd) == before
        (tmp_path / "audit.jsonl").unlink(missing_ok=True)

        report = await carry_out(writes, write)
        assert report.complete
        assert (told_by_etcdctl(etcd) == before) is (kind in SAME_AFTERWARDS)
        line = json.loads((tmp_path / "audit.jsonl").read_text())
        assert (line["action"], line["result"]) == (write.plan.action, "ok")
        on_record = [tuple(one.get(n, "") for n in ("what", "name", "before", "after")) for one in line["facts"]]
        assert on_record[: len(write.plan.facts)] == _texts(write.plan.facts)
        assert "SECRET" not in json.dumps(line)

        if not has_back:
            assert list(writes.undo.entries) == []
            return
        assert writes.undo.last() is None, "what concerns no key is undone only by choosing it"
        (entry,) = writes.undo.entries
        undo = await plan_undo(writes, entry)
        assert undo.write is not None and (undo.write.plan.action, undo.write.plan.undo) == (UNDO, "")
        assert (await carry_out(writes, undo.write)).complete
        assert told_by_etcdctl(etcd) == before
        assert (writes.audit.records[-1].undo_of, entry.undone) == (entry.id, True)
        assert len(writes.undo.entries) == 1, "an undo of that kind has no way back of its own"


async def test_the_answer_of_a_grant_and_of_an_add_is_on_record(etcd: Server, tmp_path: Path) -> None:
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        report = await carry_out(writes, await _grant(desk(etcd, writes)))
        (lease,) = etcd.etcdctl("lease", "list").split()[-1:]
        assert _texts(tuple(report.facts)) == [("lease", lease, "", f"granted for {TTL} s")]
        assert writes.audit.records[-1].facts[-1].name.decode() == lease


async def test_leadership_moves_and_is_given_back(cluster3: Server, tmp_path: Path) -> None:
    async with writes_on(",".join(cluster3.endpoints), tmp_path) as writes:
        one = desk(cluster3, writes)
        view = await one.view()
        leader, other = view.leader, next(row for row in view.rows if row is not view.leader)
        assert leader is not None
        write = one.admin.move_leader(view, other)
        assert is_there(("leader", "", leader.name, other.name), _texts(write.plan.facts))
        assert (await carry_out(writes, write)).complete
        assert (await cluster3.leader()).name == other.name
        await eventually(lambda: _leads(one, other.name))
        (entry,) = writes.undo.entries
        undo = await plan_undo(writes, entry)
        assert undo.write is not None
        assert (await carry_out(writes, undo.write)).complete
        assert (await cluster3.leader()).name == leader.name


async def _leads(one: Desk, name: str) -> bool:
    leader = (await one.view()).leader
    return leader is not None and leader.name == name


async def test_a_member_is_added_promoted_and_removed(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    learner = server.cluster.add_member(state="existing")
    async with writes_on(server.endpoint, tmp_path) as writes:
        one = desk(server, writes)
        view = await one.view()
        write = one.admin.add_member(view, "new", (learner.peer_url,))
        assert is_there(("member", "new", "", "a learner"), _texts(write.plan.facts))
        assert is_there(("its peer URLs", "", "", learner.peer_url), _texts(write.plan.facts))
        report = await carry_out(writes, write)
        added = next(row.member for row in (await one.view()).rows if row.member.is_learner)
        assert _texts(tuple(report.facts)) == [("member", "new", "", f"id {added.id:x}")]
        await learner.start()

        async def done(make: Callable[[ClusterView, MemberRow], AdminWrite], *facts: FactText) -> bool:
            view = await one.view()
            write = make(view, next(row for row in view.rows if row.member.id == added.id))
            try:
                report = await carry_out(writes, write)
            except (LearnerNotReady, UnhealthyCluster):  # members have to know each other for some seconds
                return False
            assert all(is_there(fact, _texts(write.plan.facts)) for fact in facts)
            return report.complete

        fact = ("member", "*", "*", "a voting member")
        await eventually(lambda: done(lambda view, row: one.admin.promote(row), fact), timeout=20)
        await writes.client.sync()
        quorum = ("quorum", "", "2 of 2 needed, 2 up: can lose 0 more", "1 of 1 needed, 1 up: can lose 0 more")
        await eventually(lambda: done(one.admin.remove_member, quorum), timeout=20)
        assert learner.peer_url not in server.etcdctl("member", "list")


def tried(report: Report) -> Tried:
    """What came of the login after a change."""
    assert report.complete and isinstance(report.answer, Tried), report.error
    return report.answer


ROOTS_BEFORE = ("nobody", "no password", "another password", "no role", "more roles")


@pytest.mark.matrix
async def test_whatever_was_there_before_root_can_log_in_after_authentication_was_switched_on(
    etcd_server: ServerFactory, tmp_path: Path
) -> None:
    """Also a root that was made without a password, whose password no server takes (seen as a lock-out)."""
    server = await etcd_server()
    server.etcdctl("role", "add", "extra")
    for before in ROOTS_BEFORE:
        if before != "nobody":
            server.etcdctl("user", "add", *(["root:old"] if before != "no password" else ["root", "--no-password"]))
            if before != "no role":
                server.etcdctl("user", "grant-role", "root", "root")
            if before == "more roles":
                server.etcdctl("user", "grant-role", "root", "extra")
        async with writes_on(server.endpoint, tmp_path) as writes:
            one = desk(server, writes)
            view = await one.reads.access()
            assert "nobody could log in" in one.admin.enable_auth(view, None).plan.blocked
            write = one.admin.enable_auth(view, Secret("SECRET9"), ("dev",))
            assert is_there(
                ("authentication", "", "off" if view.enabled is False else "*", "on"), _texts(write.plan.facts)
            )
            report = await carry_out(writes, write)
            assert tried(report).ok, (before, report.answer)
        told = server.etcdctl("--user", "root:SECRET9", "user", "get", "root")
        assert ("extra" in told) is (before == "more roles")
        async with writes_on(server.endpoint, tmp_path, user=("root", "SECRET9")) as writes:
            write = desk(server, writes).admin.disable_auth()
            assert is_there(("authentication", "", "on", "off"), _texts(write.plan.facts))
            assert (await carry_out(writes, write)).complete
        assert server.etcdctl("user", "delete", "root")
    assert "SECRET9" not in (tmp_path / "audit.jsonl").read_text()


@pytest.mark.matrix
async def test_an_application_comes_on_board_and_its_login_is_tried(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    app = Application("shop", "shop", typed_grants("/shop/, r /shared/one"))
    async with writes_on(server.endpoint, tmp_path) as writes:
        one = desk(server, writes)
        off = await carry_out(writes, one.admin.onboard(app, await one.reads.access(), Secret("SECRET8")))
        assert tried(off).off
        on = await carry_out(writes, one.admin.enable_auth(await one.reads.access(), Secret("SECRET9")))
        assert tried(on).ok
    async with writes_on(server.endpoint, tmp_path, user=("root", "SECRET9")) as writes:
        one = desk(server, writes)
        assert "already" in one.admin.onboard(app, await one.reads.access(), Secret("SECRET8")).plan.blocked
        second = Application("till", "shop", typed_grants("w /till/"))
        report = await carry_out(writes, one.admin.onboard(second, await one.reads.access(), Secret("SECRET7")))
        assert tried(report).ok
        passwd = one.admin.set_password("till", Secret("SECRET6"), enabled=True)
        assert tried(await carry_out(writes, passwd)).ok
        server.etcdctl("--user", "root:SECRET9", "user", "add", "cert", "--no-password")
        refused = await carry_out(writes, one.admin.set_password("cert", Secret("SECRET6"), enabled=True))
        assert not tried(refused).ok, "a user made without a password keeps none, whatever was set"
    assert server.etcdctl("--user", "till:SECRET6", "put", "/till/a", "1").strip() == "OK"
    assert not re.search("SECRET[0-9]", (tmp_path / "audit.jsonl").read_text())


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_lost_answer_is_settled_by_looking_whether_it_is_so(
    etcd: Server, tmp_path: Path, arrived: bool
) -> None:
    """What is seen is told as done; what is not seen may still be on its way, and is told as not known."""
    async with TcpProxy(etcd.endpoint) as proxy, writes_on(proxy.endpoint, tmp_path, command_timeout=0.5) as writes:
        writes.resolve_for = 5.0 if arrived else 0.0

        def lose(intent: WriteIntent) -> None:
            if arrived:
                etcd.etcdctl("role", "add", "app")
            proxy.black_hole()
            if arrived:
                asyncio.get_running_loop().call_later(0.6, lambda: asyncio.ensure_future(proxy.heal()))

        writes.guard.hook = lose
        report = await carry_out(writes, desk(etcd, writes).admin.add_role("app"))
        line = json.loads((tmp_path / "audit.jsonl").read_text())
        if arrived:
            assert (report.complete, report.settled, line["result"]) == (True, True, "ok")
        else:
            assert isinstance(report.stopped, Unknown)
            assert line["result"] == f"error: {DeadlineExceeded.title}, may be written"


async def test_a_lost_answer_of_what_cannot_be_looked_at_is_an_error_that_says_maybe(
    etcd: Server, tmp_path: Path
) -> None:
    async with TcpProxy(etcd.endpoint) as proxy, writes_on(proxy.endpoint, tmp_path, command_timeout=0.3) as writes:
        writes.guard.hook = lambda intent: proxy.black_hole()
        with pytest.raises(DeadlineExceeded):
            await carry_out(writes, desk(etcd, writes).admin.grant(TTL))
        assert writes.audit.records[-1].result.endswith("may be written")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda d, row: d.admin.grant(0), "from 1 to 9,000,000,000 seconds"),
        (lambda d, row: d.admin.grant(2**70), "from 1 to 9,000,000,000 seconds"),
        (lambda d, row: d.admin.update_member(row, ("127.0.0.1:2380",)), "scheme"),
        (lambda d, row: d.admin.update_member(row, ()), "at least one peer URL"),
        (lambda d, row: d.admin.promote(row), "only a learner"),
    ],
)
async def test_what_no_server_takes_is_told_before_the_review_and_cannot_be_agreed_to(
    etcd: Server, tmp_path: Path, make: Callable[[Desk, MemberRow], AdminWrite], why: str
) -> None:
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        one = desk(etcd, writes)
        write = make(one, await one.row())
        assert why in write.plan.blocked
        with pytest.raises(WriteRefused):
            await carry_out(writes, write)
        assert list(writes.audit.records) == []


async def test_a_name_that_no_server_takes_is_told_and_nothing_was_sent(etcd: Server, tmp_path: Path) -> None:
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        with pytest.raises(BadArgument):
            await carry_out(writes, desk(etcd, writes).admin.add_role("x" * 100_000))
        assert not writes.audit.records[-1].result.endswith("may be written")


def test_every_action_is_tested_here() -> None:
    made = {name for name, member in vars(Admin).items() if callable(member) and not name.startswith("_")}
    source = Path(__file__).read_text()
    assert [name for name in made if not re.search(rf"admin\.{name}\b", source)] == []
