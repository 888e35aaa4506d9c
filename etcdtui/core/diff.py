"""Differences of two values: by line, by byte and by field. Results hold the foreign bytes and text as they are."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, TypeGuard

from etcdtui.core.tree import Path, Tree, format_path
from etcdtui.core.value import record

MAX_MATCHED_LINES: Final = 4000
"""Lines a side, after the common start and end, up to which a minimal difference is looked for."""
MAX_MATCHED_BYTES: Final = 4096
MAX_FIELD_CHANGES: Final = 10_000

Op = Literal[" ", "-", "+"]
Block = tuple[int, int, int, int]
"""A differing region: lines ``[a0, a1)`` of one side became ``[b0, b1)`` of the other."""


@record()
class DiffLine:
    """One line without its line feed; ``before`` and ``after`` are its numbers from 1, 0 where it is absent."""

    op: Op
    text: bytes
    before: int
    after: int


@record()
class Skipped:
    """Equal lines that are left out."""

    count: int


@record()
class LineDiff:
    """``final_newline`` tells for each side whether its last line ends with a line feed."""

    lines: tuple[DiffLine, ...]
    added: int
    removed: int
    final_newline: tuple[bool, bool]

    def with_context(self, context: int = 3) -> Iterator[DiffLine | Skipped]:
        """The changed lines with ``context`` equal ones around them."""
        near = bytearray(len(self.lines))
        for at, line in enumerate(self.lines):
            if line.op != " ":
                low, high = max(0, at - context), min(len(self.lines), at + context + 1)
                near[low:high] = b"\1" * (high - low)
        skipped = 0
        for line, shown in zip(self.lines, near, strict=True):
            if not shown:
                skipped += 1
                continue
            if skipped:
                yield Skipped(skipped)
                skipped = 0
            yield line
        if skipped:
            yield Skipped(skipped)


def split_lines(data: bytes) -> list[bytes]:
    """Lines without their line feeds; a final line feed starts no further line; nothing has no lines."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def changed_blocks(a: Sequence[bytes], b: Sequence[bytes]) -> list[Block]:
    """The regions that differ, in order and never touching each other.

    Many lines are first aligned by those that are unique on both sides; a stretch of more than
    ``MAX_MATCHED_LINES`` without such a line is one region.
    """
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    a_end, b_end = len(a) - tail, len(b) - tail
    anchors: list[tuple[int, int]] = []
    if max(a_end, b_end) - head > MAX_MATCHED_LINES:
        anchors = [(i + head, j + head) for i, j in _anchors(a[head:a_end], b[head:b_end])]
    blocks: list[Block] = []
    a0, b0 = head, head
    for a1, b1 in [*anchors, (a_end, b_end)]:
        for block in _match(a, b, a0, a1, b0, b1):
            if blocks and blocks[-1][1] == block[0] and blocks[-1][3] == block[2]:
                blocks[-1] = (blocks[-1][0], block[1], blocks[-1][2], block[3])
            else:
                blocks.append(block)
        a0, b0 = a1, b1
    return blocks


def _match(a: Sequence[bytes], b: Sequence[bytes], a0: int, a1: int, b0: int, b1: int) -> list[Block]:
    head = _common(a[a0:a1], b[b0:b1])
    a0, b0 = a0 + head, b0 + head
    if a0 == a1 and b0 == b1:
        return []
    if a0 == a1 or b0 == b1 or max(a1 - a0, b1 - b0) > MAX_MATCHED_LINES:
        return [(a0, a1, b0, b1)]
    codes = SequenceMatcher(None, a[a0:a1], b[b0:b1], autojunk=a1 - a0 > 1000).get_opcodes()
    return [(x0 + a0, x1 + a0, y0 + b0, y1 + b0) for op, x0, x1, y0, y1 in codes if op != "equal"]


def _anchors(a: Sequence[bytes], b: Sequence[bytes]) -> list[tuple[int, int]]:
    """Positions of lines that occur once on each side, in the longest order that both sides share."""
    counts_a, counts_b = Counter(a), Counter(b)
    place = {line: at for at, line in enumerate(b) if counts_b[line] == 1}
    pairs = [(i, place[line]) for i, line in enumerate(a) if counts_a[line] == 1 and line in place]
    tops: list[int] = []
    top_pairs: list[int] = []
    previous: list[int] = []
    for at, (_, j) in enumerate(pairs):
        pile = bisect_left(tops, j)
        previous.append(top_pairs[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(j)
            top_pairs.append(at)
        else:
            tops[pile] = j
            top_pairs[pile] = at
    chain: list[tuple[int, int]] = []
    at = top_pairs[-1] if top_pairs else -1
    while at >= 0:
        chain.append(pairs[at])
        at = previous[at]
    return chain[::-1]


def _common(a: Sequence[bytes], b: Sequence[bytes]) -> int:
    count = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        count += 1
    return count


def line_diff(before: bytes, after: bytes) -> LineDiff:
    """Line by line, whole; carriage returns belong to their line."""
    a, b = split_lines(before), split_lines(after)
    lines: list[DiffLine] = []
    at = 0
    added = removed = shift = 0
    for a0, a1, b0, b1 in changed_blocks(a, b):
        lines += [DiffLine(" ", a[i], i + 1, i + 1 + shift) for i in range(at, a0)]
        lines += [DiffLine("-", a[i], i + 1, 0) for i in range(a0, a1)]
        lines += [DiffLine("+", b[i], 0, i + 1) for i in range(b0, b1)]
        removed += a1 - a0
        added += b1 - b0
        shift = b1 - a1
        at = a1
    lines += [DiffLine(" ", a[i], i + 1, i + 1 + shift) for i in range(at, len(a))]
    return LineDiff(tuple(lines), added, removed, (before.endswith(b"\n"), after.endswith(b"\n")))


@record()
class ByteChange:
    """Bytes at ``before_at`` of the old value became other bytes at ``after_at`` of the new one."""

    before_at: int
    before: bytes
    after_at: int
    after: bytes


def byte_diff(before: bytes, after: bytes) -> tuple[ByteChange, ...]:
    """The differing stretches; one stretch from the first to the last difference where the values are large."""
    head = _common_bytes(before, after)
    tail = _common_bytes(before[head:][::-1], after[head:][::-1])
    a, b = before[head : len(before) - tail], after[head : len(after) - tail]
    if not a and not b:
        return ()
    if not a or not b or max(len(a), len(b)) > MAX_MATCHED_BYTES:
        return (ByteChange(head, a, head, b),)
    codes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return tuple(ByteChange(head + a0, a[a0:a1], head + b0, b[b0:b1]) for op, a0, a1, b0, b1 in codes if op != "equal")


def _common_bytes(a: bytes, b: bytes) -> int:
    """Length of the common start, by halving."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Absent:
    """The member or item is not there."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


@record()
class FieldChange:
    """``before`` or ``after`` is ``ABSENT`` where the field was added or removed."""

    path: Path
    before: Tree | Absent
    after: Tree | Absent

    def describe(self, limit: int = 40) -> str:
        """``pool.max 16 -> 32``, ``host added``: foreign text, to be made safe before it is shown."""
        name = format_path(self.path) or "(whole value)"
        if isinstance(self.before, Absent):
            return f"{name} added: {brief(self.after, limit)}"
        if isinstance(self.after, Absent):
            return f"{name} removed"
        return f"{name} {brief(self.before, limit)} -> {brief(self.after, limit)}"


def brief(value: Tree | Absent, limit: int = 40) -> str:
    """A value on one line: scalars as they are, containers by their size."""
    if isinstance(value, Absent):
        return "-"
    if isinstance(value, Mapping):
        return f"{{{len(value)} fields}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        text = value if value else '""'
        return text if len(text) <= limit else text[: limit - 1] + "…"
    return f"[{len(value)} items]" if isinstance(value, Sequence) else str(value)


def field_diff(before: Tree, after: Tree) -> tuple[FieldChange, ...]:
    """Changed fields in document order; list items are compared by index. Of too many, the first ones."""
    changes: list[FieldChange] = []
    stack: list[tuple[Path, Tree | Absent, Tree | Absent]] = [((), before, after)]
    while stack and len(changes) < MAX_FIELD_CHANGES:
        path, a, b = stack.pop()
        children = _pairs(a, b)
        if children is None:
            if not same(a, b):
                changes.append(FieldChange(path, a, b))
        else:
            stack.extend(((*path, step), left, right) for step, left, right in reversed(children))
    return tuple(changes)


def _pairs(a: Tree | Absent, b: Tree | Absent) -> list[tuple[str | int, Tree | Absent, Tree | Absent]] | None:
    """The children of two containers of one kind, side by side; ``None`` when they cannot be compared inside."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        names = [*a, *(name for name in b if name not in a)]
        return [(name, a.get(name, ABSENT), b.get(name, ABSENT)) for name in names]
    if is_list(a) and is_list(b):
        longest = range(max(len(a), len(b)))
        return [(i, a[i] if i < len(a) else ABSENT, b[i] if i < len(b) else ABSENT) for i in longest]
    return None


def is_list(value: Tree | Absent) -> TypeGuard[Sequence[Tree]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def same(a: Tree | Absent, b: Tree | Absent) -> bool:
    """Equal in type and content: 1 is not true, and 1.0 as written is not 1."""
    return type(a) is type(b) and a == b


def summarise(changes: Sequence[FieldChange], most: int = 3) -> str:
    """``2 fields changed: pool.max 16 -> 32, host added: x``: foreign text, to be made safe before it is shown."""
    if not changes:
        return "no field changed"
    listed = ", ".join(change.describe() for change in changes[:most])
    more = f", and {len(changes) - most} more" if len(changes) > most else ""
    return f"{len(changes)} field{'s' if len(changes) > 1 else ''} changed: {listed}{more}"
