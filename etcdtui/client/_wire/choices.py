"""Where an enum is taken, its name as text and its number are taken too; anything else is a mistake."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import TypeVar

from etcdtui.core.errors import BadArgument

Choice = TypeVar("Choice", bound=Enum)


def choice(
    kind: type[Choice],
    value: Choice | int | str,
    what: str,
    *,
    aliases: Mapping[str, str] | None = None,
    without: Collection[Choice] = (),
) -> Choice:
    """The member of ``kind`` that ``value`` is or names, in any case; ``aliases`` are other names, in lower case.

    ``BadArgument``, also a ``ValueError``, lists what may be given: servers up to 3.5 crash of enums they do not know.
    """
    found: Choice | None = None
    if isinstance(value, kind):
        found = value
    elif isinstance(value, str):
        name = (aliases or {}).get(value.lower(), value.upper())
        found = kind.__members__.get(name)
    elif isinstance(value, int) and not isinstance(value, bool):
        found = next((member for member in kind if member.value == value), None)
    if found is None or found in without:
        names = [member.name for member in kind if member not in without]
        raise BadArgument(f"{what} must be {', '.join(names[:-1])} or {names[-1]}, not {value!r}")
    return found
