"""The audit file: private, whole lines, hashes and never values."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path

from etcdtui.services.audit import MEMORY_LIMIT, Audit


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
