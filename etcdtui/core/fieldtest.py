"""One test of a document's fields in the filter language: ``spec.nodeName=node-1``, ``replicas>3``, ``image:nginx``.

A path names a field by its last names, list indexes left out: ``containers.image`` is every image of every container. A
point in front begins at the root (``.spec``), ``[0]`` names an item, ``*`` stands for any part of one name. After the
path: nothing (there is such a field), ``=`` or ``!=`` the whole text, ``:`` a part of it, ``<`` ``<=`` ``>`` ``>=`` a
number or a quantity of Kubernetes (``1Gi``, ``500m``). Text may stand in double quotes. Lower case ignores case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import ge, gt, le, lt

MAX_NODES = 20_000
"""Fields of one document that are looked at."""
MAX_DEPTH = 100
MAX_NAME = 1_000
"""Characters of a dotted name; a longer one has no match."""
MAX_STARS = 3
_TEST = re.compile(r"(?P<path>(?:\[[^\]]*\]|[^=!<>:\[])+?)(?:(?P<op>!=|>=|<=|=|>|<|:)(?P<operand>.*))?", re.DOTALL)
_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*)?)(m|k|[KMGTPE]i|[MGTPE])")
_UNITS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18} | {
    f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)
}
_INDEX = re.compile(r"\[\d+\]")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {">": gt, "<": lt, ">=": ge, "<=": le}

Test = Callable[[object], bool]


class FilterError(ValueError):
    """The filter cannot be understood; the message says why."""


def compile_test(text: str) -> Test:
    """The test of ``path operator operand`` on a document (``core.tree``); what is none has no fields.

    Raises ``FilterError``.
    """
    match = _TEST.fullmatch(text)
    path = match["path"].strip() if match else ""
    if match is None or not path.strip("."):
        raise FilterError("json: needs a field after it, as in json:spec.nodeName=node-1.")
    names = _path_test(path)
    holds = _operand_test(match["op"] or "", _unquoted(match["operand"] or ""))
    with_index = _INDEX.search(path) is not None

    def test(document: object) -> bool:
        fields = walk(document, with_index=with_index)
        return any(names(name) and holds(value) for name, value in fields)

    return test


def walk(document: object, *, with_index: bool = False) -> Iterator[tuple[str, object]]:
    """The dotted name and value of every field, containers before what is in them; items have their list's name."""
    stack: list[tuple[str, object, int]] = [("", document, 0)]
    seen = 0
    while stack and seen < MAX_NODES:
        name, value, depth = stack.pop()
        seen += 1
        if name:
            yield name, value
        if depth > MAX_DEPTH:
            continue
        if isinstance(value, Mapping):
            stack += [(f"{name}.{key}", value[key], depth + 1) for key in reversed(list(value))]
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            items = reversed(list(enumerate(value)))
            stack += [(f"{name}[{at}]" if with_index else name, item, depth + 1) for at, item in items]


def _path_test(path: str) -> Callable[[str], bool]:
    if path.count("*") > MAX_STARS:
        raise FilterError(f"json: a path takes {MAX_STARS} stars at most.")
    exact = path != path.lower()
    pattern = re.escape(path).replace(r"\*", r"[^.\[]*")
    start = "" if path.startswith(".") else r"(?:.*\.)?"
    compiled = re.compile(start + pattern, re.DOTALL if exact else re.DOTALL | re.IGNORECASE)
    return lambda name: len(name) <= MAX_NAME and compiled.fullmatch(name) is not None


def _operand_test(operator: str, operand: str) -> Callable[[object], bool]:
    if not operator:
        return lambda value: True
    if operator in _COMPARE:
        wanted = _number(operand)
        if wanted is None:
            raise FilterError(f"json: cannot compare with {operand!r}; write a number or a quantity, as in replicas>3.")
        compare, limit = _COMPARE[operator], wanted
        return lambda value: (number := _number(_text(value))) is not None and compare(number, limit)
    exact = operand != operand.lower()
    wanted_text = operand if exact else operand.lower()

    def text_of(value: object) -> str | None:
        text = _text(value)
        return text if exact or text is None else text.lower()

    if operator == ":":
        return lambda value: (text := text_of(value)) is not None and wanted_text in text
    if operator == "!=":
        return lambda value: (text := text_of(value)) is not None and text != wanted_text
    return lambda value: text_of(value) == wanted_text


def _text(value: object) -> str | None:
    """A scalar as a document writes it; ``None`` for a container."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return str(value) if isinstance(value, str | int | float) else None


def _number(text: str | None) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        match = _QUANTITY.fullmatch(text)
        return float(match[1]) * _UNITS[match[2]] if match else None


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
