"""Values and records behave as dataclasses do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, field, fields, replace

import pytest

from etcdtui.core.value import Value, record


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


@record()
class Span:
    """A frozen one with slots."""

    low: int
    high: int = 9
    names: list[str] = field(default_factory=list, compare=False)
    size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.high - self.low)


@record(frozen=False)
class Count:
    """One that can be changed."""

    number: int = 0
    hidden: str = field(default="", repr=False)


@record(frozen=False, eq=False)
class Thing:
    """One that is only equal to itself."""

    name: str


def test_a_record_is_made_compared_and_shown_as_a_dataclass() -> None:
    span = Span(1)
    assert (span.low, span.high, span.names, span.size) == (1, 9, [], 8)
    assert span == Span(1, names=["else"]) != Span(1, 8)
    assert len({Span(1), Span(1, 9), Span(2)}) == 2
    assert repr(span) == "Span(low=1, high=9, names=[])"
    assert repr(Count(1, "secret")) == "Count(number=1)"
    assert span.names is not Span(1).names
    assert [f.name for f in fields(Span)] == ["low", "high", "names", "size"]
    assert replace(span, high=3).size == 2
    assert copy.deepcopy(span) == pickle.loads(pickle.dumps(span)) == span
    assert Thing("a") != Thing("a")
    assert len({Thing("a"), Thing("a")}) == 2


@pytest.mark.parametrize(("args", "given"), [((), {}), ((1, 2, [], 4), {}), ((1,), {"low": 2}), ((1,), {"z": 2})])
def test_wrong_fields_of_a_record_are_refused(args: tuple[object, ...], given: dict[str, object]) -> None:
    make: type = Span
    with pytest.raises(TypeError):
        make(*args, **given)


def test_what_may_change_of_a_record() -> None:
    count = Count()
    count.number += 1
    assert count == Count(1)
    with pytest.raises(TypeError):
        hash(count)
    with pytest.raises(AttributeError):
        setattr(count, "other", 1)  # noqa: B010 - it has slots
    with pytest.raises(FrozenInstanceError):
        setattr(Span(1), "low", 2)  # noqa: B010 - the type checker knows that it is frozen
    with pytest.raises(FrozenInstanceError):
        delattr(Span(1), "low")
