"""YAML laid out: two blanks a level, scalars and comments as written; one line of braces as a block and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from etcdtui.core.value import record
from etcdtui.services.values.yaml_values import parse_yaml

if TYPE_CHECKING:  # imported with the first value that is looked at as YAML
    pass

INDENT = 2
_CANNOT = "This YAML cannot be formatted without a change of its content."


@record(frozen=False)
class _Node:
    """A scalar with its source, or a mapping (pairs of nodes) or list of nodes."""

    text: str = ""
    value: str = ""
    items: list[_Node] | None = None
    is_mapping: bool = False


def is_flow(text: str) -> bool:
    """Whether the document is one line of braces or brackets."""
    inside = text.strip()
    return inside[:1] in ("{", "[") and "\n" not in inside


def pretty(text: str) -> str:
    """Raises ``ValueError`` for what is no YAML, or would become other YAML."""
    made = "\n".join(_block(_tree(text), 0)) + "\n" * text.endswith("\n") if is_flow(text) else _reindented(text)
    if not _same(made, text):
        raise ValueError(_CANNOT)
    return made


def restyle(wanted: str, like: str) -> str:
    """``wanted`` as one line of braces, as ``like`` is one. Raises ``ValueError`` with a sentence."""
    made = _line(wanted, like)
    if not _same(made, wanted):
        raise ValueError("This YAML cannot be put back on one line: mend it, or save it as shown.")
    return made


def can_restyle(text: str) -> bool:
    """Whether a document of one line comes back as it was, byte for byte, when nothing is changed."""
    try:
        return is_flow(text) and _line(pretty(text), text) == text
    except ValueError:
        return False


def _same(one: str, other: str) -> bool:
    try:
        return parse_yaml(one) == parse_yaml(other)
    except ValueError:
        return False


# --- one line and back ---------------------------------------------------------------------------------------------


def _tree(text: str) -> _Node:
    import yaml

    root = _Node(items=[])
    stack = [root]
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            node: _Node | None = None
            if isinstance(event, yaml.ScalarEvent) and event.start_mark and event.end_mark:
                source = text[event.start_mark.index : event.end_mark.index]
                node = _Node(source, str(event.value))
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if event.anchor or event.tag:
                    raise ValueError(_CANNOT)
                node = _Node(items=[], is_mapping=isinstance(event, yaml.MappingStartEvent))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                stack.pop()
            elif isinstance(event, yaml.AliasEvent):
                raise ValueError(_CANNOT)
            if node is not None:
                above = stack[-1].items
                if above is not None:
                    above.append(node)
                if node.items is not None:
                    stack.append(node)
    except (yaml.YAMLError, RecursionError):
        raise ValueError("This is not YAML, so it cannot be formatted.") from None
    if root.items is None or len(root.items) != 1:
        raise ValueError(_CANNOT)
    return root.items[0]


def _block(node: _Node, depth: int) -> Iterator[str]:
    pad = " " * (depth * INDENT)
    if not node.items:
        yield pad + _short(node)
    elif node.is_mapping:
        for key, value in zip(node.items[::2], node.items[1::2], strict=True):
            if value.items:
                yield f"{pad}{_short(key)}:"
                yield from _block(value, depth + value.is_mapping)
            else:
                yield f"{pad}{_short(key)}: {_short(value)}".rstrip()
    else:
        for item in node.items:
            rows = list(_block(item, depth + 1))
            yield f"{pad}- {rows[0][len(pad) + INDENT :]}"
            yield from rows[1:]


def _short(node: _Node) -> str:
    if node.items is not None:
        return "{}" if node.is_mapping else "[]"
    return json.dumps(node.value, ensure_ascii=False) if "\n" in node.text else node.text


def _line(wanted: str, like: str) -> str:
    """Braces with the spaces that ``like`` has behind its first brace, comma and colon."""
    body = like.strip()
    pad = " " if body[1:2] == " " else ""
    comma = ", " if ", " in body or "," not in body else ","
    colon = ":" if ":" in body and ": " not in body else ": "
    made = _flow(_tree(wanted), pad, comma, colon)
    head = like[: len(like) - len(like.lstrip())]
    return head + made + like[len(like.rstrip()) :]


def _flow(node: _Node, pad: str, comma: str, colon: str) -> str:
    if not node.items:
        return _in_flow(node)
    if node.is_mapping:
        pairs = zip(node.items[::2], node.items[1::2], strict=True)
        rows = [f"{_in_flow(key)}{colon}{_flow(value, pad, comma, colon)}".rstrip() for key, value in pairs]
        return "{" + pad + comma.join(rows) + pad + "}"
    return "[" + comma.join(_flow(item, pad, comma, colon) for item in node.items) + "]"


def _in_flow(node: _Node) -> str:
    """A scalar between braces, where commas and brackets would end it."""
    text = _short(node)
    plain = node.items is None and text[:1] not in ("'", '"')
    return json.dumps(text, ensure_ascii=False) if plain and any(char in ",[]{}" for char in text) else text


# --- blocks --------------------------------------------------------------------------------------------------------


def _reindented(text: str) -> str:
    """The lines of block YAML at two blanks a level, without blanks at their ends."""
    lines = text.replace("\r\n", "\n").split("\n")
    inside = _continued(text)
    out: list[str] = []
    columns: list[tuple[int, int]] = [(-1, -INDENT)]
    shift = 0
    pending: list[tuple[int, str]] = []
    """Empty lines and comments, with the columns these had."""
    for number, line in enumerate(lines):
        if number in inside:
            out.append(_shifted(line, shift) if line.strip() else "")
            continue
        bare = line.strip()
        if not bare or bare.startswith("#"):
            pending.append((len(line) - len(line.lstrip(" ")), bare))
            continue
        if bare in ("---", "..."):
            columns = [(-1, -INDENT)]
        before = list(columns)
        row, new = _placed(line, columns)
        old = len(line) - len(line.lstrip(" "))
        out += [_comment(one, new if column == old else _moved(column, before)) for column, one in pending]
        pending = []
        shift = _last(columns) - _old(columns)
        out.append(row)
    return "\n".join([*out, *(_comment(one, _moved(column, columns)) for column, one in pending)])


def _comment(text: str, column: int) -> str:
    return " " * column + text if text else ""


def _moved(column: int, columns: list[tuple[int, int]]) -> int:
    """Where a comment goes that stood at a column: along with the level that it is in."""
    old, new = next((level for level in reversed(columns) if level[0] <= column), (0, 0))
    return max(0, column + new - old) if old >= 0 else column


def _continued(text: str) -> set[int]:
    """Lines that go on with what began on a line before them: text of several lines, or braces."""
    import yaml

    found: set[int] = set()
    depth, began = 0, 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            start, end = event.start_mark, event.end_mark
            if start is None or end is None:
                continue
            if isinstance(event, yaml.ScalarEvent):
                last = end.line - (end.column == 0 and end.line > start.line)
                found |= set(range(start.line + 1, last + 1))
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent) and (event.flow_style or depth):
                depth, began = depth + 1, began if depth else start.line
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent) and depth:
                depth -= 1
                if not depth:
                    found |= set(range(began + 1, end.line + 1))
    except (yaml.YAMLError, RecursionError):
        raise ValueError("This is not YAML, so it cannot be formatted.") from None
    return found


def _placed(line: str, columns: list[tuple[int, int]]) -> tuple[str, int]:
    """A line at its new column; ``columns`` are the old and new ones of the levels that are open."""
    rest = line.strip()
    old = len(line) - len(line.lstrip(" "))
    lead, first = "", -1
    while True:
        while columns[-1][0] > old:
            columns.pop()
        if columns[-1][0] < old:
            columns.append((old, columns[-1][1] + INDENT))
        new = columns[-1][1]
        first = new if first < 0 else first
        if not (rest.startswith("- ") and rest != "-"):
            return f"{' ' * first}{lead}{rest}", first
        after = rest[1:].lstrip(" ")
        old += len(rest) - len(after)
        lead, rest = f"{lead}- ", after


def _last(columns: list[tuple[int, int]]) -> int:
    return columns[-1][1]


def _old(columns: list[tuple[int, int]]) -> int:
    return columns[-1][0]


def _shifted(line: str, shift: int) -> str:
    if shift >= 0:
        return " " * shift + line
    blank = len(line) - len(line.lstrip(" "))
    return line[min(blank, -shift) :]
