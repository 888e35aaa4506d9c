"""Colours for one line of JSON, YAML, TOML or XML, by tone name: cheap, and if wrong then only in colour.

A line is looked at alone, when it is drawn: a library that reads the whole value takes longer than the frame it is for,
and the first value is shown in the first frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from etcdtui.core.decoding.result import HIDDEN

_NUMBER = r"[-+]?(?:0x[\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_JSON = re.compile(
    r'(?P<field>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<string>"(?:[^"\\]|\\.)*"?)'
    rf"|(?P<keyword>\b(?:true|false|null)\b)|(?P<number>{_NUMBER})|(?P<point>[{{}}\[\],:]+)"
)
_YAML = re.compile(
    r"(?P<dim>(?:^|(?<=\s))#.*$)"
    r"""|(?P<field>(?:(?<=^)|(?<=[\s{,]))(?:"[^"]*"|'[^']*'|[^\s:#"'{}\[\],-][^:#"'{}\[\],]{0,200}?)(?=:(?:\s|$)))"""
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'[^']*')"
    r"|(?P<keyword>(?<=[\s\[,])(?:true|false|null|yes|no|~)(?=\s*(?:$|[,\]}#]))|(?<=\s)[&*][\w-]+|^---$|^\.\.\.$)"
    rf"|(?P<number>(?<=[\s\[,]){_NUMBER}(?=\s*(?:$|[,\]}}#])))"
    r"|(?P<point>[{}\[\],]|:(?=\s|$)|(?:^|(?<=\s))-(?=\s)|[|>][-+]?$)"
    r"|(?P<string2>(?<=\s)[^\s#\"'{}\[\],&*|>-][^#,\]}\[{]*(?=$|[,\]}]| #))"
)
_TOML = re.compile(
    r"(?P<dim>(?:^|(?<=\s))#.*$)|(?P<head>^\s*\[.*\]\s*$)"
    r"""|(?P<field>^\s*(?:[\w.-]+|"[^"]*"|'[^']*')(?=\s*=))"""
    r"""|(?P<string>\"{1,3}(?:[^"\\]|\\.)*\"{0,3}|'{1,3}[^']*'{0,3})"""
    r"|(?P<keyword>\b(?:true|false)\b)|(?P<number>\b\d{4}-\d\d-\d\d[\dT:.Z+-]*|(?<![\w])" + _NUMBER + r")"
    r"|(?P<point>[=\[\]{},])"
)
_XML = re.compile(
    r"(?P<dim><!--.*?(?:-->|$)|<\?.*?\?>)|(?P<field></?[\w:.-]+|/?>)"
    r"""|(?P<number>[\w:.-]+(?==["']))|(?P<string>"[^"]*"|'[^']*')|(?P<keyword>&\w+;)|(?P<point>=)"""
)
_RULES = {"json": _JSON, "yaml": _YAML, "toml": _TOML, "xml": _XML}
_SAME = {"string2": "string"}
SYNTAXES = frozenset(_RULES)
MAX_COLOURED = 1000
"""Characters of a line that are looked at."""


def tones(text: str, syntax: str) -> Iterator[tuple[int, int, str]]:
    """Spans ``(start, end, tone)`` of one line."""
    rule = _RULES.get(syntax)
    if rule is None:
        return
    for match in rule.finditer(text[:MAX_COLOURED]):
        name = match.lastgroup or "value"
        yield match.start(), match.end(), "masked" if HIDDEN in match[0] else _SAME.get(name, name)


def syntax_of(kind: str) -> str:
    """The syntax of a kind of value as the Keys screen shows it, such as ``JSON``; empty when there are no colours."""
    name = kind.rpartition(" ")[2].casefold()
    return name if name in SYNTAXES else ""
