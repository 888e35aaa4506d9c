"""Turns nodes of the file into the dataclasses of the schema, key by key, by the ``Kind`` of each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from etcdtui.config.endpoints import endpoint_problem
from etcdtui.config.nodes import Items, Node, Scalar, Section
from etcdtui.config.report import Report, shown
from etcdtui.config.schema import COLORS, Kind
from etcdtui.config.secrets import Secret
from etcdtui.config.units import parse_duration, parse_size
from etcdtui.core.safe_text import safe_text
from etcdtui.core.value import record

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")

TRUE, FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")
MAX_COUNT = 2**53


class Refused(Exception):
    """A value that cannot be used; the message never quotes a secret."""


@record()
class Reader:
    """What reading needs beside the node: where problems go, the variables for paths, the folder paths start from."""

    report: Report
    environ: Mapping[str, str]
    folder: Path

    def build(self, base: S, node: Node, where: str) -> S:
        """``base`` with the keys of ``node`` set; what is wrong is reported and left as it was."""
        if isinstance(node, Scalar) and node.is_null:
            return base
        if not isinstance(node, Section):
            self.report.add(node.line, f"{where} must be a section of name: value lines")
            return base
        known = {f.name: f for f in fields(base) if "kind" in f.metadata}
        changes: dict[str, Any] = {}
        for name, value in node.entries.items():
            wanted = known.get(name)
            if wanted is None:
                self.report.unknown(node.lines[name], f"{where}: key", name, known)
                continue
            kind: Kind = wanted.metadata["kind"]
            if isinstance(value, Scalar) and value.is_null and kind is not Kind.SECRET:
                continue
            try:
                changes[name] = self._convert(wanted, value, getattr(base, name), f"{where}.{name}")
            except Refused as error:
                self.report.add(value.line, f"{where}.{name}: {error}")
        return replace(base, **changes)

    def _convert(self, wanted: Field[Any], node: Node, old: Any, where: str) -> object:
        kind: Kind = wanted.metadata["kind"]
        choices: tuple[str, ...] = wanted.metadata["choices"]
        if kind is Kind.SECTION:
            return self.build(old, node, where)
        if kind is Kind.SECTIONS:
            items = node.items if isinstance(node, Items) else (node,)
            return tuple(
                self.build(wanted.metadata["section"](), item, f"{where}[{n}]") for n, item in enumerate(items)
            )
        if kind is Kind.CHOICE:
            return _choice(_text(node), choices)
        if kind is Kind.CHOICES:
            return tuple(_choice(text, choices) for text in _texts(node))
        if kind is Kind.PATH:
            return expand_path(_text(node), self.environ, self.folder)
        if kind is Kind.SECRET:
            secret = _secret(node)
            self.report.notice(node.line, f"{where} is written in the file; password_command or prompt keep it out")
            return secret
        return CONVERTERS[kind](node)


def expand_path(text: str, environ: Mapping[str, str], folder: Path) -> str:
    """``~`` and ``${VAR}`` expanded; a relative path starts at ``folder``."""

    def value(match: re.Match[str]) -> str:
        found = environ.get(match[1]) or match[2]
        if found is None:
            raise Refused(f"the variable {match[1]} is not set; ${{{match[1]}:-PATH}} would give a default")
        return found

    expanded = VARIABLE.sub(value, text)
    if "\0" in expanded:
        raise Refused("a path holds no NUL")
    return str(folder / _home(expanded, environ)) if expanded else ""


def _home(path: str, environ: Mapping[str, str]) -> str:
    if path == "~" or path.startswith("~/"):
        return environ.get("HOME", os.path.expanduser("~")) + path[1:]  # noqa: PTH111 - the fallback without HOME
    return path


def _text(node: Node) -> str:
    if not isinstance(node, Scalar):
        raise Refused("must be a text")
    return node.text


def _name(node: Node) -> str:
    text = _text(node)
    if not text.isprintable():
        raise Refused("must not hold control characters")
    return text


def _texts(node: Node) -> tuple[str, ...]:
    if isinstance(node, Scalar):
        return (node.text,)
    if not isinstance(node, Items) or not all(isinstance(item, Scalar) for item in node.items):
        raise Refused("must be a list of texts")
    return tuple(_text(item) for item in node.items)


def _nonempty_texts(node: Node) -> tuple[str, ...]:
    return tuple(text for text in _texts(node) if text)


def _bool(node: Node) -> bool:
    text = _text(node)
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise Refused("must be true or false (yes, no, on and off are texts here)")


def _switch(node: Node) -> bool:
    text = _text(node)
    if text in TRUE or text == "on":
        return True
    if text in FALSE or text == "off":
        return False
    raise Refused("must be on or off")


def _count(node: Node) -> int:
    text = _text(node)
    if not (text.isascii() and text.isdigit() and len(text) <= 16) or int(text) > MAX_COUNT:
        raise Refused("must be a whole number, 0 or more")
    return int(text)


def _duration(node: Node) -> float:
    try:
        return parse_duration(_text(node))
    except ValueError as error:
        raise Refused(str(error)) from None


def _size(node: Node) -> int:
    try:
        return parse_size(_text(node))
    except ValueError as error:
        raise Refused(str(error)) from None


def _color(node: Node) -> str:
    text = _text(node)
    if text in COLORS or HEX_COLOR.match(text):
        return text
    raise Refused(f"must be one of {', '.join(COLORS)}, or #rrggbb in quotes")


def _choice(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise Refused(f"{shown(text)!r} is not one of {', '.join(choices)}")
    return text


def _secret(node: Node) -> Secret:
    if not isinstance(node, Scalar):
        raise Refused("must be one text; put it in quotes")
    if node.comment:
        raise Refused("a # after a space begins a comment and would cut the text off; put it in quotes")
    if node.is_null or not node.text:
        raise Refused("is empty; put the word in quotes if a text is meant")
    return Secret(node.text)


def _endpoints(node: Node) -> tuple[str, ...]:
    texts = node.text.split(",") if isinstance(node, Scalar) else _texts(node)
    found = tuple(text.strip() for text in texts)
    if not found:
        raise Refused("must name at least one endpoint")
    problems = [problem for text in found if (problem := endpoint_problem(text))]
    if problems:
        raise Refused("; ".join(safe_text(problem, limit=200).text for problem in problems[:10]))
    return found


def _auto_texts(node: Node) -> tuple[str, ...] | None:
    if isinstance(node, Scalar):
        if node.text != "auto":
            raise Refused("must be auto or a list")
        return None
    return _texts(node)


def _command(node: Node) -> tuple[str, ...]:
    if not isinstance(node, Items) or not node.items:
        raise Refused("must be a list: [program, argument, ...]; no shell is used")
    words = _texts(node)
    if not words[0] or any("\0" in word for word in words):
        raise Refused("the program's name is empty or an argument holds NUL")
    return tuple(_home(word, os.environ) for word in words)


def _map(node: Node) -> Mapping[str, str]:
    if not isinstance(node, Section) or not all(isinstance(v, Scalar) for v in node.entries.values()):
        raise Refused("must be a section of name: text lines")
    return MappingProxyType({name: _text(value) for name, value in node.entries.items()})


CONVERTERS: Mapping[Kind, Callable[[Node], object]] = {
    Kind.TEXT: _text,
    Kind.NAME: _name,
    Kind.BOOL: _bool,
    Kind.SWITCH: _switch,
    Kind.COUNT: _count,
    Kind.DURATION: _duration,
    Kind.SIZE: _size,
    Kind.COLOR: _color,
    Kind.TEXTS: _nonempty_texts,
    Kind.ENDPOINTS: _endpoints,
    Kind.AUTO_TEXTS: _auto_texts,
    Kind.COMMAND: _command,
    Kind.MAP: _map,
}
