"""What differs between two values, for a review: by field where both are JSON, else by line; and three-way merges."""

from __future__ import annotations

import difflib
import json
from typing import TypeAlias

from etcdtui.core.decoding import json_text
from etcdtui.core.merge import Merged
from etcdtui.core.merge import merge as merge_values
from etcdtui.core.plan import PlanLine, line
from etcdtui.core.tree import Tree

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
    """Both changes together when they touch different places (for JSON: different fields), else ``None``."""
    if max(len(base), len(mine), len(theirs)) > DIFF_BYTES:
        return None
    structured = all(ok and isinstance(value, dict | list) for ok, value in map(_load, (base, mine, theirs)))
    made = merge_values(base, mine, theirs, _parse_json if structured else None)
    return made.value if isinstance(made, Merged) else None


def _parse_json(value: bytes) -> Tree:
    return json_text.parse(value.decode())
