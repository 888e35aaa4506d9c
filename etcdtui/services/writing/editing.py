"""Load, edit and save one key without ever losing a change that was not shown.

Saving is one transaction on the revision that was loaded, keeps the lease, and keeps every byte the person did not
touch. Outcomes are values: ``Saved``, ``Conflict``, ``Gone``, ``NotKnown``.
"""

from __future__ import annotations

import binascii
from enum import Enum
from typing import TypeAlias

from etcdtui.core.keypath import KeySyntaxError, escape_key, parse_key
from etcdtui.core.plan import ActionClass, Fact, Scope, Tone, WritePlan, last_segment, line
from etcdtui.core.steps import MAX_BYTES, Step
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.core.value import Value
from etcdtui.services.values.formats import check_syntax
from etcdtui.services.values.kubernetes import MAGIC_BYTES, edit_refusal
from etcdtui.services.writing.committing import Refused, Unknown
from etcdtui.services.writing.drafts import Drafts
from etcdtui.services.writing.etcdctl import steps_command
from etcdtui.services.writing.guard import Guard
from etcdtui.services.writing.run import DryRun, Report, StepsWrite
from etcdtui.services.writing.writes import Writes

EDIT_BYTES = 256 * 1024
EDIT_LINES = 10_000
EDIT_LINE = 16 * 1024
"""What the built-in editor takes; beyond it stays with ``$EDITOR``."""
REQUEST_OVERHEAD = 512
_REWRITTEN = frozenset("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
"""Characters that a text widget turns into line ends."""
HEX_WIDTH = 16


class EditMode(Enum):
    TEXT = "text"
    ESCAPED = "escaped text"
    HEX = "hex"


class Saved(Value):
    revision: int
    settled: bool = False


class Conflict(Value):
    """Somebody changed the key (or created it, for a new one); nothing was written."""

    theirs: KeyValue


class Gone(Value):
    """The key was deleted since it was loaded; nothing was written."""


class NotKnown(Value):
    """The answer was lost and could not be found out: it may be written or not. The draft is kept."""

    reason: str


SaveResult: TypeAlias = Saved | Conflict | Gone | NotKnown | DryRun


class Editable(Value):
    """A value as text for an editor. ``too_big`` says that only ``$EDITOR`` takes it."""

    mode: EditMode
    text: str
    too_big: bool = False


def editable(value: bytes) -> Editable:
    """Text where text survives an editor byte for byte, else escapes (odd characters) or hex (binary)."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return _sized(EditMode.HEX, hex_text(value))
    if _plain_text(text):
        return _sized(EditMode.TEXT, text)
    if sum(not c.isprintable() and c not in "\r\n\t" for c in text) * 4 > len(text):
        return _sized(EditMode.HEX, hex_text(value))
    return _sized(EditMode.ESCAPED, "\n".join(escape_key(part) for part in value.split(b"\n")))


def to_value(mode: EditMode, text: str) -> bytes:
    """The bytes an edited text stands for; raises ``ValueError`` with a sentence."""
    if mode is EditMode.TEXT:
        return text.encode()
    if mode is EditMode.ESCAPED:
        try:
            return parse_key(text)
        except KeySyntaxError as error:
            raise ValueError(str(error)) from None
    return parse_hex(text)


def _sized(mode: EditMode, text: str) -> Editable:
    lines = text.split("\n")
    too_big = len(text) > EDIT_BYTES or len(lines) > EDIT_LINES or max(map(len, lines)) > EDIT_LINE
    return Editable(mode, text, too_big)


def _plain_text(text: str) -> bool:
    if any(c in _REWRITTEN or not (c.isprintable() or c in "\r\n\t") for c in text):
        return False
    crlf, cr, lf = text.count("\r\n"), text.count("\r"), text.count("\n")
    return cr == 0 or (crlf == cr == lf) or (lf == 0)


def hex_text(value: bytes) -> str:
    """Sixteen bytes a line, two digits each."""
    return "\n".join(value[i : i + HEX_WIDTH].hex(" ") for i in range(0, len(value), HEX_WIDTH))


def parse_hex(text: str) -> bytes:
    """The bytes of hex digits, blanks and line ends ignored; raises ``ValueError``."""
    digits = "".join(text.split())
    try:
        return binascii.unhexlify(digits)
    except (binascii.Error, ValueError):
        for number, part in enumerate(text.split("\n"), 1):
            clean = "".join(part.split())
            if len(clean) % 2 or any(c not in "0123456789abcdefABCDEF" for c in clean):
                raise ValueError(f"Line {number} is not pairs of hexadecimal digits.") from None
        raise ValueError("This is not pairs of hexadecimal digits.") from None


def newline_words(before: bytes | None, after: bytes) -> str:
    """What happens to the final line end, in words."""
    had, has = bool(before and before.endswith(b"\n")), after.endswith(b"\n")
    if before is None or had == has:
        return (
            f"final newline: {'yes' if has else 'none'}"
            if before is None
            else (f"keeps final newline: {'yes' if has else 'none'}")
        )
    return "a final newline is ADDED" if has else "the final newline is REMOVED"


def size_limit(guard: Guard) -> tuple[int, int]:
    """The value sizes (bytes) above which a write asks more, and is refused by a default server."""
    return guard.policy.value_size, MAX_BYTES - REQUEST_OVERHEAD


class EditWrite(StepsWrite):
    """Save one key. The draft is kept first, and dropped only once the value is known to be written."""

    def __init__(self, plan: WritePlan, step: Step, drafts: Drafts | None = None) -> None:
        super().__init__(plan, ((step,),))
        self.step = step
        self.drafts = drafts

    async def prepare(self, writes: Writes) -> None:
        if self.drafts is not None:
            self.drafts.save(self.step.key, self.step.before, self.step.value or b"")

    async def finish(self, writes: Writes, report: Report) -> None:
        if self.drafts is not None and report.complete:
            self.drafts.drop(self.step.key)


def plan_edit(
    guard: Guard,
    key: bytes,
    base: KeyValue | None,
    value: bytes,
    *,
    lease: int = 0,
    ttl: int | None = None,
    drafts: Drafts | None = None,
    detach: bool = False,
) -> EditWrite:
    """An edit (``base`` given) or a new key. ``lease`` 0 keeps the lease a key has, or with ``detach`` takes it off;
    ``ttl`` is what is left of the lease that the key will have, ``None`` when that is not known."""
    step = Step(key, base, value, lease, keep_lease=base is not None and not lease and not detach)
    soft, hard = size_limit(guard)
    old = base.value if base else None
    syntax = check_syntax(old, value)
    state = f"BROKEN {syntax.kind}" if syntax.problem else f"{syntax.kind} ok"
    was = format_size(len(old)) if old is not None else ""
    tone: Tone = "warn" if syntax.problem else "head"
    facts = [Fact("value", state.encode(), was, format_size(len(value)), tone)]
    lines = []
    if syntax.problem:
        lines.append(line(f"{syntax.problem} It would be written as it is.", tone="warn"))
    blocked = ""
    if len(value) + len(key) > hard:
        blocked = f"the value has {format_size(len(value))}; a server accepts {format_size(hard)} by default"
    elif len(value) > soft:
        lines.append(line(f"larger than this profile's limit of {format_size(soft)}", tone="warn"))
    if base is not None and (why := edit_refusal(key, base.value)):
        blocked = why
    if (named := guard.families.recognise(key)) is not None:
        lines += [line(words, tone="warn") for words in named.warnings]
    condition = (
        f"still at rev {base.mod_revision} (ver {base.version}), else nothing is written"
        if base
        else "the key does not exist now, else nothing is written"
    )
    lines.append(line("condition: ", condition))
    had, will = base.lease if base else 0, step.final_lease
    ends = newline_words(old, value)
    if had == will:
        lines.append(line("keeps lease " if will else "no lease", _lease_words(will, ttl), "   ", ends))
    else:
        facts.append(Fact("lease", b"", f"{had:x}" if had else "none", _lease_words(will, ttl), "add"))
        if ttl is None:
            lines.append(line("that lease is not found: it has ended, or you may not read it", tone="warn"))
        lines.append(line(ends))
    plan = WritePlan(
        facts=tuple(facts),
        action="put (cas)" if base else "new key",
        target=key,
        action_class=ActionClass.R2 if len(value) > soft else ActionClass.R1,
        scope=Scope(frozenset({"KV/Txn"}), puts=((key, b""),)),
        target_word=escape_key(last_segment(key)),
        lines=tuple(lines),
        condition=condition,
        etcdctl=steps_command((step,), namespace=guard.policy.namespace),
        keys=(key,),
        values=((key, base.value[:MAGIC_BYTES]),) if base else (),
        size=len(value),
        blocked=blocked,
    )
    return EditWrite(plan, step, drafts)


def _lease_words(lease: int, ttl: int | None) -> str:
    return f"{lease:x}{f' (TTL {ttl}s)' if ttl is not None else ''}" if lease else ""


def outcome(report: Report) -> SaveResult:
    """What came of an edit."""
    if report.dry is not None:
        return report.dry
    stopped = report.stopped
    if isinstance(stopped, Refused):
        return Conflict(stopped.found[0]) if stopped.found and stopped.found[0] else Gone()
    if isinstance(stopped, Unknown):
        return NotKnown(stopped.reason)
    return Saved(report.revision, report.settled)
