"""One field of a JSON or YAML value: where it stands in the text, and that text with only this field exchanged.

A compressed value is that of its content. Whatever is exchanged was parsed again: no other field is another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from etcdtui.core.decoding import json_spans, json_style, json_text
from etcdtui.core.diff import field_diff
from etcdtui.core.tree import Number, Path, Tree, format_path
from etcdtui.core.value import Value
from etcdtui.services.values import packing, yaml_spans
from etcdtui.services.values.formats import PARSERS, kind_of

JSON, YAML = "JSON", "YAML"
MAX_BYTES = 256 * 1024
"""A larger value is edited as a whole: finding its fields would take a while."""
MAX_YAML = 64 * 1024
_HEADER = re.compile(r"[|>][^\n]*\n")


class Field(Value):
    """``written`` is the field as it stands in the text, ``content`` what to edit: several lines are ``long``."""

    path: Path
    kind: str
    written: str
    content: str
    long: bool

    @property
    def name(self) -> str:
        return format_path(self.path) or "(whole value)"


class NoSuchField(ValueError):
    """The field cannot be edited by itself; the message is a sentence."""


def path_at(view: str, lines: Sequence[str], line: int) -> Path | None:
    """The field on a line of a view named ``JSON`` or ``YAML``; ``None`` where no field begins, or it is too large.

    In a thread for a large value.
    """
    if sum(map(len, lines)) > (MAX_BYTES if view == JSON else MAX_YAML):
        return None
    text = "\n".join(lines)
    start = sum(len(one) + 1 for one in lines[:line])
    end = start + len(lines[line]) if line < len(lines) else start
    try:
        if view == JSON:
            spans = json_spans.values(text)
            return next((path for path, span in spans.items() if start <= span[0] < end and path), None)
        return yaml_spans.path_at(text, line)
    except ValueError:
        return None


def find(value: bytes, path: Path) -> Field:
    """The field of a value; raises ``NoSuchField``."""
    kind, text = _document(value)
    span = _spans(kind, text).get(path)
    if span is None:
        raise NoSuchField(f"{format_path(path)} cannot be edited by itself; e edits the whole value.")
    written = text[slice(*span)]
    if kind == JSON:
        inside = written[:1] in "{["
        content = json_style.pretty(written) if inside else written
        return Field(path, kind, written, content, inside)
    if header := _HEADER.match(written):
        tree = _at(PARSERS[kind](text.encode()), path)
        return Field(path, kind, written, str(tree), bool(header))
    return Field(path, kind, written, written, "\n" in written)


def exchange(value: bytes, path: Path, content: str) -> bytes:
    """The value with one field's content as it was edited; everything else stays byte for byte.

    What is no JSON or YAML by itself is taken as text, in quotes. Raises ``ValueError`` with a sentence.
    """
    field = find(value, path)
    if content == field.content:
        return value
    kind, text = _document(value)
    start, end = _spans(kind, text)[path]
    old = PARSERS[kind](text.encode())
    for written in _written(field, content, text, start):
        made = text[:start] + written + text[end:]
        try:
            new = PARSERS[kind](made.encode())
        except ValueError:
            continue
        changes = field_diff(old, new)
        if all(change.path[: len(path)] == path for change in changes) and _means(field, content, _at(new, path)):
            return _packed(made.encode(), value)
    raise ValueError(f"{field.name} cannot hold that without a change of other fields; e edits the whole value.")


def _document(value: bytes) -> tuple[str, str]:
    packed = packing.unpack(value)
    content = packed.content if packed is not None else value
    kind = kind_of(content) if len(content) <= MAX_BYTES else ""
    if kind not in (JSON, YAML) or (kind == YAML and len(content) > MAX_YAML):
        raise NoSuchField("Only fields of JSON and YAML can be edited by themselves; e edits the whole value.")
    return kind, content.decode()


def _packed(content: bytes, value: bytes) -> bytes:
    return packing.pack(content, value) if packing.unpack(value) is not None else content


def _spans(kind: str, text: str) -> dict[Path, tuple[int, int]]:
    try:
        return json_spans.values(text) if kind == JSON else yaml_spans.values(text)
    except ValueError as problem:
        raise NoSuchField(str(problem)) from None


def _written(field: Field, content: str, text: str, start: int) -> list[str]:
    """How the content could be written, what is nearest to what was typed first."""
    if field.kind == JSON:
        if not field.long:
            return [content.strip()] if json_text.is_json(content) else [json.dumps(content, ensure_ascii=False)]
        return [json_style.restyle(content, field.written) if json_style.is_minified(field.written) else content]
    gap = " " if not field.written and text[start - 1 : start] in (":", "-") else ""
    quoted = json.dumps(content, ensure_ascii=False)
    if _HEADER.match(field.written):
        return [_block(field.written, content), quoted + "\n"]
    return [gap + content.strip("\n"), gap + quoted]


def _block(written: str, content: str) -> str:
    """A block scalar with the indentation of the one before."""
    rows = written.split("\n")[1:]
    indent = next((row[: len(row) - len(row.lstrip(" "))] for row in rows if row.strip()), "  ")
    ends = len(content) - len(content.rstrip("\n"))
    lines = content.split("\n")
    body = "".join(f"{indent}{line}\n" if line else "\n" for line in (lines[:-1] if ends else lines))
    return f"|{'-' if not ends else '' if ends == 1 else '+'}\n{body}"


def _means(field: Field, content: str, made: Tree) -> bool:
    """Whether the field is now what was typed; only a text of several lines says exactly what it means."""
    return not _HEADER.match(field.written) or made == content


def _at(tree: Tree, path: Path) -> Tree:
    for step in path:
        if isinstance(tree, dict) and isinstance(step, str):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return str(tree) if isinstance(tree, Number) else tree
