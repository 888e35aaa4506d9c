"""Documents: JSON, JSON lines, XML, TOML and YAML, each claimed only when all of it parses."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from xml.parsers import expat

from etcdtui.core.decoding import json_text
from etcdtui.core.decoding.result import MAX_JSON, MAX_SLOW_PARSE, Decoded, Fact, TextRequest, View
from etcdtui.core.decoding.text_view import hex_view, json_views, masked_text, text_view

_KEY_LINE = re.compile(r"^[ ]*(?:- )?[\"']?[A-Za-z_][\w./-]*[\"']?:(?: |$)", re.MULTILINE)
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$./-]*")
_TOML_LINE = re.compile(r"^\s*(?:[A-Za-z0-9_.\"'-]+\s*=|\[)", re.MULTILINE)
_MULTILINE_STRING = re.compile(r'"""|\'\'\'')
MAX_TOML_DOTS = 2000
"""Dots in one line: the parser takes quadratic time for a key of many parts."""


class _Refused(Exception):
    """An XML document with a document type or entities."""


def detect_json(given: TextRequest) -> Decoded | None:
    """An object, an array or a quoted string; bare numbers and words are no JSON by themselves."""
    text, request = given.stripped, given.request
    if text[:1] not in ("{", "[", '"') or text[-1:] not in ("}", "]", '"'):
        return None
    if not request.small(MAX_JSON) or not json_text.is_json(text):
        return None
    kind = "JSON string" if text[0] == '"' else "JSON"
    hidden = request.hidden_fields
    masked = bool(hidden) and next(json_text.masked_spans(given.text, hidden), None) is not None
    facts = (Fact("note", "an object names a member twice"),) if json_text.has_duplicates(text) else ()
    views = (*json_views(given.text, hidden), hex_view(request.value, hidden=masked))
    return Decoded(kind, "parsed whole", views, facts=facts, masked=masked)


def detect_json_lines(given: TextRequest) -> Decoded | None:
    request = given.request
    if given.stripped[:1] not in ("{", "[") or not request.small(MAX_JSON):
        return None
    lines = [line for line in given.stripped.split("\n") if line.strip()]
    if len(lines) < 2 or not all(line.lstrip()[:1] in "{[" and json_text.is_json(line) for line in lines):
        return None
    hidden = request.hidden_fields
    shown = [json_text.mask(line, hidden) for line in lines] if hidden else lines
    masked = shown != lines

    def pretty() -> list[str]:
        return [row for line in lines for row in json_text.pretty(line, hidden)]

    views = (
        View("JSON lines", lambda: shown, "json"),
        View("pretty", pretty, "json"),
        hex_view(request.value, hidden=masked),
    )
    return Decoded("JSON lines", f"all {len(lines)} lines parsed", views, masked=masked)


def detect_xml(given: TextRequest) -> Decoded | None:
    """Well-formed and without a document type: entities could grow without bound, so they are not looked at."""
    if not given.stripped.startswith("<") or not given.stripped.endswith(">"):
        return None
    if not given.request.small(MAX_SLOW_PARSE):
        return None
    parser = expat.ParserCreate()
    names: list[str] = []

    def doctype(name: str, system_id: str | None, public_id: str | None, has_subset: bool) -> None:
        raise _Refused

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if not names:
            names.append(name)

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = element
    try:
        parser.Parse(given.text.lstrip().encode(), True)
    except (expat.ExpatError, _Refused, ValueError):
        return None
    return _as_text(given, "XML", "parsed whole", (Fact("root", names[0] if names else ""),), "xml")


def detect_toml(given: TextRequest) -> Decoded | None:
    """Parses, and at least two lines are assignments or sections and none is anything else."""
    if not given.request.small(MAX_SLOW_PARSE) or "=" not in given.text:
        return None
    if any(line.count(".") > MAX_TOML_DOTS for line in given.text.split("\n")):
        return None
    try:
        tomllib.loads(given.text.replace("\r\n", "\n"))
    except (ValueError, RecursionError):
        return None
    lines = [line for line in given.text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    plain = _MULTILINE_STRING.search(given.text) is None and not any(line.rstrip().endswith("[") for line in lines)
    if sum(bool(_TOML_LINE.match(line)) for line in lines) < 2:
        return None
    if plain and not all(_TOML_LINE.match(line) for line in lines):
        return None
    return _as_text(given, "TOML", "parsed whole", syntax="toml")


def detect_yaml(given: TextRequest) -> Decoded | None:
    """Parses to a mapping or list, has ``---`` or two key lines, and its keys look like identifiers."""
    if not _parses_as_yaml(given, proof=True):
        return None
    return _as_text(given, "YAML", "parsed whole", syntax="yaml")


def yaml_hint(given: TextRequest) -> bool:
    """Whether text that is not shown as YAML would still parse as a mapping or list of it."""
    return _parses_as_yaml(given, proof=False)


def _parses_as_yaml(given: TextRequest, *, proof: bool) -> bool:
    parse = given.request.hooks.parse_yaml
    if parse is None or not given.request.small(MAX_SLOW_PARSE):
        return False
    marked = given.stripped.startswith("---")
    if proof and not marked and len(_KEY_LINE.findall(given.text)) < 2:
        return False
    if not marked and ":" not in given.text and "- " not in given.text:
        return False
    try:
        tree = parse(given.text)
    except ValueError:
        return False
    if isinstance(tree, Mapping):
        return not proof or all(_IDENTIFIER.fullmatch(name) for name in tree)
    return isinstance(tree, list)


def _as_text(given: TextRequest, kind: str, how: str, facts: tuple[Fact, ...] = (), syntax: str = "") -> Decoded:
    shown, masked = masked_text(given.text, given.request.hidden_fields)
    views = (text_view(shown, kind, syntax), hex_view(given.request.value, hidden=masked))
    return Decoded(kind, how, views, facts=facts, masked=masked)
