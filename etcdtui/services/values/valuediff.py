"""What differs between two values, ready to be shown: by field where both are JSON, YAML or TOML, and by line.

Everything that shows a difference (reviews, conflicts, History, Watch, Activity) takes it from here, so that what the
profile masks is hidden in all of them. All text is foreign, to be made safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etcdtui.config.schema import Mask
from etcdtui.core import diff
from etcdtui.core.decoding import json_text
from etcdtui.core.decoding.lines import HexLines
from etcdtui.core.decoding.masking import mask_lines
from etcdtui.core.decoding.result import HIDDEN
from etcdtui.core.diff import Absent, FieldChange, Skipped
from etcdtui.core.merge import Merged
from etcdtui.core.merge import merge as merge_values
from etcdtui.core.plan import PlanLine, line
from etcdtui.core.search import KeyGlob
from etcdtui.core.units import format_size
from etcdtui.core.value import Value
from etcdtui.services.values.formats import PARSERS, read

DIFF_BYTES = 512 * 1024
"""Larger values are not compared by line or field in a dialog."""
SHOWN_LINES = 400
VALUE_CHARS = 60
CONTEXT = 3
FIELDS_SHOWN = 3
"""Changed fields named above the lines."""
WIDE_LINE = 100
"""JSON on one line longer than this is compared in its indented form."""
MASKED = "masked by the profile: x shows it"


class Hiding(Value):
    """What of a value is not shown: the named fields (lower case), or all of it."""

    fields: frozenset[str] = frozenset()
    whole: bool = False


NOTHING = Hiding()


class Look(Value):
    """How a person looks at a difference: all fields instead of lines, masked parts too, equal lines around."""

    fields: bool = False
    revealed: bool = False
    context: int = CONTEXT


def hiding(mask: Mask, key: bytes) -> Hiding:
    """What the profile hides of the value of ``key``."""
    fields = frozenset(name.lower() for name in mask.fields)
    return Hiding(fields, any(KeyGlob(pattern).matches(key) for pattern in mask.keys))


# --- by field ----------------------------------------------------------------------------------------------------


def field_changes(before: bytes, after: bytes, hidden: Hiding = NOTHING) -> tuple[FieldChange, ...] | None:
    """Changed fields in order, hidden ones without their content; ``None`` unless both are of one such format."""
    if max(len(before), len(after)) > DIFF_BYTES:
        return None
    old, new = read(before), read(after)
    if old is None or new is None or old.kind != new.kind:
        return None
    changes = diff.field_diff(old.tree, new.tree)
    return tuple(_covered(change) if _is_hidden(change, hidden) else change for change in changes)


def _is_hidden(change: FieldChange, hidden: Hiding) -> bool:
    names = (step.lower() for step in change.path if isinstance(step, str))
    return hidden.whole or any(name in hidden.fields or name.rsplit(".", 1)[-1] in hidden.fields for name in names)


def _covered(change: FieldChange) -> FieldChange:
    before = change.before if isinstance(change.before, Absent) else HIDDEN
    after = change.after if isinstance(change.after, Absent) else HIDDEN
    return replace(change, before=before, after=after)


def changes(before: bytes, after: bytes, hidden: Hiding = NOTHING) -> list[str]:
    """One line a change: ``pool.max 16 -> 32`` for documents, both values when they are short, else counts."""
    if before == after:
        return []
    if hidden.whole:
        return [f"{MASKED.partition(':')[0]}: {format_size(len(before))} -> {format_size(len(after))}"]
    fields = field_changes(before, after, hidden)
    if fields is not None:
        return [change.describe(VALUE_CHARS) for change in fields] or ["formatting only"]
    if max(len(before), len(after)) > DIFF_BYTES:
        return [f"{format_size(len(before))} -> {format_size(len(after))}"]
    old, new = text(before, hidden), text(after, hidden)
    if old is None or new is None:
        found = diff.byte_diff(before, after)
        where = f"at {found[0].before_at:#x}"
        first = f"{len(found[0].before)} bytes became {len(found[0].after)} {where}"
        return [first if len(found) == 1 else f"{len(found)} stretches of bytes, the first {where}"]
    if old == new:
        return ["a masked field changed"]
    if max(len(old), len(new)) <= VALUE_CHARS and "\n" not in old + new:
        return [f"{old or _NOTHING_TEXT} -> {new or _NOTHING_TEXT}"]
    compared = diff.line_diff(before, after)
    return [f"{compared.removed} out and {compared.added} in, by line"]


_NOTHING_TEXT = '""'


def summary(before: bytes, after: bytes, hidden: Hiding = NOTHING) -> str:
    """All changes in one line."""
    if not hidden.whole and (fields := field_changes(before, after, hidden)):
        return fields[0].describe(VALUE_CHARS) if len(fields) == 1 else diff.summarise(fields)
    return next(iter(changes(before, after, hidden)), "same value again")


# --- by line -----------------------------------------------------------------------------------------------------


def text(value: bytes, hidden: Hiding) -> str | None:
    """The value as it is stored with hidden fields replaced; ``None`` when it is not text."""
    try:
        whole = value.decode()
    except UnicodeDecodeError:
        return None
    if not hidden.fields:
        return whole
    return json_text.mask(whole, hidden.fields) if json_text.is_json(whole) else mask_lines(whole, hidden.fields)


def preview(value: bytes, hidden: Hiding = NOTHING, limit: int = 200) -> str:
    """The start of a value on one line."""
    shown = None if hidden.whole or len(value) > DIFF_BYTES else text(value, hidden)
    if hidden.whole:
        return MASKED.partition(":")[0]
    return (shown if shown is not None else value[:limit].decode("utf-8", "backslashreplace"))[:limit]


def _sides(before: bytes, after: bytes, hidden: Hiding) -> tuple[bytes, bytes]:
    """Both values as lines to compare: text, JSON on one line indented, binary as hex."""
    old, new = text(before, hidden), text(after, hidden)
    if old is None or new is None:
        return "\n".join(HexLines(before)).encode(), "\n".join(HexLines(after)).encode()
    wide = [side for side in (old, new) if len(side) > WIDE_LINE and "\n" not in side.strip()]
    if wide and all(json_text.is_json(side) for side in (old, new) if side):
        old, new = ("\n".join(json_text.pretty(side)) if side else side for side in (old, new))
    return old.encode(), new.encode()


def line_diff(before: bytes, after: bytes, hidden: Hiding = NOTHING, *, context: int = CONTEXT) -> list[PlanLine]:
    """Removed and added lines with ``context`` equal ones around; a sentence where there is nothing to compare."""
    if before == after:
        return []
    if hidden.whole:
        return [line(MASKED, tone="dim")]
    if max(len(before), len(after)) > DIFF_BYTES:
        return [line("too large to compare line by line", tone="dim")]
    old, new = _sides(before, after, hidden)
    if old == new:
        only = "only masked fields differ: x shows them" if hidden.fields else "only the formatting differs"
        return [line(only, tone="dim")]
    out: list[PlanLine] = []
    for item in diff.line_diff(old, new).with_context(context):
        if len(out) >= SHOWN_LINES:
            return [*out, line("  ... more", tone="dim")]
        if isinstance(item, Skipped):
            out.append(line(f"  ... {item.count} equal lines", tone="dim"))
        elif item.op == " ":
            out.append(line("   ", item.text))
        else:
            out.append(line(f" {item.op} ", item.text, tone="add" if item.op == "+" else "remove"))
    return out


def view(before: bytes | None, after: bytes, hidden: Hiding, look: Look) -> list[PlanLine]:
    """The difference as a review shows it; ``before`` is ``None`` for a new key, whose value is shown."""
    cover = NOTHING if look.revealed else hidden
    if before is None:
        return line_diff(b"", after, cover)
    told = changes(before, after, cover)
    count = "1 change:  " if len(told) == 1 else f"{len(told)} changes:  "
    most = SHOWN_LINES if look.fields else FIELDS_SHOWN
    heads = [line(count if i == 0 else " " * len(count), words) for i, words in enumerate(told[:most])]
    if len(told) > most:
        heads.append(line(f"{' ' * len(count)}and {len(told) - most} more: v lists them", tone="dim"))
    return heads if look.fields else [*heads, *line_diff(before, after, cover, context=look.context)]


def full_diff(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, str]]:
    """Every line of two shown values as ``(op, text)``; op is a blank, ``-`` or ``+``."""
    sides = ("\n".join(lines).encode("utf-8", "surrogateescape") for lines in (old, new))
    return [(item.op, item.text.decode("utf-8", "surrogateescape")) for item in diff.line_diff(*sides).lines]


# --- merging -----------------------------------------------------------------------------------------------------


def merge(base: bytes, mine: bytes, theirs: bytes) -> bytes | None:
    """Both changes together when they touch different fields (JSON, YAML, TOML) or lines, else ``None``."""
    if max(len(base), len(mine), len(theirs)) > DIFF_BYTES:
        return None
    kinds = {document.kind if document else "" for document in map(read, (base, mine, theirs))}
    kind = kinds.pop() if len(kinds) == 1 else ""
    made = merge_values(base, mine, theirs, PARSERS.get(kind))
    return made.value if isinstance(made, Merged) else None
