"""Flows that write one key, from any screen: edit, new, put, restore; each reviewed, guarded, with a draft kept.

The draft of an edit survives every failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path as FilePath

from rich.text import Text

from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError, escape_key, parse_key
from etcdtui.core.plan import PlanLine, line
from etcdtui.core.tree import Path
from etcdtui.core.types import KeyValue, Lease
from etcdtui.core.value import Value
from etcdtui.services.cluster.leases import parse_lease_id
from etcdtui.services.tail.veil import Veil
from etcdtui.services.values import fields, valuediff
from etcdtui.services.values.kubernetes import edit_refusal
from etcdtui.services.values.valuediff import Hiding, Look, hiding, merge
from etcdtui.services.writing import editing, forms
from etcdtui.services.writing.confirmed import Confirmed
from etcdtui.services.writing.drafts import Draft, Drafts, drafts_of
from etcdtui.services.writing.editing import Conflict, EditWrite, Gone
from etcdtui.services.writing.files import typed_path
from etcdtui.services.writing.restore import plan_restore
from etcdtui.services.writing.run import WriteRun
from etcdtui.ui import limits
from etcdtui.ui.errors import error_line
from etcdtui.ui.flows.outside import OutsideEditor
from etcdtui.ui.flows.template import Flow
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.conflict import MERGE, MINE, THEIRS, ConflictDialog
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.modals.review import EDIT
from etcdtui.ui.text import safe

WHY_SHOWN, KEY_SHOWN = 200, 60
MASKED = "masked by the profile: x on the key shows it, then e edits it"
CANNOT_MERGE = "you and they changed the same place, so a merge is left to you"
LEASE_DIGITS = 12
"""A number of fewer digits is a time to live, any other one an ID: those of servers have 15 or 16 in hex."""
FILE_LIMIT = 8 * 1024 * 1024


class _Work(Value):
    """One edit on its way: what was loaded and what it is now. ``lease`` 0 keeps the lease, ``detach`` takes it off."""

    key: bytes
    base: KeyValue | None
    value: bytes
    lease: int = 0
    detach: bool = False

    @property
    def final_lease(self) -> int:
        """The lease that the key will have."""
        return 0 if self.detach else self.lease or (self.base.lease if self.base else 0)

    @property
    def changes_lease(self) -> bool:
        return self.final_lease != (self.base.lease if self.base else 0)


class KeyWriting(Flow):
    """Adds to the template the flows of one key."""

    @property
    def veil(self) -> Veil:
        """What the profile masks of values that leave their place."""
        return Veil(self.session.profile.mask)

    @property
    def drafts(self) -> Drafts:
        return drafts_of(self.writes)

    # --- edit --------------------------------------------------------------------------------------------

    async def edit(self, key: bytes, *, external: bool = False, revealed: bool = False) -> None:
        """Load, offer a draft, edit, review, write. What the profile masks is not opened unless it is ``revealed``."""
        try:
            base = await self.writes.get(key)
        except EtcdError as error:
            self.failed(error)
            return
        if why := (edit_refusal(key, base.value) if base else "") or self.writes.guard.why_not(key):
            self.flash(why, "warn")
            return
        work = _Work(key, base, base.value if base else b"")
        draft = self.drafts.find(key)
        values = (work.value, draft.value if draft is not None else b"")
        if not revealed and any(value and self.veil.cover(key, value)[1] for value in values):
            self.flash(MASKED, "warn")
            return
        if draft is not None:
            answer = await self._offer(draft, base)
            if answer is None:
                return
            if answer == "r":
                work = _Work(key, draft.base, draft.value)
            else:
                self.drafts.drop(key)
        await self._edit_loop(work, external=external)

    async def _offer(self, draft: Draft, now: KeyValue | None) -> str | None:
        same = (draft.base.mod_revision if draft.base else 0) == (now.mod_revision if now else 0)
        lines = [
            line("there is a draft of this key that was not written", tone="head"),
            line("the key is still as it was then" if same else "the key was changed since: writing will compare",
                 tone="plain" if same else "warn"),
            *(line("  ", change) for change in self._changes(draft, now)[:8]),
        ]  # fmt: skip
        title = Text.assemble("draft  ", safe(draft.key, "bold", limit=60))
        return await self.face.app.push_screen_wait(
            AskDialog(title, lines, [("r", "resume it"), ("d", "discard it and edit")])
        )

    def _changes(self, draft: Draft, now: KeyValue | None) -> list[str]:
        return valuediff.changes(now.value if now else b"", draft.value, self.hiding(draft.key))

    async def _edit_loop(self, work: _Work, *, external: bool = False) -> None:
        edited = await (self._edit_outside(work) if external else self._edit_inside(work))
        while edited is not None:
            again = await self._review_and_write(edited)
            if again is None:
                return
            edited = await (self._edit_outside(again) if external else self._edit_inside(again))

    async def _review_and_write(self, work: _Work) -> _Work | None:
        """Review and write; what has to be edited further, or nothing when it is over."""
        while True:
            write = await self._plan(work)
            diff = self.diff_of(work.key, work.base.value if work.base else None, work.value)
            answer = await self.review(write, "write", editing=True, diff=diff)
            if answer == EDIT:
                return work
            if not isinstance(answer, Confirmed):
                return None if await self._keep(work) else work
            result = await self._write(work, write, answer)
            if not isinstance(result, (Conflict, Gone)):
                return result
            merged, again = await self._resolve(work, result)
            if again is None or not merged:
                return again
            work = again  # a merge is reviewed before it is written, and may meet the next conflict

    async def _edit_inside(self, work: _Work) -> _Work | None:
        if forms.first(work.value).too_big:
            wanted = await OutsideEditor(self.face).is_wanted(len(work.value))
            return await self._edit_outside(work) if wanted else None
        limit = editing.size_limit(self.writes.guard)[1]
        original = work.base.value if work.base else None
        dialog = EditDialog(
            work.key,
            work.value,
            size_limit=limit,
            original=None if work.changes_lease else original,
            keep=lambda value: self._store(replace(work, value=value)),
            lease=f"lease {work.final_lease:x}" if work.final_lease else "no lease",
        )
        answer: tuple[str, bytes] | None = await self.face.app.push_screen_wait(dialog)
        if answer is None:
            if dialog.kept and work.value == (original or b""):
                self.drafts.drop(work.key)
            elif dialog.kept:
                self._store(work)
            return None
        kind, value = answer
        edited = replace(work, value=value)
        if kind == "lease":
            return await self._edit_inside(await self._with_lease(edited) or edited)
        if kind == "draft":
            return None if await self._keep(edited) else await self._edit_inside(edited)
        self._store(edited)
        return edited

    async def _edit_outside(self, work: _Work) -> _Work | None:
        """``$EDITOR`` on the terminal; the live parts of the program go on."""
        editor = OutsideEditor(self.face)
        value = await editor.edit(work.key, work.value, lambda left: self._store(replace(work, value=left)))
        if value is None:
            return None
        if value == (work.base.value if work.base else None):
            self.flash("nothing is changed")
            return None
        return replace(work, value=value)

    def _store(self, work: _Work) -> bool:
        """Save the draft; a flash when that fails."""
        try:
            self.drafts.save(work.key, work.base, work.value)
        except OSError as error:
            self.flash(f"the draft could not be saved: {error.strerror}", "bad")
            return False
        return True

    async def _keep(self, work: _Work) -> bool:
        """Keep it as a draft; where that fails it is a person who gives the text up. False: go on editing."""
        if self._store(work):
            self.flash("kept as a draft; e on this key offers it again")
            return True
        lines = [
            line("the draft cannot be kept: this folder cannot be written", tone="warn"),
            line("  ", str(self.drafts.folder)),
            line("$XDG_STATE_HOME names another place, at the next start", tone="dim"),
        ]
        answers = [("e", "go on editing"), ("x", "throw it away")]
        dialog = AskDialog(Text("no place for a draft"), lines, answers)
        return await self.face.app.push_screen_wait(dialog) == "x"

    # --- review and write --------------------------------------------------------------------------------

    async def _plan(self, work: _Work) -> EditWrite:
        ttl = await self.writes.lease_ttl(work.final_lease)
        return editing.plan_edit(
            self.writes.guard,
            work.key,
            work.base,
            work.value,
            lease=work.lease,
            ttl=ttl,
            drafts=self.drafts,
            detach=work.detach,
        )

    def hiding(self, key: bytes) -> Hiding:
        """What the profile masks of a key's value."""
        return hiding(self.session.profile.mask, key)

    def diff_of(self, key: bytes, before: bytes | None, after: bytes) -> Callable[[Look], list[PlanLine]]:
        """The difference for a review, as it is looked at."""
        hidden = self.hiding(key)
        return lambda look: valuediff.view(before, after, hidden, look)

    async def _write(self, work: _Work, write: EditWrite, confirmed: Confirmed) -> _Work | Conflict | Gone | None:
        """Write what was confirmed: over, what to go on editing, or the conflict it met."""
        health = await self.session.monitor.poll()  # what was known before the dialogs may be over
        if why := health.why_no_puts:
            if self._store(work):
                self.flash(f"not written, kept as a draft. {why}", "bad")
            return None
        try:
            report = await WriteRun(self.writes, write).send(confirmed)
        except EtcdError as error:
            self.failed(error)
            return None
        except OSError as error:
            self.flash(f"not written, because the draft could not be saved: {error.strerror}", "bad")
            return None if await self._keep(work) else work
        result = editing.outcome(report)
        if isinstance(result, (Conflict, Gone)):
            return result
        self.tell(report, lambda done: Text.assemble("saved ", safe(work.key, limit=80), f" at rev {done.revision}"))
        if report.complete:
            self.reload(work.key)
        return None

    async def _resolve(self, work: _Work, result: Conflict | Gone) -> tuple[bool, _Work | None]:
        """What a person makes of a conflict: whether it was merged, and what to go on with."""
        theirs = result.theirs if isinstance(result, Conflict) else None
        base_value = work.base.value if work.base else b""
        merged = merge(base_value, work.value, theirs.value) if theirs is not None and work.base else None
        why_not = "" if merged is not None or theirs is None else CANNOT_MERGE
        self.reload(work.key)
        dialog = ConflictDialog(work.base, theirs, work.value, merged, why_not, self.hiding(work.key))
        answer = await self.face.app.push_screen_wait(dialog)
        if answer == MERGE and merged is not None:
            return True, replace(work, base=theirs, value=merged)
        if answer == THEIRS:
            self.drafts.drop(work.key)
            self.flash("theirs stays; your draft is dropped")
            return False, None
        if answer == MINE:
            return False, replace(work, base=theirs)
        return False, None if await self._keep(work) else work

    # --- one field ---------------------------------------------------------------------------------------

    async def edit_field(self, key: bytes, path: Path) -> None:
        """Edit one field of a JSON or YAML value; the rest of it stays byte for byte."""
        try:
            base = await self.writes.get(key)
        except EtcdError as error:
            self.failed(error)
            return
        if base is None:
            self.flash("this key was deleted meanwhile", "warn")
            return
        if why := edit_refusal(key, base.value) or self.writes.guard.why_not(key):
            self.flash(why, "warn")
            return
        if self.drafts.find(key) is not None:
            self.flash("there is a draft of this key: e resumes it or drops it", "warn")
            return
        try:
            field = await asyncio.to_thread(fields.find, base.value, path)
            content = await self._ask_field(key, field)
            if content is None:
                return
            value = await asyncio.to_thread(fields.exchange, base.value, path, content)
        except ValueError as problem:
            self.flash(str(problem), "warn")
            return
        if value == base.value:
            self.flash("nothing is changed")
            return
        again = await self._review_and_write(_Work(key, base, value))
        if again is not None:
            await self._edit_loop(again)

    async def _ask_field(self, key: bytes, field: fields.Field) -> str | None:
        """The content as a person wants it: on a line, or in the editor where it has several."""
        if not field.long:
            title = Text.assemble(safe(field.name, "bold", limit=60), " of ", safe(key, limit=60))
            explain = Text(f"{field.kind}; anything else is taken as text", style="dim")
            return await self.face.app.push_screen_wait(PromptDialog(title, explain, value=field.content))
        content = field.content.encode()
        limit = editing.size_limit(self.writes.guard)[1]
        name = Text.assemble(safe(field.name, limit=60), " of ", safe(key, limit=60)).plain.encode()
        dialog = EditDialog(name, content, size_limit=limit, original=content, drafts=False)
        answer = await self.face.app.push_screen_wait(dialog)
        return None if answer is None or answer[0] != "review" else answer[1].decode()

    # --- new and put -------------------------------------------------------------------------------------

    async def new(self, prefix: bytes) -> None:
        """Ask for a name, then the value; an existing key is never overwritten."""
        key = await self.ask_key("new key", escape_key(prefix), self._is_taken)
        if key is not None:
            await self._edit_loop(_Work(key, None, b""))

    async def ask_key(self, title: str, value: str, why_not: Callable[[bytes], Awaitable[str]]) -> bytes | None:
        """A key typed by a person, escapes read; asked again with what was typed for as long as it cannot be one.

        ``why_not`` says what is against a key, raising what a read raises. ``None`` when the dialog was closed.
        """
        explain = Text(r"\xNN, \n, \t and \\ are escapes")
        while True:
            value = await self.face.app.push_screen_wait(PromptDialog(Text(title), explain, value=value)) or ""
            if not value:
                return None
            try:
                key = parse_key(value)
                problem = safe(await why_not(key), limit=WHY_SHOWN)
            except KeySyntaxError as error:
                problem = safe(str(error), limit=WHY_SHOWN)
            except EtcdError as error:
                problem = error_line(error)
            if not problem:
                return key
            explain = problem

    async def _is_taken(self, key: bytes) -> str:
        if await self.writes.get(key) is None:
            return ""
        return f"{escape_key(key)[:KEY_SHOWN]} exists already; nothing is overwritten, e edits it"

    async def set_lease(self, key: bytes) -> None:
        """Put a key on another lease, or take it off its lease; the value stays."""
        try:
            base = await self.writes.get(key)
        except EtcdError as error:
            self.failed(error)
            return
        if base is None:
            self.flash("the key is gone", "warn")
            return
        if why := edit_refusal(key, base.value) or self.writes.guard.why_not(key):
            self.flash(why, "warn")
            return
        work = await self._with_lease(_Work(key, base, base.value))
        if work is None:
            return
        if not work.changes_lease:
            self.flash("the key is on that lease already; nothing to write")
            return
        again = await self._review_and_write(work)
        if again is not None:
            await self._edit_loop(again)

    async def _with_lease(self, work: _Work) -> _Work | None:
        """The edit with the lease that a person chose; a TTL grants a new one first, after a review of its own."""
        now = f"{work.final_lease:016x}" if work.final_lease else ""
        told = "seconds: a new lease; an ID in hex: that lease; - takes it off: no lease"
        typed = (await self.ask(Text.assemble("lease of ", safe(work.key, limit=limits.NAME)), told, value=now)).strip()
        if not typed or typed == now:
            return None
        if typed == "-":
            return replace(work, lease=0, detach=True)
        if typed.isdecimal() and len(typed) < LEASE_DIGITS:
            write = self.session.admin.grant(int(typed))
            report = await self.run(write, "grant", lambda done: write.done, tries=False)
            if report is None or not isinstance(report.answer, Lease):
                return None
            return replace(work, lease=report.answer.id, detach=False)
        try:
            lease = parse_lease_id(typed)[0]
        except ValueError as error:
            self.flash(str(error), "warn")
            return None
        if await self.writes.lease_ttl(lease) is None:
            self.flash(Text.assemble("there is no lease ", safe(typed, limit=limits.NAME)), "warn")
            return None
        return replace(work, lease=lease, detach=False)

    async def put(self, key: bytes, value: bytes, *, lease: int = 0) -> None:
        """A put from the command line: the safe version of itself, on what the key is now.

        ``lease`` 0 keeps the lease of a key that exists; another one is attached to it.
        """
        try:
            base = await self.writes.get(key)
        except EtcdError as error:
            self.failed(error)
            return
        if base is not None and base.value == value and lease in (0, base.lease):
            self.flash("the key holds that value already; nothing to write")
            return
        again = await self._review_and_write(_Work(key, base, value, lease))
        if again is not None:
            await self._edit_loop(again)

    async def put_file(self, key: bytes, path: FilePath, *, lease: int = 0) -> None:
        try:
            value = await asyncio.to_thread(_read_some, path)
        except OSError as error:
            self.flash(f"the file cannot be read: {error.strerror}", "bad")
            return
        if len(value) > FILE_LIMIT:
            self.flash("the file is larger than any value can be", "warn")
            return
        await self.put(key, value, lease=lease)

    async def load(self, key: bytes) -> None:
        """The bytes of a file, asked for, as the value of a key; reviewed as an edit is."""
        if why := self.writes.guard.why_not(key):
            self.flash(why, "warn")
            return
        title = Text.assemble("a file into ", safe(key, "bold", limit=60))
        name = await self.ask(title, "its bytes become the value as they are; you review them first")
        if name:
            await self.put_file(key, typed_path(name))

    async def restore(self, version: KeyValue) -> None:
        """Put an old version back, compared with what the key is now."""
        try:
            now = await self.writes.get(version.key)
            write = await plan_restore(self.writes.guard, self.writes, version, now)
        except EtcdError as error:
            self.failed(error)
            return
        diff = self.diff_of(version.key, now.value if now else None, version.value)
        words = f"version {version.version} is back"
        await self.run(write, "write", lambda r: f"{words}, at rev {r.revision}", diff=diff, place=version.key)


def _read_some(path: FilePath) -> bytes:
    """The file's content, at most a byte more than is allowed."""
    with path.open("rb") as file:
        return file.read(FILE_LIMIT + 1)
