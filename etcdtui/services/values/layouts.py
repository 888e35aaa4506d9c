"""Documents laid out for eyes, and put back: a layout changes spaces, line ends and nothing that a parser reads."""

from __future__ import annotations

from collections.abc import Callable

from etcdtui.core.decoding import json_style
from etcdtui.core.value import Value
from etcdtui.services.values.formats import kind_of


class Layout(Value):
    """``pretty`` lays a text out. ``restyle`` takes an edited text and the one it was laid out from, and gives it the
    layout of that one; ``None`` where only the laid out form can be kept. Both raise ``ValueError`` with a sentence."""

    kind: str
    pretty: Callable[[str], str]
    restyle: Callable[[str, str], str] | None = None


JSON = Layout("JSON", json_style.pretty, json_style.restyle)


def of(value: bytes) -> Layout:
    """How a value can be laid out; raises ``ValueError`` with a sentence where it cannot."""
    kind = kind_of(value)
    if kind in ("JSON", "JSON string"):
        return JSON
    raise ValueError(f"Only JSON, YAML and TOML can be formatted; this is {kind}.")
