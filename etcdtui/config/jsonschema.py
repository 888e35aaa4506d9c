"""Makes a JSON schema of the configuration from the dataclasses, for editors that complete and check YAML."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

from etcdtui.config.schema import COLORS, Config, Environment, Kind, Profile

TEXT: dict[str, object] = {"type": "string"}
TEXTS: dict[str, object] = {"type": "array", "items": TEXT}
SCALAR: dict[str, object] = {"type": ["string", "number", "boolean"]}
SHAPES: dict[Kind, dict[str, object]] = {
    Kind.TEXT: SCALAR,
    Kind.NAME: SCALAR,
    Kind.BOOL: {"type": "boolean"},
    Kind.SWITCH: {"enum": ["on", "off", True, False]},
    Kind.COUNT: {"type": "integer", "minimum": 0},
    Kind.DURATION: {"type": ["string", "integer"], "pattern": "^(0|([0-9.]+(ns|us|µs|ms|s|m|h))+)$"},
    Kind.SIZE: {"type": ["string", "integer", "null"], "pattern": "^[0-9.]+ ?([KkMmGg]?[Ii]?[Bb]?)$"},
    Kind.COLOR: {"anyOf": [{"enum": list(COLORS)}, {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"}]},
    Kind.PATH: TEXT,
    Kind.SECRET: SCALAR,
    Kind.TEXTS: {"anyOf": [TEXTS, TEXT]},
    Kind.ENDPOINTS: {"anyOf": [TEXTS, TEXT]},
    Kind.AUTO_TEXTS: {"anyOf": [{"const": "auto"}, TEXTS]},
    Kind.COMMAND: {**TEXTS, "minItems": 1},
    Kind.MAP: {"type": "object", "additionalProperties": SCALAR},
}


def config_schema() -> dict[str, object]:
    """The schema as plain data, ready for ``json.dumps``."""
    root = _section(Config)
    properties = root["properties"]
    assert isinstance(properties, dict)
    named = {"environments": (Environment, "Environments by name."), "profiles": (Profile, "Profiles by name.")}
    for name, (cls, doc) in named.items():
        properties[name] = {"description": doc, "type": "object", "additionalProperties": _section(cls)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "etcdtui configuration", **root}


def _section(cls: type) -> dict[str, object]:
    properties = {item.name: _property(item) for item in fields(cls) if "kind" in item.metadata}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(item: Field[Any]) -> dict[str, object]:
    kind, choices = item.metadata["kind"], item.metadata["choices"]
    described: dict[str, object] = {"description": item.metadata["doc"]}
    if kind is Kind.SECTION:
        return described | _section(item.metadata["section"])
    if kind is Kind.SECTIONS:
        return described | {"type": "array", "items": _section(item.metadata["section"])}
    if kind is Kind.CHOICES:
        return described | {"type": "array", "items": {"enum": list(choices)}}
    if kind is Kind.CHOICE:
        return described | {"enum": [*choices, *([False] if "false" in choices else [])]}
    return described | SHAPES[kind]
