"""Frozen value classes that cost next to nothing to define.

``dataclass(frozen=True)`` writes and compiles six methods for each class, half a millisecond and more; those of the
settings alone took a tenth of the time to the first paint. Here all classes share the methods. The functions of
``dataclasses`` (``fields``, ``replace``, ``asdict``) work on them.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field
from typing import ClassVar, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value:
    """A subclass lists its fields as a dataclass does; it is made by position or name, compared and hashed by them."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(init=False, repr=False, eq=False)(cls)

    def __init__(self, *args: object, **given: object) -> None:
        name, names = type(self).__name__, self.__dataclass_fields__
        if len(args) > len(names):
            raise TypeError(f"{name} has {len(names)} fields, {len(args)} values were given")
        values = dict(zip(names, args, strict=False))
        if twice := values.keys() & given.keys():
            raise TypeError(f"{name}: given twice: {', '.join(sorted(twice))}")
        if unknown := given.keys() - names.keys():
            raise TypeError(f"{name} has no field {', '.join(sorted(unknown))}")
        values |= given
        own = self.__dict__
        for one, spec in names.items():
            if one in values:
                own[one] = values[one]
            elif spec.default is not MISSING:
                own[one] = spec.default
            elif spec.default_factory is not MISSING:
                own[one] = spec.default_factory()
            else:
                raise TypeError(f"{name} needs {one}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"
