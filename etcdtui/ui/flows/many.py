"""Flows that write many keys: delete, move and clone, undo, undelete, export and import, cut moves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.text import Text

from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import WritePlan, line
from etcdtui.core.ranges import prefix_range
from etcdtui.core.steps import Group, Step
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.services.writing import deleting, moving
from etcdtui.services.writing.committing import Unknown
from etcdtui.services.writing.deleting import Preview, TooLarge
from etcdtui.services.writing.files import typed_path
from etcdtui.services.writing.journal import unfinished
from etcdtui.services.writing.restore import find_deleted, plan_undelete, undeletable
from etcdtui.services.writing.transfer import TransferError, export_file, load_file, plan_import, run_import
from etcdtui.services.writing.trash import trash_of
from etcdtui.services.writing.undo import plan_undo, run_undo
from etcdtui.services.writing.undolog import UndoEntry
from etcdtui.services.writing.writes import BatchReport, holds_kubernetes
from etcdtui.ui.flows.key import KeyWriting
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.confirm import confirm_write
from etcdtui.ui.modals.prompt import ANSWER_LIMIT, PromptDialog
from etcdtui.ui.text import safe

Failure = (EtcdError, OSError, TransferError, TooLarge)


class ManyWriting(KeyWriting):
    """Adds to the flows of one key those of many."""

    # --- delete ------------------------------------------------------------------------------------------

    async def delete_key(self, key: bytes) -> None:
        try:
            kv = await self.writes.get(key)
            if kv is None:
                self.flash("the key does not exist any more", "warn")
                self.reload(key)
                return
            ttl = await self.writes.lease_ttl(kv.lease)
            plan = deleting.plan_delete_key(self.writes.guard, kv, ttl=ttl, hidden=self.hiding(key))
            if await self._agreed(plan, "delete", [(Step(kv.key, kv, None),)]):
                await self._delete_listed(plan, [kv])
        except Failure as error:
            self.failed(error)

    async def delete_marked(self, paths: Sequence[bytes], folders: Collection[bytes]) -> None:
        """Marked keys and folders: one plan for all keys found."""
        found: dict[bytes, KeyValue] = {}
        try:
            for path in paths:
                if path in folders:
                    found |= {kv.key: kv for kv in (await deleting.preview_prefix(self.writes, path)).kvs}
                elif (kv := await self.writes.get(path)) is not None:
                    found[path] = kv
            if not found:
                self.flash("none of the marked keys exists any more", "warn")
                return
            kvs = [found[key] for key in sorted(found)]
            plan = deleting.plan_delete_keys(self.writes.guard, kvs)
            if await self._agreed(plan, "delete", [(Step(kv.key, kv, None),) for kv in kvs]):
                await self._delete_listed(plan, kvs)
        except Failure as error:
            self.failed(error)

    async def _delete_listed(self, plan: WritePlan, kvs: Sequence[KeyValue]) -> None:
        if await self._is_dry(plan):
            return
        report = await deleting.delete_keys(self.writes, plan, kvs, trash_of(self.writes))
        self._tell(report, len(kvs), "deleted")
        self.reload(b"" if len(kvs) > 1 else kvs[0].key)

    async def delete_range(self, key: bytes, end: bytes, label: bytes) -> None:
        """Everything in a range; ``label`` is what was asked for, a prefix or the first key."""
        try:
            found = await deleting.preview(self.writes, key, end)
            trash = trash_of(self.writes)
            path = trash.path_for(found.revision) if trash is not None else None
            plan = deleting.plan_delete_range(self.writes.guard, found, label, path)
            if not await self._agreed(plan, "delete", preview=found):
                return
            done = await deleting.delete_range(self.writes, plan, found, trash, path)
        except Failure as error:
            self.failed(error)
            return
        if done.dry:
            self.flash("dry run: nothing was sent", "warn")
        elif done.unknown:
            self.flash(f"deleted or not is not known: {done.unknown}", "bad")
        elif done.changed:
            self.flash(f"a key changed since rev {found.revision}: {done.count} of {len(found.kvs)} deleted", "bad")
        else:
            self.flash(f"{done.count} keys deleted at rev {done.revision}; u brings them back", "good")
        self.reload(label)

    async def delete_prefix(self, prefix: bytes) -> None:
        key, end = prefix_range(prefix)
        await self.delete_range(key, end, prefix)

    # --- move, clone -------------------------------------------------------------------------------------

    async def move(self, source: bytes, *, folder: bool, keep: bool) -> None:
        """Rename (or clone) a key or a folder to a name that is asked for."""
        title, proposal = "clone to" if keep else "rename or move to", escape_key(source)
        if len(proposal) > ANSWER_LIMIT // 2:
            title, proposal = f"{title} (a name of {format_size(len(source))} is too long to be edited here)", ""
        target = await self.ask_key(title, proposal)
        if target is None:
            return
        try:
            if folder:
                found = await deleting.preview_prefix(self.writes, source)
            else:
                kv = await self.writes.get(source)
                found = Preview(source, b"", (kv,) if kv else (), kv.mod_revision if kv else 0)
                if source != target and await self.writes.get(target) is not None:
                    self.flash(f"{escape_key(target)[:ANSWER_LIMIT]} exists already; nothing is overwritten", "warn")
                    return
            plan = moving.plan_move(self.writes.guard, found, source, target, keep=keep)
            if not await self._agreed(plan.plan, "clone" if keep else "move", plan.groups):
                return
            if await self._is_dry(plan.plan):
                return
            report = await moving.run_move(self.writes, plan, journals=self.journals)
        except Failure as error:
            self.failed(error)
            return
        self._tell(report, plan.plan.changes, "cloned" if keep else "moved", steps=1 if keep else 2)
        self.reload(b"")

    @property
    def journals(self) -> Path:
        return self.writes.state / "journal"

    async def look_after(self) -> bool:
        """Once after a start: forget old trash, see whose store it is, find what a crash left half done.

        True when that can be recovered now; while writes are locked it is told.
        """
        if await holds_kubernetes(self.writes):
            self.writes.guard.note_kubernetes_store()
            self.screen.refresh_chrome()
        trash = trash_of(self.writes)
        if trash is not None:
            await asyncio.to_thread(trash.expire)
        if not unfinished(self.journals, self.writes.guard.cluster_id):
            return False
        if not self.writes.guard.writable:
            self.flash("a move was cut half-way: unlock with !, then :recover finishes it or rolls it back", "warn")
        return self.writes.guard.writable

    async def recover(self) -> None:
        """Offer to finish or roll back moves of this cluster that were cut."""
        journals = unfinished(self.journals, self.writes.guard.cluster_id)
        if not journals:
            self.flash("no move is unfinished")
        for journal in journals:
            try:
                state = await moving.inspect(self.writes, journal)
                lines = [
                    line("a move was cut: ", journal.source, "  ->  ", journal.target, tone="head"),
                    line(f"{len(state.moved)} keys have moved, {len(state.waiting)} have not, "
                         f"{len(state.odd)} were changed by somebody else"),
                ]  # fmt: skip
                answers = [("r", "resume"), ("b", "roll back"), ("f", "forget it")]
                answer = await self.screen.app.push_screen_wait(AskDialog(Text("unfinished move"), lines, answers))
                if answer == "f":
                    journal.drop()
                if answer not in ("r", "b"):
                    continue
                move = moving.plan_recovery(self.writes.guard, journal, state, back=answer == "b")
                if await self._agreed(move.plan, "run", move.groups) and not await self._is_dry(move.plan):
                    self._tell(await moving.recover(self.writes, journal, move), move.plan.changes, "moved", steps=2)
                    self.reload(b"")
            except Failure as error:
                self.failed(error)

    # --- undo, undelete ----------------------------------------------------------------------------------

    async def undo(self, entry: UndoEntry | None) -> None:
        """Undo an entry, or the newest one."""
        entry = entry or self.writes.undo.last()
        if entry is None:
            self.flash("there is nothing to undo in this run", "warn")
            return
        try:
            made = await plan_undo(self.writes, entry, self.hiding)
            if made.plan is None:
                self.flash(f"cannot be undone: {made.reason}", "warn")
                return
            if not await self._agreed(made.plan, "undo", made.groups):
                return
            if await self._is_dry(made.plan):
                return
            report = await run_undo(self.writes, made)
        except Failure as error:
            self.failed(error)
            return
        self._tell(report, made.plan.changes, "put back")
        self.reload(b"")

    async def undelete(self, prefix: bytes, revision: int = 0) -> None:
        """Keys of a prefix that are gone, as they were at ``revision`` (0: found by walking back), created again."""
        self.flash("looking for deleted keys ...")
        try:
            known = revision > 0
            found = await (undeletable(self.writes, prefix, revision) if known else find_deleted(self.writes, prefix))
            made = await plan_undelete(self.writes, found)
            if not await self._agreed(made.plan, "undelete", made.groups):
                return
            if await self._is_dry(made.plan):
                return
            report = await self.writes.apply_batches(made.plan, made.groups)
        except Failure as error:
            self.failed(error)
            return
        self._tell(report, made.plan.changes, "created again")
        self.reload(prefix)

    # --- files -------------------------------------------------------------------------------------------

    async def export(self, prefix: bytes, name: str = "") -> None:
        """Every key under a prefix into a new 0600 file."""
        if not name:
            plain = re.sub(rb"[^A-Za-z0-9._-]", b"_", prefix.strip(b"/"))[:100].decode().lstrip(".-") or "all"
            title = Text.assemble("export ", safe(prefix or b"all keys", "bold", limit=60), " to file")
            explain = Text("JSON Lines with all values, 0600; an existing file is never replaced")
            target = str(Path.cwd() / f"{plain}.jsonl")
            name = await self.screen.app.push_screen_wait(PromptDialog(title, explain, value=target)) or ""
        if not name:
            return
        path = typed_path(name)
        try:
            export = await export_file(self.writes, prefix, path)
        except FileExistsError:
            self.flash("the file exists already and is not replaced", "warn")
            return
        except Failure as error:
            self.failed(error)
            return
        words = f"{len(export.kvs)} keys of rev {export.header.revision} in "
        self.flash(Text.assemble(words, safe(str(path), limit=100)), "good")

    async def import_(self, name: str = "") -> None:
        """A file of an export: dry run with differences, then the guarded writes."""
        if not name:
            name = await self.screen.app.push_screen_wait(PromptDialog(Text("import file"))) or ""
        if not name:
            return
        try:
            export = await asyncio.to_thread(load_file, typed_path(name))
            made = await plan_import(self.writes, export)
            if not made.groups:
                self.flash(f"all {len(export.kvs)} keys are equal already; nothing to write", "good")
                return
            if not await self._agreed(made.plan, "import", made.groups):
                return
            if await self._is_dry(made.plan):
                return
            report = await run_import(self.writes, made)
        except Failure as error:
            self.failed(error)
            return
        self._tell(report, made.plan.changes, "imported")
        self.reload(b"")

    # --- shared ------------------------------------------------------------------------------------------

    async def _agreed(
        self, plan: WritePlan, verb: str, groups: Sequence[Group] = (), preview: Preview | None = None
    ) -> bool:
        async def dry() -> str:
            why = self.writes.guard.refusal(plan)
            if not why and preview is not None:
                holds = await deleting.untouched(self.writes, preview)
                why = "" if holds else f"a key changed since rev {preview.revision}: nothing would be deleted"
            elif not why:
                good, many = await self.writes.dry_run_groups(groups)
                why = "" if good == many else f"{many - good} of {many} conditions fail now: ELSE would run for them"
            words = "dry: ELSE" if why else "dry: THEN"
            await self.writes.record(plan, (), words, self.writes.clock(), dry=True)
            return why or f"every condition holds now: THEN would run, {plan.changes} changes"

        return await confirm_write(self.screen.app, self.writes.guard, plan, dry=dry, verb=verb)

    async def _is_dry(self, plan: WritePlan) -> bool:
        """Under ``--dry-run`` what was agreed to is put on record, and not sent."""
        if not self.writes.guard.dry_run:
            return False
        await self.writes.record(plan, (), "dry: THEN", self.writes.clock(), dry=True)
        self.flash("dry run: nothing was sent", "warn")
        return True

    def _tell(self, report: BatchReport, planned: int, done: str, *, steps: int = 1) -> None:
        """``steps`` is how many written steps make one key."""
        count = len(report.written) // steps
        if report.complete:
            self.flash(f"{count} {done} at rev {report.revision}", "good")
        elif report.error is not None:
            self.flash(f"stopped after {count} of {planned}: {report.error}", "bad")
        elif isinstance(report.stopped, Unknown):
            self.flash(f"{count} of {planned} {done}; of the next it is not known: {report.stopped.reason}", "bad")
        else:
            self.flash(f"{count} of {planned} {done}; the rest was changed or exists and is not written", "bad")
