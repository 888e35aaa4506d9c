"""A value that must not be seen by accident."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NoReturn

_HIDDEN = {"ETCDCTL_USER", "ETCDCTL_PASSWORD", "ETCDCTL_AUTH_JWT_TOKEN"}


def hide_from_children(variable: str) -> None:
    """A variable that holds a password: no program that is started from here inherits it."""
    _HIDDEN.add(variable)


def child_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for editors, commands and tunnels: without the variables that hold passwords or tokens."""
    return {name: value for name, value in environ.items() if name not in _HIDDEN}


class Secret:
    """Holds a secret text; ``repr``, ``str`` and formatting are blind, only ``reveal`` gives it out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(********)"

    def __str__(self) -> str:
        return "********"

    def __format__(self, spec: str) -> str:
        return format("********", spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac  # it loads OpenSSL, and comparing is rare

        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
