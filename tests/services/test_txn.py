"""Free transactions: evaluated like etcd does, run once, undone when all parts are intact."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdtui.core.errors import WriteRefused
from etcdtui.core.txn_text import parse_txn, txn_text
from etcdtui.core.types import TxnResult
from etcdtui.services.writing.etcdctl import put_command, txn_command
from etcdtui.services.writing.guard import GuardPolicy
from etcdtui.services.writing.txns import evaluate, plan_txn
from etcdtui.services.writing.undo import plan_undo
from tests.services.writing_support import carry_out, everything, undone, writes_on
from tests.support.server import Server

TEXT = """mod("/a") > "0"
value("/a") = "1"
create("/new") = "0"

put /a 2
put /new "x y"
del --prefix /old/

get /a
"""


async def test_a_transaction_runs_as_evaluated_and_its_undo_restores_everything(etcd: Server, tmp_path: Path) -> None:
    for key in (b"/a", b"/old/1", b"/old/2", b"/older"):
        await etcd.put(key, b"1")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        before = await everything(writes)
        seen = await evaluate(writes, parse_txn(TEXT))
        assert (seen.branch, seen.holds) == ("THEN", (True, True, True))
        done = await carry_out(writes, plan_txn(seen.spec, seen))
        assert isinstance(done.answer, TxnResult)
        assert done.answer.succeeded
        after = await everything(writes)
        assert after == {b"/a": (b"2", 0), b"/new": (b"x y", 0), b"/older": (b"1", 0)}
        entry = writes.undo.last()
        assert entry is not None
        assert (await undone(writes, await plan_undo(writes, entry))).complete
        assert await everything(writes) == before


async def test_undo_says_why_not_when_a_part_was_changed(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/a", b"1")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        seen = await evaluate(writes, parse_txn("\nput /a 2\nput /b 3\n"))
        await carry_out(writes, plan_txn(seen.spec, seen))
        await etcd.put(b"/b", b"theirs")
        entry = writes.undo.last()
        assert entry is not None
        undo = await plan_undo(writes, entry)
        assert not undo.possible
        assert undo.reason.startswith("/b was changed since")
        assert await etcd.get(b"/a") == b"2"


async def test_a_put_that_breaks_the_format_of_a_value_is_told_in_the_review(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/a", b'{"x": 1}')
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        seen = await evaluate(writes, parse_txn("\nput /a {x:2}\n"))
        warned = [shown.parts for shown in plan_txn(seen.spec, seen).plan.lines if shown.tone == "warn"]
        assert [parts[:4] for parts in warned] == [("BROKEN ", "JSON", "  ", b"/a")]


@pytest.mark.parametrize("sign", ["=", "!=", "<", ">"])
@pytest.mark.parametrize("target", ["mod", "create", "version", "value", "lease"])
async def test_conditions_are_judged_like_etcd_does(etcd: Server, tmp_path: Path, target: str, sign: str) -> None:
    await etcd.put(b"/a", b"5")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        for key in ("/a", "/missing"):
            for operand in ("0", "1", "5", "999999"):
                spec = parse_txn(f'{target}("{key}") {sign} "{operand}"\n\nput /probe 1\n')
                seen = await evaluate(writes, spec)
                done = await carry_out(writes, plan_txn(spec, seen))
                assert isinstance(done.answer, TxnResult)
                assert done.answer.succeeded == (seen.branch == "THEN"), (key, operand)


async def test_a_range_delete_reaching_a_protected_key_is_refused(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(b"/keep/1", b"v")
    policy = GuardPolicy(profile="p", environment="dev", read_only=False, confirm="ask", protect=("/keep/**",))
    async with writes_on(etcd.endpoint, tmp_path, policy=policy) as writes:
        seen = await evaluate(writes, parse_txn("\ndel --prefix /k\n"))
        with pytest.raises(WriteRefused):
            await carry_out(writes, plan_txn(seen.spec, seen))
        assert await etcd.get(b"/keep/1") == b"v"


@pytest.mark.parametrize("value", [b"x", b"a b'c\"d$e", b"\x00\xff\n\\", "käse".encode(), b"", b"-v"])
async def test_as_etcdctl_does_exactly_the_same(etcd: Server, tmp_path: Path, value: bytes) -> None:
    import os
    import subprocess

    for key in (b"/plain", b"/sp ace'", b"/bin\xff\x00\n", b"--flag"):
        command = put_command(key, value).replace("etcdctl", "$ETCDCTL", 1)
        env = {
            **os.environ,
            "ETCDCTL_API": "3",
            "ETCDCTL_ENDPOINTS": etcd.url,
            "ETCDCTL": str(etcd.cluster.binary.etcdctl),
        }
        ran = subprocess.run(["bash", "-c", command], env=env, capture_output=True, timeout=20, check=False)
        assert ran.returncode == 0, (command, ran.stderr)
        assert await etcd.get(key) == value, command
    spec = parse_txn(TEXT)
    assert parse_txn(txn_text(spec)) == spec
    assert "EOF" in txn_command(spec)
