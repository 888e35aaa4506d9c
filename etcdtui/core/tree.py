"""A parsed document (JSON, YAML, TOML) as plain values, with number text kept exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

Tree = Union[None, bool, int, float, str, "Number", Sequence["Tree"], Mapping[str, "Tree"]]
Path = tuple[str | int, ...]
"""Steps from the root: member names and list indexes."""


class Number(str):
    """A number as it is written, so that ``1.10`` is not ``1.1`` and no digit is lost."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)


def format_path(path: Path) -> str:
    """``pool.max``, ``hosts[0].name``, ``labels["a.b"]``; foreign text, to be made safe before it is shown."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        elif step and all(char.isalnum() or char in "_-" for char in step):
            out += f".{step}" if out else step
        else:
            quoted = step.replace("\\", "\\\\").replace('"', '\\"')
            out += f'["{quoted}"]'
    return out
