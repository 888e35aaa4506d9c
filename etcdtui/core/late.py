"""The one way to import late: a package whose names are imported when they are first asked for.

::

    __getattr__ = late(__name__, {"KeyWriting": "key"})

What is named only in a type is imported under ``TYPE_CHECKING`` beside it, so that the checker knows the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def late(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's ``__getattr__``: each name of ``homes`` from the module of ``package`` that is said to define it."""

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return get
