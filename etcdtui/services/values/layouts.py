"""Documents laid out for eyes, and put back: a layout changes spaces, line ends and nothing that a parser reads."""

from __future__ import annotations

from collections.abc import Callable

from etcdtui.core.decoding import json_style
from etcdtui.core.value import Value
from etcdtui.services.values import toml_style, yaml_style
from etcdtui.services.values.formats import kind_of
from etcdtui.services.values.yaml_values import parse_yaml


class Layout(Value):
    """``pretty`` lays a text out. ``restyle`` takes an edited text and the one it was laid out from, and gives it the
    layout of that one; ``None`` where only the laid out form can be kept. Both raise ``ValueError`` with a sentence."""

    kind: str
    pretty: Callable[[str], str]
    restyle: Callable[[str, str], str] | None = None


JSON = Layout("JSON", json_style.pretty, json_style.restyle)
YAML_LINE = Layout("YAML", yaml_style.pretty, yaml_style.restyle)
YAML = Layout("YAML", yaml_style.pretty)
TOML = Layout("TOML", toml_style.pretty)


def of(value: bytes) -> Layout:
    """How a value can be laid out; raises ``ValueError`` with a sentence where it cannot."""
    kind = kind_of(value)
    if kind in ("JSON", "JSON string"):
        return JSON
    if kind == "TOML":
        return TOML
    if kind == "YAML" or _is_yaml(value):
        return YAML_LINE if yaml_style.can_restyle(value.decode()) else YAML
    raise ValueError(f"Only JSON, YAML and TOML can be formatted; this is {kind}.")


def _is_yaml(value: bytes) -> bool:
    """Whether braces on one line are YAML: nothing on one line is called so unless it is asked for."""
    try:
        text = value.decode()
        return yaml_style.is_flow(text) and isinstance(parse_yaml(text), dict | list)
    except ValueError:
        return False
