"""Merge two changes of one value where they touch different places; anything else is a conflict, never a guess.

Text is merged line by line, so formatting stays. Where the lines collide, as in JSON on one line, single fields of
JSON are exchanged within the text. With a parser for the format, a merge counts only if its fields are those that
both sides meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from etcdtui.core.decoding import json_spans
from etcdtui.core.diff import ABSENT, Absent, FieldChange, changed_blocks, field_diff, is_list, same
from etcdtui.core.tree import Path, Tree
from etcdtui.core.value import record

Parse = Callable[[bytes], Tree]
"""Parses a value or raises ``ValueError``."""


@record()
class Merged:
    """``how`` is ``lines`` or ``fields``."""

    value: bytes
    how: str


@record()
class Collision:
    """Both sides changed the same place: ``paths`` when the fields are known, otherwise lines of ``ours``."""

    paths: tuple[Path, ...] = ()
    lines: tuple[tuple[int, int], ...] = ()


def merge(base: bytes, ours: bytes, theirs: bytes, parse: Parse | None = None) -> Merged | Collision:
    """Both changes at once; ``parse`` is given for values of a known format (JSON, YAML, TOML)."""
    if ours == theirs or base == theirs:
        return Merged(ours, "lines")
    if base == ours:
        return Merged(theirs, "lines")
    by_line = merge_lines(base, ours, theirs)
    if parse is None:
        return by_line
    try:
        trees = parse(base), parse(ours), parse(theirs)
    except ValueError:
        return by_line
    wanted = merge_trees(*trees)
    if isinstance(wanted, Collision):
        return wanted
    for tried in (by_line, merge_lines(base, ours, theirs, may_touch=True)):
        if isinstance(tried, Merged) and _means(tried.value, wanted, parse):
            return tried
    spliced = _splice(ours, theirs, field_diff(trees[0], trees[2]))
    if spliced is not None and _means(spliced, wanted, parse):
        return Merged(spliced, "fields")
    return by_line if isinstance(by_line, Collision) else Collision()


def _means(value: bytes, wanted: Tree, parse: Parse) -> bool:
    try:
        return not field_diff(parse(value), wanted)
    except ValueError:
        return False


def merge_lines(base: bytes, ours: bytes, theirs: bytes, *, may_touch: bool = False) -> Merged | Collision:
    """Regions that overlap collide, and those that touch unless ``may_touch``; equal changes never do."""
    o, a, b = (_keep_ends(value) for value in (base, ours, theirs))
    mine = [(o0, o1, a[x0:x1], (x0, x1)) for o0, o1, x0, x1 in changed_blocks(o, a)]
    other = [(o0, o1, b[x0:x1]) for o0, o1, x0, x1 in changed_blocks(o, b)]
    clashes: list[tuple[int, int]] = []
    edits: dict[tuple[int, int], list[bytes]] = {(o0, o1): new for o0, o1, new in other}
    for o0, o1, new, where in mine:
        for p0, p1, theirs_new in other:
            if (o0, o1, new) == (p0, p1, theirs_new):
                continue
            overlap = o0 < p1 and p0 < o1
            ambiguous = o0 == p0
            if overlap or ambiguous or (not may_touch and o0 <= p1 and p0 <= o1):
                clashes.append(where)
        edits[o0, o1] = new
    if clashes:
        return Collision(lines=tuple(dict.fromkeys(clashes)))
    out: list[bytes] = []
    at = 0
    for (start, end), new in sorted(edits.items()):
        out += o[at:start]
        out += new
        at = end
    return Merged(b"".join(out + o[at:]), "lines")


def _keep_ends(value: bytes) -> list[bytes]:
    pieces = value.split(b"\n")
    lines = [piece + b"\n" for piece in pieces[:-1]]
    return [*lines, pieces[-1]] if pieces[-1] else lines


def merge_trees(base: Tree, ours: Tree, theirs: Tree) -> Tree | Collision:
    """Members of mappings are merged one by one, lists only as a whole unless their lengths are all the same."""
    clashes: list[Path] = []
    merged = _merge(base, ours, theirs, (), clashes)
    if clashes:
        return Collision(paths=tuple(clashes))
    return None if isinstance(merged, Absent) else merged


def _merge(
    base: Tree | Absent, ours: Tree | Absent, theirs: Tree | Absent, path: Path, clashes: list[Path]
) -> Tree | Absent:
    if _equal(ours, theirs) or _equal(base, theirs):
        return ours
    if _equal(base, ours):
        return theirs
    if isinstance(base, Mapping) and isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        names = [*ours, *(name for name in theirs if name not in ours)]
        merged: dict[str, Tree] = {}
        for name in names:
            one, two, three = (side.get(name, ABSENT) for side in (base, ours, theirs))
            value = _merge(one, two, three, (*path, name), clashes)
            if not isinstance(value, Absent):
                merged[name] = value
        return merged
    if is_list(base) and is_list(ours) and is_list(theirs) and len(base) == len(ours) == len(theirs):
        items: list[Tree] = []
        for at, (one, two, three) in enumerate(zip(base, ours, theirs, strict=True)):
            value = _merge(one, two, three, (*path, at), clashes)
            items.append(None if isinstance(value, Absent) else value)
        return items
    clashes.append(path)
    return ours


def _equal(a: Tree | Absent, b: Tree | Absent) -> bool:
    if isinstance(a, Absent) or isinstance(b, Absent):
        return a is b
    return same(a, b) if not isinstance(a, Mapping) and not is_list(a) else not field_diff(a, b)


def _splice(ours: bytes, theirs: bytes, changes: tuple[FieldChange, ...]) -> bytes | None:
    """``ours`` with the changed fields of ``theirs`` put in as text; ``None`` where that is not plain replacement."""
    try:
        our_text, their_text = ours.decode(), theirs.decode()
        our_spans, their_spans = json_spans.values(our_text), json_spans.values(their_text)
    except ValueError:
        return None
    edits: list[tuple[int, int, str]] = []
    for change in changes:
        edit = json_spans.edit(our_text, our_spans, their_text, their_spans, change)
        if edit is None:
            return None
        edits.append(edit)
    for start, end, new in sorted(edits, reverse=True):
        our_text = our_text[:start] + new + our_text[end:]
    return our_text.encode()
