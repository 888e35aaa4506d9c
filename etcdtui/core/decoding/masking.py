"""Hiding named fields in text that is laid out by lines: YAML, TOML and our own renderings.

It errs towards hiding: what cannot be delimited safely is hidden with the field.
"""

from __future__ import annotations

import re

from etcdtui.core.decoding.result import HIDDEN

_FIELD = re.compile(
    r"""(?P<lead>(?:^[\s-]*|[{,\[]\s*|\?\s+))(?P<name>"[^"\n]*"|'[^'\n]*'|[^\s"'{}\[\],:=#]+)\s*[:=](?!//)"""
)


def mask_lines(text: str, hidden: frozenset[str]) -> str:
    """``text`` with the content of fields named in ``hidden`` (lower case) replaced.

    A field hides the rest of its line and every following line that is indented deeper, is blank, or (inside an open
    bracket or a triple-quoted string) comes before it closes.
    """
    if not hidden:
        return text
    out: list[str] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        match = _first_hidden(line, hidden)
        if match is None:
            out.append(line)
            continue
        out.append(line[: match.end()] + " " + HIDDEN)
        at = _skip(lines, at, match)
    return "\n".join(out)


def _first_hidden(line: str, hidden: frozenset[str]) -> re.Match[str] | None:
    for match in _FIELD.finditer(line):
        name = match["name"].strip("\"'").lower()
        if name in hidden or name.rsplit(".", 1)[-1] in hidden:
            return match
    return None


def _skip(lines: list[str], at: int, match: re.Match[str]) -> int:
    """The index of the first line after the hidden content."""
    line = match.string
    rest = line[match.end() :]
    depth = 0
    quote = next((q for q in ('"""', "'''") if rest.count(q) % 2), "")
    indent = match.start("name")
    depth = line.count("{") + line.count("[") - line.count("}") - line.count("]")
    quoted = _open_quote(rest)
    while at < len(lines):
        text = lines[at]
        if quote:
            at += 1
            if quote in text:
                quote = ""
            continue
        if quoted:
            at += 1
            if text.count(quoted) % 2:
                quoted = ""
            continue
        deeper = len(text) - len(text.lstrip(" \t")) > indent
        # A list may stand at its parent's own indentation.
        item = text.lstrip(" \t").startswith("- ") and not rest.strip() and not match["lead"].strip()
        if depth <= 0 and text.strip() and not deeper and not item:
            break
        depth += text.count("{") + text.count("[") - text.count("}") - text.count("]")
        at += 1
    return at


def _open_quote(rest: str) -> str:
    """The quote character of a string that does not end on its line."""
    text = rest.strip()
    if text[:1] not in ("'", '"') or text[:3] in ('"""', "'''"):
        return ""
    return "" if text.count(text[0]) % 2 == 0 else text[0]
