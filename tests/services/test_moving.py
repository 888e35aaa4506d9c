"""Clone, rename and move: leases go along, nothing is overwritten, a cut move is resumed or rolled back."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from etcdtui.services.writing import deleting, moving
from etcdtui.services.writing.committing import Refused
from etcdtui.services.writing.deleting import Preview
from etcdtui.services.writing.journal import unfinished
from etcdtui.services.writing.undo import plan_undo
from etcdtui.services.writing.writes import Writes
from tests.services.writing_support import carry_out, everything, must_get, undone, writes_on
from tests.support import eventually
from tests.support.server import Server

KEYS = 1000
KILLS = 100


async def one(writes: Writes, key: bytes) -> Preview:
    kv = await must_get(writes, key)
    return Preview(key, b"", (kv,), kv.mod_revision)


async def fill(server: Server, prefix: bytes, count: int) -> dict[bytes, tuple[bytes, int]]:
    lease = int((await server.call("lease/grant", TTL=600))["ID"])
    out: dict[bytes, tuple[bytes, int]] = {}
    for i in range(count):
        name, value = prefix + b"k%04d" % i + (b"\xff" if i % 50 == 0 else b""), b"v%d" % i
        held = lease if i % 3 == 0 else 0
        out[name] = (value, held)
    names = list(out)
    for start in range(0, count, 50):
        await asyncio.gather(*(server.put(n, out[n][0], lease=out[n][1]) for n in names[start : start + 50]))
    return out


async def test_a_key_moves_with_its_lease_and_undo_brings_it_back(etcd: Server, tmp_path: Path) -> None:
    lease = int((await etcd.call("lease/grant", TTL=100))["ID"])
    await etcd.put(b"/a/x", b"value", lease=lease)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        move = moving.plan_move(writes.guard, await one(writes, b"/a/x"), b"/a/x", b"/b/y")
        assert (await carry_out(writes, move)).complete
        assert await everything(writes) == {b"/b/y": (b"value", lease)}
        entry = writes.undo.last()
        assert entry is not None
        undo = await plan_undo(writes, entry)
        assert (await undone(writes, undo)).complete
        assert await everything(writes) == {b"/a/x": (b"value", lease)}


async def test_a_move_or_clone_never_overwrites(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/a", b"1")
    await etcd.put(b"/b", b"2")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        for keep in (False, True):
            move = moving.plan_move(writes.guard, await one(writes, b"/a"), b"/a", b"/b", keep=keep)
            assert isinstance((await carry_out(writes, move)).stopped, Refused)
        assert await everything(writes) == {b"/a": (b"1", 0), b"/b": (b"2", 0)}


async def test_a_folder_does_not_take_its_neighbour_along(etcd: Server, tmp_path: Path) -> None:
    for key in (b"/a/b/1", b"/a/b/2", b"/a/bc", b"/a/b"):
        await etcd.put(key, key)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        found = await deleting.preview_prefix(writes, b"/a/b/")
        assert (await carry_out(writes, moving.plan_move(writes.guard, found, b"/a/b/", b"/n/"))).complete
        assert sorted(await everything(writes)) == [b"/a/b", b"/a/bc", b"/n/1", b"/n/2"]


def test_a_move_onto_itself_is_blocked() -> None:
    from etcdtui.core.types import KeyValue
    from etcdtui.services.writing.guard import Guard, GuardPolicy

    guard = Guard(GuardPolicy(read_only=False))
    kvs = tuple(KeyValue(k, b"", 1, 1, 1, 0) for k in (b"/a/", b"/a/a/"))
    found = Preview(b"/a/", b"/a0", kvs, 1)
    assert "overlap" in moving.plan_move(guard, found, b"/a/", b"/a/a/").plan.blocked
    assert moving.plan_move(guard, found, b"/a/", b"/a/").plan.blocked


async def _recover(writes: Writes, state: Path, back: bool) -> None:
    """As ``:recover`` does; once more when the last transaction of the dead program arrived meanwhile."""
    for attempt in range(3):
        for journal in unfinished(state / "journal", writes.guard.cluster_id):
            where = await moving.inspect(writes, journal)
            assert where.odd == ()
            assert len(where.waiting) + len(where.moved) == len(journal.pairs)
            move = moving.plan_recovery(writes.guard, journal, where, back=back)
            report = await carry_out(writes, move)
            assert report.complete or (isinstance(report.stopped, Refused) and attempt < 2)
    assert unfinished(state / "journal", writes.guard.cluster_id) == []


async def _sides(writes: Writes, sides: tuple[bytes, bytes]) -> tuple[bytes, bytes, dict[bytes, tuple[bytes, int]]]:
    """Which prefix holds everything now, the other one, and the tails."""
    now = await everything(writes)
    full = sides[0] if any(k.startswith(sides[0]) for k in now) else sides[1]
    assert all(k.startswith(full) for k in now)
    other = sides[1] if full == sides[0] else sides[0]
    return full, other, {k[len(full) :]: v for k, v in now.items()}


def _connections(etcd: Server) -> int:
    """Connections that the server has open on its client port, from the kernel's table (proc(5), tcp)."""
    port = int(etcd.endpoint.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[1].partition(":")[2], 16) == port and row[3] in ("01", "08") for row in rows)


@asynccontextmanager
async def forks() -> AsyncIterator[Callable[[str], Awaitable[int]]]:
    """Runs one line in a fork of the program and returns how it ended."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.services.move_program",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"GRPC_ENABLE_FORK_SUPPORT": "0"},
    )  # fmt: skip
    assert program.stdin is not None and program.stdout is not None
    stdin, stdout = program.stdin, program.stdout

    async def run(line: str) -> int:
        stdin.write(f"{line}\n".encode())
        return int(await stdout.readline())

    try:
        yield run
    finally:
        stdin.close()
        await program.wait()


async def test_sigkill_at_any_point_of_a_folder_rename_loses_and_doubles_nothing(etcd: Server, tmp_path: Path) -> None:
    """A hundred programs killed by SIGKILL before, during and after a transaction, then resumed or rolled back."""
    dice = random.Random(11)
    filled = await fill(etcd, b"/old/", KEYS)
    wanted = {k[len(b"/old/") :]: v for k, v in filled.items()}
    sides = (b"/old/", b"/new/")
    cuts = 0
    async with writes_on(etcd.endpoint, tmp_path) as writes, forks() as run:
        writes.audit.path = None
        for number in range(KILLS):
            full, other, tails = await _sides(writes, sides)
            assert tails == wanted
            point = ("send:%d", "wire:%d:%%d", "answer:%d")[number % 3] % dice.randint(1, 15)
            point = point % dice.randint(0, 4000) if "%" in point else point
            before = _connections(etcd)
            code = await run("\t".join((etcd.endpoint, str(tmp_path), full.decode(), other.decode(), point)))
            assert code in (-9, 0)
            cuts += code == -9
            await eventually(lambda most=before: _connections(etcd) <= most)  # what the dead program had sent is read
            await _recover(writes, tmp_path, back=dice.random() < 0.5)
        assert (await _sides(writes, sides))[2] == wanted
    assert cuts >= KILLS * 0.9
