"""What one watched event changed, in one line and in full; what is masked stays hidden in both."""

from __future__ import annotations

from etcdtui.core.plan import PlanLine, line
from etcdtui.core.units import format_size
from etcdtui.services.tail.entries import EXPIRED, NEW, Seen
from etcdtui.services.values import valuediff
from etcdtui.services.values.valuediff import NOTHING, Hiding

SHOWN_VALUE = 200
"""Characters of a value in the one-line form."""
SUMMARY_BYTES = 64 * 1024
"""Larger values are not looked into for the one-line form."""
MASKED = "(masked)"
UNKNOWN = "before: not known"


def summary(entry: Seen, cover: Hiding = NOTHING) -> str:
    """``pool.max 16 -> 32``, ``false -> true``, ``was "yes"``; foreign text, to be made safe."""
    if cover.whole:
        words = MASKED
    elif entry.deleted:
        words = "" if entry.before is None else f"was {_short(entry.before.value, cover)}"
    elif entry.before is None:
        words = _short(entry.kv.value, cover)
    elif max(len(entry.before.value), len(entry.kv.value)) > SUMMARY_BYTES:
        words = f"{format_size(len(entry.before.value))} -> {format_size(len(entry.kv.value))}"
    else:
        words = valuediff.summary(entry.before.value, entry.kv.value, cover)
    if entry.op == EXPIRED:
        words = f"lease {entry.lease:x} gone: expiry?  {words}".rstrip()
    return words


def details(entry: Seen, cover: Hiding = NOTHING) -> list[PlanLine]:
    """The whole difference, line by line, with what is known of both sides."""
    before = entry.before.value if entry.before is not None else b""
    new = b"" if entry.deleted else entry.kv.value
    return [*facts(entry), *valuediff.line_diff(before, new, cover)]


def facts(entry: Seen) -> list[PlanLine]:
    """What is known of both sides, beside their values."""
    kv, before = entry.kv, entry.before
    lines: list[PlanLine] = []
    if before is not None:
        lease = f"  lease {before.lease:x}" if before.lease else ""
        revision = f"  rev {before.mod_revision}" if before.mod_revision else ""
        size = format_size(len(before.value))
        lines.append(line(f"before{revision}  ver {before.version}  {size}{lease}", tone="dim"))
    elif entry.op == NEW:
        lines.append(line("before  the key did not exist", tone="dim"))
    else:
        lines.append(line("before  not known: it is compacted away, or was not recorded", tone="dim"))
    if entry.deleted:
        words = "deleted, and its lease is gone: probably an expiry," if entry.op == EXPIRED else "deleted"
        lines.append(line(f"after   {words} at rev {kv.mod_revision}", tone="remove"))
    else:
        lease = f"  lease {kv.lease:x}" if kv.lease else ""
        size = format_size(len(kv.value))
        lines.append(line(f"after   rev {kv.mod_revision}  ver {kv.version}  {size}{lease}", tone="dim"))
    if entry.group > 1:
        others = entry.group - 1
        keys = "1 other key" if others == 1 else f"{others} other keys"
        same = f"in the same transaction as {keys} (rev {kv.mod_revision} has {entry.group} events here)"
        lines.append(line(same, tone="dim"))
    return lines


def _short(value: bytes, cover: Hiding) -> str:
    text = valuediff.text(value, cover) if len(value) <= SUMMARY_BYTES else None
    if text is None:
        return format_size(len(value))
    first, _, rest = text[:SHOWN_VALUE].partition("\n")
    more = ".." if rest or len(text) > SHOWN_VALUE else ""
    return f'"{first}{more}"'
