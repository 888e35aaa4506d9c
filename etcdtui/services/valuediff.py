"""What differs between two values, for a review: by field where both are JSON, else by line; and three-way merges."""

from __future__ import annotations

import difflib
import json
from typing import TypeAlias

from etcdtui.core.plan import PlanLine, line

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
DIFF_BYTES = 256 * 1024
DIFF_LINES = 4000
"""Larger values are not compared line by line."""
SHOWN_LINES = 400
VALUE_CHARS = 60
CONTEXT = 3
FIELDS = 200


def _load(value: bytes) -> tuple[bool, Json]:
    if len(value) > DIFF_BYTES:
        return False, None
    try:
        return True, json.loads(value)
    except (ValueError, RecursionError):
        return False, None


def field_changes(before: bytes, after: bytes) -> list[str]:
    """One line a change: ``pool.max  16 -> 32`` for JSON, a summary otherwise."""
    ok_before, old = _load(before)
    ok_after, new = _load(after)
    if ok_before and ok_after and isinstance(old, dict | list) and isinstance(new, dict | list):
        out: list[str] = []
        _walk("", old, new, out)
        return out or (["formatting only"] if before != after else [])
    if before == after:
        return []
    if max(len(before), len(after)) <= VALUE_CHARS and b"\n" not in before + after:
        return [f"{_text(before)} -> {_text(after)}"]
    minus, plus = _line_counts(before, after)
    return [f"{minus} lines out, {plus} lines in"]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace") or '""'


def _line_counts(before: bytes, after: bytes) -> tuple[int, int]:
    marks = [entry.tone for entry in line_diff(before, after)]
    return marks.count("remove"), marks.count("add")


def _walk(path: str, old: Json, new: Json, out: list[str]) -> None:
    if old == new and type(old) is type(new):
        return
    if len(out) >= FIELDS:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            where = f"{path}.{key}" if path else key
            if key not in new:
                out.append(f"{where}  {_short(old[key])} -> gone")
            elif key not in old:
                out.append(f"{where}  new: {_short(new[key])}")
            else:
                _walk(where, old[key], new[key], out)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            _walk(f"{path}[{i}]", a, b, out)
    else:
        out.append(f"{path or 'value'}  {_short(old)} -> {_short(new)}")


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARS else text[: VALUE_CHARS - 3] + "..."


def line_diff(before: bytes, after: bytes) -> list[PlanLine]:
    """Removed and added lines with context; a sentence instead when the values are too large."""
    if before == after:
        return []
    if max(len(before), len(after)) > DIFF_BYTES:
        return [line("too large to compare line by line", tone="dim")]
    old, new = before.split(b"\n"), after.split(b"\n")
    if max(len(old), len(new)) > DIFF_LINES:
        return [line("too many lines to compare", tone="dim")]
    out: list[PlanLine] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        if out:
            out.append(line("  ...", tone="dim"))
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                out += [line("   ", text) for text in old[a1:a2]]
                continue
            out += [line(" - ", text, tone="remove") for text in old[a1:a2]]
            out += [line(" + ", text, tone="add") for text in new[b1:b2]]
        if len(out) > SHOWN_LINES:
            out = [*out[:SHOWN_LINES], line("  ... more", tone="dim")]
            break
    return out


def merge(base: bytes, mine: bytes, theirs: bytes) -> bytes | None:
    """Both changes together when they touch different lines (for JSON: different fields), else ``None``.

    The text of both sides is kept; a JSON result is only taken when it holds exactly both sides' fields.
    """
    if max(len(base), len(mine), len(theirs)) > DIFF_BYTES:
        return None
    loaded = [_load(value) for value in (base, mine, theirs)]
    structured = all(ok and isinstance(value, dict | list) for ok, value in loaded)
    merged = merge_lines(base.split(b"\n"), mine.split(b"\n"), theirs.split(b"\n"), touching=structured)
    if not structured:
        return None if merged is None else b"\n".join(merged)
    try:
        wanted = _merge_json(loaded[0][1], loaded[1][1], loaded[2][1])
    except _Meet:
        return None
    value = b"\n".join(merged) if merged is not None else b""
    ok, got = _load(value)
    if merged is not None and ok and got == wanted:
        return value
    if base.count(b"\n") <= 1:
        compact = b": " not in base
        text = json.dumps(wanted, ensure_ascii=False, separators=(",", ":") if compact else (", ", ": "))
        return text.encode() + (b"\n" if mine.endswith(b"\n") else b"")
    return None


class _Meet(Exception):
    """Both sides changed the same field differently."""


def _merge_json(base: Json, mine: Json, theirs: Json) -> Json:
    if mine == theirs or theirs == base:
        return mine
    if mine == base:
        return theirs
    if not (isinstance(base, dict) and isinstance(mine, dict) and isinstance(theirs, dict)):
        raise _Meet
    out: dict[str, Json] = {}
    for key in [*mine, *(k for k in theirs if k not in mine)]:
        if key in base and (key not in mine or key not in theirs):
            kept = mine.get(key, theirs.get(key))
            if kept != base[key]:
                raise _Meet
        elif key in mine and key in theirs:
            if key not in base and mine[key] != theirs[key]:
                raise _Meet
            out[key] = _merge_json(base.get(key), mine[key], theirs[key])
        else:
            out[key] = mine[key] if key in mine else theirs[key]
    return out


def merge_lines(
    base: list[bytes], mine: list[bytes], theirs: list[bytes], *, touching: bool = False
) -> list[bytes] | None:
    """Three-way merge by lines; edits that meet are a conflict, and those that touch unless ``touching``."""
    if max(len(base), len(mine), len(theirs)) > DIFF_LINES:
        return None
    edits = sorted(
        [(a1, a2, 0, mine[b1:b2]) for a1, a2, b1, b2 in _edits(base, mine)]
        + [(a1, a2, 1, theirs[b1:b2]) for a1, a2, b1, b2 in _edits(base, theirs)],
        key=lambda e: (e[0], e[1], e[2]),
    )
    out: list[bytes] = []
    at = 0
    last: tuple[int, int, int, list[bytes]] | None = None
    for edit in edits:
        start, stop, side, text = edit
        apart = last is None or last[2] == side or start > last[1]
        if last is not None and not apart and touching and start == last[1] and last[0] < last[1] and start < stop:
            apart = True
        if last is not None and not apart:
            if (start, stop, text) == (last[0], last[1], last[3]):
                continue
            return None
        out += base[at:start]
        out += text
        at = stop
        last = edit
    return out + base[at:]


def _edits(base: list[bytes], other: list[bytes]) -> list[tuple[int, int, int, int]]:
    matcher = difflib.SequenceMatcher(None, base, other, autojunk=False)
    return [(a1, a2, b1, b2) for tag, a1, a2, b1, b2 in matcher.get_opcodes() if tag != "equal"]
