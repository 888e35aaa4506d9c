"""The audit file: private, whole lines, hashes and never values."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdtui.core.errors import LeaseNotFound, WriteRefused
from etcdtui.core.steps import Step
from etcdtui.core.txn_text import parse_txn
from etcdtui.core.types import WriteIntent
from etcdtui.services.writing import deleting
from etcdtui.services.writing.audit import MEMORY_LIMIT, Audit, append_line, from_json
from etcdtui.services.writing.committing import Refused, Unknown
from etcdtui.services.writing.files import write_private
from etcdtui.services.writing.guard import GuardPolicy
from etcdtui.services.writing.run import Report, WriteRun
from etcdtui.services.writing.txns import evaluate, plan_txn
from tests.services.writing_support import agreed, carry_out, steps_write, writes_on
from tests.support import TcpProxy
from tests.support.server import Server


async def test_lines_are_whole_private_and_hold_hashes(tmp_path: Path) -> None:
    path = tmp_path / "state" / "audit.jsonl"
    audit = Audit(path, "prod", "root")
    records = [audit.make("put", b"/k\xff", "rev 5", before=b"old-VALUE", after=b"new-VALUE", cluster_id=2**63 + 1)]
    records += [audit.make("put", b"/n\n%d" % i, "rev") for i in range(50)]
    await asyncio.gather(*(audit.add(r) for r in records))
    assert path.stat().st_mode & 0o777 == 0o600
    rows = [json.loads(row) for row in path.read_bytes().splitlines()]
    assert len(rows) == 51
    first = next(r for r in rows if r["result"] == "rev 5")
    assert first["target"] == {"b64": "L2v/"}
    assert first["after_sha256"] == hashlib.sha256(b"new-VALUE").hexdigest()
    assert (first["profile"], first["etcd_user"], first["cluster_id"]) == ("prod", "root", "8000000000000001")
    assert b"VALUE" not in path.read_bytes()
    assert Audit(path).older == 51


async def test_a_failure_to_write_is_told_and_memory_stays_bounded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    audit = Audit(tmp_path / "file" / "audit.jsonl")
    await audit.add(audit.make("put", b"k", "rev 1"))
    assert "cannot be written" in audit.problem
    quiet = Audit(None)
    for _ in range(MEMORY_LIMIT + 10):
        await quiet.add(quiet.make("put", b"k", "rev"))
    assert len(quiet.records) == MEMORY_LIMIT


async def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
    audit = Audit(tmp_path / "audit.jsonl")
    await audit.add(audit.make("put", b"k", "rev 1"))
    assert audit.problem
    assert not (tmp_path / "elsewhere").exists()


async def test_the_command_gets_every_line(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    words = (sys.executable, "-c", f"import sys; open({str(copy)!r}, 'ab').write(sys.stdin.buffer.read())")
    audit = Audit(None, command=words)
    await audit.add(audit.make("put", b"/k", "rev 1"))
    assert audit.problem == ""
    assert json.loads(copy.read_text())["target"] == "/k"
    broken = Audit(None, command=(sys.executable, "-c", "raise SystemExit(3)"))
    await broken.add(broken.make("put", b"/k", "rev 1"))
    assert "code 3" in broken.problem


async def test_two_programs_that_append_at_once_leave_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    program = (
        "import sys; from pathlib import Path; from etcdtui.services.writing.audit import append_line\n"
        "for n in range(100): append_line(Path(sys.argv[1]), sys.argv[2].encode() * 900 + b'\\n')"
    )
    both = [subprocess.Popen([sys.executable, "-c", program, str(path), letter]) for letter in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(path.read_bytes().splitlines()) == [b"a" * 900] * 100 + [b"b" * 900] * 100


@pytest.mark.parametrize(
    "change",
    [
        {"changes": float("inf")},
        {"target": 7},
        {"targets": [1]},
        {"duration_ms": "x"},
        {"cluster_id": "zz"},
        {"target": {"b64": "!"}},
        {"target": "\ud800"},
        {"changes": 10**400},
        {"revision": 1e300},
        {"revision": "9" * 30},
        {"duration_ms": float("nan")},
        {"duration_ms": 10**400},
        {"cluster_id": 7.5},
        {"time": 5},
        {"time": "99999-01-01T00:00:00Z"},
        {"targets": 3},
    ],
)
def test_a_line_somebody_tampered_with_is_left_out(change: dict[str, object]) -> None:
    good = json.loads(Audit(None).make("put", b"/k", "rev 1").to_json())
    assert from_json(json.dumps(good).encode()) is not None
    assert from_json(json.dumps(good | change).encode()) is None


async def test_a_line_that_a_crash_cut_swallows_no_other(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, "p")
    before, after, last = (audit.make("put", b"/%d" % i, "rev 1") for i in range(3))
    whole = before.to_json().encode() + b"\n"
    path.write_bytes(whole + after.to_json().encode()[:40])
    await audit.add(after)
    await audit.add(last)
    torn, *rest = path.read_bytes().removeprefix(whole).split(b"\n")
    assert torn == after.to_json().encode()[:40]
    assert rest == [after.to_json().encode(), last.to_json().encode(), b""]
    later = Audit(path, "p")
    assert [record.id for record in await later.read_older()] == [last.id, after.id, before.id]


@pytest.fixture
def umask_000() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_without_a_umask_every_new_folder_is_private_too(tmp_path: Path, umask_000: None) -> None:
    append_line(tmp_path / "local" / "state" / "etcdtui" / "audit.jsonl", b"x\n")
    write_private(tmp_path / "local" / "state" / "etcdtui" / "drafts" / "d", b"value")
    for path in (tmp_path / "local").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "local").stat().st_mode & 0o077 == 0


def test_a_shared_folder_that_a_profile_names_stays_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "log"
    shared.mkdir()
    shared.chmod(0o755)
    append_line(shared / "audit.jsonl", b"x\n")
    assert shared.stat().st_mode & 0o777 == 0o755


async def test_a_write_that_is_cut_short_is_on_record(etcd: Server, tmp_path: Path) -> None:
    """A profile switch cancels what a screen runs, and the request may be on its way then."""
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        sent = asyncio.Event()

        def note(intent: WriteIntent) -> None:
            sent.set()

        writes.guard.hook = note
        task = asyncio.create_task(carry_out(writes, steps_write(Step(b"/a", None, b"1"))))
        await sent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        rows = [json.loads(row) for row in (tmp_path / "audit.jsonl").read_bytes().splitlines()]
        assert [row["result"] for row in rows] == ["UNKNOWN: cut short, may be written"]


async def test_a_batch_that_is_cut_short_is_on_record_and_can_be_undone(etcd: Server, tmp_path: Path) -> None:
    steps = tuple(Step(b"/a/%03d" % number, None, b"x") for number in range(300))
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        running: list[asyncio.Task[object]] = []

        def after_the_first(done: int, total: int) -> None:
            running[0].cancel()

        write = steps_write(*steps)
        run = WriteRun(writes, write, after_the_first)
        running.append(asyncio.create_task(run.send(agreed(writes.guard, write.plan))))
        with pytest.raises(asyncio.CancelledError):
            await running[0]
        rows = [json.loads(row) for row in (tmp_path / "audit.jsonl").read_bytes().splitlines()]
        assert len(rows) == 1
        assert rows[0]["result"].startswith("UNKNOWN: cut short")
        entry = writes.undo.last()
        assert entry is not None
        assert len(entry.changes) == rows[0]["changes"] > 0


def _facts(row: dict[str, object]) -> list[tuple[str, str, str]]:
    facts = row["facts"]
    assert isinstance(facts, list)
    return [(fact.get("what", ""), fact.get("name", ""), fact.get("after", "")) for fact in facts]


def rows_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(row) for row in (folder / "audit.jsonl").read_bytes().splitlines()]


async def test_lines_of_a_free_transaction_tell_branch_refusal_failure_and_a_lost_answer(
    etcd: Server, tmp_path: Path
) -> None:
    await etcd.put(b"/keep/1", b"v")
    policy = GuardPolicy(profile="p", environment="dev", read_only=False, confirm="ask", protect=("/keep/**",))
    async with (
        TcpProxy(etcd.endpoint) as proxy,
        writes_on(proxy.endpoint, tmp_path, policy=policy, command_timeout=2.0) as writes,
    ):

        async def run(text: str) -> Report:
            seen = await evaluate(writes, parse_txn(text))
            return await carry_out(writes, plan_txn(seen.spec, seen))

        for text in ("\nput /a 1\n", 'mod("/a") = "1"\n\nput /a 2\n\nput /b 2\n'):
            assert (await run(text)).answer is not None
        with pytest.raises(WriteRefused):  # nobody can agree to it, so there is nothing to record
            await run("\nput /keep/1 2\n")
        with pytest.raises(LeaseNotFound):
            await run("\nput --lease=77 /a 2\n")
        writes.guard.hook = lambda intent: proxy.black_hole()
        lost = await run("\nput /a 3\n")
        assert (lost.answer, type(lost.stopped)) == (None, Unknown)
    lines = rows_of(tmp_path)
    assert [line["action"] for line in lines] == ["txn"] * 4
    results = [str(line["result"]) for line in lines]
    assert results[:2] == [f"THEN rev {lines[0]['revision']}", f"ELSE rev {lines[1]['revision']}"]
    assert str(lines[0]["revision"]).isdigit()
    assert results[2].startswith("error: ") and not results[2].endswith("may be written")
    assert results[3].startswith("error: ") and results[3].endswith(", may be written")
    assert [line["target"] for line in lines] == ["/a", "/a", "/a", "/a"]
    assert [_facts(line)[-1] for line in lines[:2]] == [("branch", "", "THEN ran"), ("branch", "", "ELSE ran")]
    assert ("THEN put", "/a", "key, 1 B") in _facts(lines[0]), "the value is not in it"
    assert [entry.id for entry in writes.undo.entries] == [line["id"] for line in lines[:2]]


async def test_lines_of_a_prefix_delete_tell_count_conflict_refusal_failure_and_a_lost_answer(
    etcd: Server, tmp_path: Path
) -> None:
    policy = GuardPolicy(profile="p", environment="dev", read_only=False, confirm="ask")
    async with (
        TcpProxy(etcd.endpoint) as proxy,
        writes_on(proxy.endpoint, tmp_path, policy=policy, command_timeout=2.0) as writes,
    ):
        writes.resolve_for = 0.0

        async def begin() -> deleting.RangeDelete:
            for name in (b"/d/1", b"/d/2"):
                await etcd.put(name, b"v")
            found = await deleting.preview_prefix(writes, b"/d/")
            return deleting.plan_delete_range(writes.guard, found, b"/d/")

        assert (await carry_out(writes, await begin())).count == 2
        write = await begin()
        await etcd.put(b"/d/1", b"theirs")
        assert isinstance((await carry_out(writes, write)).stopped, Refused)
        write = await begin()
        confirmed = agreed(writes.guard, write.plan)
        writes.guard.lock()
        with pytest.raises(WriteRefused):
            await WriteRun(writes, write).send(confirmed)
        assert writes.guard.unlock("p")
        write = await begin()

        def cut(intent: WriteIntent) -> None:
            raise WriteRefused("not now")

        writes.guard.hook = cut
        with pytest.raises(WriteRefused):
            await carry_out(writes, write)
        write = await begin()
        writes.guard.hook = lambda intent: proxy.black_hole()
        assert isinstance((await carry_out(writes, write)).stopped, Unknown)
    lines = rows_of(tmp_path)
    assert [line["result"] for line in lines][:2] == [f"rev {lines[0]['revision']}", "CONFLICT"]
    assert [str(line["result"])[:7] for line in lines[2:]] == ["error: ", "error: ", "UNKNOWN"]
    assert [line["target"] for line in lines] == ["/d/"] * 5
    assert lines[0]["changes"] == 2
    assert [entry.id for entry in writes.undo.entries] == [lines[0]["id"]]
    assert b'"v"' not in (tmp_path / "audit.jsonl").read_bytes()
