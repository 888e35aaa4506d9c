"""Flows that change members, and the upkeep: leader, add, remove, defragment, compact, alarms, snapshot, hashes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.text import Text

from etcdtui.core.errors import EtcdError
from etcdtui.core.units import format_size
from etcdtui.services.cluster import members
from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.services.cluster.runbooks.spec import Kind, Runbook
from etcdtui.services.cluster.snapshots import free_path, save_snapshot
from etcdtui.services.cluster.view import ClusterView, MemberRow
from etcdtui.services.writing.files import typed_path
from etcdtui.services.writing.run import Report
from etcdtui.ui import limits
from etcdtui.ui.flows.template import Flow
from etcdtui.ui.frame.host import Face, Visit, VisitPlan
from etcdtui.ui.frame.plans import plan_items, visit_of
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.modals.picker import Item
from etcdtui.ui.text import safe

URLS = "like http://10.0.0.4:2380, separated by commas"


class MemberWriting(Flow):
    """The flows of members; ``view`` gives the members as they are known now."""

    def __init__(self, face: Face, reload: Callable[[bytes], None], view: Callable[[], ClusterView]) -> None:
        super().__init__(face, reload)
        self.view = view

    async def change(self, write: AdminWrite, verb: str) -> Report | None:
        """One change of members: afterwards they are asked again soon."""
        report = await self.run(write, verb, lambda _: write.done, tries=False)
        if report is not None:
            self.session.monitor.poll_soon()
        return report

    # --- members -----------------------------------------------------------------------------------------

    async def make_leader(self, row: MemberRow) -> None:
        await self.change(self.session.admin.move_leader(self.view(), row), "move leader")

    async def remove_member(self, row: MemberRow) -> None:
        await self.change(self.session.admin.remove_member(self.view(), row), "remove member")

    async def promote(self, row: MemberRow) -> None:
        await self.change(self.session.admin.promote(row), "promote member")

    async def update_member(self, row: MemberRow, typed: str = "") -> None:
        """Give a member other peer URLs, asked for where none are given."""
        present = ",".join(row.member.peer_urls)
        typed = typed or await self.ask("peer URLs", "separated by commas", value=present)
        if typed:
            await self.change(self.session.admin.update_member(row, _urls(typed)), "update member")

    async def add_member(self, name: str = "", typed: str = "") -> None:
        """Add a learner; its name and peer URLs are asked for where they are not given."""
        view = self.view()
        if why := members.why_no_add(view):
            self.flash(why, "warn")
            return
        name = name or await self.ask("add a member", "its name (as its etcd will be started)")
        if not name:
            return
        typed = typed or await self.ask("peer URLs of the new member", URLS)
        if not typed:
            return
        urls = _urls(typed)
        report = await self.change(self.session.admin.add_member(view, name, urls), "add member")
        if report is not None and report.complete:
            settings = [safe(text, limit=limits.DETAIL) for text in members.add_environment(view, name, urls)]
            lines = [Text("Start the new member with these settings (they are in Activity too):"), *settings]
            copied = "\n".join(line.plain for line in settings)
            dialog = MessageDialog(Text("member added"), Text("\n").join(lines), copied)
            await self.face.app.push_screen_wait(dialog)

    # --- upkeep ------------------------------------------------------------------------------------------

    def offers(self, row: MemberRow | None, books: Sequence[Runbook]) -> list[Item]:
        """The maintenance of the cluster and of the selected member, with the plans there are and those begun."""
        view, health = self.view(), self.session.health
        off = safe(self.session.why_no_writes, limit=limits.WORDS)
        items = [
            Item("snapshot", Text("snapshot"), Text("save the database to a file, verified"), key="s"),
            Item("compact", Text("compact"), Text("forget old revisions"), key="c", reason=off),
        ]
        if row is not None:
            name = safe(row.name, limit=limits.TINY_NAME)
            defrag = Text.assemble("defragment ", name)
            items.append(Item("defrag", defrag, Text("give free space back"), key="f", reason=off))
            if row.member.is_learner:
                items.append(Item("promote", Text.assemble("promote ", name), Text("let it vote"), key="p", reason=off))
            elif view.quorum.voters > 1:
                note = Text("a new member in its place, with the quorum kept")
                why = safe(health.why_no_writes, limit=limits.WORDS)
                items.append(Item("replace", Text.assemble("replace ", name), note, key="x", reason=why))
        if view.alarms:
            known = [(alarm.type.name, view.row(alarm.member_id)) for alarm in view.alarms]
            names = ", ".join(f"{kind} of {raised.name if raised else '?'}" for kind, raised in known)
            items.append(Item("clear", Text("clear alarms"), safe(names, limit=limits.WORDS), key="A", reason=off))
        return items + plan_items(view, books)

    async def do(self, value: str, row: MemberRow | None, books: Sequence[Runbook]) -> Visit | None:
        """Do what was chosen of the offers; where it is a plan, its visit is returned instead."""
        if value == "snapshot":
            await self.snapshot(row)
        elif value == "compact":
            await self.compact()
        elif value == "clear":
            await self.clear_alarms()
        elif value == "defrag" and row is not None:
            await self.defragment(row)
        elif value == "promote" and row is not None:
            await self.promote(row)
        elif value == "replace" and row is not None:
            return await self.replacement(row)
        return visit_of(value, books)

    async def replacement(self, row: MemberRow) -> VisitPlan | None:
        """The plan that puts another member in the place of one; ``None`` where the person does not say which."""
        title = Text.assemble("replace ", safe(row.name, limit=limits.TINY_NAME))
        name = await self.ask(title, "name of the new member (as its etcd will be started)")
        if not name:
            return None
        typed = await self.ask("peer URLs of the new member", URLS)
        urls = _urls(typed)
        return VisitPlan(kind=Kind.REPLACE, member=row.member.id, name=name, urls=urls) if urls else None

    async def defragment(self, row: MemberRow) -> None:
        self.flash("defragmenting can take seconds for each GB")
        await self.change(self.session.admin.defragment(self.view(), row), "defrag")

    async def compact(self, typed: str = "") -> None:
        """Compact to a revision, which is asked for where none is given; never proposes what is compacted already."""
        keep = self.session.profile.keep_revisions
        now, inputs = self.session.health.revision, self.session.doctor.inputs
        done = max(0, (inputs.compacted() if inputs is not None else None) or 0)
        at = f", compacted at {done}" if done else ""
        proposed = max(1, now - keep, min(done + 1, now))
        typed = typed or await self.ask("compact to revision", f"now at {now}{at}", value=str(proposed))
        if not typed:
            return
        try:
            revision = int(typed)
        except ValueError:
            self.flash("a revision is a whole number", "warn")
            return
        if 0 < revision <= done:
            self.flash(f"history is compacted at {done} already", "warn")
            return
        await self.change(self.session.admin.compact(self.view(), revision, keep), "compact")

    async def clear_alarms(self) -> None:
        """Clear NOSPACE on every member that raised it."""
        view = self.view()
        await self.change(self.session.admin.clear_alarms(view, view.alarms or ()), "clear alarms")

    # --- what only reads ---------------------------------------------------------------------------------

    async def hash_check(self) -> None:
        self.flash("hashing on every member..")
        check = await self.session.doctor.compare_hashes()
        lines = [safe(f"at revision {check.revision}: {check.verdict}")]
        lines += [
            Text.assemble(safe(one.row.name, limit=limits.SHORT_NAME), "  ", safe(one.words())) for one in check.answers
        ]
        self.flash(f"hash check: {check.verdict}", "bad" if check.differs else "accent")
        await self.face.app.push_screen_wait(MessageDialog(Text("do the members agree"), Text("\n").join(lines)))

    async def snapshot(self, row: MemberRow | None, name: str = "") -> None:
        """Save the database of a member; the file is asked for, ``name`` is proposed. For one that is down another is
        asked, the one that is furthest."""
        if row is not None and not row.up:
            row = max(self.view().rows, key=MemberRow.furthest)
        if not name:
            name = str(free_path(Path(f"{self.session.profile.name}-{self.session.health.revision}.db")))
        of = f"the whole database of {row.name}" if row is not None and row.up else "the whole database"
        explain = f"{of} with all secrets; the file is readable by you only"
        typed = await self.ask("save a snapshot to", explain, value=name)
        if not typed:
            return
        path = await asyncio.to_thread(_new_file, typed)
        if path is None:
            self.flash("that file exists; choose another name", "warn")
            return

        def progress(done: int, total: int) -> None:
            self.face.set_status(Text(f"snapshot: {format_size(done)} of {format_size(total)}"))

        try:
            await save_snapshot(self.writes, path, (row.endpoint if row else "") or None, progress)
        except (EtcdError, OSError) as error:
            self.failed(error)
            return
        self.flash(
            Text.assemble("snapshot saved and verified: ", safe(str(path.absolute()), limit=limits.WORDS)), "good"
        )


def _urls(typed: str) -> tuple[str, ...]:
    return tuple(url.strip() for url in typed.split(",") if url.strip())


def _new_file(typed: str) -> Path | None:
    path = typed_path(typed)
    return None if path.exists() else path
