"""The one way to import late: a package whose modules and names are imported when they are first asked for.

::

    __getattr__ = late(__name__, {"describe": "describe", "KeyWriting": "key"})

says that ``describe`` is a module of the package, and ``KeyWriting`` a name in its module ``key``. Only what a start
must not wait for is imported so. A package names nothing but its own modules, so that who may import what is seen from
the imports of packages; whoever needs the class for a type imports it under ``TYPE_CHECKING``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def late(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``: each name of ``homes`` from the module that is said to hold it."""

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{homes[name]}")
        return module if homes[name] == name else getattr(module, name)

    return get
