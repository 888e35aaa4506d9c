"""What one watched event changed, in one line and in full, with masked fields kept hidden."""

from __future__ import annotations

import base64
import json

from etcdtui.core.plan import PlanLine, line
from etcdtui.core.types import Event, EventType
from etcdtui.core.units import format_size
from etcdtui.services.values import valuediff
from etcdtui.services.values.valuediff import Hiding

SHOWN_VALUE = 200
"""Characters of a value in the one-line form."""
SUMMARY_BYTES = 64 * 1024
"""Larger values are not looked into for the one-line form."""


def summary(event: Event, hidden: frozenset[str] = frozenset()) -> str:
    """``pool.max 16 -> 32``, ``2 fields changed: ...``, ``was "yes"``; foreign text, to be made safe."""
    before = event.prev_kv.value if event.prev_kv else None
    cover = Hiding(hidden)
    if event.type is EventType.DELETE:
        return "" if before is None else f"was {_short(before, cover)}"
    after = event.kv.value
    if before is None:
        return _short(after, cover)
    if max(len(before), len(after)) > SUMMARY_BYTES:
        return f"{format_size(len(before))} -> {format_size(len(after))}"
    return valuediff.summary(before, after, cover)


def details(event: Event, hidden: frozenset[str] = frozenset(), *, group: int = 1) -> list[PlanLine]:
    """The whole difference, line by line, with what is known of both sides."""
    kv, before = event.kv, event.prev_kv
    lines: list[PlanLine] = []
    if before is not None:
        lease = f"  lease {before.lease:x}" if before.lease else ""
        size = format_size(len(before.value))
        lines.append(line(f"before  rev {before.mod_revision}  ver {before.version}  {size}{lease}", tone="dim"))
    if event.type is EventType.DELETE:
        lines.append(line(f"deleted at rev {kv.mod_revision}", tone="remove"))
    else:
        lease = f"  lease {kv.lease:x}" if kv.lease else ""
        size = format_size(len(kv.value))
        lines.append(line(f"after   rev {kv.mod_revision}  ver {kv.version}  {size}{lease}", tone="dim"))
    if group > 1:
        lines.append(line(f"{group} keys changed in the same transaction", tone="dim"))
    new = b"" if event.type is EventType.DELETE else kv.value
    return [*lines, *valuediff.line_diff(before.value if before else b"", new, Hiding(hidden))]


def as_json_line(event: Event, seen: float) -> str:
    """One event for a recording: bytes in base64."""
    kv, before = event.kv, event.prev_kv
    fields: dict[str, str | int | float] = {
        "seen": round(seen, 3),
        "type": event.type.value,
        "key": base64.b64encode(kv.key).decode(),
        "mod_revision": kv.mod_revision,
        "version": kv.version,
        "lease": kv.lease,
        "value": base64.b64encode(kv.value).decode(),
    }
    if before is not None:
        fields["prev_value"] = base64.b64encode(before.value).decode()
        fields["prev_lease"] = before.lease
    return json.dumps(fields)


def _short(value: bytes, hidden: Hiding) -> str:
    text = valuediff.text(value, hidden) if len(value) <= SUMMARY_BYTES else None
    if text is None:
        return format_size(len(value))
    first, _, rest = text[:SHOWN_VALUE].partition("\n")
    more = ".." if rest or len(text) > SHOWN_VALUE else ""
    return f'"{first}{more}"'
