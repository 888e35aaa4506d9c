"""Patterns of keys with variables, and names in words made from them.

``/service/{scope}/members/{name}`` has variables of one part between slashes, ``{rest...}`` is everything to the end. A
name in words has the same variables, with a filter where the key writes a thing otherwise: ``{zone|dns}`` turns parts
round, ``{block|cidr}`` makes ``10.0.0.0-26`` a network, ``{id|number}`` drops leading zeros.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from etcdtui.core.value import Value

_VARIABLE = re.compile(r"\{([a-z_]+)(\.\.\.)?\}")
_IN_WORDS = re.compile(r"\{([a-z_]+)(?:\|([a-z]+))?\}")


class PatternProblem(ValueError):
    """A pattern or a name cannot be used; the message says why."""


class KeyPattern(Value):
    """A compiled pattern."""

    regex: re.Pattern[str]
    variables: tuple[str, ...]
    match: str

    def find(self, key: str) -> Mapping[str, str] | None:
        """The variables of a key that has this shape."""
        found = self.regex.fullmatch(key)
        return found.groupdict() if found is not None else None

    def fill(self, parts: Sequence[str]) -> str | None:
        """The key with its variables filled by as many parts, ``None`` for another number of them."""
        if len(parts) != len(self.variables):
            return None
        left = iter(parts)
        return _VARIABLE.sub(lambda _: next(left), self.match)


def find(match: str, key: str) -> Mapping[str, str] | None:
    """The variables of a key of that shape; patterns of other keys are never compiled, which takes long for many."""
    return pattern(match).find(key) if key.startswith(lead(match)) else None


def lead(match: str) -> str:
    """The text that every key of the shape begins with."""
    return match.partition("{")[0]


@cache
def pattern(match: str) -> KeyPattern:
    """The compiled pattern, which ``check`` has nothing against."""
    out, end = "", 0
    for variable in _VARIABLE.finditer(match):
        out += re.escape(match[end : variable.start()])
        out += f"(?P<{variable[1]}>.+)" if variable[2] else f"(?P<{variable[1]}>[^/]+)"
        end = variable.end()
    regex = re.compile(out + re.escape(match[end:]), re.DOTALL)
    return KeyPattern(regex, tuple(v[1] for v in _VARIABLE.finditer(match)), match)


def check(match: str, name: str) -> None:
    """Raise ``PatternProblem`` for a pattern or a name that cannot be used."""
    variables = list(_VARIABLE.finditer(match))
    names = [variable[1] for variable in variables]
    if len(set(names)) != len(names):
        raise PatternProblem(f"{match} has a variable twice")
    if not lead(match):
        raise PatternProblem(f"{match} must begin with text that tells its keys from others")
    if any(variable[2] and match[variable.end() :] not in ("", "/") for variable in variables):
        raise PatternProblem(f"{match} has text behind a variable that takes everything to the end")
    for variable in _IN_WORDS.finditer(name):
        if variable[1] not in names:
            raise PatternProblem(f"name has {variable[0]}, which {match} has not")
        if variable[2] and variable[2] not in FILTERS:
            raise PatternProblem(f"name: there is no filter {variable[2]}, only {', '.join(sorted(FILTERS))}")


def in_words(name: str, found: Mapping[str, str]) -> str:
    """A name with its variables filled."""
    return _IN_WORDS.sub(lambda m: FILTERS[m[2] or ""](found[m[1]].rstrip("/")), name)


def _same(text: str) -> str:
    return text


def _dns(text: str) -> str:
    return ".".join(reversed([part for part in text.split("/") if part]))


def _cidr(text: str) -> str:
    """Of IPv6 too, whose colons are dashes in a key."""
    address, dash, bits = text.rpartition("-")
    return f"{address.replace('-', ':')}/{bits}" if dash and bits.isdigit() else text


def _number(text: str) -> str:
    return (text.lstrip("0") or "0") if text.isdigit() else text


FILTERS: Mapping[str, Callable[[str], str]] = {"": _same, "dns": _dns, "cidr": _cidr, "number": _number}
