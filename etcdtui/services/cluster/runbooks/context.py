"""What the steps of a runbook work with, and the facts they look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from etcdtui.client import Client
from etcdtui.core.errors import Compacted, EtcdError
from etcdtui.core.units import format_size
from etcdtui.services.cluster.admin import Admin
from etcdtui.services.cluster.doctor.doctor import Doctor
from etcdtui.services.cluster.health import HealthMonitor
from etcdtui.services.cluster.view import ClusterView, MemberRow
from etcdtui.services.writing.writes import Writes

LAG_SMALL = 10
"""Entries behind the leader that do not count as lag: a busy cluster moves between two answers."""
POLL = 1.0


class Surprise(EtcdError):
    """Something is not as the plan expects: it stops there."""

    title = "the plan stops here"
    hint = "Look at it, then go on with enter, or leave the plan."


class Context:
    """One opened profile, for runbooks. ``poll`` is the pause between two looks while something is waited for."""

    def __init__(
        self,
        client: Client,
        monitor: HealthMonitor,
        admin: Admin,
        writes: Writes,
        doctor: Doctor,
        *,
        profile: str,
        keep_revisions: int = 1000,
        folder: Path | None = None,
        poll: float = POLL,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self.monitor = monitor
        self.admin = admin
        self.writes = writes
        self.doctor = doctor
        self.profile = profile
        self.keep_revisions = keep_revisions
        self.folder = folder or Path.cwd()
        self.poll = poll
        self.sleep = sleep
        self.clock = clock
        self.go_on = asyncio.Event()
        """Set to end a pause before its time."""

    async def look(self) -> ClusterView:
        """The cluster as it is now, alarms included where they are told."""
        await self.monitor.poll()
        await self.doctor.read_alarms()
        return self.doctor.view

    async def watch(self) -> ClusterView:
        """The cluster after one more pause."""
        await self.sleep(self.poll)
        await self.monitor.poll()
        return self.doctor.view

    async def compacted(self) -> int:
        """The revision up to which history is gone, 0 for none; found by reading in the past.

        Metrics tell it too, but as of some seconds ago. A read of one key at an old revision touches the index only, so
        halving the distance is cheap.
        """
        low, high = 1, self.monitor.health.revision
        if high <= 1 or await self._readable(1):
            return 0
        while high - low > 1:
            middle = (low + high) // 2
            if await self._readable(middle):
                high = middle
            else:
                low = middle
        return high

    async def _readable(self, revision: int) -> bool:
        try:
            await self.client.kv.get(b"\0", revision=revision, count_only=True, limit=1)
        except Compacted:
            return False
        return True


def row_of(view: ClusterView, member_id: int) -> MemberRow:
    """The member's row; a member that is gone is a ``Surprise``."""
    row = view.row(member_id)
    if row is None:
        raise Surprise(f"member {member_id:x} is no longer in the cluster")
    return row


def size_words(row: MemberRow) -> str:
    """``m1: 28.2 MB of 30.0 MB (94%), 2.1 MB in use``."""
    if row.status is None:
        return f"{row.name}: {row.state}"
    share = f" of {format_size(row.quota)} ({row.quota_share:.0%})" if row.quota_share is not None else ""
    return f"{row.name}: {format_size(row.status.db_size)}{share}, {format_size(row.status.db_size_in_use)} in use"


def well_words(row: MemberRow) -> str:
    """Why a member is not healthy yet; empty when it answers and keeps up."""
    if not row.up or row.status is None:
        return f"{row.name} does not answer: {row.state}"
    if (row.lag or 0) > LAG_SMALL:
        return f"{row.name} is {row.lag} entries behind"
    if (row.apply_lag or 0) > LAG_SMALL:
        return f"{row.name} has {row.apply_lag} entries to apply"
    if not row.status.leader:
        return f"{row.name} knows no leader"
    return ""


def away_words(rows: Sequence[MemberRow]) -> str:
    """Which started voters do not answer; empty when all do."""
    return ", ".join(f"{row.name} ({row.state})" for row in rows if not row.member.is_learner and not row.up)
