"""A snapshot saved to a file, and put on record: it only reads, yet every secret of the cluster leaves with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import ActionClass, Scope, WritePlan
from etcdtui.core.types import SavedSnapshot
from etcdtui.core.units import format_size
from etcdtui.services.writing.writes import Writes, error_words

CUT = "cut short, no file is left"


async def save_snapshot(
    writes: Writes, path: Path, endpoint: str | None = None, on_progress: Callable[[int, int], None] | None = None
) -> SavedSnapshot:
    """Save a verified snapshot of ``endpoint`` (``None``: any member) as a 0600 file; raises ``EtcdError``."""
    started = writes.clock()
    plan = WritePlan(
        action="snapshot save",
        target=str(path).encode("utf-8", "surrogateescape"),
        action_class=ActionClass.R3,
        scope=Scope(frozenset()),
        condition=f"read from {endpoint}" if endpoint else "",
        changes=0,
    )
    try:
        saved = await writes.client.maintenance.save_snapshot(path, endpoint, on_progress)
    except EtcdError as error:
        await writes.record(plan, (), error_words(error), started)
        raise
    except BaseException:
        await writes.record(plan, (), CUT, started)
        raise
    await writes.record(plan, (), f"ok, {format_size(saved.size)}, sha256 {saved.sha256[:16]}", started)
    return saved
