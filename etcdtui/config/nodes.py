"""What a configuration text is made of: texts, lists and mappings, each with its line."""

from __future__ import annotations

from dataclasses import field

from etcdtui.core.value import Value

NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class _Quiet(Value):
    """Does not show its content: it may be a password."""

    __repr__ = object.__repr__


class Scalar(_Quiet):
    """A text; ``plain`` when written without quotes, ``comment`` when a comment follows it on its line."""

    text: str
    line: int
    plain: bool = True
    comment: bool = False

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in NULLS


class Items(_Quiet):
    """A list."""

    items: tuple[Node, ...]
    line: int


class Section(_Quiet):
    """A mapping; ``lines`` holds the line of each key."""

    entries: dict[str, Node]
    lines: dict[str, int]
    line: int


Node = Scalar | Items | Section


class YamlRefused(Exception):
    """The text cannot be read any further; ``line`` is 1-based, the message quotes nothing."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


class Document(_Quiet):
    """``root`` is ``None`` for an empty file; ``problems`` are (line, sentence) that did not stop the reading."""

    root: Node | None
    problems: list[tuple[int, str]] = field(default_factory=list)
