"""Where the values of a YAML text stand, read from parser events; what has an anchor or a tag is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from etcdtui.core.tree import Path
from etcdtui.core.value import record

if TYPE_CHECKING:  # imported with the first value that is looked at as YAML
    import yaml
    from yaml._yaml import Mark as CMark


@record(frozen=False)
class _Open:
    path: Path
    is_mapping: bool
    is_free: bool
    key: str | None = None
    key_line: int = 0
    index: int = 0


@record()
class _Placed:
    path: Path
    first_line: int
    last_line: int
    start: int
    end: int


def values(text: str) -> dict[Path, tuple[int, int]]:
    """The half-open span of every scalar of a single document. Raises ``ValueError`` if it is no such text."""
    return {one.path: (one.start, one.end) for one in _scalars(text)}


def path_at(text: str, line: int) -> Path | None:
    """The scalar on a line, from its key's line to its own last."""
    found = [one for one in _scalars(text) if one.first_line <= line <= one.last_line]
    return min(found, key=lambda one: one.last_line - one.first_line).path if found else None


def _scalars(text: str) -> Iterator[_Placed]:
    import yaml

    stack: list[_Open] = []
    documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):  # its marks count characters
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise ValueError("The value has several YAML documents; e edits the whole value.")
            elif isinstance(event, yaml.ScalarEvent):
                yield from _scalar(event, stack)
            elif isinstance(event, yaml.AliasEvent):
                _next(stack, event.anchor, _mark(event.start_mark).line)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                here, _, is_value = _next(stack, None, _mark(event.start_mark).line)
                is_free = is_value and not (event.anchor or event.tag) and (not stack or stack[-1].is_free)
                stack.append(_Open(here, isinstance(event, yaml.MappingStartEvent), is_free))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                stack.pop()
    except (yaml.YAMLError, RecursionError):
        raise ValueError("The value is not valid YAML.") from None


def _mark(mark: yaml.Mark | CMark | None) -> yaml.Mark | CMark:
    """Where an event begins or ends; the parser tells it of every event of a text."""
    if mark is None:
        raise ValueError("The value is not valid YAML.")
    return mark


def _scalar(event: yaml.ScalarEvent, stack: list[_Open]) -> Iterator[_Placed]:
    first = _mark(event.start_mark).line
    path, key_line, is_value = _next(stack, str(event.value), first)
    if not is_value or event.anchor or event.tag or not (stack and stack[-1].is_free):
        return
    last = _mark(event.end_mark).line - (1 if event.style in ("|", ">") and _mark(event.end_mark).column == 0 else 0)
    yield _Placed(
        path, min(first, key_line), max(last, first), _mark(event.start_mark).index, _mark(event.end_mark).index
    )


def _next(stack: list[_Open], key: str | None, line: int) -> tuple[Path, int, bool]:
    """Where the next node stands, the line of its key, and whether it is a value (else it is a key)."""
    if not stack:
        return (), line, True
    top = stack[-1]
    if not top.is_mapping:
        top.index += 1
        return (*top.path, top.index - 1), line, True
    if top.key is None:
        top.key, top.key_line = key if key is not None else "", line
        if key is None:  # a mapping or a list for a key: nothing of it can be named
            top.is_free = False
        return top.path, line, False
    name, top.key = top.key, None
    return (*top.path, name), top.key_line, True
