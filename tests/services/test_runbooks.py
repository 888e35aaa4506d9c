"""Runbooks on real clusters: each plan to its end, stopped by surprises, gone on with after the program was killed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError

import pytest

from etcdtui.core.errors import WriteRefused
from etcdtui.services.cluster.runbooks import builders, upkeep
from etcdtui.services.cluster.runbooks.context import Context
from etcdtui.services.cluster.runbooks.runner import Runner, report_lines
from etcdtui.services.cluster.runbooks.spec import (
    Kind,
    Runbook,
    StepLog,
    StepSpec,
    StepState,
    fresh,
    from_json,
    to_json,
)
from etcdtui.services.cluster.runbooks.store import RunbookBusy, RunbookStore
from etcdtui.services.writing.confirmed import Confirmed
from tests.conftest import ServerFactory
from tests.services.runbook_support import agree, begun, runbooks_on, states, to_the_end, words
from tests.services.writing_support import agreed
from tests.support import Server, eventually, requires_server

QUOTA = 4 * 1024 * 1024


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for longer than its fact takes."""
    monkeypatch.setattr(upkeep, "STEADY_FOR", 0.3)


async def fill(server: Server) -> None:
    """Write until the quota is reached and NOSPACE is raised."""
    value = "v" * 250_000
    with pytest.raises(HTTPError) as refused:
        for number in range(200):
            await server.put(f"/big/{number % 3}", value)
    assert b"space exceeded" in refused.value.read()
    await eventually(lambda: "NOSPACE" in server.etcdctl("alarm", "list"), timeout=20)


@pytest.mark.matrix
async def test_nospace_is_cleared_step_by_step_and_writes_work_again(
    etcd_server: ServerFactory, tmp_path: Path
) -> None:
    server = await etcd_server(size=3, flags=[f"--quota-backend-bytes={QUOTA}"])
    await fill(server)
    quota = None if server.version >= (3, 6) else QUOTA
    async with runbooks_on(server.endpoints, tmp_path, keep=2, quota=quota) as context:
        view = await context.look()
        book = builders.nospace(context, view)
        order = [step.title for step in book.steps if step.action == "defrag"]
        assert len(order) == 3 and "the leader, last" in order[-1]
        runner = await begun(context, book, tmp_path)
        done = await to_the_end(runner)
        assert done.ended == "done" and set(states(done)) == {"done"}, report_lines(done)
        assert "sha256" in words(done)["snapshot"] and "steady" in words(done)["wait"]
        assert list(tmp_path.glob("here-*.db"))
        again = builders.maintenance(context, await context.look()).steps[1]
        assert not Path(again.args["path"]).exists()  # at the same revision too
        record = context.writes.audit.records[-1]
        assert record.action == "plan" and record.result.startswith("done, ") and len(record.facts) == len(book.steps)
        await runner.close()
    assert server.etcdctl("alarm", "list").strip() == ""
    assert server.etcdctl("put", "after", "1").strip() == "OK"
    for member in server.members:
        status = await server.call("maintenance/status", member)
        assert int(status["dbSize"]) < QUOTA / 2
    assert b"/big/0" in server.etcdctl("get", "/big/", "--prefix", "--keys-only").encode()
    assert server.etcdctl("get", "etcdtui-probe-", "--prefix", "--keys-only").strip() == ""


async def test_an_alarm_is_not_cleared_while_a_member_is_too_full(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server(flags=[f"--quota-backend-bytes={QUOTA}"])
    await fill(server)
    async with runbooks_on(server.endpoints, tmp_path, quota=QUOTA) as context:
        step = StepSpec("clear", "clear", "clear the alarms")
        book = builders.nospace(context, await context.look())
        runner = await begun(context, fresh(replace(book, steps=(step,))), tmp_path)
        assert not await runner.go()
        assert states(runner.book) == ["failed"] and "still too full: m1" in words(runner.book)["clear"]
    assert "NOSPACE" in server.etcdctl("alarm", "list")
    async with runbooks_on(server.endpoints, tmp_path) as context:
        # Nobody tells the quota: before 3.6 it is in /metrics only.
        context.doctor.scraper.every = 0
        runner = await begun(context, fresh(replace(book, steps=(step,), id="other")), tmp_path)
        assert not await runner.go()
        assert server.version >= (3, 6) or "not known how full: m1" in words(runner.book)["clear"]


async def test_a_compaction_below_what_is_compacted_is_left_out(etcd: Server, tmp_path: Path) -> None:
    for number in range(30):
        revision = await etcd.put("k", str(number))
    async with runbooks_on(etcd.endpoints, tmp_path, keep=5) as context:
        await context.look()
        etcd.etcdctl("compact", str(revision - 3))
        book = builders.nospace(context, await context.look())
        compact = next(step for step in book.steps if step.action == "compact")
        runner = await begun(context, fresh(replace(book, steps=(compact,))), tmp_path)
        assert await runner.go()
        assert states(runner.book) == ["skipped"] and f"compacted at {revision - 3}" in words(runner.book)["compact"]
        assert await context.compacted() == revision - 3

        again = await begun(context, fresh(replace(book, steps=(compact,), id="edited")), tmp_path)
        await again.edit(keep="1")
        assert again.book.steps[0].title == "compact, keeping the last 1 revisions"
        ahead = await again.ahead()
        assert ahead.heavy and ahead.write is not None  # less than the profile keeps: confirmed by itself
        assert await again.go(agreed(context.writes.guard, ahead.write.plan)) and states(again.book) == ["done"]
        assert await context.compacted() == revision - 1


@pytest.mark.matrix
async def test_rolling_maintenance_moves_the_leader_before_its_turn(cluster3: Server, tmp_path: Path) -> None:
    for number in range(20):
        await cluster3.put(f"k{number}", "v" * 1000)
    leader = (await cluster3.leader()).name
    async with runbooks_on(cluster3.endpoints, tmp_path) as context:
        book = builders.maintenance(context, await context.look(), pause=1)
        assert [step.action for step in book.steps] == [
            "healthy", "snapshot", "defrag", "pause", "defrag", "pause", "move-leader", "defrag",
        ]  # fmt: skip
        assert book.steps[-1].title == f"defragment {leader}"
        runner = await begun(context, book, tmp_path)
        done = await to_the_end(runner)
        assert done.ended == "done" and set(states(done)) == {"done"}, report_lines(done)
    assert (await cluster3.leader()).name != leader


async def test_a_plan_stops_at_the_first_surprise(cluster3: Server, tmp_path: Path) -> None:
    async with runbooks_on(cluster3.endpoints, tmp_path) as context:
        await eventually(lambda: _all_well(context), timeout=20)
        book = builders.maintenance(context, await context.look(), pause=0)
        runner = await begun(context, book, tmp_path)
        assert await runner.go() and await runner.go(), report_lines(runner.book)
        first = book.steps[2]
        victim = next(m for m in cluster3.members if m.name not in first.title)
        await victim.kill()
        await eventually(lambda: _is_down(context, victim.name), timeout=10)
        assert not await runner.go()
        assert states(runner.book)[:3] == ["done", "done", "failed"]
        assert f"{victim.name} is down" in runner.book.logs[2].words
        await victim.restart()
        await eventually(lambda: _all_well(context), timeout=20)
        assert await runner.go() and states(runner.book)[2] == "done"
        await runner.stop()
        assert runner.book.ended == "stopped by you" and not await runner.go()
        assert context.writes.audit.records[-1].result == "stopped by you after 3 of 6 steps"


async def _is_down(context: Context, name: str) -> bool:
    view = await context.look()
    return any(row.name == name and row.state == "DOWN" for row in view.rows)


async def _all_well(context: Context) -> bool:
    view = await context.look()
    return all(row.state == "ok" and row.lag is not None and row.lag < 5 for row in view.rows)


@pytest.mark.matrix
async def test_a_dead_member_is_replaced_with_quorum_kept(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server(size=3)
    dead = server.members[2]
    await dead.kill()
    joining = server.cluster.add_member(state="existing")
    alive = [member.endpoint for member in server.members[:2]]
    async with runbooks_on([*alive, dead.endpoint], tmp_path) as context:
        await eventually(lambda: _is_down(context, "m3"), timeout=10)
        view = await context.look()
        row = next(row for row in view.rows if row.name == "m3")
        book = builders.replace_member(context, view, row, joining.name, (joining.peer_url,))
        assert [step.action for step in book.steps] == ["snapshot", "remove", "add", "wait-joined", "promote"]
        runner = await begun(context, book, tmp_path)
        await runner.skip()
        ahead = await runner.ahead()
        assert ahead.heavy and ahead.write is not None and "NO QUORUM" not in str(ahead.facts)
        assert not await runner.go()  # removing a member is confirmed by itself
        assert await runner.go(agreed(context.writes.guard, ahead.write.plan))
        server.members.remove(dead)
        await eventually(runner.go, timeout=15)  # etcd wants its members connected for some seconds
        assert f'ETCD_NAME="{joining.name}"' in runner.book.notes and len(runner.book.notes) == 4
        joining.launch()
        assert await runner.go() and "has caught up" in words(runner.book)["join"]
        assert await runner.go()
        assert runner.book.ended == "done", report_lines(runner.book)
        assert any(b"ETCD_INITIAL_CLUSTER=" in fact.after for fact in context.writes.audit.records[-1].facts)
    listed = json.loads(server.etcdctl("member", "list", "-w", "json"))["members"]
    assert sorted(one["name"] for one in listed) == ["m1", "m2", joining.name]
    assert not any(one.get("isLearner") for one in listed)


async def test_the_only_way_to_lose_quorum_is_blocked(cluster3: Server, tmp_path: Path) -> None:
    async with runbooks_on(cluster3.endpoints, tmp_path) as context:
        await cluster3.members[2].kill()
        await eventually(lambda: _is_down(context, "m3"), timeout=10)
        view = await context.look()
        healthy = next(row for row in view.rows if row.name == "m2")
        book = builders.replace_member(context, view, healthy, "m9", ("http://127.0.0.1:1",))
        remove = next(step for step in book.steps if step.action == "remove")
        runner = await begun(context, fresh(replace(book, steps=(remove,))), tmp_path)
        ahead = await runner.ahead()
        assert "no quorum" in ahead.why_not and not await runner.go()


async def test_without_a_majority_the_ways_out_are_told_and_a_snapshot_is_taken(
    cluster3: Server, tmp_path: Path
) -> None:
    await cluster3.put("k", "v")
    async with runbooks_on(cluster3.endpoints, tmp_path) as context:
        await cluster3.members[0].kill()
        await cluster3.members[1].kill()
        await eventually(lambda: _leaderless(context), timeout=15)
        book = builders.quorum_lost(context, await context.look())
        assert [step.action for step in book.steps] == ["advice", "snapshot", "advice", "advice"]
        runner = Runner(context, RunbookStore(tmp_path), book, lambda _: None)
        await runner.open()
        assert "NO QUORUM: 2 of 3 needed, 1 up" in book.steps[0].args["text"]
        done = await to_the_end(runner)
        assert done.ended == "done", report_lines(done)
        restore = book.steps[-1].args["lines"]
        for member in cluster3.members:
            assert f"--name {member.name}" in restore and f"{member.name}={member.peer_url}" in restore
        saved = next(tmp_path.glob("here-m3-*.db"))
        assert saved.name in restore and saved.stat().st_mode & 0o777 == 0o600


async def _leaderless(context: Context) -> bool:
    view = await context.look()
    return all(not row.status.leader for row in view.rows if row.status is not None) and view.quorum.lost


async def test_the_leadership_goes_where_there_are_reasons_for_it(cluster3: Server, tmp_path: Path) -> None:
    async with runbooks_on(cluster3.endpoints, tmp_path) as context:
        await context.look()
        await context.doctor.look(fresh=True)
        assert context.doctor.inputs is not None
        book = builders.slow_leader(context, await context.look(), context.doctor.inputs.looks)
        runner = await begun(context, book, tmp_path)
        done = await to_the_end(runner)
        assert set(states(done)) == {"done"}
        assert "(0 behind, " in book.steps[-1].title and ", answers in " in book.steps[-1].title
        leader = await cluster3.leader()
        assert f"{leader.name} leads now; all members name it" in words(done)["move"]


async def test_hashes_are_compared_with_everybody_counted(cluster3: Server, tmp_path: Path) -> None:
    await cluster3.put("k", "v")
    async with runbooks_on(cluster3.endpoints, tmp_path) as context:
        runner = await begun(context, builders.hash_check(context, await context.look()), tmp_path)
        assert "equal on 3 of 3" in words(await to_the_end(runner))["hashes"]
        corrupt = builders.hash_check(context, await context.look(), corrupt=True)
        assert [step.action for step in corrupt.steps] == ["hashes", "snapshot", "snapshot", "snapshot", "advice"]
        assert "Do not clear the alarm" in corrupt.steps[-1].args["text"]


@pytest.mark.matrix
@requires_server(">=3.6")
async def test_a_downgrade_is_validated_enabled_and_cancelled(etcd_server: ServerFactory, tmp_path: Path) -> None:
    server = await etcd_server()
    async with runbooks_on(server.endpoints, tmp_path) as context:
        book = builders.downgrade(context, await context.look())
        book = replace(book, steps=tuple(step for step in book.steps if step.action != "restart"))
        done = await to_the_end(await begun(context, fresh(book), tmp_path))
        assert done.ended == "done", report_lines(done)
        back = builders.downgrade(context, await context.look())
        assert [step.action for step in back.steps] == ["downgrade-cancel"]
        done = await to_the_end(await begun(context, back, tmp_path))
        assert done.ended == "done" and "all members say so" in words(done)["cancel"]


async def test_an_upgrade_check_tells_order_and_what_stands_against_it(cluster3: Server, tmp_path: Path) -> None:
    async with runbooks_on(cluster3.endpoints, tmp_path) as context:
        view = await context.look()
        book = builders.upgrade(context, view, None)
        major, minor, _ = cluster3.version
        leader = (await cluster3.leader()).name
        assert book.title == f"upgrade to {major}.{minor + 1}" and book.steps[0].title.endswith("can begin")
        assert f"{leader} (the leader last)" in book.steps[0].args["text"]
        assert [step.title.split()[-1] for step in book.steps if step.action == "restart"][-1] == leader
        done = builders.restart(context, view, version=f"{major}.{minor}")  # by those that run it already
        assert [step.action for step in done.steps] == ["healthy", "snapshot"]
        await cluster3.members[0].kill()
        await eventually(lambda: _is_down(context, "m1"), timeout=10)
        book = builders.upgrade(context, await context.look(), None)
        assert len(book.steps) == 1 and "m1 is down" in book.steps[0].args["text"]


async def test_a_person_restarts_a_member_while_the_plan_watches(cluster3: Server, tmp_path: Path) -> None:
    async with runbooks_on(cluster3.endpoints, tmp_path) as context:
        book = builders.restart(context, await context.look())
        step = next(step for step in book.steps if step.action == "restart")
        member = next(m for m in cluster3.members if step.title.endswith(m.name))
        told: list[str] = []
        runner = await begun(context, fresh(replace(book, steps=(step,))), tmp_path, told)

        def said(words: str) -> bool:
            return any(words in line for line in told)

        async def restart() -> None:
            await eventually(lambda: said("waiting for its restart"), timeout=20)
            await member.kill()
            await eventually(lambda: said("it is away"), timeout=20)
            member.launch()
            await eventually(lambda: said("healthy"), timeout=30)

        done, _ = await asyncio.gather(runner.go(), restart())
        assert done and "is healthy" in runner.book.logs[0].words


# --- after SIGKILL ----------------------------------------------------------------------------------------


async def _killed(context: Context, folder: Path, step: StepSpec, *, args: dict[str, str] | None = None) -> Runner:
    """A runbook of one step whose file says that it ran when the program was killed."""
    view = await context.look()
    book = builders.nospace(context, view)
    step = replace(step, args={**step.args, **(args or {})})
    book = fresh(replace(book, steps=(step,), id=f"cut-{step.action}"))
    RunbookStore(folder).save(book.with_log(0, StepLog(StepState.RUNNING, 1.0, 0.0, ("before",))))
    loaded = RunbookStore(folder).load(book.id)
    assert loaded is not None
    runner = Runner(context, RunbookStore(folder), loaded, lambda _: None)
    await runner.open()
    return runner


async def test_a_killed_program_finds_out_what_was_done(etcd: Server, tmp_path: Path) -> None:
    for number in range(20):
        revision = await etcd.put("k", str(number))
    async with runbooks_on(etcd.endpoints, tmp_path, keep=5) as context:
        member = (await context.look()).rows[0].member.id
        compact = StepSpec("compact", "compact", "compact", 0, {"keep": "5"})
        cut = await _killed(context, tmp_path, compact, args={"revision": str(revision - 5)})
        assert states(cut.book) == ["todo"] and "it is not done" in cut.book.logs[0].words
        agree(cut)
        assert await cut.go() and cut.book.ended == "done"
        await cut.close()
        done = await _killed(context, tmp_path, replace(compact, id="c2"), args={"revision": str(revision - 5)})
        assert states(done.book) == ["done"] and "seen to be done" in done.book.logs[0].words
        await done.close()

        defrag = StepSpec("defrag", "defrag", "defragment", member)
        unsure = await _killed(context, tmp_path, defrag, args={"before": "1"})
        assert states(unsure.book) == ["unknown"] and "do it again, or leave it out" in unsure.book.logs[0].words
        agree(unsure)
        assert await unsure.go() and states(unsure.book) == ["done"]
        await unsure.close()
        smaller = await _killed(context, tmp_path, replace(defrag, action="defrag"), args={"before": str(10**12)})
        assert states(smaller.book) == ["done"]

        clear = await _killed(context, tmp_path, StepSpec("clear", "clear", "clear"))
        assert states(clear.book) == ["done"]


async def test_a_plan_is_run_by_one_program_at_a_time(etcd: Server, tmp_path: Path) -> None:
    async with runbooks_on(etcd.endpoints, tmp_path) as context:
        book = builders.nospace(context, await context.look())
        first = await begun(context, book, tmp_path)
        second = Runner(context, RunbookStore(tmp_path), book, lambda _: None)
        with pytest.raises(RunbookBusy):
            await second.open()
        await first.close()
        store = RunbookStore(tmp_path)
        assert not store.listed("here", book.cluster_id)  # nothing of it was done: it is forgotten
        await second.open()
        assert await second.skip()
        await second.close()
        assert [known.id for known in store.listed("here", book.cluster_id, open_only=True)] == [book.id]


async def test_another_cluster_is_a_surprise(etcd: Server, tmp_path: Path) -> None:
    async with runbooks_on(etcd.endpoints, tmp_path) as context:
        book = replace(builders.nospace(context, await context.look()), cluster_id=5)
        runner = await begun(context, book, tmp_path)
        assert (await runner.ahead()).why_not == "another cluster answers at these endpoints"
        assert not await runner.go()


async def test_nothing_runs_without_the_course_and_nothing_heavier_than_it(etcd: Server, tmp_path: Path) -> None:
    async with runbooks_on(etcd.endpoints, tmp_path) as context:
        book = builders.nospace(context, await context.look())
        runner = Runner(context, RunbookStore(tmp_path), book, lambda _: None)
        await runner.open()
        await runner.skip()
        for _ in range(3):
            await etcd.put("k", "v")
        await runner.edit(keep="1")
        assert not await runner.go() and "not confirmed" in runner.book.logs[1].words
        guard = context.writes.guard
        course = agreed(guard, runner.course_plan())
        guard.begin_course(course)
        removing = context.admin.remove_member(context.doctor.view, context.doctor.view.rows[0]).plan
        with pytest.raises(WriteRefused):
            guard.confirm_step(course, replace(removing, blocked=""))
        guard.lock()
        with pytest.raises(WriteRefused, match="READ-ONLY"):
            guard.confirm_step(course, replace(removing, blocked=""))
        with pytest.raises(WriteRefused, match="was not confirmed"):
            guard.confirm_step(Confirmed(runner.course_plan()), removing)


def test_a_runbook_survives_the_way_to_disk_and_back() -> None:
    steps = (StepSpec("a", "defrag", "defragment m1 \x1b[31m", 2**64 - 1, {"before": "5"}), StepSpec("b", "x", "t"))
    book = Runbook("id-1", Kind.NOSPACE, "title", "prod é", 2**64 - 1, 12.5, steps, members=(1, 2**63), notes=("n",))
    book = fresh(book).with_log(0, StepLog(StepState.DONE, 1.0, 2.0, ("a",), ("b",), "w"))
    assert from_json(to_json(book).encode()) == book
    for broken in (
        b"",
        b"[]",
        b"{}",
        to_json(book).encode()[:-20],
        to_json(book).replace('"done"', '"odd"', 1).encode(),
    ):
        assert from_json(broken) is None
