"""A tail as lines: JSON objects that can be read back, and text for people.

One line an event: ``rev``, ``type`` (``PUT``, ``NEW``, ``DEL``, ``DEL~``), ``key``, ``value``, ``prev``, ``version``,
``lease``, ``seen`` (Unix seconds). Texts are texts; bytes that are not UTF-8 are ``{"base64": "..."}``. ``value`` is
null for a deletion, ``prev`` where the key did not exist or nobody knows. ``"masked": true`` says that the profile
hides something of them. A gap is an object with ``gap`` (its kind), ``reason``, ``missed``, ``first``, ``last``,
``seen``; a mark is one with ``mark`` (its text), ``number``, ``seen``.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from json.encoder import encode_basestring_ascii
from typing import Any

from etcdtui.core.safe_text import safe_text
from etcdtui.core.types import Event, EventType, KeyValue
from etcdtui.core.units import format_size
from etcdtui.services.tail import changes
from etcdtui.services.tail.entries import DEL, EXPIRED, NEW, PUT, Entry, Gap, GapKind, Mark, Seen
from etcdtui.services.tail.veil import Veil

LINE_BYTES = 64 * 1024 * 1024
"""A longer line is none of ours: a value is 1.5 MiB by default, and base64 makes it longer by a third."""
TEXT_KEY = 1000
TEXT_CHANGE = 2000

_MASKED = ',"masked":true'
_encode = json.JSONEncoder(separators=(",", ":")).encode


class RecordProblem(ValueError):
    """A line that is not of a recording; the sentence says why."""


# --- writing -------------------------------------------------------------------------------------------------------


def to_json(entry: Entry, veil: Veil) -> str:
    """One line, without its end, in ASCII only."""
    if isinstance(entry, Seen):
        return _event(entry, veil)
    if isinstance(entry, Mark):
        return _encode({"mark": entry.text, "number": entry.number, "seen": round(entry.seen, 3)})
    return _encode(
        {
            "gap": entry.kind.value,
            "reason": entry.reason,
            "missed": entry.missed,
            "first": entry.first,
            "last": entry.last,
            "seen": round(entry.seen, 3),
        }
    )


def _event(entry: Seen, veil: Veil) -> str:
    """Put together by hand: there may be tens of thousands a second."""
    kv, before = entry.event.kv, entry.before
    masked = False
    value = prev = "null"
    if not entry.deleted:
        shown, masked = veil.cover(kv.key, kv.value)
        value = _text(shown)
    if before is not None:
        shown, hidden = veil.cover(kv.key, before.value)
        prev, masked = _text(shown), masked or hidden
    return (
        f'{{"rev":{kv.mod_revision},"type":"{entry.op}","key":{_text(kv.key)},"value":{value},"prev":{prev},'
        f'"version":{kv.version},"lease":{entry.lease},"seen":{entry.seen:.3f}{_MASKED if masked else ""}}}'
    )


def _text(data: bytes) -> str:
    try:
        return encode_basestring_ascii(data.decode())
    except UnicodeDecodeError:
        return f'{{"base64":"{base64.b64encode(data).decode()}"}}'


def to_text(entry: Entry, veil: Veil) -> str:
    """One line for people, without its end and without anything that a terminal could obey."""
    clock = time.strftime("%H:%M:%S", time.localtime(entry.seen))
    if isinstance(entry, Mark):
        return f"---- {clock} {safe_text(entry.words, limit=TEXT_CHANGE).text}"
    if isinstance(entry, Gap):
        return f"---- {clock} GAP {safe_text(entry.reason, limit=TEXT_CHANGE).text}"
    kv = entry.kv
    key = safe_text(kv.key, limit=TEXT_KEY).text
    size = format_size(len(entry.before.value if entry.deleted and entry.before else kv.value))
    change = safe_text(changes.summary(entry, veil.hiding(kv.key)), limit=TEXT_CHANGE).text
    group = f" [{entry.place + 1}/{entry.group}]" if entry.group > 1 else ""
    return f"{clock} {kv.mod_revision} {entry.op:<4} {key}  {size}  {change}{group}".rstrip()


# --- reading -------------------------------------------------------------------------------------------------------


def from_json(line: bytes) -> Entry:
    """The entry of one line; raises ``RecordProblem``."""
    if len(line) > LINE_BYTES:
        raise RecordProblem("the line is too long for a recording")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise RecordProblem("the line is not JSON") from None
    if not isinstance(fields, dict):
        raise RecordProblem("the line is not an object")
    if "gap" in fields:
        return _gap(fields)
    if "mark" in fields:
        return Mark(_number(fields, "number"), str(fields["mark"]), _seen(fields))
    return _seen_event(fields)


def _gap(fields: dict[str, Any]) -> Gap:
    try:
        kind = GapKind(fields["gap"])
    except ValueError:
        kind = GapKind.DROPPED
    missed = fields.get("missed")
    reason = str(fields.get("reason") or fields["gap"])
    first, last = _number(fields, "first"), _number(fields, "last")
    return Gap(kind, reason, missed if isinstance(missed, int) else None, first, last, _seen(fields))


def _seen_event(fields: dict[str, Any]) -> Seen:
    op = fields.get("type")
    if op not in (PUT, NEW, DEL, EXPIRED):
        raise RecordProblem("the object is neither an event, nor a gap, nor a mark")
    key, value, prev = (_bytes(fields, name) for name in ("key", "value", "prev"))
    if not key:
        raise RecordProblem("the event has no key")
    revision, version, lease = (_number(fields, name) for name in ("rev", "version", "lease"))
    deleted = op in (DEL, EXPIRED)
    kv = KeyValue(key, value or b"", revision if op == NEW else 0, revision, version, 0 if deleted else lease)
    before = None
    if prev is not None:
        before = KeyValue(key, prev, 0, 0, max(0, version - 1), lease if deleted else 0)
    kind = EventType.DELETE if deleted else EventType.PUT
    return Seen(Event(kind, kv, before), _seen(fields), op, before)


def _bytes(fields: dict[str, Any], name: str) -> bytes | None:
    given = fields.get(name)
    if given is None:
        return None
    if isinstance(given, str):
        return given.encode("utf-8", "surrogatepass")
    if isinstance(given, dict) and isinstance(given.get("base64"), str):
        try:
            return base64.b64decode(given["base64"], validate=True)
        except binascii.Error:
            pass
    raise RecordProblem(f"{name} is neither a text nor base64")


def _number(fields: dict[str, Any], name: str) -> int:
    given = fields.get(name, 0)
    return given if isinstance(given, int) and not isinstance(given, bool) else 0


def _seen(fields: dict[str, Any]) -> float:
    given = fields.get("seen", 0)
    return float(given) if isinstance(given, int | float) and 0 <= given < 1e11 else 0.0
