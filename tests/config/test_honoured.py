"""Nothing that is read is ignored: every key of the file and every flag is used by the code it is for."""

from __future__ import annotations

import argparse
import ast
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

import etcdtui
from etcdtui import cli
from etcdtui.config.environ import NAMES, SETTINGS
from etcdtui.config.launch import Launch
from etcdtui.config.schema import (
    Auth,
    Common,
    Config,
    DecoderRule,
    Defaults,
    Environment,
    Kubernetes,
    Limits,
    Login,
    Mask,
    Metrics,
    Profile,
    Tls,
)

ROOT = Path(etcdtui.__file__).parent
READERS = (
    "schema",
    "convert",
    "load",
    "loader",
    "describe",
    "jsonschema",
    "report",
    "environ",
    "strict_yaml",
    "launch",
)
"""Modules of ``config`` that read, check the form of, or print what the file says: to be used there is no use."""
RECEIVERS: dict[type, frozenset[str]] = {
    Common: frozenset({"profile", "of"}),
    Profile: frozenset({"profile", "of", "settled"}),
    Defaults: frozenset({"defaults", "launch"}),
    Mask: frozenset({"mask"}),
    Tls: frozenset({"tls"}),
    Login: frozenset({"auth", "login"}),
    Auth: frozenset({"auth"}),
    Kubernetes: frozenset({"kubernetes", "one", "wanted"}),
    Limits: frozenset({"limits"}),
    Metrics: frozenset({"metrics"}),
    DecoderRule: frozenset({"rule"}),
    Environment: frozenset({"env"}),
    Config: frozenset({"config"}),
    Launch: frozenset({"launch"}),
}
"""What a value of the class is called where it is used."""
ELSEWHERE = {
    "Profile.insecure_transport": "Profile.is_tls tells it, together with the scheme of the endpoints",
    "Config.version": "any other than 1 is refused",
    "Config.include": "is followed while the file is read",
    "Login.prompt": "is a source of the password like the others: Login.sources, Login.asks",
    "Auth.prompt": "likewise",
}
"""Where the effect is inside of the reading itself."""


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@cache
def used() -> frozenset[tuple[str, str]]:
    """Every ``receiver.attribute`` that is read outside of the modules that only read and print."""
    found = set()
    for file in ROOT.rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if parts == ("cli",) or (parts[0] == "config" and parts[1] in READERS):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.add((_last_name(node.value), node.attr))
    return frozenset(found)


def keys() -> list[tuple[type, str]]:
    own = [(cls, f.name) for cls in RECEIVERS for f in fields(cls) if "kind" in f.metadata or cls is Launch]
    common = {f.name for f in fields(Common)}
    return [(cls, name) for cls, name in own if cls is Common or name not in common]


@pytest.mark.parametrize(("cls", "name"), keys(), ids=lambda value: getattr(value, "__name__", value))
def test_every_key_and_every_decision_of_the_command_line_is_used(cls: type, name: str) -> None:
    is_used = any((receiver, name) in used() for receiver in RECEIVERS[cls])
    assert is_used != (f"{cls.__name__}.{name}" in ELSEWHERE), f"{cls.__name__}.{name}"


def test_a_key_that_nobody_uses_would_be_found() -> None:
    assert ("profile", "colour_of_the_sky") not in used() and ("profile", "refresh") in used()
    assert ("settled", "refresh") not in used()


def _flags() -> list[str]:
    return [action.dest for action in cli._parser()._actions if not isinstance(action, argparse._HelpAction)]


def test_every_flag_is_asked_for() -> None:
    asked = {
        node.attr
        for node in ast.walk(ast.parse(Path(cli.__file__).read_text()))
        if isinstance(node, ast.Attribute) and _last_name(node.value) == "args"
    }
    settings = {name.replace("-", "_") for name in NAMES}
    assert set(_flags()) - asked - settings == {"version"}  # argparse answers it
    assert len(settings) == len(SETTINGS) + 3
