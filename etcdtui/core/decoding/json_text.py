"""JSON as text: proof that it is JSON, and a pretty form that changes nothing but white space.

Nothing is converted: numbers keep their digits, strings their escapes, duplicate members all appear, and depth or
length of a number cannot make it fail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from etcdtui.core.decoding.result import HIDDEN
from etcdtui.core.tree import Number, Tree

INDENT = 2
MAX_INDENT = 80
"""Deeper levels are not indented further, so that deep nesting cannot blow up the text."""
MAX_TREE_DEPTH = 200

TOKEN = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+|"')
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SPACE = " \t\n\r"
_OPEN = {"{": "}", "[": "]"}


def is_json(text: str) -> bool:
    """Whether the whole text is one JSON value, strictly (no NaN, no comments); any depth."""
    try:
        _PROOF.decode(text)
    except RecursionError:
        return _is_json_deep(text)
    except ValueError:
        return False
    return True


def _nothing(text: str) -> None:
    return None


def _refuse(text: str) -> None:
    raise ValueError(text)


_PROOF = json.JSONDecoder(parse_int=_nothing, parse_float=_nothing, parse_constant=_refuse)


def parse(text: str) -> Tree:
    """The document with numbers as they are written; of equal members the last.

    Raises ``ValueError``, also when it is nested too deeply to be worth comparing by field.
    """
    try:
        tree: Tree = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _depth(text) > MAX_TREE_DEPTH:
        raise ValueError("nested too deeply")
    return tree


def has_duplicates(text: str) -> bool:
    """Whether an object of the (valid) document names a member twice."""
    found = False

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len({name for name, _ in pairs}) != len(pairs)

    try:
        json.loads(text, object_pairs_hook=look, parse_int=_nothing, parse_float=_nothing)
    except (RecursionError, ValueError):
        return False
    return found


def _depth(text: str) -> int:
    deepest = depth = 0
    for part in TOKEN.finditer(text):
        if part[0] in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif part[0] in "}]":
            depth -= 1
    return deepest


def _is_json_deep(text: str) -> bool:
    """The grammar without recursion. ``state``: v value, e value or end, m member or end, n name, c colon, a after."""
    stack: list[str] = []
    state = "v"
    end = 0
    for match in TOKEN.finditer(text):
        if text[end : match.start()].strip(_SPACE):
            return False
        end = match.end()
        part = match[0]
        if state in "ve":
            if part in _OPEN:
                stack.append(_OPEN[part])
                state = "m" if part == "{" else "e"
            elif state == "e" and part == "]":
                stack.pop()
                state = "a"
            elif _is_scalar(part):
                state = "a"
            else:
                return False
        elif state in "mn":
            if state == "m" and part == "}":
                stack.pop()
                state = "a"
            elif _STRING.fullmatch(part):
                state = "c"
            else:
                return False
        elif state == "c":
            if part != ":":
                return False
            state = "v"
        elif not stack or part not in (",", stack[-1]):
            return False
        elif part == ",":
            state = "n" if stack[-1] == "}" else "v"
        else:
            stack.pop()
    return state == "a" and not stack and not text[end:].strip(_SPACE)


def _is_scalar(part: str) -> bool:
    return bool(part in ("true", "false", "null") or _STRING.fullmatch(part) or _NUMBER.fullmatch(part))


def pretty(text: str, hidden: frozenset[str] = frozenset()) -> list[str]:
    """The lines of a valid document, indented; the content of members named in ``hidden`` (lower case) is replaced."""
    lines: list[str] = []
    line: list[str] = []
    depth = 0
    parts = _tokens(text, hidden)
    before = ""
    for part in parts:
        if part in ("}", "]"):
            depth -= 1
            if before in _OPEN:
                line.append(part)
            else:
                lines.append("".join(line))
                line = [_indent(depth), part]
        elif part == ",":
            line.append(part)
            lines.append("".join(line))
            line = [_indent(depth)]
        elif part == ":":
            line.append(": ")
        else:
            if before in _OPEN:
                lines.append("".join(line))
                line = [_indent(depth)]
            line.append(part)
            depth += part in _OPEN
        before = part
    lines.append("".join(line))
    return lines


def _indent(depth: int) -> str:
    return " " * min(depth * INDENT, MAX_INDENT)


def _tokens(text: str, hidden: frozenset[str]) -> Iterator[str]:
    if not hidden:
        yield from (match[0] for match in TOKEN.finditer(text))
        return
    end = 0
    for piece, start, stop in masked_spans(text, hidden):
        yield from (match[0] for match in TOKEN.finditer(text, end, start))
        yield piece
        end = stop
    yield from (match[0] for match in TOKEN.finditer(text, end))


def masked_spans(text: str, hidden: frozenset[str]) -> Iterator[tuple[str, int, int]]:
    """Replacements ``(text, start, end)`` for the values of members named in ``hidden`` (lower case), in order."""
    name = ""
    armed = False
    skip_from = depth = 0
    for match in TOKEN.finditer(text):
        part = match[0]
        if depth:
            depth += (part in _OPEN) - (part in ("}", "]"))
            if not depth:
                yield f'"{HIDDEN}"', skip_from, match.end()
        elif part == ":":
            armed = _member_name(name) in hidden
        elif armed and part in _OPEN:
            depth, skip_from, armed = 1, match.start(), False
        elif armed:
            armed = False
            yield f'"{HIDDEN}"', match.start(), match.end()
        name = part


def _member_name(part: str) -> str:
    if "\\" not in part:
        return part[1:-1].lower()
    try:
        return str(json.loads(part)).lower()
    except ValueError:
        return part.lower()


def mask(text: str, hidden: frozenset[str]) -> str:
    """The valid document with the content of the named members replaced, otherwise untouched."""
    lowered = text.lower()
    if "\\u" not in text and not any(name in lowered for name in hidden):
        return text
    parts: list[str] = []
    end = 0
    for piece, start, stop in masked_spans(text, hidden):
        parts += [text[end:start], piece]
        end = stop
    return "".join([*parts, text[end:]])
