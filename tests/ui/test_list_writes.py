"""Writes of the list screens: agreed to, permitted, sent, and on record whatever came of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.worker import Worker

from etcdtui.core.plan import WritePlan
from etcdtui.core.types import WriteIntent
from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.services.cluster.lease_plans import grant_plan, revoke_plan
from etcdtui.services.cluster.leases import LeaseRow
from etcdtui.services.session.session import Overrides, Session
from etcdtui.ui.flows.host import FlowHost
from etcdtui.ui.flows.leases import LeaseWriting
from etcdtui.ui.flows.members import MemberWriting
from etcdtui.ui.modals.review import ReviewDialog
from etcdtui.ui.screens.leases.screen import LeasesScreen
from etcdtui.ui.screens.members.screen import MembersScreen
from tests.support import Server, TcpProxy, eventually
from tests.ui.agreeing import agree
from tests.ui.test_shell import profile

Send = Callable[[], Awaitable[str]]


class Desk:
    """A list screen, the lines it put on record and the words it told."""

    def __init__(self, screen: LeasesScreen, pilot: Pilot[None]) -> None:
        self.screen, self.pilot = screen, pilot

    @property
    def results(self) -> list[str]:
        return [record.result for record in self.screen.session.audit.records]

    def told(self, words: str) -> bool:
        return words in self.screen.status_line.render().plain

    async def run(self, plan: WritePlan, send: Send) -> bool:
        flow = LeaseWriting(self.screen, lambda _: self.screen.read_again())
        report = await flow.run(AdminWrite(plan, send, ""), "write", lambda done: str(done.answer), tries=False)
        return report is not None and report.complete

    async def start(self, plan: WritePlan, send: Send) -> Worker[bool]:
        worker = self.screen.run_worker(self.run(plan, send), group="write", exit_on_error=False)
        await eventually(lambda: isinstance(self.pilot.app.screen, ReviewDialog))
        return worker

    async def write(self, plan: WritePlan, send: Send) -> bool:
        worker = await self.start(plan, send)
        await agree(self.pilot)
        return await worker.wait()


@asynccontextmanager
async def desk(endpoint: str, folder: Path, *, dry_run: bool = False) -> AsyncIterator[Desk]:
    wanted = replace(profile("here", "dev", endpoint), command_timeout=2.0)
    session = await Session.open(wanted, Overrides(audit_file=folder / "audit.jsonl", dry_run=dry_run))
    app: App[None] = App()
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            screen = LeasesScreen(session, FlowHost())
            await app.push_screen(screen)
            yield Desk(screen, pilot)
    finally:
        await session.aclose()


async def test_success_refusal_and_failure_are_told_and_on_record(etcd: Server, tmp_path: Path) -> None:
    async with desk(etcd.endpoint, tmp_path) as one:
        lease = one.screen.session.client.lease

        async def grant() -> str:
            return f"granted {(await lease.grant(100)).id:x}"

        async def revoke() -> str:
            await lease.revoke(77)
            return "revoked"

        assert await one.write(grant_plan(100), grant)
        assert one.told("granted ")
        assert not await one.write(grant_plan(100), revoke), "another call than the one that was agreed to"
        assert not await one.write(revoke_plan(LeaseRow(77)), revoke)
        assert one.results[0] == "ok"
        assert one.results[1].startswith("error: ")
        assert one.results[2].startswith("error: ")
        assert not any("may be written" in result for result in one.results)
        assert len(await lease.leases()) == 1
        actions = [record.action for record in one.screen.session.audit.records]
        assert actions == ["lease grant", "lease grant", "lease revoke"]
        lines = (tmp_path / "audit.jsonl").read_text().splitlines()
        assert lines == [record.to_json() for record in one.screen.session.audit.records]


async def test_what_is_not_agreed_to_leaves_no_line(etcd: Server, tmp_path: Path) -> None:
    async with desk(etcd.endpoint, tmp_path) as one:

        async def never() -> str:
            raise AssertionError("it was not agreed to")

        worker = await one.start(grant_plan(100), never)
        await one.pilot.press("escape")
        assert not await worker.wait()
        assert one.results == []


async def test_a_lost_answer_says_that_it_may_be_written(etcd: Server, tmp_path: Path) -> None:
    async with TcpProxy(etcd.endpoint) as proxy, desk(proxy.endpoint, tmp_path) as one:
        lease = one.screen.session.client.lease

        async def grant() -> str:
            proxy.black_hole()
            return f"granted {(await lease.grant(100)).id:x}"

        assert not await one.write(grant_plan(100), grant)
        assert [result[-len(", may be written") :] for result in one.results] == [", may be written"]


async def test_what_a_profile_switch_cuts_short_is_on_record(etcd: Server, tmp_path: Path) -> None:
    async with desk(etcd.endpoint, tmp_path) as one:
        begun = asyncio.Event()

        async def hang() -> str:
            one.screen.session.guard.gate(WriteIntent("Lease/LeaseGrant"))
            begun.set()
            await asyncio.Event().wait()
            return "never"

        worker = await one.start(grant_plan(100), hang)
        await agree(one.pilot)
        await begun.wait()
        worker.cancel()
        await eventually(lambda: one.results == ["UNKNOWN: cut short, may be written"])


async def test_a_dry_run_sends_nothing_and_is_on_record_as_dry(etcd: Server, tmp_path: Path) -> None:
    async with desk(etcd.endpoint, tmp_path, dry_run=True) as one:

        async def never() -> str:
            raise AssertionError("this is a dry run")

        assert not await one.write(grant_plan(100), never)
        assert [(record.result, record.dry) for record in one.screen.session.audit.records] == [("dry: THEN", True)]


async def test_a_second_write_is_refused_while_one_is_open_and_the_first_goes_on(etcd: Server, tmp_path: Path) -> None:
    async with desk(etcd.endpoint, tmp_path) as one:
        go_on = asyncio.Event()
        begun: list[str] = []

        async def slow() -> None:
            async def send() -> str:
                begun.append("first")
                await go_on.wait()
                return f"granted {(await one.screen.session.client.lease.grant(100)).id:x}"

            await one.run(grant_plan(100), send)

        async def second() -> None:
            begun.append("second")

        one.screen.start_write(slow)
        await agree(one.pilot)
        await eventually(lambda: begun == ["first"])
        await one.pilot.press("n")
        await eventually(lambda: one.told("another write is still open"))
        one.screen.start_write(second)
        await one.pilot.pause()
        assert isinstance(one.pilot.app.screen, LeasesScreen)
        go_on.set()
        await eventually(lambda: one.results == ["ok"])
        assert begun == ["first"]
        await eventually(lambda: not one.screen.is_writing())


@pytest.mark.parametrize("name", ["snap.db", "no/such/folder/snap.db"])
async def test_a_snapshot_is_on_record_because_it_holds_every_secret(etcd: Server, tmp_path: Path, name: str) -> None:
    await etcd.put(b"/secret", b"SECRET")
    session = await Session.open(profile("here", "dev", etcd.endpoint), Overrides(audit_file=tmp_path / "audit.jsonl"))
    app: App[None] = App()
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            screen = MembersScreen(session, FlowHost())
            await app.push_screen(screen)
            flow = MemberWriting(screen, lambda _: None, lambda: screen.shown)
            worker = screen.run_worker(flow.snapshot(screen.table.current, str(tmp_path / name)), group="maintenance")
            await eventually(lambda: app.screen is not screen)
            await pilot.press("enter")
            await worker.wait()
            (record,) = session.audit.records
            assert (record.action, record.target.decode()) == ("snapshot save", str(tmp_path / name))
            saved = (tmp_path / name).exists()
            assert record.result.startswith("ok, " if saved else "error: ")
            assert saved == (name == "snap.db")
            assert "SECRET" not in record.to_json()
    finally:
        await session.aclose()
