"""A snapshot saved to a file, and put on record: it only reads, yet every secret of the cluster leaves with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from etcdtui.core.plan import ActionClass, Fact, Scope, WritePlan
from etcdtui.core.types import SavedSnapshot
from etcdtui.core.units import format_size
from etcdtui.services.writing.run import on_record
from etcdtui.services.writing.writes import Writes

CUT = "cut short, no file is left"


def free_path(path: Path) -> Path:
    """The path, or the first of its like with a number behind that no file has yet."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


async def save_snapshot(
    writes: Writes, path: Path, endpoint: str | None = None, on_progress: Callable[[int, int], None] | None = None
) -> SavedSnapshot:
    """Save a verified snapshot of ``endpoint`` (``None``: any member) as a 0600 file; raises ``EtcdError``."""
    target = str(path).encode("utf-8", "surrogateescape")
    plan = WritePlan(
        action="snapshot save",
        target=target,
        action_class=ActionClass.R3,
        scope=Scope(frozenset()),
        condition=f"read from {endpoint}" if endpoint else "",
        facts=(Fact("database of", (endpoint or "any member").encode(), "", target),),
        changes=0,
    )

    async def save() -> SavedSnapshot:
        saved = await writes.client.maintenance.save_snapshot(path, endpoint, on_progress)
        writes.guard.note_snapshot()
        return saved

    def words(saved: SavedSnapshot) -> str:
        return f"ok, {format_size(saved.size)}, sha256 {saved.sha256[:16]}"

    return await on_record(writes, plan, save, words, CUT)
