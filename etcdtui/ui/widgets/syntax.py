"""Colours for one visible line of JSON or YAML, by tone name: cheap, and if wrong then only in colour."""

from __future__ import annotations

import re
from collections.abc import Iterator

from etcdtui.core.decoding.result import HIDDEN

_JSON = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d[\d.eE+-]*|\btrue\b|\bfalse\b|\bnull\b)"
)
_YAML = re.compile(
    r"(?P<dim>(?:^|(?<=\s))#.*$)"
    r"""|(?P<key>(?:(?<=^)|(?<=\s))(?:"[^"]*"|'[^']*'|[^\s:#"'{}\[\],-][^:#"'{}\[\],]{0,200}?)(?=:(?:\s|$)))"""
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'[^']*')"
    r"|(?P<number>(?<=[\s\[,])-?\d[\d.eE+-]*(?=\s*(?:$|[,\]]))|(?<=\s)(?:true|false|null)(?=\s*$))"
)
_RULES = {"json": _JSON, "yaml": _YAML}
MAX_COLOURED = 1000
"""Characters of a line that are looked at."""


def tones(text: str, syntax: str) -> Iterator[tuple[int, int, str]]:
    """Spans ``(start, end, tone)`` of one line."""
    rule = _RULES.get(syntax)
    if rule is None:
        return
    for match in rule.finditer(text[:MAX_COLOURED]):
        yield match.start(), match.end(), "masked" if HIDDEN in match[0] else match.lastgroup or "value"
