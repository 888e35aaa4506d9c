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
from etcdtui.core.decoding.kubernetes import is_secret
from etcdtui.core.decoding.lines import HexLines
from etcdtui.core.decoding.masking import mask_lines
from etcdtui.core.decoding.result import HIDDEN, Decoded
from etcdtui.core.diff import Absent, FieldChange, Skipped
from etcdtui.core.merge import Merged
from etcdtui.core.merge import merge as merge_values
from etcdtui.core.plan import PlanLine, line
from etcdtui.core.search import KeyGlob
from etcdtui.core.units import format_size
from etcdtui.core.value import Value
from etcdtui.services.values.formats import PARSERS, decode, is_object, read

DIFF_BYTES = 512 * 1024
"""Larger values are not compared by line or field in a dialog."""
SHOWN_LINES = 400
VALUE_CHARS = 60
CONTEXT = 3
FIELDS_SHOWN = 3
"""Changed fields named above the lines."""
WIDE_LINE = 100
"""JSON on one line longer than this is compared in its indented form."""
UNNAMED = frozenset({"binary", "text"})
"""Kinds that say nothing of a value which its bytes do not say better."""
MANAGERS = ("metadata", "managedFields")
MASKED = "masked by the profile: x shows it"


class Hiding(Value):
    """What of a value is not shown: the named fields (lower case), all of it, or what is in a Secret."""

    fields: frozenset[str] = frozenset()
    whole: bool = False
    secrets: bool = False

    def decode(self, value: bytes) -> Decoded:
        """What the value is, with that hidden in its views."""
        return decode(value, mask=self.fields, reveal=not (self.fields or self.secrets))


NOTHING = Hiding()


class Look(Value):
    """How a person looks at a difference: all fields instead of lines, masked parts too, equal lines around."""

    fields: bool = False
    revealed: bool = False
    context: int = CONTEXT


def hiding(mask: Mask, key: bytes) -> Hiding:
    """What the profile hides of the value of ``key``."""
    fields = frozenset(name.lower() for name in mask.fields)
    return Hiding(fields, any(KeyGlob(pattern).matches(key) for pattern in mask.keys), secrets=True)


# --- by field ----------------------------------------------------------------------------------------------------


def field_changes(before: bytes, after: bytes, hidden: Hiding = NOTHING) -> tuple[FieldChange, ...] | None:
    """Changed fields in order, hidden ones without their content; ``None`` unless both are of one such format.

    Who manages which field of a Kubernetes object is one change, the last.
    """
    if max(len(before), len(after)) > DIFF_BYTES:
        return None
    old, new = read(before), read(after)
    if old is None or new is None or old.kind != new.kind:
        return None
    changes = (
        _folded(diff.field_diff(old.tree, new.tree)) if is_object(old.kind) else diff.field_diff(old.tree, new.tree)
    )
    return tuple(_covered(change) if _is_hidden(change, hidden, old.kind) else change for change in changes)


def _folded(changes: Sequence[FieldChange]) -> tuple[FieldChange, ...]:
    kept = [change for change in changes if change.path[:2] != MANAGERS]
    managers = [FieldChange(MANAGERS, "as it was", "updated")] if len(kept) < len(changes) else []
    return (*kept, *managers)


def _is_hidden(change: FieldChange, hidden: Hiding, kind: str) -> bool:
    if hidden.secrets and is_secret(kind, change.path):
        return True
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
    if "\0" in whole:
        return None
    if not hidden.fields:
        return whole
    return json_text.mask(whole, hidden.fields) if json_text.is_json(whole) else mask_lines(whole, hidden.fields)


def preview(value: bytes, hidden: Hiding = NOTHING, limit: int = 200) -> str:
    """The start of a value on one line; of what is no text, what it is where that is known."""
    if hidden.whole:
        return MASKED.partition(":")[0]
    shown = None if len(value) > DIFF_BYTES else text(value, hidden)
    if shown is None:
        made = hidden.decode(value)
        if made.masked or made.kind not in UNNAMED:
            names = [fact.value for fact in made.facts if fact.name in ("namespace", "name")]
            return " ".join([made.kind, *reversed(names)])[:limit]
        shown = value[:limit].decode("utf-8", "backslashreplace")
    return shown[:limit]


def _sides(before: bytes, after: bytes, hidden: Hiding) -> tuple[bytes, bytes]:
    """Both values as lines to compare: text, JSON on one line indented, binary as hex."""
    old, new = text(before, hidden), text(after, hidden)
    if old is None or new is None:
        return _decoded_sides(before, after, hidden)
    wide = [side for side in (old, new) if len(side) > WIDE_LINE and "\n" not in side.strip()]
    if wide and all(json_text.is_json(side) for side in (old, new) if side):
        old, new = ("\n".join(json_text.pretty(side)) if side else side for side in (old, new))
    return old.encode(), new.encode()


def _decoded_sides(before: bytes, after: bytes, hidden: Hiding) -> tuple[bytes, bytes]:
    """Both in words where they are of one kind, or one is nothing; else as hex where nothing is hidden."""
    sides = [hidden.decode(value) for value in (before, after)]
    filled = [side for side, value in zip(sides, (before, after), strict=True) if value]
    alike = len({side.kind for side in filled}) == 1
    name = filled[0].views[0].name if alike and filled[0].views else "hex"
    if alike and name != "hex" and not any(side.problem for side in filled):
        made = [side.views[0].lines() if value else () for side, value in zip(sides, (before, after), strict=True)]
    else:
        made = [
            [f"{HIDDEN} fields are hidden"] if side.masked else HexLines(value)
            for side, value in zip(sides, (before, after), strict=True)
        ]
    old, new = ("\n".join(lines).encode("utf-8", "surrogateescape") for lines in made)
    return old, new


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
    if kind not in PARSERS and any(text(value, NOTHING) is None for value in (base, mine, theirs)):
        return None
    made = merge_values(base, mine, theirs, PARSERS.get(kind))
    return made.value if isinstance(made, Merged) else None
