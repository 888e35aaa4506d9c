"""Maintenance from the Members screen: promote, defragment, compact, snapshot, hash check, alarms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.text import Text

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import WritePlan
from etcdtui.core.types import Alarm, HashKV
from etcdtui.core.units import format_size
from etcdtui.services.cluster import members as cluster
from etcdtui.services.cluster.snapshots import save_snapshot
from etcdtui.services.cluster.view import ClusterView, MemberRow
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.listing import ListScreen, verb_of
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.text import safe

NAME_LIMIT = 40


class MaintenanceMixin(ListScreen[MemberRow]):
    """What ``M`` offers on the Members screen."""

    shown: ClusterView

    async def call(self, plan: WritePlan, call: Callable[[], Awaitable[object]], words: str) -> bool:
        async def send() -> str:
            await call()
            self.session.monitor.poll_soon()
            return words

        return await self.write(plan, send, verb=verb_of(plan.action))

    def action_maintenance(self) -> None:
        """The maintenance of the cluster and of the selected member, as a list."""
        self.begin(self._choose, "maintenance")

    async def _choose(self) -> None:
        row = self.table.current
        view = self.shown
        items = [
            Item("hash", Text("hash check"), Text("do the members agree at one revision"), key="h"),
            Item("snapshot", Text("snapshot"), Text("save the database to a file, verified"), key="s"),
            Item("compact", Text("compact"), Text("forget old revisions"), key="c"),
        ]
        if row is not None:
            name = safe(row.name, limit=24)
            items.append(Item("defrag", Text.assemble("defragment ", name), Text("give free space back"), key="D"))
            if row.member.is_learner:
                items.append(Item("promote", Text.assemble("promote ", name), Text("let it vote"), key="p"))
        items += [
            Item(f"disarm {i}", Text(f"disarm {alarm.type.name}"), Text("clear the alarm"), key=str(i + 1))
            for i, alarm in enumerate(view.alarms or ())
        ]
        choice = await self.app.push_screen_wait(PickerDialog(Text("maintenance"), items, typing=False))
        if choice == "hash":
            await self.hash_check()
        elif choice == "snapshot":
            await self.snapshot(row)
        elif choice == "compact":
            await self.compact()
        elif choice == "defrag" and row is not None:
            await self.defrag(row)
        elif choice == "promote" and row is not None:
            await self.promote(row)
        elif choice and choice.startswith("disarm "):
            await self.disarm((view.alarms or ())[int(choice.split()[1])])

    async def promote(self, row: MemberRow) -> None:
        await self.call(
            cluster.promote_plan(row),
            lambda: self.session.client.cluster.promote(row.member.id),
            f"{row.name} votes now",
        )

    async def hash_check(self) -> None:
        self.flash("hashing on every member..")
        check = await cluster.check_hashes(self.session.client, self.shown)
        lines = [Text(f"at revision {check.revision}: {check.verdict}")]
        for row, answer in check.answers:
            told = (
                safe(f"{answer.hash:08x}  {_compacted(answer)}") if isinstance(answer, HashKV) else error_line(answer)
            )
            lines.append(Text.assemble(safe(row.name, limit=NAME_LIMIT), "  ", told))
        self.status_line.clear_flash()
        await self.app.push_screen_wait(MessageDialog(Text("do the members agree"), Text("\n").join(lines)))

    async def defrag(self, row: MemberRow) -> None:
        self.flash("defragmenting can take seconds for each GB")
        await self.call(
            cluster.defrag_plan(self.shown, row),
            lambda: self.session.client.maintenance.defragment(row.endpoint),
            f"{row.name} is defragmented",
        )

    async def compact(self, typed: str = "") -> None:
        """Compact to a revision that is typed here where none is given."""
        keep = self.session.profile.keep_revisions
        now = self.session.health.revision
        if not typed:
            typed = await self.ask("compact to revision", f"now at {now}", value=str(max(1, now - keep))) or ""
        if not typed:
            return
        try:
            revision = int(typed)
        except ValueError:
            self.flash("a revision is a whole number", "warn")
            return
        await self.call(
            cluster.compact_plan(self.shown, revision, keep),
            lambda: self.session.client.kv.compact(revision, physical=True),
            f"compacted to revision {revision}",
        )

    async def disarm(self, alarm: Alarm) -> None:
        await self.call(
            cluster.disarm_plan(self.shown, alarm),
            lambda: self.session.client.maintenance.disarm(alarm.member_id, alarm.type),
            f"{alarm.type.name} is cleared",
        )

    async def snapshot(self, row: MemberRow | None, name: str = "") -> None:
        """Save the database of a member; the file is asked for, ``name`` is proposed."""
        name = name or f"{self.session.profile.name}-{self.session.health.revision}.db"
        typed = await self.ask(
            "save a snapshot to", "the whole database with all secrets; the file is readable by you only", value=name
        )
        if not typed:
            return
        path = await asyncio.to_thread(_new_file, typed)
        if path is None:
            self.flash("that file exists; choose another name", "warn")
            return

        def progress(done: int, total: int) -> None:
            self.set_status(Text(f"snapshot: {format_size(done)} of {format_size(total)}"))

        try:
            await save_snapshot(self.session.writes, path, (row.endpoint if row else "") or None, progress)
        except (EtcdError, OSError) as error:
            self.flash(error_line(error), "bad")
            return
        self.flash(Text.assemble("snapshot saved and verified: ", safe(str(path.absolute()), limit=200)), "good")


def _compacted(answer: HashKV) -> str:
    """etcd answers -1 for a history that was never compacted."""
    return f"compacted at {answer.compact_revision}" if answer.compact_revision > 0 else "never compacted"


def _new_file(typed: str) -> Path | None:
    path = Path(typed).expanduser()
    return None if path.exists() else path
