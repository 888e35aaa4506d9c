"""What one watched event changed, in one line and in full, with masked fields kept hidden."""

from __future__ import annotations

import base64
import json

from etcdtui.core.decoding import json_text
from etcdtui.core.plan import PlanLine, line
from etcdtui.core.types import Event, EventType
from etcdtui.core.units import format_size
from etcdtui.services.valuediff import field_changes, line_diff

SHOWN_VALUE = 200
"""Bytes of a value that the one-line form looks at."""
SUMMARY_BYTES = 64 * 1024
"""Larger values are not compared for the one-line form."""


def _hide(value: bytes, hidden: frozenset[str]) -> bytes:
    """JSON with the masked fields replaced; anything else as it is."""
    if not hidden or value.lstrip()[:1] not in (b"{", b"["):
        return value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value
    return json_text.mask(text, hidden).encode() if json_text.is_json(text) else value


def summary(event: Event, hidden: frozenset[str] = frozenset()) -> str:
    """``pool.max  16 -> 32``, ``2 fields: pool.max, host``, ``was "yes"``; foreign text, to be made safe."""
    before = event.prev_kv.value if event.prev_kv else None
    if event.type is EventType.DELETE:
        return "" if before is None else f"was {_short(_hide(before, hidden))}"
    after = event.kv.value
    if before is None:
        return _short(_hide(after, hidden))
    if before == after:
        return "same value again"
    if max(len(before), len(after)) > SUMMARY_BYTES:
        return f"{format_size(len(before))} -> {format_size(len(after))}"
    shown = _hide(before, hidden), _hide(after, hidden)
    if shown[0] == shown[1]:
        return "a masked field changed"
    changes = field_changes(*shown)
    if len(changes) == 1:
        return changes[0]
    names = ", ".join(change.split("  ", 1)[0] for change in changes[:4])
    more = ", .." if len(changes) > 4 else ""
    return f"{len(changes)} fields: {names}{more}"


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
    old = _hide(before.value, hidden) if before else b""
    new = b"" if event.type is EventType.DELETE else _hide(kv.value, hidden)
    return [*lines, *line_diff(old, new)]


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


def _short(value: bytes) -> str:
    text = value[:SHOWN_VALUE].decode("utf-8", "backslashreplace")
    shown = text if text.isprintable() or "\n" not in text else text.split("\n", 1)[0] + ".."
    more = ".." if len(value) > SHOWN_VALUE else ""
    return f'"{shown}{more}"'
