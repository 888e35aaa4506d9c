"""Value classes that cost next to nothing to define.

``dataclass(frozen=True)`` writes and compiles six methods for each class, half a millisecond and more; those of the
settings alone took a tenth of the time to the first paint. Here all classes share the methods. The functions of
``dataclasses`` (``fields``, ``replace``, ``asdict``) work on them.

``Value`` is for what there is one of, ``record`` for what there are many of: it has slots, and compiles its
constructor, which takes half the time of a frozen dataclass's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field
from typing import ClassVar, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


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


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(*, frozen: bool = True, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """``dataclass(slots=True)`` for a sixth; ``eq=False`` keeps identity, ``frozen=False`` can be changed.

    Not for what is inherited from, and without ``ClassVar`` or defaults of fields that are not given.
    """

    def define(cls: type[T]) -> type[T]:
        own = set(cls.__dict__)
        made = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
        shared: dict[str, object] = {"__repr__": _repr, "__reduce__": _reduce}
        if eq:
            shared |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
        if frozen:
            shared |= {"__setattr__": _refuse_set, "__delattr__": _refuse_delete}
        for name, method in shared.items():
            if name not in own:
                setattr(made, name, method)
        if "__init__" not in own:
            setattr(made, "__init__", _constructor(made))  # noqa: B010 - a type checker wants none to be replaced
        return made

    return define


_UNSET = object()


def _constructor(cls: type) -> Callable[..., None]:
    """Sets the slots themselves, which is not refused and is faster than ``object.__setattr__``."""
    names: dict[str, object] = {"_UNSET": _UNSET}
    heads, lines = [], []
    for name, spec in _fields(cls).items():
        if not spec.init:
            continue
        names[f"_set_{name}"] = getattr(cls, name).__set__
        value = name
        if spec.default is not MISSING:
            names[f"_default_{name}"] = spec.default
            heads.append(f"{name}=_default_{name}")
        elif spec.default_factory is not MISSING:
            names[f"_make_{name}"] = spec.default_factory
            heads.append(f"{name}=_UNSET")
            value = f"_make_{name}() if {name} is _UNSET else {name}"
        else:
            heads.append(name)
        lines.append(f" _set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    made: dict[str, Callable[..., None]] = {}
    # What is run has the class's own field names in it and nothing else, as in dataclasses.
    exec(f"def __init__({', '.join(['self', *heads])}):\n" + "\n".join(lines or [" pass"]), names, made)  # noqa: S102
    return made["__init__"]


def _fields(cls: type) -> dict[str, Field[object]]:
    fields: dict[str, Field[object]] = cls.__dict__["__dataclass_fields__"]
    return fields


def _compared(one: object) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name, spec in _fields(type(one)).items() if spec.compare)


def _eq(self: object, other: object) -> bool:
    return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented


def _hash(self: object) -> int:
    return hash(_compared(self))


def _repr(self: object) -> str:
    shown = (name for name, spec in _fields(type(self)).items() if spec.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _reduce(self: object) -> tuple[object, ...]:
    return type(self), tuple(getattr(self, name) for name, spec in _fields(type(self)).items() if spec.init)


def _refuse_set(self: object, name: str, value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")
