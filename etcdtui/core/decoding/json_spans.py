"""Where the values of a JSON text stand, so that one of them can be exchanged and everything else stays as written."""

from __future__ import annotations

import json
from collections.abc import Mapping

from etcdtui.core.decoding.json_text import TOKEN, is_json
from etcdtui.core.diff import Absent, FieldChange
from etcdtui.core.tree import Path
from etcdtui.core.value import record

Span = tuple[int, int]


@record(frozen=False)
class _Level:
    path: Path
    is_object: bool
    start: int
    index: int = 0
    name: str = ""


def values(text: str) -> dict[Path, Span]:
    """The half-open span of every value; of equal members the last. Raises ``ValueError`` if it is not JSON."""
    if not is_json(text):
        raise ValueError("not JSON")
    spans: dict[Path, Span] = {}
    levels: list[_Level] = []
    before = ""
    for match in TOKEN.finditer(text):
        part = match[0]
        top = levels[-1] if levels else None
        if part in "{[":
            levels.append(_Level(_here(top), part == "{", match.start()))
        elif part in "}]":
            closed = levels.pop()
            spans[closed.path] = (closed.start, match.end())
        elif part == "," and top is not None:
            top.index += 1
        elif top is not None and top.is_object and before in "{,":
            top.name = str(json.loads(part))
        elif part != ":":
            spans[_here(top)] = match.span()
        before = part
    return spans


def _here(level: _Level | None) -> Path:
    if level is None:
        return ()
    return (*level.path, level.name if level.is_object else level.index)


def edit(
    ours: str, our_spans: Mapping[Path, Span], theirs: str, their_spans: Mapping[Path, Span], change: FieldChange
) -> tuple[int, int, str] | None:
    """The edit of ``ours`` (start, end, text) that makes ``change`` as ``theirs`` wrote it.

    Replaces a value, or adds a member after the last one of its object; ``None`` for anything else.
    """
    if isinstance(change.after, Absent):
        return None
    start, end = their_spans[change.path]
    written = theirs[start:end]
    if change.path in our_spans:
        return (*our_spans[change.path], written)
    *parent, name = change.path
    if not isinstance(name, str) or tuple(parent) not in our_spans:
        return None
    siblings = [
        span for path, span in our_spans.items() if len(path) == len(change.path) and path[:-1] == tuple(parent)
    ]
    if not siblings:
        return None
    at = max(end for _, end in siblings)
    return at, at, f", {json.dumps(name, ensure_ascii=False)}: {written}"
