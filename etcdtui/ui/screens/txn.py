"""Txn: a transaction put together row by row, evaluated against the cluster before it is run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from etcdtui.core.errors import EtcdError
from etcdtui.core.plan import PlanLine, line
from etcdtui.core.ranges import holds
from etcdtui.core.steps import MAX_OPS
from etcdtui.core.txn_text import (
    CompareSpec,
    OpSpec,
    TxnSpec,
    TxnSyntaxError,
    compare_text,
    op_text,
    parse_compare,
    parse_op,
    parse_txn,
    txn_text,
)
from etcdtui.core.types import RangeResult, TxnResult
from etcdtui.core.units import format_size
from etcdtui.core.value import record
from etcdtui.services.session.session import Session
from etcdtui.services.values.valuediff import hiding, preview, summary
from etcdtui.services.writing.drafts import Drafts, drafts_of
from etcdtui.services.writing.etcdctl import txn_command
from etcdtui.services.writing.files import create_private, typed_path
from etcdtui.services.writing.txns import Evaluated, evaluate
from etcdtui.ui import limits
from etcdtui.ui.bindings import TXN
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Host, Writing
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.command import TextDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.panehead import Pane

T = TypeVar("T", CompareSpec, OpSpec)
LEAST_TEXT = 30
"""Characters of a row's text that are shown before what it would change."""
ANSWERED_KEYS = 50
IF, THEN, ELSE = "IF", "THEN", "ELSE"
PARTS = (IF, THEN, ELSE)
EXAMPLE = """\
n adds a row; e on a heading takes etcdctl's txn text, typed or pasted, such as:

mod("/app/flag") = "42"          if nobody has written it since revision 42
value("/app/mode") = "stopped"   and this is its value

put /app/flag on                 then do this

get /app/flag                    else this

D evaluates the conditions with reads. ctrl+x shows all of it for review, and runs it."""
"""What the place of the text says while there is none."""


@record()
class TxnRow:
    """A heading (``index`` -1) or one compare or request of a part."""

    part: str
    index: int
    text: str
    now: str = ""


class TxnLines(LineView):
    """The three parts below each other."""

    def __init__(self) -> None:
        super().__init__(id="txn")
        self.rows: list[TxnRow] = []

    @property
    def row_count(self) -> int:
        return len(self.rows)

    def render_row(self, index: int, width: int) -> Text:
        row = self.rows[index]
        if row.index < 0:
            return safe(row.text, self.tone("head"))
        told = {"true": "good", "alse": "warn"}.get(row.now[-4:], "dim") if row.part == IF else "dim"
        room = max(LEAST_TEXT, width - 10 - min(len(row.now), 60)) if width and row.now else limits.WORDS
        return Text.assemble(f"  {row.index + 1:>2}  ", safe(row.text, limit=room), "   ",
                             safe(row.now, self.tone(told), limit=60))  # fmt: skip

    @property
    def current(self) -> TxnRow | None:
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None


class TxnScreen(ClusterScreen):
    """IF all of these hold THEN do this ELSE that, in one revision."""

    screen_name: ClassVar[str] = TXN
    number: ClassVar[int] = 8
    label: ClassVar[str] = "Txn"
    about: ClassVar[str] = (
        "One transaction: conditions, then, else. D evaluates it with reads; ctrl+x reviews and runs."
    )
    DEFAULT_CSS = """
    TxnScreen #txn { height: 1fr; }
    TxnScreen #txn-text { height: 45%; }
    TxnScreen #as-etcdctl { height: 1fr; color: $text-muted; padding: 0 1; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.spec = TxnSpec()
        self.seen: Evaluated | None = None
        self.lines = TxnLines()
        self.command = Static(Text(), markup=False, id="as-etcdctl")

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield Pane("a transaction: all of it at one revision, or nothing", self.lines)
            yield Pane("as etcdctl reads it", self.command, id="txn-text")

    def on_mount(self) -> None:
        self.lines.focus()
        self._show()

    # --- what is shown -----------------------------------------------------------------------------------

    def _show(self) -> None:
        rows: list[TxnRow] = []
        spec, seen = self.spec, self.seen
        for part in PARTS:
            items = self._part(part)
            many = f"{part} all of ({len(items)})" if part == IF else f"{part} ({len(items)})"
            rows.append(TxnRow(part, -1, many))
            for i, item in enumerate(items):
                now = ""
                if isinstance(item, CompareSpec):
                    if seen is not None and i < len(seen.holds):
                        value = seen.now[i]
                        shown = "missing" if value is None else value if isinstance(value, int) else "another value"
                        now = f"now {shown}  {str(seen.holds[i]).lower()}"
                    rows.append(TxnRow(part, i, compare_text(item), now))
                elif isinstance(item, OpSpec):
                    rows.append(TxnRow(part, i, op_text(item), self._would(item)))
        self.lines.rows = rows
        self.lines.model_changed()
        words = f"{spec.ops} of {MAX_OPS} operations, {format_size(spec.size)} of 1.5 MiB"
        branch = f"now: {seen.branch} would run" if seen is not None else "D evaluates the conditions"
        problem = spec.problem() if spec.ops else ""
        self.set_status(safe(problem, self.lines.tone("bad"), limit=200), Text(words), Text(branch))
        self.command.update(safe(txn_text(spec), limit=2000, keep_newlines=True) if spec.ops else Text(
            EXAMPLE))  # fmt: skip

    def _would(self, op: OpSpec) -> str:
        """What a request would change, from the keys read by the last evaluation."""
        if self.seen is None or op.kind == "get":
            return ""
        before = {kv.key: kv for kv in self.seen.before}
        if op.kind == "del":
            many = sum(holds((op.key, op.end), key) for key in before)
            return "1 key" if many == 1 else f"{many} keys{'' if self.seen.complete else ' at least'}"
        was = before.get(op.key)
        hidden = hiding(self.session.profile.mask, op.key)
        return "new key" if was is None else summary(was.value, op.value, hidden)

    def _part(self, part: str) -> tuple[CompareSpec, ...] | tuple[OpSpec, ...]:
        if part == IF:
            return self.spec.compares
        return self.spec.success if part == THEN else self.spec.failure

    def set_spec(self, spec: TxnSpec) -> None:
        self.spec, self.seen = spec, None
        self._show()
        if spec.ops:
            spawn(self, self._evaluate, "evaluate", exclusive=True)

    def load_text(self, text: str) -> None:
        """Take the text that ``etcdctl txn`` reads; one that is no transaction is given back to be mended."""
        try:
            self.set_spec(parse_txn(text))
        except TxnSyntaxError as error:
            self._keep(text)
            self.flash(str(error), "warn")
            spawn(self, partial(self._edit_text, text), "row", exclusive=True)
        else:
            self._drafts.drop_text(TXN)

    @property
    def _drafts(self) -> Drafts:
        return drafts_of(self.session.writes)

    def _keep(self, text: str) -> None:
        try:
            self._drafts.keep_text(TXN, text)
        except OSError as error:
            self.flash(f"the text could not be kept: {error.strerror}", "bad")

    # --- rows --------------------------------------------------------------------------------------------

    def action_new(self) -> None:
        row = self.lines.current
        spawn(self, partial(self._edit, row.part if row else IF, None), "row", exclusive=True)

    def action_edit(self) -> None:
        row = self.lines.current
        if row is None or row.index < 0:
            spawn(self, self._edit_whole, "row", exclusive=True)
        else:
            spawn(self, partial(self._edit, row.part, row.index), "row", exclusive=True)

    async def _edit_whole(self) -> None:
        """The text of what is built, or the one that was left before."""
        text, kept = txn_text(self.spec), self._drafts.text(TXN)
        if kept and kept != text:
            lines = [line("a text was typed here and not taken:"), *(line("  ", one) for one in kept.splitlines()[:8])]
            answers = [("r", "go on with it"), ("d", "discard it")]
            answer = await self.app.push_screen_wait(AskDialog(Text("transaction"), lines, answers))
            if not answer:
                return
            if answer == "r":
                text = kept
            else:
                self._drafts.drop_text(TXN)
        await self._edit_text(text)

    async def _edit_text(self, text: str) -> None:
        dialog = TextDialog(Text("transaction as etcdctl text"), text, keep=self._keep)
        taken: str | None = await self.app.push_screen_wait(dialog)
        if taken is not None:
            self.load_text(taken)
        elif dialog.area.text != text:
            self.flash("the text is kept: e on a heading goes on with it")

    async def _edit(self, part: str, index: int | None) -> None:
        items = self._part(part)
        old = items[index] if index is not None else None
        value = compare_text(old) if isinstance(old, CompareSpec) else op_text(old) if old is not None else ""
        example = 'mod("/a/key") = "5"' if part == IF else "put KEY VALUE, del KEY, get KEY"
        heading, problem = Text(f"{part}: {example}"), ""
        while True:
            explain = safe(problem, self.lines.tone("warn"), limit=200) if problem else None
            value = await self.app.push_screen_wait(PromptDialog(heading, explain, value=value)) or ""
            if not value:
                return
            problem = self._take_row(part, index, value)
            if not problem:
                return

    def _take_row(self, part: str, index: int | None, text: str) -> str:
        """Put a typed row in; why it is none, when it is not."""
        try:
            if part == IF:
                self.set_spec(replace(self.spec, compares=_put(self.spec.compares, index, parse_compare(text))))
            elif part == THEN:
                self.set_spec(replace(self.spec, success=_put(self.spec.success, index, parse_op(text))))
            else:
                self.set_spec(replace(self.spec, failure=_put(self.spec.failure, index, parse_op(text))))
        except TxnSyntaxError as error:
            return str(error)
        return ""

    def action_drop(self) -> None:
        row = self.lines.current
        if row is None or row.index < 0:
            return
        spec, i = self.spec, row.index
        if row.part == IF:
            spec = replace(spec, compares=spec.compares[:i] + spec.compares[i + 1 :])
        elif row.part == THEN:
            spec = replace(spec, success=spec.success[:i] + spec.success[i + 1 :])
        else:
            spec = replace(spec, failure=spec.failure[:i] + spec.failure[i + 1 :])
        self.set_spec(spec)

    # --- running -----------------------------------------------------------------------------------------

    def action_dry_run(self) -> None:
        """Dry run: evaluate with reads, and put it on record."""
        spawn(self, self._dry, "evaluate", exclusive=True)

    async def _dry(self) -> None:
        seen = await self._flows.try_transaction(self.spec)
        if seen is not None:
            self.seen = seen
            self._show()
            self.flash(f"dry run, nothing was sent: {seen.branch} would run now")

    @property
    def _flows(self) -> Writing:
        return self.host.writing(self, lambda _: None)

    def action_save(self) -> None:
        """The text that ``etcdctl txn`` reads, into a new file."""
        spawn(self, self._save, "save", exclusive=True)

    async def _save(self) -> None:
        name = await self.app.push_screen_wait(PromptDialog(Text("save for etcdctl txn as"), value="txn.txt"))
        if not name:
            return
        path = typed_path(name)
        try:
            await asyncio.to_thread(create_private, path, txn_text(self.spec).encode())
        except FileExistsError:
            self.flash("the file exists already and is not replaced", "warn")
        except OSError as error:
            self.flash(f"not written: {error.strerror}", "bad")
        else:
            self.flash(Text.assemble("saved; etcdctl txn < ", safe(str(path), limit=limits.WORDS)), "good")

    async def _evaluate(self) -> None:
        if self.spec.problem():  # told on the status line
            return
        try:
            self.seen = await evaluate(self.session.writes, self.spec)
        except EtcdError as error:
            self.flash(error_line(error), "bad")
            return
        self._show()

    def action_run(self) -> None:
        self.start_write(self._run)

    async def _run(self) -> None:
        result = await self._flows.transact(self.spec)
        if result is not None and any(isinstance(answer, RangeResult) for answer in result.responses):
            branch = "THEN" if result.succeeded else "ELSE"
            await self.app.push_screen_wait(AskDialog(Text(f"{branch} answered"), self._answers(result), []))
        await self._evaluate()

    def _answers(self, result: TxnResult) -> list[PlanLine]:
        lines: list[PlanLine] = []
        for number, answer in enumerate(result.responses, 1):
            if not isinstance(answer, RangeResult):
                continue
            lines.append(line(f"{number}  get: {answer.count} keys", tone="head"))
            for kv in answer.kvs[:ANSWERED_KEYS]:
                hidden = hiding(self.session.profile.mask, kv.key)
                lines.append(line("   ", kv.key, f"  rev {kv.mod_revision}  ", preview(kv.value, hidden)))
        return lines

    def action_copy(self) -> None:
        command = txn_command(self.spec, namespace=self.session.guard.policy.namespace)
        self.to_clipboard(command, "copied as etcdctl")


def _put(items: tuple[T, ...], index: int | None, item: T) -> tuple[T, ...]:
    out = list(items)
    if index is None:
        out.append(item)
    else:
        out[index] = item
    return tuple(out)
