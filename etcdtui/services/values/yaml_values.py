"""YAML values as trees, read from parser events: no object is constructed and no alias can multiply."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from etcdtui.core.tree import Number, Tree

if TYPE_CHECKING:  # imported with the first value that is looked at as YAML
    import yaml

MAX_DEPTH = 100
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|0x[0-9a-fA-F]+|0o[0-7]+")


def parse_yaml(text: str) -> Tree:
    """The document, or the list of them when there are several; scalars by YAML 1.2 (``no`` is text).

    An alias stays the text ``*name``. Raises ``ValueError``, also for repeated keys and deep nesting.
    """
    import yaml

    try:
        documents = _documents(yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)))
    except (yaml.YAMLError, RecursionError, AttributeError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise ValueError(f"not valid YAML{where}") from None
    return documents[0] if len(documents) == 1 else documents


class _Open:
    """A mapping or list that is being filled."""

    def __init__(self, container: dict[str, Tree] | list[Tree]) -> None:
        self.container = container
        self.key: str | None = None

    def add(self, value: Tree) -> None:
        if isinstance(self.container, list):
            self.container.append(value)
        elif self.key is None:
            if not isinstance(value, str):
                value = "null" if value is None else str(value).lower() if isinstance(value, bool) else None
            if value is None:
                raise ValueError("a key is a mapping or a list")
            if value in self.container:
                raise ValueError("a key appears twice")
            self.key = str(value)
        else:
            self.container[self.key] = value
            self.key = None


def _documents(events: Iterator[yaml.Event]) -> list[Tree]:
    import yaml

    documents: list[Tree] = []
    stack: list[_Open] = [_Open(documents)]
    for event in events:
        if isinstance(event, yaml.ScalarEvent):
            stack[-1].add(_scalar(event))
        elif isinstance(event, yaml.AliasEvent):
            stack[-1].add(f"*{event.anchor}")
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(stack) > MAX_DEPTH:
                raise ValueError("nested too deeply")
            stack.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else []))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = stack.pop()
            stack[-1].add(closed.container)
    return documents


def _scalar(event: yaml.ScalarEvent) -> Tree:
    text = str(event.value)
    # A plain scalar's style is None or empty, by parser.
    if event.style or event.tag is not None:
        return text
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return Number(text) if _NUMBER.fullmatch(text) else text
