"""Values behave as frozen dataclasses do."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, field, fields, replace

import pytest

from etcdtui.core.value import Value


class Point(Value):
    """Two coordinates."""

    x: int
    y: int = 2
    names: tuple[str, ...] = field(default_factory=tuple)


class Named(Point):
    """Adds a field."""

    name: str = ""


def test_made_by_position_or_name_with_defaults() -> None:
    assert Point(1) == Point(x=1, y=2, names=()) != Point(1, 3)
    assert Named(1, name="a").name == "a"
    assert Point(1) != Named(1)
    assert repr(Point(1, 3)) == "Point(x=1, y=3, names=())"
    assert len({Point(1), Point(1, 2), Point(2)}) == 2


@pytest.mark.parametrize(("args", "given"), [((), {}), ((1, 2, (), 4), {}), ((1,), {"x": 2}), ((1,), {"z": 2})])
def test_wrong_fields_are_refused(args: tuple[object, ...], given: dict[str, object]) -> None:
    make: type = Point
    with pytest.raises(TypeError):
        make(*args, **given)


def test_nothing_can_be_changed() -> None:
    point = Point(1)
    with pytest.raises(FrozenInstanceError):
        setattr(point, "x", 2)  # noqa: B010 - the type checker knows that it is frozen
    with pytest.raises(FrozenInstanceError):
        delattr(point, "x")


def test_the_functions_of_dataclasses_work() -> None:
    assert [f.name for f in fields(Named)] == ["x", "y", "names", "name"]
    assert replace(Named(1), name="b") == Named(1, 2, (), "b")
    assert asdict(Point(1)) == {"x": 1, "y": 2, "names": ()}
