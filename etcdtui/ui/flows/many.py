"""Flows that write many keys: delete, move and clone, undo, undelete, export and import, cut moves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.text import Text

from etcdtui.core.keypath import escape_key
from etcdtui.core.plan import line
from etcdtui.core.ranges import prefix_range
from etcdtui.core.txn_text import TxnSpec
from etcdtui.core.types import KeyValue, TxnResult
from etcdtui.core.units import counted, format_size
from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.services.writing import deleting, moving
from etcdtui.services.writing.compare import DiffRow, plan_copy
from etcdtui.services.writing.deleting import Marked, Preview
from etcdtui.services.writing.files import typed_path
from etcdtui.services.writing.foreign import Foreign
from etcdtui.services.writing.journal import unfinished
from etcdtui.services.writing.restore import find_deleted, plan_undelete, undeletable
from etcdtui.services.writing.run import Report, WriteRun
from etcdtui.services.writing.transfer import Export, load_file, of_reading, plan_import, read_prefix, write_export
from etcdtui.services.writing.trash import trash_of
from etcdtui.services.writing.txns import Evaluated, evaluate, plan_txn
from etcdtui.services.writing.undo import plan_undo
from etcdtui.services.writing.undolog import UndoEntry
from etcdtui.services.writing.writes import holds_kubernetes
from etcdtui.ui.flows.key import KeyWriting
from etcdtui.ui.flows.template import RUNS_FOR, Failure
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.prompt import ANSWER_LIMIT, PromptDialog
from etcdtui.ui.text import safe
from etcdtui.ui.typeahead import answered_last

IMPORTS = "an export of etcdtui, etcdctl get -w json, or JSON with keys and values"
SAMPLE = 60
"""Bytes of a value that show how a file is to be read."""
MASKED_SHOWN = 8
"""Names of masked keys in a question."""


class ManyWriting(KeyWriting):
    """Adds to the flows of one key those of many."""

    # --- delete ------------------------------------------------------------------------------------------

    async def delete_key(self, key: bytes) -> None:
        try:
            kv = await self.writes.get(key)
            if kv is None:
                self.flash("the key no longer exists", "warn")
                self.reload(key)
                return
            ttl = await self.writes.lease_ttl(kv.lease)
        except Failure as error:
            self.failed(error)
            return
        write = deleting.plan_delete_key(self.writes.guard, kv, ttl=ttl, hidden=self.hiding(key))
        await self.run(write, "delete", _done("deleted"), place=key)

    async def delete_marked(self, paths: Sequence[bytes], folders: Collection[bytes]) -> None:
        """Marked keys and folders: one plan for all keys found."""
        marked: list[Marked] = []
        try:
            for path in paths:
                if path in folders:
                    marked.append(Marked(path, (await deleting.preview_prefix(self.writes, path)).kvs, folder=True))
                elif (kv := await self.writes.get(path)) is not None:
                    marked.append(Marked(path, (kv,)))
        except Failure as error:
            self.failed(error)
            return
        if not any(one.kvs for one in marked):
            self.flash("none of the marked keys exists now", "warn")
            return
        write = deleting.plan_delete_keys(self.writes.guard, marked, trash_of(self.writes))
        await self.run(write, "delete", _done("deleted", "; u brings them back"))

    async def delete_range(self, key: bytes, end: bytes, label: bytes) -> None:
        """Everything in a range; ``label`` is what was asked for, a prefix or the first key."""
        try:
            found = await deleting.preview(self.writes, key, end)
        except Failure as error:
            self.failed(error)
            return
        write = deleting.plan_delete_range(self.writes.guard, found, label, trash_of(self.writes))
        await self.run(write, "delete", _done("deleted", "; u brings them back"), place=label)

    async def delete_prefix(self, prefix: bytes) -> None:
        key, end = prefix_range(prefix)
        await self.delete_range(key, end, prefix)

    # --- move, clone -------------------------------------------------------------------------------------

    async def move(self, source: bytes, *, folder: bool, keep: bool) -> None:
        """Rename (or clone) a key or a folder to a name that is asked for."""
        title, proposal = "clone to" if keep else "rename or move to", escape_key(source)
        if len(proposal) > ANSWER_LIMIT // 2:
            title, proposal = f"{title} (a name of {format_size(len(source))} is too long to be edited here)", ""

        async def why_not(target: bytes) -> str:
            return "" if folder or target == source else await self._is_taken(target)

        target = await self.ask_key(title, proposal, why_not)
        if target is None:
            return
        try:
            if folder:
                found = await deleting.preview_prefix(self.writes, source)
            else:
                kv = await self.writes.get(source)
                found = Preview(source, b"", (kv,) if kv else (), kv.mod_revision if kv else 0)
        except Failure as error:
            self.failed(error)
            return
        write = moving.plan_move(self.writes.guard, found, source, target, keep=keep, journals=self.journals)
        await self.run(write, "clone" if keep else "move", _done("cloned" if keep else "moved"))

    @property
    def journals(self) -> Path:
        return self.writes.state / "journal"

    async def look_after(self) -> bool:
        """Once after a start: forget old trash, see whose store it is, find what a crash left half done.

        True when that can be recovered now; while writes are locked it is told.
        """
        if await holds_kubernetes(self.writes):
            self.writes.guard.note_kubernetes_store()
            self.face.refresh_chrome()
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
                answer = await self.face.app.push_screen_wait(AskDialog(Text("unfinished move"), lines, answers))
                if answer == "f":
                    journal.drop()
                if answer not in ("r", "b"):
                    continue
                write = moving.plan_recovery(self.writes.guard, journal, state, back=answer == "b")
            except Failure as error:
                self.failed(error)
            else:
                await self.run(write, "run", _done("moved"))

    # --- undo, undelete ----------------------------------------------------------------------------------

    async def undo(self, entry: UndoEntry | None) -> None:
        """Undo an entry, or the newest one."""
        entry = entry or self.writes.undo.last()
        if entry is None:
            self.flash("there is nothing to undo in this run", "warn")
            return
        try:
            made = await plan_undo(self.writes, entry, self.hiding)
        except Failure as error:
            self.failed(error)
            return
        if made.write is None:
            self.flash(f"cannot be undone: {made.reason}", "warn")
            return
        if isinstance(made.write, AdminWrite):
            await self.run(made.write, "undo", partial(_told, made.write.done), tries=False)
        else:
            await self.run(made.write, "undo", _done("put back"))

    async def undelete(self, prefix: bytes, revision: int = 0) -> None:
        """Keys of a prefix that are gone, as they were at ``revision`` (0: found by walking back), created again."""
        self.flash("looking for deleted keys ...")
        try:
            known = revision > 0
            found = await (undeletable(self.writes, prefix, revision) if known else find_deleted(self.writes, prefix))
            write = await plan_undelete(self.writes, found)
        except Failure as error:
            self.failed(error)
            return
        await self.run(write, "undelete", _done("created again"), place=prefix)

    # --- files -------------------------------------------------------------------------------------------

    async def export(self, prefix: bytes, name: str = "") -> None:
        """Every key under a prefix into a new 0600 file."""
        if not name:
            plain = re.sub(rb"[^A-Za-z0-9._-]", b"_", prefix.strip(b"/"))[:100].decode().lstrip(".-") or "all"
            title = Text.assemble("export ", safe(prefix or b"all keys", "bold", limit=60), " to file")
            explain = Text("JSON Lines with all values, 0600; an existing file is never replaced")
            target = str(Path.cwd() / f"{plain}.jsonl")
            name = await self.face.app.push_screen_wait(PromptDialog(title, explain, value=target)) or ""
        if not name:
            return
        path = typed_path(name)
        try:
            export = await read_prefix(self.writes, prefix)
            wanted = await self._without_masked(export.kvs)
            if wanted is None:
                return
            answered_last(RUNS_FOR)
            left_out = len(export.kvs) - len(wanted)
            export = replace(export, kvs=wanted)
            await write_export(self.writes, export, path, left_out=left_out)
        except FileExistsError:
            self.flash("the file exists already and is not replaced", "warn")
            return
        except Failure as error:
            self.failed(error)
            return
        words = f"{len(export.kvs)} keys of rev {export.header.revision} in "
        more = f"; {counted(left_out, 'masked key')} left out" if left_out else ""
        self.flash(Text.assemble(words, safe(str(path), limit=100), more), "good")

    async def _without_masked(self, kvs: tuple[KeyValue, ...]) -> tuple[KeyValue, ...] | None:
        """What a person wants of values that the profile masks, all or part of them; ``None`` for no file at all."""
        veil = self.veil
        masked = await asyncio.to_thread(lambda: [kv.key for kv in kvs if veil.cover(kv.key, kv.value)[1]])
        if not masked:
            return kvs
        lines = [
            line(f"{counted(len(masked), 'value')} or a field in it is masked by the profile:", tone="head"),
            *(line("  ", key) for key in masked[:MASKED_SHOWN]),
            *([line(f"  ... {len(masked) - MASKED_SHOWN} more", tone="dim")] if len(masked) > MASKED_SHOWN else ()),
        ]
        answers = [("l", "leave them out"), ("x", "write them in clear")]
        answer = await self.face.app.push_screen_wait(AskDialog(Text("masked values"), lines, answers)) or ""
        if not answer:
            return None
        hidden = frozenset(masked)
        return kvs if answer == "x" else tuple(kv for kv in kvs if kv.key not in hidden)

    async def import_(self, name: str = "") -> None:
        """A file of an export, or of keys from another tool: dry run with differences, then the guarded writes."""
        name = name or await self.ask("import file", IMPORTS)
        if not name:
            return
        try:
            found = await asyncio.to_thread(load_file, typed_path(name))
            export = found if isinstance(found, Export) else await self._reading_of(found)
            if export is None:
                return
            write = await plan_import(self.writes, export)
        except Failure as error:
            self.failed(error)
            return
        if not write.groups:
            self.flash(f"all {len(export.kvs)} keys are equal already; nothing to write", "good")
            return
        await self.run(write, "import", _done("imported"))

    async def _reading_of(self, foreign: Foreign) -> Export | None:
        """What another tool wrote as it is meant: asked where it may be base64."""
        reading = foreign.readings[0]
        if len(foreign.readings) > 1:
            lines = [line(f"{counted(len(reading.kvs), 'key')} in plain JSON; it does not say how they are written")]
            for one in foreign.readings:
                key, value = one.sample
                lines += [line(f"{one.letter}  {one.words}:", tone="head"), line("     ", key, "  =  ", value[:SAMPLE])]
            answers = [(one.letter, one.words) for one in foreign.readings]
            answer = await self.face.app.push_screen_wait(AskDialog(Text("import"), lines, answers)) or ""
            if not answer:
                return None
            reading = next(one for one in foreign.readings if one.letter == answer)
        return of_reading(foreign, reading)

    # --- transactions and copies -------------------------------------------------------------------------

    async def transact(self, spec: TxnSpec) -> TxnResult | None:
        """Run a free transaction; its answer when it ran."""
        if why := spec.problem():
            self.flash(why, "warn")
            return None
        try:
            seen = await evaluate(self.writes, spec)
        except Failure as error:
            self.failed(error)
            return None
        write = plan_txn(spec, seen, namespace=self.writes.guard.policy.namespace)
        report = await self.run(write, "run", lambda r: f"{r.words.replace(' rev', ' ran at rev')}")
        return report.answer if report is not None and isinstance(report.answer, TxnResult) else None

    async def try_transaction(self, spec: TxnSpec) -> Evaluated | None:
        """Evaluate a free transaction by reads, on record as a dry run."""
        if why := spec.problem():
            self.flash(why, "warn")
            return None
        try:
            write = plan_txn(spec, await evaluate(self.writes, spec), namespace=self.writes.guard.policy.namespace)
            await WriteRun(self.writes, write).dry_run()
        except Failure as error:
            self.failed(error)
            return None
        if why := write.plan.blocked:
            self.flash(why, "warn")
            return None
        return write.seen

    async def copy(self, rows: Sequence[DiffRow], prefix: bytes, source: str = "") -> None:
        """Copy the left side of compared rows to a prefix; nothing there is deleted. ``source`` names a snapshot."""
        done = _done("taken back" if source else "copied")
        await self.run(plan_copy(rows, prefix, source=source), "take back" if source else "copy", done)


def _told(words: str, report: Report) -> str:
    return words


def _done(verb: str, more: str = "") -> Callable[[Report], str]:
    """``17 keys deleted at rev 5``."""

    def words(report: Report) -> str:
        what = counted(report.count, "key") if report.plan.changes > 1 else "the key is"
        return f"{what} {verb}" + (f" at rev {report.revision}" if report.revision else "") + more

    return words
