"""Data as lines of YAML the way ``kubectl -o yaml`` lays it out: keys sorted, lists at the level of their key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

Data: TypeAlias = bool | int | float | str | list["Data"] | dict[str, "Data"] | None

_PLAIN = re.compile(r"[A-Za-z0-9_./$(^][^\x00-\x1f\x7f]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_SPECIAL = re.compile(
    r"(?:~|null|true|false|yes|no|on|off|y|n|\.nan|[-+]?\.inf|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?"
    r"|[-+]?0[xob][0-9a-f_]+|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[-+]?\.[0-9_]+(?:e[-+]?[0-9]+)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|=|<<)",
    re.IGNORECASE,
)
"""Words that YAML 1.1 or 1.2 reads as something else than text."""


def yaml_lines(data: Data, replaced: Callable[[str], str | None] = lambda _: None, indent: str = "") -> Iterator[str]:
    """``replaced`` may give a line's content for the value of a key, by the key's name."""
    if isinstance(data, dict) and data:
        for name in sorted(data):
            yield from _entry(f"{indent}{scalar(name)}:", data[name], replaced(name), replaced, indent)
    elif isinstance(data, list) and data:
        for item in data:
            yield from _item(item, replaced, indent)
    else:
        yield f"{indent}{_short(data)}"


def _entry(
    lead: str, value: Data, instead: str | None, replaced: Callable[[str], str | None], indent: str
) -> Iterator[str]:
    if instead is not None:
        yield f"{lead} {instead}"
    elif isinstance(value, dict) and value:
        yield lead
        yield from yaml_lines(value, replaced, indent + "  ")
    elif isinstance(value, list) and value:
        yield lead
        yield from yaml_lines(value, replaced, indent)
    elif isinstance(value, str) and _is_block(value):
        yield from _block(lead, value, indent + "  ")
    else:
        yield f"{lead} {_short(value)}"


def _item(item: Data, replaced: Callable[[str], str | None], indent: str) -> Iterator[str]:
    if isinstance(item, dict | list) and item:
        rows = yaml_lines(item, replaced, indent + "  ")
        yield f"{indent}- {next(rows)[len(indent) + 2 :]}"
        yield from rows
    elif isinstance(item, str) and _is_block(item):
        yield from _block(f"{indent}-", item, indent + "  ")
    else:
        yield f"{indent}- {_short(item)}"


def _is_block(text: str) -> bool:
    """Whether a text of several lines can stand as it is: printable, and no line that YAML would change."""
    lines = text.split("\n")
    return (
        len(lines) > 1
        and text.strip("\n") != ""
        and not text.startswith(("\n", " "))
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _block(lead: str, text: str, indent: str) -> Iterator[str]:
    ends = len(text) - len(text.rstrip("\n"))
    yield f"{lead} |{'-' if not ends else '' if ends == 1 else '+'}"
    lines = text.split("\n")
    for line in lines[:-1] if ends else lines:
        yield f"{indent}{line}" if line else ""


def _short(data: Data) -> str:
    if isinstance(data, str):
        return scalar(data)
    if data is None or isinstance(data, bool | int | float):
        return json.dumps(data)
    return "{}" if isinstance(data, dict) else "[]"


def scalar(text: str) -> str:
    """A text on one line, in double quotes where it could be read as something else."""
    plain = (
        _PLAIN.fullmatch(text) is not None
        and text == text.strip()
        and ": " not in text
        and " #" not in text
        and not text.endswith(":")
        and text.isprintable()
        and _SPECIAL.fullmatch(text) is None
    )
    if plain:
        return text
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _code(char)) for char in text) + '"'


def _code(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
