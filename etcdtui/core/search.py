"""The filter language of lists and byte matchers for searches, all with a bounded cost.

Filter: words are joined by AND. A word is a substring (smart case: an upper-case letter makes it exact), ``!word`` its
opposite, ``~word`` fuzzy, ``^/regex/`` a regular expression, ``"two words"`` one substring, and ``field:value``,
``field:>value``, ``field:<value``, ``field:=value`` a test of a field. ``json:path`` tests the fields of a document
(``core.fieldtest``). Mistakes raise ``FilterError`` with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum

from etcdtui.core import fieldtest
from etcdtui.core.fieldtest import FilterError as FilterError
from etcdtui.core.safe_regex import PatternError, compile_pattern
from etcdtui.core.tree import Tree
from etcdtui.core.units import parse_duration, parse_size
from etcdtui.core.value import record

TEXT = "text"
"""The record's field that plain words, fuzzy words and regular expressions look at."""
MAX_FILTER = 500
MAX_TEXT = 4096
"""Characters of one record's text that are looked at."""

Value = Tree | bytes
Record = Mapping[str, Value]
Predicate = Callable[[Record], bool]


class Field(Enum):
    """How a field's operand is read: bytes (``10k``), a number, yes or no, seconds (``5m``), text, or a path."""

    SIZE = "size"
    NUMBER = "number"
    FLAG = "flag"
    AGE = "age"
    NAME = "name"
    PATH = "path"


_WORD = re.compile(r'!*json:(?:[^\s"]+|"[^"]*(?:"|$))+|' r'!*\^/(?:[^/\\]|\\.|/(?=\S))*/(?=\s|$)|!*"[^"]*"|\S+')
_TERM = re.compile(r"([A-Za-z_]+):(>=|<=|>|<|=)?(.*)", re.DOTALL)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    "": lambda a, b: a == b,
}


def compile_filter(expression: str, fields: Mapping[str, Field]) -> Predicate:
    """The predicate of ``expression`` over records that have ``fields``; an empty one accepts all.

    A word like ``legacy:foo`` whose first part is no field is a plain substring.
    """
    if len(expression) > MAX_FILTER:
        raise FilterError(f"The filter is longer than {MAX_FILTER} characters.")
    tests = [_word(word, fields) for word in _WORD.findall(expression)]
    if len(tests) == 1:
        return tests[0]
    return lambda record: all(test(record) for test in tests)


def _word(word: str, fields: Mapping[str, Field]) -> Predicate:
    if word.startswith("!") and len(word) > 1:
        inner = _word(word[1:], fields)
        return lambda record: not inner(record)
    if word.startswith("^/") and word.endswith("/") and len(word) > 3:
        try:
            pattern = compile_pattern(word[2:-1], ignore_case=not _has_upper(word))
        except PatternError as problem:
            raise FilterError(str(problem)) from None
        return lambda record: pattern.found(_text(record, TEXT))
    if word.startswith("~") and len(word) > 1:
        return _fuzzy(word[1:])
    if word.startswith('"') and word.endswith('"') and len(word) > 2:
        return _substring(TEXT, word[1:-1])
    term = _TERM.fullmatch(word)
    if term:
        name, operator, operand = term[1].lower(), term[2] or "", term[3]
        if name in fields:
            return _field(name, fields[name], operator, operand)
        if operator:
            raise FilterError(f"There is no field {name!r} here; fields are {', '.join(sorted(fields)) or 'none'}.")
    return _substring(TEXT, word)


def _field(name: str, kind: Field, operator: str, operand: str) -> Predicate:
    if not operand:
        raise FilterError(f"{name}: needs something after it, as in {name}:{_example(kind)}.")
    if kind is Field.PATH:
        document = fieldtest.compile_test(operator + operand)
        return lambda record: document(record.get(name))
    if kind is Field.NAME:
        if operator not in ("", "="):
            raise FilterError(f"{name} is text: use {name}:part or {name}:=whole.")
        return _equal(name, operand) if operator else _substring(name, operand)
    if kind is Field.FLAG:
        truth = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}.get(operand.lower())
        if truth is None or operator:
            raise FilterError(f"{name} is yes or no: use {name}:yes or {name}:no.")
        return lambda record: bool(record.get(name)) is truth
    wanted = _number(name, kind, operand)
    compare = _COMPARE[operator]

    def test(record: Record) -> bool:
        value = record.get(name)
        return isinstance(value, (int, float)) and compare(value, wanted)

    return test


def _number(name: str, kind: Field, operand: str) -> float:
    try:
        if kind is Field.SIZE:
            return parse_size(operand)
        if kind is Field.AGE:
            return parse_duration(operand)
        return int(operand.replace(",", "").replace("_", ""))
    except ValueError:
        raise FilterError(f"{name}: cannot read {operand!r}; write it like {name}:{_example(kind)}.") from None


def _example(kind: Field) -> str:
    return {
        Field.SIZE: ">10k",
        Field.NUMBER: ">100",
        Field.AGE: "<5m",
        Field.FLAG: "yes",
        Field.NAME: "json",
        Field.PATH: "spec.nodeName=a",
    }[kind]


def _text(record: Record, name: str) -> str:
    value = record.get(name)
    if isinstance(value, bytes):
        return value[:MAX_TEXT].decode("utf-8", "surrogateescape")
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _has_upper(text: str) -> bool:
    return any(char.isupper() for char in text)


def _substring(name: str, part: str) -> Predicate:
    if _has_upper(part):
        return lambda record: part in _text(record, name)
    lowered = part.lower()
    return lambda record: lowered in _text(record, name).lower()


def _equal(name: str, whole: str) -> Predicate:
    if _has_upper(whole):
        return lambda record: whole == _text(record, name)
    lowered = whole.lower()
    return lambda record: lowered == _text(record, name).lower()


def _fuzzy(letters: str) -> Predicate:
    exact = _has_upper(letters)
    wanted = letters if exact else letters.lower()

    def test(record: Record) -> bool:
        text = _text(record, TEXT)
        rest = iter(text if exact else text.lower())
        return all(letter in rest for letter in wanted)

    return test


Finder = Callable[[bytes], tuple[int, int] | None]
"""The first match in some bytes as a half-open span, ``None`` when there is none."""


def finder(kind: str, pattern: str, *, ignore_case: bool = False) -> Finder:
    """A matcher for searches over keys or values; ``kind`` is ``substring``, ``glob`` or ``regex``.

    A glob is matched against the whole key; without a slash it is matched against the last part. Letter case is
    ignored for ASCII only. Raises ``FilterError``.
    """
    if not pattern:
        raise FilterError("Nothing to search for.")
    if kind == "substring":
        return _bytes_finder(pattern.encode("utf-8", "surrogateescape"), ignore_case)
    if kind == "glob":
        folded = pattern.lower() if ignore_case else pattern
        glob = KeyGlob(folded if "/" in folded else "**/" + folded)
        return lambda data: (0, len(data)) if glob.matches(data.lower() if ignore_case else data) else None
    try:
        compiled = compile_pattern(pattern, ignore_case=ignore_case)
    except PatternError as problem:
        raise FilterError(str(problem)) from None
    return compiled.find


def _bytes_finder(needle: bytes, ignore_case: bool) -> Finder:
    wanted = needle.lower() if ignore_case else needle

    def find(data: bytes) -> tuple[int, int] | None:
        at = (data.lower() if ignore_case else data).find(wanted)
        return None if at < 0 else (at, at + len(wanted))

    return find


@record()
class KeyGlob:
    """A pattern over whole keys: ``*`` and ``?`` stay within one ``/`` part, ``**`` alone is any number of parts.

    ``/registry/**`` covers everything below ``/registry/``; ``**/token`` any key whose last part is ``token``. Where
    ``**`` is glued to other text, as in ``/app**``, every star of the pattern crosses slashes.
    """

    pattern: str
    parts: tuple[re.Pattern[bytes] | None, ...]
    whole: re.Pattern[bytes] | None

    def __init__(self, pattern: str) -> None:
        object.__setattr__(self, "pattern", pattern)
        data = pattern.encode("utf-8", "surrogateescape")
        parts = data.split(b"/")
        glued = any(b"**" in part and part != b"**" for part in parts)
        object.__setattr__(self, "whole", _stars(data) if glued else None)
        object.__setattr__(self, "parts", tuple(None if part == b"**" else _stars(part) for part in parts))

    def matches(self, key: bytes) -> bool:
        """Linear in the key for one ``**``, never worse than key parts times pattern parts."""
        if self.whole is not None:
            return self.whole.fullmatch(key) is not None
        names = key.split(b"/")
        at = wild = 0
        star = -1
        for_name = 0
        while for_name < len(names):
            inside = at < len(self.parts)
            part = self.parts[at] if inside else None
            if inside and part is None:
                star, wild = at, for_name
                at += 1
            elif part is not None and part.fullmatch(names[for_name]):
                at += 1
                for_name += 1
            elif star >= 0:
                wild += 1
                at, for_name = star + 1, wild
            else:
                return False
        return all(part is None for part in self.parts[at:])


def _stars(part: bytes) -> re.Pattern[bytes]:
    # Atomic groups keep the cost linear: with stars of one kind the earliest match is always good enough.
    pieces = [re.escape(piece).replace(rb"\?", b".") for piece in re.split(rb"\*+", part)]
    head, tail = pieces[0], pieces[1:]
    if not tail:
        return re.compile(head, re.DOTALL)
    middle = b"".join(b"(?>.*?" + piece + b")" for piece in tail[:-1] if piece)
    return re.compile(head + middle + b".*" + tail[-1], re.DOTALL)


def globs_below(pattern: str, prefix: str) -> tuple[str, ...]:
    """Patterns for names without ``prefix`` that match what ``pattern`` matches with it.

    Exact for a prefix that ends with ``/`` or is plain text in the pattern; of other overlaps nothing is known.
    """
    if pattern.startswith(prefix):
        return (pattern[len(prefix) :],)
    parts = pattern.split("/")
    if not prefix.endswith("/") or any("**" in part and part != "**" for part in parts):
        return ()
    places = _passed(parts, {0})
    for name in prefix[:-1].split("/"):
        stays = {at for at in places if at < len(parts) and parts[at] == "**"}
        matched = {at + 1 for at in places - stays if at < len(parts) and KeyGlob(parts[at]).matches(name.encode())}
        places = _passed(parts, stays | matched)
    return tuple("/".join(parts[at:]) for at in sorted(places) if at < len(parts))


def _passed(parts: list[str], places: set[int]) -> set[int]:
    """Where a pattern may go on, with ``**`` standing for no part at all too."""
    found = set(places)
    for at in sorted(places):
        while at < len(parts) and parts[at] == "**":
            at += 1
            found.add(at)
    return found
